"""Two submissions at once, and a save while queue and cache are down, through the pages as browsers use them."""

import uuid

import pytest
from django.urls import reverse

from ledger import services
from ledger.models import AccountTransfer, DayChange, LedgerEntry
from shop.models import BookMember, Role
from tests import world
from tests.ledger.test_concurrency import at_once

ADD = "/admin/ledger/ledgerentry/add/"


def typed(book, **changes):
    values = {
        "_book": book.slug,
        "token": uuid.uuid4().hex,
        "date": "15-01-2024",
        "category": world.category(book, "Collection").pk,
        "amount": "500",
        "payment_mode": "Cash",
    }
    return values | changes


@pytest.mark.django_db(transaction=True)
def test_one_form_sent_twice_at_the_same_moment_posts_once():
    people = world.cast()
    sent = typed(people.main)
    windows = [world.browser(people.ravi) for _ in range(4)]
    responses = at_once(*(lambda window=window: window.post(ADD, sent) for window in windows))
    assert [response.status_code for response in responses] == [302] * 4
    assert LedgerEntry.objects.get().version == 1
    assert LedgerEntry.history.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_transfer_sent_twice_at_the_same_moment_moves_once():
    people = world.cast()
    cash, bank = people.main.accounts.filter(agent=None)
    sent = {"_book": people.main.slug, "token": uuid.uuid4().hex, "date": "15-01-2024", "amount": "70"}
    sent |= {"from_account": cash.pk, "to_account": bank.pk}
    windows = [world.browser(people.ravi) for _ in range(3)]
    at_once(*(lambda window=window: window.post("/admin/ledger/accounttransfer/add/", sent) for window in windows))
    assert AccountTransfer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_editors_at_the_same_moment_one_is_told():
    people = world.cast()
    entry = world.post(people.main, "2024-01-15")
    page = reverse("admin:ledger_ledgerentry_change", args=[entry.pk])

    def save(user, amount):
        window = world.browser(user)
        sent = typed(people.main, version=1, amount=amount, account=entry.account_id)
        return lambda: window.post(page, sent)

    responses = at_once(save(people.asha, "600"), save(people.ravi, "700"))
    assert sorted(response.status_code for response in responses) == [200, 302]
    told = next(response for response in responses if response.status_code == 200)
    assert "changed this meanwhile" in told.content.decode()
    entry.refresh_from_db()
    assert entry.version == 2


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_leave_one():
    people = world.cast()
    services.set_member(people.main, people.ravi, Role.OWNER)
    members = {member.user: member for member in BookMember.objects.filter(book=people.main)}

    def remove(by, whom):
        window = world.browser(by)
        page = reverse("admin:shop_bookmember_delete", args=[members[whom].pk])
        return lambda: window.post(page, {"post": "yes"})

    at_once(remove(people.asha, people.ravi), remove(people.ravi, people.asha))
    assert BookMember.objects.filter(book=people.main, role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_with_cache_and_queue_down_the_save_succeeds_and_the_day_is_right(settings, monkeypatch):
    people = world.cast()
    window = world.browser(people.ravi)
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.2},
        }
    }

    def no_queue(*args, **kwargs):
        raise ConnectionError("the broker does not answer")

    monkeypatch.setattr("django_q.tasks.async_task", no_queue)
    assert window.post(ADD, typed(people.main, _save="1")).status_code == 302
    assert DayChange.objects.filter(book=people.main, date="2024-01-15").exists()
    totals = window.get("/admin/ledger/ledgerentry/").context["cl"].totals
    assert (totals.count, str(totals.received)) == (1, "500.00")
    assert not DayChange.objects.filter(book=people.main).exists()
