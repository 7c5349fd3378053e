"""What a solver sees: a Problem over a flat vector of parameters, and the record of a run."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..errors import DvarError
from .curvature import NARROW

FAR_OUT = 1e-3  # of the cost at the start is that of all parameters 0
ENDLESS = 1e10  # times the cost at the start and the steepest slope: a cost so far below zero has no minimum
ALMOST = 1e-10  # of the cost: what may be left to gain where rounding ends the steps
EPSILON, CANCELLED = 1e-15, 1e-14  # of the cost is rounding; of the cost at the start, where terms as large cancel
Rows = Sequence[slice] | None  # runs of examples to take the mean over; None: all of them


class Point(NamedTuple):
    """A place, and what was seen there."""

    theta: Any  # (P,)
    cost: float
    gradient: Any  # (P,)
    hessian: Any  # (P, P)

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.cost) and np.isfinite(self.gradient).all() and np.isfinite(self.hessian).all())


class Objective(Protocol):
    """Means over the examples, asked for at a vector (P,); each call is one pass over them."""

    @property
    def convex(self) -> bool: ...  # it is known to be

    def value_gradient(self, theta: Any, rows: Rows = None) -> tuple[float, Any]: ...

    def value_gradient_hessian(self, theta: Any, rows: Rows = None) -> tuple[float, Any, Any]: ...

    def hessian_times(self, theta: Any, v: Any, rows: Rows = None) -> Any: ...

    def gauss_newton(self, theta: Any) -> Any: ...  # (P, P), never negative; None where the loss is no square

    def among(self, kept: Any) -> Objective | None: ...  # of the parameters that a mask (P,) keeps, the others 0; None: cannot


@dataclass(frozen=True)
class Penalised:
    """An objective plus ½ Σ l2_j (θ_j − about_j)²; `l2` is a vector (P,) on the scale of the mean loss."""

    inner: Objective
    l2: Any
    about: Any = 0.0

    @property
    def convex(self) -> bool:
        return self.inner.convex

    def value_gradient(self, theta: Any, rows: Rows = None) -> tuple[float, Any]:
        value, gradient = self.inner.value_gradient(theta, rows)
        return value + self.value(theta), gradient + self.l2 * (theta - self.about)

    def value_gradient_hessian(self, theta: Any, rows: Rows = None) -> tuple[float, Any, Any]:
        value, gradient, hessian = self.inner.value_gradient_hessian(theta, rows)
        return value + self.value(theta), gradient + self.l2 * (theta - self.about), raised(hessian, self.l2)

    def hessian_times(self, theta: Any, v: Any, rows: Rows = None) -> Any:
        return self.inner.hessian_times(theta, v, rows) + self.l2 * v

    def gauss_newton(self, theta: Any) -> Any:
        found = self.inner.gauss_newton(theta)
        return None if found is None else raised(found, self.l2)

    def among(self, kept: Any) -> Objective | None:
        found = self.inner.among(kept)
        return None if found is None or np.any(self.about) else Penalised(found, self.l2[kept])

    def seen(self, inner: Point, share: float = 1.0) -> Point:
        """What is seen where the inner objective shows `inner`; with the share −1 the other way round."""
        theta, cost, gradient, hessian = inner
        return Point(theta, cost + share * self.value(theta), gradient + share * self.l2 * (theta - self.about),
                     raised(hessian, share * self.l2))

    def value(self, theta: Any) -> float:
        return 0.5 * float(np.sum(self.l2 * (theta - self.about) ** 2))


def raised(hessian: Any, diagonal: Any) -> Any:
    """The sum of a matrix (P, P) and a diagonal (P,)."""
    found = hessian.copy()
    found.flat[:: len(found) + 1] += diagonal
    return found


@dataclass(frozen=True)
class Part:
    """An objective over some runs of its rows alone."""

    inner: Objective
    rows: Sequence[slice]

    @property
    def convex(self) -> bool:
        return self.inner.convex

    def value_gradient(self, theta: Any, rows: Rows = None) -> tuple[float, Any]:
        return self.inner.value_gradient(theta, self.rows)

    def value_gradient_hessian(self, theta: Any, rows: Rows = None) -> tuple[float, Any, Any]:
        return self.inner.value_gradient_hessian(theta, self.rows)

    def hessian_times(self, theta: Any, v: Any, rows: Rows = None) -> Any:
        return self.inner.hessian_times(theta, v, self.rows)

    def gauss_newton(self, theta: Any) -> Any:
        return None  # of all rows only

    def among(self, kept: Any) -> Objective | None:
        return None


@dataclass(frozen=True)
class Problem:
    """Minimise smooth(θ) + Σ l1_j |θ_j| over lower ≤ θ ≤ upper, all vectors (P,).

    What is not smooth stays apart: solvers that know how to meet it read `l1` and the bounds, the others are not given any.
    """

    smooth: Objective
    l1: Any
    lower: Any
    upper: Any
    examples: int = 1

    def among(self, kept: Any) -> Problem | None:
        """The problem of the parameters that a mask (P,) keeps, the others being 0; None where the objective cannot be cut."""
        smooth = self.smooth.among(kept)
        return None if smooth is None else Problem(smooth, self.l1[kept], self.lower[kept], self.upper[kept], self.examples)

    @property
    def held(self) -> Any:
        """l2 (P,), where parameters are so many more than examples that the Hessian is of small rank but for it; else None."""
        few = NARROW * self.examples <= len(self.l1)
        return self.smooth.l2 if few and isinstance(self.smooth, Penalised) else None

    @property
    def bounded(self) -> bool:
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @property
    def sparse(self) -> bool:
        return bool(np.any(self.l1))

    def bends(self, theta: Any) -> float:
        """The part that is not smooth."""
        return float(self.l1 @ np.abs(theta))

    @property
    def zero(self) -> Any:
        """All parameters 0, or as near to that as the bounds let them be."""
        return self.inside(np.zeros_like(self.l1))

    def at_zero(self) -> tuple[float, float]:
        """The cost there, and the norm of its slope."""
        cost, gradient = self.smooth.value_gradient(self.zero)
        return cost + self.bends(self.zero), float(np.linalg.norm(self.slope(self.zero, gradient)))

    def inside(self, theta: Any) -> Any:
        return np.clip(theta, self.lower, self.upper)

    def nearest(self, theta: Any, rate: Any) -> Any:
        """argmin over u of ½(u − θ)²/rate + l1·|u| within the bounds: shrunk by rate·l1 towards an exact zero, then clipped."""
        return self.inside(np.sign(theta) * np.maximum(np.abs(theta) - rate * self.l1, 0.0))

    def slope(self, theta: Any, gradient: Any) -> Any:
        """The shortest subgradient (P,) of the whole: zero where θ is optimal, and there alone if the cost is convex."""
        kinked = np.sign(gradient) * np.maximum(np.abs(gradient) - self.l1, 0.0)
        slope = np.where(theta == 0, kinked, gradient + self.l1 * np.sign(theta))
        slope = np.where(theta <= self.lower, np.minimum(slope, 0.0), slope)
        return np.where(theta >= self.upper, np.maximum(slope, 0.0), slope)


class Row(NamedTuple):
    """A pass that gave a cost: over the data, or over a part of the rows at the start of a run."""

    passes: int  # so far; products with a Hessian, which give no cost, among them
    cost: float
    gradient: float  # its Euclidean norm; of the shortest subgradient where there are l1 or bounds
    step: float  # how far the parameters moved, a Euclidean norm
    rate: float  # the learning rate, or the share of the Newton step, that led here
    seconds: float  # since the start
    share: float = 1.0  # of the examples that it read; cost and gradient are of these, in Newton's method held by a little l2


@dataclass
class Run:
    """A run under way: its passes, the best parameters so far, and whether someone asked it to stop."""

    watch: Callable[[Row], None] | None = None
    history: list[Row] = field(default_factory=list)
    best: Any = None
    best_cost: float = np.inf
    started: float = field(default_factory=time.perf_counter)
    beside: int = 0  # passes that gave no cost, or that of a part of the rows
    part: list[Row] = field(default_factory=list)  # which those were
    stopped: bool = False
    steepest: float = 0.0  # the largest norm of a gradient so far
    steep: float = 0.0  # the largest where the cost was the lowest yet
    left_saddle: bool = False  # and begun again beside it
    zero: Callable[[], tuple[float, float]] | None = None  # cost and gradient's norm of all parameters 0, if it begins elsewhere

    def record(self, theta: Any, cost: float, gradient: Any, rate: float, step: float = 0.0) -> float:
        """One pass done at theta; keeps the parameters where their cost is the lowest yet. Answers the gradient's norm."""
        norm = float(np.linalg.norm(gradient))
        if not self.history and np.isfinite(cost) and not np.isfinite(norm):  # no other norm could be compared with it
            raise DvarError(f"the slope of the cost is not finite at the start, its norm is {norm}, though the cost is {cost:g}",
                            "measure large numbers in larger units, or give another start (start=, --start)")
        self.steepest = max(self.steepest, norm) if np.isfinite(norm) else self.steepest
        if self.history and cost < -ENDLESS * (abs(self.history[0].cost) + self.steepest) < 0:
            raise DvarError(f"the cost falls without bound: from {self.history[0].cost:.6g} to {cost:.6g} in "
                            f"{len(self.history) + 1:,} passes",
                            "the loss has no minimum: is a sign wrong? A penalty (l2=) or bounds= hold it")
        self.history.append(Row(len(self.history) + 1 + self.beside, cost, norm, step, rate, time.perf_counter() - self.started))
        if self.best is None or cost <= self.best_cost:
            self.best, self.best_cost, self.steep = theta.copy(), cost, max(self.steep, norm)
        if self.watch is not None:
            self.watch(self.history[-1])
        return norm

    def begun(self, within: Run, share: float) -> None:
        """Beside this run there was one over a part of the rows, their share of all."""
        since, before = within.started - self.started, len(self.history) + self.beside
        self.part += [row._replace(passes=before + -int(-row.passes * share // 1), seconds=since + row.seconds, share=share)
                      for row in within.history]
        self.beside += -int(-len(within.history) * share // 1)

    @cached_property
    def usual(self) -> tuple[float, float]:
        """The cost and the gradient's norm to which others are compared: those at the start or, where the cost is far lower
        there, those of all parameters 0. Beside a start far out what is left anywhere else looks like nothing."""
        first = self.history[0]
        if self.zero is None:
            return first.cost, first.gradient
        self.beside += 1
        cost, norm = self.zero()
        far = 0 < abs(cost) < FAR_OUT * abs(first.cost) and 0 < norm < first.gradient
        return (cost, norm) if far else (first.cost, first.gradient)

    @property
    def rounding(self) -> float:
        """By how much a cost is rounded whose terms are as large as the cost at the start, though they may cancel."""
        return CANCELLED * abs(self.usual[0])

    @property
    def small(self) -> float:
        """The gradient's norm that is compared with, or the largest on the way where it left a saddle."""
        return self.steep if self.left_saddle else self.usual[1]

    def kept(self, converged: bool, message: str, hessian: Any = None) -> Outcome:
        """End with the best parameters met."""
        return Outcome(self.best, self.best_cost, converged, message, hessian)


class Options(NamedTuple):
    """What a solver is told beside the problem; each reads what concerns it."""

    steps: int
    tol: float
    rate: float | None = None  # None: found
    momentum: float = 0.0
    nesterov: bool = False
    batch: int = 256
    seed: int = 0
    known: Point | None = None  # the start, as a fit before this one saw it; its curvature may be that of a place nearby


class Outcome(NamedTuple):
    """How a solver ended; `theta` are the parameters it answers."""

    theta: Any
    cost: float  # at theta
    converged: bool
    message: str
    hessian: Any = None  # at theta, where the solver knows it
    flat: tuple[int, ...] = ()  # parameters without a finite optimum
    regular: bool = False  # the cost is curved along every direction, though the Hessian at theta was not asked for
    end: Point | None = None  # theta as the smooth part shows it, for a fit that starts there; its curvature may be of nearby


Solver = Callable[[Problem, Any, Run, Options], Outcome]


@contextmanager
def stoppable(run: Run) -> Iterator[None]:
    """Ctrl-C asks the run to stop after the pass under way; a second one interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # somebody else decides what Ctrl-C means
        yield
        return

    def ask(number: int, frame: Any) -> None:
        if run.stopped:
            raise KeyboardInterrupt
        run.stopped = True

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
