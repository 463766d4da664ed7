"""The read-only SQL views of the expenses, in rupees: transactions, transaction_tags and product_tags.

transactions: one row for each row of a statement. transaction_tags: one row for each tag's share of a debit; the whole
debit where it is not split. Sums by tag are made of these. product_tags: the memory, payee -> tag. A tag is its name,
'TBD' where it is still to be told. Amounts are exact, as in the ledger's views.
"""

from functools import partial

from shop.sql_views import Views, rupees


def _queries(vendor):
    money = partial(rupees, vendor)
    tag = "CASE WHEN x.decided_by = 'tbd' THEN 'TBD' ELSE COALESCE(g.name, 'TBD') END AS tag"
    joined = "JOIN ledger_book b ON b.id = x.book_id JOIN ledger_account a ON a.id = x.account_id"
    return {
        "transactions": f"""
            SELECT x.id, x.book_id AS parent_membership_id, b.slug AS book, a.name AS account, x.transaction_date,
              x.narration, x.value_date, x.reference, {money("x.debit_amount", "debit_amount")},
              {money("x.credit_amount", "credit_amount")}, {money("x.closing_balance", "closing_balance")},
              x.product, x.upi_id, x.mode, {tag}, x.decided_by, x.confidence, x.why, x.is_confirmed,
              (x.entry_id IS NOT NULL OR x.transfer_id IS NOT NULL) AS posted, x.statement_id
            FROM expenses_transaction x {joined} LEFT JOIN expenses_tag g ON g.id = x.tag_id""",
        "transaction_tags": f"""
            SELECT x.id AS transaction_id, x.book_id AS parent_membership_id, b.slug AS book, a.name AS account,
              x.transaction_date, x.product, x.mode,
              CASE WHEN s.id IS NOT NULL THEN sg.name WHEN x.decided_by = 'tbd' THEN 'TBD'
                ELSE COALESCE(g.name, 'TBD') END AS tag,
              {money("COALESCE(s.amount, x.debit_amount)", "amount")}
            FROM expenses_transaction x {joined}
            LEFT JOIN expenses_split s ON s.transaction_id = x.id
            LEFT JOIN expenses_tag sg ON sg.id = s.tag_id
            LEFT JOIN expenses_tag g ON g.id = x.tag_id
            WHERE x.debit_amount IS NOT NULL""",
        "product_tags": """
            SELECT p.id, p.book_id AS parent_membership_id, b.slug AS book, p.product, g.name AS tag, p.source,
              p.updated_at
            FROM expenses_producttag p
            JOIN ledger_book b ON b.id = p.book_id
            JOIN expenses_tag g ON g.id = p.tag_id""",
    }


VIEWS = Views("expenses", ("transactions", "transaction_tags", "product_tags"), _queries, ("ledger", "expenses"))
