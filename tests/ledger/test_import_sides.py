"""Lists that say by their columns which way money went, with one category for the whole file: by page and command."""

import io
import json
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from ledger.entry_import import sides
from ledger.models import Category, LedgerEntry
from shop.imports import wizard
from shop.models import Job
from tests import world

pytestmark = pytest.mark.django_db
CASH_BOOK = (
    "Date,Particulars,Receipt,Payment,Balance\n10-01-2024,Opening,,,50000\n10-01-2024,Collection Murugan,500,,50500\n"
    "10-01-2024,Tea,,20,50480\n"
)
PASS_BOOK = "Date,Category,Debit,Credit,Narration\n10-01-2024,Collection,,500,Murugan\n10-01-2024,Expense,20,,tea\n"
PAIRS = [
    ("Receipt", "Payment"), ("Receipts", "Payments"), ("RECEIPT (Rs.)", "PAYMENT (Rs.)"), ("Received", "Spent"),
    ("Received", "Paid"), ("Money in", "Money out"), ("Cash in", "Cash out"), ("In", "Out"), ("Inflow", "Outflow"),
    ("Income", "Expense"), ("Income", "Expenditure"), ("Deposit", "Withdrawal"), ("Deposits", "Withdrawals"),
    ("Receipt amount", "Payment amount"), ("Amount received", "Amount paid"), ("Received amount", "Paid amount"),
    ("Receipts (₹)", "Payments (₹)"), ("receipt_rs", "payment_rs"),
]  # fmt: skip
LEDGERS = [
    ("Debit", "Credit"), ("DR", "CR"), ("Dr.", "Cr."), ("Debit (Rs.)", "Credit (Rs.)"), ("Debit Amount", "Credit Amount"),
    ("Debits", "Credits"), ("Amount Debit", "Amount Credit"), ("Debited", "Credited"), ("Debit(₹)", "Credit(₹)"),
    ("DEBIT INR", "CREDIT INR"), ("debit amount rs", "credit amount rs"), ("Dr (INR)", "Cr (INR)"),
]  # fmt: skip


@pytest.fixture
def book():
    return world.book()


@pytest.fixture
def load(book, tmp_path):
    """load(text, *options) -> the JSON answer of the command."""

    def run(text, *options):
        path, out = tmp_path / "list.csv", io.StringIO()
        path.write_text(text)
        try:
            call_command("import_entries", str(path), "--book", book.slug, "--json", *options, stdout=out)
        except CommandError as error:
            if not out.getvalue():
                return str(error)
        return json.loads(out.getvalue())

    return run


def posted():
    """[(direction, category, amount)] of what lies in the books."""
    rows = LedgerEntry.objects.order_by("id").values_list("category__direction", "category__name", "amount")
    return [(direction, name, int(amount)) for direction, name, amount in rows]


BOTH = [("received", "Collection", 500), ("spent", "Expense", 20)]


@pytest.mark.parametrize(("received", "spent"), PAIRS, ids=str)
def test_receipt_and_payment_columns_are_known_by_many_names(load, received, spent):
    answer = load(f"Date,Category,{received},{spent}\n10-01-2024,Collection,500/-,\n10-01-2024,Expense,-,20\n")
    assert answer["errors"] == []
    assert posted() == BOTH


@pytest.mark.parametrize(("debit", "credit"), LEDGERS, ids=str)
def test_debit_and_credit_columns_are_asked_about(load, debit, credit):
    text = f"Date,Category,{debit},{credit}\n10-01-2024,Collection,,500\n10-01-2024,Expense,20,0.00\n"
    answer = load(text)
    assert "--debit-is out" in answer["errors"][0]["reason"]
    assert posted() == []
    assert load(text, "--debit-is", "out")["errors"] == []
    assert posted() == BOTH


def test_debit_is_money_in_where_somebody_says_so(load):
    text = "Date,Category,Debit,Credit\n10-01-2024,Collection,500,\n10-01-2024,Expense,,20\n"
    assert load(text, "--debit-is", "in")["errors"] == []
    assert posted() == BOTH


def test_exchanged_the_categories_of_the_book_say_no(load):
    answer = load(PASS_BOOK, "--debit-is", "in")
    assert "'Collection' is received in this book, the row says spent" in answer["errors"][0]["reason"]
    assert posted() == []


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ("Collection,500,20", "both filled"),
        ("Collection,,", "amount is missing"),
        ("Collection,-,0", "amount is missing"),
        ("Collection,x,", "'x' is not an amount"),
        ("Collection,-5,", "above 0"),
    ],
)
def test_a_row_has_one_amount_on_one_side(load, row, word):
    answer = load(f"Date,Category,Receipt,Payment\n10-01-2024,{row}\n")
    assert word in answer["errors"][0]["reason"]


def test_a_direction_beside_the_two_columns_must_agree(load):
    answer = load("Date,Category,Type,Receipt,Payment\n10-01-2024,Expense,spent,20,\n")
    assert "the direction says spent, but the amount stands where money is received" in answer["errors"][0]["reason"]


def test_an_amount_beside_the_two_columns_is_refused(load):
    answer = load("Date,Category,Amount,Receipt,Payment\n10-01-2024,Expense,20,,20\n")
    assert "all hold amounts" in answer["errors"][0]["reason"]


def test_one_category_for_each_way_stands_for_a_whole_cash_book(load):
    assert "--category NAME" in load(CASH_BOOK)["errors"][0]["reason"]
    answer = load(CASH_BOOK, "--category", "collection", "--category", "Expense")
    assert (answer["errors"], answer["imported"]) == ([], 2)
    assert answer["warnings"] == [
        {"line": 2, "reason": "'Opening' is a balance and no entry; the line was left out."},
    ]
    assert posted() == BOTH


def test_a_category_for_one_way_only_names_what_is_left(load):
    answer = load(CASH_BOOK, "--category", "Expense")
    assert "(a command: --category NAME:received)" in answer["errors"][0]["reason"]


def test_a_category_of_the_file_may_be_a_new_one(load):
    answer = load(CASH_BOOK, "--category", "Tea stall:spent", "--category", "Collection")
    assert (answer["errors"], answer["imported"]) == ([], 2)
    assert Category.objects.get(name="Tea stall").direction == "spent"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--category", "Tea"), "There is no category 'Tea'"),
        (("--category", "Expense", "--category", "Drawings"), "names two for what is spent"),
        (("--map", "narration"), "role=Header"),
    ],
)
def test_wrong_options_are_refused_with_the_way_out(load, options, word):
    assert word in str(load(CASH_BOOK, *options))


def test_rows_of_one_column_take_the_files_category_by_its_direction(load):
    text = "date,amount,narration\n10-01-2024,20,tea\n"
    assert load(text, "--category", "Expense")["errors"] == []
    assert posted() == [("spent", "Expense", 20)]


@pytest.mark.parametrize(
    "mapping",
    [
        ("category=Topf,amount=Summe,date=Tag",), ("category=topf", "amount=SUMME", "date= Tag "),
        ("category=3,amount=2,date=1",), ("amount=2", "date=Tag,category=Topf"),
    ],
    ids=str,
)  # fmt: skip
def test_columns_are_named_by_command(load, mapping):
    text = "Tag,Summe,Topf,Extra\n16/1/2024,5,Collection,x\n"
    assert "'Extra'" in load(text.replace("Tag", "Date"))["errors"][0]["reason"]
    answer = load(text, *(part for pair in mapping for part in ("--map", pair)))
    assert (answer["errors"], answer["imported"]) == ([], 1)


def test_a_wrong_mapping_names_the_columns_there_are(load):
    assert (
        "There is no column 'Ort'. The file has Tag, Summe"
        in load("Tag,Summe\n1,2\n", "--map", "date=Ort")["errors"][0]["reason"]
    )
    assert "'when' is no column of entries" in load("Tag,Summe\n1,2\n", "--map", "when=Tag")["errors"][0]["reason"]


def test_particulars_can_be_the_category(load):
    answer = load(CASH_BOOK, "--map", "category=Particulars")
    assert posted() == [("received", "Collection Murugan", 500), ("spent", "Tea", 20)]
    assert any("makes 2 new categories" in found["reason"] for found in answer["warnings"])


def test_which_way_each_column_goes():
    assert [sides.direction_of(role, "out") for role in sides.ROLES] == ["received", "spent", "spent", "received"]
    assert [sides.direction_of(role, "in") for role in sides.ROLES] == ["received", "spent", "received", "spent"]


# ------------------------------------------------------------------------------------------------ by page


@pytest.fixture
def staff(client):
    client.force_login(world.cast().ravi)
    return client


def at(name, *args):
    return reverse(f"shop:{name}", args=["main-street", *args])


def upload(client, text):
    client.post(at("new_import", "entries"), {"file": SimpleUploadedFile("list.csv", text.encode())})
    return Job.objects.latest("id")


def roles_of(job):
    return {f"role_{index}": role for index, role in enumerate(job.parameters["roles"])}


def test_the_wizard_asks_which_way_a_debit_goes(staff):
    job = upload(staff, PASS_BOOK)
    assert job.step == wizard.COLUMNS
    page = staff.get(at("import", job.pk)).content.decode()
    assert "Debit is money out, credit money in" in page
    refused = staff.post(at("import_columns", job.pk), roles_of(job))
    assert refused.status_code == 400
    assert "Say which way money goes" in refused.content.decode()
    assert "(a command: --debit-is out)" in refused.content.decode()
    staff.post(at("import_columns", job.pk), {**roles_of(job), "debit_is": "out"})
    staff.post(at("confirm_import", job.pk))
    assert posted() == BOTH


def test_the_wizard_asks_once_for_the_category_of_the_file(staff):
    job = upload(staff, CASH_BOOK)
    assert job.step == wizard.COLUMNS
    answers = {"category_received": "Collection", "category_spent": "Expense"}
    staff.post(at("import_columns", job.pk), {**roles_of(job), **answers})
    page = staff.get(at("import", job.pk)).content.decode()
    assert "Post 2 entries" in page
    assert "&#x27;Opening&#x27; is a balance and no entry" in page
    assert "Not read: the column Balance." in page
    staff.post(at("check_again", job.pk), {"allow_future": "on"})
    staff.post(at("confirm_import", job.pk))
    assert posted() == BOTH


def test_an_answer_that_was_not_offered_does_not_count(staff):
    job = upload(staff, CASH_BOOK)
    answer = staff.post(
        at("import_columns", job.pk), {**roles_of(job), "category_spent": "Collection", "debit_is": "x"}
    )
    assert answer.status_code == 400
    assert posted() == []


def test_titles_and_totals_are_told_on_the_check_page(staff):
    rows = "10-01-2024,Expense,120.50\n11-01-2024,Expense,20\n,Total,140.50\n,Total,150\n"
    text = f"Field Finance\n\ndate,category,amount\n{rows}"
    job = upload(staff, text)
    page = staff.get(at("import", job.pk)).content.decode()
    assert "Line 1 stands above the header and was not read: Field Finance" in page
    assert "The total of 140.50 agrees" in page
    assert "The total says 150.00, but the rows above add up to 140.50" in page
    assert "Post 2 entries" in page
    staff.post(at("confirm_import", job.pk))
    assert "The total says 150.00" in staff.get(at("import", job.pk)).content.decode()
    assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == Decimal("140.50")
