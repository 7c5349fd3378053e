"""minimize: pick a method, run it on a cost, answer a Fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np

from ..errors import DvarError, UsageError, nearest
from .gradient_descent import fixed_rate, found_rate
from .newton import newton
from .objective import Objective, Outcome, Penalised, Row, Run, stoppable

METHODS = ("auto", "gradient-descent", "newton")
MANY = 2000  # parameters: beyond, a Hessian of P² numbers costs more than it saves
STEPS = {"gradient-descent": 1000, "newton": 100}


class Sums(Objective, Protocol):
    """What is minimised: an Objective that knows its parameters by name."""

    inputs: tuple[str, ...]
    sizes: dict[str, tuple[int, ...]]

    @property
    def ran(self) -> str: ...
    @property
    def places(self) -> dict[str, slice]: ...
    @property
    def size(self) -> int: ...
    def sized(self, parameters: Mapping[str, Any]) -> Sums: ...
    def flat(self, parameters: Mapping[str, Any]) -> Any: ...
    def named(self, theta: Any) -> dict[str, Any]: ...
    def has_hessian(self) -> bool: ...
    def zero_is_saddle(self) -> str: ...
    def bad_rows(self) -> str: ...


@dataclass(frozen=True, repr=False)
class Fit:
    """What was learned, and how it was reached."""

    params: dict[str, Any]
    cost: float  # of the objective, its penalty included
    converged: bool
    message: str
    method: str
    passes: int  # over the data
    history: tuple[Row, ...]
    seconds: float
    hessian: Any = None  # (P, P) at the end, where the method knows it
    flat: tuple[int, ...] = ()  # positions of parameters without a finite optimum
    program: str = ""  # that ran over the data: "numpy", or "fused" where compiling it was worth it

    def __repr__(self) -> str:
        return f"<Fit: cost {self.cost:.10g} by {self.method} in {self.passes:,} passes, {self.seconds:.3f} s; {self.message}>"


def minimize(
    cost: Sums,
    method: str = "auto",
    *,
    rate: float | str = "auto",
    steps: int | None = None,
    l2: float = 0.0,
    penalize: Iterable[str] | None = None,
    start: Mapping[str, Any] | None = None,
    seed: int | None = None,
    watch: Callable[[Row], None] | None = None,
) -> Fit:
    """Minimise a cost over its parameters.

    `rate` is the learning rate of gradient descent, a number or "auto"; `l2` adds l2/2·‖·‖² of the vectors and matrices, or
    of the parameters named in `penalize`; `start` gives parameters by name, `seed` draws them; `watch` is called after each
    pass. Raises UsageError for what cannot be meant, DvarError where the cost is not finite at the start.
    """
    if method not in METHODS:
        raise UsageError(f"there is no method {method!r}{nearest(method, METHODS)}")
    if rate != "auto" and not (is_number(rate) and 0 < rate < np.inf):  # type: ignore[operator]
        raise UsageError(f"the rate is {rate!r}", 'give a positive number, such as 0.1, or "auto"')
    if steps is not None and not (is_number(steps) and steps == int(steps) >= 1):
        raise UsageError(f"steps is {steps!r}", "give a whole number of at least 1")
    if not (is_number(l2) and 0 <= l2 < np.inf):
        raise UsageError(f"l2 is {l2!r}", "give a number of at least 0")
    if seed is not None and not (is_number(seed) and seed == int(seed) >= 0):
        raise UsageError(f"the seed is {seed!r}", "give a whole number of at least 0")
    if start is not None:
        cost = cost.sized(start)
    theta = starting_point(cost, start, seed)
    method = chosen(cost, method, rate)
    objective: Objective = cost
    if l2:
        objective = Penalised(cost, penalty(cost, l2, penalize))
    run = Run(watch)
    with stoppable(run), np.errstate(over="ignore", invalid="ignore"):  # a rate far too high is told, not warned of
        outcome = solve(objective, theta, run, method, rate, int(steps or STEPS[method]))
    if not np.isfinite(run.best_cost):
        why = cost.bad_rows() or "the loss is not defined there; give another start (start=, --start)"
        raise DvarError(f"the cost is {run.history[0].cost} at the start", why)
    return Fit(cost.named(outcome.theta), outcome.cost, outcome.converged, outcome.message, method, len(run.history),
               tuple(run.history), run.history[-1].seconds, outcome.hessian, outcome.flat, cost.ran)


def solve(objective: Objective, theta: Any, run: Run, method: str, rate: float | str, steps: int) -> Outcome:
    if method == "newton":
        return newton(objective, theta, run, steps)
    if rate == "auto":
        return found_rate(objective, theta, run, steps)
    return fixed_rate(objective, theta, run, float(rate), steps)


def chosen(cost: Sums, method: str, rate: float | str) -> str:
    """The method "auto" stands for: Newton where the Hessian is a Gram matrix of moderate size, else gradient descent."""
    if method == "newton" and rate != "auto":
        raise UsageError("Newton's method has no rate", "leave the rate out, or take the method gradient-descent")
    if method == "newton" and not cost.has_hessian():
        raise UsageError("Newton needs a loss whose vectors of parameters meet the data only as w @ x",
                         "take the method gradient-descent")
    if method != "auto":
        return method
    return "newton" if rate == "auto" and cost.size <= MANY and cost.has_hessian() else "gradient-descent"


def starting_point(cost: Sums, start: Mapping[str, Any] | None, seed: int | None) -> Any:
    """The start as a vector (P,): given, drawn, or zero where zero is safe."""
    if start is not None:
        return cost.flat(start)
    unknown = [n for n in cost.inputs if n not in cost.sizes]
    if unknown:
        raise UsageError(f"the shapes of {', '.join(unknown)} do not follow from the data",
                         "give a start for every parameter (start=, --start)")
    if seed is None:
        saddle = cost.zero_is_saddle()
        if saddle:
            raise UsageError(f"all parameters zero is no start: {saddle}",
                             "give a start (start=, --start), or a seed to draw one (seed=0, --seed 0)")
        return cost.flat({n: np.zeros(cost.sizes[n]) for n in cost.inputs if n in cost.sizes})
    rng = np.random.default_rng(seed)
    return cost.flat({n: rng.normal(size=cost.sizes[n]) / np.sqrt(cost.sizes[n][-1] if cost.sizes[n] else 1.0)
                      for n in cost.inputs if n in cost.sizes})


def is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def penalty(cost: Sums, l2: float, penalize: Iterable[str] | None) -> Any:
    """l2 for each penalised parameter, a vector (P,)."""
    if penalize is None:
        penalize = [n for n in cost.inputs if cost.sizes[n]]
    names = [penalize] if isinstance(penalize, str) else list(penalize)
    if not names:
        raise UsageError("l2 has nothing to penalise: all parameters are scalars, which are free", "name them with penalize=[…]")
    weights = np.zeros(cost.size)
    for name in names:
        if name not in cost.places:
            raise UsageError(f"there is no parameter {name!r} to penalise{nearest(name, cost.inputs)}")
        weights[cost.places[name]] = l2
    return weights
