"""The programs a graph can write, by the name a user asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import UsageError, nearest
from .program import Listing, compiled
from .write_floats import write_floats
from .write_loop import write_loop
from .write_numpy import write_numpy


def loop(listing: Listing) -> str:
    """Loops over examples and vectors; where there are neither, straight-line Python."""
    return write_floats(listing) if on_floats(listing) else write_loop(listing)


def on_floats(listing: Listing) -> bool:
    """Whether a program has no examples and works on numbers alone."""
    return not listing.data and not any(listing.shapes)


TARGETS: dict[str, Callable[[Listing], str]] = {"loop": loop, "numpy": write_numpy}


def written(target: str, listing: Listing) -> tuple[str, Callable[..., tuple[Any, ...]]]:
    """The source of a program and its function. Raises UsageError where there is no such target."""
    if target not in TARGETS:
        raise UsageError(f"there is no program {target!r}{nearest(target, TARGETS)}")
    source = TARGETS[target](listing)
    return source, compiled(source, target)
