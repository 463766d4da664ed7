"""Archives bear a seal by the instance's key: whose they are is proved where the key is at hand, and said where it is not."""

import copy
import io
import json
import zipfile

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from lendbook.backups import make, restore
from lendbook.backups.archive import ANOTHERS, KEY, MANIFEST, OURS, UNSEALED, Archive, ArchiveError, Writing
from tests.restoring import begun_books, empty_database

ABOUT = {
    "instance": "testing", "began_at": "2026-01-01T00:00:00+00:00", "taken_at": "2026-01-01T00:00:01+00:00",
    "migrations": ["ledger 0001_initial"], "rows": {"ledger_book": 2}, "faults": ["நன்றி"],
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    with Writing(tmp_path / "a.zip") as archive:
        archive.add("db.sqlite3", b"the database")
        archive.add("versions/one.xlsx", b"a workbook")
        archive.close(ABOUT, "own key")
        archive.finish()
    return tmp_path / "a.zip"


def altered(path, change, contents=()):
    """The archive anew, its manifest changed by `change(manifest)`, and files' contents by name."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts.pop(MANIFEST))
    change(manifest)
    parts |= dict(contents)
    other = path.with_name("altered.zip")
    with zipfile.ZipFile(other, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
        archive.writestr(MANIFEST, json.dumps(manifest, indent=3))
    return other


def sealed_by(path, *keys):
    with Archive(path) as archive:
        return archive.sealed_by(keys)


def test_the_key_that_sealed_it_proves_it_and_no_other(path):
    assert sealed_by(path, "own key") == OURS
    assert sealed_by(path, "another", "own key") == OURS
    assert sealed_by(path, "another") == ANOTHERS
    assert sealed_by(path) == ANOTHERS
    assert sealed_by(altered(path, lambda manifest: None), "own key") == OURS  # the same written otherwise
    assert sealed_by(altered(path, lambda manifest: manifest.pop("seal")), "own key") == UNSEALED


def _set(name, value):
    return lambda manifest: manifest.__setitem__(name, value)


def _file(name, **values):
    return lambda manifest: manifest["files"][name].update(values)


ALTERATIONS = {
    "another moment": _set("taken_at", "2026-02-01T00:00:01+00:00"),
    "another beginning": _set("began_at", "2025-01-01T00:00:01+00:00"),
    "another instance": _set("instance", "prod"),
    "no migrations": _set("migrations", []),
    "one more migration": lambda manifest: manifest["migrations"].append("ledger 0002_more"),
    "other counts": _set("rows", {"ledger_book": 3}),
    "no counts": lambda manifest: manifest.pop("rows"),
    "no faults": _set("faults", []),
    "something more": _set("more", 1),
    "another sha256": _file("db.sqlite3", sha256="0" * 64),
    "a lower number of the format": _set("format", 0),
    "another hmac": lambda manifest: manifest["seal"].update(hmac="0" * 64),
    "an empty hmac": lambda manifest: manifest["seal"].update(hmac=""),
    "an hmac of other letters": lambda manifest: manifest["seal"].update(hmac="é"),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_what_was_altered_after_it_was_sealed_is_refused(path, what):
    with pytest.raises(ArchiveError, match="altered after it was sealed"):
        sealed_by(altered(path, ALTERATIONS[what]), "own key")


@pytest.mark.parametrize("seal", ["x", [], 5, {}, {"key": "x"}, {"key": 1, "hmac": 2}, {"hmac": "0" * 64}, True])
def test_a_seal_that_is_none_is_refused(path, seal):
    with pytest.raises(ArchiveError, match="seal is damaged"):
        sealed_by(altered(path, _set("seal", copy.copy(seal))), "own key")


def test_a_file_put_in_place_of_another_breaks_checksum_or_seal(path):
    other = altered(path, lambda manifest: None, {"versions/one.xlsx": b"a fraud!!!"})
    with Archive(other) as archive, pytest.raises(ArchiveError, match="checksum differs"):
        archive.read_through()


# ------------------------------------------------------------------------------------------------ restored


@pytest.fixture
def archive(home, transactional_db):
    begun_books()
    return make.back_up().path


@pytest.fixture
def unlooked(monkeypatch):
    """What was restored is not looked at: here its seal alone matters."""
    monkeypatch.setattr(restore, "_checked", lambda place, url: {"migrated": [], "faults": []})


def restored(archive, into, **options):
    with empty_database() as url:
        return restore.restore(archive, into, database_url=url, **options)


def test_a_backup_is_sealed_and_its_restore_says_so(archive, unlooked, tmp_path, settings):
    assert "Sealed by this instance" in restored(archive, tmp_path / "in").seal
    assert sealed_by(archive, settings.SECRET_KEY) == OURS


def test_another_instances_archive_needs_a_yes_or_its_key(archive, unlooked, tmp_path, settings):
    own = settings.SECRET_KEY
    settings.SECRET_KEY = "another instance's"
    with pytest.raises(CommandError) as error:
        call_command("restore", str(archive), into=str(tmp_path / "in"), stdout=io.StringIO(), stderr=io.StringIO())
    assert error.value.returncode == 1
    assert "is not sealed by this key" in str(error.value)
    assert "--yes" in str(error.value)
    assert not (tmp_path / "in").exists()
    assert "Not sealed by this key" in restored(archive, tmp_path / "yes", accept_seal=True).seal
    key = tmp_path / "key" / "testing" / KEY
    key.parent.mkdir(parents=True)
    key.write_text(own)
    assert "Sealed by this instance" in restored(archive, tmp_path / "key").seal


def test_an_older_archive_without_a_seal_is_restored_and_it_is_said(archive, unlooked, tmp_path):
    with zipfile.ZipFile(archive) as parts, zipfile.ZipFile(tmp_path / "old.zip", "w") as old:
        for name in parts.namelist():
            content = parts.read(name)
            if name == MANIFEST:
                manifest = json.loads(content)
                del manifest["seal"]
                content = json.dumps(manifest).encode()
            old.writestr(name, content)
    assert "bears no seal" in restored(tmp_path / "old.zip", tmp_path / "in").seal


def test_an_altered_archive_is_refused_with_a_yes_too(archive, unlooked, tmp_path):
    other = altered(archive, _set("taken_at", "2030-01-01T00:00:00+00:00"))
    with pytest.raises(ArchiveError, match="altered after it was sealed"):
        restore.restore(other, tmp_path / "in", accept_seal=True)
