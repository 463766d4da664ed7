"""Speed and memory of importing a 100,000-row statement, against the plain way in the same run.

    .venv/bin/python -m benchmarks.statements

Each way imports the same 10 MB into a scratch database of its own, in a process of its own: parsed, checked,
deduplicated, named, placed by 200 rules and the memory of half the payees, stored with its history. The plain way is a
loop over the rows (csv, strptime, Decimal, the same checks and fingerprint, one regular expression after another) with
bulk_create at the end; what it stores must be what we store, to the last column. Databases: an SQLite file, and
PostgreSQL on BENCH_DATABASE_URL (default postgres on loopback; left out with a word where none answers).

Times are the processor's, of the process and of its database server's backend, so that a busy machine does not change
the ratios. The rules alone are measured beside those 200 regular expressions.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import resource
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b, sha256
from pathlib import Path
from time import process_time

from benchmarks import fresh
from expenses.tagging.rules import Rule, RuleSet

ROWS, PAYEES, RULES = 100_000, 12_600, 200
GOAL, RULES_GOAL, MOST_MB = 8, 20, 300
HEADER = "Date,Narration,Value Date,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance"
WORDS = (
    *("SRI", "LAKSHMI", "MURUGAN", "GANESH", "BALAJI", "ROYAL", "CITY", "NEW", "STAR"),
    *("SUN", "MOON", "BLUE", "GREEN", "KOVAI", "MADURAI", "SALEM", "ERODE"),
)
TRADES = (
    *("STORES", "MEDICALS", "TEXTILES", "MESS", "TRAVELS", "MOBILES"),
    *("HARDWARES", "FUELS", "SWEETS", "BAKERY", "ENTERPRISES", "AGENCIES"),
)


def statement(rows: int, seed: int = 7) -> bytes:
    """An invented statement of ten years with a balance chain that holds; about 100 bytes per row."""
    dice = random.Random(seed)
    payees = [f"{dice.choice(WORDS)} {dice.choice(WORDS)} {dice.choice(TRADES)}-{n}q@ybl" for n in range(PAYEES)]
    balance, lines = 50_000_000_000, [HEADER]
    for n in range(rows):
        day = (date(2016, 1, 1) + timedelta(days=n * 3650 // rows)).strftime("%d/%m/%y")
        paise = dice.randint(1_000, 900_000)
        balance -= paise
        rrn = dice.randint(10**11, 10**12 - 1)
        lines.append(
            f"{day},UPI-{dice.choice(payees)}-{rrn},{day},{paise // 100}.{paise % 100:02},0.00,,"
            f"{balance // 100}.{balance % 100:02}"
        )
    return "\n".join(lines).encode()


def patterns(seed: int = 7) -> list[Rule]:
    """200 rules of words and phrases, some of which contradict each other."""
    dice = random.Random(seed)
    rules = []
    for n in range(RULES):
        kind = dice.choice(("word", "contains", "word"))
        text = f"{dice.choice(WORDS)} {dice.choice(TRADES)}" if n % 2 else f"{n * 61}q@ybl"
        rules.append(Rule(n, kind, text, tag=f"Tag {n % 18}"))
    return rules


def regular_expressions(rules: list[Rule]) -> list[re.Pattern]:
    """The rules as a person would write them by hand."""
    bounds = {"word": (r"(?<!\w)", r"(?!\w)"), "contains": ("", "")}
    return [re.compile(bounds[r.kind][0] + re.escape(r.pattern) + bounds[r.kind][1], re.IGNORECASE) for r in rules]


def one_after_another(narration: str, rules: list[Rule], compiled: list[re.Pattern]) -> str:
    return next((rule.tag for rule, regex in zip(rules, compiled, strict=True) if regex.search(narration)), "")


# ------------------------------------------------------------------------------------------------ the two ways


def ours(bank, content):
    from expenses import services

    return services.import_statement(bank, content, file_name="statement.csv")


def row_by_row(bank, content):
    """The plain way: one loop that parses, checks, fingerprints, names and places each row, and a bulk_create."""
    from django.db import transaction
    from simple_history.utils import bulk_create_with_history

    from expenses.models import PayeeId, ProductTag, Statement, Tag, Transaction
    from expenses.models import Rule as StoredRule
    from expenses.tagging import placing
    from expenses.tagging.learning import starting_model
    from expenses.tagging.narration import name_products, read_narration

    book = bank.book
    tags = {tag.name: tag for tag in Tag.objects.filter(book=book)}
    memory = dict(ProductTag.objects.filter(book=book).values_list("product", "tag__name"))
    rules = [placing.pure(rule) for rule in StoredRule.objects.filter(book=book).select_related("tag")]
    compiled, model = regular_expressions(rules), starting_model()
    known = set(Transaction.objects.filter(account=bank).values_list("fingerprint", flat=True))
    seen, before, rows = Counter(), None, []
    for number, line in enumerate(csv.DictReader(io.StringIO(content.decode())), 2):
        day = datetime.strptime(line["Date"], "%d/%m/%y").date()  # noqa: DTZ007  a bank's date has no zone
        value = datetime.strptime(line["Value Date"], "%d/%m/%y").date()  # noqa: DTZ007
        debit, credit = Decimal(line["Debit Amount"]), Decimal(line["Credit Amount"])
        balance = Decimal(line["Closing Balance"])
        if bool(debit) == bool(credit) or (before is not None and before + credit - debit != balance):
            raise ValueError(f"line {number}")
        before = balance
        paise = (int(debit * 100), int(credit * 100), int(balance * 100))
        text = " ".join(line["Narration"].split())
        key = "\x1f".join(map(str, (day, text, value, line["Chq/Ref Number"], *paise)))
        fingerprint = blake2b(f"{key}\x1f{seen[key]}".encode(), digest_size=16).hexdigest()
        seen[key] += 1
        if fingerprint not in known:
            rows.append((number, day, value, text, line["Chq/Ref Number"], debit, credit, balance, fingerprint))
    read = [read_narration(row[3]) for row in rows]
    products, new = name_products(read)
    placed = []
    for row, narration, product in zip(rows, read, products, strict=True):
        rule = next((rule for rule, regex in zip(rules, compiled, strict=True) if regex.search(row[3])), None)
        if rule is not None:
            placed.append((tags[rule.tag], "rule", 100, f"rule: {rule}"))
        elif product in memory:
            placed.append((tags[memory[product]], "product", 100, f"{product} was tagged so before"))
        elif (guess := model.guess(narration._replace(product=product, reference=""))) is not None:
            placed.append((tags[guess.tag], "learned", round(guess.confidence * 100), guess.why))
        else:
            placed.append((tags["TBD"], "tbd", 0, "nothing in the narration tells"))
    with transaction.atomic():
        statement = Statement.objects.create(
            book=book, account=bank, file_name="statement.csv", rows_in=len(rows), imported=len(rows),
            sha256=sha256(content).hexdigest(), state="imported", layout="original",
        )  # fmt: skip
        PayeeId.objects.bulk_create(
            [PayeeId(book=book, upi_id=upi_id, product=product) for upi_id, product in new.items()], batch_size=2000
        )
        transactions = [
            Transaction(
                book=book, account=bank, statement=statement, line=number, transaction_date=day, value_date=value,
                narration=text, reference=reference, debit_amount=debit or None, credit_amount=credit or None,
                closing_balance=balance, fingerprint=fingerprint, mode=narration.mode, product=product,
                upi_id=narration.upi_id, tag=tag, decided_by=decided_by, confidence=confidence, why=why,
            )
            for (number, day, value, text, reference, debit, credit, balance, fingerprint), narration, product,
                (tag, decided_by, confidence, why) in zip(rows, read, products, placed, strict=True)
        ]  # fmt: skip
        bulk_create_with_history(transactions, Transaction, batch_size=2000, default_change_reason="Imported")


def in_scratch(way):
    """Run one way in this process, whose instance and database are scratch; prints its figures for the parent."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from expenses.models import ProductTag, Rule, Transaction
    from expenses.tagging import placing
    from ledger import services
    from ledger.models import Account

    book = services.open_book(slug="bench", name="Bench", accounts=[("Bank", "bank", Decimal(0))])
    tags = [tag for tag in placing.tags_of(book) if tag.name != "TBD"]
    Rule.objects.bulk_create(
        Rule(book=book, position=n, kind=rule.kind, text=rule.pattern, tag=tags[n % 18])
        for n, rule in enumerate(patterns())
    )
    content = Path(os.environ["LENDBOOK_DATA_DIR"], "statement.csv").read_bytes()
    ProductTag.objects.bulk_create(
        [ProductTag(book=book, product=product, tag=tags[n % 18]) for n, product in enumerate(remembered(content))],
        batch_size=2000,
    )
    bank = Account.objects.get(book=book, name="Bank")
    began = processor_seconds()
    {"ours": ours, "row_by_row": row_by_row}[way](bank, content)
    seconds = processor_seconds() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stored = sha256()
    names = [field.attname for field in Transaction._meta.concrete_fields if field.name not in ("id", "statement")]
    for rows in (Transaction.objects, Transaction.history):
        for row in rows.order_by("line").values_list(*names).iterator():
            stored.update(repr(row).encode())
    print(json.dumps([seconds, peak, Transaction.history.count(), stored.hexdigest()]))


def processor_seconds():
    """Of this process, and of the server process that works for it where that is on this machine."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return process_time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        fields = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rpartition(")")[2].split()
    return process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def remembered(content):
    """Half of the statement's payees, as the memory knows them; told apart without keeping all of them in memory."""
    payees = {line.split(b"-", 2)[1].decode() for line in content.splitlines()[1:]}
    return sorted(payees)[::2]


def measured(way, content, url):
    """[seconds, peak MB, history rows, digest of what is stored] of one way on a fresh database; "" is SQLite."""
    return json.loads(fresh.output_of("benchmarks.statements", way, url=url, files={"statement.csv": content}))


def rules_alone(content):
    """Whether 200 rules at once give the answers of one after another, and are RULES_GOAL times as fast."""
    rules = patterns()
    narrations = [line.split(",", 2)[1] for line in content.decode().splitlines()[1:]]
    began = process_time()
    ruled = RuleSet(rules).place(narrations, [Decimal(1)] * ROWS, ["UPI"] * ROWS, [""] * ROWS)
    at_once = process_time() - began
    began = process_time()
    compiled = regular_expressions(rules)
    plain = [one_after_another(narration, rules, compiled) for narration in narrations]
    one_by_one = process_time() - began
    same = plain == [found.tag for found in ruled]
    print(
        f"{RULES} rules on {ROWS:,} rows: {at_once:.2f} s, one after another {one_by_one:.2f} s, "
        f"{one_by_one / at_once:.1f} times; same answers: {'yes' if same else 'NO'}"
    )
    return same and one_by_one / at_once >= RULES_GOAL


def main() -> int:
    content = statement(ROWS)
    print(f"{ROWS:,} rows, {len(content) / 1e6:.1f} MB, {RULES} rules", flush=True)
    met = True
    for name, url in fresh.databases().items():
        seconds, peak, history, stored = measured("ours", content, url)
        plain_seconds, plain_peak, *plain = measured("row_by_row", content, url)
        same = plain == [history, stored] and history == ROWS
        print(
            f"{name:11} imported in {seconds:6.2f} s, {peak:4.0f} MB; row by row {plain_seconds:6.2f} s, "
            f"{plain_peak:.0f} MB; {plain_seconds / seconds:.1f} times; same rows: {'yes' if same else 'NO'}",
            flush=True,
        )
        met &= same and peak < MOST_MB and plain_seconds / seconds >= GOAL
    return 0 if met & rules_alone(content) else 1


if __name__ == "__main__":
    sys.exit(in_scratch(sys.argv[1]) if len(sys.argv) > 1 else main())
