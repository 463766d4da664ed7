"""What every admin of a book's rows shares: one book at a time, by role, and nothing of a book that is not yours.

The list shows the book in hand. A row of another of the person's books opens all the same and takes its book in hand;
a row that is not his answers 404. Forms carry their own book (`_book`), so that a second tab in another book can never
post into the wrong one; a link to a list may name its book the same way (?_book=slug).
"""

import copy
from decimal import Decimal

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.forms import ModelForm
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeData, mark_safe

from shop import access
from shop.models import Book
from shop.money import rupees
from shop.questions import Unanswered
from shop.rows import save

BOOK_FIELD = "_book"


class BookForm(ModelForm):
    """A form of a book's row: `self.book` is its book, `self.user` the editor.

    The first try to save may be refused by a service (a closed day, a taken place); the form is then shown again with
    that refusal in `self.refusal` as an error.
    """

    book = user = refusal = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    def _post_clean(self):
        if self._meta.model is not Book and self.instance.book_id is None:
            self.instance.book = self.book
        super()._post_clean()
        if self.refusal is not None:
            self._refuse(self.refusal)

    @property
    def accepted(self):
        """The keys of the questions that were answered with yes (shop.questions)."""
        return self.data.get("_accept", "").split()

    @property
    def questions(self):
        """What wants a yes before the form is saved: (Question, …)."""
        return self.refusal.questions if isinstance(self.refusal, Unanswered) else ()

    def _refuse(self, refusal):
        """Put a service's ValidationError at its fields, and on top of the form where it names none of them."""
        for name, faults in (getattr(refusal, "error_dict", None) or {None: refusal.error_list}).items():
            self.add_error(name if name in self.fields else None, faults)

    def _get_validation_exclusions(self):
        """The book is set by us, never typed, and still counts in the constraints (one account name per book)."""
        return super()._get_validation_exclusions() - {"book"}


class VisibleRelatedFilter(admin.RelatedFieldListFilter):
    """A list filter over a related row that offers only what the person may see in the book in hand."""

    def field_choices(self, field, request, model_admin):
        rows = visible_choices(field.remote_field.model, request, model_admin.book_of(request))
        return [(row.pk, str(row)) for row in rows]


def visible_choices(model, request, book):
    """The rows of `model` that may be chosen in `book`; people are those who work in it."""
    if book is None:
        return model._default_manager.none()
    if model is get_user_model():
        return model._default_manager.filter(book_members__book=book).distinct()
    return access.visible(model, request.user, book)


class BookAdmin(admin.ModelAdmin):
    """ModelAdmin of a model that access knows. Subclasses say who may do what, and may save through a service.

    `may_see`, `may_add`, `may_change`, `may_delete`: actions of shop.access, one of which the role must allow;
    empty means nobody. `save_row(request, row, form, change)` saves; a ValidationError it raises (also from a signal)
    shows at the form, and nothing is stored.
    """

    form = BookForm
    may_see = (access.READ,)
    may_add = may_change = (access.MANAGE,)
    may_delete = ()
    show_full_result_count = False
    list_per_page = 50
    save_on_top = False
    actions_on_top = True

    # -------------------------------------------------------------------------------------------- which book

    def book_of(self, request, row=None):
        """The book a request is about: the row's own, the one its form carries, else the one in hand."""
        if row is not None and row.pk:
            return access.book_of(row)
        slug = request.POST.get(BOOK_FIELD)
        if slug:
            if not hasattr(request, "_form_book"):
                request._form_book = access.get_visible(Book, request.user, slug=slug)
            return request._form_book
        return request.book

    def get_queryset(self, request):
        return access.visible(super().get_queryset(request), request.user, self.book_of(request))

    def get_object(self, request, object_id, from_field=None):
        """The row among all that the person may see; its book comes in hand. Http404 where there is none."""
        field = self.opts.pk if from_field is None else self.opts.get_field(from_field)
        try:
            value = field.to_python(object_id)
        except ValidationError:
            raise Http404("There is no such page here.") from None
        everywhere = super().get_queryset(request)
        row = access.get_visible(everywhere, request.user, **{field.name: value})
        book = access.book_of(row)
        if request.book != book:
            access.choose_book(request, book)
        return row

    # -------------------------------------------------------------------------------------------- who may

    def _may(self, request, actions, row=None):
        book = self.book_of(request, row)
        return book is not None and any(access.may(request.user, book, action) for action in actions)

    def has_module_permission(self, request):
        return self._may(request, self.may_see)

    def has_view_permission(self, request, obj=None):
        return self._may(request, self.may_see, obj)

    def has_add_permission(self, request):
        return self._may(request, self.may_add)

    def has_change_permission(self, request, obj=None):
        return self._may(request, self.may_change, obj)

    def has_delete_permission(self, request, obj=None):
        return self._may(request, self.may_delete, obj)

    def get_deleted_objects(self, objs, request):
        """What goes along; permissions of other models do not count here, the role in the book does."""
        shown, counts, _, protected = super().get_deleted_objects(objs, request)
        return shown, counts, set(), protected

    # -------------------------------------------------------------------------------------------- what may be chosen

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        form.book, form.user = self.book_of(request, obj), request.user
        form.refusal = getattr(request, "_refusal", None)
        return form

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        self._scope(db_field, request, kwargs)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field, request, **kwargs):
        self._scope(db_field, request, kwargs)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _scope(self, db_field, request, kwargs):
        if "queryset" not in kwargs:
            book = getattr(request, "_row_book", None) or self.book_of(request)
            kwargs["queryset"] = visible_choices(db_field.remote_field.model, request, book)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Without the admin's pencils and pluses beside a choice: masters have their own pages."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = copy.copy(field.widget.widget)
        return field

    def get_list_filter(self, request):
        return [self._visible_filter(name) for name in super().get_list_filter(request)]

    def _visible_filter(self, name):
        if not isinstance(name, str) or "__" in name:
            return name
        relation = isinstance(self.opts.get_field(name), models.ForeignKey)
        return (name, VisibleRelatedFilter) if relation else name

    def lookup_allowed(self, lookup, value, request=None):
        """Only this table's own columns and what a filter offers: a query string never asks into another table."""
        first, _, rest = lookup.partition("__")
        own = {field.name for field in self.opts.concrete_fields if not field.is_relation}
        return (first in own and "__" not in rest) or super().lookup_allowed(lookup, value, request)

    # -------------------------------------------------------------------------------------------- pages

    def _take_named_book(self, request):
        """A link that names its book (?_book=slug) takes it in hand and leads on to the page itself."""
        if BOOK_FIELD not in request.GET:
            return None
        access.choose_book(request, access.get_visible(Book, request.user, slug=request.GET[BOOK_FIELD]))
        rest = request.GET.copy()
        del rest[BOOK_FIELD]
        return HttpResponseRedirect(f"{request.path}?{rest.urlencode()}")

    def changelist_view(self, request, extra_context=None):
        if elsewhere := self._take_named_book(request):
            return elsewhere
        return super().changelist_view(request, extra_context)

    @admin.display(description=mark_safe('<input type="checkbox" id="action-toggle">'))
    def action_checkbox(self, obj):
        """Django's tick, without a template to render for each row: three tenths of the time of a list."""
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">',
            ACTION_CHECKBOX_NAME,
            obj.pk,
            f"Select {obj}",
        )

    def response_action(self, request, queryset):
        try:
            for ticked in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(ticked)
            return super().response_action(request, queryset)
        except ValidationError as refusal:
            self.message_user(request, " ".join(refusal.messages), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        if elsewhere := self._take_named_book(request):
            return elsewhere
        row = self.get_object(request, unquote(object_id)) if object_id else None
        request._row_book = self.book_of(request, row)
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ValidationError as refusal:  # everything is rolled back; the form is shown again with the reason
            request._refusal = refusal
            return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(self, request, context, *args, **kwargs):
        context["book"] = request._row_book
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request, obj, form, change):
        self.save_row(request, obj, form, change)

    def save_row(self, request, row, form, change):
        """Save the form's row with its history. Override to go through a service."""
        save(row, request.user)

    def delete_view(self, request, object_id, extra_context=None):
        try:
            return super().delete_view(request, object_id, extra_context)
        except ValidationError as refusal:
            self.message_user(request, " ".join(refusal.messages), messages.ERROR)
            return HttpResponseRedirect("../change/")

    def message_user(self, request, message, level=messages.INFO, *args, **kwargs):
        """Messages say what happened; that it went well needs no adverb."""
        plainer = str(message).replace(" successfully", "")
        super().message_user(
            request, mark_safe(plainer) if isinstance(message, SafeData) else plainer, level, *args, **kwargs
        )

    def history_view(self, request, object_id, extra_context=None):
        """Who changed what and when, newest first, before and after."""
        row = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {row}",
            "object": row,
            "opts": self.opts,
            "steps": history_steps(row),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/object_history.html", context)


_WHAT = {"+": "Made", "~": "Changed", "-": "Deleted"}
_UNTOLD = {"version", "book"}


def history_steps(row, limit=100):
    """The newest `limit` changes of a row as [{when, who, what, changes: [(field, before, after)]}], newest first."""
    kept = list(row.history.select_related("history_user").order_by("-history_date", "-history_id")[: limit + 1])
    steps = []
    for position, record in enumerate(kept[:limit]):
        before = kept[position + 1] if position + 1 < len(kept) else None
        if before is not None:
            told = record.diff_against(before, foreign_keys_are_objs=True).changes
            changes = [(change.field, change.old, change.new) for change in told if change.field not in _UNTOLD]
        elif record.history_type == "+":
            changes = [(name, None, getattr(record, name)) for name in _typed_fields(row)]
            changes = [change for change in changes if change[2] not in (None, "")]
        else:
            changes = []
        steps.append(
            {
                "when": record.history_date,
                "who": record.history_user or "Lendbook",
                "what": record.history_change_reason or _WHAT[record.history_type],
                "changes": [
                    (_word(row, name), _readable(row, name, old), _readable(row, name, new))
                    for name, old, new in changes
                ],
            }
        )
    return steps


def _typed_fields(row):
    return [field.name for field in row._meta.concrete_fields if field.editable and field.name not in _UNTOLD | {"id"}]


def _word(row, name):
    return row._meta.get_field(name).verbose_name.capitalize()


def _readable(row, name, value):
    """A kept value as people read it: amounts grouped, choices by their word, yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return rupees(value)
    choices = row._meta.get_field(name).flatchoices
    return dict(choices).get(value, value) if choices else value
