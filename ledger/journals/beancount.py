"""A Journal as Beancount text: `bean-check` proves every day's closing. Pure.

Beancount takes account names of letters, digits and dashes whose parts begin with a capital or a digit; the name as
the book writes it stands in the account's metadata.
"""

import unicodedata
from datetime import timedelta

from ledger.journals.journal import OPENINGS, distinct_names


def write(journal):
    """Yield the journal's text, piece by piece."""
    names = distinct_names(journal.ledgers, _spell)
    yield f'option "title" {_quoted(journal.title)}\noption "operating_currency" "INR"\n\n'
    for name, ledger in {name: ledger for ledger, name in names.items()}.items():
        yield f"{journal.first} open {name} INR\n  name: {_quoted(' / '.join(ledger.path))}\n"
    opened = journal.opened(names)
    if opened:
        yield f'\n{journal.first} * "Opening balances"\n'
        for name, amount in opened.items():
            yield f"  {name}  {amount:.2f} INR\n"
        yield f"  {names[OPENINGS]}\n"
    for day in journal.days:
        for voucher in day.vouchers:
            yield f"\n{voucher.date} * {_quoted(voucher.narration)} ^{voucher.guid}\n{_metadata(voucher)}"
            for ledger, amount in voucher.legs:
                yield f"  {names[ledger]}  {amount:.2f} INR\n"
        # A balance holds in the morning of its date; without "~ 0.00" a paisa would be tolerated.
        morrow = day.date + timedelta(days=1)
        yield "\n"
        for ledger, balance in day.closings.items():
            yield f"{morrow} balance {names[ledger]}  {balance:.2f} ~ 0.00 INR\n"


def _metadata(voucher):
    of = next((ledger.of for ledger, _ in voucher.legs if ledger.of), "")
    pairs = {"number": voucher.number, "category": of, "reference": voucher.reference, "mode": voucher.payment_mode}
    lines = [f"  {key}: {_quoted(value)}\n" for key, value in pairs.items() if value]
    if voucher.adjusts_date:
        lines.append(f"  adjusts: {voucher.adjusts_date}\n")
    return "".join(lines)


def _spell(path, n):
    parts = [_part(part) for part in path]
    return ":".join(parts) + (f"-{n}" if n > 1 else "")


def _part(text):
    """One part of an account name: capital or digit first, then letters, digits and dashes."""
    signs = []
    for sign in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(sign)
        if kind[0] == "L" or kind == "Nd":
            signs.append(sign)
        elif kind[0] != "M" and signs and signs[-1] != "-":  # vowel signs of Indian scripts are marks: left out
            signs.append("-")
    part = "".join(signs).strip("-") or "X"
    if part[0].upper() != part[0] and len(part[0].upper()) == 1:
        part = part[0].upper() + part[1:]
    return part if unicodedata.category(part[0]) in ("Lu", "Nd") else f"X-{part}"


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
