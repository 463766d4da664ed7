"""A file of which something must be answered first, among others that were uploaded together."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from expenses.models import Transaction
from ledger.models import Account
from lendbook import instance
from shop.models import Job
from tests import world

pytestmark = pytest.mark.django_db
BASE = "/books/main-street/expenses/statements/"
CLEAR = b"Date,Narration,Debit,Credit,Balance\n21/09/26,TEA,20,,980\n22/09/26,SELVI K,,100,1080\n"
EXCHANGED = (
    b"Date,Narration,Debit,Credit,Balance\n21/09/26,ACME,25000,,125000\n23/09/26,STORES,,1250,123750\n"
    b"25/09/26,ATM,,5000,118750\n29/09/26,SELVI K,1500,,120250\n"
)
QUESTION = "With debit and credit exchanged every balance follows"


@pytest.fixture
def ravi(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("django_q.tasks.async_task", lambda *args, **options: None)
    settings.DATA_DIR = instance.make_folders(tmp_path, "testing")
    return world.browser(world.cast().ravi)


@pytest.fixture
def together(ravi):
    """The address of the page of two files, of which the first asks."""
    account = Account.objects.get(book__slug="main-street", name="Bank")
    files = [SimpleUploadedFile(name, content) for name, content in (("asks.csv", EXCHANGED), ("clear.csv", CLEAR))]
    return ravi.post(BASE, {"account": account.pk, "files": files}).url


def test_a_file_that_asks_says_so_beside_others_and_has_no_button_that_does_nothing(ravi, together):
    page = ravi.get(together).content.decode()
    assert QUESTION in page
    assert "Look and answer" in page
    assert "Bring in 1 file, 2 rows" in page
    assert "Bring in 2 rows" in page
    assert "Bring in 4 rows" not in page
    assert "Drop all 2" in page


def test_the_others_come_in_without_it_and_it_comes_in_once_it_is_answered(ravi, together):
    ravi.post(f"{together}do/", {"do": "import"})
    assert set(Transaction.objects.values_list("narration", flat=True)) == {"TEA", "SELVI K"}
    asks = Job.objects.get(file_name="asks.csv")
    assert QUESTION in ravi.get(together).content.decode()
    alone = f"{BASE}upload/{asks.pk}/"
    assert "Sides are" in ravi.get(alone).content.decode()
    ravi.post(f"{alone}do/", {"do": "read", "sides": "exchanged", "back": "batch"})
    page = ravi.get(together).content.decode()
    assert QUESTION not in page
    assert "Bring in 1 file, 4 rows" in page
    assert "Drop it" in page
    ravi.post(f"{alone}do/", {"do": "import"})
    assert Transaction.objects.get(narration="STORES").debit_amount == 1250
