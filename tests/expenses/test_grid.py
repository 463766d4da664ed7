"""The grid: narrowed, sorted, corrected in place with and without a script, taken back; posting asks first."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from expenses import services, work
from expenses.books import matching, posting
from expenses.models import Correction, CreditMatch, ProductTag, Rule, Statement, Transaction
from expenses.tagging import corrections, placing
from ledger import closing
from ledger import services as ledger
from ledger.models import AccountTransfer, LedgerEntry
from shop import jobs
from shop.models import Job
from tests import world
from tests.expenses.test_pages import BASE, CONTENT, HEADER, bank, cast, rows  # noqa: F401

pytestmark = pytest.mark.django_db
JSON = {"HTTP_ACCEPT": "application/json"}
MORE = (
    "04/09/26,UPI-QWXZ TRADERS-QWXZ@OKAXIS-UTIB0000001-100000000004-PAY,04/09/26,70.00,0.00,4,9680.00\n"
    "05/09/26,ATW-1234-MAIN ROAD,05/09/26,2000.00,0.00,5,7680.00\n"
)


@pytest.fixture
def more(bank, rows):  # noqa: F811
    services.import_statement(bank, (HEADER + MORE).encode(), file_name="more.csv")
    return Transaction.objects.filter(narration__contains="QWXZ").order_by("pk")


def tag(cast, name):  # noqa: F811
    return world.tag(cast.main, name)


def send(client, one, **fields):
    return client.post(f"{BASE}transactions/{one.pk}/correct/", fields, **JSON)


def names(client, query):
    found = client.get(f"{BASE}transactions/?{query}").context["rows"]
    return [f"{one.product or one.mode} {one.amount:.0f}" for one in found]


def test_every_question_narrows_and_every_heading_sorts(cast, more):  # noqa: F811
    client = world.browser(cast.ravi)
    assert names(client, "") == ["CASH WITHDRAWAL 2000", "QWXZ TRADERS 70", "QWXZ TRADERS 500", "SWIGGY 250"]
    assert names(client, "order=oldest")[0] == "SWIGGY 250"
    assert names(client, "order=largest")[:2] == ["CASH WITHDRAWAL 2000", "QWXZ TRADERS 500"]
    assert names(client, "order=smallest&side=all") == [
        "QWXZ TRADERS 70", "SWIGGY 250", "MURUGAN K 500", "QWXZ TRADERS 500", "CASH WITHDRAWAL 2000",
    ]  # fmt: skip
    assert names(client, "order=payee_down")[-1] == names(client, "order=payee")[0] == "CASH WITHDRAWAL 2000"
    assert names(client, "order=tag")[0] == "CASH WITHDRAWAL 2000"
    assert names(client, "tag=tbd") == ["QWXZ TRADERS 500", "QWXZ TRADERS 70"]
    assert (
        names(client, "month=2026-09&mode=ATM")
        == names(client, "decided_by=learned&amount_from=1000")
        == ["CASH WITHDRAWAL 2000"]
    )
    assert names(client, "month=2026-08") == []
    assert "yyyy-mm" in client.get(f"{BASE}transactions/?month=september").content.decode()


def test_a_script_corrects_a_row_and_gets_the_rows_it_shows(cast, more):  # noqa: F811
    client = world.browser(cast.ravi)
    answer = send(client, more[0], tag=tag(cast, "Rent").pk, scope="payee", shown=f"{more[1].pk},999999,x")
    document = answer.json()
    assert document["words"] == "2 rows are Rent now."
    assert list(document["rows"]) == [str(more[1].pk)]
    assert ">Rent</a>" in document["rows"][str(more[1].pk)]
    taken = client.post(
        f"{BASE}transactions/undo/", {"correction": document["last"][0]["pk"], "shown": more[0].pk}, **JSON
    )
    assert "TBD" in taken.json()["rows"][str(more[0].pk)]
    assert not ProductTag.objects.exists()


def test_what_cannot_be_is_said_and_changes_nothing(cast, more):  # noqa: F811
    client = world.browser(cast.ravi)
    for fields, words in (
        ({"tag": tag(cast, "Rent").pk}, "how far"),
        ({"tag": "x", "scope": "row"}, "Choose a tag"),
        ({"tag": tag(cast, "Rent").pk, "scope": "rule"}, "No rule"),
        ({"product": "  "}, "needs a name"),
    ):
        answer = send(client, more[0], **fields)
        assert answer.status_code == 409
        assert words in answer.json()["error"]
    services.settle(more[1], tag(cast, "Food"))
    posting.post([more[1]])
    answer = send(client, more[1], product="Quick shop", tag=tag(cast, "Rent").pk, scope="row")
    assert (answer.status_code, more.get(pk=more[1].pk).product) == (409, "QWXZ TRADERS")
    assert not Correction.objects.exists()
    assert send(client, more[0], tag=world.tag(cast.other, "Rent").pk, scope="row").status_code == 404
    assert send(world.browser(cast.meena), more[0], tag=tag(cast, "Rent").pk, scope="row").status_code == 403
    assert send(world.browser(cast.kumar), more[0], tag=tag(cast, "Rent").pk, scope="row").status_code == 403


def test_without_a_script_the_row_opens_its_own_form(cast, more):  # noqa: F811
    client = world.browser(cast.ravi)
    page = client.get(f"{BASE}transactions/?tag=tbd&edit={more[0].pk}").content.decode()
    assert "all 2 of QWXZ TRADERS, and from now on" in page
    form = {
        "product": "quick shop",
        "tag": tag(cast, "Rent").pk,
        "scope": "payee",
        "back": f"{BASE}transactions/?tag=tbd",
    }
    answer = client.post(f"{BASE}transactions/{more[0].pk}/correct/", form)
    assert answer.url == f"{BASE}transactions/?tag=tbd"
    assert {(one.product, one.tag.name) for one in more.all()} == {("QUICK SHOP", "Rent")}
    assert client.get(f"{BASE}transactions/?edit={more[0].pk}", HTTP_HOST="testserver").context["last"][0].words == (
        "QUICK SHOP: Rent"
    )
    for one in corrections.last_of(cast.main, 5):
        client.post(f"{BASE}transactions/undo/", {"correction": one.pk, "back": "corrections"})
    assert {(one.product, one.tag.name) for one in more.all()} == {("QWXZ TRADERS", "TBD")}
    assert "Taken back" in client.get(f"{BASE}corrections/").content.decode()
    evil = client.post(f"{BASE}transactions/undo/", {"correction": one.pk, "back": "https://elsewhere.example/"})
    assert evil.url == f"{BASE}transactions/"


def test_a_correction_without_rows_is_taken_back_once_and_said_so(cast, more):  # noqa: F811
    school = tag(cast, "Education")
    services.remember(cast.main, "ELSEWHERE", school)
    done = corrections.merge(school, tag(cast, "Fun"))
    client = world.browser(cast.ravi)
    said = [
        client.post(f"{BASE}transactions/undo/", {"correction": done.row.pk}, **JSON).json()["words"] for _ in range(2)
    ]
    assert said == ["Taken back: Education merged into Fun.", "Taken back already."]
    assert ProductTag.objects.get().tag == school


def test_a_payee_that_a_rule_placed_is_asked_about(cast, more):  # noqa: F811
    Rule.objects.create(book=cast.main, text="qwxz", tag=tag(cast, "Travel"))
    placing.replace_tags(Transaction.objects.all())
    page = world.browser(cast.ravi).get(f"{BASE}transactions/?edit={more[0].pk}").content.decode()
    assert "the rule: contains &#x27;qwxz&#x27; leaves this payee alone" in page
    assert "change the rule: contains &#x27;qwxz&#x27;: all 2 rows it places" in page
    assert 'value="payee" required form="edit">' in page  # nothing is chosen for the person
    send(world.browser(cast.ravi), more[0], tag=tag(cast, "Rent").pk, scope="rule")
    assert Rule.objects.get().tag.name == "Rent"
    assert {one.tag.name for one in more.all()} == {"Rent"}


def test_all_that_fit_are_tagged_at_once(cast, more):  # noqa: F811
    client = world.browser(cast.ravi)
    fields = {"every": "1", "query": "tag=tbd", "tag": tag(cast, "Rent").pk, "whole_payee": "1"}
    client.post(f"{BASE}transactions/tag/", fields)
    assert {one.tag.name for one in more.all()} == {"Rent"}
    assert Correction.objects.get().count == 2


def test_a_row_of_another_book_is_neither_corrected_nor_undone(cast, more):  # noqa: F811
    done = corrections.correct([more[0]], tag(cast, "Rent"))
    client = world.browser(cast.charlie)
    other = "/books/other-road/expenses/transactions/"
    assert client.post(f"{other}{more[0].pk}/correct/", {"tag": 1, "scope": "row"}).status_code == 404
    assert client.post(f"{other}undo/", {"correction": done.row.pk}).status_code == 404
    shown = client.post(f"{other}undo/", {"correction": "x", "shown": more[0].pk}, **JSON)
    assert shown.status_code == 404


# ------------------------------------------------------------------------------------------------ posting


@pytest.fixture
def settled(cast, more):  # noqa: F811
    corrections.correct([more[0]], tag(cast, "Rent"), scope=corrections.PAYEE)
    return more


def test_posting_proposes_what_is_in_the_books_and_links_it(cast, bank, settled):  # noqa: F811
    entry = world.post(cast.main, "2026-09-02", "Expense", "500", account=bank, narration="typed by hand")
    client = world.browser(cast.ravi)
    ticked = {"row": [one.pk for one in settled]}
    page = client.post(f"{BASE}transactions/post/", ticked).content.decode()
    assert "1 in the books already?" in page
    assert f'value="entry:{entry.pk}"' in page
    for _ in range(2):
        client.post(f"{BASE}transactions/post/", {**ticked, "sure": "1", f"alike_{settled[0].pk}": f"entry:{entry.pk}"})
    assert [(one.is_linked, one.entry_id is not None) for one in settled.all()] == [(True, True), (False, True)]
    assert LedgerEntry.objects.count() == 2


def test_a_row_whose_entry_went_into_the_bin_is_open_again_and_says_so(cast, bank, settled):  # noqa: F811
    entry = world.post(cast.main, "2026-09-02", "Expense", "500", account=bank, narration="typed by hand")
    posting.link(settled[0], entry)
    client, grid = world.browser(cast.ravi), f"{BASE}transactions/?q=qwxz"
    assert "Linked" in client.get(grid).content.decode()
    ledger.delete(entry)
    assert "Linked" not in client.get(grid).content.decode()
    page = client.get(f"{BASE}transactions/{settled[0].pk}/").content.decode()
    assert "which is in the bin" in page
    assert "Post to day book" in page
    ledger.restore(entry)
    assert "Linked" in client.get(f"{BASE}transactions/{settled[0].pk}/").content.decode()


def test_a_credit_that_proves_a_collection_is_left_out_and_the_page_says_why(cast, bank, settled):  # noqa: F811
    credit = Transaction.objects.get(narration__contains="MURUGAN")
    collection = world.post(cast.main, "2026-09-03", amount="500", account=bank)
    matching.confirm([credit], [collection])
    client = world.browser(cast.ravi)
    page = client.post(f"{BASE}transactions/post/", {"row": [credit.pk]}).content.decode()
    assert "1 proves a collection, left out" in page
    assert "What these credits prove is in the books already." in page
    both = {"row": [credit.pk, settled[0].pk]}
    assert "1 ready" in client.post(f"{BASE}transactions/post/", both).content.decode()
    client.post(f"{BASE}transactions/post/", {**both, "sure": "1"})
    assert LedgerEntry.objects.filter(source="statement").count() == 1
    assert not Transaction.objects.get(pk=credit.pk).is_posted


def test_what_looks_alike_is_left_where_nobody_says_what_it_is(cast, bank, settled):  # noqa: F811
    world.post(cast.main, "2026-09-02", "Expense", "500", account=bank)
    client = world.browser(cast.ravi)
    client.post(f"{BASE}transactions/post/", {"row": [one.pk for one in settled], "sure": "1"})
    assert [one.is_posted for one in settled.all()] == [False, True]
    other = world.post(cast.main, "2026-10-02", "Expense", "1", account=bank)
    client.post(
        f"{BASE}transactions/post/", {"row": settled[0].pk, "sure": "1", f"alike_{settled[0].pk}": f"entry:{other.pk}"}
    )
    assert not Transaction.objects.get(pk=settled[0].pk).is_posted


def test_a_closed_day_is_said_and_its_rows_go_on_the_first_open_one_if_wanted(cast, settled):  # noqa: F811
    closing.close_day(cast.main, date(2026, 9, 3))
    client = world.browser(cast.ravi)
    ticked = {"row": [one.pk for one in settled]}
    assert "closed through 03-09-2026" in client.post(f"{BASE}transactions/post/", ticked).content.decode()
    client.post(f"{BASE}transactions/post/", {**ticked, "sure": "1"})
    assert LedgerEntry.objects.get().date == date(2026, 9, 4)
    client.post(f"{BASE}transactions/post/", {**ticked, "sure": "1", "adjust": "1"})
    assert LedgerEntry.objects.get(adjusts_date__isnull=False).adjusts_date == date(2026, 9, 2)


def test_cash_from_a_machine_posts_as_a_transfer_and_a_credit_as_received(cast, bank, more):  # noqa: F811
    machine = Transaction.objects.get(mode="ATM")
    corrections.correct([machine], tag(cast, "Cash"))
    credit = Transaction.objects.get(credit_amount__isnull=False)
    client = world.browser(cast.ravi)
    client.post(f"{BASE}transactions/post/", {"row": [machine.pk, credit.pk], "sure": "1"})
    assert str(AccountTransfer.objects.get().to_account) == "Cash"
    assert LedgerEntry.objects.get().category.direction == "received"


def test_many_rows_are_posted_by_a_job_that_a_second_run_only_finishes(cast, bank):  # noqa: F811
    start = date(2026, 1, 1)
    lines = [
        f"{start + timedelta(days=n):%d/%m/%y},UPI-QWXZ TRADERS-QWXZ@OKAXIS-UTIB0000001-10000000{n:04}-PAY,,1.00,0.00,{n},"
        for n in range(120)
    ]
    services.import_statement(bank, (HEADER + "\n".join(lines)).encode(), file_name="many.csv")
    services.remember(cast.main, "QWXZ TRADERS", tag(cast, "Rent"))
    client = world.browser(cast.ravi)
    fields = {"every": "1", "query": "posted=ready", "sure": "1"}
    answer = client.post(f"{BASE}transactions/post/", fields)
    job = Job.objects.get(kind=work.POST)
    assert answer.url == f"{BASE}work/{job.pk}/"
    assert "Waiting for its turn" in client.get(answer.url).content.decode()
    posting.post(list(Transaction.objects.all()[:50]))  # a worker died here
    assert jobs.run(job.pk).result["words"] == "70 posted to the day book, 50 were posted before."
    jobs.run(job.pk)
    assert LedgerEntry.objects.count() == 120
    assert "70 posted" in client.get(answer.url).content.decode()
    assert world.browser(cast.meena).get(answer.url).status_code == 403
    assert LedgerEntry.objects.filter(created_by=cast.ravi).count() == 70
    assert json.dumps(Correction.objects.count()) == "0"
    assert sum(entry.amount for entry in LedgerEntry.objects.all()) == Decimal(120)


def test_proposed_matches_are_confirmed_from_the_page_and_taken_back(cast, bank, rows):  # noqa: F811
    parts = [
        world.post(cast.main, "2026-09-03", amount=n, account=bank, narration="Murugan K: Shop") for n in ("300", "200")
    ]
    client = world.browser(cast.ravi)
    address = f"{BASE}credits/?month=2026-09"
    (proposal,) = client.get(address).context["proposals"]
    for _ in range(2):
        client.post(address, {"pair": proposal.key})
    matches = CreditMatch.objects.all()
    assert {match.entry for match in matches} == set(parts)
    assert "2 that add up" in matches[0].evidence
    for nonsense in ("", "x:y", f"{rows[0].pk}:{parts[0].pk}", ":"):
        assert client.post(address, {"pair": nonsense}).status_code == 302
    world.browser(cast.meena).post(address, {"take_back": matches[0].pk})
    assert matches.count() == 2
    client.post(address, {"take_back": matches[0].pk})
    assert not CreditMatch.objects.exists()
    assert len(client.get(address).context["proposals"]) == 1


def test_the_rows_of_one_statement_are_shown_and_another_books_is_none(cast, bank, more):  # noqa: F811
    newest = Statement.objects.get(file_name="more.csv")
    client = world.browser(cast.ravi)
    assert names(client, f"statement={newest.pk}&side=all") == ["CASH WITHDRAWAL 2000", "QWXZ TRADERS 70"]
    assert names(world.browser(cast.asha), "statement=999999") == names(client, "")
    page = client.get(f"{BASE}statements/").content.decode()
    assert f"?statement={newest.pk}" in page
    assert "Take out 2 rows" in page


def test_parts_that_do_not_add_up_stay_as_they_were_typed(cast, more):  # noqa: F811
    form = {
        "do": "split",
        "part_tag": [tag(cast, "Rent").pk, tag(cast, "Fun").pk],
        "part_amount": ["12x", "1,000"],
        "part_note": ["half", ""],
    }
    answer = world.browser(cast.ravi).post(f"{BASE}transactions/{more[0].pk}/", form)
    assert answer.status_code == 200
    assert 'value="12x"' in answer.content.decode()
    assert 'value="1,000"' in answer.content.decode()
    assert not Correction.objects.exists()
