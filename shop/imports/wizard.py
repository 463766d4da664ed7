"""The job behind the import wizard: File -> Columns (only if unknown) -> Check -> Done, and Undo.

The uploaded file lies in the instance's imports/ folder under a name made here, mode 600, beside the findings of its
check; all of it is removed when the job is over. Commands import in the foreground, with a job of their own so that
they can be undone alike.
"""

import itertools
import json
import os
import secrets
from contextlib import ExitStack
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from shop import jobs
from shop.imports import importing
from shop.imports.importing import REJECTED, Refused, Report
from shop.imports.tables import MAX_BYTES, Unreadable
from shop.models import Job

KIND = "import"
COLUMNS, CHECK, POST, UNDO = "columns", "check", "post", jobs.UNDO
WARNED = "warned"
FINDINGS = (REJECTED, WARNED, importing.NEW, importing.DUPLICATE)  # what needs a look comes first
SHOWN_WARNINGS = 50


# ------------------------------------------------------------------------------------------------ files


def folder():
    """Where uploads lie."""
    return Path(settings.DATA_DIR) / "imports"


def keep_upload(chunks, limit=MAX_BYTES):
    """Write an upload's chunks under a name of our own; returns the name. Raises Unreadable beyond `limit` bytes."""
    name = secrets.token_hex(16)
    path = folder() / f"{name}.upload"
    written = 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for chunk in chunks:
                written += len(chunk)
                if written > limit:
                    limit_mb = limit // 1024**2
                    raise Unreadable(f"The file is larger than {limit_mb} MB. Cut it into parts and import each.")
                file.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return name


def upload_path(job):
    """Where the uploaded file of a job lies."""
    return folder() / f"{job.parameters['file']}.upload"


def clear_away(job):
    """Remove a job's files; a second call finds none."""
    name = job.parameters.get("file")
    if name:
        for path in folder().glob(f"{name}.*"):
            path.unlink(missing_ok=True)


def sweep_files():
    """Daily: remove files that no job claims (an upload cut off by a power cut). A second run finds none."""
    claimed = {
        job.parameters.get("file")
        for job in Job.objects.exclude(
            state__in=[Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED, Job.State.UNDONE]
        )
    }
    now = timezone.now().timestamp()
    for path in folder().iterdir():
        if path.name.partition(".")[0] not in claimed and abs(now - path.stat().st_mtime) > 3600:
            path.unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------------ findings


class Findings:
    """What a check found, one JSON line per row in one file per state, so that any page of them opens quickly."""

    def __init__(self, name):
        self.name, self.counts = name, dict.fromkeys(FINDINGS, 0)

    def __enter__(self):
        self.stack = ExitStack()
        self.files = {}
        for state in FINDINGS:
            file = open(_findings_path(self.name, state), "w", opener=_private)
            self.files[state] = self.stack.enter_context(file)
        return self

    def __exit__(self, *fault):
        self.stack.close()

    def add(self, checked):
        state = WARNED if checked.warning and checked.state == importing.NEW else checked.state
        self.counts[state] += 1
        sentence = checked.reason or checked.warning
        self.files[state].write(json.dumps([checked.line, sentence, checked.cells], ensure_ascii=False) + "\n")


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _findings_path(name, state):
    return folder() / f"{name}.{state}"


def findings(job, states=FINDINGS, start=0, count=None):
    """Rows of a check as (state, line, sentence, cells), in the order of `states`; [] where nothing was checked."""
    rows = itertools.chain.from_iterable(_found(job, state) for state in states)
    return itertools.islice(rows, start, None if count is None else start + count)


def _found(job, state):
    path = _findings_path(job.parameters.get("file"), state)
    if path.exists():
        with path.open() as file:
            for text in file:
                yield (state, *json.loads(text))


def rejected_rows(job):
    """(headers, rows) of what was rejected: line, reason, then the cells."""
    rows = ([line, reason, *cells] for _, line, reason, cells in findings(job, [REJECTED]))
    return ["line", "reason", *job.parameters["header"]], rows


# ------------------------------------------------------------------------------------------------ the steps


def receive(importer_class, book, *, user, name, file_name, options):
    """Make the job of an uploaded file: it is checked at once if its columns are known, else it asks for them.

    Raises Unreadable for a file that cannot be a table; its upload is removed.
    """
    importer = importer_class(book, user=user, **options)
    path = folder() / f"{name}.upload"
    try:
        table = importer.open(path)
        match = importer.match(table.header)
        if next(iter(table.rows()), None) is None:
            raise Unreadable("The file names columns but holds no rows below them.", table.header_line)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return jobs.create(
        book=book,
        kind=KIND,
        title=f"Import of {importer.noun[1]}",
        step=CHECK if match.is_known else COLUMNS,
        state=Job.State.WAITING if match.is_known else Job.State.ASKS,
        user=user,
        file_name=Path(file_name).name,
        total=table.size,
        parameters={
            "importer": importer.kind,
            "file": name,
            "header": table.header,
            "roles": match.roles,
            "options": importer_options(importer),
        },
    )


def importer_options(importer):
    """{name: value} of an importer's ticks and answers."""
    return {name: getattr(importer, name) for name in (*importer.options, *importer.answers)}


def importer_for(job, user=None):
    """The Importer of a job, with its options, acting for `user` or for who made the job."""
    parameters = job.parameters
    return importing.importer_of(parameters["importer"])(
        job.book, user=user or job.created_by, **parameters.get("options", {})
    )


def table_of(job):
    """The Table of a job's upload. Raises Unreadable."""
    return _opened(job, importer_for(job))


def _opened(job, importer):
    try:
        return importer.open(upload_path(job))
    except FileNotFoundError:
        raise Unreadable("The uploaded file is gone. Upload it again.") from None


def check_step(job, progress):
    """Judge every row; then the job asks a person. A second run writes the same findings."""
    importer = importer_for(job)
    table = _opened(job, importer)
    importing.prepare(job.book_id)
    with Findings(job.parameters["file"]) as found:
        report = importing.check(importer, table, job.parameters["roles"], on_checked=found.add, progress=progress)
    told = {"remarks": report.remarks[:SHOWN_WARNINGS], "notes": report.notes[:SHOWN_WARNINGS]}
    return Job.State.ASKS, {**_counts(report), "found": found.counts, **told}


def post_step(job, progress):
    """Post what was checked, in one transaction with the job's end; a second run finds the job done.

    Where the book changed since the check so that a row is rejected now, nothing is posted and the job asks again.
    """
    importer = importer_for(job)
    table = _opened(job, importer)

    def finish(report):
        counts = {**_counts(report), "held": 0, "said": importer.said()}
        jobs.finish(job, Job.State.DONE, {**job.result, **counts})

    try:
        importing.place(importer, table, job.parameters["roles"], job=job, finish=finish, progress=progress)
    except Refused:
        state, result = check_step(job, progress)
        return state, {**result, "changed": True}
    return None


def undo_step(job, progress):
    """Take back what the job posted, in one transaction with its end; a second run finds nothing to undo."""
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.filter(pk=job.parameters.get("undone_by")).first()
    importer = importer_for(job, user)
    with importer.around(), transaction.atomic():
        sentence = importer.undo(job)
        jobs.finish(job, Job.State.UNDONE, {**job.result, "undone": sentence})


def _counts(report):
    counts = {name: value for name, value in report.shape().items() if not isinstance(value, list)}
    warnings = report.remarks + report.warnings
    return {**counts, "warning_count": len(warnings), "warnings": warnings[:SHOWN_WARNINGS]}


jobs.register(
    jobs.Kind(
        KIND,
        {CHECK: check_step, POST: post_step, UNDO: undo_step},
        page="shop:import",
        over=clear_away,
    )
)


# ------------------------------------------------------------------------------------------------ the foreground


def import_now(importer, path, mapping=None):
    """Import a file at once, for commands; returns the Report, whose `errors` say why nothing was posted.

    `mapping` {role: column} says what columns are whose names do not. What was posted has a job of its own and can be
    undone on the page of imports.
    """
    job = Job(
        book=importer.book,
        kind=KIND,
        title=f"Import of {importer.noun[1]}",
        step=POST,
        state=Job.State.DONE,
        file_name=Path(path).name[:200],
        created_by=importer.user,
        started_at=timezone.now(),
        parameters={"importer": importer.kind, "options": importer_options(importer)},
    )
    importing.prepare(importer.book.pk)
    try:
        with transaction.atomic():
            job.save()
            report = importing.import_file(importer, path, mapping=mapping, job=job)
            job.result = {name: value for name, value in report.shape().items() if not isinstance(value, list)}
            job.finished_at = timezone.now()
            job.save()
            if not report.imported:
                job.delete()
    except Refused as refused:
        return refused.report
    except Unreadable as error:
        return Report(errors=[{"line": error.line, "reason": sentence} for sentence in error.messages])
    return report
