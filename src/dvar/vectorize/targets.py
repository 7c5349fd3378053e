"""The programs a graph can write, by the name a user asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import UsageError, nearest
from .program import Listing, compiled
from .write_loop import write_loop
from .write_numpy import write_numpy

TARGETS: dict[str, Callable[[Listing], str]] = {"loop": write_loop, "numpy": write_numpy}


def written(target: str, listing: Listing) -> tuple[str, Callable[..., tuple[Any, ...]]]:
    """The source of a program and its function. Raises UsageError where there is no such target."""
    if target not in TARGETS:
        raise UsageError(f"there is no program {target!r}{nearest(target, TARGETS)}")
    source = TARGETS[target](listing)
    return source, compiled(source, target)
