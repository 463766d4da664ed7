"""Random histories by eight clients against the real server and worker, with a fault every three seconds.

Checked as a bank is: what was acknowledged is there exactly once, what was refused never, and what nobody knows (the
connection broke before an answer) once or not at all; then the same form is sent again and is acknowledged.
"""

import http.client
import random
import re
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest

from tests.faults.shop import Shop
from tests.torture import IS_LONG, count

pytestmark = [pytest.mark.torture, pytest.mark.long]

CLIENTS = 8
SECONDS = count(60, 600)
REST = count(
    1.5, 0
)  # seconds a clerk takes at most before his next form: the short form leaves room to the tests beside
FAULT_EVERY = 3
A_BREATH = 0.7  # seconds a clerk takes before he presses again where no answer came
FIRST = date(2024, 1, 1)


@dataclass
class Deed:
    """One form that was sent: `wanted` its amount in paise, `state` what its sender knows of it."""

    kind: str
    ref: str
    wanted: int
    address: str
    form: dict
    state: str = "unknown"
    told: str = ""


class Client(threading.Thread):
    """A clerk: posts entries and transfers, collects, sends forms twice, and types what must be refused."""

    def __init__(self, shop, number, draw, over):
        super().__init__(daemon=True)
        self.shop, self.number, self.draw, self.over = shop, number, draw, over
        self.user = shop.rows(f"SELECT id FROM auth_user WHERE username = 'clerk-{number}'")[0][0]
        self.cookie = shop.known["cookies"][number] + f"; lendbook_testing_csrf={'c' * 32}"
        self.trackers = shop.known["trackers"][number::CLIENTS]
        self.day, self.deeds, self.error, self.broken = 0, [], None, 0

    def run(self):
        try:
            while not self.over.is_set():
                deed = self.next_deed()
                self.deeds.append(deed)
                self.send(deed)
                if deed.state == "unknown" or self.draw.random() < 0.1:
                    self.send(deed)  # pressed again: the same form, the same token
                self.over.wait(self.draw.random() * REST)
        except Exception as error:
            self.error = error

    def send(self, deed):
        """POST the form; what a clerk concludes from the answer."""
        known = self.ask(deed)
        if known != "unknown":
            assert deed.state in ("unknown", known), f"{deed} was {deed.state} and is now {known}"
            deed.state = known

    def ask(self, deed):
        connection = http.client.HTTPConnection("127.0.0.1", self.shop.port, timeout=40)
        try:
            headers = {
                "Cookie": self.cookie,
                "X-CSRFToken": "c" * 32,
                "Content-Type": "application/x-www-form-urlencoded",
            }
            connection.request("POST", deed.address, urlencode(deed.form), headers)
            answer = connection.getresponse()
            place = answer.getheader("Location", "")
            page = answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.broken += 1
            time.sleep(A_BREATH)
            return "unknown"
        finally:
            connection.close()
        if answer.status >= 500 or answer.status == 400:  # 400: the database went while the session was being kept
            self.broken += 1
            time.sleep(A_BREATH)
            return "unknown"
        if deed.kind == "payment":
            # Without a report the sheet says that nothing was saved.
            return "acknowledged" if answer.status == 302 and "saved=" in place else "unknown"
        refusals = re.findall(r'class="errorlist[^"]*"[^>]*>(.*?)</ul>', page, re.DOTALL)
        deed.told = f"{answer.status} {place} {refusals}"
        return "acknowledged" if answer.status == 302 else "refused"

    def next_deed(self):
        choice = self.draw.random()
        on = FIRST + timedelta(days=self.draw.randrange(90))
        amount = self.draw.randint(1, 10**6)
        token = uuid.UUID(int=self.draw.getrandbits(128), version=4)
        rupees = f"{amount // 100}.{amount % 100:02}"
        if choice < 0.45:
            return self.payment(token)
        form = {"token": str(token), "date": on.isoformat(), "amount": rupees, "narration": "", "reference": ""}
        ref = f"{self.user}:{token.hex}"
        accounts, categories = self.shop.known["accounts"], self.shop.known["categories"]
        if choice < 0.6:
            form |= {"from_account": accounts["Cash"], "to_account": accounts["Bank"]}
            return Deed("transfer", ref, amount, "/admin/ledger/accounttransfer/add/", form)
        name = self.draw.choice(["Collection", "Income", "Expense"])
        form |= {"category": categories[name], "payment_mode": "Cash", "account": accounts["Cash"]}
        if choice < 0.7:
            form["amount"] = "-" + rupees
        return Deed("entry", ref, amount, "/admin/ledger/ledgerentry/add/", form)

    def payment(self, token):
        """A payment of every own tracker on the next day of its own."""
        self.day = self.day % 99 + 1
        amount = self.draw.randint(1, 10**5)
        form = {"token": str(token), "date": (FIRST + timedelta(days=self.day)).isoformat()}
        for tracker in self.trackers:
            form |= {f"paid_{tracker}": f"{amount // 100}.{amount % 100:02}", f"mode_{tracker}": "Cash"}
            form |= {f"how_{tracker}": "add"}
        return Deed("payment", token.hex, amount * len(self.trackers), "/books/main-street/collect/save/", form)


def wreck(shop, draw):
    """One fault; its name."""
    choices = ["web worker killed", "worker killed"]
    if shop.redis:
        choices += ["Redis stopped and its queue lost", "PostgreSQL restarted (immediate)"]
    name = draw.choice(choices)
    if name == "web worker killed":
        shop.kill("web", draw)
    elif name == "worker killed":
        shop.kill("worker", draw)
    elif name.startswith("Redis"):
        shop.redis.stop()
        time.sleep(1)
        shop.redis.start()
    else:
        shop.postgres.crash()
    return name


def check(shop, deeds):
    """The books against what the clerks know."""
    live = "source = 'staff' AND deleted_at IS NULL GROUP BY source_ref"
    found = {}
    for kind, table in (("entry", "ledgerentry"), ("transfer", "accounttransfer")):
        for ref, times, amount in shop.rows(
            f"SELECT source_ref, count(*), sum(amount) FROM ledger_{table} WHERE {live}"
        ):
            found[kind, ref] = (times, int(amount))
    for deed in deeds:
        if deed.kind == "payment":
            continue
        there = found.pop((deed.kind, deed.ref), None)
        if deed.state == "acknowledged":
            assert there == (1, deed.wanted), f"acknowledged, and in the books {there}: {deed}"
        elif deed.state == "refused":
            assert there is None, f"refused, and in the books {there}: {deed}"
        else:
            assert there in (None, (1, deed.wanted)), f"unknown, and in the books {there}: {deed}"
    assert not found, f"nobody typed {found}"
    check_payments(shop, [deed for deed in deeds if deed.kind == "payment"])


def check_payments(shop, deeds):
    saved = {ref for (ref,) in shop.rows("SELECT token FROM trackers_collectionsave")}
    lost = [deed for deed in deeds if deed.state == "acknowledged" and deed.ref not in saved]
    assert not lost, f"acknowledged, and not saved: {lost}"
    posted = shop.rows("SELECT sum(amount) FROM ledger_ledgerentry WHERE source = 'tracker' AND deleted_at IS NULL")
    cached = shop.rows("SELECT sum(total_paid) FROM trackers_tracker")
    wanted = sum(deed.wanted for deed in deeds if deed.ref in saved)
    assert int(posted[0][0] or 0) == int(cached[0][0] or 0) == wanted


def a_day(folder, seed, seconds, *, with_faults, taken_out=""):
    """Let the clerks work for so long and check the books; returns (deeds, faults, answers lost)."""
    shop = Shop(folder, trackers=CLIENTS * 2, clerks=CLIENTS, taken_out=taken_out)
    try:
        over, draw = threading.Event(), random.Random(seed)
        clients = [Client(shop, n, random.Random(f"{seed}-{n}"), over) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        until, faults = time.monotonic() + seconds, []
        while time.monotonic() < until:
            time.sleep(FAULT_EVERY)
            if with_faults:
                faults.append(wreck(shop, draw))
        over.set()
        for client in clients:
            client.join(120)
            assert not client.is_alive(), "a client waits for ever"
            if client.error:
                raise client.error
        shop.await_answer()
        deeds = [deed for client in clients for deed in client.deeds]
        check(shop, deeds)
        for client in clients:
            for deed in client.deeds:
                if deed.state == "unknown":
                    client.send(deed)  # now that all is well again, the same form is acknowledged, once
                    assert deed.state != "unknown", deed
        check(shop, deeds)
        shop.stop()
        shop.manage("verify")
    finally:
        shop.close()
    return deeds, faults, sum(client.broken for client in clients)


def test_a_bank_day_with_a_fault_every_three_seconds(tmp_path, seed, tally):
    deeds, faults, lost = a_day(tmp_path, seed, SECONDS, with_faults=True)
    states = [deed.state for deed in deeds]
    assert states.count("acknowledged") > CLIENTS, "hardly anything was acknowledged: the test proved nothing"
    assert faults
    tally("bank day: seconds under faults", SECONDS)
    tally("bank day: faults", len(faults))
    tally("bank day: forms acknowledged", states.count("acknowledged"))
    tally("bank day: forms refused", states.count("refused"))
    tally("bank day: answers lost, form sent again", lost)


TAKEN_OUT = {  # name -> (what the check then says, the Python that takes it out)
    "a form's token": ("nobody typed", """
import uuid
from ledger.admin.movements import MovementAdmin
def post_again(self, form, values, how):
    ref = f"{form.user.pk}:{form.cleaned_data['token'].hex}"
    if self.model.objects.filter(source_ref=ref).exists():
        ref += uuid.uuid4().hex
    return self.post(book=form.book, source="staff", source_ref=ref, **how, **values)
MovementAdmin._post_once = post_again
"""),
    "the outbox": ("verify", """
from ledger.models import DayChange
DayChange.objects.bulk_create = DayChange.objects.create = lambda *args, **kwargs: None
DayChange.save = lambda *args, **kwargs: None
"""),
    "the token of a collection sheet": ("not saved", """
import uuid
from trackers.collect import collection
saved = collection.record_payments
collection.record_payments = lambda *args, token, **kwargs: saved(*args, token=uuid.uuid4().hex, **kwargs)
"""),
}  # fmt: skip


@pytest.mark.skipif(not IS_LONG, reason="tried in make torture")
@pytest.mark.parametrize("protection", TAKEN_OUT)
def test_the_check_notices_a_protection_that_is_taken_out(tmp_path, seed, tally, protection):
    complaint, taken_out = TAKEN_OUT[protection]
    with pytest.raises(AssertionError, match=complaint):
        a_day(tmp_path, seed, 10, with_faults=False, taken_out=taken_out)
    tally.caught(protection)
