"""Statement files on their way in, each a job: read, looked at by a person who says yes, brought in.

The file lies in imports/ under a name of ours, mode 600, until its job is over. Files uploaded together share a batch.
"""

import secrets
from datetime import date
from functools import partial
from pathlib import Path

from django.core.exceptions import ValidationError
from django.utils import timezone

from expenses import services
from expenses.models import Statement
from expenses.statements import StatementError, UnknownLayout, propose_mapping
from ledger.models import Account
from shop import jobs
from shop.imports import wizard
from shop.models import Job
from shop.money import plain
from shop.rows import clean_text

KIND = "statement"
READ, BRING_IN = "read", "bring_in"
MAX_BYTES = 10 * 1024 * 1024
MAX_FILES = 20
SHOWN = 100  # rejected rows and gaps kept with a job; the download has all
SAMPLE_ROWS = 10
ROW_SHOWN = 200  # letters of a rejected row


def receive(account, files, *, user):
    """Make a job of each uploaded file (django's UploadedFile); returns them. A file that is too large fails alone."""
    batch = secrets.token_hex(8)
    return [_receive(account, file, user, batch) for file in files]


def _receive(account, file, user, batch):
    about = {"account": account.pk, "batch": batch, "mapping": None, "dates": "", "sides": "", "section": ""}
    made = partial(
        jobs.create, book=account.book, kind=KIND, title="Statement", step=READ, user=user, file_name=_name(file)
    )
    if file.size > MAX_BYTES:
        job = made(state=Job.State.FAILED, parameters=about)
        job.error = (
            f"The file has {file.size:,} bytes, more than the {MAX_BYTES:,} allowed (10 MB). "
            "Choose a shorter period and import it in parts."
        )
        job.finished_at = timezone.now()
        job.save()
        return job
    about["file"] = wizard.keep_upload(file.chunks(), MAX_BYTES)
    try:
        return made(parameters=about, total=max(1, file.size // 80))  # about so many rows
    except BaseException:
        (wizard.folder() / f"{about['file']}.upload").unlink(missing_ok=True)
        raise


def _name(file):
    return clean_text(Path(file.name or "").name)[:200] or "statement"


def of_batch(rows, batch):
    """Those of a queryset of jobs that were uploaded together, in the order of the upload."""
    return rows.filter(kind=KIND, parameters__batch=batch).order_by("pk")


def account_of(job):
    """The account a job's statement belongs to."""
    return Account.objects.get(book=job.book_id, pk=job.parameters["account"])


def read(job, layout=None):
    """The file of a job as services.parse gives it. Raises StatementError, ValidationError."""
    return services.parse(account_of(job), _content(job), layout=layout, **_said(job))


def _said(job):
    """What a person said of the file, as services takes it; a job of an earlier release knows fewer questions."""
    options = job.parameters
    return {"mapping": options["mapping"]} | {name: options.get(name) or None for name in ("dates", "sides", "section")}


def _layout_shown(job):
    """The layout a person looked at: columns named for the account since then do not change what comes in."""
    layout = job.result.get("layout")
    return None if layout == "mapping" else layout


def _content(job):
    try:
        return wizard.upload_path(job).read_bytes()
    except (KeyError, FileNotFoundError):
        raise ValidationError("The uploaded file is gone. Upload it again.") from None


# ------------------------------------------------------------------------------------------------ the steps


def read_step(job, progress):
    """Read the file; then the job asks: for its columns where no layout fits or a person wants others, else for a yes.
    A second run reads again."""
    progress(0, job.total)
    mapping = job.parameters["mapping"]
    try:
        parsed = read(job)
        found = services.preview(account_of(job), parsed)
        if job.parameters.get("ask_columns"):
            return Job.State.ASKS, {"columns": _proposal(parsed.proposal), "reason": ""}
    except UnknownLayout as error:
        if error.proposal is None:
            raise ValidationError(str(error)) from error
        return Job.State.ASKS, {"columns": _proposal(error.proposal), "reason": str(error)}
    except StatementError as error:
        proposal = propose_mapping(_content(job)) if mapping else None
        if proposal is None:
            raise ValidationError(str(error)) from error
        return Job.State.ASKS, {"columns": _proposal(proposal), "reason": str(error)}
    sample = [
        [row.line, row.transaction_date.isoformat(), row.narration[:120], *map(plain, row[5:8])]
        for _, row in zip(range(SAMPLE_ROWS), parsed.rows(), strict=False)
    ]
    told = {**_told(found), "imported": 0, "held": found.imported}
    told |= {"question": found.question, "sections": list(parsed.sections)}
    return Job.State.ASKS, {**told, "dates": parsed.dates, "dates_sure": parsed.dates_sure, "sample": sample}


def _proposal(proposal):
    dates = [
        (text, {order: day and f"{date.fromisoformat(day):%d-%m-%Y}" for order, day in read.items()})
        for text, read in proposal.dates
    ]
    return {**vars(proposal), "headers": list(proposal.headers), "dates": dates}


def _told(report):
    """A Report as a job keeps it: of many rejected rows and gaps the first."""
    document = report.as_document()
    errors = [
        {"line": row.line, "reason": row.reason, "row": " · ".join(filter(None, row.cells))[:ROW_SHOWN]}
        for row in report.rejected_rows[:SHOWN]
    ]
    cut = {"errors": errors, "gaps": document["gaps"][:SHOWN], "left_out": document["left_out"][:SHOWN]}
    balances = {"opening": plain(report.opening_balance), "closing": plain(report.closing_balance)}
    return {
        **document,
        **cut,
        "gap_count": len(report.gaps),
        "left_out_count": len(report.left_out),
        "layout": report.layout,
        **balances,
    }


def bring_in_step(job, progress):
    """Bring the rows in, in one transaction with the job's end; a second run finds the job done."""
    progress(0, job.total)

    def finish(report):
        told = {**_told(report), "statement": report.statement and report.statement.pk}
        jobs.finish(job, Job.State.DONE, told)

    try:
        services.import_statement(
            account_of(job),
            _content(job),
            file_name=job.file_name,
            user=job.created_by,
            layout=_layout_shown(job),
            **_said(job),
            job=job,
            on_progress=progress,
            finish=finish,
        )
    except StatementError as error:
        raise ValidationError(str(error)) from error


def rejected_rows(job):
    """(headers, rows) of what was rejected, to be mended and sent again: from the file, or from what was imported."""
    if job.state == Job.State.ASKS:
        return services.rejected_of(read(job, _layout_shown(job)))
    statement = Statement.objects.filter(book=job.book_id, pk=job.result.get("statement") or 0).first()
    if statement is None:
        raise ValidationError("The file is gone, and its rows with it. Upload it again.")
    return services.rejected_of_statement(statement)


jobs.register(
    jobs.Kind(KIND, {READ: read_step, BRING_IN: bring_in_step}, page="expenses:upload", over=wizard.clear_away)
)
