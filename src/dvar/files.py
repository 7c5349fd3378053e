"""Files are written whole or not at all: nothing a user made is lost to a full disk or an interrupted command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write, beside its place until it is whole, then moved there; a pipe or a device is written to as it is. Raises
    OSError where that fails."""
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))  # a link stays, and what it leads to is replaced
    beside = target.with_name(f".{uuid4().hex}.part")
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except OSError as why:
        if why.filename == str(beside):  # nobody asked for that name
            why.filename = str(path)
        raise
    finally:
        beside.unlink(missing_ok=True)


def save(content: str | bytes, path: str | os.PathLike[str]) -> None:
    """Write a file whole or not at all. Raises OSError where that fails."""
    with whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
