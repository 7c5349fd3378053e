"""Files are written whole or not at all: nothing a user made is lost to a full disk or an interrupted command."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4


def save(content: str | bytes, path: str | os.PathLike[str]) -> None:
    """Write a file whole or not at all: beside its place first, then moved there. Raises OSError where that fails."""
    target = Path(os.path.realpath(path))  # a link stays, and what it leads to is replaced
    beside = target.with_name(f".{uuid4().hex}.part")
    try:
        with open(beside, "xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
