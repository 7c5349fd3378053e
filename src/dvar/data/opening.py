"""What a file is: by its name, by its first bytes, and whether the two agree; and a stream of it, unpacked."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from itertools import accumulate, islice
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from ..errors import DvarError, UsageError, nearest

HEAD = 1 << 16  # bytes looked at to find out what a file is
SMALL = 1 << 24  # bytes; to copy fewer takes less time than to map them
FORMATS = {  # the end of a file's name → what is in it
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".arrow": "arrow",
    ".feather": "arrow", ".ipc": "arrow", ".txt": "csv", ".dat": "csv", ".data": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
}
MARK = b"\xef\xbb\xbf"  # of UTF-8
PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
MAGIC = (  # how a file begins → what it is
    (b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"\xff\xff\xff\xff", "arrow"), (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bz2"), (b"PK\x03\x04", "zip"), (b"%PDF", "pdf"), (b"\xd0\xcf\x11\xe0", "xls"),
    (b"FEA1", "feather 1"), (b"SQLite format 3", "sqlite"),
)
FORMS = (  # and how text does, behind spaces
    (re.compile(rb"(\xef\xbb\xbf)?\s*\{"), "jsonl"), (re.compile(rb"(\xef\xbb\xbf)?\s*\[\s*\{"), "json"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|\?xml)\b", re.IGNORECASE), "html"),
)
CALLED = {  # what it is → what people call it, and what its name should end in
    "parquet": ("Parquet", ".parquet"), "arrow": ("Arrow", ".arrow"), "gzip": ("gzip", ".gz"), "zstd": ("Zstandard", ".zst"),
    "bz2": ("bzip2", ".bz2"), "zip": ("a zip archive or a spreadsheet", ""), "pdf": ("PDF", ""), "xls": ("a spreadsheet", ""),
    "feather 1": ("Feather version 1", ""), "sqlite": ("an SQLite database", ""), "jsonl": ("JSON", ".jsonl"),
    "csv": ("CSV", ".csv"), "tsv": ("TSV", ".tsv"), "json": ("one JSON array", ""),
    "html": ("a web page", ""),
}
A_LINE_EACH = "write one object a line, as jq -c '.[]' does, and call it .jsonl"
READS = ("Parquet (.parquet, .pq, or a folder of parts), .csv, .tsv, .txt, .arrow, .feather, .jsonl, each text also as .gz, .zst "
         "or .bz2")


def called(path: str | Path) -> str:
    return "standard input" if str(path) == "-" else str(path)


def unreadable(name: str, error: Exception) -> DvarError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, PermissionError):
        return DvarError(f"{name} may not be read: no permission", "ask its owner, or copy it where you may read")
    return DvarError(f"{name} cannot be read: {first[:300]}", "is the file whole, and of the kind its suffix says?")


def checked_names(name: str, columns: Sequence[str]) -> None:
    """Raises DvarError where two columns have one name."""
    if len(set(columns)) < len(columns):
        twice = sorted({n for n in columns if columns.count(n) > 1})
        what = f"{name} has more than one column named {', '.join(map(repr, twice[:9]))}"
        raise DvarError(what, "give every column its own name")


def opened(path: str | Path) -> tuple[str, Any]:
    """What is in a file ("folder", "parquet", "arrow", "csv", "tsv", "jsonl"), and a binary stream of it, unpacked.

    Raises where there is nothing, where it is nothing that is read, or where it is not what its name says."""
    if str(path) == "-":
        if sys.stdin is None:
            raise DvarError("standard input is closed", "give the path of a table, or pipe one in")
        stream: Any = Ahead(sys.stdin.buffer)
        form, packed = "", ""
    elif not str(path):
        raise UsageError("the name of the table is empty", "give the path of a table")
    elif re.match(r"[a-z][a-z0-9]+://", str(path)):
        raise UsageError(f"{path} is an address and not a file", "fetch it first, or pipe it in: curl -L ADDRESS | dvar … -")
    else:
        path = Path(path)
        if path.is_dir():
            return "folder", None
        form, packed = kind_of_name(path)
        stream = Ahead(path.open("rb"))
    try:
        return recognised(called(path), form, packed, stream)
    except BaseException:
        stream.close()
        raise


def recognised(name: str, form: str, packed: str, stream: Ahead) -> tuple[str, Ahead]:
    """What a stream holds, beside what its name says it holds."""
    import pyarrow as pa

    start = stream.ahead(HEAD)
    if not start:
        raise DvarError(f"{name} is empty (0 bytes)", "a table needs a line of column names and at least one row")
    found = begins(start)
    if packed or (not form and found in PACKED.values()):
        if packed and found != packed:
            raise mistaken(name, found, packed)
        stream = Unpacked(pa.CompressedInputStream(pa.PythonFile(stream, "r"), found), stream)
        found = begins(stream.ahead(HEAD))
        if not stream.ahead(1):
            raise DvarError(f"{name} is empty once unpacked", "a table needs a line of column names and at least one row")
    if not form:
        if found not in ("parquet", "arrow", "jsonl", ""):
            raise mistaken(name, found, "")
        form = found or "csv"
    if found != form and (found or form not in ("csv", "tsv")) and not (found == "jsonl" and form in ("csv", "tsv")):
        if not (form == "arrow" and not found):  # an Arrow stream of older versions begins otherwise
            raise mistaken(name, found, form)
    if form == "jsonl" and stream.ahead(3) == MARK:
        stream.read(3)
        return form, Ahead(stream)
    return form, stream


def kind_of_name(path: Path) -> tuple[str, str]:
    """What the end of a file's name says is in it, and how it is packed ("": it is not)."""
    if not path.exists():
        folder = path.parent
        there = [p.name for p in folder.iterdir() if suffixes(p)[0] in FORMATS] if folder.is_dir() else []
        raise UsageError(f"there is no file {path}{nearest(path.name, sorted(there))}", "give the path of a table")
    last, packed = suffixes(path)
    if not path.is_file():
        return "", ""  # a pipe with a name: what is in it says what it is
    if last not in FORMATS:
        help = A_LINE_EACH if last == ".json" else f"what is read: {READS}"
        what = f"has the suffix {last!r}, which is not read" if last else "has no suffix that says what is in it"
        raise UsageError(f"{path} {what}", help)
    return FORMATS[last], PACKED.get(packed, "")


def suffixes(path: Path) -> tuple[str, str]:
    """(".csv", ".gz") of t.csv.gz; (".csv", "") of t.csv."""
    last = path.suffix.lower()
    return (Path(path.stem).suffix.lower(), last) if last in PACKED else (last, "")


def begins(start: bytes) -> str:
    """What the first bytes of a file say it is; "" where they say nothing."""
    return next((what for magic, what in MAGIC if start.startswith(magic)), "") or next(
        (what for form, what in FORMS if form.match(start)), "")


def mistaken(name: str, found: str, form: str) -> DvarError:
    """A file that is not what its name says."""
    said, end = CALLED.get(found, ("something else", ""))
    help = f"name it …{end}" if end else A_LINE_EACH if found == "json" else f"save it as CSV or Parquet; what is read: {READS}"
    if found == "html":
        help = "fetch the table itself: its page may have a link to the raw file"
    if not found:
        help = "is the file whole, and of the kind its suffix says?"
    by_name = f"by its name it is {CALLED[form][0]}, by its first bytes" if form else "by its first bytes it is"
    return DvarError(f"{name} cannot be read: {by_name} {said}", help)


class Ahead(io.RawIOBase):
    """A stream whose first bytes can be looked at before they are read."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.head = stream, b""

    def ahead(self, count: int) -> bytes:
        while len(self.head) < count and (more := self.stream.read(count - len(self.head))):
            self.head += more
        return self.head[:count]

    def lines_ahead(self, count: int) -> bytes:
        """The first `count` bytes of text, and as many more as it takes to hold two lines whole: a header may be long, and its
        names, in quotation marks, go over lines."""
        while len(start := self.ahead(count)) == count and not two_lines(start):
            count *= 4
        return start

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed and self.stream is not getattr(sys.stdin, "buffer", None):
            self.stream.close()
        super().close()

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            out, self.head = self.head, b""
            return out + bytes(self.stream.read())
        if not self.head:
            return bytes(self.stream.read(size))
        out, self.head = self.head[:size], self.head[size:]
        return out

    def whole(self) -> bytes | mmap:
        """All that is left; a file on disk that is not small is not copied."""
        given = self.stream is getattr(sys.stdin, "buffer", None)
        if not isinstance(self.stream, io.BufferedReader) or given or not self.stream.seekable():
            return self.read()
        if self.stream.seek(0, io.SEEK_END) > SMALL:
            return mmap(self.stream.fileno(), 0, access=ACCESS_READ)
        self.head = b""
        self.stream.seek(0)
        return self.stream.read()


def two_lines(start: bytes) -> bool:
    """Whether text begins with two lines and something of a third; a line break within quotation marks ends no line."""
    lines = start.lstrip(b"\r\n").splitlines()
    marks = accumulate(line.count(b'"') for line in lines[:-1])
    return sum(1 for _ in islice((m for m in marks if m % 2 == 0), 2)) == 2


class Unpacked(Ahead):
    """A compressed stream, unpacked."""

    def __init__(self, stream: Any, packed: Ahead) -> None:
        super().__init__(stream)
        self.packed = packed

    def close(self) -> None:
        super().close()
        self.packed.close()
