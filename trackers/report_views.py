"""The read-only SQL view daily_tracker: every tracker in rupees, under the columns of the original daily_tracker table.

The original columns come first, under their own names (user_id is the customer's login), then what Lendbook knows
besides: book, customer, how it was closed, and what the workbook of `version` adds up to. Amounts are exact:
numeric(20,2) on PostgreSQL, text with two places on SQLite, as in the ledger's views.
"""

from functools import partial

from ledger.report_views import Views, rupees

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
              t.closed_at, t.closed_on, t.closing, t.renewed_from_id
            FROM trackers_tracker t
            JOIN trackers_customer c ON c.id = t.customer_id
            JOIN ledger_book b ON b.id = t.book_id"""
    }


VIEWS = Views("trackers", ("daily_tracker",), _queries, ("ledger", "trackers"))
