"""Adopt a workbook: a copy of a tracker that somebody edited, or a lender's own as a new tracker."""

from pathlib import Path

from ledger import shortfall
from ledger.daybook import ClosedDay
from shop.management.base import Refused, WrongUse, find_book, sentences
from shop.money import rupees
from trackers import adopt, handed_over, posted, posting, services, store
from trackers.management.base import TrackerCommand, find_tracker
from trackers.models import Tracker
from trackers.workbook.contents import Refusal
from trackers.workbook.merge import Change, Comparison


class Command(TrackerCommand):
    help = (
        "Compare a workbook cell by cell with a tracker, or with nothing as a new tracker of a customer; --apply writes "
        "what may be written. Conflicts stay as Lendbook has them unless --take names them. A file that lies in the workbook's "
        "place, or is newer than its row, is taken when every cell is decided, or not at all. FILE stays as it is."
    )

    def add_options(self, parser):
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--tracker", metavar="TRACKER", help="the tracker it is a copy of: id or file name")
        parser.add_argument("--book", metavar="SLUG", help="with --user: the book of the new tracker")
        parser.add_argument("--user", metavar="LOGIN", help="the customer's login; made if missing")
        parser.add_argument("--customer", default="", metavar="NAME", help="a new customer's name, in any script")
        parser.add_argument("--apply", action="store_true", help="write it; without, only show the comparison")
        parser.add_argument(
            "--take",
            nargs="+",
            default=[],
            metavar="CELL",
            help="cells of which the file's value counts: conflicts, and input cells that hold a formula, whose shown value "
            "is taken; 'formulas' means all of the latter, 'all' all of both",
        )
        parser.add_argument(
            "--adjust", action="store_true", help="take cells of closed days too, posted on the first open day"
        )
        parser.add_argument(
            "--leave", nargs="+", default=[], metavar="CELL", help="cells that stay as Lendbook has them, or 'all'"
        )
        parser.add_argument(
            "--post-disbursement", action="store_true",
            help="with --book and --user: post what was handed over as Loan Disbursement too, out of the cash account",
        )  # fmt: skip

    def work(self, **options):
        of_new = bool(options["book"] and options["user"])
        if bool(options["tracker"]) == of_new or (options["tracker"] and (options["book"] or options["user"])):
            raise WrongUse("Give either --tracker, or --book and --user together.")
        if options["tracker"] and options["post_disbursement"]:
            raise WrongUse(
                "--post-disbursement goes with --book and --user; a tracker that is here has it on its page."
            )
        tracker = find_tracker(options["tracker"]) if options["tracker"] else None
        book = None if tracker else find_book(options["book"])
        data = _bytes_of(options["file"])
        warnings = []
        if tracker:
            comparison, tracker, entries = self.work_on_copy(tracker, data, options)
        else:
            comparison, tracker, entries, warnings = self.work_on_new(book, data, options)
        self.tell(comparison, tracker, options, entries, warnings)

    def work_on_copy(self, tracker, data, options):
        """(comparison, tracker, the entries of the days that were written)."""
        compared, entries = adopt.compare_copy(tracker, data), []
        take = _taken(compared.comparison, options["take"])
        if options["apply"] and not compared.is_foreign:
            tracker, changes = adopt.adopt_copy(
                tracker,
                compared.uploaded,
                take=take,
                leave=options["leave"],
                adjust=options["adjust"],
                seen=compared.version,
            )
            entries = adopt.posted_by(tracker, changes)
        self.say_where_it_comes_from(compared)
        return compared.comparison.taking(take), tracker, entries

    def say_where_it_comes_from(self, compared):
        """On standard error: that the database was put back, or what the comparison could not know."""
        if compared.is_ahead:
            self.say(
                f"The database was put back: its row is version {compared.version}, this workbook "
                f"{compared.uploaded.version}. What differs is newer."
            )
        for sentence in compared.stored.unknown:
            self.say(f"Compared with the ledger, no copy of version {compared.version} is left. Not known: {sentence}")

    def work_on_new(self, book, data, options):
        """(comparison, the new tracker or None, its entries, what is to be known of its money)."""
        uploaded, comparison = adopt.compare_new(book, data)
        take = _taken(comparison, options["take"])
        if not options["apply"]:
            return comparison.taking(take), None, [], _warnings_before(book, uploaded, options)
        for change in adopt.needed_formulas(comparison.taking(take)):
            raise Refused(f"{_of_formula(change)} There is no tracker without it.")
        customer = services.customer_for(book, options["user"], options["customer"])
        watch = shortfall.watch(book)
        tracker = self.adopt_new(
            customer, uploaded, comparison, adjust=options["adjust"], take=take,
            post_disbursement=options["post_disbursement"], also=lambda tracker: watch.look(),
        )  # fmt: skip
        entries = posted.of_tracker(tracker)
        if entry := posting.disbursement_of(tracker):
            entries.append(entry)
        warnings = [*_warnings_after(tracker, options), *watch.warnings]
        return comparison.taking(take), tracker, entries, warnings

    def adopt_new(self, *given, **options):
        """adopt.adopt_new; where the money went on a closed day the refusal names both ways out."""
        try:
            return adopt.adopt_new(*given, **options)
        except ClosedDay as closed:
            if not options["post_disbursement"]:
                raise
            raise Refused(f"{sentences(closed)} Repeat with --adjust, or without --post-disbursement.") from closed

    def tell(self, comparison, tracker, options, entries, warnings):
        take = _taken(comparison, options["take"], is_known=False)
        taken = [one for one in comparison.conflicts if one.cell in take]
        changes = [*comparison.to_apply, *(comparison.adjustments if options["adjust"] else ())]
        changes += [one.taking_upload() for one in taken]
        conflicts = [one for one in comparison.conflicts if one not in taken]
        refused = list(comparison.refused)
        refused += [Refusal(change.cell, _of_formula(change)) for change in comparison.formulas]
        if not options["adjust"]:
            refused += [Refusal(change.cell, _of_closed_day(change)) for change in comparison.adjustments]
        refused = [one for one in refused if not _is_named(options["leave"], one.cell)]
        conflicts = [one for one in conflicts if not _is_named(options["leave"], one.cell)]
        document = {
            "id": tracker and tracker.pk,
            "filename": tracker and tracker.filename,
            "to_apply": [_shape(change) for change in changes],
            "kept": [_shape(change) for change in comparison.kept],
            "conflicts": [
                {"cell": one.cell, "baseline": one.baseline, "stored": one.stored, "uploaded": one.uploaded}
                for one in conflicts
            ],
            "refused": [{"cell": one.cell, "reason": one.reason} for one in refused],
            "posted": posted.sums(entries),
            "warnings": warnings,
        }
        done = "Written" if options["apply"] else "Would be written"
        where = f" Posted: {posted.words(entries)}." if entries else ""
        self.answer(
            document,
            *(f"{one.cell}: conflict, {one.stored} here, {one.uploaded} in the file" for one in conflicts),
            *(f"{one.cell}: refused. {one.reason}" for one in refused),
            *(f"{change.cell}: {change.old} → {change.new}" for change in changes),
            f"{done}: {len(changes)} cells{f' of {tracker.filename}' if tracker else ''}.{where}",
            *warnings,
        )
        if refused:
            raise Refused(f"{len(refused)} cells were refused; mend them in the file and adopt it again.")
        if options["apply"] and conflicts:
            raise Refused(f"{len(conflicts)} conflicts stay as they are; settle them on the tracker's page.")


def _warnings_before(book, uploaded, options):
    """What will be said of the money that was handed over if the command is repeated with --apply as it is."""
    if options["post_disbursement"] or not adopt.is_lendbooks_own(uploaded):
        return []
    new = Tracker(book=book, start_date=uploaded.terms.start_date, disbursed_amount=uploaded.handed_over)
    if handed_over.is_before_the_book(new) or not new.disbursed_amount:
        return []
    amount, date = rupees(new.disbursed_amount), f"{new.start_date:%d-%m-%Y}"
    return [
        f"The {amount} handed over on {date} will not be posted to the day book: --post-disbursement posts it as well."
    ]


def _warnings_after(tracker, options):
    """What is to be known of the money that was handed over and stands in no day book."""
    if handed_over.is_unknown_by_choice(tracker):
        return [f"{handed_over.words(tracker)} If it was posted before, post it with Post it on the tracker's page."]
    if options["post_disbursement"] and posting.disbursement_of(tracker) is None:
        return [handed_over.words(tracker)]
    return []


def _taken(comparison: Comparison, named: list[str], *, is_known: bool = True) -> set[str]:
    """The conflicts and cells with a formula that --take names. Raises WrongUse for a cell that is neither."""
    formulas = {change.cell for change in comparison.formulas}
    choices = formulas | {conflict.cell for conflict in comparison.conflicts}
    if named in (["formulas"], ["all"]):
        return choices if named == ["all"] else formulas
    cells = {cell.strip(",").upper() for cell in named}
    if is_known and (strange := sorted(cells - choices)):
        held = ", ".join(sorted(choices)) or "none does"
        raise WrongUse(
            f"--take {strange[0]}: that is no conflict, and no input cell that holds a formula and differs (those: {held})."
        )
    return cells


def _of_formula(change: Change) -> str:
    return f"{adopt.formula_of(change)} To take it, repeat with --take {change.cell}."


def _of_closed_day(change):
    return f"Day {change.day} lies in a closed period: repeat with --adjust to post it on the first open day."


def _is_named(cells, cell):
    return "all" in cells or cell in {one.strip(",").upper() for one in cells}


def _shape(change):
    return {"cell": change.cell, "old": change.old, "new": change.new}


def _bytes_of(name):
    path = Path(name)
    if not path.is_file():
        raise Refused(f"There is no file {path}.")
    if path.stat().st_size > store.MAX_BYTES:
        raise Refused(f"{path.name} is larger than 5 MB; no tracker is.")
    return path.read_bytes()
