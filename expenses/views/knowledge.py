"""What a book knows: its tags, and what it remembers of payees, the LLM's answers among it."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Q, Sum
from django.shortcuts import redirect

from expenses import work
from expenses.models import PLAIN, TBD, ProductTag, Tag, Transaction
from expenses.tagging import corrections, placing
from ledger import services as ledger
from ledger.admin.forms import LineField
from ledger.models import Category, Direction
from shop import access
from shop.downloads import table_response
from shop.pages import book_page, page

MAX_BYTES = 10 * 1024 * 1024
SHOWN = 500
ANSWERS = 300  # judged at once
MORE_COLOURS = ("#00838f", "#9e7b1f", "#6a4c93", "#b05a7a", "#4f7942", "#c26a3d", "#546e9a", "#8a6d4b")  # for own tags


class TagForm(forms.ModelForm):
    class Meta:
        model = Tag
        fields = ("name", "colour", "category", "subcategory", "is_active")
        field_classes = {"name": LineField, "subcategory": LineField}
        labels = {"category": "Posts to", "is_active": "In use"}
        widgets = {"colour": forms.TextInput(attrs={"type": "color"})}
        help_texts = {"category": "Empty: Expense.", "subcategory": "Empty: the tag's name."}

    def __init__(self, *args, book, user, **kwargs):
        super().__init__(*args, label_suffix="", **kwargs)
        self.instance.book = book
        spent = access.visible(Category, user, book).filter(direction=Direction.SPENT, is_active=True)
        self.fields["category"].queryset = spent
        if self.instance.pk is None:
            used = set(Tag.objects.filter(book=book).values_list("colour", flat=True))
            self.initial["colour"] = next((free for free in MORE_COLOURS if free not in used), PLAIN)

    def clean(self):
        values = super().clean()
        if self.instance.is_tbd and not (values.get("name") == TBD and values.get("is_active")):
            raise ValidationError(f"{TBD} keeps its name and stays in use: it is what nobody can tell.")
        if values.get("category") and values.get("subcategory"):
            values["subcategory"] = ledger.spelled_subcategory(values["category"], values["subcategory"])
        return values

    def _get_validation_exclusions(self):
        """The book is not typed, and still counts in the constraint: a tag's name once in a book."""
        return super()._get_validation_exclusions() - {"book"}


@book_page()
def tags(request, book):
    """The tags with what lies on each."""
    placing.tags_of(book)
    rows = list(access.visible(Tag, request.user, book).select_related("category").order_by("-is_active", "name"))
    debits = Transaction.objects.filter(book=book, debit_amount__isnull=False).order_by().values_list("tag")
    sums = {pk: (count, spent) for pk, count, spent in debits.annotate(Count("pk"), Sum("debit_amount"))}
    for one in rows:
        one.count, one.spent = sums.get(one.pk, (0, None))
    may_manage = access.may(request.user, book, access.CLOSE)
    context = {"title": "Tags", "tags": rows, "may_manage": may_manage, "last": corrections.last_of(book)}
    return page(request, "expenses/tags.html", context)


@book_page(access.CLOSE)
def tag(request, book, pk=None):
    """Add or change a tag; merge it into another."""
    one = access.get_visible(Tag, request.user, book, pk=pk) if pk else Tag(book=book)
    if request.POST.get("do") == "merge":
        try:
            into = access.get_visible(Tag, request.user, book, pk=request.POST.get("into") or 0)
            done = corrections.merge(one, into, user=request.user)
            messages.success(request, f"{one} is {into} now; {_rows(done.count)} moved.")
            return redirect("expenses:tags", book.slug)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
    form = TagForm(
        request.POST if request.POST.get("do") == "save" else None, instance=one, book=book, user=request.user
    )
    if request.POST.get("do") == "save" and form.is_valid():
        was_active = pk is None or Tag.objects.get(pk=pk).is_active
        if was_active != one.is_active:
            one.merged_into = None  # in use again it is its own; retired it is nobody's
        ledger.save(form.save(commit=False), request.user)
        if was_active != one.is_active:
            placing.replace_tags(Transaction.objects.filter(book=book), user=request.user)
        return redirect("expenses:tags", book.slug)
    others = Tag.objects.filter(book=book, is_active=True).exclude(pk=one.pk).exclude(shipped_as=TBD)
    others = others if pk and not one.is_tbd else []
    return page(
        request, "expenses/tag.html", {"title": one.name or "New tag", "form": form, "one": one, "others": others}
    )


@book_page()
def payees(request, book):
    """The memory of corrections, to upload and download as CSV (Product, Tag); the LLM's answers until they are judged."""
    may_post = access.may(request.user, book, access.CLOSE)
    rows = access.visible(ProductTag, request.user, book).select_related("tag")
    settled = rows.filter(source=ProductTag.Source.STAFF)
    if request.GET.get("format") == "csv":
        return table_response("product-tags", ("Product", "Tag"), settled.values_list("product", "tag__name"), "csv")
    errors = []
    if request.method == "POST":
        if not may_post:
            raise PermissionDenied
        try:
            errors = _change_payees(request, book)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        if not errors:
            return redirect("expenses:payees", book.slug)
    text = request.GET.get("q", "").strip()[:100]
    settled = settled.filter(Q(product__icontains=text) | Q(tag__name__icontains=text)) if text else settled
    found = list(settled.order_by("product")[: SHOWN + 1])
    has_key = work.server() is not None
    context = {
        "title": "Payees",
        "payees": found[:SHOWN],
        "more": len(found) > SHOWN,
        "answers": _answers(book, rows.filter(source=ProductTag.Source.LLM).order_by("pk")[:ANSWERS]),
        "errors": errors,
        "last": corrections.last_of(book),
        "text": text,
        "tags": [tag for tag in placing.tags_of(book) if tag.is_active],
        "may_post": may_post,
        "may_manage": access.may(request.user, book, access.MANAGE),
        "learn_after": work.LEARN_AFTER,
        "has_key": has_key,
        "chosen": work.settings_of(book) if has_key else None,
        "calls_left": work.calls_left(book) if has_key else 0,
    }
    return page(request, "expenses/payees.html", context)


def _answers(book, answers):
    """The LLM's answers, each with how many rows its payee has and what was spent on them."""
    answers = list(answers)
    if not answers:
        return []
    rows = placing.debits_of(book, [answer.product for answer in answers]).order_by().values_list("product")
    sums = {product: (count, spent) for product, count, spent in rows.annotate(Count("pk"), Sum("debit_amount"))}
    for answer in answers:
        answer.count, answer.spent = sums.get(answer.product, (0, None))
    return answers


def _change_payees(request, book):
    """Upload or retag; returns the rejected lines of an upload."""
    if request.POST.get("do") == "upload":
        if "file" not in request.FILES:
            raise ValidationError("Choose a file first.")
        if request.FILES["file"].size > MAX_BYTES:
            raise ValidationError("The file is larger than 10 MB.")
        document = corrections.take_product_tags(book, request.FILES["file"].read(), user=request.user)
        payees = f"{document['imported']} payee{'s' if document['imported'] != 1 else ''}"
        messages.success(request, f"{payees} taken, {_rows(document['retagged'])} retagged.")
        return document["errors"]
    known = access.get_visible(ProductTag, request.user, book, pk=request.POST.get("payee") or 0)
    tag = access.get_visible(Tag, request.user, book, pk=request.POST.get("tag") or 0)
    done = corrections.retag(known, tag, user=request.user)
    messages.success(request, f"{known.product} is {tag}; {_rows(done.count)} changed.")
    return []


def _rows(count):
    return f"{count} row{'s' if count != 1 else ''}"
