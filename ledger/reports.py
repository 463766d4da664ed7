"""Figures that pages, exports and scripts show alike, read from the finished day book."""

from lendbook.money import plain


def day_shape(day):
    """One daybook.Day as plain values for JSON: money "54500.00", dates ISO."""
    return {
        "date": day.date.isoformat(),
        "opening_balance": plain(day.opening_balance),
        "total_received": plain(day.total_received),
        "total_spent": plain(day.total_spent),
        "closing_balance": plain(day.closing_balance),
        "details": [
            {
                "transaction_type": detail.transaction_type,
                "category": detail.category.name,
                "subcategory": detail.subcategory,
                "amount": plain(detail.amount),
                "transaction_count": detail.transaction_count,
            }
            for detail in day.details
        ],
        "accounts": [
            {
                "account": on_day.account.name,
                "opening_balance": plain(on_day.opening_balance),
                "received": plain(on_day.received),
                "spent": plain(on_day.spent),
                "transferred": plain(on_day.transferred),
                "closing_balance": plain(on_day.closing_balance),
            }
            for on_day in day.accounts
        ],
        "closed": day.is_closed,
    }
