"""What a book does not take: each fault of an entry or transfer, by field."""

from datetime import timedelta

from django.core.exceptions import ValidationError

from ledger.models import AccountTransfer, LedgerEntry, PaymentMode
from shop.dates import check_date
from shop.money import money_fault
from shop.rows import clean_text


def check(row, *, allow_future=False, settled=False):
    """Tidy an entry's or transfer's texts and raise ValidationError (by field) for what a book does not take.

    `settled` rows mend earlier ones and may use accounts and categories that have been retired since.
    """
    errors = {}
    for name, message in (("amount", _amount_fault(row.amount)), ("date", _date_fault(row, allow_future))):
        if message:
            errors[name] = message
    for name in ("from_account", "to_account", "account", "category"):
        if not hasattr(row, f"{name}_id"):
            continue
        of = getattr(row, name)
        if of.book_id != row.book_id:
            errors[name] = f"There is no {name.replace('_', ' ')} '{of}' in {row.book}."
        elif not (of.is_active or settled or row.pk):
            errors[name] = f"'{of}' is retired; choose another."
    if isinstance(row, AccountTransfer) and row.from_account_id == row.to_account_id:
        errors["to_account"] = "A transfer needs two different accounts."
    if isinstance(row, LedgerEntry) and row.payment_mode not in PaymentMode.values:
        errors["payment_mode"] = (
            f"'{row.payment_mode}' is no payment mode; take one of {', '.join(PaymentMode.values)}."
        )
    for name in ("narration", "reference", "subcategory"):
        if hasattr(row, name):
            text = clean_text(getattr(row, name))
            setattr(row, name, text)
            limit = row._meta.get_field(name).max_length
            if len(text) > limit:
                errors[name] = f"The {name} has {len(text)} letters; {limit} is the limit."
    if errors:
        raise ValidationError(errors)


def _amount_fault(amount):
    fault = money_fault(amount)
    if fault is None and amount <= 0:
        fault = "The amount must be above 0; the category says whether it came or went."
    return fault


def _date_fault(row, allow_future):
    try:
        check_date(row.date)
    except ValidationError as error:
        return error.message
    if row.book.begins_on and row.date < row.book.begins_on:
        return f"{row.date:%d-%m-%Y} is before the book begins ({row.book.begins_on:%d-%m-%Y})."
    first_open_date = (
        row.book.closed_through + timedelta(days=1) if row.adjusts_date and row.book.closed_through else None
    )
    if not allow_future and row.date > row.book.today() and row.date != first_open_date:
        return ValidationError(f"{row.date:%d-%m-%Y} is in the future; confirm it if it is meant.", code="future")
    return None
