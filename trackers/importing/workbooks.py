"""Bringing a running business over: a zip of the lender's own workbooks, looked at first, then a tracker each.

The zip waits in the instance's imports/ folder. The check says for every file whose it is and what it adds up to, or
why it cannot be read; a person mends the proposed logins, leaves files out, and says yes. Each workbook is then a
tracker of its own: one that fails is named and the others come in, and a second run finds those that are there.
"""

import re
import zipfile
import zlib
from pathlib import PurePosixPath

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from ledger import services as ledger
from shop import jobs
from shop.imports import wizard
from shop.imports.tables import Unreadable
from shop.models import Job
from shop.money import plain
from trackers import adopt, posted, services, store
from trackers.collect.collection import REFUSALS, words
from trackers.models import Customer

KIND, CHECK, ADOPT = "workbooks", "check", "adopt"
MAX_ZIP_BYTES, MAX_FILES, MAX_UNPACKED, MAX_RATIO = 50 * 1024**2, 500, 250 * 1024**2, 100
_NAMED = re.compile(r"tracker_(.+?)_\d{8}_\d{6}(?:_\d+)?$")


# ------------------------------------------------------------------------------------------------ the zip


def workbooks_in(path):
    """[(name, read)] of the workbooks in a zip, in its order; `read()` gives the bytes. Raises Unreadable."""
    try:
        archive = zipfile.ZipFile(path)
        members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise Unreadable(
            "This is no zip that can be opened. Select the workbooks, pack them into a zip, try again."
        ) from None
    members = [member for member in members if _is_wanted(member.filename)]
    if len(members) > MAX_FILES:
        raise Unreadable(f"The zip holds {len(members):,} files, {MAX_FILES} is the most. Make several of it.")
    unpacked, packed = sum(member.file_size for member in members), sum(member.compress_size for member in members)
    if unpacked > MAX_UNPACKED or unpacked > MAX_RATIO * max(packed, 1):
        raise Unreadable(f"The zip would unpack to {unpacked / 1024**2:,.0f} MB; no folder of trackers does that.")
    if not members:
        raise Unreadable("The zip holds no workbook (.xlsx). Pack the lender's own workbooks into it.")
    return [(_shown(member.filename), lambda member=member: _bytes_of(archive, member)) for member in members]


def _is_wanted(name):
    """Whether a member is meant as a workbook: not what macOS, Windows or an open Excel leave in a folder."""
    base = PurePosixPath(name.replace("\\", "/")).name
    return not (
        name.startswith("__MACOSX") or base.startswith((".", "~$")) or base.lower() in ("thumbs.db", "desktop.ini")
    )


def _shown(name):
    return ledger.clean_text(PurePosixPath(name.replace("\\", "/")).name)[:200]


def _bytes_of(archive, member):
    if member.flag_bits & 1:
        raise ValidationError("It is locked with a password; pack the zip without one.")
    if member.file_size > store.MAX_BYTES:
        raise ValidationError("It is larger than 5 MB; no tracker is.")
    try:
        with archive.open(member) as file:
            content = file.read(store.MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        raise ValidationError("It is damaged inside the zip; pack it anew.") from None
    if len(content) > store.MAX_BYTES:
        raise ValidationError("It is larger than 5 MB; no tracker is.")
    return content


# ------------------------------------------------------------------------------------------------ the job


def receive(book, *, user, name, file_name):
    """Make the job of an uploaded zip. Raises Unreadable for what is no zip of workbooks; its upload is removed."""
    path = wizard.folder() / f"{name}.upload"
    try:
        count = len(workbooks_in(path))
    except Unreadable:
        path.unlink(missing_ok=True)
        raise
    return jobs.create(
        book=book, kind=KIND, title="Workbooks brought over", step=CHECK, user=user, file_name=file_name,
        parameters={"file": name}, total=count,
    )  # fmt: skip


def check_step(job, progress):
    """Look at every workbook; then the job asks a person. A second run finds the same."""
    files = workbooks_in(wizard.upload_path(job))
    found, logins = [], _Logins(job.book)
    for number, (name, read) in enumerate(files, 1):
        found.append(_looked_at(job.book, name, read, logins))
        progress(number, len(files))
    return Job.State.ASKS, {"files": found}


def _looked_at(book, name, read, logins):
    line = {"file": name, "login": "", "name": "", "fault": "", "refused": [], "formulas": [], "closed": 0}
    try:
        uploaded, comparison = adopt.compare_new(book, read())
    except REFUSALS as error:
        return {**line, "fault": words(error)}
    summary = uploaded.summary()
    tracker_name = ledger.clean_text(uploaded.parameters.get("tracker_name") or "")
    login, person = logins.proposed(name, tracker_name)
    return {
        **line,
        "login": login,
        "name": person,
        "tracker_name": tracker_name or person,
        "type": uploaded.layout.kind,
        "start": uploaded.terms.start_date.isoformat(),
        "days": summary["days_recorded"],
        "total": plain(summary["total_paid"]),
        "balance": plain(summary["balance"]),
        "closed": len(comparison.adjustments) + len(comparison.closed),
        "formulas": [{"cell": one.cell, "reason": adopt.formula_of(one)} for one in comparison.formulas],
        "refused": [{"cell": one.cell, "reason": one.reason} for one in comparison.refused],
    }


class _Logins:
    """Proposes whose a workbook is: by the login in its file name, else by the name in it."""

    def __init__(self, book):
        self.names = {row.user.username: row.name for row in Customer.objects.filter(book=book).select_related("user")}
        self.by_name = {name.casefold(): login for login, name in self.names.items()}
        self.office = set(
            get_user_model().objects.filter(book_members__isnull=False).values_list("username", flat=True)
        )

    def proposed(self, file_name, tracker_name):
        """(login, customer's name)."""
        stem = PurePosixPath(file_name).stem
        named = _NAMED.match(stem)
        if named:
            return named[1], self.names.get(named[1], named[1].replace("-", " ").replace("_", " ").title())
        name = tracker_name or stem
        if name.casefold() in self.by_name:
            return self.by_name[name.casefold()], name
        login = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or re.sub(
            r"[^a-z0-9]+", "-", stem.lower()
        ).strip("-")
        return (f"{login}-1" if login in self.office else login or "customer"), name[:120]


def adopt_step(job, progress):
    """Open a tracker for every chosen workbook; one that fails is named. A second run finds those that are there."""
    choices, adjust = job.parameters["choices"], job.parameters.get("adjust", False)
    user = get_user_model().objects.filter(pk=job.parameters.get("by")).first() or job.created_by
    files, outcomes = workbooks_in(wizard.upload_path(job)), []
    for number, ((name, read), choice) in enumerate(zip(files, choices, strict=True), 1):
        if choice is not None:
            outcomes.append({"file": name, **_adopted(job.book, read, choice, adjust, user)})
        progress(number, len(files))
    states = [outcome["state"] for outcome in outcomes]
    counts = {"imported": states.count("new"), "duplicate": states.count("there"), "rejected": states.count("fault")}
    return Job.State.DONE, {**job.result, **counts, "outcomes": outcomes}


def _adopted(book, read, choice, adjust, user):
    try:
        uploaded, comparison = adopt.compare_new(book, read())
        customer = services.customer_for(book, choice["login"], choice["name"])
        take = {change.cell for change in comparison.formulas} if choice.get("formulas") else ()
        tracker = adopt.adopt_new(customer, uploaded, comparison, user=user, adjust=adjust, take=take)
    except ValidationError as error:
        return {"state": "there" if error.error_list[0].code == "twice" else "fault", "message": words(error)}
    except REFUSALS as error:
        return {"state": "fault", "message": words(error)}
    comparison = comparison.taking(take)
    closed = 0 if adjust else len(comparison.adjustments)
    formulas = len(comparison.formulas)
    where = posted.words(posted.of_tracker(tracker))
    said = [f"Posted: {where}."] if where else []
    said += [f"Refused: {', '.join(one.cell for one in comparison.refused)}."] if comparison.refused else []
    said += [f"{closed} cells of closed days were left out."] if closed else []
    said += [f"{formulas} cells with a formula were left out."] if formulas else []
    return {
        "state": "new",
        "tracker": tracker.pk,
        "customer": customer.name,
        "total": plain(tracker.total_paid),
        "message": " ".join(said),
    }


jobs.register(
    jobs.Kind(KIND, {CHECK: check_step, ADOPT: adopt_step}, page="trackers:brought_over", over=wizard.clear_away)
)
