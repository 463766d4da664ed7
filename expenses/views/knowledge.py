"""What places a book's debits: its tags, its rules, and what it remembers of payees."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, Sum
from django.shortcuts import redirect

from expenses import placing, services, training
from expenses.models import ProductTag, Rule, Tag, Transaction
from expenses.rules import RuleError, RuleSet, check_rule
from ledger import access
from ledger import services as ledger
from ledger.exports import table_response
from ledger.models import Account, Category, Direction
from ledger.pages import book_page, page
from lendbook.money import MoneyFormField


class TagForm(forms.ModelForm):
    class Meta:
        model = Tag
        fields = ("name", "colour", "category", "subcategory", "is_active")
        labels = {"category": "Posts to", "is_active": "In use"}
        widgets = {"colour": forms.TextInput(attrs={"type": "color"})}
        help_texts = {"category": "Empty: Expense.", "subcategory": "Empty: the tag's name."}

    def __init__(self, *args, book, user, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        self.instance.book = book
        spent = access.visible(Category, user, book).filter(direction=Direction.SPENT, is_active=True)
        self.fields["category"].queryset = spent


@book_page()
def tags(request, book):
    """The tags with what lies on each."""
    placing.tags_of(book)
    rows = access.visible(Tag, request.user, book).annotate(
        count=Count("transactions"), spent=Sum("transactions__debit_amount")
    )
    context = {
        "title": "Tags",
        "tags": rows.select_related("category"),
        "may_manage": access.may(request.user, book, access.POST),
    }
    return page(request, "expenses/tags.html", context)


@book_page(access.POST)
def tag(request, book, pk=None):
    """Add or change a tag; merge it into another."""
    one = access.get_visible(Tag, request.user, book, pk=pk) if pk else Tag(book=book)
    if request.POST.get("do") == "merge":
        try:
            into = access.get_visible(Tag, request.user, book, pk=request.POST.get("into") or 0)
            count = services.merge_tags(one, into, user=request.user)
            messages.success(request, f"{count} rows of {one} are {into} now.")
            return redirect("expenses:tags", book.slug)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
    form = TagForm(
        request.POST if request.POST.get("do") == "save" else None, instance=one, book=book, user=request.user
    )
    if request.POST.get("do") == "save" and form.is_valid():
        was_active = pk is None or Tag.objects.get(pk=pk).is_active
        ledger.save(form.save(commit=False), request.user)
        if was_active != one.is_active:
            placing.replace_tags(Transaction.objects.filter(book=book), user=request.user)
        return redirect("expenses:tags", book.slug)
    others = Tag.objects.filter(book=book, is_active=True).exclude(pk=one.pk) if pk else []
    return page(
        request, "expenses/tag.html", {"title": one.name or "New tag", "form": form, "one": one, "others": others}
    )


class RuleForm(forms.ModelForm):
    min_amount = MoneyFormField(label="Amount from", required=False)
    max_amount = MoneyFormField(label="to", required=False)

    class Meta:
        model = Rule
        fields = (
            "kind",
            "text",
            "min_amount",
            "max_amount",
            "mode",
            "account",
            "tag",
            "rename_to",
            "position",
            "is_active",
        )
        labels = {"rename_to": "Call the payee", "is_active": "In use", "position": "Order"}
        help_texts = {"position": "Lower comes first; the first rule that fits places a row."}

    def __init__(self, *args, book, user, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        self.instance.book = book
        self.fields["tag"].queryset = access.visible(Tag, user, book).filter(is_active=True)
        self.fields["account"].queryset = access.visible(Account, user, book).exclude(kind=Account.Kind.CASH)

    def clean(self):
        values = super().clean()
        if not self.errors:
            draft = Rule(book=self.instance.book, **{name: values[name] for name in self.Meta.fields})
            try:
                check_rule(placing.pure(draft))
            except RuleError as error:
                raise ValidationError(str(error)) from error
        return values


@book_page()
def rules(request, book):
    """Staff's rules in their order."""
    rows = access.visible(Rule, request.user, book).select_related("tag", "account")
    return page(
        request,
        "expenses/rules.html",
        {"title": "Rules", "rules": rows, "may_manage": access.may(request.user, book, access.POST)},
    )


@book_page(access.POST)
def rule(request, book, pk=None):
    """Add or change a rule, tested on the whole history before it is saved."""
    one = access.get_visible(Rule, request.user, book, pk=pk) if pk else Rule(book=book)
    form = RuleForm(request.POST or None, instance=one, book=book, user=request.user)
    tested = None
    if request.method == "POST" and form.is_valid():
        draft = form.save(commit=False)
        if request.POST.get("do") == "save":
            ledger.save(draft, request.user)
            count = placing.replace_tags(Transaction.objects.filter(book=book), user=request.user, reason="Rules")
            messages.success(request, f"The rule is kept; {count} rows changed.")
            return redirect("expenses:rules", book.slug)
        tested = would_change(book, draft)
    return page(
        request,
        "expenses/rule.html",
        {"title": str(one) if pk else "New rule", "form": form, "one": one, "tested": tested},
    )


def would_change(book, draft):
    """[(Transaction, tag now, tag then)] of the untouched debits that a rule would place otherwise, newest first."""
    rows = Transaction.objects.filter(book=book, debit_amount__isnull=False, is_confirmed=False).exclude(
        decided_by="manual"
    )
    rows = list(rows.select_related("tag").order_by("-transaction_date", "-id"))
    draft_set = placing.rule_set(book, changed=draft)
    placed = placing.Knowledge(book, rules=RuleSet(draft_set.rules)).place([placing.row_of(one) for one in rows])
    return [
        (one, one.tag.name if one.tag_id else "TBD", placement.tag)
        for one, placement in zip(rows, placed, strict=True)
        if placement.tag != (one.tag.name if one.tag_id else "TBD") or placement.product != one.product
    ]


@book_page()
def payees(request, book):
    """The memory of corrections; upload and download as CSV (Product, Tag)."""
    may_post = access.may(request.user, book, access.POST)
    rows = access.visible(ProductTag, request.user, book).select_related("tag")
    if request.GET.get("format") == "csv":
        return table_response("product-tags", ("Product", "Tag"), rows.values_list("product", "tag__name"), "csv")
    errors = []
    if request.method == "POST" and may_post:
        try:
            errors = _change_payees(request, book)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        if not errors:
            return redirect("expenses:payees", book.slug)
    text = request.GET.get("q", "").strip()[:100]
    rows = rows.filter(Q(product__icontains=text) | Q(tag__name__icontains=text)) if text else rows
    context = {
        "title": "Payees",
        "payees": rows.order_by("-source", "product")[:500],
        "errors": errors,
        "text": text,
        "tags": [tag for tag in placing.tags_of(book) if tag.is_active],
        "may_post": may_post,
    }
    return page(request, "expenses/payees.html", context)


def _change_payees(request, book):
    """Upload, retag, or learn; returns the rejected lines of an upload."""
    what = request.POST.get("do")
    if what == "upload":
        if "file" not in request.FILES:
            raise ValidationError("Choose a file first.")
        document = services.import_product_tags(book, request.FILES["file"].read(), user=request.user)
        messages.success(request, f"{document['imported']} payees taken, {document['retagged']} rows retagged.")
        return document["errors"]
    if what == "learn":
        done = training.train(book, user=request.user)
        messages.success(request, f"Learned from {done['examples']} rows; {done['changed']} rows placed anew.")
        return []
    known = access.get_visible(ProductTag, request.user, book, pk=request.POST.get("payee") or 0)
    tag = access.get_visible(Tag, request.user, book, pk=request.POST.get("tag") or 0)
    count = services.remember(book, known.product, tag, user=request.user)
    messages.success(request, f"{known.product} is {tag}; {count} rows changed.")
    return []
