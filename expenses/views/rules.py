"""Staff's own rules: their order, and each tested on the whole history before it is kept."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from expenses.models import Rule, Tag
from expenses.tagging import placing, rulebook
from expenses.tagging.rules import RuleError, check_rule
from ledger.models import Account
from shop import access
from shop.money_fields import MoneyFormField
from shop.pages import book_page, page

EXAMPLES = 50


class RuleForm(forms.ModelForm):
    min_amount = MoneyFormField(label="Amount from", required=False)
    max_amount = MoneyFormField(label="to", required=False)
    alone = forms.CharField(
        label="Leaves these payees' tag alone", required=False, widget=forms.Textarea, help_text="One on each line."
    )

    class Meta:
        model = Rule
        fields = ("kind", "text", "min_amount", "max_amount", "mode", "account", "tag", "rename_to", "is_active")
        labels = {"kind": "The narration", "text": "This", "rename_to": "Call the payee", "is_active": "In use"}
        help_texts = {"rename_to": "Empty: as the narration names it."}

    def __init__(self, *args, book, user, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        self.instance.book = book
        self.fields["alone"].initial = "\n".join(self.instance.excepted_products)
        self.fields["tag"].queryset = access.visible(Tag, user, book).filter(is_active=True)
        self.fields["tag"].empty_label = "no tag"
        self.fields["account"].queryset = access.visible(Account, user, book).exclude(kind=Account.Kind.CASH)
        self.fields["account"].empty_label = "every account"
        self.fields["mode"].choices = [("", "every mode"), *self.fields["mode"].choices[1:]]

    def clean_rename_to(self):
        return " ".join(self.cleaned_data["rename_to"].upper().split())

    def clean_tag(self):
        tag = self.cleaned_data["tag"]
        if tag is not None:
            placing.refuse_tbd(tag)
        return tag

    def clean(self):
        values = super().clean()
        payees = [" ".join(line.upper().split())[:120] for line in values.get("alone", "").splitlines()]
        self.instance.excepted_products = list(dict.fromkeys(filter(None, payees)))
        if not self.errors:
            draft = Rule(book=self.instance.book, **{name: values[name] for name in self.Meta.fields})
            try:
                check_rule(placing.pure(draft))
            except RuleError as error:
                raise ValidationError(str(error)) from error
        return values

    @property
    def asks(self):
        return [field for field in self if field.name not in ("kind", "text", "alone", "is_active")]


@book_page()
def rules(request, book):
    """Staff's rules in their order."""
    rows = access.visible(Rule, request.user, book).select_related("tag", "account")
    context = {
        "title": "Rules",
        "rules": rows,
        "moved": request.GET.get("moved", ""),
        "up": request.GET.get("up") == "1",
        "may_manage": access.may(request.user, book, access.CLOSE),
    }
    return page(request, "expenses/rules.html", context)


@book_page(access.CLOSE)
@require_POST
def move(request, book):
    """Move a rule one up or down."""
    which, _, rest = request.POST.get("move", "").partition(":")
    direction, _, seen_at = rest.partition(":")
    one = access.get_visible(Rule.objects.select_related("book"), request.user, book, pk=which or 0)
    if seen_at.isdecimal():
        step = {"up": -1, "down": 1}.get(direction, 0)
        count = rulebook.move(one, step, seen_at=int(seen_at), user=request.user)
        if count:
            messages.success(request, f"{count} row{'s' if count != 1 else ''} changed with the order.")
    where = f"?moved={one.pk}&up={int(direction == 'up')}#rule-{one.pk}"
    return HttpResponseRedirect(reverse("expenses:rules", args=(book.slug,)) + where)


@book_page(access.CLOSE)
def rule(request, book, pk=None):
    """Add or change a rule, tested on the whole history before it is saved."""
    one = (
        access.get_visible(Rule.objects.select_related("tag", "book"), request.user, book, pk=pk)
        if pk
        else Rule(book=book)
    )
    if pk and request.POST.get("do") == "remove":
        words, count = str(one), rulebook.remove(one, user=request.user)
        messages.success(request, f"The rule {words} is gone; {count} row{'s' if count != 1 else ''} changed.")
        return redirect("expenses:rules", book.slug)
    initial = {name: request.GET[name] for name in ("text", "tag") if not pk and request.GET.get(name)}
    form = RuleForm(request.POST or None, instance=one, book=book, user=request.user, initial=initial)
    tested = None
    if request.method == "POST" and form.is_valid():
        draft = form.save(commit=False)
        if request.POST.get("do") == "save":
            count = rulebook.keep(draft, user=request.user)
            messages.success(request, f"The rule is kept; {count} row{'s' if count != 1 else ''} changed.")
            return redirect("expenses:rules", book.slug)
        if not draft.pk:
            draft.position = 2**31 - 1  # a new rule comes last
        tested = rulebook.would_change(draft)
    context = {
        "title": str(Rule.objects.get(pk=pk)) if pk else "New rule",
        "form": form,
        "one": one,
        "tested": tested,
        "examples": (tested or [])[:EXAMPLES],
    }
    return page(request, "expenses/rule.html", context)
