"""Entries and transfers in the admin: typed fast, posted once, corrected and taken back through services only."""

from collections import Counter

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F
from django.forms import Script
from django.http import Http404, HttpResponseRedirect, JsonResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_GET, require_POST

from ledger import origins, services, shortfall
from ledger.access import may_correct
from ledger.admin.forms import (
    EntryForm,
    EntrySelectionForm,
    PostedAlready,
    ReversalForm,
    SelectionForm,
    TransferForm,
)
from ledger.admin.lists import MovementList, SelectionPaginator
from ledger.exports import export_response
from ledger.models import Account, AccountTransfer, Category, LedgerEntry
from ledger.services import adjusting
from shop import access
from shop.admin.base import BookAdmin
from shop.downloads import XLSX_ROWS
from shop.money import rupees
from shop.templatetags import rupees as signs

AT_ONCE = 1000  # rows that one action takes; each is locked, saved with its history and checked against the close
TYPED_SHOWN = 5


class MovementAdmin(BookAdmin):
    """What the admins of entries and transfers share."""

    may_see = (access.READ, access.POST)
    may_add = may_change = (access.POST,)
    change_list_template = "admin/ledger/movement_list.html"
    change_form_template = "admin/ledger/movement_form.html"
    list_per_page = 100
    empty_value_display = ""
    sortable_by = ("day", "rupees")
    actions = ("bin_selected", "restore_selected", "reverse_selected")
    selection_class = SelectionForm
    remembered = ()

    class Media:
        js = (Script("movement.js", defer=True),)

    # -------------------------------------------------------------------------------------------- the list

    def get_changelist(self, request, **kwargs):
        return MovementList

    def selection_form(self, request):
        book = self.book_of(request)
        return book and self.selection_class(request.GET, book=book, user=request.user)

    def get_paginator(self, request, queryset, per_page, orphans=0, allow_empty_first_page=True):
        return SelectionPaginator(queryset, per_page, count=getattr(request, "_row_count", 0))

    def lookup_allowed(self, lookup, value, request=None):
        """The form above the list asks; nothing else of the address reaches the database."""
        return False

    @admin.display(description="Date", ordering="date")
    def day(self, row):
        return f"{row.date:%d-%m-%Y}"

    @admin.display(description="Narration")
    def text(self, row):
        return format_html('{} <span class="quiet">{}</span>{}', row.narration, row.reference, self._chips(row))

    @staticmethod
    def _chips(row):
        words = []
        if row.deleted_at:
            words.append("Binned")
        if row.reversed_at:
            words.append("Reversed")
        if row.reversal_of_id:
            words.append("Reversal")
        if row.adjusts_date:
            words.append(f"Adjusts {row.adjusts_date:%d-%m-%Y}")
        return format_html_join("", ' <span class="chip">{}</span>', ([word] for word in words))

    @admin.display(description="By", empty_value="")
    def typed_by(self, row):
        return row.created_by and row.created_by.get_username()

    # -------------------------------------------------------------------------------------------- who may

    def why_fixed(self, request, row):
        """Why the row cannot be edited as it stands, as a sentence with the way out; "" where it can."""
        if row.deleted_at:
            return "This is in the bin. Take it out to edit it."
        if (row.reversed_at or row.reversal_of_id) and adjusting.correction_of(row.reversal_of or row):
            return "This was corrected: change what stands in its place, or put that into the bin first."
        if row.reversed_at:
            return "This was reversed. Put the reversal into the bin to make it stand again."
        if row.reversal_of_id:
            return "This is a reversal. Put it into the bin to undo it."
        if not origins.origin_of(row).corrected_here:
            return f"{origins.origin_of(row).name}: correct it where it was made."
        if not may_correct(request.user, row):
            return "Your role lets you read this; staff or the owner can change it."
        return ""

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and (obj is None or not self.why_fixed(request, obj))

    def may_take_back(self, request, row):
        """Whether the user may bin, restore or reverse the row here."""
        made = origins.origin_of(row.reversal_of or row)
        return may_correct(request.user, row) and made.corrected_here

    # -------------------------------------------------------------------------------------------- typing

    def get_changeform_initial_data(self, request):
        """What the address asks for, else what this person typed last in this book."""
        asked = {name: value for name, value in request.GET.items() if name in self.form.Meta.fields}
        book = self.book_of(request)
        last = request.session.get(self._session_key(), {}).get(str(book.pk), {})
        return {"date": book.today(), **last.get("values", {}), **asked}

    def save_form(self, request, form, change):
        """Through the service; the row that now stands. What it refuses comes back into the form (BookAdmin)."""
        values = form.values()
        how = {
            "user": request.user,
            "adjust": form.answered("_adjust"),
            "allow_future": form.answered("_allow_future"),
        }
        with shortfall.watched(form.book, user=request.user, accepted=form.accepted):
            if change:
                return services.edit(form.instance, version=form.cleaned_data["version"], **how, **values)
            row = self._post_once(form, values, how)
        self._remember(request, row, form)
        return row

    def _post_once(self, form, values, how):
        """Post what the form's token has not posted yet; the same again returns what stands, anything else is told."""
        source_ref = f"{form.user.pk}:{form.cleaned_data['token'].hex}"
        earlier = self.model.objects.filter(book=form.book, source="staff", source_ref=source_ref).first()
        if earlier is None:
            return self.post(book=form.book, source="staff", source_ref=source_ref, **how, **values)
        if earlier.deleted_at is None and services.says(earlier, values):
            return earlier
        where = ", now in the bin" if earlier.deleted_at else ""
        raise PostedAlready(
            f"This form has posted {earlier} already{where}. Save again to post what stands here as another one.",
            code="posted",
        )

    def _session_key(self):
        return f"typed-{self.opts.model_name}"

    def _remember(self, request, row, form):
        kept = request.session.get(self._session_key(), {})
        rows = kept.get(str(row.book_id), {}).get("rows", [])
        values = {name: form.data.get(name, "") for name in self.remembered}
        rows = [row.pk, *(pk for pk in rows if pk != row.pk)][:TYPED_SHOWN]
        request.session[self._session_key()] = {**kept, str(row.book_id): {"values": values, "rows": rows}}

    def save_model(self, request, obj, form, change):
        """save_form has done it."""

    def save_related(self, request, form, formsets, change):
        """There is nothing related."""

    def log_addition(self, request, obj, message):
        """The history keeps who, when, before and after; a second log would only differ from it."""

    log_change = log_addition

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        typed = request.session.get(self._session_key(), {}).get(str(request._row_book.pk), {}).get("rows", [])
        rows = access.visible(self.model, request.user, request._row_book).filter(pk__in=typed).order_by("-pk")
        context |= {
            "just_typed": rows.select_related(*self.list_select_related) if add else (),
            "fixed": "" if add else self.why_fixed(request, obj),
            "take_back": obj is not None and self.may_take_back(request, obj),
            "origin": obj and origins.origin_of(obj),
            "origin_address": obj and self._origin_address(obj),
            "reversal": obj and obj.reversals.filter(deleted_at=None).first(),
            "halves": obj and self._halves(obj),
            "reversal_form": ReversalForm(label_suffix=""),
            "show_save_and_continue": False,
        }
        return super().render_change_form(request, context, add, change, form_url, obj)

    @staticmethod
    def _origin_address(row):
        address = origins.origin_of(row).address
        return address and address(row)

    def _halves(self, row):
        """Of a correction of a closed day, whichever of its three rows is looked at: what was, its reversal (`back`),
        and what stands in its place (`now`). None for a row that is none of them."""
        of = row.reversal_of if row.reversal_of_id else row
        now = of.corrections.filter(deleted_at=None).first() or (of if of.corrects_id else None)
        back = now and adjusting.other_half(now)
        if not back:
            return None
        words = {"was_words": self.in_words(now.corrects), "now_words": self.in_words(now)}
        return {"was": now.corrects, "back": back, "now": now, **words}

    def response_add(self, request, obj, post_url_continue=None):
        self._tell(request, "Posted", obj)
        if "_addanother" in request.POST:
            return HttpResponseRedirect(reverse(self._name("add")))
        return self.response_post_save_add(request, obj)

    def response_change(self, request, obj):
        self._tell(request, "Saved", obj)
        return self.response_post_save_change(request, obj)

    def _tell(self, request, what, row):
        adjusts = f", adjusting {row.adjusts_date:%d-%m-%Y}" if row.adjusts_date else ""
        text = format_html('{} <a href="{}">{}</a>{}.', what, self._address(row), self.in_words(row), adjusts)
        back = adjusting.other_half(row)
        if back is not None:
            was = format_html('<a href="{}">{}</a>', self._address(row.corrects), self.in_words(row.corrects))
            text = format_html("{} It takes the place of {}, taken back on {}.", text, was, f"{back.date:%d-%m-%Y}")
        self.message_user(request, text, messages.SUCCESS)

    # -------------------------------------------------------------------------------------------- taking back

    def get_urls(self):
        def at(route, page, view):
            return path(route, self.admin_site.admin_view(view), name=self._bare(page))

        return [
            at("export/<str:kind>/", "export", require_GET(self.export_view)),
            at("<int:pk>/bin/", "bin", require_POST(self.bin_view)),
            at("<int:pk>/restore/", "restore", require_POST(self.restore_view)),
            at("<int:pk>/reverse/", "reverse", require_POST(self.reverse_view)),
            *super().get_urls(),
        ]

    def _bare(self, page):
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def _name(self, page):
        return f"admin:{self._bare(page)}"

    def _address(self, row, page="change"):
        return reverse(self._name(page), args=[row.pk])

    def bin_view(self, request, pk):
        return self._take_back(request, pk, services.delete, "Put into the bin:")

    def restore_view(self, request, pk):
        return self._take_back(request, pk, services.restore, "Taken out of the bin:")

    def reverse_view(self, request, pk):
        form = ReversalForm(request.POST)
        if not form.is_valid():
            faults = " ".join(fault for faults in form.errors.values() for fault in faults)
            self.message_user(request, faults, messages.ERROR)
            return HttpResponseRedirect(self._address(self.get_object(request, str(pk))))

        def act(row, user):
            on = form.cleaned_data["date"] or services.today_or_its_own(row)
            return services.reverse(row, date=on, user=user, reason=form.cleaned_data["reason"])

        return self._take_back(request, pk, act, "Reversed by")

    def _take_back(self, request, pk, act, what):
        row = self.get_object(request, str(pk))
        if not self.may_take_back(request, row):
            raise PermissionDenied
        try:
            with shortfall.watched(row.book, user=request.user) as shorts:
                done = act(row, user=request.user)
        except ValidationError as refusal:
            self.message_user(request, " ".join(refusal.messages), messages.ERROR)
            done = row
        else:
            self._tell(request, what, done)
            self._tell_shorts(request, shorts)
        return HttpResponseRedirect(self._address(done))

    def _tell_shorts(self, request, shorts):
        """What is taken back is never held up; that a box now stands below zero is told."""
        for short in shorts:
            self.message_user(request, short.told, messages.WARNING)

    # -------------------------------------------------------------------------------------------- many at once

    def get_actions(self, request):
        """In the bin one takes out; elsewhere one puts in or reverses."""
        actions = super().get_actions(request)
        in_bin = request.GET.get("state") == "bin"
        fitting = {"restore_selected"} if in_bin else {"bin_selected", "reverse_selected"}
        return {name: action for name, action in actions.items() if name in fitting}

    def get_action_choices(self, request, default_choices=(("", "With the chosen rows"),)):
        return super().get_action_choices(request, list(default_choices))

    def has_post_permission(self, request):
        return self._may(request, (access.POST,))

    @admin.action(description="Put into the bin", permissions=["post"])
    def bin_selected(self, request, queryset):
        self._each(request, queryset, services.delete, "put into the bin")

    @admin.action(description="Take out of the bin", permissions=["post"])
    def restore_selected(self, request, queryset):
        self._each(request, queryset, services.restore, "taken out of the bin")

    @admin.action(description="Reverse", permissions=["post"])
    def reverse_selected(self, request, queryset):
        def act(row, user):
            return services.reverse(row, date=services.today_or_its_own(row), user=user)

        self._each(request, queryset, act, "reversed")

    def _each(self, request, queryset, act, done):
        """Each row by itself: what is refused stays as it was and is named, the rest is done."""
        rows = list(queryset.select_related("book", "reversal_of").order_by("date", "pk")[: AT_ONCE + 1])
        if len(rows) > AT_ONCE:
            self.message_user(request, f"Take at most {AT_ONCE:,} at once; narrow the list first.", messages.ERROR)
            return
        if not rows:
            return
        with shortfall.watched(rows[0].book, user=request.user) as shorts:
            count, refused = self._act_on(request, rows, act)
        if count:
            self.message_user(request, f"{count} {self._noun(count)} {done}.", messages.SUCCESS)
        self._tell_shorts(request, shorts)
        if refused:
            shown = "; ".join(refused[:3]) + (f"; and {len(refused) - 3} more" if len(refused) > 3 else "")
            self.message_user(request, f"{len(refused)} stayed as they were: {shown}", messages.WARNING)

    def _act_on(self, request, rows, act):
        """(how many were done, [why the others were not])."""
        count, refused = 0, []
        for row in rows:
            if not self.may_take_back(request, row):
                refused.append(f"{row}: not yours to change here")
                continue
            try:
                act(row, user=request.user)
                count += 1
            except ValidationError as refusal:
                refused.append(f"{row}: {' '.join(refusal.messages)}")
        return count, refused

    def _noun(self, count):
        return self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural

    def export_view(self, request, kind):
        form = self.selection_form(request)
        if form is None or not self.has_view_permission(request):
            raise PermissionDenied
        selection = form.selection()
        if selection is None or kind not in ("csv", "xlsx"):
            raise Http404("The questions in this address cannot be answered.")
        if kind == "xlsx" and selection.rows()[: XLSX_ROWS + 1].count() > XLSX_ROWS:
            self.message_user(
                request, f"A workbook takes {XLSX_ROWS:,} rows. Narrow the list first, or take CSV.", messages.ERROR
            )
            return HttpResponseRedirect(f"{reverse(self._name('changelist'))}?{request.GET.urlencode()}")
        return export_response(selection, kind)


@admin.register(LedgerEntry)
class EntryAdmin(MovementAdmin):
    form = EntryForm
    selection_class = EntrySelectionForm
    list_display = ("day", "what", "text", "account", "received", "spent", "typed_by")
    list_select_related = ("account", "category", "created_by")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("date", "category", "subcategory"),
                    ("amount", "payment_mode", "account"),
                    ("narration", "reference"),
                )
            },
        ),
    )
    remembered = ("date", "payment_mode", "account")
    post = staticmethod(services.post_entry)

    def in_words(self, row):
        return f"{row.date:%d-%m-%Y} · {row.category} {rupees(row.amount)} · {row.account}"

    @admin.display(description="Category")
    def what(self, row):
        return format_html('{} <span class="quiet">{}</span>', row.category, row.subcategory)

    @admin.display(description="Received", ordering=F("amount"))
    def received(self, row):
        return signs.received(_standing(row)) if row.category.direction == "received" else ""

    @admin.display(description="Spent", ordering=F("amount"))
    def spent(self, row):
        return signs.spent(_standing(row)) if row.category.direction == "spent" else ""

    def get_urls(self):
        pages = {"subcategories": self.subcategories_view, "import": self.import_view}
        return [
            *(
                path(f"{page}/", self.admin_site.admin_view(require_GET(view)), name=self._bare(page))
                for page, view in pages.items()
            ),
            *super().get_urls(),
        ]

    def has_import_permission(self, request):
        """Whether the person may import into the book in hand: those who work in the whole of it."""
        return self._may(request, (access.CLOSE,))

    def import_view(self, request):
        """To the import wizard of the book in hand."""
        book = self.book_of(request)
        if book is None or not self.has_import_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("shop:new_import", args=[book.slug, "entries"]))

    def changelist_view(self, request, extra_context=None):
        may_import = {"may_import": self.has_import_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **may_import})

    def subcategories_view(self, request):
        """{"subcategories": […]} used before in the visible category ?category=ID, the most used lately first."""
        category = access.get_visible(Category, request.user, pk=request.GET.get("category"))
        return JsonResponse({"subcategories": used_subcategories(category, request.user)})

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        book = request._row_book
        own = access.visible(Account, request.user, book).filter(is_active=True)
        modes = book.mode_accounts.filter(account__in=own).select_related("account")
        context["mode_accounts"] = {row.payment_mode: row.account.name for row in modes}
        return super().render_change_form(request, context, add, change, form_url, obj)


@admin.register(AccountTransfer)
class TransferAdmin(MovementAdmin):
    form = TransferForm
    list_display = ("day", "from_account", "to_account", "text", "moved", "typed_by")
    list_select_related = ("from_account", "to_account", "created_by")
    fieldsets = ((None, {"fields": (("date", "from_account", "to_account"), ("amount", "narration", "reference"))}),)
    remembered = ("date", "from_account", "to_account")
    post = staticmethod(services.transfer)

    def in_words(self, row):
        return f"{row.date:%d-%m-%Y} · {rupees(row.amount)} · {row.from_account} → {row.to_account}"

    @admin.display(description="Amount", ordering="amount")
    def moved(self, row):
        return rupees(_standing(row))


def _standing(row):
    """The amount as it counts: a reversal's below 0."""
    return -row.amount if row.reversal_of_id else row.amount


def used_subcategories(category, user, looked_at=2000, offered=40):
    """The subcategories of the category's newest entries, most used first; a bounded look, whatever the book holds."""
    entries = access.visible(LedgerEntry, user, category.book).filter(category=category, deleted_at=None)
    newest = entries.order_by("-date").values_list("subcategory", flat=True)[:looked_at]
    counts = Counter(name for name in newest if name)
    return [name for name, _ in counts.most_common(offered)]
