"""The read-only SQL views daily_tracker and tracker_instalments, in rupees.

daily_tracker: every tracker under the columns of the original daily_tracker table. Those come first, under their own
names (user_id is the customer's login), then what Lendbook knows besides: book, customer, how it was closed, and what
the workbook of `version` adds up to; profit counts what was handed over. tracker_instalments: what falls due of each
tracker on each date, as trackers.schedule reckons; of a closed one until it was closed.

Amounts are exact: numeric(20,2) on PostgreSQL, text with two places on SQLite, as in the ledger's views.
"""

from functools import partial

from shop.sql_views import Views, rupees
from trackers.schedule import MAX_DAY

_AMOUNTS = ("disbursed_amount", "total_paid", "balance", "expected", "pending", "waived_amount")


def _queries(vendor):
    money = partial(rupees, vendor)
    amounts = ", ".join(money(f"t.{name}", name) for name in _AMOUNTS)
    return {
        "daily_tracker": f"""
            SELECT t.id, c.user_id, t.tracker_name, t.tracker_type, {money("t.investment", "investment")},
              t.scheme_period, t.start_date, t.filename, t.is_active, t.created_at, t.updated_at,
              {money("t.per_day_payment", "per_day_payment")}, t.strategy, t.enhanced_count,
              t.book_id AS parent_membership_id, b.slug AS book, t.customer_id, c.name AS customer, c.route, c.agent_id,
              {amounts}, t.days_paid, t.last_paid_on, t.last_day, t.version, t.sha256,
              t.closed_at, t.closed_on, t.closing, t.renewed_from_id, {money("t.pocket_money", "pocket_money")},
              {money("t.total_paid - t.disbursed_amount - t.pocket_money", "profit")}
            FROM trackers_tracker t
            JOIN trackers_customer c ON c.id = t.customer_id
            JOIN ledger_book b ON b.id = t.book_id""",
        "tracker_instalments": f"""
            SELECT i.tracker_id, i.tracker_name, c.name AS customer, c.route, i.book_id AS parent_membership_id,
              b.slug AS book, i.number AS instalment, i.date, {money("i.per_day_payment", "amount")}
            FROM ({_instalments(vendor)}) AS i
            JOIN trackers_customer c ON c.id = i.customer_id
            JOIN ledger_book b ON b.id = i.book_id
            WHERE i.number <= i.scheme_period AND (i.closed_on IS NULL OR i.date <= i.closed_on)""",
    }


def _instalments(vendor):
    """The days of each tracker that carry an instalment, numbered; more than its scheme has, the caller cuts them."""
    if vendor == "postgresql":
        skipped = """t.skipped_weekdays @> to_jsonb(EXTRACT(isodow FROM t.start_date + n.day)::int - 1)
                     OR t.holidays @> to_jsonb((t.start_date + n.day)::text)"""
        days = f"""generate_series(1, CASE WHEN t.skipped_weekdays = '[]' AND t.holidays = '[]'
                                      THEN t.scheme_period ELSE {MAX_DAY} END) AS n (day)"""
        on = "t.start_date + n.day"
    else:
        on = "date(t.start_date, '+' || n.day || ' days')"
        skipped = f"""EXISTS (SELECT 1 FROM json_each(t.skipped_weekdays)
                              WHERE value = (CAST(strftime('%w', {on}) AS integer) + 6) % 7)
                      OR EXISTS (SELECT 1 FROM json_each(t.holidays) WHERE value = {on})"""
        days = f"""(WITH RECURSIVE n (day) AS (SELECT 1 UNION ALL SELECT day + 1 FROM n WHERE day < {MAX_DAY})
                    SELECT day FROM n) AS n"""
    return f"""SELECT t.id AS tracker_id, t.tracker_name, t.customer_id, t.book_id, t.scheme_period, t.closed_on,
          t.per_day_payment, {on} AS date, ROW_NUMBER() OVER (PARTITION BY t.id ORDER BY n.day) AS number
        FROM trackers_tracker t CROSS JOIN {days} WHERE NOT ({skipped})"""


VIEWS = Views("trackers", ("daily_tracker", "tracker_instalments"), _queries, ("ledger", "trackers"))
