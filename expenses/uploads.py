"""Statement files between upload and import: kept under names of ours in statements/, mode 600, told apart by token."""

import json
import os
import re
import secrets
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404

from expenses import services
from ledger import access
from ledger.models import Account
from ledger.services import clean_text

MAX_BYTES = 10 * 1024 * 1024
_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)


def _folder():
    return Path(settings.DATA_DIR, "statements")


def keep(book, account, file, user):
    """Keep an uploaded file until it is brought in or dropped; returns its token. Raises ValidationError over 10 MB."""
    if file.size > MAX_BYTES:
        raise ValidationError("The file is larger than 10 MB. Ask the bank for a shorter period.")
    token = secrets.token_hex(16)
    about = {"book": book.pk, "account": account.pk, "user": user.pk, "file_name": clean_text(file.name)[:200]}
    for name, content in ((f"{token}.upload", file.read()), (f"{token}.json", json.dumps(about).encode())):
        descriptor = os.open(_folder() / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as kept:
            kept.write(content)
    return token


def _about(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def waiting(book, user):
    """[{token, file_name}] of what this person has uploaded into the book and not decided on, oldest first."""
    found = []
    for path in sorted(_folder().glob("*.json"), key=lambda path: path.stat().st_mtime):
        about = _about(path)
        if about and about["book"] == book.pk and about["user"] == user.pk:
            found.append({"token": path.stem, "file_name": about["file_name"]})
    return found


def find(book, user, token):
    """{file_name, account, content} of a kept file of this person in this book, or Http404."""
    if not _TOKEN.fullmatch(token):
        raise Http404("There is no such page here.")
    about = _about(_folder() / f"{token}.json")
    if about is None or about["book"] != book.pk or about["user"] != user.pk:
        raise Http404("There is no such page here.")
    account = access.get_visible(Account, user, book, pk=about["account"])
    return {
        "file_name": about["file_name"],
        "account": account,
        "content": (_folder() / f"{token}.upload").read_bytes(),
    }


def drop(token):
    """Let go of a kept file; a second time finds none."""
    for ending in ("upload", "json"):
        (_folder() / f"{token}.{ending}").unlink(missing_ok=True)


def bring_in(upload, token, *, mapping, dates, user):
    """Import a kept file and let go of it; returns the services.Report."""
    report = services.import_statement(
        upload["account"], upload["content"], file_name=upload["file_name"], user=user, mapping=mapping, dates=dates
    )
    drop(token)
    return report
