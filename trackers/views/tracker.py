"""A tracker's page: terms, figures, its days, its entries in the ledger, its versions; the workbook to take away."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from ledger.views.day_book import refused
from shop import access, faults
from shop.dates import parse_date
from shop.downloads import CONTENT_TYPES, attachment
from shop.pages import book_page, page
from trackers import charts, handed_over, posting, receipts, schedule, services, store
from trackers.collect.collection import REFUSALS, words
from trackers.models import Approval, Draft, Tracker
from trackers.workbook.layouts import LAYOUTS

VERSIONS_SHOWN = 30
_SHOWN = (
    "paid", "cumulative", "details", "mode", "balance", "withdrawn", "reinvest", "reinvest_from", "pocket_money",
    "total_invested", "expected", "notes",
)  # fmt: skip
_TEXTS = {"details", "mode", "reinvest_from", "notes"}


def the_tracker(request, book, pk):
    """The tracker of that number that the person may see, or Http404."""
    rows = Tracker.objects.select_related("book", "customer__user", "customer__agent", "disbursed_account")
    return access.get_visible(rows, request.user, book, pk=pk)


@require_safe
@book_page(access.READ, access.POST)
def tracker(request, book, pk):
    """?all=1 shows every day of the table, not only those with something on them."""
    row = the_tracker(request, book, pk)
    contents, fault = readable(row)
    entries = list(posting.entries_of(row))
    by_day = {}
    for entry in entries:
        part = entry.source_ref.split(":")
        entry.of_day = int(part[1]) if len(part) == 4 else None
        by_day.setdefault(entry.of_day, []).append(entry)
    today = book.today()
    summary = contents.summary() if contents else None
    context = {
        "title": "",
        "tracker": row,
        "terms": row.terms,
        "standing": row.standing(),
        "percent": min(100, int(100 * row.total_paid / row.terms.total)),
        "fault": fault,
        "frozen": faults.concerning(book, faults.TRACKER, row.pk),
        "compare": _compare_address(row),
        "opened_by": store.opened_by(row),
        "columns": _columns(row),
        "days": _days(row, contents, by_day, receipts.by_day(row), today, bool(request.GET.get("all")))
        if contents
        else [],
        "all": bool(request.GET.get("all")),
        "summary": summary,
        "roi": summary and f"{summary['roi'] * 100:.2f}",
        "chart": _chart(row, contents, today) if contents else None,
        "entries": entries,
        "versions": _versions(row),
        "drafts": access.visible(Draft, request.user, book).filter(tracker=row, saved_by=request.user).order_by("date"),
        "waiting": access.visible(Approval, request.user, book).filter(tracker=row, state=Approval.State.WAITING),
        "sees_profit": access.may(request.user, book, access.READ),
        "may_change": access.may(request.user, book, access.CLOSE),
        "renewed_into": Tracker.objects.filter(renewed_from=row).first(),
        "unknown_to_cash": handed_over.words(row) if handed_over.is_unknown_by_choice(row) else "",
        "adjusts_on": book.closed_through + timedelta(days=1) if book.is_closed_on(row.start_date) else None,
        "next_day": max(row.terms.day_of(today), 0),
        "files": _files(row),
    }
    return page(request, "trackers/tracker.html", context)


def readable(row):
    """(Contents or None, what is wrong with the workbook or ""); where it is, the last kept copy is shown instead."""
    try:
        return services.contents_of(row), ""
    except REFUSALS as error:
        return services.kept_contents(row), words(error)


def address(name, *args):
    """The address of a page by its URL name, "" where it is not there."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def _compare_address(row):
    return address("trackers:compare", row.book.slug, row.pk)


def _files(row):
    """[(word, address)] of what can be taken away."""
    found = [("Workbook", reverse("trackers:download", args=[row.book.slug, row.pk]))]
    statement = address("trackers:statement", row.book.slug, row.pk)
    return [*found, ("PDF statement", statement)] if statement else found


def _columns(row):
    """[(field, heading, whether it is text)] of the day table, in the order of the kind's sheet."""
    columns = LAYOUTS[row.tracker_type].column
    return [(name, columns[name].header, name in _TEXTS) for name in _SHOWN if name in columns]


def _days(row, contents, by_day, receipted, today, every):
    """The day table's lines: {day, date, cells, moved, receipts, state}; only days with something on them unless `every`."""
    lines = []
    for filled in contents.rows():
        day = filled["day"]
        if not every and day not in contents.days:
            continue
        is_due = not row.terms.is_skipped(day)
        state = ""
        if filled["paid"] is None and is_due and filled["date"] < today and day <= row.terms.last_day:
            state = "missed"
        lines.append(
            {
                "day": day,
                "date": filled["date"],
                "cells": [(filled[name], is_text) for name, _, is_text in _columns(row)],
                "moved": [entry for entry in by_day.get(day, ()) if entry.adjusts_date],
                "receipts": receipted.get(day, ()),
                "state": state,
                "is_future": filled["date"] > today,
            }
        )
    return lines


def _chart(row, contents, today):
    rows = contents.rows()
    terms = contents.terms
    for line in rows:
        line["fallen"] = schedule.expected(terms, line["day"])
    last_filled = max(contents.days, default=0)
    through = min(max(terms.day_of(today), last_filled), max(terms.last_day, last_filled), len(rows) - 1)
    return charts.paid_against_expected(rows, through)


def _versions(row):
    """[{version, when, who, what, is_kept}], newest first."""
    found, seen = [], set()
    for record in row.history.select_related("history_user").order_by("-history_date", "-history_id")[:200]:
        if record.version in seen or len(found) == VERSIONS_SHOWN:
            continue
        seen.add(record.version)
        is_kept = record.version == row.version or store.version_path(row, record.version).exists()
        found.append(
            {
                "version": record.version,
                "when": record.history_date,
                "who": record.history_user or "Lendbook",
                "what": record.history_change_reason or "",
                "is_kept": is_kept,
            }
        )
    return found


@require_safe
@book_page(access.READ, access.POST)
def download(request, book, pk, version=None):
    """The workbook, or one of its kept versions, as a file."""
    row = the_tracker(request, book, pk)
    name = row.filename
    try:
        if version is None or version == row.version:
            content = services.bytes_of(row)
        else:
            content, name = store.read_kept(row, version), f"{row.filename.removesuffix('.xlsx')}.v{version}.xlsx"
    except store.StoreError as error:
        return refused(request, ValidationError(str(error)))
    if content is None:
        raise Http404("This version is not kept any more.")
    return attachment(content, CONTENT_TYPES["xlsx"], name)


@require_safe
@book_page(access.CLOSE)
def to_day(request, book, pk):
    """From a date or a day's number (?date=, ?day=) to that day's form."""
    row = the_tracker(request, book, pk)
    try:
        day = request.GET.get("day", "")
        number = int(day) if day.isdecimal() and len(day) < 6 else row.terms.day_of(parse_date(request.GET["date"]))
        if not 0 <= number <= schedule.MAX_DAY:
            raise ValidationError(
                f"That is day {number} of this tracker; its table holds days 0 ({row.start_date:%d-%m-%Y}) to "
                f"{schedule.MAX_DAY}."
            )
    except (ValidationError, KeyError) as error:
        said = error if isinstance(error, ValidationError) else ValidationError("Name a date or a day.")
        return refused(request, said)
    return redirect("trackers:day", book.slug, row.pk, number)
