"""Nonsense into every form, address and importer of the project: each is refused or taken, none breaks it."""

import contextlib
import re
from collections import Counter
from pathlib import Path

import hypothesis
import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import Resolver404, resolve
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from expenses import services as expenses
from expenses.statements.errors import StatementError
from expenses.tagging import corrections
from ledger.models import Category
from shop.imports import importing, wizard
from tests import world as people
from tests.doors import nonsense, world
from tests.torture import count
from tests.trackers.workbooks import new_workbook, original
from trackers import adopt
from trackers.collect.collection import REFUSALS
from trackers.importing import workbooks
from trackers.views.adopting import _template_faults as template_faults

# Not inside a test's own transaction: each input would make SQLite read its schema anew when it is taken back.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.torture, pytest.mark.long]
ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parents[1] / "expenses" / "data"
TABLES = (
    b"date,category,amount,account,narration\n17-10-2024,Collection,500,Cash,Murugan\n18-10-2024,Expense,20,Bank,tea\n",
    b"Customer,Given on,Investment,Per day,Period,Paid so far\nMurugan,01-08-2024,50000,500,100,12500\n",
    b"Product,Tag\nSWIGGY,Food\nUBER INDIA,Travel\n",
)


@pytest.fixture
def cast():
    return world.build()


def try_each(ways, times, seed, send):
    """Try send(chances, *way) with Hypothesis, `times` over all ways: {way: how often}.

    Hypothesis makes small what breaks; a way that broke does not keep the next from being tried.
    """
    tried, broken = Counter(), []
    for number, (name, *rest) in enumerate(ways):
        try:
            _try_one(name, -(-times // len(ways)), seed + number, lambda draw, rest=rest: send(draw, *rest), tried)
        except Exception as error:
            broken.append(error)
    if broken:
        raise ExceptionGroup("nonsense broke what stands at the end of each", broken)
    return tried


def _try_one(name, times, seed, send, tried):
    @hypothesis.seed(seed)
    @settings(
        max_examples=times,
        deadline=None,
        database=None,
        derandomize=False,  # the seed says what is drawn
        suppress_health_check=list(HealthCheck),
    )
    @given(draw=st.randoms(use_true_random=False))
    def tries(draw):
        note(str(name))
        send(draw)
        tried[name] += 1

    tries()


# ------------------------------------------------------------------------------------------------ forms


def ways(cast):
    """Every way in: (letter who goes it, address, {name: own values}, {files}, names in the query), by the pages' forms.

    The owner goes first; a superuser and a customer go where the owner may not.
    """
    found = {}
    for letter in "ozc":
        for name, pattern in world.patterns():
            where = world.address(name, pattern, cast.rows["main"])
            response = world.knock(cast.browsers[letter], "GET", where)
            lets_in = not world.is_refusal(response)
            if lets_in or not world.is_refusal(world.knock(cast.browsers[letter], "POST", where)):
                _add(found, letter, where)
            if lets_in and response.get("Content-Type", "").startswith("text/html"):
                for form in nonsense.Forms(world.text_of(response)).found:
                    goes = form.action.partition("?")[0] or where
                    if goes.startswith("/"):
                        _add(found, letter, goes, form)
    theirs = {where for letter, where in found if letter == "o"}
    # In the order in which they were found: sorted, addresses change places with the ids in them, and draws with them.
    return [(*key, *value) for key, value in found.items() if key[0] == "o" or key[1] not in theirs]


def _add(found, letter, where, form=None):
    if (letter, where) not in found:
        try:
            in_query, in_form, files = nonsense.names_read(resolve(where).func)
        except Resolver404:
            return
        found[letter, where] = [{name: [] for name in in_form}, set(files), set(in_query)]
    values, files, in_query = found[letter, where]
    if form and form.method == "POST":
        values.update({name: own or values.get(name, []) for name, own in form.values.items()})
        files |= form.files
    elif form:
        in_query |= set(form.values)


def send(client, draw, known, where, values, files, in_query):
    """One request with nonsense in it."""
    query = {name: nonsense.text(draw, known)[:3000] for name in sorted(in_query) if draw.random() < 0.6}
    if draw.random() < 0.1:
        where = re.sub(
            r"(?<=/)(\d+|2024-10-17|2024-10|main-street)(?=/|\.|$)", lambda _: draw.choice(nonsense.IDS), where
        )
    if draw.random() < 0.2 or not (values or files):
        return client.get(where, query)
    if draw.random() < 0.05:
        return client.generic("POST", where, draw.choice(nonsense.BODIES), draw.choice(nonsense.KINDS))
    return client.post(where, nonsense.filled(draw, values, files, known), query_params=query)


def knock(client, *way):
    """As world.knock; what is changed is taken back behind trackers' pages too, which see no transaction around them."""
    client.raise_request_exception = True
    before = {name: morsel.value for name, morsel in client.cookies.items()}
    around = transaction.atomic()
    around._from_testcase = True
    try:
        with around:
            try:
                return send(client, *way)
            finally:
                transaction.set_rollback(True)
    finally:
        client.cookies.clear()
        for name, value in before.items():
            client.cookies[name] = value


def test_nonsense_in_a_form_breaks_nothing(cast, seed, tally):
    found = ways(cast)
    known = [getattr(row, "pk", None) for rows in cast.rows.values() for row in vars(rows).values()]
    assert len(found) > 120

    def into_a_form(draw, client, *way):
        response = knock(client, draw, known, *way)
        assert response.status_code < 500 or response.status_code == 503

    forms = [((letter, where), cast.browsers[letter], where, *way) for letter, where, *way in found]
    tried = try_each(forms, count(1_200, 30_000), seed, into_a_form)
    assert len(tried) == len(found)
    tally("inputs to forms and importers", tried.total())


# ------------------------------------------------------------------------------------------------ importers


def importers(cast, folder):
    """{name: (what takes the bytes of a file, what it may refuse with)}."""
    main, tracker, account = cast.main, cast.murugan.tracker, cast.rows["main"].statement.account
    path = folder / "file"

    def written(content):
        path.write_bytes(content)
        return path

    def by_hand(content):
        return [read() for _, read in workbooks.workbooks_in(written(content))]

    def statement(content):
        return expenses.import_statement(account, content, file_name="a.csv", user=cast.asha)

    def template(content):
        return template_faults(nonsense.named("a.xlsx", content))

    takes = {
        f"{one.kind} importer": (
            lambda content, one=one: wizard.import_now(one(main, user=cast.asha), written(content)),
            (),
        )
        for one in importing.importers()
    }
    return takes | {
        "statement": (statement, (ValidationError, StatementError)),
        "product tags": (lambda content: corrections.take_product_tags(main, content, user=cast.asha), ValidationError),
        "tracker's copy": (lambda content: adopt.compare_copy(tracker, content), REFUSALS),
        "new tracker": (lambda content: adopt.compare_new(main, content), REFUSALS),
        "zip of workbooks": (by_hand, ValidationError),
        "template": (template, ()),
    }  # fmt: skip


def test_nonsense_in_a_file_breaks_no_importer(cast, seed, tally, tmp_path):
    books = [new_workbook(), new_workbook("1L"), original()]
    statements = [path.read_bytes() for path in sorted(DATA.iterdir())]
    models = {"statement": statements, "zip of workbooks": [nonsense.zipped(books)]}
    models |= dict.fromkeys(("tracker's copy", "new tracker", "template"), books)

    def into_an_importer(draw, models, take, refusals):
        content = nonsense.content(draw, models)
        note(f"{content[:600]!r}")
        around = transaction.atomic()
        around._from_testcase = True
        with around:
            with contextlib.suppress(refusals):
                take(content)
            transaction.set_rollback(True)

    takes = [(name, models.get(name, TABLES), *way) for name, way in importers(cast, tmp_path).items()]
    tried = try_each(takes, count(800, 20_000), seed, into_an_importer)
    assert len(tried) == len(takes)
    tally("inputs to forms and importers", tried.total())


# ------------------------------------------------------------------------------------------------ what broke once


def test_what_broke_once_is_refused(cast):
    owner = cast.browsers["o"]
    form = {"username": "ravi", "password": people.PASSWORD, "next": "no such view"}
    assert world.browser(cast, None).post("/login/", form).url == "/"
    form = {"action": "bin", "_selected_action": ["முருகன்", "9" * 30], "index": "0"}
    assert owner.post("/admin/ledger/ledgerentry/", form).status_code == 302
    assert owner.get("/admin/ledger/ledgerentry/", {"q": "a\x00b"}).status_code == 400
    assert owner.get("/login/", headers={"cookie": 'lendbook_testing_session="a\\000bcdefghi"'}).status_code == 400
    assert cast.browsers["z"].get("/admin/django_q/failure/a%00b/change/").status_code == 302
    for name in ("cash", " CASH\x0b"):  # a tag of this name is shipped
        again = owner.post("/books/main-street/expenses/tags/new/", {"do": "save", "name": name, "colour": "#123456"})
        assert "The book has a tag of this name already." in again.content.decode()
    assert owner.get("/books/main-street/expenses/", {"date_from": "9999-12-31"}).status_code == 200
    category = Category.objects.get(book=cast.main, name="Collection").pk
    form = {"paid_category": category, "paid_subcategory": "ab" * 50}
    assert owner.post("/books/main-street/trackers/settings/", form).status_code == 422
    many = cast.browsers["z"].post("/admin/auth/group/add/", {"name": "All", "permissions": "9" * 30})
    assert "is not one of the available choices" in many.content.decode()
    words = {"q": "many words " * 500}
    for letter, path in (("z", "auth/user"), ("o", "trackers/customer")):
        assert cast.browsers[letter].get(f"/admin/{path}/", words).status_code == 200
    with pytest.raises(ValidationError, match="no end"):
        corrections.take_product_tags(cast.main, b'Product,Tag\n"' + b"x" * 200_000, user=cast.asha)
    table = nonsense.named("a.csv", b"what,ever\n1,2\n")
    page = owner.post("/books/main-street/imports/new/entries/", {"file": table}).url
    for path in wizard.folder().glob("*.upload"):
        path.unlink()
    for answer in (owner.get(page), owner.post(f"{page}columns/take/")):
        assert "The uploaded file is gone" in answer.content.decode()
