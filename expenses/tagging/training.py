"""Training a book's categoriser: on confirmed rows only, never on the machine's own guesses.

A process of its own trains: neither the web nor the worker ever holds scikit-learn.
"""

import json
import subprocess
import sys

from django.conf import settings
from django.db.models import Q

from expenses.models import ProductTag, Transaction
from expenses.tagging import learning, placing
from expenses.tagging.narration import read_narration

SECONDS = 540  # ends before the worker would end its task


def examples_of(book):
    """[learning.Example] of what staff confirmed: rows settled by hand, and rows of payees staff has tagged."""
    confirmed = Transaction.objects.filter(book=book, debit_amount__isnull=False, tag__isnull=False)
    settled = confirmed.filter(decided_by="manual")
    payees = ProductTag.objects.filter(book=book, source=ProductTag.Source.STAFF).values("product")
    remembered = confirmed.filter(Q(product__in=payees) | Q(own_product__in=payees), decided_by="product")
    shipped = {tag.name: tag.shipped_as or tag.name for tag in placing.tags_of(book)}
    return [
        learning.Example(read_narration(narration)._replace(product=product, reference=""), shipped.get(tag, tag))
        for narration, product, tag in (settled | remembered)
        .values_list("narration", "product", "tag__name")
        .iterator()
    ]


def learn_apart(examples, path):
    """Train on learning.Examples in a process of its own, which writes the model whole to `path`, or nothing."""
    lines = "".join(json.dumps([*example.narration, example.tag]) + "\n" for example in examples)
    command = [sys.executable, "-m", "expenses.tagging.learning", str(path)]
    subprocess.run(
        command, input=lines, text=True, encoding="utf-8", cwd=settings.BASE_DIR, timeout=SECONDS, check=True
    )


def train(book, *, user=None):
    """Train, save whole, and place the untouched rows anew; returns {examples, changed}. A second run learns the same."""
    examples = examples_of(book)
    if examples:
        learn_apart(examples, placing.model_path(book.pk))
    changed = placing.replace_tags(Transaction.objects.filter(book=book), user=user, reason="Learned")
    return {"book": book.slug, "examples": len(examples), "changed": changed}
