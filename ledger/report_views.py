"""Read-only SQL views in rupees for reports and dashboards, under the names that an original day book's reports use.

dc_ledger_entries: every entry that is not in the bin; a reversal's amount is negative, so sums agree with the day
book. dc_day_book and dc_day_book_details: the stored days; `pending` says that the worker has still to compute the
day. `parent_membership_id` is the book's id; `nature` says what a category is in the accounts (ledger.natures).

Amounts are exact: numeric(20,2) on PostgreSQL; on SQLite, which has no exact decimal, text with two places ("-12.50").
To sum those there: SUM(CAST(REPLACE(amount, '.', '') AS INTEGER)) gives whole paise.

The views are no migration's: they are taken down before a migration touches a table under them, and put up after, with
the right of the reporting role (settings.REPORTS_ROLE) to read them.
"""

from functools import partial

from shop.sql_views import Views, rupees


def _queries(vendor):
    """{view: SELECT}. Each joins the book, which also keeps PostgreSQL from letting anybody write through the view."""
    signed = "CASE WHEN e.reversal_of_id IS NULL THEN e.amount ELSE -e.amount END"
    kind = "CASE c.direction WHEN 'received' THEN 'COLLECTION' ELSE 'EXPENSE' END"
    pending = """EXISTS (SELECT 1 FROM ledger_daychange p WHERE p.book_id = d.book_id
                         AND (p.date IS NULL OR p.date <= d.date))"""

    money = partial(rupees, vendor)
    return {
        "dc_ledger_entries": f"""
            SELECT e.id, e.book_id AS parent_membership_id, b.slug AS book, e.date, a.name AS account,
              a.kind AS account_kind, c.name AS category, e.subcategory, c.direction, c.nature, {kind} AS transaction_type,
              {money(signed, "amount")}, e.payment_mode, e.narration, e.reference, e.source, e.source_ref,
              e.reversal_of_id, e.adjusts_date, e.created_by_id, e.created_at
            FROM ledger_ledgerentry e
            JOIN ledger_book b ON b.id = e.book_id
            JOIN ledger_account a ON a.id = e.account_id
            JOIN ledger_category c ON c.id = e.category_id
            WHERE e.deleted_at IS NULL""",
        "dc_day_book": f"""
            SELECT d.id, d.book_id AS parent_membership_id, b.slug AS book, d.date,
              {money("d.opening_balance", "opening_balance")}, {money("d.total_received", "total_received")},
              {money("d.total_spent", "total_spent")}, {money("d.closing_balance", "closing_balance")},
              d.calculated_at, {pending} AS pending
            FROM ledger_daybook d JOIN ledger_book b ON b.id = d.book_id""",
        "dc_day_book_details": f"""
            SELECT t.id, t.day_book_id, d.book_id AS parent_membership_id, b.slug AS book, d.date,
              t.transaction_type, c.name AS category, c.nature, t.subcategory, {money("t.amount", "amount")},
              t.transaction_count, {pending} AS pending
            FROM ledger_daybookdetail t
            JOIN ledger_daybook d ON d.id = t.day_book_id
            JOIN ledger_book b ON b.id = d.book_id
            JOIN ledger_category c ON c.id = t.category_id""",
    }


VIEWS = Views("ledger", ("dc_ledger_entries", "dc_day_book", "dc_day_book_details"), _queries, ("ledger",))
