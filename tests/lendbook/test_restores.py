"""A restore writes over nothing, and of what is no archive of Lendbook it writes nothing."""

import io
import json
import os
import random
import sqlite3
import stat
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from ledger.models import LedgerEntry
from lendbook.backups import archive as archives
from tests.restoring import refused, restored, told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


# ------------------------------------------------------------------------------------------------ hostile archives


def about(files, **values):
    return {
        "format": 1,
        "instance": "testing",
        "began_at": "2026-11-21T00:00:00+00:00",
        "taken_at": "2026-11-21T00:00:00+00:00",
        "migrations": [],
        "files": {
            name: {"sha256": archives.hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in files.items()
        },
        **values,
    }


def zipped(path, files, manifest=None, infos=None):
    """A zip of `files` {name: bytes} with a manifest that fits them unless one is given."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr((infos or {}).get(name, name), content)
        archive.writestr("manifest.json", json.dumps(about(files) if manifest is None else manifest))
    return path


GOOD = {"db.sqlite3": b"SQLite format 3\0"}


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def hostile(name, path):
    """Write the archive of that trouble to `path`."""
    for trouble, names in {
        "upwards": ["../evil"], "inner upwards": ["statements/../../evil"], "absolute": ["/etc/evil"],
        "backslash": ["statements\\..\\evil"], "drive": ["C:evil"], "nul": ["statements/a\nb"],
        "journal": ["db.sqlite3-wal"], "way in": ["setup_token"], "served": ["static/evil.js"],
        "learned": ["models/book-1.npz"], "dot": [".env"], "empty part": ["statements//evil"], "here": ["./evil"],
        "file as folder": ["statements/a", "statements/a/b"], "long": ["statements/" + "x" * 300],
    }.items():  # fmt: skip
        if name == trouble:
            return zipped(path, {**GOOD, **dict.fromkeys(names, b"x")})
    if name == "link":
        files = {**GOOD, "statements/evil": b"/etc/passwd"}
        return zipped(path, files, infos={"statements/evil": link("statements/evil")})
    if name == "bomb":
        return zipped(path, {**GOOD, "statements/bomb": b"\0" * (80 * 1024**2)})
    if name == "wrong checksum":
        return zipped(path, GOOD, about({"db.sqlite3": b"SQLite format 4\0"}))
    if name == "not named":
        return zipped(path, {**GOOD, "statements/x": b"x"}, about(GOOD))
    if name == "not there":
        return zipped(path, GOOD, about({**GOOD, "statements/x": b"x"}))
    if name == "no database":
        return zipped(path, {"statements/x": b"x"})
    if name == "newer":
        return zipped(path, GOOD, about(GOOD, format=2))
    if name == "newer books":
        return zipped(path, GOOD, about(GOOD, migrations=["ledger 9999_from_the_future"]))
    if name == "other place":
        return zipped(path, GOOD, about(GOOD, instance="../evil"))
    if name == "no manifest":
        return zipped(path, GOOD, {})
    if name == "list":
        return zipped(path, GOOD, [])
    if name == "deep":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("manifest.json", "[" * 100_000)
        return path
    if name == "twice":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("db.sqlite3", b"SQLite format 3\0")
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("db.sqlite3", b"SQLite format 3\0")
            archive.writestr("manifest.json", json.dumps(about(GOOD)))
        return path
    if name == "no zip":
        path.write_bytes(b"x" * 1000)
        return path
    if name == "no database inside":
        return zipped(path, {"db.sqlite3": b"x" * 5000})
    raise AssertionError(name)


TROUBLES = (
    "upwards", "inner upwards", "absolute", "backslash", "drive", "nul", "journal", "way in", "served", "learned", "dot",
    "empty part", "here", "file as folder", "long", "link", "bomb", "wrong checksum", "not named", "not there",
    "no database", "newer", "newer books", "other place", "no manifest", "list", "deep", "twice", "no zip",
    "no database inside",
)  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_hostile_archive_is_refused_and_nothing_is_written(trouble, tmp_path):
    path = hostile(trouble, tmp_path / "evil.zip")
    target = tmp_path / "deep" / "new"
    assert refused("restore", path, into=str(target))
    assert not any(one.is_file() for one in tmp_path.rglob("*") if one != path)
    assert not list(target.glob("*"))


def test_a_truncated_or_altered_archive_is_refused(tracker, tmp_path, seed):
    whole = Path(told("backup", tmp_path / "kept")["archive"]).read_bytes()
    drawn = random.Random(seed)
    damaged = tmp_path / "damaged.zip"
    for length in [0, 1, len(whole) - 1, *(drawn.randrange(len(whole)) for _ in range(8))]:
        damaged.write_bytes(whole[:length])
        assert "is refused" in refused("restore", damaged, into=str(tmp_path / "new"))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        contents_of = [(one.header_offset + 80, one.header_offset + one.compress_size) for one in archive.infolist()]
    for _ in range(8):
        first, last = drawn.choice([pair for pair in contents_of if pair[1] > pair[0]])
        place = drawn.randrange(first, last)
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        refused("restore", damaged, into=str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


# ------------------------------------------------------------------------------------------------ restoring


def test_nothing_is_ever_written_over_an_instance(tracker, tmp_path):
    path = told("backup", tmp_path)["archive"]
    with restored(path, tmp_path / "new") as (folder, _):
        before = {one: one.stat().st_mtime_ns for one in folder.rglob("*")}
        assert "not empty" in refused("restore", path, into=str(folder.parent))
        assert {one: one.stat().st_mtime_ns for one in folder.rglob("*")} == before
    alien = tmp_path / "alien"
    (alien / ".restoring").mkdir(parents=True)
    (alien / ".restoring" / "thesis.odt").touch()
    assert "none of ours" in refused("restore", path, into=str(alien))
    assert (alien / ".restoring" / "thesis.odt").exists()
    assert "no folder" in refused("restore", path, into=str(path))


def test_an_empty_instance_that_was_started_once_is_a_fit_place_and_its_key_stays(tracker, tmp_path):
    place = tmp_path / "new" / "testing"
    (place / "locks").mkdir(parents=True)
    (place / "secret_key").write_text("kept in the safe, put back by hand, longer than fifty characters it is")
    with restored(told("backup", tmp_path)["archive"], tmp_path / "new") as (folder, _):
        assert "in the safe" in (folder / "secret_key").read_text()


OLDER = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
house = {"shop", "ledger", "trackers", "expenses", "lendbook"}
leaves = [node for node in executor.loader.graph.leaf_nodes() if node[0] not in house]
older = [("ledger", "0012_source_begins_of_all"), ("lendbook", "0002_record_only_grows")]
executor.migrate([*leaves, *older, ("trackers", "0001_initial"), ("expenses", "0001_initial")])
connection.cursor().execute("INSERT INTO auth_group (name) VALUES ('Kept since then')")
call_command("backup", json=True)
"""


def test_an_archive_of_an_older_lendbook_is_brought_forward(tmp_path):
    environment = {
        **os.environ,
        "LENDBOOK_DATA_DIR": str(tmp_path / "old"),
        "LENDBOOK_INSTANCE": "testing",
        "DATABASE_URL": "",
        "DJANGO_SETTINGS_MODULE": "lendbook.settings",
    }
    done = subprocess.run([sys.executable, "-c", OLDER], env=environment, capture_output=True, text=True, check=True)
    told("restore", json.loads(done.stdout)["archive"], into=str(tmp_path / "new"), yes=True)  # sealed by the old one
    with closing(sqlite3.connect(tmp_path / "new" / "testing" / "db.sqlite3")) as database:
        applied = set(database.execute("SELECT app, name FROM django_migrations"))
        assert ("expenses", "0002_historicaltag_shipped_as_tag_shipped_as") in applied
        assert ("shop", "0001_initial") in applied
        assert database.execute("SELECT name FROM auth_group").fetchall() == [("Kept since then",)]


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="an archive of SQLite")
@pytest.mark.parametrize("url", ["postgres://asha:secret@127.0.0.1:1/books", "sqlite:////tmp/elsewhere.sqlite3"])
def test_a_database_that_does_not_fit_the_archive_is_refused_before_anything_is_written(tracker, tmp_path, url):
    path = told("backup", tmp_path)["archive"]
    why = refused("restore", path, into=str(tmp_path / "new"), database_url=url)
    assert "holds an SQLite database" in why
    assert "without --database-url" in why
    assert "secret" not in why
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="an archive of PostgreSQL")
@pytest.mark.parametrize("url", ["sqlite:////tmp/elsewhere.sqlite3", "mysql://asha@127.0.0.1/books"])
def test_a_database_of_another_kind_is_refused_for_a_postgresql_archive(tracker, tmp_path, url):
    path = told("backup", tmp_path)["archive"]
    assert "holds a PostgreSQL database" in refused("restore", path, into=str(tmp_path / "new"), database_url=url)
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="an archive of PostgreSQL")
def test_a_postgresql_archive_wants_an_empty_database_and_says_how_to_make_one(tracker, tmp_path, monkeypatch):
    path = told("backup", tmp_path)["archive"]
    monkeypatch.delenv("DATABASE_URL")
    assert "createdb" in refused("restore", path, into=str(tmp_path / "new"))
    own = connection.settings_dict
    url = f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST']}:{own['PORT']}/{own['NAME']}"
    entries = LedgerEntry.objects.count()
    assert "not empty" in refused("restore", path, into=str(tmp_path / "new"), database_url=url)
    assert "createdb" in refused("restore", path, into=str(tmp_path / "new"), database_url=url + "_none")
    assert LedgerEntry.objects.count() == entries
    assert not (tmp_path / "new").exists()
