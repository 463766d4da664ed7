"""Links and matches with entries that stand no more, from before transactions followed their entries, are let go.

Nothing kept staff from binning a linked entry then, nor from taking one match of several back. Each is kept as what was
lost, so that it comes back with its entry, and has its history.
"""

import secrets
from datetime import timedelta

from django.db import migrations
from django.utils import timezone

NEAR = timedelta(days=2)
REASON = "What it was linked to stands no more"
REASON_OF_MATCH = "A collection of it was taken back or changed"


def stands(row):
    return not (row.deleted_at or row.reversed_at or row.reversal_of_id)


def is_same_money(one):
    row = one.entry or one.transfer
    spent = one.debit_amount is not None
    if one.entry_id:
        is_its_side = row.account_id == one.account_id and spent == (row.category.direction == "spent")
    else:
        is_its_side = one.account_id == (row.from_account_id if spent else row.to_account_id)
    near = any(abs(day - one.transaction_date) <= NEAR for day in (row.date, row.adjusts_date) if day)
    return stands(row) and is_its_side and near and row.amount == (one.debit_amount if spent else one.credit_amount)


def add_up(matches):
    credits = {match.transaction_id: match.transaction.credit_amount for match in matches}
    entries = {match.entry_id: match.entry for match in matches}
    if not all(stands(entry) and entry.category.direction == "received" for entry in entries.values()):
        return False
    return sum(credits.values()) == sum(entry.amount for entry in entries.values())


def hanging_together(matches):
    groups = {}
    for match in matches:
        ends = (match.transaction_id, None), (None, match.entry_id)
        group = groups.get(ends[0]) or groups.get(ends[1]) or []
        group.append(match)
        groups[ends[0]] = groups[ends[1]] = group
    return list({id(group): group for group in groups.values()}.values())


def record(history, rows, kind, reason):
    if rows:
        own = [field.attname for field in rows[0]._meta.concrete_fields]
        told = {"history_date": timezone.now(), "history_type": kind, "history_change_reason": reason}
        lines = [history(**{name: getattr(row, name) for name in own}, **told) for row in rows]
        history.objects.bulk_create(lines, batch_size=500)


def let_go_links(apps):
    transaction, history, lost_link = (
        apps.get_model("expenses", name) for name in ("Transaction", "HistoricalTransaction", "LostLink")
    )
    linked = transaction.objects.filter(is_linked=True).exclude(entry=None, transfer=None).order_by("pk")
    linked = linked.select_related("entry__category", "transfer")
    rows = [one for one in linked.iterator(chunk_size=2000) if not is_same_money(one)]
    lost_link.objects.bulk_create(
        [
            lost_link(
                transaction=one, entry_id=one.entry_id, transfer_id=one.transfer_id, group=secrets.token_hex(8)
            )
            for one in rows
        ],
        batch_size=500,
    )  # fmt: skip
    for one in rows:
        one.entry, one.transfer, one.is_linked = None, None, False
    transaction.objects.bulk_update(rows, ["entry", "transfer", "is_linked"], batch_size=200)
    record(history, rows, "~", REASON)


def let_go_matches(apps):
    credit_match, history, lost_link = (
        apps.get_model("expenses", name) for name in ("CreditMatch", "HistoricalCreditMatch", "LostLink")
    )
    matches = credit_match.objects.select_related("transaction", "entry__category").order_by("pk")
    for group in hanging_together(matches.iterator(chunk_size=2000)):
        if add_up(group):
            continue
        key = secrets.token_hex(8)
        for one in group:
            lost_link.objects.create(
                transaction_id=one.transaction_id, entry_id=one.entry_id, group=key, is_match=True,
                evidence=one.evidence, confirmed_by_id=one.confirmed_by_id,
            )  # fmt: skip
        record(history, group, "-", REASON_OF_MATCH)
        gone = credit_match.objects.filter(pk__in=[one.pk for one in group])
        gone._raw_delete(gone.db)


def let_go(apps, schema_editor):
    let_go_links(apps)
    let_go_matches(apps)


class Migration(migrations.Migration):
    dependencies = [("expenses", "0012_colours")]
    operations = [migrations.RunPython(let_go, migrations.RunPython.noop)]
