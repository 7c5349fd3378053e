"""Words of sentences that several of this room's tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, isnan


def listed(names: Sequence[str], most: int = 10) -> str:
    """a, b, c and 5 more"""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def number(value: float | None, form: str = ".6g") -> str:
    """A coefficient, or what belongs to it, if there is such a number; no float64 holds it where its column's own units are very
    small."""
    if value is None:
        return ""
    return format(value, form) if isfinite(value) or isnan(value) else f"{'−' * (value < 0)}(past 1.8e308)"


def finite(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Numbers by name for JSON, which has none for nan and inf."""
    return {name: None if value is None or not isfinite(value) else value for name, value in values.items()}


def past(values: Mapping[str, float]) -> list[str]:
    """What is said of coefficients that no float64 holds."""
    names = [name for name, value in values.items() if not isfinite(value)]
    return [f"past the largest float64 (1.8e308) in the column's units: {listed(names)}; its numbers are that small or close "
            "together: multiply them"] if names else []
