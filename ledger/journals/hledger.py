"""A Journal as plain text for hledger (and Ledger): `hledger check` proves every day's closing. Pure.

Names keep their script; what the format would read as something else is replaced: a colon parts accounts, two
spaces end a name, a semicolon begins a comment, a comma ends a tag.
"""

from ledger.journals.journal import OPENINGS, distinct_names


def write(journal):
    """Yield the journal's text, piece by piece."""
    names = distinct_names(journal.ledgers, _spell)
    yield f"; {_line(journal.title)}\n\ndecimal-mark .\ncommodity 1000.00 INR\n\n"
    yield from (f"account {name}\n" for name in dict.fromkeys(names.values()))
    opened = journal.opened(names)
    if opened:
        yield f"\n{journal.first} * Opening balances\n"
        for name, amount in opened.items():
            yield f"    {name}  {amount:.2f} INR = {amount:.2f} INR\n"
        yield f"    {names[OPENINGS]}\n"
    for day in journal.days:
        last = {ledger: voucher for voucher in day.vouchers for ledger, _ in voucher.legs}
        for voucher in day.vouchers:
            yield f"\n{voucher.date} * ({voucher.number}) {_line(voucher.sentence)}{_tags(voucher)}\n"
            for ledger, amount in voucher.legs:
                proof = f" = {day.closings[ledger]:.2f} INR" if _proves(day, last, ledger, voucher) else ""
                yield f"    {names[ledger]}  {amount:.2f} INR{proof}\n"


def _proves(day, last, ledger, voucher):
    return ledger in day.closings and last[ledger] is voucher


def _tags(voucher):
    tags = [f"category: {_line(ledger.of).replace(',', '，')}" for ledger, _ in voucher.legs if ledger.of]
    tags += [f"mode: {voucher.payment_mode}"] if voucher.payment_mode else []
    tags += [f"adjusts: {voucher.adjusts_date}"] if voucher.adjusts_date else []
    return f"  ; {', '.join(tags)}" if tags else ""


def _spell(path, n):
    parts = [_line(part).replace(":", "∶") for part in path]
    return ":".join(parts) + (f" {n}" if n > 1 else "")


def _line(text):
    return " ".join(text.replace(";", "；").split())
