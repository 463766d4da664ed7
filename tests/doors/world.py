"""Two books full of canaries, everybody who may or may not see them, and every address of the project with real ids."""

import io
import re
import zipfile
from collections import Counter
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client, TestCase
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLResolver

from expenses import services as expenses
from expenses.models import Rule, Statement, Tag, Transaction
from ledger import services
from ledger.models import Account, Category, PaymentModeAccount
from shop.models import Job, Role
from tests import world
from tests.trackers.portal import cast as portal
from trackers import services as trackers
from trackers.models import CollectionSave

# Who knocks, by letter. Main Street's: o owner, s staff, a agent, u auditor, c customer. Other Road's: x staff,
# d customer. n: nobody logged in. z: a superuser.
ACTORS = {
    "n": None, "c": "murugan", "d": "devi", "a": "kumar", "s": "ravi", "x": "xavier", "u": "meena", "o": "asha", "z": "boss",
}  # fmt: skip
STRANGERS = "ndx"
CANARY = {"main": "CANARYMAIN", "other": "CANARYOTHER"}
DAY = date(2024, 10, 17)
STATEMENT = (
    "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
    "01/09/25,UPI-{0} SHOP-{0}@OKAXIS-UTIB0000001-100000000001-PAY,01/09/25,250.00,0.00,1,9750.00\n"
)


def build():
    """The cast, both books filled, and a logged-in browser for each letter: .browsers."""
    cast = portal.customers()
    cast.xavier, cast.boss = world.person("xavier"), world.person("boss", is_superuser=True)
    services.set_member(cast.other, cast.xavier, Role.STAFF)
    cast.murugan.customer.agent = cast.kumar
    cast.murugan.customer.save()
    with TestCase.captureOnCommitCallbacks(execute=True):  # workbooks follow their commits
        cast.rows = {name: fill(cast, name) for name in CANARY}
    cast.browsers = {letter: browser(cast, name) for letter, name in ACTORS.items()}
    return cast


def browser(cast, name, **options):
    client = Client(raise_request_exception=False, **options)
    if name:
        who = getattr(cast, name)
        client.force_login(getattr(who, "user", who))
    return client


def knock(client, method, where):
    """The answer to a request, as the first one after logging in: what it left in the browser is taken back."""
    before = {name: morsel.value for name, morsel in client.cookies.items()}
    try:
        if re.search(r"/(trackers|passbook)/\d", where):  # a workbook's lock is taken outside any transaction
            return client.generic(method, where)
        with transaction.atomic():
            response = client.generic(method, where)
            transaction.set_rollback(True)
            return response
    finally:
        client.cookies.clear()
        for name, value in before.items():
            client.cookies[name] = value


def fill(cast, name):
    """One row of everything in the book, its texts with the book's canary; returns them by their model's word."""
    book, mark = getattr(cast, name), CANARY[name]
    owner, who = (cast.asha, cast.murugan) if name == "main" else (cast.charlie, cast.devi)
    book.name = f"{mark} book"
    book.save()
    cash, bank = Account.objects.filter(book=book, name__in=("Cash", "Bank")).order_by("-name")
    for account in (cash, bank):
        account.name = f"{mark} {account.name}"
        account.save()
    who.customer.name = f"{mark} customer"
    who.customer.phone = f"98765 {book.pk:05}"
    who.customer.save()
    entry = world.post(book, "2024-10-17", narration=f"{mark} narration", reference=f"{mark}-1", user=owner)
    transfer = services.transfer(
        book=book,
        date=DAY,
        from_account=cash,
        to_account=bank,
        amount=Decimal(100),
        narration=f"{mark} moved",
        user=owner,
    )
    trackers.record_payment(who.tracker, 1, paid=Decimal(500), notes=f"{mark} notes", user=owner)
    expenses.import_statement(bank, STATEMENT.format(mark).encode(), file_name=f"{mark}.csv", user=owner)
    office = browser(cast, "asha" if name == "main" else "charlie")
    table = f"date,category,amount,narration\n2024-10-18,Collection,5,{mark} imported\n2024-10-18,,x,{mark}\n"
    office.post(f"/books/{book.slug}/imports/new/entries/", {"file": SimpleUploadedFile(f"{mark}.csv", table.encode())})
    PaymentModeAccount.objects.get_or_create(book=book, payment_mode="UPI", defaults={"account": bank})
    tag = Tag.objects.create(book=book, name=f"{mark} tag")
    return SimpleNamespace(
        book=book,
        account=cash,
        category=Category.objects.filter(book=book).first(),
        paymentmodeaccount=PaymentModeAccount.objects.get_or_create(
            book=book, payment_mode="UPI", defaults={"account": bank}
        )[0],
        bookmember=book.members.first(),
        ledgerentry=entry,
        accounttransfer=transfer,
        customer=who.customer,
        user=who.customer.user,
        tracker=who.tracker,
        statement=Statement.objects.get(account=bank),
        transaction=Transaction.objects.filter(account=bank).first(),
        tag=tag,
        rule=Rule.objects.create(book=book, tag=tag, text=f"{mark} rule"),
        job=Job.objects.filter(book=book).first(),
        save=CollectionSave.objects.filter(book=book).first(),
    )


# ------------------------------------------------------------------------------------------------ addresses


def patterns():
    """(name, pattern) of every address of the project; a name's second pattern is named "name#2"."""
    seen = Counter()
    for name, pattern in _patterns(get_resolver()):
        seen[name] += 1
        yield (f"{name}#{seen[name]}" if seen[name] > 1 else name), pattern


def _patterns(resolver, space="", before=""):
    """Those without a name are named by their pattern."""
    for found in resolver.url_patterns:
        pattern = before + str(found.pattern)
        if isinstance(found, URLResolver):
            yield from _patterns(found, f"{space}{found.namespace}:" if found.namespace else space, pattern)
        else:
            yield (space + found.name if found.name else pattern), pattern


# What stands for a parameter where it is not a row: by parameter name, or "view name parameter".
WORDS = {
    "text": "2024-10-17", "kind": "csv", "file_type": "csv", "which": "blank", "token": "1f" * 16, "uidb64": "MQ",
    "day": "1", "number": "1", "version": "1", "app_label": "ledger", "url": "nowhere/", "content_type_id": "1", "id": "1",
    "ledger:month text": "2024-10", "ledger:year text": "2024", "ledger:journal kind": "hledger",
    "shop:new_import kind": "entries", "shop:import_template kind": "entries",
}  # fmt: skip
# Whose id a page's pk is.
ROWS = (
    (
        r"portal:|trackers:(compare|tracker|download|to_day|day|move|terms|close|reopen|renew|post_disbursement)",
        "tracker",
    ),
    (r"trackers:password_link", "customer"),
    (r"ledger:account_book|expenses:bank", "account"),
    (r"expenses:(transaction|correct)", "transaction"),
    (r"expenses:(undo_statement|rejected_rows)", "statement"),
    (r"expenses:tag", "tag"),
    (r"expenses:rule", "rule"),
    (r"ledger_ledgerentry", "ledgerentry"),
    (r"ledger_accounttransfer", "accounttransfer"),
    (r"ledger_category_merge", "category"),
    (r"", "job"),
)


def address(name, pattern, rows):
    """The address of a pattern, filled with the ids of `rows` (one of cast.rows)."""

    def fill_in(match):
        parameter = match[1] or match[2]
        if parameter == "slug":
            return rows.book.slug
        if parameter in ("object_id", "id"):
            model = re.search(r"admin/(?:shop|ledger|trackers|auth)/(\w+)/", pattern)
            row = getattr(rows, model[1], None) if model else None
            return str(row.pk) if row else "1"
        if parameter == "pk":
            kept = next(kept for wanted, kept in ROWS if re.match(wanted, name.removeprefix("admin:")))
            row = getattr(rows, kept)
            return str(row.pk) if row else "1"
        return WORDS.get(f"{name} {parameter}", WORDS.get(parameter, "1"))

    pattern = re.sub(r"\^?\(\?P<(\w+)>[^)]*\)+\$?|<(?:\w+:)?(\w+)>", fill_in, pattern)
    return "/" + pattern.rstrip("$")


# ------------------------------------------------------------------------------------------------ answers


def is_refusal(response):
    """Whether the answer lets nobody in: away to a log-in, forbidden, not there, not in this way."""
    to_log_in = ("/admin/login/", "/login/", reverse("second_factor"))
    return response.status_code in (400, 403, 404, 405) or (
        response.status_code == 302 and response.url.startswith(to_log_in)
    )


def text_of(response):
    """All that an answer says: headers, body, and the parts of a workbook."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    told = str(dict(response.headers)).encode() + content
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            told += b"".join(archive.read(name) for name in archive.namelist())
    return told.decode(errors="replace")
