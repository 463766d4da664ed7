"""The demo book's statements: one with a gap and a row that could not be read, the same for the same seed."""

import pytest
from django.core.management import call_command

from expenses.models import Statement, Transaction

pytestmark = pytest.mark.django_db


def test_each_demo_book_has_two_statements_one_with_a_gap_and_a_rejected_row(capsys):
    call_command("load_demo", books=1, days=70, verbosity=0)
    first, second = Statement.objects.order_by("first_date")
    assert (len(first.gaps), first.rejected) == (1, 1)
    assert (second.gaps, second.rejected) == ([], 0)
    placed = Transaction.objects.filter(debit_amount__isnull=False)
    assert placed.filter(decided_by="tbd").exists()
    assert set(placed.filter(tag__name="Fuel").values_list("product", flat=True)) == {"SRI BALAJI PETROLEUM"}
