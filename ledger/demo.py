"""The ledger's part of a demo book: the days of a small-town lender, believable and the same for the same seed.

Collections by hand and by UPI, loans given, tea and rent, an agent who hands over in the evening, cash carried to the
bank, days closed every week with a small difference once; and what every shop has: an entry typed days late, one
that mends a closed day, one reversed, one binned.
"""

from collections import defaultdict
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from simple_history.utils import bulk_create_with_history

from ledger import closing, daybook, services
from ledger.models import AccountTransfer, Category, DayClose, LedgerEntry, PaymentMode
from shop.models import Role

CUSTOMERS = (
    "Murugan K", "Selvi R", "Anbu Stores", "Lakshmi P", "Karthik Tailors", "Meenakshi S", "Ravi Tea Stall", "Fathima B",
    "Senthil Cycle Works", "Kala Flowers", "Joseph A", "Pandian Auto", "Saroja M", "Ganesh Fruits", "Vijaya Textiles",
    "Abdul Mutton Stall", "Rani Idli Shop", "Suresh Mobiles", "Devi Beauty Parlour", "Mani Welding", "Kumaran Hotel",
    "Chitra V", "Bala Hardware", "Nagarajan T",
)  # fmt: skip
INSTALMENTS = (100, 200, 250, 500, 500, 500, 1000)
SMALL_COSTS = (
    ("Tea", 60, 180, 0.6),
    ("Fuel", 200, 500, 0.35),
    ("Office Supplies", 80, 900, 0.12),
    ("Phone", 199, 599, 0.05),
    ("Repairs", 150, 1500, 0.04),
)
CLOSED_EVERY_DAYS, OPEN_DAYS = 7, 6
LEFT_IN_BANK = 40_000  # the trackers' part hands it over later: the loan that renews another
_NOTES = (500, 200, 100, 50, 20, 10, 5, 2, 1)


def accounts_of(number):
    """[(name, kind, opening)] of the demo book of that number; the last one is the agent's."""
    more = Decimal(10_000) * number
    return [
        ("Cash", "cash", Decimal(45_000) + more),
        ("Indian Bank", "bank", Decimal(180_000) + more),
        ("UPI", "upi", Decimal(6_500)),
        ("Card", "card", Decimal(0)),
        ("Selvam's bag", "cash", Decimal(0)),
    ]


def fill(scene):
    """Write the days of a scene into its book; a book that has entries already stays as it is."""
    if LedgerEntry.objects.filter(book=scene.book).exists():
        return
    _Shop(scene).run()


def finish(scene):
    """Close the weeks when every app has filled its part; a book with a close stays as it is."""
    if DayClose.objects.filter(book=scene.book).exists():
        return
    shop = _Shop(scene)
    shop.close_weeks()
    shop.mend()


class _Shop:
    """One demo book while its days are made up; `balance` holds what each account has, so that none runs dry."""

    def __init__(self, scene):
        self.scene, self.book, self.dice = scene, scene.book, scene.dice
        self.accounts = {account.name: account for account in self.book.accounts.all()}
        self.cash, self.bank, self.upi, self.card, self.bag = self.accounts.values()
        self.categories = {category.name: category for category in Category.objects.filter(book=self.book)}
        self.balance = defaultdict(Decimal, {name: row.opening_balance for name, row in self.accounts.items()})
        self.entries, self.transfers, self.receipts = [], [], 100
        self.zone = ZoneInfo(self.book.time_zone)

    def run(self):
        for number in range(self.scene.days):
            date = self.scene.first + timedelta(days=number)
            if date.weekday() == 6:
                self._small_costs(date)
                continue
            self._collections(date)
            self._small_costs(date)
            self._monthly(date, number)
            if number % 4 == 1:
                self._give_a_loan(date)
            self._evening(date, number)
        for rows, model in ((self.entries, LedgerEntry), (self.transfers, AccountTransfer)):
            bulk_create_with_history(rows, model, batch_size=1000)
        daybook.record_changes(self.book.pk, {row.date for row in self.entries + self.transfers})

    # -------------------------------------------------------------------------------------------- a day

    def _collections(self, date):
        for customer in self.dice.sample(CUSTOMERS, self.dice.randint(10, 18)):
            amount = Decimal(self.dice.choice(INSTALMENTS))
            way = self.dice.random()
            if way < 0.4:
                self._enter(date, "Collection", amount, self.bag, "Loan Payments", customer, by=Role.AGENT)
            elif way < 0.72:
                self._enter(date, "Collection", amount, self.cash, "Loan Payments", customer)
            else:
                self._enter(date, "Collection", amount, self.upi, "Loan Payments", customer, PaymentMode.UPI)
        if self.dice.random() < 0.5:
            amount = Decimal(self.dice.randrange(300, 2500, 50))
            self._enter(date, "Income", amount, self.cash, "Interest", self.dice.choice(CUSTOMERS))

    def _small_costs(self, date):
        for name, least, most, chance in SMALL_COSTS:
            if self.dice.random() < chance:
                amount = Decimal(self.dice.randint(least, most))
                account, mode = (self.upi, PaymentMode.UPI) if name == "Phone" else (self.cash, PaymentMode.CASH)
                self._enter(date, "Expense", amount, account, name, name, mode)

    def _monthly(self, date, number):
        if number == 0:
            self._enter(
                date, "Capital received", Decimal(100_000), self.bank, "", "From the owner", PaymentMode.BANK_TRANSFER
            )
        if date.day == 3:
            self._enter(date, "Expense", Decimal(8_500), self.bank, "Rent", "Shop rent", PaymentMode.CHEQUE)
            self._enter(date, "Expense", Decimal(12_000), self.cash, "Salaries", "Salary of Selvam")
        if date.day == 12:
            self._enter(date, "Drawings", Decimal(15_000), self.bank, "", "Household", PaymentMode.BANK_TRANSFER)
            self._enter(date, "Bank Charges", Decimal("118.00"), self.bank, "", "SMS and ledger fee", PaymentMode.OTHER)
        if date.day == 20:
            amount = Decimal(self.dice.randrange(900, 1600)) + Decimal("0.50")
            self._enter(date, "Expense", amount, self.bank, "Electricity", "TNEB", PaymentMode.ONLINE)

    def _give_a_loan(self, date):
        amount, kind = self.dice.choice(((25_000, "25K scheme"), (50_000, "50K scheme"), (15_000, "Daily loan")))
        account, mode = (self.bank, PaymentMode.BANK_TRANSFER) if amount > 20_000 else (self.cash, PaymentMode.CASH)
        customer = self.dice.choice(CUSTOMERS)
        self._enter(date, "Loan Disbursement", Decimal(amount), account, kind, customer, mode)

    def _evening(self, date, number):
        """The agent hands over, cash goes to the bank, and the UPI wallet is emptied once a week."""
        if self.balance[self.bag.name]:
            self._move(date, self.bag, self.cash, self.balance[self.bag.name], "Selvam hands over")
        spare = self.balance[self.cash.name] - 60_000
        if number % 3 == 2 and spare > 5_000:
            self._move(date, self.cash, self.bank, spare // 1000 * 1000, "Paid in at the branch")
        if date.weekday() == 4 and self.balance[self.upi.name] > 2_000:
            self._move(date, self.upi, self.bank, self.balance[self.upi.name] // 100 * 100, "Settlement")

    # -------------------------------------------------------------------------------------------- rows

    def _enter(self, date, category, amount, account, subcategory, narration, mode=PaymentMode.CASH, by=Role.STAFF):
        """Note an entry, unless the account has not got the money."""
        came = self.categories[category].direction == "received"
        left = LEFT_IN_BANK if account == self.bank else 0
        if not came and self.balance[account.name] - amount < left:
            return
        self.balance[account.name] += amount if came else -amount
        self.receipts += 1
        self.entries.append(
            self._row(
                LedgerEntry,
                date,
                by,
                amount=amount,
                account=account,
                category=self.categories[category],
                subcategory=subcategory,
                payment_mode=mode,
                narration=narration,
                reference=f"R-{self.receipts}" if category == "Collection" else "",
            )
        )

    def _move(self, date, giver, taker, amount, narration):
        self.balance[giver.name] -= amount
        self.balance[taker.name] += amount
        self.transfers.append(
            self._row(
                AccountTransfer,
                date,
                Role.STAFF,
                amount=amount,
                from_account=giver,
                to_account=taker,
                narration=narration,
            )
        )

    def _row(self, model, date, by, typed_days_late=0, **fields):
        """An entry or transfer as somebody typed it at some minute of its day (or days later)."""
        minute = time(9 + self.dice.randrange(10), self.dice.randrange(60))
        typed_at = datetime.combine(date + timedelta(days=typed_days_late), minute, self.zone)
        typed_at = min(typed_at, self.scene.now)
        user = self.scene.people[by]
        row = model(book=self.book, date=date, created_by=user, created_at=typed_at, **fields)
        services.check(row)
        row._history_user, row._history_date = user, typed_at
        return row

    # -------------------------------------------------------------------------------------------- what follows

    def close_weeks(self):
        """Close every week but the last one, cash counted; once 150 rupees are missing. The owner signs all but one."""
        last = self.scene.last - timedelta(days=OPEN_DAYS)
        dates = []
        while last > self.scene.first:
            dates.insert(0, last)
            last -= timedelta(days=CLOSED_EVERY_DAYS)
        for number, date in enumerate(dates):
            expected = daybook.account_balances(self.book, date)[self.cash.pk]
            counted = expected - (150 if number == len(dates) // 2 else 0)
            count = closing.Count(self.cash, counted, _notes(counted))
            close = closing.close_day(self.book, date, user=self.scene.people[Role.STAFF], counts=[count])
            closed_at = datetime.combine(date, time(20, 30), self.zone)
            close.closed_at = closed_at
            services.save(close, self.scene.people[Role.STAFF], fields=["closed_at"])
            if number < len(dates) - 1:
                close = closing.sign_close(close, user=self.scene.people[Role.OWNER])
                close.signed_at = closed_at + timedelta(hours=1)
                services.save(close, close.signed_by, fields=["signed_at"])
        self.book.refresh_from_db()

    def mend(self):
        """An entry typed late, one that mends a closed day, one reversed and one binned."""
        staff, last = self.scene.people[Role.STAFF], self.scene.last
        fields = {"subcategory": "Loan Payments", "account": self.cash, "category": self.categories["Collection"]}
        late = max(self.scene.first, last - timedelta(days=4))
        row = self._row(
            LedgerEntry,
            late,
            Role.STAFF,
            typed_days_late=3,
            amount=Decimal(500),
            narration="Murugan K, slip found later",
            **fields,
        )
        bulk_create_with_history([row], LedgerEntry)
        daybook.record_changes(self.book.pk, {late})
        if self.book.closed_through:
            services.post_entry(
                book=self.book,
                date=self.book.closed_through - timedelta(days=2),
                amount=Decimal(250),
                narration="Selvi R, left out",
                user=staff,
                adjust=True,
                **fields,
            )
        wrong, doubled = (
            services.post_entry(
                book=self.book, date=max(self.scene.first, last - timedelta(days=days)), user=staff, amount=Decimal(amount),
                narration=narration, **fields
            )
            for days, amount, narration in ((2, 5000, "Typed with a nought too many"), (1, 200, "Kala Flowers, typed twice"))
        )  # fmt: skip
        services.reverse(wrong, user=staff, date=wrong.date, reason="A nought too many.")
        services.delete(doubled, user=staff)


def _notes(amount):
    """{note: pieces} that make up `amount`, {} where paise are left over."""
    pieces = {}
    for note in _NOTES:
        pieces[note], amount = divmod(amount, note)
    return {} if amount else {note: int(number) for note, number in pieces.items() if number}
