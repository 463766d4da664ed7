"""A Journal as XML that Tally imports: Receipt, Payment and Contra vouchers. Pure.

Every voucher carries a REMOTEID and GUID that never change, so that Tally knows it again, and the number of its year
and type (ledger.vouchers). One that left before and stands no longer follows at the end as a cancelled voucher.

In Tally's XML a debit is a negative amount that is "deemed positive". `write_ledgers` makes the masters that the
vouchers name, for a company that does not have them yet; with openings, so it is imported once.
"""

import re
from itertools import chain
from xml.sax.saxutils import escape, quoteattr

from ledger.journals.journal import OPENINGS

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_GROUPS = {
    ("assets", "cash"): "Cash-in-Hand",
    ("assets", "bank"): "Bank Accounts",
    ("assets", "upi"): "Bank Accounts",
    ("assets", "card"): "Bank Accounts",
    ("assets", "loans"): "Loans & Advances (Asset)",
    ("assets", "moved"): "Suspense A/c",
    ("equity", "capital"): "Capital Account",
    ("equity", "drawings"): "Capital Account",
    ("income",): "Indirect Incomes",
    ("expenses",): "Indirect Expenses",
}


def write(journal):
    """Yield the vouchers' XML, piece by piece."""
    standing = (_voucher(voucher) for day in journal.days for voucher in day.vouchers)
    yield from _envelope("Vouchers", chain(standing, map(_voucher, journal.cancelled)))


def write_ledgers(journal):
    """Yield the XML of the ledgers that the vouchers name, accounts with their opening balances."""
    ledgers = [ledger for ledger in journal.ledgers if ledger != OPENINGS]
    openings = journal.opened({ledger: ledger.tally_name for ledger in ledgers})
    masters = {ledger.tally_name: ledger for ledger in reversed(ledgers)}  # of several, the first says the group
    yield from _envelope(
        "All Masters", (_master(ledger, openings.get(name)) for name, ledger in reversed(masters.items()))
    )


def _envelope(report, messages):
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ENVELOPE>\n'
        "<HEADER><TALLYREQUEST>Import Data</TALLYREQUEST></HEADER>\n"
        f"<BODY><IMPORTDATA><REQUESTDESC><REPORTNAME>{report}</REPORTNAME></REQUESTDESC>\n<REQUESTDATA>\n"
    )
    for message in messages:
        yield f'<TALLYMESSAGE xmlns:UDF="TallyUDF">\n{message}</TALLYMESSAGE>\n'
    yield "</REQUESTDATA>\n</IMPORTDATA></BODY>\n</ENVELOPE>\n"


def _voucher(voucher):
    money = voucher.legs[0][0].tally_name if voucher.legs else ""
    lines = [
        f'<VOUCHER REMOTEID="{voucher.guid}" VCHTYPE="{voucher.kind}" ACTION="Create" '
        'OBJVIEW="Accounting Voucher View">\n',
        _tag("DATE", f"{voucher.date:%Y%m%d}"),
        _tag("EFFECTIVEDATE", f"{voucher.date:%Y%m%d}"),
        _tag("GUID", voucher.guid),
        _tag("VOUCHERTYPENAME", voucher.kind),
        _tag("VOUCHERNUMBER", str(voucher.voucher_number)),
        _tag("REFERENCE", voucher.reference),
        _tag("PARTYLEDGERNAME", money),
        _tag("NARRATION", voucher.sentence),
        _tag("ISCANCELLED", "Yes" if voucher.is_cancelled else ""),
        *(_leg(ledger, amount) for ledger, amount in voucher.legs),
        "</VOUCHER>\n",
    ]
    return "".join(lines)


def _leg(ledger, amount):
    return (
        f"<ALLLEDGERENTRIES.LIST>\n{_tag('LEDGERNAME', ledger.tally_name)}"
        f"{_tag('ISDEEMEDPOSITIVE', 'Yes' if amount > 0 else 'No')}{_tag('AMOUNT', f'{-amount:.2f}')}"
        "</ALLLEDGERENTRIES.LIST>\n"
    )


def _master(ledger, opening):
    name, group = _clean(ledger.tally_name), _GROUPS.get(ledger.path[:2]) or _GROUPS[ledger.path[:1]]
    balance = _tag("OPENINGBALANCE", f"{-opening:.2f}") if opening else ""
    fields = _tag("NAME", name) + _tag("PARENT", group) + balance
    return f'<LEDGER NAME={quoteattr(name)} ACTION="Create">\n{fields}</LEDGER>\n'


def _tag(name, text):
    return f"<{name}>{escape(_clean(text))}</{name}>\n" if text else ""


def _clean(text):
    return _NOT_XML.sub(" ", text)
