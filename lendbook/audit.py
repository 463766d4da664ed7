"""The record: who saw, downloaded, exported or changed what, from where and when; ids, never names or figures.

A request's line goes to a file of this instance (one write, no lock, no database), so that no page and no save ever
waits for it. The worker takes the lines into the table and seals them in the same transaction: each seal holds the
digest of its rows and of the seal before it, so that a row changed, taken out or put in later shows. Rows are kept for
a year; the newest seal that has gone stays as the anchor from which the rest is proved.

A line is in the file before its answer leaves; only a power cut can lose the last seconds' lines.
"""

import fcntl
import hashlib
import json
import os
import secrets
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_datetime

from ledger import clock
from ledger.faults import Found
from ledger.models import Book
from lendbook.login import address_of
from lendbook.models import AuditRow, AuditSeal

KEPT = timedelta(days=366)
FIELDS = ("token", "at", "user_id", "book_id", "kind", "view", "object", "method", "status", "address")
DOWNLOADS = (
    "download",
    "download_backup",
    "download_version",
    "template_file",
    "statement_file",
    "workbook",
)  # files as they lie here
UNTOLD = ("healthz", "readyz", "admin:jsi18n", "ledger:job_progress", "portal:worker")
Kind = AuditRow.Kind


# ------------------------------------------------------------------------------------------------ writing a line


def _folder():
    folder = Path(settings.DATA_DIR, "audit")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def note(user, view, *, kind=Kind.CHANGED, book=None, object="", method="", status=0, request=None):
    """Write one line. `book` a Book, its id or its slug; `object` the id of what it was about, e.g. "12"."""
    line = {
        "token": secrets.token_hex(12),
        "at": timezone.now().isoformat(),
        "user": getattr(user, "pk", None),
        "book": getattr(book, "pk", book),
        "kind": kind,
        "view": view[:80],
        "object": str(object).replace("\x00", "")[:80],
        "method": method[:8],
        "status": status,
        "address": _address_mark(request),
    }
    _append(json.dumps(line).encode() + b"\n")


def _address_mark(request):
    """One mark per address, worth nothing without the instance's key: enough to see that it was another machine."""
    address = address_of(request) if request else ""
    return salted_hmac("lendbook.audit", address, algorithm="sha256").hexdigest()[:16] if address else ""


def _append(line):
    path = _folder() / "lines"
    while True:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_SH)  # shared by all writers; the worker waits for them, they never for it
            if _is_still(file, path):
                os.write(file, line)
                return
        finally:
            os.close(file)


def _is_still(file, path):
    try:
        return os.fstat(file).st_ino == os.stat(path).st_ino
    except FileNotFoundError:
        return False


class AuditMiddleware:
    """Notes each request of somebody who is logged in, and each log-in that was tried."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        before = request.user if request.user.is_authenticated else None
        response = self.get_response(request)
        match = request.resolver_match
        if match is None or match.view_name in UNTOLD or not match.view_name:
            return response
        user = before or (request.user if request.user.is_authenticated else None)
        kind = _kind(request, response, match)
        if kind and (user or match.url_name == "login"):
            named = match.kwargs.get("slug") or getattr(getattr(request, "_book", None), "pk", None)
            about = [str(value) for name, value in match.kwargs.items() if name not in ("slug", "token", "uidb64")]
            note(
                user,
                match.view_name,
                kind=kind,
                book=named,
                object=" ".join(about),
                method=request.method,
                status=response.status_code,
                request=request,
            )
        return response


def _kind(request, response, match):
    """What a request was, by its method and answer; "" for what is not worth a line (redirects of a page, faults)."""
    is_unsafe = request.method not in ("GET", "HEAD", "OPTIONS")
    if response.status_code in (401, 403, 404, 405):
        return Kind.REFUSED
    if match.url_name == "login":
        return Kind.ENTERED if is_unsafe and response.status_code == 302 else Kind.REFUSED if is_unsafe else ""
    if response.get("Content-Disposition", "").startswith("attachment"):
        return Kind.DOWNLOADED if match.url_name in DOWNLOADS else Kind.EXPORTED
    if is_unsafe:
        return Kind.CHANGED
    return Kind.SAW if response.status_code == 200 else ""


# ------------------------------------------------------------------------------------------------ taking in, sealing


def take_in():
    """Every minute: take all lines into the table and seal them; returns how many. A second run finds them taken."""
    path = _folder() / "lines"
    if path.exists():
        path.rename(path.with_name(f"taken-{secrets.token_hex(8)}"))
    count = 0
    for taken in sorted(_folder().glob("taken-*")):
        with taken.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # whoever was writing into it has written
            lines = file.read().splitlines()
        count += _seal(lines)
        taken.unlink(missing_ok=True)
    return count


@transaction.atomic
def _seal(lines):
    """The lines' rows and their seal, both or neither. The unique `previous` lets one of two workers win."""
    last = AuditSeal.objects.select_for_update().order_by("-pk").first()
    slugs = dict(Book.objects.values_list("slug", "pk"))
    found = {row.token: row for row in (_row(line, slugs) for line in lines)}
    for token in AuditRow.objects.filter(token__in=found).values_list("token", flat=True):
        del found[token]
    if not found:
        return 0
    rows = list(found.values())
    previous = last.digest if last else ""
    seal = AuditSeal.objects.create(
        at=timezone.now(), previous=previous, digest=digest_of(previous, rows), rows=len(rows)
    )
    for row in rows:
        row.seal = seal
    AuditRow.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def _row(line, slugs):
    """A line's AuditRow, unsaved. A line torn by a full disk is kept as one too, so that it is not missed in silence."""
    try:
        told = json.loads(line)
        book = told["book"]
        return AuditRow(
            token=told["token"],
            at=parse_datetime(told["at"]),
            user_id=told["user"],
            book_id=slugs.get(book) if isinstance(book, str) else book,
            **{name: told[name] for name in ("kind", "view", "object", "method", "status", "address")},
        )
    except (ValueError, KeyError, TypeError):
        token = hashlib.sha256(line).hexdigest()[:24]
        return AuditRow(token=token, at=timezone.now(), kind=Kind.TORN, view="", status=0)


def digest_of(previous, rows):
    """SHA-256 (hex) over the digest before and the rows' columns, in the order of their moments."""
    digest = hashlib.sha256(previous.encode())
    for row in sorted(rows, key=lambda row: (row.at, row.token)):
        told = [value.isoformat() if name == "at" else value for name in FIELDS for value in [getattr(row, name)]]
        digest.update(json.dumps(told).encode())
    return digest.hexdigest()


def prune():
    """Daily: delete what is older than a year, by whole seals; the newest of those stays, without rows, as the anchor.

    A second run finds nothing more to delete. While the clock has just jumped nothing goes.
    """
    if not clock.is_settled():
        return
    old = list(AuditSeal.objects.filter(at__lt=timezone.now() - KEPT).order_by("pk").values_list("pk", flat=True))
    with transaction.atomic():
        AuditRow.objects.filter(seal__in=old).delete()
        AuditSeal.objects.filter(pk__in=old[:-1]).delete()


# ------------------------------------------------------------------------------------------------ proving it


def unproved():
    """Sentences about seals that do not prove what they should; none where the record is as it was written."""
    previous, is_first = "", True
    newest = AuditSeal.objects.order_by("-pk").values_list("at", flat=True).first()
    gone_before = max(timezone.now(), newest or timezone.now()) - KEPT  # pruned by a clock that was ahead: no fraud
    for seal in AuditSeal.objects.order_by("pk").iterator():
        rows = list(seal.rows_sealed.all())
        is_anchor = is_first and not rows and seal.at < gone_before
        if is_first and not is_anchor and seal.previous:
            yield f"The record begins at seal {seal.pk}, but it was not the first: earlier ones were taken away."
        if not is_first and seal.previous != previous:
            yield f"Seal {seal.pk} of the record does not follow from the one before: one was taken away or changed."
        if not is_anchor and len(rows) != seal.rows:
            yield f"Seal {seal.pk} of the record holds {len(rows)} rows instead of {seal.rows}."
        elif not is_anchor and digest_of(seal.previous, rows) != seal.digest:
            yield f"A row under seal {seal.pk} of the record was changed after it was written."
        previous, is_first = seal.digest, False
    if AuditRow.objects.filter(seal=None).exists():
        yield "Rows of the record stand under no seal: they were put in by hand."


def faults(books, search):
    """What `verify` asks: each broken place of the record as a Found; it belongs to no book and freezes nothing."""
    if books is not None:
        return
    remedy = "Nothing mends it: compare with a backup's record, and see who can write the database."
    for number, sentence in enumerate(unproved()):
        yield Found(book=None, kind="record", of=str(number), text=sentence, remedy=remedy)
