"""Whether a book's days are what its entries say: what `verify` asks of the ledger. Finds, and changes nothing.

The entries are added up anew, by other statements than the engine's, and compared with everything that is stored:
details, totals, carry-forward, what each account moved by day and by month. All of a book is read at one moment at
which nothing is pending; no writer is kept waiting.
"""

from collections import defaultdict
from datetime import date as Date
from datetime import timedelta

from django.db import connection

from ledger import daybook, days, vouchers
from ledger.models import Account, Category
from shop import history
from shop.faults import DAYS, Found
from shop.models import Book
from shop.money import ZERO, from_paise, rupees, to_paise

APART = "correction apart"
VOUCHERS = "voucher numbers"
KINDS = (
    "day differs", "balance differs", "account differs", "account month differs", "foreign account", APART, VOUCHERS,
)  # fmt: skip
_RESTORE = (
    "Restore the newest backup in which verify finds no such gap, for it alone knows whose the number was; a number that "
    "may have left for Tally is never given again."
)
_LOST_SHOWN = 10
_SIGNED = "SUM(CASE WHEN reversal_of_id IS NULL THEN amount ELSE -amount END)"


def faults(books, search):
    """The Found of the ledger's rows and history in the books (None: all)."""
    for book in Book.objects.all() if books is None else books:
        search.say(f"{book.slug}: days and accounts")
        with daybook.one_moment(book):
            found = list(_of_days(book))
        yield from found
    search.say("history of every row")
    yield from history.faults(books, search)


def _of_days(book):
    sums = _Sums(book)
    yield from _days(book, sums)
    yield from _accounts(book, sums)
    yield from _foreign(book)
    yield from _apart(book)
    yield from _vouchers(book)


class _Sums:
    """What the entries and transfers of a book add up to, whole paise: `details` {(date, type, category, subcategory):
    (amount, count)}, `totals` {date: [received, spent]}, `accounts` {(date, account): [received, spent, moved]}."""

    def __init__(self, book):
        self.details, self.totals = {}, defaultdict(lambda: [0, 0])
        self.accounts = defaultdict(lambda: [0, 0, 0])
        received = set(Category.objects.filter(book=book, direction="received").values_list("pk", flat=True))
        live = "WHERE book_id = %s AND deleted_at IS NULL"
        for on, category, subcategory, account, amount, count in _rows(
            f"""SELECT date, category_id, subcategory, account_id, {_SIGNED}, COUNT(*) FROM ledger_ledgerentry {live}
                GROUP BY date, category_id, subcategory, account_id""",
            book,
        ):
            side = 0 if category in received else 1
            key = on, "EXPENSE" if side else "COLLECTION", category, subcategory
            amount_so_far, count_so_far = self.details.get(key, (0, 0))
            self.details[key] = amount_so_far + amount, count_so_far + count
            self.totals[on][side] += amount
            self.accounts[on, account][side] += amount
        for on, giver, taker, amount in _rows(
            f"""SELECT date, from_account_id, to_account_id, {_SIGNED} FROM ledger_accounttransfer {live}
                GROUP BY date, from_account_id, to_account_id""",
            book,
        ):
            self.accounts[on, giver][2] -= amount
            self.accounts[on, taker][2] += amount


# ------------------------------------------------------------------------------------------------ days


def _days(book, sums):
    """Totals and details of every day, and the balance carried from day to day."""
    stored = {
        on: figures
        for on, *figures in _rows(
            """SELECT date, opening_balance, total_received, total_spent, closing_balance FROM ledger_daybook
               WHERE book_id = %s ORDER BY date""",
            book,
        )
    }
    wrong = _wrong_details(book, sums)
    balance, shifted = to_paise(days.openings(book.pk)), []
    for on in sorted({*stored, *(date for date, totals in sums.totals.items() if any(totals))}):
        received, spent = sums.totals.get(on, (0, 0))
        should = [balance, received, spent, balance + received - spent]
        balance = should[3]
        is_ = stored.get(on)
        if is_ is None:
            wrong[on].append(f"the day is not stored; its entries come to {_money(received)} − {_money(spent)}")
            continue
        if is_[1:3] != should[1:3]:
            totals = f"{_money(is_[1])} received and {_money(is_[2])} spent, the entries say"
            wrong[on].append(f"stored are {totals} {_money(received)} and {_money(spent)}")
        if is_[3] != is_[0] + is_[1] - is_[2]:
            wrong[on].append("closing is not opening + received − spent")
        if is_[0] != should[0]:
            shifted.append((on, is_[0], should[0]))
    for on, reasons in sorted(wrong.items()):
        yield _found(book, "day differs", on, f"{_shown(on)}: {'; '.join(reasons)}.", on, on)
    yield from _shifted(book, shifted, stored)


def _wrong_details(book, sums):
    """{date: [what is wrong with a category's line]}."""
    stored = {
        tuple(key): (amount, count)
        for *key, amount, count in _rows(
            """SELECT b.date, d.transaction_type, d.category_id, d.subcategory, d.amount, d.transaction_count
               FROM ledger_daybookdetail d JOIN ledger_daybook b ON b.id = d.day_book_id WHERE b.book_id = %s""",
            book,
        )
    }
    wrong, names = defaultdict(list), None
    for key in {key for key, line in stored.items() ^ sums.details.items()}:
        names = names or dict(Category.objects.filter(book=book).values_list("pk", "name"))
        is_, should = (_line(lines.get(key)) for lines in (stored, sums.details))
        on, _, category, subcategory = key
        what = " / ".join(part for part in (names.get(category, f"category {category}"), subcategory) if part)
        wrong[on].append(f"{what} has {is_}, the entries say {should}")
    for reasons in wrong.values():
        reasons.sort()
    return wrong


def _shifted(book, shifted, stored):
    """One Found for each run of stored days that begin with a balance that is wrong by the same amount."""
    place = {on: number for number, on in enumerate(stored)}
    runs = []
    for on, is_, should in shifted:
        last = runs[-1] if runs else None
        if last and place[on] == place[last[1]] + 1 and is_ - should == last[2] - last[3]:
            last[1] = on
        else:
            runs.append([on, on, is_, should])
    for first, last, is_, should in runs:
        until = f", and every day through {_shown(last)} with it" if last != first else ""
        text = f"{_shown(first)} opens at {_money(is_)}, the days before it say {_money(should)}{until}."
        yield _found(book, "balance differs", first, text, first, last)


# ------------------------------------------------------------------------------------------------ accounts


def _accounts(book, sums):
    """What each account moved on a day and in a month."""
    names = dict(Account.objects.filter(book=book).values_list("pk", "name"))
    stored = {
        (on, account): figures
        for on, account, *figures in _rows(
            "SELECT date, account_id, received, spent, transferred FROM ledger_accountday WHERE book_id = %s", book
        )
    }
    nothing = [0, 0, 0]
    for on, account in sorted(stored.keys() | sums.accounts.keys()):
        is_, should = stored.get((on, account), nothing), sums.accounts.get((on, account), nothing)
        if is_ != should:
            name = names.get(account, f"account {account}")
            is_, should = (" / ".join(map(_money, figures)) for figures in (is_, should))
            text = f"{_shown(on)}: {name} received, spent and moved {is_}, the entries say {should}."
            yield _found(book, "account differs", f"{on} {account}", text, on, on)
    gained = defaultdict(int)
    for (on, account), (received, spent, moved) in sums.accounts.items():
        gained[on[:7], account] += received - spent + moved
    stored = {
        (month[:7], account): moved
        for month, account, moved in _rows(
            "SELECT month, account_id, moved FROM ledger_accountmonth WHERE book_id = %s", book
        )
    }
    for month, account in sorted(stored.keys() | gained.keys()):
        is_, should = stored.get((month, account), 0), gained.get((month, account), 0)
        if is_ != should:
            first = Date.fromisoformat(f"{month}-01")
            last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            name = names.get(account, f"account {account}")
            text = f"{first:%m-%Y}: {name} gained {_money(is_)}, its days say {_money(should)}."
            key = f"{month} {account}"
            yield _found(book, "account month differs", key, text, first.isoformat(), last.isoformat())


def _foreign(book):
    """Entries and transfers whose account or category lies in another book: money would leave one book unseen."""
    for table, column, of in (
        ("ledgerentry", "account_id", "account"),
        ("ledgerentry", "category_id", "category"),
        ("accounttransfer", "from_account_id", "account"),
        ("accounttransfer", "to_account_id", "account"),
    ):
        for pk, on in _rows(
            f"""SELECT m.id, m.date FROM ledger_{table} m JOIN ledger_{of} o ON o.id = m.{column}
                WHERE m.book_id = %s AND o.book_id <> m.book_id AND m.deleted_at IS NULL ORDER BY m.id""",
            book,
        ):
            what = "transfer" if table == "accounttransfer" else "entry"
            text = f"The {what} {pk} of {_shown(on)} names an {of} of another book."
            remedy = f"mend_history --book {book.slug} --restore"
            yield _found(book, "foreign account", f"{what} {pk} {column}", text, on, on, remedy=remedy, order=1)


def _apart(book):
    """Corrections of closed days whose two halves do not stand together: on the days between, money counts twice or not
    at all. One that belongs to a later day than its other half stands there, and none may stand before it.

    Rows know since this check was made what they correct. Corrections of an earlier version, which took the old amount
    back on the day the correction was typed, do not: their days were shown, counted and signed as they are, so nothing
    is found there and nothing is moved; from the later of the two days on they are right.
    """
    for table, what in (("ledgerentry", "entry"), ("accounttransfer", "transfer")):
        rows = _rows(
            f"""SELECT CAST(m.date AS text), CAST(b.date AS text), CAST(was.date AS text), m.id, was.id FROM ledger_{table} m
                JOIN ledger_{table} was ON was.id = m.corrects_id
                LEFT JOIN ledger_{table} b ON b.reversal_of_id = was.id AND b.deleted_at IS NULL
                WHERE m.book_id = %s AND m.deleted_at IS NULL AND (
                  (b.id IS NULL AND m.reversed_at IS NULL) OR m.date < b.date
                  OR (m.adjusts_date IS NOT NULL AND m.date <> b.date))
                ORDER BY m.id""",
            book,
        )
        for on, back, was_on, pk, was in rows:
            taken_back = f"is taken back on {_shown(back)}" if back else "is not taken back"
            text = f"The {what} {pk} of {_shown(on)} corrects {was} of {_shown(was_on)}, which {taken_back}."
            first, last = min(on, back or on), max(on, back or on)
            remedy = f"mend_history --book {book.slug} --restore"
            yield _found(book, APART, f"{what} {pk}", text, first, last, remedy=remedy, order=1)


def _vouchers(book):
    """Series of voucher numbers that lack one: a number was lost past the services, which never let go of any.

    No day is frozen for it: the figures are right, and what is numbered from here on stays apart from what was lost.
    """
    for year, kind, highest, there in vouchers.gaps(book):
        lost = vouchers.lost_numbers(book, year, kind)
        named = ", ".join(map(str, lost[:_LOST_SHOWN])) + (", …" if len(lost) > _LOST_SHOWN else "")
        of = f"{kind} {year}-{(year + 1) % 100:02}"
        text = f"{of}: {there} voucher numbers are there and the highest is {highest}; missing: {named}."
        yield Found(book=book, kind=VOUCHERS, of=of, text=text, remedy=_RESTORE)


# ------------------------------------------------------------------------------------------------ words


def _found(book, kind, of, text, first, last, *, remedy="", order=9):
    return Found(
        book=book,
        kind=kind,
        of=str(of),
        text=text,
        remedy=remedy or f"rebuild_day_books --book {book.slug}",
        freezes=DAYS,
        first_date=Date.fromisoformat(first),
        last_date=Date.fromisoformat(last),
        order=order,
    )


def _rows(statement, book):
    """The rows of a statement, its dates (if any, first or second) as ISO text on every database."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [book.pk])
        rows = cursor.fetchall()
    if rows and any(isinstance(value, Date) for value in rows[0]):
        place = next(number for number, value in enumerate(rows[0]) if isinstance(value, Date))
        rows = [(*row[:place], row[place].isoformat(), *row[place + 1 :]) for row in rows]
    # SUM of a bigint is numeric on PostgreSQL
    return [tuple(int(value) if hasattr(value, "as_tuple") else value for value in row) for row in rows]


def _money(paise):
    return rupees(from_paise(paise) if paise else ZERO)


def _line(line):
    if line is None:
        return "nothing"
    amount, count = line
    return f"{_money(amount)} in {count} {'entry' if count == 1 else 'entries'}"


def _shown(on):
    return f"{Date.fromisoformat(on):%d-%m-%Y}"
