"""The page on which a category, or one of its subcategories, is merged into another, and the button that undoes it."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponseRedirect
from django.urls import path, reverse

from ledger import merging
from ledger.admin.forms import LineField
from ledger.models import Category, Merge
from shop import access
from shop.pages import page

CATEGORIES = "admin:ledger_category_changelist"


class WholeForm(forms.Form):
    """Into which category all of one goes."""

    into = forms.ModelChoiceField(Category.objects.none(), label="All of it into", empty_label="Choose")

    def __init__(self, data=None, *, category, user):
        super().__init__(data, label_suffix="")
        self.category = category
        same = access.visible(Category, user, category.book).filter(
            direction=category.direction, nature=category.nature, is_active=True
        )
        self.fields["into"].queryset = same.exclude(pk=category.pk)

    def clean(self):
        if "into" in self.cleaned_data:
            self.place = merging.place_of(self.category, into=self.cleaned_data["into"])


class SubcategoryForm(forms.Form):
    """Which subcategory goes into which other one."""

    subcategory = forms.ChoiceField(label="Subcategory")
    into_subcategory = LineField(
        label="goes into", max_length=80, widget=forms.TextInput(attrs={"list": "subcategories", "autocomplete": "off"})
    )

    def __init__(self, data=None, *, category):
        super().__init__(data, label_suffix="")
        self.category = category
        self.used = merging.subcategories_of(category)
        self.fields["subcategory"].choices = [
            ("", "Choose"),
            *((name, f"{name} ({count:,})") for name, count in self.used),
        ]

    def clean(self):
        if not self.errors:
            self.place = merging.place_of(self.category, **self.cleaned_data)


class MergesCategories:
    """What CategoryAdmin has beside its rows: merging them."""

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/merge/", view(self.merge_view), name="ledger_category_merge"),
            path("merges/<int:pk>/undo/", view(self.undo_view), name="ledger_category_undo_merge"),
            *super().get_urls(),
        ]

    def merge_view(self, request, pk):
        """What a merge would move (GET, as far as it is said what); moved with POST."""
        category = self.get_object(request, str(pk))
        if not self.has_change_permission(request, category):
            raise PermissionDenied
        said = request.POST or request.GET
        is_whole = "into" in said
        forms_ = {
            "whole": WholeForm(said if is_whole else None, category=category, user=request.user),
            "part": SubcategoryForm(said if "subcategory" in said else None, category=category),
        }
        form = forms_["whole" if is_whole else "part"]
        place = getattr(form, "place", None) if form.is_bound and form.is_valid() else None
        if request.method == "POST" and place is not None:
            try:
                merge = merging.merge(place, user=request.user)
            except ValidationError as refusal:
                form.add_error(None, refusal.messages)
            else:
                count = merge.entries.count()
                self.message_user(request, f"Merged {merge}: {count:,} entries moved.", messages.SUCCESS)
                return HttpResponseRedirect(reverse(CATEGORIES))
        context = {
            **self.admin_site.each_context(request),
            **forms_,
            "title": f"Merge {category}",
            "category": category,
            "book": category.book,
            "place": place,
            "preview": place and merging.preview(place),
        }
        return page(request, "admin/ledger/category_merge.html", context)

    def undo_view(self, request, pk):
        """Undo a merge with one press."""
        merge = access.get_visible(Merge, request.user, pk=pk)
        if request.method != "POST" or not access.may(request.user, merge.book_id, access.MANAGE):
            raise PermissionDenied
        try:
            done = merging.undo(merge, user=request.user)
        except ValidationError as refusal:
            self.message_user(request, " ".join(refusal.messages), messages.ERROR)
        else:
            left = f" {done.left:,} were changed since and stay." if done.left else ""
            self.message_user(request, f"Undone: {done.restored:,} entries are back.{left}", messages.SUCCESS)
        return HttpResponseRedirect(reverse(CATEGORIES))
