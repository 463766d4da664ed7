"""Hypothesis plays every way a book can change, in random order; after each step the ledger agrees with plain Python.

The comparison is made in a savepoint that is rolled back, so that pending days pile up until some step finishes them.
LENDBOOK_LONG_PROOF=400 plays that many, longer games with fresh randomness, and shrinks what it finds.
"""

import os
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from ledger import closing, daybook, services, tasks
from ledger.models import AccountTransfer, DayChange, LedgerEntry
from tests.ledger.both_books import FIRST, TODAY, WINDOW, BothBooks, balances
from tests.ledger.plain_books import PlainEntry, PlainTransfer

LONG = bool(os.environ.get("LENDBOOK_LONG_PROOF"))
GAMES = settings(
    max_examples=int(os.environ["LENDBOOK_LONG_PROOF"]) if LONG else 25,
    stateful_step_count=60 if LONG else 30,
    derandomize=not LONG,
    deadline=None,
    database=None,
    phases=[Phase.generate, *([Phase.shrink] if LONG else [])],
    suppress_health_check=list(HealthCheck),
)

ACCOUNTS = ("Cash", "Bank", "Bag")
CATEGORIES = ("Collection", "Income", "Expense", "Withdrawal")

dates = st.integers(0, (TODAY - FIRST).days).map(lambda offset: FIRST + timedelta(days=offset))
amounts = st.integers(1, 10**7).map(lambda paise: Decimal(paise) / 100)
which = st.integers(0, 10**6)
slugs = st.sampled_from(["main", "side"])
subcategories = st.sampled_from(["", "Tea", "Rent"])
accounts = st.sampled_from(ACCOUNTS)
categories = st.sampled_from(CATEGORIES)
pairs = st.sampled_from([(a, b) for a in ACCOUNTS for b in ACCOUNTS if a != b])


class Books(BothBooks):
    """Every way a book can change, once in the database and once in plain Python."""

    # -------------------------------------------------------------------------------------- entries

    @rule(
        slug=slugs, on=dates, account=accounts, name=categories, sub=subcategories, amount=amounts, adjust=st.booleans()
    )
    def post(self, slug, on, account, name, sub, amount, adjust):
        self.references += 1
        ref, plain = f"form-{self.references}", self.plain[slug]
        refused = plain.is_closed(on) and not adjust
        entry = self.expect(
            refused,
            services.post_entry,
            book=self.book(slug),
            date=on,
            category=self.category[slug, name],
            account=self.account[slug, account],
            subcategory=sub,
            amount=amount,
            source="form",
            source_ref=ref,
            adjust=adjust,
        )
        if not refused:
            adjusts = on if plain.is_closed(on) else None
            plain.entries[entry.pk] = PlainEntry(
                plain.first_open(on), account, name, sub, amount, ref=ref, adjusts=adjusts
            )

    @rule(slug=slugs, which=which)
    def submit_again(self, slug, which):
        """The same submission twice changes nothing, wherever the first came to lie."""
        row, plain = self.pick(slug, which)
        if row is None or plain.deleted or plain.is_reversed or not plain.ref:
            return
        again = services.post_entry(
            book=self.book(slug),
            date=plain.adjusts or plain.date,
            category=self.category[slug, plain.category],
            account=self.account[slug, plain.account],
            subcategory=plain.subcategory,
            amount=plain.amount,
            reference=row.reference,
            source=row.source,
            source_ref=plain.ref,
            adjust=True,
        )
        assert (again.pk, again.version) == (row.pk, row.version)

    @rule(
        slug=slugs,
        which=which,
        changes=st.fixed_dictionaries(
            {},
            optional={
                "date": dates,
                "account": accounts,
                "category": categories,
                "subcategory": subcategories,
                "amount": amounts,
                "reference": st.sampled_from(["", "a", "b"]),
            },
        ),
        adjust=st.booleans(),
    )
    def edit(self, slug, which, changes, adjust):
        row, plain = self.pick(slug, which)
        if row is None:
            return
        book = self.plain[slug]
        named = {
            **changes,
            **({"account": self.account[slug, changes["account"]]} if "account" in changes else {}),
            **({"category": self.category[slug, changes["category"]]} if "category" in changes else {}),
        }
        moved = {
            name: value for name, value in changes.items() if name != "reference" and getattr(plain, name) != value
        }
        if moved.get("date") == plain.adjusts:
            moved.pop("date", None)
        settled = plain.deleted or plain.is_reversed or plain.reverses
        goes_to = moved.get("date", plain.date)
        closed_before, closed_after = book.is_closed(plain.date), book.is_closed(goes_to)
        refused = settled or (moved and not adjust and (closed_before or closed_after))
        now = self.expect(refused, services.edit, row, adjust=adjust, **named)
        if refused or not moved:
            return
        if closed_before:  # with adjust: reversed, and posted anew on an open day
            self._reversed(slug, row, plain, plain.date)
            on = moved.pop("date", plain.adjusts or plain.date)
            fresh = PlainEntry(**{**vars(plain), **moved, "is_reversed": False})
            fresh.date, fresh.adjusts = book.first_open(on), on if book.is_closed(on) else None
            book.entries[now.pk] = fresh
            return
        for name, value in moved.items():
            setattr(plain, name, value)
        if closed_after:
            plain.date, plain.adjusts = book.first_open(goes_to), goes_to

    @rule(slug=slugs, which=which, account=accounts, name=categories)
    def move_to_the_other_book(self, slug, which, account, name):
        row, plain = self.pick(slug, which)
        if row is None or plain.deleted or plain.is_reversed or plain.reverses:
            return
        other = "side" if slug == "main" else "main"
        closed = self.plain[slug].is_closed(plain.date) or self.plain[other].is_closed(plain.date)
        refused = closed or self._taken(other, plain, LedgerEntry)
        self.expect(
            refused,
            services.edit,
            row,
            book=self.book(other),
            account=self.account[other, account],
            category=self.category[other, name],
        )
        if not refused:
            del self.plain[slug].entries[row.pk]
            plain.account, plain.category, plain.job = account, name, None
            self.plain[other].entries[row.pk] = plain

    @rule(slug=slugs, which=which, model=st.sampled_from([LedgerEntry, AccountTransfer]))
    def delete(self, slug, which, model):
        row, plain = self.pick(slug, which, model=model)
        if row is None:
            return
        closed = self.plain[slug].is_closed(plain.date)
        original = self._original(slug, plain, model)
        place_taken = original is not None and original.deleted is False and self._taken(slug, original, model)
        refused = not plain.deleted and (plain.is_reversed or closed or place_taken)
        self.expect(refused, services.delete, row)
        if not refused and not plain.deleted:
            plain.deleted = True
            if original is not None:
                original.is_reversed = False

    @rule(slug=slugs, which=which, model=st.sampled_from([LedgerEntry, AccountTransfer]))
    def restore(self, slug, which, model):
        row, plain = self.pick(slug, which, model=model)
        if row is None:
            return
        original = self._original(slug, plain, model)
        if plain.reverses and original is None:  # its entry went to the other book
            refused = plain.deleted
        elif original is not None:
            changed = model is LedgerEntry and any(
                getattr(original, name) != getattr(plain, name)
                for name in ("account", "category", "subcategory", "amount")
            )
            refused = plain.deleted and (original.deleted or original.is_reversed or changed)
        else:
            refused = plain.deleted and self._taken(slug, plain, model)
        refused = refused or (plain.deleted and self.plain[slug].is_closed(plain.date))
        self.expect(refused, services.restore, row)
        if not refused and plain.deleted:
            plain.deleted = False
            if original is not None:
                original.is_reversed = True

    def _original(self, slug, plain, model):
        return self.rows(slug, model).get(plain.reverses) if plain.reverses else None

    def _taken(self, slug, plain, model):
        """Whether another live row stands in this one's place (the same submission, posted again)."""
        if model is not LedgerEntry or not plain.ref:
            return False
        return any(
            other is not plain and other.ref == plain.ref and not other.deleted and not other.is_reversed
            for other in self.plain[slug].entries.values()
        )

    @rule(slug=slugs, which=which, on=dates, model=st.sampled_from([LedgerEntry, AccountTransfer]))
    def reverse(self, slug, which, on, model):
        row, plain = self.pick(slug, which, model=model)
        if row is None:
            return
        refused = not plain.is_reversed and (plain.deleted or plain.reverses is not None)
        back = self.expect(refused, services.reverse, row, date=on)
        if not refused and not plain.is_reversed:
            self._reversed(slug, row, plain, on, back=back)

    def _reversed(self, slug, row, plain, on, *, back=None):
        back = back or row.reversals.get(deleted_at=None)
        adjusts = plain.date if self.plain[slug].is_closed(plain.date) else None
        twin = type(plain)(**{**vars(plain), "date": self.plain[slug].first_open(on), "adjusts": adjusts})
        twin.reverses = row.pk
        if isinstance(twin, PlainEntry):
            twin.ref, twin.job = "", None
        plain.is_reversed = True
        self.rows(slug, type(row))[back.pk] = twin

    @rule(slug=slugs, which=which)
    def erase(self, slug, which):
        """A row taken out of the table itself still tells its day."""
        row, plain = self.pick(slug, which)
        if row is None or row.reversal_of_id or row.reversals.exists():
            return
        pk, refused = row.pk, not plain.deleted and self.plain[slug].is_closed(plain.date)
        self.expect(refused, row.delete)
        if not refused:
            del self.plain[slug].entries[pk]

    # -------------------------------------------------------------------------------------- many at once

    @rule(
        slug=slugs,
        batch=st.integers(1, 3),
        rows=st.lists(st.tuples(dates, accounts, categories, subcategories, amounts), min_size=1, max_size=5),
        adjust=st.booleans(),
    )
    def bulk_post(self, slug, batch, rows, adjust):
        plain = self.plain[slug]
        held = {entry.ref for entry in plain.entries.values() if not entry.deleted and not entry.is_reversed}
        fresh = [(f"{batch}:{line}", *row) for line, row in enumerate(rows) if f"{batch}:{line}" not in held]
        refused = not adjust and any(plain.is_closed(on) for _, on, *_ in fresh)
        self.expect(
            refused,
            services.post_entries,
            book=self.book(slug),
            source="import",
            job=self.jobs[slug, batch],
            adjust=adjust,
            rows=[
                services.NewEntry(
                    date=on,
                    category=self.category[slug, name],
                    amount=amount,
                    account=self.account[slug, account],
                    source_ref=ref,
                    subcategory=sub,
                )
                for ref, on, account, name, sub, amount in fresh
            ],
        )
        if refused:
            return
        for ref, on, account, name, sub, amount in fresh:
            posted = {"book__slug": slug, "source": "import", "source_ref": ref}
            entry = LedgerEntry.objects.get(**posted, deleted_at=None, reversed_at=None)
            twin = PlainEntry(plain.first_open(on), account, name, sub, amount, ref=ref, job=batch)
            twin.adjusts = on if plain.is_closed(on) else None
            plain.entries[entry.pk] = twin

    @rule(slug=slugs, batch=st.integers(1, 3))
    def undo_batch(self, slug, batch):
        services.undo_entries(book=self.book(slug), job=self.jobs[slug, batch])
        for pk, plain in list(self.plain[slug].entries.items()):
            if plain.job == batch and not plain.deleted and not plain.is_reversed:
                if self.plain[slug].is_closed(plain.date):
                    self._reversed(slug, LedgerEntry.objects.get(pk=pk), plain, plain.date)
                else:
                    plain.deleted = True

    # -------------------------------------------------------------------------------------- accounts and categories

    @rule(slug=slugs, on=dates, pair=pairs, amount=amounts, adjust=st.booleans())
    def transfer(self, slug, on, pair, amount, adjust):
        plain = self.plain[slug]
        refused = plain.is_closed(on) and not adjust
        row = self.expect(
            refused,
            services.transfer,
            book=self.book(slug),
            date=on,
            from_account=self.account[slug, pair[0]],
            to_account=self.account[slug, pair[1]],
            amount=amount,
            adjust=adjust,
        )
        if not refused:
            plain.transfers[row.pk] = PlainTransfer(plain.first_open(on), *pair, amount)

    @rule(slug=slugs, name=accounts, opening=balances)
    def change_opening(self, slug, name, opening):
        account, plain = self.account[slug, name], self.plain[slug]
        account.refresh_from_db()
        account.opening_balance = opening
        rows = [*plain.entries.values(), *plain.transfers.values()]
        counts_closed = self.standing_closes[slug] or plain.closes_any(row.date for row in rows)
        refused = counts_closed and opening != plain.openings[name]
        self.expect(refused, account.save)
        if not refused:
            plain.openings[name] = opening
            self.closed_days[slug] = {}  # only days on which nothing ever happened

    @rule(slug=slugs, name=categories)
    def turn_direction(self, slug, name):
        category, plain = self.category[slug, name], self.plain[slug]
        category.refresh_from_db()
        turned = "spent" if category.direction == "received" else "received"
        category.direction = turned
        refused = plain.closes_any(plain.days_of_category(name))
        self.expect(refused, category.save)
        if not refused:
            plain.directions[name] = turned

    # -------------------------------------------------------------------------------------- closing

    @rule(
        slug=slugs,
        on=dates,
        found=st.dictionaries(accounts, st.integers(0, 10**7).map(lambda paise: Decimal(paise) / 100), max_size=2),
        charged=st.booleans(),
    )
    def close(self, slug, on, found, charged):
        plain = self.plain[slug]
        payer = next((name for name in ACCOUNTS if name not in found), None) if charged else None
        counts = [
            closing.Count(self.account[slug, name], amount, charged_to=payer and self.account[slug, payer])
            for name, amount in found.items()
        ]
        refused = plain.is_closed(on) or closing.left_behind(self.book(slug), on)
        close = self.expect(refused, closing.close_day, self.book(slug), on, counts=counts)
        if refused:
            return
        for name, counted in found.items():
            difference = counted - plain.balance(name, on)
            if not difference:
                continue
            ref = f"{close.pk}:{self.account[slug, name].pk}"
            posted = {"book__slug": slug, "source": "close", "source_ref": ref}
            if payer:
                pair = (name, payer) if difference < 0 else (payer, name)
                row = AccountTransfer.objects.get(**posted)
                plain.transfers[row.pk] = PlainTransfer(on, *pair, abs(difference))
            else:
                category = "Cash Short" if difference < 0 else "Cash Excess"
                row = LedgerEntry.objects.get(**posted)
                plain.entries[row.pk] = PlainEntry(on, name, category, "", abs(difference))
            assert plain.balance(name, on) == counted
        plain.closed_through = on
        self.standing_closes[slug].append(on)
        self.closed_days[slug] = {day: plain.day(day) for day in WINDOW if day <= on}

    def _differences_follow(self, slug):
        """The differences of withdrawn closes go with them: which do is tested one by one, that days agree here."""
        for model in (LedgerEntry, AccountTransfer):
            for row in model.objects.filter(pk__in=self.rows(slug, model)):
                plain = self.rows(slug, model)[row.pk]
                plain.deleted, plain.is_reversed = row.deleted_at is not None, row.reversed_at is not None

    @rule(slug=slugs, on=dates)
    def reopen(self, slug, on):
        plain = self.plain[slug]
        refused = not plain.is_closed(on) and not closing.left_behind(self.book(slug))
        self.expect(refused, closing.reopen_day, self.book(slug), on, reason="A receipt was found")
        if refused:
            return
        self._differences_follow(slug)
        if plain.is_closed(on):
            plain.closed_through = on - timedelta(days=1)
            self.standing_closes[slug] = [day for day in self.standing_closes[slug] if day < on]
            self.closed_days[slug] = {day: then for day, then in self.closed_days[slug].items() if day < on}

    # -------------------------------------------------------------------------------------- the engine itself

    @rule(slug=slugs)
    def worker_refreshes(self, slug):
        tasks.refresh_book(self.books[slug].pk)
        assert not DayChange.objects.filter(book__slug=slug).exists()

    @rule(slug=slugs)
    def change_is_recorded_twice(self, slug):
        """A doubled task, or a change that was none, changes nothing."""
        daybook.refresh(self.books[slug].pk)
        DayChange.objects.bulk_create([DayChange(book=self.books[slug], date=day) for day in WINDOW[::5]])

    @rule(slug=slugs, first=dates, last=dates)
    def read_a_range(self, slug, first, last):
        first, last = sorted((first, last))
        days = daybook.day_books(self.book(slug), first, last)
        assert [day.date for day in days] == [day for day in WINDOW if first <= day <= last]

    @rule(slug=slugs, since=st.one_of(st.none(), dates))
    def rebuild(self, slug, since):
        daybook.rebuild(self.books[slug].pk, since)

    @rule()
    @precondition(lambda self: hasattr(self, "books"))
    def sweep(self):
        tasks.sweep()
        assert not DayChange.objects.exists()

    @rule(slug=slugs, since=st.one_of(st.none(), dates))
    def check(self, slug, since):
        assert daybook.differences(self.books[slug], since) == []


@pytest.mark.django_db
def test_whatever_happens_to_a_book_every_day_is_right():
    run_state_machine_as_test(Books, settings=GAMES)
