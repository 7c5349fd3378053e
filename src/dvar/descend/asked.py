"""What minimize is asked: its numbers checked, its names turned into vectors (P,) of penalties, bounds and a start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from ..errors import UsageError, nearest


def is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def whole(least: int) -> Callable[[Any], bool]:
    return lambda v: v is None or (is_number(v) and bool(abs(v) < np.inf) and v == int(v) >= least)


# By option: whether a value is one, what it is called, and what to give instead.
OPTIONS: dict[str, tuple[Callable[[Any], bool], str, str]] = {
    "rate": (lambda v: v == "auto" if isinstance(v, str) else is_number(v) and 0 < v < np.inf, "the rate",
             'give a positive number, such as 0.1, or "auto"'),
    "momentum": (lambda v: is_number(v) and 0 <= v < 1, "momentum", "give a number of at least 0 and less than 1, such as 0.9"),
    "nesterov": (lambda v: isinstance(v, (bool, np.bool_)), "nesterov", "give True or False"),
    "batch": (whole(1), "batch", "give a whole number of rows, at least 1"),
    "steps": (whole(1), "steps", "give a whole number of at least 1"),
    "tol": (lambda v: v is None or (is_number(v) and 0 < v < 1), "tol", "give a number between 0 and 1, such as 1e-7"),
    "l1": (lambda v: is_number(v) and 0 <= v < np.inf, "l1", "give a number of at least 0"),
    "l2": (lambda v: is_number(v) and 0 <= v < np.inf, "l2", "give a number of at least 0"),
    "seed": (whole(0), "the seed", "give a whole number of at least 0"),
}


def checked(**options: Any) -> None:
    """Raises UsageError for an option whose value cannot be meant."""
    for name, value in options.items():
        valid, called, help = OPTIONS[name]
        if not valid(value):
            raise UsageError(f"{called} is {value!r}", help)


def starting_point(cost: Any, start: Mapping[str, Any] | None, seed: int | None) -> Any:
    """The start as a vector (P,): given, drawn, or zero where zero is safe."""
    if start is not None:
        return cost.flat(start)
    zero = np.zeros(cost.size)
    if seed is None:
        saddle = cost.zero_is_saddle()
        if saddle:
            raise UsageError(f"all parameters zero is no start: {saddle}",
                             "give a start (start=, --start), or a seed to draw one (seed=0, --seed 0)")
        return zero
    rng = np.random.default_rng(seed)
    return cost.flat({n: rng.normal(size=cost.sizes[n]) / np.sqrt(cost.sizes[n][-1] if cost.sizes[n] else 1.0)
                      for n in cost.inputs})


def penalties(cost: Any, l1: float, l2: float, penalize: Iterable[str] | None) -> tuple[Any, Any]:
    """l1 and l2 for each parameter, vectors (P,): 0 for those that are not penalised; in the units of the cost's coordinates."""
    weights = np.zeros(cost.size)
    free = [n for n in cost.inputs if cost.sizes[n]] if penalize is None else penalize
    names = [free] if isinstance(free, str) else list(free)
    if (l1 or l2) and not names:
        why = "penalize names no parameter" if penalize is not None else "all parameters are scalars, which are free"
        raise UsageError(f"{'l2' if l2 else 'l1'} has nothing to penalise: {why}", "name them with penalize=[…]")
    for name in names:
        weights[place(cost, name, "to penalise")] = 1.0
    units = getattr(cost, "units", 1.0)  # a parameter is its coordinate times this, where a cost has other coordinates
    return l1 * weights * units, l2 * weights * units * units


def limits(cost: Any, bounds: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """The lowest and the highest value of each parameter, vectors (P,)."""
    lower, upper = np.full(cost.size, -np.inf), np.full(cost.size, np.inf)
    if not isinstance(bounds or {}, Mapping):
        raise UsageError(f"the bounds are {bounds!r}", f"give them by parameter, as {{{cost.inputs[0]!r}: (lowest, highest)}}")
    for name, given in (bounds or {}).items():
        where = place(cost, name, "to bound")
        try:
            low, high = given
            low, high = (np.broadcast_to(ends(one, none), cost.sizes[name]) for one, none in ((low, -np.inf), (high, np.inf)))
        except (TypeError, ValueError):
            raise UsageError(f"the bounds of {name!r} are {given!r}",
                             f"give (lowest, highest), numbers or arrays of shape {cost.sizes[name]}; None where there is none"
                             ) from None
        if not (low <= high).all() or not (low < np.inf).all() or not (high > -np.inf).all():
            raise UsageError(f"the bounds of {name!r} leave no value: {given!r}", "give (lowest, highest) in this order")
        lower[where], upper[where] = np.ravel(low), np.ravel(high)
    units = getattr(cost, "units", 1.0)
    return lower / units, upper / units


def ends(given: Any, none: float) -> Any:
    """Bounds as numbers, `none` where None stands for no bound."""
    given = np.asarray(given, dtype=object)
    return np.where(given == None, none, given).astype(np.float64)  # noqa: E711  elementwise


def place(cost: Any, name: str, what: str) -> slice:
    if name not in cost.places:
        raise UsageError(f"there is no parameter {name!r} {what}{nearest(name, cost.inputs)}")
    where: slice = cost.places[name]
    return where
