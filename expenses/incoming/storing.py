"""The rows of a statement in bulk, column by column: named, placed and written, or taken out again.

A model instance per row would take five times as long and twice the memory. What only depends on the narration is done
once for all rows that read alike. Callers hold the transaction and the account's lock.
"""

import gc
import json
from collections import Counter
from contextlib import contextmanager
from itertools import islice, repeat

import numpy as np
from django.db import connection, models

from expenses.incoming import history
from expenses.models import DecidedBy, PayeeId, RejectedRow, Transaction
from expenses.overview import spent
from expenses.tagging import placing
from expenses.tagging.categorise import Row
from expenses.tagging.narration import group_alike, name_products, read_narration
from shop.money import from_paise

BATCH_ROWS = 10_000


def store(statement, frame, *, user=None, on_progress=None):
    """Name, place and write the fresh rows of a statement (a frame as ParsedStatement has it), each with its history."""
    with _quiet_collector():
        columns = _prepared(statement, frame)
        with spent.noted_together(statement.pk):
            for done in _written(*columns, len(frame)):
                if on_progress:
                    on_progress(done, len(frame))
        history.write(Transaction.objects.filter(statement=statement), "+", "Imported", user)


@contextmanager
def _quiet_collector():
    """Leave what stood before out of garbage collection: each would look at all of Django anew, for nothing."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _prepared(statement, frame):
    """What `_columns` gives, of rows named and placed."""
    narrations = frame["narration"].tolist()
    groups, examples = group_alike(narrations)
    read = [read_narration(text) for text in examples]
    products = _name(statement.book, read, groups)
    outcomes, outcome_of = _place(statement, frame, narrations, groups, read, products)
    return _columns(statement, frame, groups, read, [outcomes[number] for number in outcome_of])


def store_rejected(statement, parsed):
    """Keep the rows of a ParsedStatement that could not be read, with their reasons."""
    RejectedRow.objects.bulk_create(
        [
            RejectedRow(statement=statement, line=row.line, reason=row.reason, cells=cells)
            for row, cells in zip(parsed.rejected, parsed.mendable(), strict=True)
        ],
        batch_size=1000,
    )


def _name(book, read, groups):
    """The payee of each group, and the new UPI ids kept."""
    ids = {narration.upi_id for narration in read if narration.upi_id}
    known = dict(PayeeId.objects.filter(book=book, upi_id__in=ids).values_list("upi_id", "product"))
    counts = Counter(groups)
    products, new = name_products(read, known, [counts[number] for number in range(len(read))])
    kept = json.dumps({upi_id[:120]: product[:120] for upi_id, product in new.items()})
    pairs = "json_each_text" if connection.vendor == "postgresql" else "json_each"
    with connection.cursor() as cursor:  # "WHERE true" tells SQLite that no join's condition follows
        cursor.execute(
            f"""INSERT INTO {PayeeId._meta.db_table} (book_id, upi_id, product)
                SELECT %s, key, value FROM {pairs}(%s) WHERE true ON CONFLICT DO NOTHING""",
            [book.pk, kept],
        )
    return [product[:120] for product in products]


def _place(statement, frame, narrations, groups, read, products):
    """Distinct outcomes (values of placing.PLACED), and the number of each row's.

    Debits that no rule and nothing learned can tell apart are placed once: one narration but for its reference, and
    amounts between the same bounds. A rule that may read the reference tells every narration apart.
    """
    knowledge = placing.Knowledge(statement.book)
    debits = frame["debit"].to_numpy()
    apart = groups if not knowledge.rules.reads_references else _numbered(narrations)
    bands = knowledge.rules.amount_bands(debits)
    keys = np.where(debits > 0, np.array(apart, dtype=np.int64) * (int(bands.max(initial=0)) + 1) + bands, -1)
    credits = {group for group, paise in zip(groups, debits.tolist(), strict=True) if not paise}
    outcomes = [(None, product, "", DecidedBy.TBD.value, 0, "") for product in products] if credits else []
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    rows, at_of = [], {}
    for position, at in enumerate(first.tolist()):
        if debits[at]:
            at_of[position] = len(outcomes) + len(rows)
            mode, product = read[groups[at]].mode, products[groups[at]]
            rows.append(Row(narrations[at], product, from_paise(int(debits[at])), mode, statement.account_id))
    placed = zip(knowledge.place(rows), rows, strict=True)
    outcomes += [placing.outcome(placement, knowledge, row.product) for placement, row in placed]
    return outcomes, [at_of.get(position, group) for position, group in zip(number.tolist(), groups, strict=True)]


def _numbered(texts):
    numbers = {}
    return [numbers.setdefault(text, len(numbers)) for text in texts]


def _columns(statement, frame, groups, read, outcomes):
    """({column: the value of every row}, {column: the values row by row}), as the database takes them."""
    dates = {day: connection.ops.adapt_datefield_value(day) for name in _DAYS for day in frame[name].unique()}
    days, value_days = ([dates[day] for day in frame[name]] for name in _DAYS)
    values = {
        "line": frame["line"].tolist(),
        "transaction_date": days,
        "value_date": value_days,
        "narration": frame["narration"].tolist(),
        "reference": [text[:200] for text in frame["reference"].tolist()],
        "debit_amount": [paise or None for paise in frame["debit"].tolist()],
        "credit_amount": [paise or None for paise in frame["credit"].tolist()],
        "closing_balance": frame["balance"].tolist(),
        "fingerprint": frame["fingerprint"].tolist(),
        "mode": [read[group].mode for group in groups],
        "upi_id": [read[group].upi_id[:120] for group in groups],
    }
    values |= dict(zip(placing.PLACED, zip(*outcomes, strict=True), strict=False))
    same = {"book": statement.book_id, "account": statement.account_id, "statement": statement.pk}
    alike, columns = {}, {}
    for field in Transaction._meta.concrete_fields:
        given = values.get(field.name, values.get(field.attname))
        if given is not None:
            columns[field.column] = given
        elif not field.primary_key:
            default = field.get_db_prep_save(field.get_default(), connection)
            alike[field.column] = same.get(field.name, default)
    return alike, columns


_DAYS = ("transaction_date", "value_date")


def _written(alike, columns, count):
    """Write the rows in parts, and tell how many are written after each. A list of them would be kept for nothing."""
    quote = connection.ops.quote_name
    into = f"{quote(Transaction._meta.db_table)} ({', '.join(map(quote, [*alike, *columns]))})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            head = "".join(f"{text}\t" for value in alike.values() for text in _texts([value]))
            lines = map("\t".join, zip(*map(_texts, columns.values()), strict=True))
            for start in range(0, count, BATCH_ROWS):
                with connection.wrap_database_errors, cursor.copy(f"COPY {into} FROM STDIN") as copy:
                    copy.write(head + f"\n{head}".join(islice(lines, BATCH_ROWS)) + "\n")
                yield min(start + BATCH_ROWS, count)
        else:
            rows = zip(*(repeat(value, count) for value in alike.values()), *columns.values(), strict=True)
            marks = ", ".join(["%s"] * (len(alike) + len(columns)))
            for start in range(0, count, BATCH_ROWS):
                cursor.executemany(f"INSERT INTO {into} VALUES ({marks})", islice(rows, BATCH_ROWS))
                yield min(start + BATCH_ROWS, count)


_SPECIAL = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _texts(values):
    """The values of a column as COPY reads them. A column of texts holds nothing else."""
    if not isinstance(values[0], str):
        if None not in values:
            return map(str, values)
        return ("\\N" if value is None else str(value) for value in values)
    everything = "".join(values)
    if not any(chr(letter) in everything for letter in _SPECIAL):
        return values
    return (value.translate(_SPECIAL) for value in values)


def take_out(statement, *, user=None):
    """Delete the transactions of a statement with what hangs on them, each with its history; returns how many."""
    rows = Transaction.objects.filter(statement=statement)
    for relation in Transaction._meta.related_objects:
        if relation.on_delete is models.CASCADE:
            relation.related_model.objects.filter(**{f"{relation.field.name}__in": rows}).delete()
    history.write(rows, "-", "Undone", user)
    return rows._raw_delete(rows.db)
