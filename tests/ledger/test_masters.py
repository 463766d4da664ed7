"""Accounts, categories, payment modes, people and a book's settings: what may change, by whom, and what is refused."""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.urls import reverse

from ledger import book_setup, closing, daybook, services
from ledger.models import Account, Category, PaymentModeAccount
from shop.models import Book, BookMember, Role
from tests import world
from tests.ledger.pages import page_of

pytestmark = pytest.mark.django_db

MODES = "/admin/ledger/paymentmodeaccount/"
PEOPLE = "/admin/shop/bookmember/"


@pytest.fixture
def asha(people, client):
    """The client, logged in as the owner of Main Street."""
    client.force_login(people.asha)
    return client


def said(response):
    """All that the page says, faults included."""
    assert response.status_code == 200
    return response.content.decode().replace("&#x27;", "'")


def account_form(book, **changes):
    values = {"_book": book.slug, "name": "Cash", "kind": "cash", "opening_balance": "50,000", "agent": ""}
    return values | {"is_active": "on"} | changes


# ------------------------------------------------------------------------------------------------ accounts


def test_a_changed_opening_balance_moves_every_day(asha, people):
    world.post(people.main, "2024-01-15")
    cash = Account.objects.get(book=people.main, name="Cash")
    asha.post(page_of(cash), account_form(people.main, opening_balance="60,000.50"))
    assert daybook.day_book_on(people.main, date(2024, 1, 15)).closing_balance == Decimal("60500.50")
    assert cash.history.first().history_user == people.asha
    history = said(asha.get(reverse("admin:ledger_account_history", args=[cash.pk])))
    assert "50,000.00 → 60,000.50" in history


def test_an_opening_balance_of_a_closed_book_stays_and_the_way_out_is_named(asha, people):
    closing.close_day(people.main, date(2024, 1, 20))
    cash = Account.objects.get(book=people.main, name="Cash")
    page = said(asha.post(page_of(cash), account_form(people.main, opening_balance="1")))
    assert "closed through 20-01-2024. Post an adjustment on 21-01-2024" in page
    cash.refresh_from_db()
    assert cash.opening_balance == Decimal(50000)
    assert asha.post(page_of(cash), account_form(people.main, name="Till")).status_code == 302


def test_an_account_is_retired_and_the_last_one_is_not(asha, people):
    cash, bank, bag = Account.objects.filter(book=people.main)
    retire = {"is_active": ""}
    sent = account_form(people.main, **retire)
    (asked,) = asha.post(page_of(cash), sent).context["adminform"].form.questions  # 50,000 lie in it
    asha.post(page_of(cash), sent | {"_accept": asked.key})
    asha.post(page_of(bag), account_form(people.main, name="Bag", opening_balance="0", **retire))
    last = account_form(people.main, name="Bank", kind="bank", opening_balance="0", **retire)
    assert "last active account" in said(asha.post(page_of(bank), last))
    assert list(Account.objects.filter(book=people.main, is_active=True)) == [bank]
    assert services.account_for_mode(people.main, "Cash") == bank


def test_account_names_are_told_apart_without_regard_to_letter_case(asha, people):
    page = asha.post("/admin/ledger/account/add/", account_form(people.main, name="CASH"))
    assert "has an account of this name already" in said(page)
    asha.post("/admin/ledger/account/add/", account_form(people.main, name="Petty\x00 cash", opening_balance="-5"))
    assert Account.objects.get(name="Petty cash").opening_balance == Decimal(-5)


@pytest.mark.parametrize(
    "name", ["Cash\u200b", "C\u0430sh", "\uff23ash", "\u00a0cash\u00a0", "Ca\u00adsh", "\u0421ash"]
)
def test_an_account_that_reads_like_another_one_is_refused(asha, people, name):
    page = asha.post("/admin/ledger/account/add/", account_form(people.main, name=name))
    assert "already" in said(page)
    assert Account.objects.filter(book=people.main).count() == 3


@pytest.mark.parametrize("name", ["Collection\u200b", "Coll\u0435ction", "Collection\u00a0", "Collect\u0131on"])
def test_a_category_that_reads_like_another_one_is_refused(asha, people, name):
    form = {"_book": people.main.slug, "name": name, "direction": "received", "nature": "income"}
    assert "already" in said(asha.post("/admin/ledger/category/add/", form))


def test_a_twin_of_earlier_days_can_still_be_retired(asha, people):
    twin = Category.objects.create(book=people.main, name="Collection\u200b", direction="received")
    twin.is_active = False
    book_setup.save_category(twin)
    assert not Category.objects.get(pk=twin.pk).is_active


def test_only_people_of_the_book_can_carry_its_cash(asha, people):
    page = asha.post("/admin/ledger/account/add/", account_form(people.main, name="Bag 2", agent=people.charlie.pk))
    assert "Select a valid choice" in said(page)


def test_accounts_show_what_lies_in_them_now(asha, people):
    world.post(people.main, "2024-01-15", amount="123456.50")
    assert "1,73,456.50" in said(asha.get("/admin/ledger/account/"))


# ------------------------------------------------------------------------------------------------ categories


def category_form(book, name, direction, nature, **changes):
    return {"_book": book.slug, "name": name, "direction": direction, "nature": nature} | changes


def test_a_changed_direction_moves_every_day_it_was_used_on(asha, people):
    world.post(people.main, "2024-01-15", "Income", "1500")
    income = world.category(people.main, "Income")
    sent = category_form(people.main, "Income", "spent", "cost", is_active="on")
    asha.post(page_of(income), sent)
    assert daybook.day_book_on(people.main, date(2024, 1, 15)).closing_balance == Decimal(48500)
    closing.close_day(people.main, date(2024, 1, 20))
    assert "is closed" in said(asha.post(page_of(income), sent | {"direction": "received", "nature": "income"}))
    income.refresh_from_db()
    assert income.direction == "spent"


def test_the_categories_of_a_close_stay_as_they_are(asha, people):
    short = world.category(people.main, "Cash Short")
    for change in ({"direction": "received", "nature": "income"}, {"name": "Missing"}, {"is_active": ""}):
        sent = category_form(people.main, "Cash Short", "spent", "cost", is_active="on")
        assert "stays as it is" in said(asha.post(page_of(short), sent | change))


def test_a_new_category_needs_a_name_of_its_own(asha, people):
    sent = category_form(people.main, "கடன் வசூல்", "received", "loans")
    asha.post("/admin/ledger/category/add/", sent)
    assert Category.objects.get(name="கடன் வசூல்").is_active
    assert "of this name already" in said(asha.post("/admin/ledger/category/add/", sent))


def test_a_new_category_is_asked_for_its_nature_and_takes_one_that_fits(asha, people):
    sent = category_form(people.main, "Chit fund", "received", "")
    assert "This field is required" in said(asha.post("/admin/ledger/category/add/", sent))
    assert "choose the nature that fits" in said(asha.post("/admin/ledger/category/add/", sent | {"nature": "cost"}))
    asha.post("/admin/ledger/category/add/", sent | {"nature": "moved"})
    made = Category.objects.get(name="Chit fund")
    assert (made.nature, made.nature_is_guessed) == ("moved", False)


def test_natures_that_were_guessed_stand_on_the_page_until_somebody_looks(asha, people, client):
    one, two = (
        Category.objects.create(book=people.main, name=name, direction="received") for name in ("Chit", "Scrap")
    )
    assert "2 natures were guessed" in said(asha.get("/admin/ledger/category/"))
    asha.post(page_of(one), category_form(people.main, "Chit", "received", "capital", is_active="on"))
    assert "1 nature was guessed" in said(asha.get("/admin/ledger/category/"))
    told = "/admin/ledger/category/natures-told/"
    client.force_login(people.ravi)
    assert client.post(told, {"_book": people.main.slug}).status_code == 403
    client.force_login(people.asha)
    assert "1 nature accepted" in said(client.post(told, {"_book": people.main.slug}, follow=True))
    for row in (one, two):
        row.refresh_from_db()
    assert [(row.nature, row.nature_is_guessed) for row in (one, two)] == [("capital", False), ("income", False)]
    assert two.history.first().history_user == people.asha
    assert "guessed" not in said(asha.get("/admin/ledger/category/"))


# ------------------------------------------------------------------------------------------------ payment modes


def test_every_payment_mode_gets_its_account_on_one_page(asha, people):
    cash, bank, _ = Account.objects.filter(book=people.main)
    sent = {"_book": people.main.slug, "mode_0": bank.pk, "mode_1": "", "mode_6": cash.pk}
    asha.post(MODES, sent)
    modes = dict(PaymentModeAccount.objects.filter(book=people.main).values_list("payment_mode", "account"))
    assert modes == {"Cash": bank.pk, "Other": cash.pk}
    assert "UPI → the book's first account" in said(asha.get(MODES))


def test_a_payment_mode_pays_into_no_foreign_account(asha, people):
    foreign = people.other.accounts.first()
    page = said(asha.post(MODES, {"_book": people.main.slug, "mode_0": foreign.pk}))
    assert "There is no such account in this book." in page
    with pytest.raises(ValidationError, match="no active account"):
        book_setup.map_payment_mode(people.main, "Cash", foreign)


# ------------------------------------------------------------------------------------------------ people


def joining(book, **changes):
    values = {"_book": book.slug, "login": "valli", "name": "Valli M", "role": "staff", "password": ""}
    return values | changes


def test_a_new_login_gets_a_link_by_which_it_sets_its_password_once(asha, people, client):
    page = said(asha.post(f"{PEOPLE}add/", joining(people.main), follow=True))
    link = re.search(r"http://testserver(/set-password/[^\"]+)", page)[1]
    valli = get_user_model().objects.get(username="valli")
    assert not valli.has_usable_password()
    asha.logout()
    form = client.get(link, follow=True)
    client.post(form.request["PATH_INFO"], {"new_password1": "kuthu-vilakku-9", "new_password2": "kuthu-vilakku-9"})
    assert client.login(username="valli", password="kuthu-vilakku-9")
    assert client.get("/admin/ledger/ledgerentry/").status_code == 200
    client.logout()
    assert "has been used or is too old" in said(client.get(link, follow=True))


def test_a_typed_password_is_checked_and_lets_in(asha, people, client):
    assert "too short" in said(asha.post(f"{PEOPLE}add/", joining(people.main, password="short")))
    assert not get_user_model().objects.filter(username="valli").exists()
    asha.post(f"{PEOPLE}add/", joining(people.main, password="kuthu-vilakku-9"))
    sent = {"username": "valli", "password": "kuthu-vilakku-9"}
    assert client.post("/admin/login/?next=/admin/", sent).status_code == 302


def test_an_existing_login_joins_with_its_own_password_and_can_never_be_reset_by_its_new_book(asha, people):
    sent = joining(people.main, login="charlie")
    assert "with its own" in said(asha.post(f"{PEOPLE}add/", sent | {"password": "kuthu-vilakku-9"}))
    asha.post(f"{PEOPLE}add/", sent)
    member = BookMember.objects.get(book=people.main, user=people.charlie)
    assert not book_setup.may_reset(member, people.asha)
    assert "/set-password/" not in said(asha.get(f"{page_of(member)}?link=1"))
    people.charlie.refresh_from_db()
    assert people.charlie.check_password(world.PASSWORD)


def test_a_login_that_came_to_work_elsewhere_too_is_no_longer_reset_from_here(people):
    member = book_setup.add_member(people.main, login="valli", role=Role.STAFF, user=people.asha)
    assert book_setup.may_reset(member, people.asha)
    services.set_member(people.other, member.user, Role.AUDITOR)
    assert not book_setup.may_reset(member, people.asha)


def test_nobody_joins_twice_and_a_bad_login_is_named(asha, people):
    assert "works in Main Street already" in said(asha.post(f"{PEOPLE}add/", joining(people.main, login="ravi")))
    assert "valid username" in said(asha.post(f"{PEOPLE}add/", joining(people.main, login="a b")))
    assert "Select a valid choice" in said(asha.post(f"{PEOPLE}add/", joining(people.main, role="king")))


def test_an_agent_gets_a_cash_account_of_his_own(asha, people):
    asha.post(f"{PEOPLE}add/", joining(people.main, role="agent"))
    assert Account.objects.get(agent__username="valli").name == "Valli M's cash"
    ravi = BookMember.objects.get(user=people.ravi)
    asha.post(page_of(ravi), {"_book": people.main.slug, "role": "agent"})
    assert Account.objects.filter(agent=people.ravi).count() == 1


def test_the_last_owner_stays_owner_and_stays(asha, people):
    own = BookMember.objects.get(book=people.main, user=people.asha)
    sent = {"_book": people.main.slug, "role": "staff"}
    assert "last owner" in said(asha.post(page_of(own), sent))
    delete = reverse("admin:shop_bookmember_delete", args=[own.pk])
    assert "last owner" in said(asha.post(delete, {"post": "yes"}, follow=True))
    own.refresh_from_db()
    assert own.role == Role.OWNER
    book_setup.change_role(BookMember.objects.get(user=people.ravi), Role.OWNER, user=people.asha)
    assert asha.post(page_of(own), sent).status_code == 302


def test_who_is_removed_gets_no_further_and_stays_in_the_history(asha, people, client):
    world.post(people.main, "2024-01-15", user=people.ravi)
    member = BookMember.objects.get(user=people.ravi)
    asha.post(reverse("admin:shop_bookmember_delete", args=[member.pk]), {"post": "yes"})
    page = said(asha.get(PEOPLE))
    assert "Worked here before" in page
    assert "removed by asha" in page
    client.force_login(people.ravi)
    assert client.get("/admin/ledger/ledgerentry/").status_code == 302


# ------------------------------------------------------------------------------------------------ the book


def settings_form(book, **changes):
    return {"_book": book.slug, "name": "Main Street", "time_zone": "Asia/Kolkata", "begins_on": ""} | changes


def test_a_book_begins_no_later_than_its_first_entry(asha, people):
    world.post(people.main, "2024-01-15")
    binned = world.post(people.main, "2024-01-02")
    services.delete(binned)
    page = said(asha.post(page_of(people.main), settings_form(people.main, begins_on="16-01-2024")))
    assert "holds 15-01-2024 Collection 500.00 already. Begin it on 15-01-2024 or earlier" in page
    assert asha.post(page_of(people.main), settings_form(people.main, begins_on="15-01-2024")).status_code == 302
    people.main.refresh_from_db()
    assert people.main.begins_on == date(2024, 1, 15)


def test_a_time_zone_that_is_none_is_refused(asha, people):
    page = said(asha.post(page_of(people.main), settings_form(people.main, time_zone="Asia/Atlantis")))
    assert "is no time zone" in page


def test_a_books_short_name_stays(asha, people):
    asha.post(page_of(people.main), settings_form(people.main, slug="elsewhere", name="Main Road"))
    people.main.refresh_from_db()
    assert (people.main.slug, people.main.name) == ("main-street", "Main Road")


def test_an_owner_opens_another_book_and_owns_it(asha, people):
    sent = {"name": "Hill Road", "slug": "hill-road", "time_zone": "Asia/Kolkata", "begins_on": "01-04-2024"}
    assert asha.post("/admin/shop/book/add/", sent).status_code == 302
    book = Book.objects.get(slug="hill-road")
    assert book.members.get().user == people.asha
    assert (book.accounts.count(), book.begins_on) == (1, date(2024, 4, 1))
    assert "short name is there already" in said(asha.post("/admin/shop/book/add/", sent))


# ------------------------------------------------------------------------------------------------ roles


@pytest.mark.parametrize("name", ["ravi", "kumar", "meena", "charlie"])
def test_only_the_owner_changes_masters(people, client, name):
    client.force_login(getattr(people, name))
    rows = (
        Account.objects.get(book=people.main, name="Cash"),
        world.category(people.main, "Income"),
        BookMember.objects.get(user=people.ravi),
        people.main,
    )
    for row in rows:
        response = client.post(page_of(row), {"_book": people.main.slug, "name": "x", "role": "owner"})
        assert response.status_code in (403, 404)
        response = client.post(f"/admin/{row._meta.app_label}/{row._meta.model_name}/add/", {"_book": people.main.slug})
        assert response.status_code in (403, 404)
    client.post(MODES, {"_book": people.main.slug, "mode_0": ""})
    assert PaymentModeAccount.objects.filter(book=people.main, payment_mode="Cash").exists()
    assert BookMember.objects.get(user=people.ravi).role == Role.STAFF


def test_masters_of_another_book_do_not_exist(people, client):
    client.force_login(people.charlie)
    cash = Account.objects.get(book=people.main, name="Cash")
    for row in (cash, world.category(people.main, "Income"), BookMember.objects.get(user=people.ravi), people.main):
        assert client.get(page_of(row)).status_code == 404
        assert client.get(page_of(row, "history")).status_code == 404
    assert client.post("/admin/ledger/account/add/", account_form(people.main)).status_code == 404


def test_masters_are_never_deleted(asha, people):
    for row in (Account.objects.get(book=people.main, name="Bank"), world.category(people.main, "Income"), people.main):
        page = page_of(row, "delete")
        assert asha.post(page, {"post": "yes"}).status_code == 403
        row.refresh_from_db()
