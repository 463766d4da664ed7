"""Opening trackers, and the customers they are for."""

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from ledger import services as ledger
from trackers import handed_over, posting, store
from trackers.models import Customer, Holiday, Tracker
from trackers.services.change import as_handed_over, take_figures, take_terms, waiting
from trackers.workbook.build import build_workbook
from trackers.workbook.contents import edited, new_contents


def customer_for(book, login, name=""):
    """The book's customer of that login; login and customer are made if missing (no usable password).

    Raises ValidationError for a login that Django refuses or that works in the office.
    """
    user = login_for(login)
    if user.pk is None:
        user.save()
    customer = Customer.objects.filter(book=book, user=user).first()
    if customer is None:
        customer = Customer(book=book, user=user, name=ledger.clean_text(name) or login)
        customer.full_clean()
        ledger.save(customer, None)
    if not customer.is_active:
        raise ValidationError(f"The customer {customer} is deactivated; activate him first.")
    return customer


def login_for(login):
    """The user of a customer's login; one that is missing is made without a usable password, and not saved yet.

    Raises ValidationError for a login that Django refuses or that works in the office.
    """
    User = get_user_model()
    user = User.objects.filter(username=login).first()
    if user is None:
        user = User(username=login)
        user.set_unusable_password()
        try:
            user.full_clean(exclude=["password"])
        except ValidationError as error:
            raise ValidationError(f"The login '{login[:40]}' cannot be used: {' '.join(error.messages)}") from error
    elif user.is_superuser or user.book_members.exists():
        raise ValidationError(f"'{login}' works in the office; a customer needs a login of his own.")
    return user


def open_tracker(
    *,
    customer,
    tracker_name,
    tracker_type,
    start_date,
    user=None,
    investment=None,
    disbursed_amount=None,
    disbursed_account=None,
    scheme_period=None,
    per_day_payment=None,
    strategy=None,
    enhanced_count=None,
    post_disbursement=False,
    adjust=False,
    renewed_from=None,
    also=None,
    contents=None,
    uid=None,
):
    """Open a tracker: its row and its workbook, and with `post_disbursement` the Loan Disbursement entry, unless the
    money went before the book begins.

    What is not given is the kind's default. `contents` opens it filled (adopted), its days posted; with a `uid` as well
    it is a tracker that Lendbook had before.
    `also(tracker)` runs inside the transaction; a `uid` that the caller made beforehand opens one tracker, however often.
    Returns the Tracker. Raises as the module says.
    """
    if not customer.is_active:
        raise ValidationError(f"The customer {customer} is deactivated; activate him first.")
    book = customer.book
    tracker = Tracker(book=book, customer=customer, tracker_type=tracker_type, renewed_from=renewed_from)
    tracker.uid = uid or tracker.uid
    contents_given = contents
    if contents is None:
        skipped, holidays = skipping(book)
        contents = new_contents(
            tracker_type, tracker_name=ledger.clean_text(tracker_name), start_date=start_date, investment=investment,
            scheme_period=scheme_period, per_day_payment=per_day_payment, strategy=strategy,
            enhanced_count=enhanced_count, skipped_weekdays=skipped, holidays=holidays,
        )  # fmt: skip
    contents = edited(contents, tracker_id=str(tracker.uid), version=1)
    take_terms(tracker, contents)
    tracker.disbursed_amount = contents.handed_over if disbursed_amount is None else disbursed_amount
    contents = as_handed_over(tracker, contents)
    tracker.disbursed_account = disbursed_account
    days = [posting.DayChange(tracker, day, {}, values) for day, values in sorted(contents.days.items())]
    content = build_workbook(contents, store.template_of(book.pk)).data
    tracker.full_clean(exclude=["filename", "sha256", "version"])
    with store.naming():
        tracker.filename = store.new_filename(customer.user.username, timezone.localtime())
        with waiting([(tracker, content)]) as (file,), transaction.atomic(durable=True):
            take_figures(tracker, contents, file.sha256)
            ledger.save(tracker, user, _reason(contents_given, uid))
            if days:
                posting.post_changes(book, days, user=user, adjust=adjust)
            if post_disbursement and not handed_over.is_before_the_book(tracker):
                handed_over.post(tracker, user=user, adjust=adjust)
            if also:
                also(tracker)
    store.settle(tracker)
    return tracker


def _reason(contents, uid):
    """Why the row was made, for its history; trackers/handed_over.py reads it."""
    if contents is None:
        return "Opened"
    return handed_over.BROUGHT_BACK if uid else handed_over.TAKEN_OVER


def skipping(book):
    """(skipped weekdays, holidays) as frozensets: the days of the book that carry no instalment."""
    settings = posting.settings_of(book)
    holidays = Holiday.objects.filter(book=book).values_list("date", flat=True)
    return frozenset(settings.skipped_weekdays), frozenset(holidays)
