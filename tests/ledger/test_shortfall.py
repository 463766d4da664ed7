"""Money that cannot be there: asked on pages, told by commands and imports, never twice for nothing."""

import io
import json
import uuid
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import reverse

from ledger import closing, daybook, services, shortfall
from ledger.models import Account, AccountTransfer, LedgerEntry
from shop.models import Job
from shop.questions import Unanswered
from tests import world
from tests.ledger.pages import page_of

pytestmark = pytest.mark.django_db

ENTRY, TRANSFER = (reverse(f"admin:ledger_{model}_add") for model in ("ledgerentry", "accounttransfer"))


@pytest.fixture
def box(people):
    """Kumar's bag: nothing in it but 300 of 10-01-2024 and 500 more of 01-03-2024."""
    bag = Account.objects.get(book=people.main, agent=people.kumar)
    world.post(people.main, "2024-01-10", "Income", "300", account=bag)
    world.post(people.main, "2024-03-01", "Income", "500", account=bag)
    return bag


def spend(book, account, on, amount, accepted=()):
    with shortfall.watched(book, accepted=accepted):
        return world.post(book, on, "Expense", amount, account=account)


def asked(book, account, on, amount):
    """The questions of spending that much; nothing is kept."""
    with pytest.raises(Unanswered) as refused:
        spend(book, account, on, amount)
    return refused.value.questions


def entry_form(people, account, **values):
    expense = world.category(people.main, "Expense")
    sent = {"date": "10-01-2024", "category": expense.pk, "amount": "400", "payment_mode": "Cash"}
    return {"_book": people.main.slug, "token": uuid.uuid4().hex, "account": account.pk, **sent, **values}


@pytest.mark.parametrize(
    ("on", "amount", "short_on", "balance"),
    [
        ("2024-01-09", "1", "2024-01-09", "-1"),  # before the first rupee came
        ("2024-01-10", "300.01", "2024-01-10", "-0.01"),
        ("2024-02-29", "301", "2024-02-29", "-1"),
        ("2024-01-10", "900", "2024-01-10", "-600"),
        ("2024-03-01", "800.01", "2024-03-01", "-0.01"),
        ("2024-05-31", "801", "2024-05-31", "-1"),
    ],
)
def test_a_box_below_zero_is_asked_about_on_its_first_such_day(people, box, on, amount, short_on, balance):
    (question,) = asked(people.main, box, on, amount)
    assert question.key == f"short:{box.pk}:{short_on}:{Decimal(balance):.2f}"
    assert "Kumar's bag would stand at" in question.text
    assert not LedgerEntry.objects.filter(category__name="Expense").exists()
    assert spend(people.main, box, on, amount, [question.key]).pk


def test_a_later_day_that_goes_below_zero_is_asked_about(people, box):
    spend(people.main, box, "2024-02-01", "250")
    (question,) = asked(people.main, box, "2024-01-15", "100")  # 200 are left there, until 01-02
    assert ":2024-02-01:-50.00" in question.key


@pytest.mark.parametrize(
    ("on", "amount"), [("2024-01-10", "300"), ("2024-03-01", "800"), ("2024-02-29", "0.01"), ("2024-12-31", "800")]
)
def test_what_is_there_may_be_spent_to_the_last_paisa(people, box, on, amount):
    spend(people.main, box, on, amount)


def test_a_bank_may_be_overdrawn(people):
    bank = Account.objects.get(book=people.main, kind="bank")
    spend(people.main, bank, "2024-01-10", "5000")


def test_a_box_that_was_below_zero_is_asked_about_only_where_it_gets_worse(people, box):
    (question,) = asked(people.main, box, "2024-01-10", "900")
    spent = spend(people.main, box, "2024-01-10", "900", [question.key])
    with shortfall.watched(people.main, accepted=()):
        services.edit(spent, amount=Decimal(850))
        services.edit(spent, narration="A motor bike")
        world.post(people.main, "2024-01-11", "Income", "100", account=box)
    (worse,) = asked(people.main, box, "2024-01-12", "1")
    assert ":2024-01-12:-451.00" in worse.key


def test_an_answer_counts_for_the_amount_that_was_asked_about(people, box):
    (question,) = asked(people.main, box, "2024-01-10", "301")
    with pytest.raises(Unanswered):
        spend(people.main, box, "2024-01-10", "302", [question.key])


def test_the_kept_sums_of_years_are_read_by_one_question(people, box, django_assert_num_queries):
    for year in range(2015, 2024):
        world.post(people.main, f"{year}-06-15", "Income", "10", account=box)
    daybook.finish_pending(people.main.pk)
    with django_assert_num_queries(2):  # the account, and its sums
        (short,) = shortfall.shorts(people.main, {(box.pk, date(2024, 1, 10)): Decimal(-391)})
    assert (short.balance, short.without) == (-1, 390)
    with django_assert_num_queries(0):
        assert shortfall.shorts(people.main, {(box.pk, date(2024, 1, 10)): Decimal(5)}) == []


# ------------------------------------------------------------------------------------------------ pages


def test_the_page_of_an_entry_asks_with_a_button_and_posts_once_when_it_is_pressed(ravi, people, box):
    sent = entry_form(people, box)
    page = ravi.post(ENTRY, sent)
    text = page.content.decode()
    assert "Kumar&#x27;s bag would stand at −100.00 on 10-01-2024, without this at 300.00" in text
    (question,) = page.context["adminform"].form.questions
    assert f'name="_accept"\n    value="{question.key} "' in text
    assert not LedgerEntry.objects.filter(category__name="Expense").exists()
    for _ in range(2):
        assert ravi.post(ENTRY, sent | {"_accept": f"{question.key} "}).status_code == 302
    assert LedgerEntry.objects.get(category__name="Expense").amount == 400


def test_both_questions_of_one_entry_are_answered_one_after_the_other(ravi, people, box):
    closing.close_day(people.main, date(2024, 3, 5))
    sent = entry_form(people, box, amount="900")
    assert "Post as an adjustment" in ravi.post(ENTRY, sent).content.decode()
    page = ravi.post(ENTRY, sent | {"_adjust": "2024-01-10"})
    assert '<input type="hidden" name="_adjust" value="2024-01-10">' in page.content.decode()
    (question,) = page.context["adminform"].form.questions
    assert ravi.post(ENTRY, sent | {"_adjust": "2024-01-10", "_accept": question.key}).status_code == 302
    assert LedgerEntry.objects.get(amount=900).date == date(2024, 3, 6)


def test_the_page_of_a_transfer_asks(ravi, people, box):
    cash = Account.objects.get(book=people.main, name="Cash")
    sent = {"date": "10-01-2024", "from_account": box.pk, "to_account": cash.pk, "amount": "301"}
    sent |= {"_book": people.main.slug, "token": uuid.uuid4().hex}
    page = ravi.post(TRANSFER, sent)
    (question,) = page.context["adminform"].form.questions
    assert not AccountTransfer.objects.exists()
    assert ravi.post(TRANSFER, sent | {"_accept": question.key}).status_code == 302
    assert AccountTransfer.objects.get().amount == 301


def test_correcting_an_entry_asks_too(ravi, people, box):
    spent = world.post(people.main, "2024-01-10", "Expense", "100", account=box, source="staff", source_ref="1:a")
    sent = entry_form(people, box, amount="301", version=spent.version)
    page = ravi.post(page_of(spent), sent)
    assert [question.key for question in page.context["adminform"].form.questions] == [
        f"short:{box.pk}:2024-01-10:-1.00"
    ]


def test_an_agent_is_not_told_what_the_shop_has(client, people, box):
    cash = Account.objects.get(book=people.main, name="Cash")
    moved = services.transfer(
        book=people.main,
        date=date(2024, 1, 10),
        from_account=box,
        to_account=cash,
        amount=Decimal(300),
        user=people.kumar,
        source="staff",
        source_ref="x",
    )
    world.post(people.main, "2024-01-10", "Expense", "50300", account=cash)
    client.force_login(people.kumar)
    sent = {"date": "10-01-2024", "from_account": box.pk, "to_account": cash.pk, "amount": "200"}
    page = client.post(page_of(moved), sent | {"_book": people.main.slug, "version": moved.version})
    assert page.status_code == 302


def test_what_is_taken_back_goes_and_the_box_below_zero_is_told(ravi, people, box):
    came = LedgerEntry.objects.get(amount=300)
    spend(people.main, box, "2024-01-11", "250")
    page = ravi.post(page_of(came, "bin"), follow=True).content.decode()
    assert "Kumar&#x27;s bag stands at −250.00 on 11-01-2024" in page
    came.refresh_from_db()
    assert came.deleted_at


# ------------------------------------------------------------------------------------------------ commands, imports


def answer(*arguments):
    out = io.StringIO()
    call_command(*arguments, "--json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())


def test_commands_do_it_and_warn(people, box):
    book, bag = people.main.slug, "Kumar's bag"
    transfer = ("transfer", "--book", book, "--from", bag, "--to", "Cash", "--date", "2024-01-10", "--amount")
    assert answer(*transfer, "300")["warnings"] == []
    (warning,) = answer(*transfer, "5")["warnings"]
    assert "Kumar's bag stands at −5.00 on 10-01-2024" in warning
    came = LedgerEntry.objects.get(amount=500)
    (warning,) = answer("reverse_entry", str(came.pk), "--date", "2024-03-01")["warnings"]
    assert "−505.00" not in warning
    assert "Kumar's bag stands at −5.00 on 01-03-2024" in warning


def test_an_import_warns_of_a_box_that_it_leaves_below_zero(people, box, tmp_path):
    path = tmp_path / "entries.csv"
    path.write_text(
        "date,account,category,amount\n"
        "2024-01-09,Cash,Expense,10\n"
        "2024-01-12,Kumar's bag,Expense,200\n"
        "2024-01-11,Kumar's bag,Expense,200\n"
        "2024-01-12,Kumar's bag,Income,50\n"
    )
    report = answer("import_entries", str(path), "--book", people.main.slug)
    assert report["imported"] == 4
    (warning,) = report["warnings"]
    assert warning["line"] == 5
    assert "Kumar's bag would stand at −50.00 on 12-01-2024, without this at 300.00" in warning["reason"]
    assert "afterthoughts" not in report


def test_the_check_page_of_an_import_warns_before_anything_is_posted(
    ravi, people, box, django_capture_on_commit_callbacks
):
    file = SimpleUploadedFile("a.csv", b"date,account,category,amount\n2024-01-12,Kumar's bag,Expense,301\n")
    with django_capture_on_commit_callbacks(execute=True):
        ravi.post(reverse("shop:new_import", args=[people.main.slug, "entries"]), {"file": file})
    page = ravi.get(reverse("shop:import", args=[people.main.slug, Job.objects.get().pk])).content.decode()
    assert "Line 2: with the rows through 12-01-2024, Kumar&#x27;s bag would stand at −1.00 on 12-01-2024" in page
    assert not LedgerEntry.objects.filter(category__name="Expense").exists()


# ------------------------------------------------------------------------------------------------ retired accounts


def test_an_account_is_retired_with_money_in_it_only_after_a_yes(client, people, box):
    client.force_login(people.asha)
    where = reverse("admin:ledger_account_change", args=[box.pk])
    sent = {
        "_book": people.main.slug,
        "name": box.name,
        "kind": "cash",
        "opening_balance": "0",
        "agent": people.kumar.pk,
    }
    page = client.post(where, sent)
    assert "bag stands at 800.00, and a retired account is posted to no more" in page.content.decode()
    (question,) = page.context["adminform"].form.questions
    box.refresh_from_db()
    assert box.is_active
    assert client.post(where, sent | {"_accept": question.key}).status_code == 302
    box.refresh_from_db()
    assert not box.is_active
    assert client.post(where, sent | {"name": "Old bag"}).status_code == 302  # retired already: nothing to ask


def test_an_empty_account_is_retired_unasked(client, people):
    bag = Account.objects.get(book=people.main, agent=people.kumar)
    client.force_login(people.asha)
    sent = {
        "_book": people.main.slug,
        "name": bag.name,
        "kind": "cash",
        "opening_balance": "0",
        "agent": people.kumar.pk,
    }
    assert client.post(reverse("admin:ledger_account_change", args=[bag.pk]), sent).status_code == 302
    assert not Account.objects.get(pk=bag.pk).is_active
