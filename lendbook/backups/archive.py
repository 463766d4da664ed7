"""The archive: one zip with the files of an instance and a manifest of their sha256; whole at its name or not there.

Pure. Writing ends in a file with a leading dot, which gets its name only after it was read again from end to end.
Reading distrusts everything: an archive that could write outside its folder, hide something or unpack without end is
refused before a byte of it is written.
"""

import hashlib
import hmac
import io
import json
import os
import re
import stat
import time
import zipfile
import zlib
from pathlib import Path, PurePosixPath

MANIFEST = "manifest.json"
FORMAT = 1
MAX_FILES = 500_000
MAX_MANIFEST_BYTES = 128 * 1024**2
# What unpacks to more than this many times the archive's size is no backup of ours; small ones may.
MAX_RATIO, SMALL_BYTES = 200, 64 * 1024**2
CHUNK = 1024 * 1024

SQLITE, POSTGRESQL = "db.sqlite3", "db.dump"
KEY = "secret_key"
OURS, ANOTHERS, UNSEALED = "ours", "another's", "unsealed"
# Made anew, of no use elsewhere, or somebody's way in: never taken along, and never taken out of an archive.
LEFT_OUT_FOLDERS = {"backups", "locks", "models", "static"}
LEFT_OUT_FILES = ("db.sqlite3", "test.sqlite3", "secret_key", "setup_token", "db.dump", MANIFEST, "NOT-FINISHED")
_PACKED_ALREADY = (".xlsx", ".zip", ".gz", ".png", ".jpg", ".jpeg", ".webp", ".dump")
_UNUSABLE = re.compile(r"[\\:\x00-\x1f\x7f]")


class ArchiveError(Exception):
    """An archive that cannot be written or is refused; the message names what is wrong and the way out."""


def is_taken_along(name):
    """Whether a file of that name (parts joined by /, below the instance's folder) belongs into an archive."""
    parts = name.split("/")
    if parts[0] in LEFT_OUT_FOLDERS or any(part.startswith(".") for part in parts):
        return False
    if parts[0] == "imports" and parts[-1].startswith("tmp"):
        return False  # an upload that is still coming in
    return not parts[0].startswith(LEFT_OUT_FILES) and not name.endswith((".part", ".waiting"))


# ------------------------------------------------------------------------------------------------ writing


class Writing:
    """An archive in the making. Leaving the block without `finish` takes it away again."""

    def __init__(self, path):
        self.path = Path(path)
        self.part = self.path.with_name(f".{self.path.name}.part")
        self.files = {}
        self._is_finished = False

    def __enter__(self):
        descriptor = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self._file = os.fdopen(descriptor, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        return self

    def __exit__(self, *fault):
        self._zip.fp = None  # else it would try to end the file once more when it is forgotten
        self._file.close()
        if not self._is_finished:
            self.part.unlink(missing_ok=True)

    def add(self, name, content, progress=None):
        """Put bytes, or what a file open for reading holds, under `name`; its checksum goes into the manifest."""
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        entry = zipfile.ZipInfo(name, time.localtime()[:6])
        entry.external_attr = (stat.S_IFREG | 0o600) << 16
        entry.compress_type = zipfile.ZIP_STORED if name.endswith(_PACKED_ALREADY) else zipfile.ZIP_DEFLATED
        entry.file_size = source.seek(0, os.SEEK_END)
        source.seek(0)
        size, checksum = 0, hashlib.sha256()
        with self._zip.open(entry, "w", force_zip64=entry.file_size > 2**30) as member:
            while chunk := source.read(CHUNK):
                checksum.update(chunk)
                member.write(chunk)
                size += len(chunk)
                if progress:
                    progress(size, entry.file_size)
        self.files[name] = {"sha256": checksum.hexdigest(), "size": size}

    def close(self, about, key):
        """Write the manifest, which is `about`, the checksums and a seal by `key` over both, and make the file durable.

        It has no name yet.
        """
        manifest = {"format": FORMAT, **about, "files": self.files}
        manifest["seal"] = {"key": mark_of(key), "hmac": seal_of(manifest, key)}
        self._zip.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        forget_cached(self._file.fileno())

    def finish(self):
        """Give the archive its name, durably."""
        os.rename(self.part, self.path)
        self._is_finished = True
        sync_folder(self.path.parent)


def forget_cached(descriptor):
    """Let the system drop what it holds of a file in memory, so that reading it again asks the disk."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def sync_folder(path):
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------------------ reading


def mark_of(key):
    """A mark by which a key (text) is told from another; worth nothing to who has not the key."""
    return hmac.new(key.encode(), b"lendbook.backups.mark", hashlib.sha256).hexdigest()[:12]


def seal_of(manifest, key):
    """HMAC-SHA-256 (hex) of a manifest but for its seal, which so holds the sha256 of every file, by the instance's key."""
    told = {name: value for name, value in manifest.items() if name != "seal"}
    content = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    own = hmac.new(key.encode(), b"lendbook.backups.seal", hashlib.sha256).digest()
    return hmac.new(own, content, hashlib.sha256).hexdigest()


class Archive:
    """An archive that is there. Opening it looks at its shape alone; `read_through` at every byte. Raises ArchiveError."""

    def __init__(self, path):
        self.path = Path(path)
        try:
            self._zip = zipfile.ZipFile(self.path)
        except FileNotFoundError:
            raise ArchiveError(f"There is no file {self.path}.") from None
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeError) as error:
            raise self._refused(f"it is cut off, or no archive of Lendbook ({error})") from error
        try:
            self._check_shape()
            self.manifest = self._read_manifest()
            self.files = self.manifest["files"]
            self._check_names()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self._zip.close()

    @property
    def database(self):
        """The database's name in the archive: SQLITE or POSTGRESQL."""
        return POSTGRESQL if POSTGRESQL in self.files else SQLITE

    def sealed_by(self, keys):
        """OURS where one of the keys (texts) sealed it, ANOTHERS where none of them did, UNSEALED where nobody did.

        Raises ArchiveError where the seal is of one of the keys, but not of what the manifest says now.
        """
        seal = self.manifest.get("seal")
        if seal is None:
            return UNSEALED
        if not isinstance(seal, dict) or not all(isinstance(seal.get(name), str) for name in ("key", "hmac")):
            raise self._refused("its seal is damaged")
        for key in keys:
            if hmac.compare_digest(mark_of(key).encode(), seal["key"].encode()):
                if hmac.compare_digest(seal_of(self.manifest, key).encode(), seal["hmac"].encode()):
                    return OURS
                raise self._refused("it was altered after it was sealed; its seal does not fit")
        return ANOTHERS

    @property
    def key_mark(self):
        """The mark of the key that sealed it, or ""."""
        return (self.manifest.get("seal") or {}).get("key", "")

    @property
    def unpacked_bytes(self):
        return sum(about["size"] for about in self.files.values())

    def read_through(self, progress=None, but=None):
        """Read every file (`but` one) and compare its sha256 with the manifest."""
        for number, name in enumerate(self.files, 1):
            if name != but:
                for _ in self.chunks(name):
                    pass
            if progress:
                progress(number, len(self.files))

    def chunks(self, name):
        """The bytes of one file, in parts; raises ArchiveError at its end where its size or sha256 is another."""
        size, checksum = 0, hashlib.sha256()
        try:
            with self._zip.open(name) as member:
                while chunk := member.read(CHUNK):
                    size += len(chunk)
                    checksum.update(chunk)
                    yield chunk
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise self._refused(f"{name} cannot be read ({error})") from error
        if self.files[name] != {"sha256": checksum.hexdigest(), "size": size}:
            raise self._refused(f"{name} is not what was backed up; its checksum differs")

    def unpack(self, name, path):
        """Write one file to `path` (mode 600; it must not be there yet)."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in self.chunks(name):
                file.write(chunk)

    def _refused(self, reason):
        return ArchiveError(f"{self.path.name} is refused: {reason}. Take another backup; nothing was changed.")

    def _check_shape(self):
        """Only plain files, each once, none over another, that unpack to a bearable size."""
        entries = self._zip.infolist()
        if len(entries) > MAX_FILES or len({entry.filename for entry in entries}) < len(entries):
            raise self._refused("it names a file twice, or too many of them")
        end = 0
        for entry in sorted(entries, key=lambda entry: entry.header_offset):
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG) or entry.is_dir() or entry.flag_bits & 0x1:
                raise self._refused(f"{entry.filename!r} is no plain file")
            if entry.header_offset < end:
                raise self._refused("its files lie over one another")
            end = entry.header_offset + entry.compress_size
        size = self.path.stat().st_size
        unpacked = sum(entry.file_size for entry in entries)
        if end > size or unpacked > max(MAX_RATIO * size, SMALL_BYTES):
            raise self._refused("it would unpack to more than any backup holds")

    def _read_manifest(self):
        try:
            entry = self._zip.getinfo(MANIFEST)
            if entry.file_size > MAX_MANIFEST_BYTES:
                raise ValueError("its manifest is too large")
            manifest = json.loads(self._zip.read(entry))
            number = manifest["format"]
            if not isinstance(number, int) or number > FORMAT:
                raise self._refused("a newer Lendbook made it; update this one first")
            for about in manifest["files"].values():
                if not isinstance(about["sha256"], str) or type(about["size"]) is not int or len(about) != 2:
                    raise ValueError("its manifest is damaged")
            for name in ("instance", "began_at", "taken_at"):
                if not isinstance(manifest[name], str):
                    raise ValueError("its manifest is damaged")
            list(map(str.split, manifest["migrations"]))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self._refused(f"it has no sound manifest ({error})") from error
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise self._refused(f"its manifest cannot be read ({error})") from error
        return manifest

    def _check_names(self):
        """The archive holds what its manifest names, under names that stay below the folder, and one database."""
        held = {entry.filename: entry.file_size for entry in self._zip.infolist()}
        held.pop(MANIFEST)
        if held != {name: about["size"] for name, about in self.files.items()}:
            raise self._refused("it holds other files than its manifest names")
        if len({SQLITE, POSTGRESQL} & set(self.files)) != 1:
            raise self._refused("it holds no database, or two")
        if not re.fullmatch(r"[a-z]{1,20}", self.manifest["instance"]):
            raise self._refused("its instance has no such name")
        folders = {str(folder) for name in self.files for folder in PurePosixPath(name).parents}
        for name in self.files:
            plain = name in (SQLITE, POSTGRESQL, KEY) or is_taken_along(name)
            parts = name.split("/")
            if (
                not plain
                or name in folders
                or _UNUSABLE.search(name)
                or {"", ".", ".."} & set(parts)
                or max(len(part.encode("utf-8", "surrogatepass")) for part in parts) > 250
            ):
                raise self._refused(f"{name!r} is no file of an instance")
