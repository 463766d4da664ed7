"""Typing and correcting entries and transfers on their pages, as each role and against bad input."""

import uuid
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from ledger import closing, daybook, services
from ledger.models import Account, AccountTransfer, LedgerEntry
from tests import world
from tests.ledger.pages import LIST, page_of

pytestmark = pytest.mark.django_db

ADD = "/admin/ledger/ledgerentry/add/"
ADD_TRANSFER = "/admin/ledger/accounttransfer/add/"


def typed(book, **changes):
    """What a browser sends for a new entry."""
    values = {
        "_book": book.slug,
        "token": uuid.uuid4().hex,
        "date": "15-01-2024",
        "category": world.category(book, "Collection").pk,
        "subcategory": "North",
        "amount": "1,23,456.50",
        "payment_mode": "Cash",
        "account": "",
        "narration": "Murugan",
        "reference": "",
    }
    return values | changes


def faults(response):
    """All that the form says is wrong, as one text; the page was shown again."""
    assert response.status_code == 200
    form = response.context["adminform"].form
    return " ".join(text for texts in form.errors.values() for text in texts)


def correction(entry, **changes):
    """What a browser sends when an entry's page is saved."""
    values = typed(
        entry.book,
        version=entry.version,
        date=f"{entry.date:%d-%m-%Y}",
        category=entry.category_id,
        subcategory=entry.subcategory,
        amount=str(entry.amount),
        payment_mode=entry.payment_mode,
        account=entry.account_id,
        narration=entry.narration,
        reference=entry.reference,
    )
    return values | changes


# ------------------------------------------------------------------------------------------------ typing


def test_what_is_typed_is_posted_to_the_account_of_its_payment_mode(ravi, people):
    response = ravi.post(ADD, typed(people.main, payment_mode="UPI", _save="1"), follow=True)
    entry = LedgerEntry.objects.get()
    assert (entry.date, entry.amount, entry.account.name) == (date(2024, 1, 15), Decimal("123456.50"), "Bank")
    assert (entry.source, entry.created_by, entry.history.get().history_user) == ("staff", people.ravi, people.ravi)
    assert "Posted" in response.content.decode()
    assert "1,23,456.50" in response.content.decode()


def test_a_chosen_account_wins_over_the_payment_mode(ravi, people):
    bank = Account.objects.get(book=people.main, name="Bank")
    ravi.post(ADD, typed(people.main, account=bank.pk))
    assert LedgerEntry.objects.get().account == bank


def test_iso_dates_and_day_first_dates_are_taken(ravi, people):
    for text in ("2024-01-15", "15-01-2024", "15/1/24"):
        ravi.post(ADD, typed(people.main, date=text))
    assert set(LedgerEntry.objects.values_list("date", flat=True)) == {date(2024, 1, 15)}
    assert LedgerEntry.objects.count() == 3


def test_the_next_form_keeps_date_mode_and_account_and_shows_what_was_typed(ravi, people):
    bank = Account.objects.get(book=people.main, name="Bank")
    sent = typed(people.main, date="03-01-2024", payment_mode="Cheque", account=bank.pk, _addanother="1")
    page = ravi.post(ADD, sent, follow=True)
    assert page.request["PATH_INFO"] == ADD
    form = page.context["adminform"].form
    assert (form["date"].value(), form["payment_mode"].value(), form["account"].value()) == (
        "03-01-2024",
        "Cheque",
        str(bank.pk),
    )
    assert [row.narration for row in page.context["just_typed"]] == ["Murugan"]
    assert form["amount"].value() is None


def test_subcategories_used_before_are_offered_the_most_used_first(ravi, people):
    for name in ("North", "South", "South", ""):
        world.post(people.main, "2024-01-15", subcategory=name)
    world.post(people.main, "2024-01-15", "Expense", subcategory="Tea")
    collection = world.category(people.main, "Collection")
    offered = ravi.get(f"{LIST}subcategories/", {"category": collection.pk}).json()
    assert offered == {"subcategories": ["South", "North"]}


def test_the_same_form_submitted_twice_posts_once(ravi, people):
    sent = typed(people.main)
    for _ in range(2):
        assert ravi.post(ADD, sent).status_code == 302
    assert LedgerEntry.objects.get().version == 1


def test_a_used_form_with_other_figures_is_told_so_and_saves_as_another_one(ravi, people):
    sent = typed(people.main)
    ravi.post(ADD, sent)
    page = ravi.post(ADD, sent | {"amount": "70"})
    assert "has posted 15-01-2024 Collection 1,23,456.50 already" in faults(page)
    fresh = page.context["adminform"].form.shown_token
    assert fresh != sent["token"]
    ravi.post(ADD, sent | {"amount": "70", "token": fresh})
    assert sorted(LedgerEntry.objects.values_list("amount", flat=True)) == [Decimal(70), Decimal("123456.50")]


def test_a_form_whose_entry_is_in_the_bin_posts_nothing_unasked(ravi, people):
    sent = typed(people.main)
    ravi.post(ADD, sent)
    services.delete(LedgerEntry.objects.get())
    assert "now in the bin" in faults(ravi.post(ADD, sent))
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("token", ["", "1234", "' OR 1=1"])
def test_a_form_without_its_token_asks_to_save_again(ravi, people, token):
    page = ravi.post(ADD, typed(people.main, token=token))
    assert not LedgerEntry.objects.exists()
    ravi.post(ADD, typed(people.main, token=page.context["adminform"].form.shown_token))
    assert LedgerEntry.objects.count() == 1


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("amount", "0", "The amount must be above 0"),
        ("amount", "-5", "The amount must be above 0"),
        ("amount", "1.005", "more than two decimals"),
        ("amount", "1,2,3", "is not an amount"),
        ("amount", "NaN", "is not an amount"),
        ("amount", "1e3", "is not an amount"),
        ("amount", "௧௨", "is not an amount"),
        ("amount", "1000000000000000", "is too large"),
        ("amount", "", "Type the amount"),
        ("amount", "5\x005", "is not an amount"),
        ("date", "30-02-2024", "There is no 30-02-2024"),
        ("date", "yesterday", "is not a date"),
        ("date", "15-01-0024", "out of reach"),
        ("date", "", "required"),
        ("category", "999999", "There is no such category"),
        ("category", "x", "There is no such category"),
        ("account", "999999", "There is no such account"),
        ("payment_mode", "Barter", "Barter"),
        ("narration", "x" * 501, "500 is the limit"),
        ("subcategory", "x" * 100_000, "80 is the limit"),
    ],
)
def test_bad_input_is_named_and_nothing_is_posted(ravi, people, field, text, said):
    page = ravi.post(ADD, typed(people.main, **{field: text}))
    assert said in faults(page)
    assert page.context["adminform"].form["narration"].value() in ("Murugan", "x" * 501)
    assert not LedgerEntry.objects.exists()


def test_control_characters_become_spaces_and_tamil_stays(ravi, people):
    ravi.post(ADD, typed(people.main, narration="முருகன்\x00\x1bகடை", reference="A\tB"))
    entry = LedgerEntry.objects.get()
    assert (entry.narration, entry.reference) == ("முருகன்  கடை", "A B")


def test_a_date_in_the_future_asks_once_and_an_answer_counts_for_that_date_only(ravi, people):
    soon, later = (people.main.today() + timedelta(days=days) for days in (3, 9))
    sent = typed(people.main, date=f"{soon:%d-%m-%Y}")
    page = ravi.post(ADD, sent)
    assert "is in the future" in faults(page)
    assert f'name="_allow_future" value="{soon}"' in page.content.decode()
    ravi.post(ADD, sent | {"_allow_future": soon.isoformat(), "date": later.isoformat()})
    assert not LedgerEntry.objects.exists()
    ravi.post(ADD, sent | {"_allow_future": soon.isoformat()})
    assert LedgerEntry.objects.get().date == soon


def test_a_closed_day_offers_an_adjustment_that_one_click_posts(ravi, people):
    closing.close_day(people.main, date(2024, 1, 20))
    sent = typed(people.main)
    page = ravi.post(ADD, sent)
    assert "closed through 20-01-2024" in faults(page)
    assert "Post as an adjustment on 21-01-2024" in page.content.decode()
    assert page.context["adminform"].form["narration"].value() == "Murugan"
    for _ in range(2):
        assert ravi.post(ADD, sent | {"_adjust": "2024-01-15"}).status_code == 302
    entry = LedgerEntry.objects.get()
    assert (entry.date, entry.adjusts_date, entry.version) == (date(2024, 1, 21), date(2024, 1, 15), 1)
    assert entry.narration == "Adjustment for 15-01-2024. Murugan"


def test_nothing_is_posted_before_the_book_begins(ravi, people):
    people.main.begins_on = date(2024, 2, 1)
    people.main.save()
    assert "before the book begins (01-02-2024)" in faults(ravi.post(ADD, typed(people.main)))


def test_another_books_account_category_or_book_does_not_exist(ravi, people):
    foreign = people.other.accounts.first()
    assert "There is no such account" in faults(ravi.post(ADD, typed(people.main, account=foreign.pk)))
    category = world.category(people.other, "Collection")
    assert "There is no such category" in faults(ravi.post(ADD, typed(people.main, category=category.pk)))
    assert ravi.post(ADD, typed(people.main, _book=people.other.slug)).status_code == 404
    assert not LedgerEntry.objects.exists()


def test_retired_accounts_and_categories_take_nothing_new_but_old_entries_keep_them(ravi, people):
    entry = world.post(people.main, "2024-01-15", "Income")
    Account.objects.filter(pk=entry.account_id).update(is_active=False)
    type(entry.category).objects.filter(pk=entry.category_id).update(is_active=False)
    assert "There is no such account" in faults(ravi.post(ADD, typed(people.main, account=entry.account_id)))
    assert "There is no such category" in faults(ravi.post(ADD, typed(people.main, category=entry.category_id)))
    assert ravi.post(page_of(entry), correction(entry, amount="7")).status_code == 302


# ------------------------------------------------------------------------------------------------ correcting


def test_a_correction_keeps_who_before_and_after(ravi, people):
    entry = world.post(people.main, "2024-01-15", user=people.asha)
    ravi.post(page_of(entry), correction(entry, amount="600", date="16-01-2024"))
    assert daybook.day_book_on(people.main, date(2024, 1, 16)).total_received == Decimal(600)
    page = ravi.get(reverse("admin:ledger_ledgerentry_history", args=[entry.pk])).content.decode()
    assert "ravi" in page
    assert "500.00" in page
    assert "600.00" in page
    assert "15-01-2024" in page


def test_the_second_editor_is_told_what_changed_and_keeps_his_typing(ravi, people):
    entry = world.post(people.main, "2024-01-15")
    mine = correction(entry, narration="mine")
    services.edit(entry, user=people.asha, amount=Decimal(600))
    page = ravi.post(page_of(entry), mine)
    assert "asha changed this meanwhile: amount 500.00 → 600.00" in faults(page)
    form = page.context["adminform"].form
    assert form["narration"].value() == "mine"
    ravi.post(page_of(entry), mine | {"version": form.shown_version})
    entry.refresh_from_db()
    assert (entry.narration, entry.amount, entry.version) == ("mine", Decimal(500), 3)


def test_a_refusal_for_another_reason_does_not_hide_what_changed_meanwhile(ravi, people):
    entry = world.post(people.main, "2024-01-15")
    mine = correction(entry, amount="five")
    services.edit(entry, user=people.asha, amount=Decimal(600))
    page = ravi.post(page_of(entry), mine)
    again = mine | {"amount": "5", "version": page.context["adminform"].form.shown_version}
    assert "changed this meanwhile" in faults(ravi.post(page_of(entry), again))


def test_an_entry_of_a_closed_day_is_corrected_on_the_first_open_one(ravi, people):
    entry = world.post(people.main, "2024-01-15", source="staff", source_ref="one")
    closing.close_day(people.main, date(2024, 1, 20))
    sent = correction(entry, amount="600")
    assert "Post as an adjustment on 21-01-2024" in ravi.post(page_of(entry), sent).content.decode()
    ravi.post(page_of(entry), sent | {"_adjust": "2024-01-15"})
    assert daybook.day_book_on(people.main, date(2024, 1, 20)).closing_balance == Decimal(50500)
    assert daybook.day_book_on(people.main, people.main.today()).closing_balance == Decimal(50600)


def test_what_is_binned_reversed_or_a_reversal_is_shown_but_not_edited(ravi, people):
    binned, reversed_ = world.post(people.main, "2024-01-15"), world.post(people.main, "2024-01-15")
    services.delete(binned)
    reversal = services.reverse(reversed_, date=reversed_.date)
    for row in (binned, reversed_, reversal):
        row.refresh_from_db()
        page = ravi.get(page_of(row))
        assert page.status_code == 200
        assert page.context["fixed"]
        assert ravi.post(page_of(row), correction(row, amount="7")).status_code == 403
    assert set(LedgerEntry.objects.values_list("amount", flat=True)) == {Decimal(500)}


def test_what_was_made_elsewhere_is_corrected_there(ravi, people):
    entry = world.post(people.main, "2024-01-15", source="tracker", source_ref="7:3:paid:1")
    page = ravi.get(page_of(entry)).content.decode()
    assert "correct it where it was made" in page
    assert f"/books/{people.main.slug}/trackers/7/" in page
    assert ravi.post(page_of(entry), correction(entry, amount="7")).status_code == 403
    reversal = services.reverse(entry, date=entry.date)
    for row in (entry, reversal):
        assert {ravi.post(page_of(row, name)).status_code for name in ("bin", "restore", "reverse")} == {403}
    ravi.post(LIST, {"action": "bin_selected", "_selected_action": [entry.pk, reversal.pk]})
    assert not LedgerEntry.objects.filter(deleted_at__isnull=False).exists()


# ------------------------------------------------------------------------------------------------ transfers


def transferred(book, **changes):
    cash, bank = Account.objects.filter(book=book, name__in=("Cash", "Bank")).order_by("-name")
    values = {
        "_book": book.slug,
        "token": uuid.uuid4().hex,
        "date": "15-01-2024",
        "from_account": cash.pk,
        "to_account": bank.pk,
        "amount": "4,000",
        "narration": "",
        "reference": "slip 7",
    }
    return values | changes


def test_a_transfer_is_typed_once_corrected_and_taken_back(ravi, people):
    sent = transferred(people.main)
    for _ in range(2):
        ravi.post(ADD_TRANSFER, sent)
    moved = AccountTransfer.objects.get()
    assert (str(moved.from_account), str(moved.to_account), moved.amount) == ("Cash", "Bank", Decimal(4000))
    ravi.post(page_of(moved), transferred(people.main, version=1, amount="4,500"))
    ravi.post(page_of(moved, "bin"))
    moved.refresh_from_db()
    assert (moved.amount, moved.version, bool(moved.deleted_at)) == (Decimal(4500), 3, True)


def test_a_transfer_needs_two_accounts_of_the_book(ravi, people):
    sent = transferred(people.main)
    assert "two different accounts" in faults(ravi.post(ADD_TRANSFER, sent | {"to_account": sent["from_account"]}))
    foreign = people.other.accounts.first().pk
    assert "There is no such account" in faults(ravi.post(ADD_TRANSFER, sent | {"to_account": foreign}))


# ------------------------------------------------------------------------------------------------ roles


def test_an_agent_records_into_his_own_cash_and_sees_and_edits_only_his_own(people, client):
    client.force_login(people.kumar)
    bag = Account.objects.get(agent=people.kumar)
    shop = Account.objects.get(book=people.main, name="Cash")
    theirs = world.post(people.main, "2024-01-15", user=people.ravi)
    assert "There is no such account" in faults(client.post(ADD, typed(people.main, account=shop.pk)))
    assert client.get(ADD).context["adminform"].form["account"].value() == bag.pk
    client.post(ADD, typed(people.main, account=bag.pk))
    mine = LedgerEntry.objects.get(created_by=people.kumar)
    assert list(client.get(LIST).context["cl"].result_list) == [mine]
    assert client.get(page_of(theirs)).status_code == 404
    assert client.post(page_of(theirs, "bin")).status_code == 404
    client.post(page_of(mine), correction(mine, amount="9"))
    mine.refresh_from_db()
    assert mine.amount == Decimal(9)
    closing.close_day(people.main, date(2024, 1, 20))
    assert client.post(page_of(mine, "bin")).status_code == 403
    assert client.post(page_of(mine), correction(mine, amount="8")).status_code == 403


def test_an_agent_sees_but_does_not_change_what_staff_put_into_his_cash(people, client):
    bag = Account.objects.get(agent=people.kumar)
    entry = world.post(people.main, "2024-01-15", account=bag, user=people.ravi)
    client.force_login(people.kumar)
    assert client.get(page_of(entry)).status_code == 200
    assert client.post(page_of(entry), correction(entry, amount="9")).status_code == 403
    client.post(LIST, {"action": "bin_selected", "_selected_action": [entry.pk]})
    entry.refresh_from_db()
    assert (entry.amount, entry.deleted_at) == (Decimal(500), None)


def test_an_agent_hands_over_from_his_own_cash_only(people, client):
    client.force_login(people.kumar)
    bag = Account.objects.get(agent=people.kumar)
    world.post(people.main, "2024-01-01", "Income", "50000", account=bag)
    assert "There is no such account" in faults(client.post(ADD_TRANSFER, transferred(people.main)))
    client.post(ADD_TRANSFER, transferred(people.main, from_account=bag.pk))
    assert AccountTransfer.objects.get().from_account == bag


def test_an_auditor_reads_and_changes_nothing(people, client):
    entry = world.post(people.main, "2024-01-15")
    client.force_login(people.meena)
    assert client.get(LIST).status_code == client.get(page_of(entry)).status_code == 200
    assert client.get(ADD).status_code == client.post(ADD, typed(people.main)).status_code == 403
    assert client.post(page_of(entry), correction(entry, amount="9")).status_code == 403
    for name in ("bin", "restore", "reverse"):
        assert client.post(page_of(entry, name)).status_code == 403
    client.post(LIST, {"action": "bin_selected", "_selected_action": [entry.pk]})
    assert LedgerEntry.objects.get().version == 1


def test_the_owner_of_another_book_finds_nothing_here(people, client):
    entry = world.post(people.main, "2024-01-15", subcategory="Secret")
    client.force_login(people.charlie)
    pages = [page_of(entry), page_of(entry, "history")]
    assert {client.get(page).status_code for page in pages} == {404}
    assert {client.post(page_of(entry, name)).status_code for name in ("bin", "restore", "reverse")} == {404}
    assert client.get(LIST).context["cl"].result_count == 0
    assert client.get(LIST, {"_book": people.main.slug}).status_code == 404
    category = world.category(people.main, "Collection")
    assert client.get(f"{LIST}subcategories/", {"category": category.pk}).status_code == 404
    assert client.get(f"{LIST}subcategories/").status_code == 404
