"""Closing the day on the page: counted, settled, signed, reopened; every form safe to send twice."""

import html
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from ledger import closing, daybook, services
from ledger.models import Account, AccountTransfer, DayClose, LedgerEntry
from shop.models import Book
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    cast = world.cast()
    world.post(cast.main, "2024-01-15", "Collection", "4500")
    cast.cash, cast.bank = Account.objects.filter(book=cast.main, agent=None)
    cast.bag = Account.objects.get(book=cast.main, agent=cast.kumar)
    return cast


WHERE = reverse("ledger:close_day", args=["main-street", "2024-01-15"])


def words(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def closing_on(book, on):
    return daybook.day_book_on(Book.objects.get(pk=book.pk), date.fromisoformat(on)).closing_balance


def test_notes_add_up_and_the_shortage_is_posted_so_tomorrow_opens_as_counted(client, cast):
    client.force_login(cast.ravi)
    sent = {
        f"a{cast.cash.pk}-n500": "108",
        f"a{cast.cash.pk}-n100": "3",
        f"a{cast.cash.pk}-n50": "1",
        "note": "calm day",
    }
    assert client.post(WHERE, sent).status_code == 302
    close = DayClose.objects.get()
    count = close.counts.get()
    assert (count.expected, count.counted) == (Decimal("54500.00"), Decimal("54350.00"))
    assert count.denominations == {"500": 108, "100": 3, "50": 1}
    short = LedgerEntry.objects.get(source="close")
    assert (str(short.category), short.amount, short.date) == ("Cash Short", Decimal("150.00"), date(2024, 1, 15))
    assert closing_on(cast.main, "2024-01-16") == Decimal("54350.00")
    page = words(client.get(WHERE))
    assert "Closed through 15-01-2024 by ravi" in page
    assert "500 × 108, 100 × 3, 50 × 1" in page
    assert "calm day" in page
    assert "−150.00" in page


def test_the_same_close_sent_twice_closes_once(client, cast):
    client.force_login(cast.ravi)
    sent = {f"a{cast.cash.pk}-counted": "54350"}
    for _ in range(2):
        assert client.post(WHERE, sent).status_code == 302
    assert DayClose.objects.count() == 1
    assert LedgerEntry.objects.filter(source="close").count() == 1


def test_a_difference_charged_to_an_agent_moves_to_his_account(client, cast):
    client.force_login(cast.asha)
    sent = {f"a{cast.cash.pk}-counted": "54,350.00", f"a{cast.cash.pk}-charged_to": cast.bag.pk}
    assert client.post(WHERE, sent).status_code == 302
    moved = AccountTransfer.objects.get()
    assert (moved.from_account, moved.to_account, moved.amount) == (cast.cash, cast.bag, Decimal("150.00"))
    assert closing_on(cast.main, "2024-01-15") == Decimal("54500.00")


@pytest.mark.parametrize(
    ("sent", "word"),
    [
        ({"n500": "1", "counted": "600"}, "The notes add up to 500.00, not 600.00."),
        ({"n500": "-1"}, "greater than or equal to 0"),
        ({"n500": "1.5"}, "whole number"),
        ({"counted": "1,2,3"}, "is not an amount"),
        ({"counted": "NaN"}, "is not an amount"),
        ({"counted": "1.005"}, "two decimals"),
        ({"counted": "5", "charged_to": "999999"}, "valid choice"),
        ({"counted": "5", "expected": "54000"}, "moved from 54,000.00 to 54,500.00"),
    ],
)
def test_a_wrong_count_marks_its_account_and_closes_nothing(client, cast, sent, word):
    client.force_login(cast.ravi)
    response = client.post(WHERE, {f"a{cast.cash.pk}-{name}": value for name, value in sent.items()})
    assert response.status_code == 422
    assert word in words(response)
    assert not DayClose.objects.exists()
    assert not LedgerEntry.objects.filter(source="close").exists()


def test_after_the_books_moved_the_same_count_is_taken_when_sent_again(client, cast):
    client.force_login(cast.ravi)
    sent = {f"a{cast.cash.pk}-counted": "54600", f"a{cast.cash.pk}-expected": "54,500.00"}
    world.post(cast.main, "2024-01-15", amount="100")
    page = client.post(WHERE, sent)
    assert page.status_code == 422
    shown = re.search(rf'name="a{cast.cash.pk}-expected" value="([^"]*)"', page.content.decode())
    assert client.post(WHERE, {**sent, f"a{cast.cash.pk}-expected": shown[1]}).status_code == 302
    assert not LedgerEntry.objects.filter(source="close").exists()


def test_a_day_to_come_is_not_closed(client, cast):
    client.force_login(cast.ravi)
    tomorrow = cast.main.today() + timedelta(days=1)
    where = reverse("ledger:close_day", args=["main-street", tomorrow])
    assert "has not come yet" in words(client.get(where))
    response = client.post(where)
    assert response.status_code == 422
    assert "has not come yet" in words(response)


def test_the_days_that_no_close_covers_are_listed(client, cast):
    world.post(cast.main, "2024-01-12")
    client.force_login(cast.ravi)
    page = words(client.get(WHERE))
    assert "Mon 15-01-2024 55,000.00 Fri 12-01-2024 50,500.00" in page
    client.post(reverse("ledger:close_day", args=["main-street", "2024-01-12"]))
    assert "Fri 12-01-2024 50,500.00" not in words(client.get(WHERE))


def test_only_the_owner_signs_and_a_signature_stands_once(client, cast):
    client.force_login(cast.ravi)
    client.post(WHERE)
    sign = reverse("ledger:sign", args=["main-street", "2024-01-15"])
    assert client.post(sign).status_code == 403
    client.force_login(cast.asha)
    assert client.post(sign).status_code == 302
    signed_at = DayClose.objects.get().signed_at
    assert client.post(sign).status_code == 302
    assert DayClose.objects.get().signed_at == signed_at
    assert "Signed by asha" in words(client.get(WHERE))
    nothing = reverse("ledger:sign", args=["main-street", "2024-01-14"])
    assert client.post(nothing).status_code == 400


def test_only_the_owner_reopens_with_a_reason_that_the_history_shows(client, cast):
    client.force_login(cast.ravi)
    client.post(WHERE)
    reopen = reverse("ledger:reopen", args=["main-street", "2024-01-15"])
    assert client.post(reopen, {"reason": "please"}).status_code == 403
    assert "Only an owner reopens" in words(client.get(WHERE))
    client.force_login(cast.asha)
    refused = client.post(reopen, {"reason": " "})
    assert refused.status_code == 400
    assert "Say why" in words(refused)
    for _ in range(2):
        assert client.post(reopen, {"reason": "A receipt was found"}).status_code == 302
    assert not Book.objects.get(pk=cast.main.pk).is_closed_on(date(2024, 1, 15))
    page = words(client.get(reverse("ledger:closes", args=["main-street"])))
    assert "A receipt was found" in page
    assert "asha" in page
    assert client.post(WHERE).status_code == 302
    assert DayClose.objects.filter(reopened_at=None).count() == 1


def test_an_auditor_looks_and_does_not_close(client, cast):
    client.force_login(cast.meena)
    page = client.get(WHERE)
    assert page.status_code == 200
    assert b"Close through" not in page.content
    assert client.post(WHERE).status_code == 403


def test_a_closed_day_offers_the_first_open_day(client, cast):
    client.force_login(cast.asha)
    client.post(WHERE)
    assert "16-01-2024" in words(client.get(WHERE))


def test_the_history_of_a_book_without_closes_says_what_to_do(client, cast):
    client.force_login(cast.asha)
    assert "No day was closed yet" in words(client.get(reverse("ledger:closes", args=["main-street"])))


def closed_short_and_reopened(client, cast):
    """Counted 150 short through the page, then reopened by the owner; returns the answer after it."""
    client.force_login(cast.asha)
    client.post(WHERE, {f"a{cast.cash.pk}-counted": "54350"})
    reopen = reverse("ledger:reopen", args=["main-street", "2024-01-15"])
    return client.post(reopen, {"reason": "A receipt was found"}, follow=True)


def test_a_reopened_day_takes_its_difference_along_and_the_page_says_so(client, cast):
    page = words(closed_short_and_reopened(client, cast))
    assert "Put into the bin: Cash Short 150.00 of 15-01-2024." in page
    assert closing_on(cast.main, "2024-01-15") == Decimal("54500.00")
    client.post(WHERE, {f"a{cast.cash.pk}-counted": "54500"})
    assert not LedgerEntry.objects.filter(source="close", deleted_at=None).exists()
    assert closing_on(cast.main, "2024-01-16") == Decimal("54500.00")


def test_the_transfer_of_an_agent_who_answered_goes_with_its_close(client, cast):
    client.force_login(cast.asha)
    client.post(WHERE, {f"a{cast.cash.pk}-counted": "54350", f"a{cast.cash.pk}-charged_to": cast.bag.pk})
    page = words(
        client.post(reverse("ledger:reopen", args=["main-street", "2024-01-15"]), {"reason": "x"}, follow=True)
    )
    assert "150.00 moved from Cash to Kumar's bag" in html.unescape(page)
    assert not AccountTransfer.objects.filter(deleted_at=None).exists()


def test_a_difference_left_behind_is_named_and_one_button_withdraws_it(client, cast):
    """As an earlier version left it, or as somebody takes it out of the bin."""
    closed_short_and_reopened(client, cast)
    services.restore(LedgerEntry.objects.get(source="close"))
    named = "Cash Short 150.00 of 15-01-2024"
    assert f"still standing: {named}" in words(client.get(WHERE))
    refused = client.post(WHERE, {f"a{cast.cash.pk}-counted": "54500"})
    assert (refused.status_code, DayClose.objects.filter(reopened_at=None).count()) == (422, 0)
    assert f"{named} still stands, though its close was opened again" in words(refused)
    withdraw = reverse("ledger:withdraw_differences", args=["main-street", "2024-01-15"])
    assert f"Put into the bin: {named}." in words(client.post(withdraw, follow=True))
    assert "Nothing of a close that was opened again stands" in words(client.post(withdraw, follow=True))
    assert client.post(WHERE, {f"a{cast.cash.pk}-counted": "54500"}).status_code == 302
    assert closing_on(cast.main, "2024-01-16") == Decimal("54500.00")


def test_a_difference_that_was_corrected_goes_with_both_halves(client, cast):
    client.force_login(cast.asha)
    client.post(WHERE, {f"a{cast.cash.pk}-counted": "54350"})
    services.edit(LedgerEntry.objects.get(source="close"), amount=Decimal(100), adjust=True)
    closing.reopen_day(Book.objects.get(pk=cast.main.pk), date(2024, 1, 15), reason="A receipt was found")
    assert list(LedgerEntry.objects.filter(deleted_at=None)) == [LedgerEntry.objects.get(amount=4500)]
    assert closing_on(cast.main, "2024-01-16") == Decimal("54500.00")


def test_reopening_again_withdraws_what_was_left_behind(client, cast):
    """The way out that scripts are told."""
    closed_short_and_reopened(client, cast)
    services.restore(LedgerEntry.objects.get(source="close"))
    book = Book.objects.get(pk=cast.main.pk)
    assert closing.reopen_day(book, date(2024, 1, 15), reason="left behind") == []
    assert closing.left_behind(book) == []
    with pytest.raises(ValidationError, match="open already"):
        closing.reopen_day(book, date(2024, 1, 15), reason="again")


def test_an_auditor_withdraws_nothing(client, cast):
    client.force_login(cast.meena)
    assert client.post(reverse("ledger:withdraw_differences", args=["main-street", "2024-01-15"])).status_code == 403
