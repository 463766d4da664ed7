"""Files on their way in through the page: read and looked at first, then brought in once, whole or not at all."""

import csv
import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from expenses import services
from expenses.incoming import uploads
from expenses.models import RejectedRow, Statement, Transaction
from ledger.models import Account
from lendbook import instance
from shop import jobs
from shop.imports import wizard
from shop.models import Job
from tests import world
from tests.expenses.statement_files import DATA

pytestmark = pytest.mark.django_db
BASE = "/books/main-street/expenses/statements/"
HEADER = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance\n"
CONTENT = (
    HEADER + "01/09/26,UPI-SWIGGY-SWIGGY@ICICI-ICIC0000001-100000000001-FOOD,01/09/26,250.00,0.00,1,9750.00\n"
    "02/09/26,UPI-QWXZ TRADERS-QWXZ@OKAXIS-UTIB0000001-100000000002-PAY,02/09/26,500.00,0.00,2,9250.00\n"
    "03/09/26,UPI-MURUGAN K-MURUGAN@OKAXIS-UTIB0000001-100000000003-LOAN,03/09/26,0.00,500.00,3,9750.00\n"
).encode()
STRANGE = b"Wann,Was,Raus,Rein\n05/09/26,SHOP,10.00,\n06/09/26,SHOP,12.00,\n"
MAPPING = {"map_date": "Wann", "map_narration": "Was", "map_debit": "Raus", "map_credit": "Rein"}


@pytest.fixture
def cast(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **options: None)
    settings.DATA_DIR = instance.make_folders(tmp_path, "testing")
    return world.cast()


@pytest.fixture
def bank(cast):
    return Account.objects.get(book=cast.main, name="Bank")


@pytest.fixture
def ravi(cast):
    return world.browser(cast.ravi)


def upload(client, bank, *contents, name="september.csv"):
    """Upload files; the address of the page that follows."""
    files = [SimpleUploadedFile(f"{n}-{name}" if n else name, content) for n, content in enumerate(contents)]
    answer = client.post(BASE, {"account": bank.pk, "files": files})
    assert answer.status_code == 302, answer.content.decode()
    return answer.url


def text(client, address):
    return client.get(address).content.decode()


def press(client, address, **fields):
    return client.post(f"{address}do/", fields)


def kept_files():
    return [path.name for path in wizard.folder().iterdir() if path.is_file()]


def nothing_came_in():
    return not Statement.objects.exists() and not Transaction.objects.exists()


def figures(job):
    return [job.result[name] for name in ("rows_in", "imported", "duplicate", "rejected")]


def test_a_statement_is_looked_at_before_it_comes_in_and_undone_whole(bank, ravi):
    look = upload(ravi, bank, CONTENT)
    page = text(ravi, look)
    assert "3 new" in page
    assert "Bring in 3 rows" in page
    assert not Transaction.objects.exists()
    press(ravi, look, do="import")
    assert Transaction.objects.count() == 3
    assert "3 imported" in text(ravi, look)
    assert kept_files() == []
    statement = Statement.objects.get()
    assert statement.job == Job.objects.get()
    ravi.post(f"{BASE}{statement.pk}/undo/")
    assert not Transaction.objects.exists()
    assert Job.objects.get().state == Job.State.UNDONE
    assert "3 rows were taken out" in text(ravi, look)


def test_bring_in_pressed_twice_brings_in_once(bank, ravi):
    look = upload(ravi, bank, CONTENT)
    for _ in range(2):
        press(ravi, look, do="import")
    assert (Statement.objects.count(), Transaction.objects.count(), Job.objects.get().attempts) == (1, 3, 1)


def test_with_a_worker_a_large_file_waits_for_it_and_the_page_can_be_left(bank, ravi, monkeypatch):
    monkeypatch.setattr("shop.jobs.is_worker_alive", lambda: True)
    monkeypatch.setattr("shop.views.imports.SMALL_ROWS", 0)
    look = upload(ravi, bank, CONTENT)
    assert "Being read" in text(ravi, look)
    assert "september.csv" in text(ravi, BASE)
    job = jobs.run(Job.objects.get().pk)
    assert job.state == Job.State.ASKS
    press(ravi, look, do="import")
    assert "Being brought in" in text(ravi, look)
    assert not Transaction.objects.exists()
    assert jobs.run(job.pk).state == Job.State.DONE
    assert Transaction.objects.count() == 3


def test_stopped_while_it_waits_or_writes_nothing_comes_in_and_nothing_is_left(bank, ravi, monkeypatch):
    monkeypatch.setattr("shop.jobs.is_worker_alive", lambda: True)
    monkeypatch.setattr("shop.views.imports.SMALL_ROWS", 0)
    monkeypatch.setattr(jobs.Progress, "EVERY_SECONDS", 0)
    for stopped_at in ("waiting", "writing"):
        look = upload(ravi, bank, CONTENT)
        job = jobs.run(Job.objects.first().pk)
        press(ravi, look, do="import")
        if stopped_at == "writing":
            store = services.storing.store

            def cancel_and_store(*args, job=job, store=store, **options):
                Job.objects.filter(pk=job.pk).update(cancel_requested=True)
                return store(*args, **options)

            monkeypatch.setattr(services.storing, "store", cancel_and_store)
            jobs.run(job.pk)
        else:
            ravi.post(f"/books/main-street/jobs/{job.pk}/cancel/")
        job.refresh_from_db()
        assert job.state == Job.State.CANCELLED
        assert "Nothing of it came in" in text(ravi, look)
        assert nothing_came_in()
        assert kept_files() == []


def test_unknown_columns_are_asked_for_and_remembered(bank, ravi):
    look = upload(ravi, bank, STRANGE)
    assert "which column is what" in text(ravi, look)
    press(ravi, look, do="import")  # not before the columns are known
    press(ravi, look, do="read", **{**MAPPING, "map_debit": "", "map_credit": ""})
    assert "lacks debit, credit or amount" in text(ravi, look)
    press(ravi, look, do="read", **MAPPING)
    assert "2 new" in text(ravi, look)
    press(ravi, look, do="import")
    assert Transaction.objects.count() == 2
    assert "1 new" in text(ravi, upload(ravi, bank, STRANGE.replace(b"12.00", b"13.00")))


def test_columns_named_wrongly_are_named_again_with_those_as_read_before_one(bank, ravi):
    look = upload(ravi, bank, STRANGE)
    press(ravi, look, do="read", **{**MAPPING, "map_debit": "Rein", "map_credit": "Raus"})
    press(ravi, look, do="import")
    services.undo_statement(Statement.objects.get())
    look = upload(ravi, bank, STRANGE)
    assert "Other columns" in text(ravi, look)
    press(ravi, look, do="columns")
    fields = text(ravi, look).split("<select")
    assert [name for name in fields if 'name="map_debit"' in name and "<option selected>Rein" in name]
    press(ravi, look, do="read", **MAPPING)
    press(ravi, look, do="import")
    press(ravi, upload(ravi, bank, STRANGE.replace(b"12.00", b"13.00")), do="import")
    assert [str(one.debit_amount) for one in Transaction.objects.order_by("pk")] == ["10.00", "12.00", "13.00"]


def test_columns_that_a_person_names_are_read_rather_than_the_layouts(bank, ravi):
    header = "Date,Description,Note,Debit,Credit,Balance\n"
    first = header + "01/09/26,UPI,RAVI STORES,100.00,,900.00\n"
    more = first + "02/09/26,UPI,MANI STORES,50.00,,850.00\n"
    waiting, look = (upload(ravi, bank, content.encode()) for content in (header + "03/09/26,UPI,X,1.00,,\n", first))
    press(ravi, look, do="columns")
    press(ravi, look, do="read", map_date="Date", map_narration="Note", map_debit="Debit", map_balance="Balance")
    press(ravi, look, do="import")
    press(ravi, waiting, do="import")  # as it was looked at
    report = services.import_statement(bank, more.encode(), file_name="more.csv")
    assert (report.layout, report.imported, report.duplicate) == ("mapping", 1, 1)
    narrations = Transaction.objects.order_by("transaction_date").values_list("narration", flat=True)
    assert list(narrations) == ["RAVI STORES", "MANI STORES", "UPI"]
    assert services.parse(bank, CONTENT).layout == "original"


def test_dates_are_read_again_as_a_person_says(bank, ravi):
    look = upload(ravi, bank, (HEADER + "01/02/26,A,,5.00,,,\n02/03/26,B,,5.00,,,\n").encode())
    page = text(ravi, look)
    assert "more than one order" in page
    assert "01-02-2026 to 02-03-2026" in page
    press(ravi, look, do="read", dates="mdy")
    assert "02-01-2026 to 03-02-2026" in text(ravi, look)
    press(ravi, look, do="import")
    assert [str(one.transaction_date) for one in Transaction.objects.order_by("line")] == ["2026-01-02", "2026-02-03"]


def test_many_files_stand_on_one_page_and_one_that_fails_stops_no_other(bank, ravi):
    broken = CONTENT.replace(b"500.00,0.00", b"50x,0.00").replace(b"100000000001", b"100000000009")
    files = [CONTENT, b"%PDF-1.4 ...", STRANGE, broken, b"", b"x" * (uploads.MAX_BYTES + 1)]
    page = upload(ravi, bank, *files)
    shown = text(ravi, page)
    for words in ("3 new", "This is a PDF", "which column is what", "1 rejected", "The file is empty", "10 MB"):
        assert words in shown, words
    assert "Bring in 2 files, 5 rows" in shown
    press(ravi, page, do="import")
    states = list(Job.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["done", "failed", "asks", "done", "failed", "failed"]
    done = Job.objects.filter(state="done").order_by("pk")
    assert [figures(job) for job in done] == [[3, 3, 0, 0], [3, 1, 1, 1]]
    for job in done:
        rows_in, *parts = figures(job)
        assert rows_in == sum(parts)
    assert Transaction.objects.count() == 4
    press(ravi, page, do="drop")
    assert kept_files() == []


def test_a_file_whose_import_fails_stops_no_other_and_leaves_nothing(bank, ravi, monkeypatch):
    page = upload(ravi, bank, CONTENT, CONTENT.replace(b"2026", b"2025").replace(b"/26", b"/25"))
    store = services.storing.store

    def fail_once(statement, *args, **options):
        store(statement, *args, **options)
        if statement.file_name == "september.csv":
            raise OSError("the disk is full")

    monkeypatch.setattr(services.storing, "store", fail_once)
    press(ravi, page, do="import")
    assert list(Job.objects.order_by("pk").values_list("state", flat=True)) == ["failed", "done"]
    assert Statement.objects.get().file_name == "1-september.csv"
    assert Transaction.objects.count() == 3
    assert kept_files() == []


WRONG = (
    HEADER + "04/09/26,SHOP,,abc,,7,\n"
    "30/02/26,=HYPERLINK(1),,5.00,,8,\n"
    '05/09/26,"A, B",,1.00,2.00,9,\n'
    "06/09/26,GOOD,,6.00,,10,\n"
    "07/09/26,MANY,x,y,z,1.00,,,,,11,\n"
)
MENDED = (
    ("abc", "4.00"),
    ("30/02/26", "28/02/26"),
    ("1.00,2.00", "1.00,"),
    ("MANY,x,y,z,1.00,,,,,11,", "MANY,,3.00,,11,"),
)


@pytest.mark.parametrize("when", ["looked at", "in"])
def test_rejected_rows_are_mended_in_their_csv_and_sent_again(bank, ravi, when):
    look = upload(ravi, bank, WRONG.encode())
    assert "4 rejected" in text(ravi, look)
    if when == "in":
        press(ravi, look, do="import")
        address = f"{BASE}{Statement.objects.get().pk}/rejected.csv"
    else:
        address = f"{look}rejected.csv"
    sent = b"".join(ravi.get(address).streaming_content).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(sent)))
    assert rows[0][0] == "Reason"
    assert [row[0].partition(":")[0] for row in rows[1:]] == ["Line 2", "Line 3", "Line 4", "Line 6"]
    assert ",=HYPERLINK" not in sent
    again = upload(ravi, bank, sent.encode())
    assert "0 new" in text(ravi, again)
    press(ravi, again, do="drop")
    for wrong, right in MENDED:
        assert wrong in sent
        sent = sent.replace(wrong, right)
    press(ravi, upload(ravi, bank, sent.encode()), do="import")
    press(ravi, upload(ravi, bank, WRONG.encode()), do="import")
    came = {one.narration: str(one.amount) for one in Transaction.objects.all()}
    assert came == {"SHOP": "4.00", "=HYPERLINK(1)": "5.00", "A, B": "1.00", "GOOD": "6.00", "MANY": "3.00"}


def test_mended_rows_of_a_file_that_writes_the_month_first_keep_their_days(bank, ravi):
    content = HEADER + "04/26/26,A,,5.00,,,\n04/05/26,B,,x,,,\n04/27/26,C,,1.00,,,\n"
    press(ravi, upload(ravi, bank, content.encode()), do="import")
    sent = b"".join(ravi.get(f"{BASE}{Statement.objects.get().pk}/rejected.csv").streaming_content)
    assert RejectedRow.objects.get().cells[0] == "2026-04-05"
    press(ravi, upload(ravi, bank, sent.replace(b",x,", b",2.00,")), do="import")
    assert str(Transaction.objects.get(narration="B").transaction_date) == "2026-04-05"


def test_who_may_upload(cast, bank):
    look = upload(world.browser(cast.ravi), bank, CONTENT)
    assert world.browser(cast.asha).get(look).status_code == 200
    assert world.browser(cast.meena).get(look).status_code == 403
    assert world.browser(cast.kumar).get(look).status_code == 403
    assert world.browser(cast.charlie).get(look).status_code == 404
    pk = Job.objects.get().pk
    other = f"/books/other-road/expenses/statements/upload/{pk}/"
    for address in (other, f"{other}rejected.csv", "/books/other-road/expenses/statements/uploads/00/"):
        assert world.browser(cast.charlie).get(address).status_code == 404
    assert press(world.browser(cast.charlie), other, do="import").status_code == 404
    for name in ("meena", "kumar"):
        assert press(world.browser(getattr(cast, name)), look, do="import").status_code == 403
    foreign = Account.objects.get(book=cast.other, name="Bank")
    answer = world.browser(cast.ravi).post(BASE, {"account": foreign.pk, "files": SimpleUploadedFile("a.csv", CONTENT)})
    assert answer.status_code == 400
    assert Job.objects.count() == 1


def test_no_file_or_too_many_are_said_and_an_upload_without_a_job_is_swept_away(bank, ravi, monkeypatch):
    assert "Choose one or more files" in ravi.post(BASE, {"account": bank.pk}).content.decode()
    files = [SimpleUploadedFile("a.csv", b"x") for _ in range(uploads.MAX_FILES + 1)]
    assert "choose up to 20" in ravi.post(BASE, {"account": bank.pk, "files": files}).content.decode()
    assert kept_files() == []

    def lost(**fields):
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "create", lost)
    with pytest.raises(KeyboardInterrupt):
        uploads.receive(bank, [SimpleUploadedFile("a.csv", CONTENT)], user=None)
    assert kept_files() == []


# ------------------------------------------------------------------------------------------------ bad files


def workbook(*rows):
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


NAMES = HEADER.strip().split(",")

REFUSED = {
    "empty": (b"", "The file is empty"),
    "header alone": (HEADER.encode(), "no rows below"),
    "too large": (b"x" * (10 * 1024 * 1024 + 1), "10 MB"),
    "PDF": (b"%PDF-1.7 ...", "choose the statement as Excel"),
    "a million columns": (b"Date," * 1_000_000, "1,000,001 columns"),
    "column doubled": (b"Date,Narration,Debit,Debit,Credit\n01/02/25,A,1,2,3\n", "Delete or rename"),
    "password": (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "protected with a password"),
    # The workbook of hdfc_real_binary…, saved once more by LibreOffice (storeToURL, "MS Excel 97") with a password.
    "password, binary": ((DATA / "binary_with_a_password.xls").read_bytes(), "protected with a password"),
    "no statement": (b"hello\nworld\n", "No header line was found"),
    "damaged": (b"PK\x03\x04not a zip", "damaged"),
}
REJECTED = {
    "30/02": ("30/02/25,A,,5.00,,,", "is not a day of the calendar"),
    "1900": ("01/02/1900,A,,5.00,,,", "is not between 1990 and 2099"),
    "2100": ("01/02/2100,A,,5.00,,,", "is not between 1990 and 2099"),
    "both filled": ("01/02/25,A,,5.00,6.00,,", "are filled"),
    "neither filled": ("01/02/25,A,,,,,", "neither debit nor credit is filled"),
    "no amount": ("01/02/25,A,,12x,,,", "is not an amount"),
    "NUL": ("01/02/25,A\x00B,,5.00,,,", "NUL byte"),
    "too wide": ("01/02/25,A,B,C,,5.00,,,,,", "fields where the header has 7"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_in_words_by_page_and_command(bank, ravi, name, tmp_path, capsys):
    content, words = REFUSED[name]
    look = upload(ravi, bank, content, name="bad.xls")
    page = text(ravi, look).replace("&#x27;", "'")
    assert words in page
    assert "Nothing of it came in" in page
    assert by_command(bank, content, tmp_path, capsys)[1].find(words) >= 0
    assert nothing_came_in()
    assert kept_files() == []


@pytest.mark.parametrize("name", REJECTED)
def test_a_bad_row_is_rejected_in_words_by_page_and_command_and_the_others_come_in(bank, ravi, name, tmp_path, capsys):
    row, words = REJECTED[name]
    content = f"{HEADER}05/02/25,GOOD,,1.00,,,\n{row}\n06/02/25,GOOD,,2.00,,,\n".encode()
    look = upload(ravi, bank, content)
    assert words in text(ravi, look)
    press(ravi, look, do="import")
    assert figures(Job.objects.get()) == [3, 2, 0, 1]
    services.undo_statement(Statement.objects.get())
    code, said = by_command(bank, content, tmp_path, capsys)
    assert (code, words in said, Transaction.objects.count()) == (1, True, 2)


GOOD = {
    "lone quote": (HEADER + '01/02/25,"HALF,,5.00,,,\n02/02/25,B,,5.00,,,\n').encode(),
    "long narration": (HEADER + f"01/02/25,{'N' * 10_000},,5.00,,,\n02/02/25,B,,5.00,,,\n").encode(),
    "Tamil": (HEADER + "01/02/25,தேநீர் கடை,,5.00,,,\n02/02/25,B,,5.00,,,\n").encode(),
    "mixed dates": (HEADER + "25/04/25,A,,5.00,,,\n2025-04-26,B,,5.00,,,\n").encode(),
    "workbook": workbook(NAMES, ["01/02/25", "A", None, 5, None, 1, 2], ["02/02/25", "B", None, 5.5, 0, 1, 2]),
    "HTML under an Excel name": (
        "<html><table><tr>" + "".join(f"<th>{name}</th>" for name in NAMES) + "</tr>"
        "<tr><td>01/02/25<td>A<td><td>5.00<td><td>1<td></tr><tr><td>02/02/25<td>B<td><td>5.00<td><td>1<td></tr></table>"
    ).encode(),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_but_good_file_comes_in_by_page_and_command(bank, ravi, name, tmp_path, capsys):
    press(ravi, upload(ravi, bank, GOOD[name], name="odd.xls"), do="import")
    assert figures(Job.objects.get()) == [2, 2, 0, 0]
    services.undo_statement(Statement.objects.get())
    assert by_command(bank, GOOD[name], tmp_path, capsys)[0] == 0
    assert Transaction.objects.count() == 2


def test_a_real_binary_workbook_comes_in_by_page_and_command(bank, ravi, tmp_path, capsys):
    content = (DATA / "hdfc_real_binary_with_date_cells_and_formulas.xls").read_bytes()
    look = upload(ravi, bank, content, name="september.xls")
    assert "01-09-2026 to 28-09-2026" in text(ravi, look)
    press(ravi, look, do="import")
    assert figures(Job.objects.get()) == [3, 3, 0, 0]
    assert by_command(bank, content, tmp_path, capsys)[0] == 0
    assert Transaction.objects.count() == 3


def test_sheets_of_a_workbook_that_are_not_read_are_named_by_page_and_command(bank, ravi, tmp_path, capsys):
    april = workbook(NAMES, ["01/04/25", "A", None, 5, None, 1, 95])
    book, content = openpyxl.load_workbook(io.BytesIO(april)), io.BytesIO()
    for name, rows in {
        "May": [["Statement of May"], NAMES, ["01/05/25", "B", None, 5, None, 2, 90]],
        "Empty": [NAMES],
        "Notes": [["Nothing", "of", "a", "statement"]],
    }.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(content)
    look = upload(ravi, bank, content.getvalue(), name="year.xlsx")
    assert text(ravi, look).count("holds a statement too") == 1
    assert "Sheet “May”" in text(ravi, look)
    press(ravi, look, do="import")
    assert "Sheet “May”" in text(ravi, look)
    services.undo_statement(Statement.objects.get())
    code, said = by_command(bank, content.getvalue(), tmp_path, capsys)
    assert (code, said.count("holds a statement too"), "Sheet 'May'" in said) == (0, 1, True)
    assert Transaction.objects.count() == 1


def test_a_formula_without_a_value_is_rejected_and_named(bank, ravi):
    content = workbook(NAMES, ["01/02/25", "A", None, "=1+1", None, 1, 2], ["02/02/25", "B", None, 5, None, 1, 2])
    assert "neither debit nor credit is filled" in text(ravi, upload(ravi, bank, content))


def by_command(bank, content, tmp_path, capsys):
    """(exit code, everything said) of import_statement."""
    from django.core.management import CommandError, call_command

    path = tmp_path / "bad.xls"
    path.write_bytes(content)
    try:
        call_command("import_statement", str(path), book=bank.book.slug, account="Bank")
    except CommandError as error:
        return error.returncode, capsys.readouterr().out + str(error)
    return 0, capsys.readouterr().out


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.text(max_size=200).map(str.encode),
            st.lists(
                st.sampled_from(
                    [*HEADER.split(","), "\n", ",", '"', "01/02/25", "5.00", "\x00", "<table>", "PK\x03\x04"]
                )
            )
            .map("".join)
            .map(str.encode),
            st.binary(max_size=200).map(lambda junk: CONTENT + junk),
            st.tuples(st.integers(0, 400), st.binary(max_size=20)).map(
                lambda cut: CONTENT[: cut[0]] + cut[1] + CONTENT[cut[0] :]
            ),
        ),
        min_size=1,
        max_size=3,
    ),
    st.text(max_size=30),
    st.sampled_from(["import", "read", "drop", ""]),
)
def test_whatever_is_uploaded_a_page_answers(bank, ravi, contents, name, do):
    files = [SimpleUploadedFile("x", content) for content in contents]
    for file in files:
        file._name = name or "x"
    answer = ravi.post(BASE, {"account": bank.pk, "files": files})
    assert answer.status_code in (302, 400)
    if answer.status_code == 302:
        assert ravi.get(answer.url).status_code == 200
        assert press(ravi, answer.url, do=do, dates="mdy").status_code == 302
        assert ravi.get(answer.url).status_code == 200
        assert ravi.get(BASE).status_code == 200
    for one in Statement.objects.all():
        assert one.rows_in == one.imported + one.duplicate + one.rejected
