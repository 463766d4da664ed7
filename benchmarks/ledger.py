"""The day book engine beside the other ways, on 1,000,000 entries in 50 books over 10 years (see scene.py).

make bench
BENCH_DATABASE_URL=postgres://… .venv/bin/python -m benchmarks.ledger      (SQLite without it)
"""

import csv
import shutil
import subprocess
from datetime import timedelta
from decimal import Decimal

from benchmarks import scene
from benchmarks.scene import say, tell, timed

SAMPLE_DAYS = 300
LATE = scene.FIRST + timedelta(days=scene.DAYS // 2)


def main():
    engine = scene.begin()
    print(f"\n{engine}: {scene.machine()}\n")
    print("| database | what | Lendbook | the other way | ratio | goal |\n|---|---|---|---|---|---|")
    books = scene.books()
    rebuild_everything(engine, books)
    late_entry(engine, books[7])
    daily_balances(engine, books[11])


def rebuild_everything(engine, books):
    """Every day of every book from its entries, beside recalculating day by day (a sample, scaled)."""
    from benchmarks import peers
    from ledger import daybook

    ours = timed(lambda: [daybook.rebuild(book.pk) for book in books])
    sample = [scene.FIRST + timedelta(days=scene.DAYS // 2 + offset) for offset in range(SAMPLE_DAYS)]
    figures = days_of(books[3], sample)
    seconds = timed(lambda: peers.rebuild(books[3], sample))
    assert days_of(books[3], sample) == figures, "both ways must find the same figures"
    assert not daybook.differences(books[3]), "and the same details and accounts"
    peer = seconds / SAMPLE_DAYS * scene.BOOKS * scene.DAYS
    goal = {"SQLite": 80, "PostgreSQL": 40}[engine]
    tell(engine, "full rebuild", ours, peer, f"day by day ({SAMPLE_DAYS} days, scaled)", goal)


def days_of(book, dates):
    from ledger.models import DayBook

    rows = DayBook.objects.filter(book=book, date__in=dates).order_by("date")
    return list(rows.values_list("date", "opening_balance", "total_received", "total_spent", "closing_balance"))


def late_entry(engine, book):
    """One entry in the middle of ten years: from the outbox row to every later day right."""
    from benchmarks import peers
    from ledger import daybook
    from ledger.models import LedgerEntry

    entry = LedgerEntry.objects.filter(book=book, date=LATE, deleted_at=None).first()
    amounts = iter(range(1, 10**6))

    def change():
        entry.amount = Decimal(next(amounts))
        entry.save()

    def each(way, times):
        """The median of `way` alone: the save before it is the same for all and not counted."""
        seconds = []
        for _ in range(times):
            change()
            seconds.append(timed(lambda: way(book, LATE)))
        return sorted(seconds)[len(seconds) // 2]

    daybook.refresh(book.pk)
    ours = each(lambda book, on: daybook.refresh(book.pk), 31)
    assert not daybook.differences(book)
    correct = each(peers.late_entry_made_correct, 1)
    carried = each(peers.late_entry_carried, 3)
    naive = each(peers.late_entry_next_day_only, 31)
    daybook.refresh(book.pk)
    assert not daybook.differences(book)
    goals = {"SQLite": (1000, 1), "PostgreSQL": (300, 1 / 3)}[engine]
    tell(engine, "late entry, all later days right", ours, correct, "day by day made correct", goals[0])
    tell(engine, "the same", ours, carried, "later days carried and saved one by one", 1)
    tell(engine, "the same", ours, naive, "only the next day corrected, the rest left wrong", goals[1])


def daily_balances(engine, book):
    """The balance of every day of ten years, read; beside hledger, which computes it from the same entries."""
    from ledger import daybook

    if shutil.which("hledger") is None:
        say("hledger is not installed; its comparison is left out.")
        return
    journal = scene.FOLDER / f"{book.slug}.journal"
    journal.write_text(journal_of(book))
    command = ["hledger", "-f", journal, "balance", "assets", "--daily", "--historical", "--depth=1"]
    command += ["--transpose", "-O", "csv"]
    found = {}

    def compute():
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows = list(csv.reader(out.splitlines()))
        found.update({row[0]: row[1] for row in rows[1:]})

    peer = timed(compute)
    days = daybook.day_books(book, scene.FIRST, scene.LAST, details=False, accounts=False)
    for day in days:
        assert Decimal(found[day.date.isoformat()]) == day.closing_balance, day.date
    ours = timed(lambda: daybook.day_books(book, scene.FIRST, scene.LAST, details=False, accounts=False), 5)
    tell(engine, f"daily balances of one book ({len(days):,} days)", ours, peer, "hledger", 100)


def journal_of(book):
    """The book as hledger reads it, in the simplest form: two postings each."""
    from ledger.models import Account, AccountTransfer, LedgerEntry

    before = scene.FIRST - timedelta(days=1)
    lines = [
        f"{before} opening\n  assets:{a.name}  {a.opening_balance}\n  equity:opening\n"
        for a in Account.objects.filter(book=book)
    ]
    entries = LedgerEntry.objects.filter(book=book, deleted_at=None).select_related("account", "category")
    for e in entries.order_by("date", "id"):
        sign = "" if e.category.direction == "received" else "-"
        lines.append(f"{e.date} x\n  assets:{e.account.name}  {sign}{e.amount}\n  income:{e.category.name}\n")
    transfers = AccountTransfer.objects.filter(book=book, deleted_at=None).select_related("from_account", "to_account")
    for t in transfers:
        lines.append(f"{t.date} x\n  assets:{t.to_account.name}  {t.amount}\n  assets:{t.from_account.name}\n")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
