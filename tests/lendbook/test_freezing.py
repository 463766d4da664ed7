"""What a fault concerns is read-only, by every way there is to write to it, until it is mended or an owner lifts it."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from expenses import services as expenses
from expenses.books import posting
from expenses.models import Transaction
from ledger import closing, services
from ledger.entry_import.importer import EntryImporter
from ledger.models import LedgerEntry
from lendbook import verifying
from shop import faults
from shop.models import Fault, Job
from tests import world
from tests.lendbook.planted import both, run, sql
from tests.trackers.test_adopt import typed_over
from trackers import adopt, store
from trackers import services as trackers
from trackers.collect import collection
from trackers.collect.collection import Typed
from trackers.importing.payments import PaymentImporter
from trackers.models import Approval, CollectionSave, Tracker
from trackers.workbook.read import read

pytestmark = pytest.mark.django_db
D3, D4, D6 = date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 6)


def refused(do, *args, **fields):
    """Why it was refused; it must be for a fault, and say the way out."""
    with pytest.raises(ValidationError) as refusal:
        do(*args, **fields)
    words = " ".join(refusal.value.messages)
    assert "is read-only since" in words
    assert "an owner lifts this" in words
    return words


# ------------------------------------------------------------------------------------------------ days


@pytest.fixture
def frozen_day(books):
    """03-01-2024 with a total that is wrong."""
    pk = books.main.days.get(date=D3).pk
    sql("UPDATE ledger_daybook SET total_received = 0, closing_balance = opening_balance WHERE id = %s", pk)
    assert [fault.kind for fault in verifying.verify().faults] == ["day differs"]
    return books


def test_nothing_is_posted_changed_or_taken_back_on_a_frozen_day(frozen_day):
    books, entry = frozen_day, frozen_day.entry
    other_day = world.post(books.main, "2024-01-06")
    binned = LedgerEntry.objects.get(amount=77)
    assert "rebuild_day_books --book main-street" in refused(world.post, books.main, "2024-01-03")
    refused(services.edit, entry, amount=Decimal(1))
    refused(services.edit, entry, narration="Only words")
    refused(services.edit, entry, date=D6)
    refused(services.edit, other_day, date=D3)
    refused(services.delete, entry)
    refused(services.restore, binned)
    refused(services.reverse, entry, date=entry.date)
    refused(
        services.transfer, book=books.main, date=D3, from_account=books.cash, to_account=books.bank, amount=Decimal(1)
    )
    new = services.NewEntry(D3, entry.category, Decimal(5), books.cash, "x:1")
    refused(services.post_entries, book=books.main, rows=[new], source="import")
    entry.category.direction = "spent"
    refused(entry.category.save)
    books.cash.opening_balance += 1
    refused(books.cash.save)
    refused(closing.close_day, books.main, D6)
    assert LedgerEntry.objects.get(pk=entry.pk).amount == 1200
    assert services.edit(other_day, amount=Decimal(7)).amount == 7
    assert world.post(books.other, "2024-01-03")


def test_an_import_is_undone_only_where_no_day_of_it_is_frozen(books):
    job = Job.objects.create(book=books.main, kind="import", title="A file")
    rows = [services.NewEntry(D3, books.entry.category, Decimal(5), books.cash, "x:1")]
    services.post_entries(book=books.main, rows=rows, source="import", job=job)
    closing.close_day(books.main, D3)
    faults.keep(
        [faults.Found(books.main, "day differs", "x", "It differs.", "rebuild_day_books", faults.DAYS, "", D3, D3)]
    )
    refused(services.undo_entries, book=books.main, job=job)


def test_payments_and_files_stop_at_a_frozen_day(frozen_day):
    books = frozen_day
    refused(trackers.record_payment, books.john, 0, paid=Decimal(5))
    refused(collection.record_payments, books.main, D3, [Typed(books.john.pk, Decimal(5))], user=books.ravi, token="t")
    entries = EntryImporter(books.main, user=books.ravi)
    entries.begin()
    rows = [(2, {"date": "03-01-2024", "category": "Collection", "amount": "5"}, []),
            (3, {"date": "04-01-2024", "category": "Collection", "amount": "5"}, [])]  # fmt: skip
    states = [one.state for one in entries.check(rows)]
    payments = PaymentImporter(books.main, user=books.ravi)
    payments.begin()
    sheet = [(2, {"tracker": books.john.filename, "day": "0", "amount": "5"}, []),
             (3, {"tracker": books.john.filename, "day": "3", "amount": "5"}, [])]  # fmt: skip
    assert states == [one.state for one in payments.check(sheet)] == ["rejected", "new"]


def test_a_day_is_open_again_when_its_remedy_ran_and_verify_found_it_sound(frozen_day):
    books = frozen_day
    assert run("rebuild_day_books", "--book", books.main.slug)[0] == 0
    refused(world.post, books.main, "2024-01-03")
    assert verifying.verify().is_sound
    assert world.post(books.main, "2024-01-03")


# ------------------------------------------------------------------------------------------------ trackers


@pytest.fixture
def frozen_tracker(books):
    """John's tracker with a total that is wrong."""
    both("trackers_tracker", {"total_paid": 90_000, "pending": 10_000}, books.john.pk)
    assert {fault.ref for fault in verifying.verify().faults} == {str(books.john.pk)}
    return books


def test_nothing_is_written_to_a_frozen_tracker_and_the_others_go(frozen_tracker):
    books, john = frozen_tracker, Tracker.objects.get(pk=frozen_tracker.john.pk)
    content = store.path_of(john).read_bytes()
    assert "check_trackers --book main-street --repair" in refused(trackers.record_payment, john, 3, paid=Decimal(500))
    refused(trackers.move_payment, john, 1, books.mary, 5)
    refused(trackers.move_payment, books.mary, 1, john, 5)
    refused(trackers.edit_terms, john, tracker_name="Another")
    refused(trackers.close_tracker, john, closing=Tracker.Closing.WRITTEN_OFF)
    refused(trackers.renew, john, start_date=D6)
    refused(trackers.empty, john)
    refused(adopt.adopt_copy, john, read(content, thorough=True))
    payments = PaymentImporter(books.main, user=books.ravi)
    payments.begin()
    rows = [(2, {"tracker": john.filename, "day": "3", "amount": "5"}, []),
            (3, {"tracker": books.mary.filename, "day": "3", "amount": "5"}, [])]  # fmt: skip
    assert [one.state for one in payments.check(rows)] == ["rejected", "new"]
    typed = [Typed(john.pk, Decimal(500)), Typed(books.mary.pk, Decimal(500))]
    report = collection.record_payments(books.main, D6, typed, user=books.ravi, token="t")
    assert [line["ok"] for line in report] == [False, True]
    assert "is read-only since" in report[0]["message"]
    assert store.path_of(john).read_bytes() == content
    assert Tracker.objects.get(pk=john.pk).version == john.version


def test_approvals_undo_and_reopening_stop_at_a_frozen_tracker(books):
    typed = [Typed(books.john.pk, Decimal(500)), Typed(books.mary.pk, Decimal(500))]
    collection.record_payments(books.main, D6, typed, user=books.ravi, token="t")
    asked = Approval.objects.create(
        tracker=books.john, date=D6, amount=5, token="a", asked_by=books.kumar, is_added=True
    )
    trackers.close_tracker(books.mary, closing=Tracker.Closing.WRITTEN_OFF)
    for tracker in (books.john, books.mary):
        found = faults.Found(books.main, "x", str(tracker.pk), "It differs.", "y", faults.TRACKER, str(tracker.pk))
        faults.keep([found], kinds_left={"x"})
    assert "is read-only" in collection.approve([asked], user=books.ravi)[0]["message"]
    refused(trackers.reopen_tracker, books.mary)
    undone = collection.undo_save(CollectionSave.objects.get(), user=books.ravi)
    assert undone.put_back == 0
    assert any("is read-only" in sentence for sentence in undone.left)


def test_a_changed_file_may_be_adopted_though_the_tracker_is_frozen(books):
    path = store.path_of(books.john)
    edited = typed_over(path.read_bytes(), {"day5": "900"})
    path.write_bytes(edited)
    verifying.verify()
    refused(trackers.record_payment, books.john, 3, paid=Decimal(500))
    adopt.adopt_copy(books.john, read(edited, thorough=True))
    assert verifying.verify().is_sound
    assert trackers.record_payment(books.john, 3, paid=Decimal(500))


# ------------------------------------------------------------------------------------------------ statements


def test_nothing_is_posted_from_a_frozen_statement(books):
    both("expenses_statement", {"debits": 5}, books.statement.pk)
    verifying.verify()
    left = Transaction.objects.get(narration__contains="QZ")
    expenses.settle(left, world.tag(books.main, "Food"))
    done = posting.post([left])
    assert done.posted == 0
    assert "check_statements --book main-street --repair" in done.refused[0][1]
    entry = world.post(books.main, "2024-01-06", "Expense", "100", account=books.bank)
    refused(posting.link, left, entry)
    refused(posting.split, left, [])
    refused(posting.unpost, [Transaction.objects.get(pk=books.food)])
    refused(expenses.undo_statement, books.statement)
    run("check_statements", "--book", books.main.slug, "--repair")
    verifying.verify()
    left.refresh_from_db()
    assert posting.post([left]).posted == 1


# ------------------------------------------------------------------------------------------------ pages


def page(client, books, name="faults", *args):
    return client.get(reverse(name, args=[books.main.slug, *args]))


def test_home_the_list_and_banners_tell(frozen_tracker, client):
    books = frozen_tracker
    client.force_login(books.asha)
    assert "2 faults found in the books" in page(client, books, "home").content.decode()
    listed = page(client, books).content.decode()
    assert "check_trackers --book main-street --repair" in listed
    assert "total paid is 900.00" in listed
    banner = page(client, books, "trackers:tracker", books.john.pk).content.decode()
    assert "Read-only since" in banner
    assert "Read-only since" not in page(client, books, "trackers:tracker", books.mary.pk).content.decode()


def test_a_frozen_days_page_says_so(frozen_day, client):
    client.force_login(frozen_day.meena)
    assert "Read-only since" in page(client, frozen_day, "ledger:day_book", "2024-01-03").content.decode()
    assert "Read-only since" not in page(client, frozen_day, "ledger:day_book", "2024-01-04").content.decode()


def test_who_may_look_check_and_lift(frozen_tracker, client):
    books = frozen_tracker
    fault = Fault.objects.order_by("pk").first()
    lift = reverse("lift_fault", args=[books.main.slug, fault.pk])
    check = reverse("check_book", args=[books.main.slug])
    for user, look, may_check, may_lift in (
        (books.asha, 200, 302, 302),
        (books.ravi, 200, 302, 403),
        (books.meena, 200, 403, 403),
        (books.kumar, 403, 403, 403),
        (books.charlie, 404, 404, 404),
    ):
        client.force_login(user)
        assert page(client, books).status_code == look
        assert client.post(check).status_code == may_check
        assert client.post(lift, {"reason": ""}).status_code == may_lift
        assert client.get(lift).status_code in (405, look)
    fault.refresh_from_db()
    assert fault.is_freezing  # no reason, no lifting


def test_an_owner_lifts_a_freeze_with_a_reason_that_is_kept(frozen_tracker, client):
    books = frozen_tracker
    client.force_login(books.asha)
    for fault in Fault.objects.all():
        client.post(reverse("lift_fault", args=[books.main.slug, fault.pk]), {"reason": "The customer stands here"})
    fault.refresh_from_db()
    assert (fault.lifted_by, fault.lift_reason) == (books.asha, "The customer stands here")
    again = faults.lift(fault, user=books.ravi, reason="Something else")
    assert (again.lifted_by, again.lift_reason) == (books.asha, "The customer stands here")
    assert "The customer stands here" in page(client, books).content.decode()
    assert trackers.record_payment(books.john, 3, paid=Decimal(500))
    assert not verifying.verify().faults  # the payment stored the totals anew, so the fault is mended


def test_a_lifted_fault_that_stands_stays_lifted(frozen_day):
    books = frozen_day
    faults.lift(Fault.objects.get(), user=books.asha, reason="Counting goes on")
    assert verifying.verify().new == 0
    fault = Fault.objects.get()
    assert (fault.is_freezing, fault.mended_at) == (False, None)
    assert world.post(books.main, "2024-01-03")


def test_a_fault_of_another_book_cannot_be_lifted(frozen_tracker, client):
    books = frozen_tracker
    client.force_login(books.charlie)
    fault = Fault.objects.first()
    assert client.post(reverse("lift_fault", args=[books.other.slug, fault.pk]), {"reason": "x"}).status_code == 404
    assert page(client, books).status_code == 404


def test_check_now_finds_and_leads_back(books, client):
    client.force_login(books.ravi)
    sql("UPDATE ledger_daybook SET total_received = 0, closing_balance = opening_balance WHERE id = %s",
        books.main.days.get(date=D3).pk)  # fmt: skip
    response = client.post(reverse("check_book", args=[books.main.slug]), follow=True)
    assert response.redirect_chain[-1][0] == reverse("faults", args=[books.main.slug])
    assert "1 fault, 1 of them new." in response.content.decode()
