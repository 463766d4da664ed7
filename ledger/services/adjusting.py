"""Closed days and what is posted instead: on the first open day, naming the day where it belongs.

A correction of a closed day has two halves: the reversal of what was there, and what takes its place (`corrects`). Both
count from the first open day on, so that no day in between holds the money twice or not at all. What takes the place may
belong to a later day and then stands there; it never stands before the reversal.
"""

from datetime import timedelta

from django.core.exceptions import ValidationError

from shop.rows import clean_text


def first_open(book, date):
    """`date`, or the first open day after it where it is closed."""
    return book.closed_through + timedelta(days=1) if book.is_closed_on(date) else date


def open_date(row, adjust):
    """With `adjust`, move a row that falls on a closed day to the first open day and note where it belongs."""
    if adjust and row.book.is_closed_on(row.date):
        _move(row, first_open(row.book, row.date))


def place_anew(row, adjust):
    """Give an adjustment, or what corrects another, the date that was typed for it: as open_date, but never a day
    before the one on which its other half is taken back."""
    row.narration, row.adjusts_date = own_narration(row), None
    open_date(row, adjust)
    half = other_half(row)
    if half is not None and row.date < half.date:
        _move(row, half.date)


def _move(row, date):
    narration = own_narration(row)
    row.adjusts_date = row.adjusts_date or row.date
    row.date = date
    row.narration = adjusting(row.adjusts_date, narration)


def own_narration(row):
    """What a row says, without the words that make it an adjustment."""
    prefix = adjusting(row.adjusts_date, "") if row.adjusts_date else ""
    return row.narration.removeprefix(prefix).strip()


def adjusting(date, narration):
    """The narration of an adjustment: it names the closed day that it mends."""
    return f"Adjustment for {date:%d-%m-%Y}. {clean_text(narration)}".strip()[:500]


# ------------------------------------------------------------------------------------------------ the two halves


def other_half(row):
    """The reversal that stands beside a correction: of the one whose place it takes. None where there is none."""
    return row.corrects and row.corrects.reversals.filter(deleted_at=None).first()


def correction_of(row):
    """What stands in the place of a row that was corrected, however often; None where nothing does."""
    for correction in row.corrections.filter(deleted_at=None).order_by("-pk"):
        if correction.reversed_at is None:
            return correction
        if (later := correction_of(correction)) is not None:
            return later
    return None


def refuse_standing_twice(reversal):
    """Raise ValidationError where binning this reversal would let a row stand beside what took its place."""
    correction = correction_of(reversal.reversal_of)
    if correction is not None:
        raise ValidationError(
            f"{correction} stands in the place of what this takes back; put that into the bin first.", code="corrected"
        )


def refuse_coming_back(row):
    """Raise ValidationError where a correction may not leave the bin: its place is taken, or its other half has moved."""
    if row.corrects is None:
        return
    half = other_half(row)
    if half is None:
        raise ValidationError(f"{row.corrects} stands again, which this corrected; correct it anew.", code="standing")
    if correction_of(row.corrects) is not None:
        raise ValidationError(f"{row.corrects} was corrected otherwise since, so this stays in the bin.", code="taken")
    if row.date < half.date or (row.adjusts_date and row.date != half.date):
        raise ValidationError(
            f"{row.corrects} was taken back on {half.date:%d-%m-%Y} since; post this anew.", code="apart"
        )
