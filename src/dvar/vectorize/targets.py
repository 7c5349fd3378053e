"""The programs a graph can write, by the name a user asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import UsageError, nearest
from .program import Listing, NotWritable, compiled
from .write_floats import write_floats
from .write_loop import write_loop
from .write_numpy import write_numpy


def loop(listing: Listing) -> str:
    """Loops over examples and vectors; where there are neither, straight-line Python."""
    return write_floats(listing) if on_floats(listing) else write_loop(listing)


def on_floats(listing: Listing) -> bool:
    """Whether a program has no examples and works on numbers alone."""
    return not listing.data and not any(listing.shapes)


def fused(listing: Listing) -> str:
    """Lines on numbers, to be compiled. Raises NotWritable where there are examples or vectors."""
    if not on_floats(listing):
        raise NotWritable("it does not work on numbers alone")
    return write_floats(listing, compiled=True)


TARGETS: dict[str, Callable[[Listing], str]] = {"loop": loop, "numpy": write_numpy, "fused": fused}


def written(target: str, listing: Listing) -> tuple[str, Callable[..., tuple[Any, ...]]]:
    """The source of a program and its function. Raises UsageError where there is no such target, NotWritable where there is no
    such program."""
    if target not in TARGETS:
        raise UsageError(f"there is no program {target!r}{nearest(target, TARGETS)}")
    source = TARGETS[target](listing)
    if target != "fused":
        return source, compiled(source, target)
    from .machine_floats import machine_floats

    return source, machine_floats(source)
