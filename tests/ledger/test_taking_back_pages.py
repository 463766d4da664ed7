"""Entries put into the bin, taken out of it and reversed on their pages, one or many at once."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from ledger import closing, daybook
from ledger.models import LedgerEntry
from tests import world
from tests.ledger.pages import LIST, page_of
from tests.ledger.test_entry_pages import correction

pytestmark = pytest.mark.django_db


def test_an_entry_goes_into_the_bin_and_comes_back(ravi, people):
    entry = world.post(people.main, "2024-01-15")
    ravi.post(page_of(entry, "bin"))
    assert not daybook.day_book_on(people.main, date(2024, 1, 15)).total_received
    assert ravi.get(LIST).context["cl"].result_count == 0
    assert ravi.get(LIST, {"state": "bin"}).context["cl"].result_count == 1
    ravi.post(page_of(entry, "restore"))
    assert daybook.day_book_on(people.main, date(2024, 1, 15)).total_received == Decimal(500)
    assert [row.history_user for row in entry.history.all()[:2]] == [people.ravi, people.ravi]


def test_an_entry_is_reversed_on_the_date_and_for_the_reason_given(ravi, people):
    entry = world.post(people.main, "2024-01-15")
    ravi.post(page_of(entry, "reverse"), {"date": "17-01-2024", "reason": "Typed twice"})
    reversal = LedgerEntry.objects.get(reversal_of=entry)
    assert reversal.date == date(2024, 1, 17)
    assert "Typed twice" in reversal.narration
    refused = ravi.post(page_of(entry, "reverse"), {"date": "soon"}, follow=True)
    assert "is not a date" in refused.content.decode()


def test_a_closed_day_keeps_its_entry_out_of_the_bin_and_says_how_else(ravi, people):
    entry = world.post(people.main, "2024-01-15")
    closing.close_day(people.main, date(2024, 1, 20))
    page = ravi.post(page_of(entry, "bin"), follow=True)
    assert "closed through 20-01-2024" in page.content.decode()
    assert LedgerEntry.objects.get().deleted_at is None


def test_nothing_can_be_deleted_for_good(ravi, people):
    entry = world.post(people.main, "2024-01-15")
    assert ravi.post(reverse("admin:ledger_ledgerentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
    ravi.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert LedgerEntry.objects.count() == 1


def test_taking_back_needs_a_post(ravi, people):
    entry = world.post(people.main, "2024-01-15")
    for name in ("bin", "restore", "reverse"):
        assert ravi.get(page_of(entry, name)).status_code == 405


def test_many_are_binned_at_once_and_those_of_closed_days_stay_and_are_named(ravi, people):
    closed = world.post(people.main, "2024-01-03")
    rows = [world.post(people.main, "2024-02-03") for _ in range(3)]
    closing.close_day(people.main, date(2024, 1, 20))
    chosen = [row.pk for row in (closed, *rows)]
    page = ravi.post(LIST, {"action": "bin_selected", "_selected_action": chosen}, follow=True).content.decode()
    assert "3 entries put into the bin." in page
    assert "1 stayed as they were: 03-01-2024 Collection 500.00" in page
    assert LedgerEntry.objects.filter(deleted_at=None).get() == closed
    assert all(row.history.count() == 2 for row in rows)
    back = {"action": "restore_selected", "_selected_action": [row.pk for row in rows]}
    ravi.post(f"{LIST}?state=bin", back)
    assert LedgerEntry.objects.filter(deleted_at=None).count() == 4
    assert daybook.differences(people.main) == []


def test_many_are_reversed_at_once(ravi, people):
    rows = [world.post(people.main, "2024-02-03") for _ in range(3)]
    ravi.post(LIST, {"action": "reverse_selected", "_selected_action": [row.pk for row in rows]})
    assert LedgerEntry.objects.filter(reversal_of__in=rows).count() == 3
    assert daybook.day_book_on(people.main, people.main.today()).closing_balance == Decimal(50000)


def test_everything_a_filter_shows_is_binned_and_nothing_else(ravi, people):
    for on in ("2024-02-03", "2024-02-03", "2024-03-03"):
        world.post(people.main, on)
    first = LedgerEntry.objects.first().pk
    sent = {"action": "bin_selected", "_selected_action": [first], "select_across": "1"}
    ravi.post(f"{LIST}?date_to=28-02-2024", sent)
    assert LedgerEntry.objects.filter(deleted_at=None).get().date == date(2024, 3, 3)


def test_rows_of_another_book_are_out_of_reach_of_bulk_actions(ravi, people):
    foreign = world.post(people.other, "2024-01-15")
    for action in ("bin_selected", "reverse_selected"):
        ravi.post(LIST, {"action": action, "_selected_action": [foreign.pk]})
        ravi.post(LIST, {"action": action, "_selected_action": [foreign.pk], "_book": people.other.slug})
    foreign.refresh_from_db()
    assert (foreign.deleted_at, foreign.reversed_at) == (None, None)


def test_a_corrections_pages_and_message_name_both_halves_with_their_days(ravi, people):
    was = world.post(people.main, "2024-01-15", source="staff", source_ref="one")
    closing.close_day(people.main, date(2024, 1, 20))
    sent = correction(was, amount="300") | {"_adjust": "2024-01-15"}
    said = ravi.post(page_of(was), sent, follow=True).content.decode()
    assert "21-01-2024 · Collection 300.00 · Cash</a>, adjusting 15-01-2024." in said
    assert "It takes the place of" in said
    assert "15-01-2024 · Collection 500.00 · Cash</a>, taken back on 21-01-2024." in said
    rows = LedgerEntry.objects.all()
    assert {row.date for row in rows.exclude(pk=was.pk)} == {date(2024, 1, 21)}
    now = LedgerEntry.objects.get(amount=300)
    told = {row.pk: ravi.get(page_of(row)).context["fixed"] for row in rows}
    corrected = "This was corrected: change what stands in its place, or put that into the bin first."
    assert {pk for pk, words in told.items() if words == corrected} == {row.pk for row in rows} - {now.pk}
    for row in rows:
        shown = " ".join(ravi.get(page_of(row)).content.decode().split())
        assert "was corrected after its day was closed" in shown
        assert shown.count("15-01-2024 · Collection 500.00 · Cash") >= 1
        assert shown.count("21-01-2024 · Collection 300.00 · Cash") >= 1


def test_a_row_that_was_only_reversed_speaks_of_no_correction(ravi, people):
    entry = world.post(people.main, "2024-01-15")
    ravi.post(page_of(entry, "reverse"), {"date": "17-01-2024"})
    assert "was corrected after" not in ravi.get(page_of(entry)).content.decode()
