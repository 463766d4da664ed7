"""History of transactions that were written in bulk: one SQL statement for many rows, since bulk writing leaves none."""

from django.db import connection
from django.utils import timezone

from expenses.models import Transaction


def write(rows, kind, reason="", user=None):
    """A history row ("+", "~" or "-") of each transaction of a queryset, as it stands now: who, and why (100 letters)."""
    quote = connection.ops.quote_name
    fields = Transaction._meta.concrete_fields
    names = ", ".join(quote(field.column) for field in fields)
    select, parameters = rows.order_by().values_list(*(field.attname for field in fields)).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {quote(Transaction.history.model._meta.db_table)}
                ({names}, history_date, history_change_reason, history_type, history_user_id)
                SELECT rows.*, %s, %s, %s, %s FROM ({select}) AS rows""",
            [
                connection.ops.adapt_datetimefield_value(timezone.now()),
                reason[:100],
                kind,
                user and user.pk,
                *parameters,
            ],
        )
