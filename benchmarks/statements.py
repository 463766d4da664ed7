"""Speed and memory of reading and placing a 100,000-row statement, against the plain way in the same run.

    .venv/bin/python -m benchmarks.statements

Times are of the processor, so that a busy machine does not change the ratios.

The peers: a row-by-row loop (csv, strptime, Decimal, the same checks, fingerprint and 200 regular expressions one after
another on every row), and for the rules alone those 200 regular expressions, which must give the same answers.
"""

from __future__ import annotations

import csv
import io
import random
import re
import resource
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from time import process_time

from expenses.categorise import Row, place
from expenses.narration import name_products, read_narration
from expenses.rules import Rule, RuleSet
from expenses.statements import read_statement

ROWS, PAYEES, RULES = 100_000, 12_600, 200
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


def row_by_row(content: bytes, rules: list[Rule]) -> list[tuple]:
    """The plain way: one loop that parses, checks the chain, fingerprints and places each row."""
    compiled, seen, before, rows = regular_expressions(rules), Counter(), None, []
    for line in csv.DictReader(io.StringIO(content.decode())):
        day = datetime.strptime(line["Date"], "%d/%m/%y").date()  # noqa: DTZ007  a bank's date has no zone
        value = datetime.strptime(line["Value Date"], "%d/%m/%y").date()  # noqa: DTZ007
        debit, credit = Decimal(line["Debit Amount"]), Decimal(line["Credit Amount"])
        balance = Decimal(line["Closing Balance"])
        if before is not None and before + credit - debit != balance:
            raise ValueError("gap")
        before = balance
        key = "|".join(line.values())
        seen[key] += 1
        fingerprint = sha256(f"{key}|{seen[key]}".encode()).hexdigest()
        tag = one_after_another(line["Narration"], rules, compiled)
        rows.append((day, value, line["Narration"], debit, credit, balance, fingerprint, tag))
    return rows


def main() -> int:
    content, rules = statement(ROWS), patterns()
    print(f"{ROWS:,} rows, {len(content) / 1e6:.1f} MB, {RULES} rules")

    began = process_time()
    parsed = read_statement(content)
    read = process_time() - began
    assert (len(parsed.frame), parsed.rejected, parsed.gaps) == (ROWS, (), ())

    began = process_time()
    narrations = parsed.frame["narration"].tolist()
    ruled = RuleSet(rules).place(narrations, [Decimal(1)] * ROWS, ["UPI"] * ROWS, [""] * ROWS)
    ruling = process_time() - began

    began = process_time()
    read_all = [read_narration(text) for text in narrations]
    products, _ = name_products(read_all)
    rows = [Row(n, p, Decimal(1), r.mode) for n, p, r in zip(narrations, products, read_all, strict=True)]
    placed = place(rows, tags={}, rules=RuleSet(rules), memory=dict.fromkeys(products[::2], "Seen"))
    placing = process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    began = process_time()
    compiled = regular_expressions(rules)
    plain = [one_after_another(narration, rules, compiled) for narration in narrations]
    one_by_one = process_time() - began
    same = plain == [r.tag for r in ruled]

    began = process_time()
    row_by_row(content, rules)
    loop = process_time() - began

    print(f"read, checked, fingerprinted        {read:8.2f} s")
    print(
        f"named, placed by rules and memory   {placing:8.2f} s   ({sum(p.tag != 'TBD' for p in placed):,} rows placed)"
    )
    print(
        f"both against a row-by-row loop      {read + placing:8.2f} s   {loop:8.2f} s   {loop / (read + placing):5.1f} times"
    )
    print(
        f"rules alone against one by one      {ruling:8.2f} s   {one_by_one:8.2f} s   {one_by_one / ruling:5.1f} times"
    )
    print(f"same answers: {'yes' if same else 'NO'}; peak memory {peak:.0f} MB")
    return 0 if same and peak < 300 and one_by_one / ruling >= 20 else 1


if __name__ == "__main__":
    sys.exit(main())
