"""The expenses' part of a demo book: two months of its bank's statement, one with a gap and a row that cannot be read."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

from expenses import services
from expenses.models import Statement
from ledger.models import Account
from shop.models import Role

HEADER = ("Date", "Narration", "Value Date", "Debit Amount", "Credit Amount", "Chq/Ref Number", "Closing Balance")
# (narration with room for a reference, least and most rupees, how many a month)
DEBITS = (
    ("UPI-SRI BALAJI PETROLEUM-BALAJIPETRO@OKAXIS-UTIB0000012-{ref}-FUEL", 300, 900, 5),
    ("UPI-ANNAPOORNA UNAVAGAM-ANNAPOORNA@OKICICI-ICIC0000033-{ref}-LUNCH", 80, 350, 6),
    ("UPI-KUMARAN MALIGAI-KUMARANMALIGAI@YBL-YESB0000007-{ref}-", 150, 1200, 4),
    ("UPI-MUTHU S-MUTHU.S77@OKSBI-SBIN0000044-{ref}-UPI", 200, 2500, 3),
    ("UPI-QZ ENTERPRISES-Q8812004@PAYTM-PYTM0123456-{ref}-PAY", 100, 900, 3),
    ("POS 512345XXXXXX4321 MEENA MEDICALS", 90, 700, 2),
    ("BIL/ONL/{ref}/TANGEDCO/CONSUMER", 900, 2400, 1),
    ("ATW-512345XXXXXX4321-BAZAAR STREET", 2000, 5000, 1),
    ("ACH D- LIC PREMIUM-{ref}", 1850, 1851, 1),
    ("CHRG: SMS ALERTS INCL GST", 18, 19, 1),
)
CREDITS = (("UPI-{name}-{id}@OKAXIS-UTIB0000001-{ref}-LOAN", 500, 501, 4), ("INT.PD:SAVINGS", 60, 180, 1))
PAYERS = (("SELVI R", "SELVI.R"), ("ANBU STORES", "ANBUSTORES"), ("MURUGAN K", "MURUGANK"))


def fill(scene):
    """Import the demo statements of a scene's bank account; a book that has statements stays as it is."""
    bank = Account.objects.filter(book=scene.book, kind=Account.Kind.BANK).first()
    if bank is None or Statement.objects.filter(book=scene.book).exists():
        return
    middle = scene.last - timedelta(days=30)
    balance = Decimal(40000)
    for number, (first, last) in enumerate(
        ((scene.last - timedelta(days=59), middle), (middle + timedelta(days=1), scene.last))
    ):
        lines = list(_lines(scene.dice, first, last, balance))
        balance = lines[-1][-1]
        if number == 0:
            del lines[len(lines) // 2]  # the bank's export lost a row: a gap
            lines.insert(4, (lines[3][0], "SHOP", lines[3][2], "12,3x", "0.00", "", lines[3][-1]))
        content = io.StringIO()
        csv.writer(content).writerows([HEADER, *lines])
        services.import_statement(
            bank,
            content.getvalue().encode(),
            file_name=f"statement-{first:%b-%Y}.csv".lower(),
            user=scene.people[Role.STAFF],
        )


def _lines(dice, first, last, balance):
    """Rows as a bank writes them, by date, each with the balance after it."""
    days = (last - first).days + 1
    moves = [
        (first + timedelta(days=dice.randrange(days)), sign, narration, least, most)
        for sign, kinds in ((-1, DEBITS), (1, CREDITS))
        for narration, least, most, count in kinds
        for _ in range(count)
    ]
    for on, sign, narration, least, most in sorted(moves, key=lambda move: (move[0], move[2])):
        amount = Decimal(dice.randrange(least, most))
        name, upi_id = dice.choice(PAYERS)
        text = narration.format(ref=dice.randrange(10**11, 10**12), name=name, id=upi_id)
        balance += sign * amount
        sides = (f"{amount:.2f}", "0.00") if sign < 0 else ("0.00", f"{amount:.2f}")
        yield (f"{on:%d/%m/%y}", text, f"{on:%d/%m/%y}", *sides, str(dice.randrange(10**5, 10**6)), balance)
