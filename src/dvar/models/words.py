"""Words of sentences that several of this room's tell."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], most: int = 10) -> str:
    """a, b, c and 5 more"""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
