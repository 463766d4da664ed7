"""What the worker runs for trackers; each docstring says what a second run does."""

from datetime import date, timedelta

from shop import jobs
from shop.models import Job
from shop.money import parse_money, plain
from trackers import services, store
from trackers.collect import collection
from trackers.collect.collection import REFUSALS, Typed, words
from trackers.models import Tracker
from trackers.schedule import MAX_DAY

SAVE_KIND = "collection"
HOLIDAYS_KIND = "skipped days"


def recover_workbooks():
    """Finish moves of workbooks that a crash interrupted. A second run finds none."""
    store.recover()


def start_save(book, on, rows, refused, *, user, token, adjust):
    """The Job that saves many typed rows (collection.Typed) of a day; `refused` are report lines to keep with it."""
    parameters = {
        "date": on.isoformat(),
        "rows": [
            [row.tracker_id, plain(row.amount), row.mode, row.note, row.add, row.seen, row.is_sure] for row in rows
        ],
        "refused": refused,
        "token": token,
        "adjust": adjust,
    }
    title = f"Collections of {on:%d-%m-%Y}"
    return jobs.create(
        book=book, kind=SAVE_KIND, title=title, step="save", user=user, parameters=parameters, total=len(rows)
    )


def save_step(job, progress):
    """Save the rows of a job. A second run finds the first one's save by its token."""
    asked = job.parameters
    rows = [Typed(pk, parse_money(amount), *rest) for pk, amount, *rest in asked["rows"]]
    report = collection.record_payments(
        job.book, date.fromisoformat(asked["date"]), rows, user=job.created_by, token=asked["token"],
        adjust=asked["adjust"], job=job, on_progress=progress, refused=asked["refused"],
    )  # fmt: skip
    saved = sum(line["ok"] for line in report)
    return Job.State.DONE, {"rows_in": len(report), "imported": saved, "rejected": len(report) - saved}


def start_skipping(book, *, user):
    """The Job that brings the book's skipped weekdays and holidays into its running trackers."""
    count = Tracker.objects.filter(book=book, is_active=True).count()
    return jobs.create(
        book=book, kind=HOLIDAYS_KIND, title="Skipped days into running trackers", step="apply", user=user, total=count
    )


def apply_step(job, progress):
    """Give every running tracker the book's skipped days, one by one. A second run passes over those that have them."""
    weekdays, holidays = services.skipping(job.book)
    done, left = 0, []
    running = list(Tracker.objects.filter(book=job.book, is_active=True).select_related("book", "customer"))
    for number, tracker in enumerate(running, 1):
        progress(number, len(running))
        if has_skipped_days(tracker, weekdays, holidays):
            continue
        try:
            services.edit_terms(tracker, user=job.created_by, skipped_weekdays=weekdays, holidays=holidays)
            done += 1
        except REFUSALS as error:
            left.append(f"{tracker}: {words(error)}")
    return Job.State.DONE, {"imported": done, "rejected": len(left), "rows_in": done + len(left), "left": left[:200]}


def has_skipped_days(tracker, weekdays, holidays):
    """Whether a tracker goes by these skipped days already; its row keeps the holidays that fall into its table."""
    last = tracker.start_date + timedelta(days=MAX_DAY)
    within = sorted(day.isoformat() for day in holidays if tracker.start_date <= day <= last)
    return sorted(tracker.skipped_weekdays) == sorted(weekdays) and sorted(tracker.holidays) == within


jobs.register(jobs.Kind(SAVE_KIND, {"save": save_step}, page="trackers:saving"))
jobs.register(jobs.Kind(HOLIDAYS_KIND, {"apply": apply_step}))
