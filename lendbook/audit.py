"""The record: who saw, downloaded, exported or changed what, from where and when; ids, never names or figures.

A request's line goes to a file of this instance (one write, no lock, no database), so that no page and no save ever
waits for it. The worker takes the lines into the table and seals them in the same transaction: each seal holds the
digest of its rows and of the seal before it, so that a row changed, taken out or put in later shows. Rows are kept for
a year; the newest seal that has gone stays as the anchor from which the rest is proved.

A line is in the file before its answer leaves; only a power cut can lose the last seconds' lines. Where the disk
refuses, each process keeps its last lines in memory and writes them as soon as it can; what is more than fits there
becomes one line that says how many are missing, from when to when. What somebody did is never refused because of it.
"""

import errno
import fcntl
import hashlib
import json
import logging
import os
import secrets
import threading
from collections import deque
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_datetime

from lendbook.addresses import address_of
from lendbook.models import AuditRow, AuditSeal
from shop import clock
from shop.faults import Found
from shop.models import Book

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
KEPT_IN_MEMORY = 2000  # lines of one process while the disk refuses, some 500 KB
UNTOLD = ("healthz", "readyz", "admin:jsi18n", "shop:job_progress", "portal:worker")
Kind = AuditRow.Kind

logger = logging.getLogger(__name__)


# ------------------------------------------------------------------------------------------------ writing a line


def _folder():
    folder = Path(settings.DATA_DIR, "audit")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def note(user, view, *, kind=Kind.CHANGED, book=None, object="", method="", status=0, request=None):
    """Write one line. `book` a Book, its id or its slug; `object` the id of what it was about, e.g. "12".

    A disk that refuses is no fault of who did it: the line waits in memory.
    """
    _append(
        _line(
            user=getattr(user, "pk", None),
            book=getattr(book, "pk", book),
            kind=kind,
            view=view[:80],
            object=str(object).replace("\x00", "")[:80],
            method=method[:8],
            status=status,
            address=_address_mark(request),
        )
    )


def _line(*, user=None, book=None, kind, view="", object="", method="", status=0, address=""):
    """A line as bytes, with a token of its own and the moment."""
    told = {
        "token": secrets.token_hex(12), "at": timezone.now().isoformat(), "user": user, "book": book, "kind": kind,
        "view": view, "object": object, "method": method, "status": status, "address": address,
    }  # fmt: skip
    return json.dumps(told).encode()


def _address_mark(request):
    """One mark per address, worth nothing without the instance's key: enough to see that it was another machine."""
    address = address_of(request) if request else ""
    return salted_hmac("lendbook.audit", address, algorithm="sha256").hexdigest()[:16] if address else ""


class _Waiting:
    """The lines of this process that are not in the file yet; what no longer fits is counted with its first and last
    moment."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lines = deque()
        self.lost, self.since, self.until = 0, None, None

    def add(self, line):
        if len(self.lines) >= KEPT_IN_MEMORY:
            self.lines.popleft()
            self.lost += 1
            self.since, self.until = self.since or timezone.now(), timezone.now()
        self.lines.append(line)

    def content(self):
        """All that waits, and the gap, each line with an end before and after it: a torn one then spoils no other."""
        lines = list(self.lines)
        if self.lost:
            gap = f"{self.lost} lines, {self.since:%Y-%m-%d %H:%M:%S} to {self.until:%Y-%m-%d %H:%M:%S} UTC"
            lines.insert(0, _line(kind=Kind.GAP, object=gap))
        return b"".join(b"\n" + line + b"\n" for line in lines)

    def clear(self):
        self.lines.clear()
        self.lost, self.since, self.until = 0, None, None


_waiting = _Waiting()
os.register_at_fork(after_in_child=_waiting.__init__)  # they are the parent's to write


def _append(line):
    with _waiting.lock:
        is_first = not _waiting.lines
        _waiting.add(line)
        _write_waiting(is_first)


def write_waiting():
    """Write what waits in this process, if the disk takes it; called when the process ends."""
    with _waiting.lock:
        if _waiting.lines:
            _write_waiting(is_first=True)


def lines_waiting():
    """How many lines of this process the disk has refused so far, those that are lost included."""
    return len(_waiting.lines) + _waiting.lost


def _write_waiting(is_first):
    try:
        _write(_waiting.content())
    except OSError as error:
        if is_first:
            logger.error("The record cannot be written (%s); its lines wait in memory.", error)
    else:
        _waiting.clear()


def _write(content):
    """Put whole lines at the end of the file. Written twice, after half was written once, a line counts once."""
    path = _folder() / "lines"
    while True:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_SH)  # shared by all writers; the worker waits for them, they never for it
            if _is_still(file, path):
                if os.write(file, content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
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
            lines = [line for line in file.read().splitlines() if line]
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
