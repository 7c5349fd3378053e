"""The record of a run: its passes, the best parameters met, whether someone asked it to stop, and how it ended."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..errors import DvarError, many
from .objective import Point

FAR_OUT = 1e-3  # of the cost at the start is that of all parameters 0
ENDLESS = 1e10  # times the cost at the start and the steepest slope: a cost so far below zero has no minimum
CANCELLED = 1e-14  # of the cost at the start is rounding where terms as large cancel
NO_STEP = "no step lowers the cost any more"


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
    plateau: bool = False  # nothing changes the cost around the start
    seen: tuple[float, float] | None = None  # cost and gradient's norm at the start, where a fit before this one saw them
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
        first = self.seen or (self.history[0].cost, self.history[0].gradient)
        if self.zero is None:
            return first
        self.beside += 1
        cost, norm = self.zero()
        far = 0 < abs(cost) < FAR_OUT * abs(first[0]) and 0 < norm <= first[1]
        return (cost, norm) if far else first

    @property
    def rounding(self) -> float:
        """By how much a cost is rounded whose terms are as large as the cost at the start, though they may cancel."""
        return CANCELLED * abs(self.usual[0])

    @property
    def small(self) -> float:
        """The gradient's norm that is compared with, or the largest on the way where it left a saddle."""
        return self.steep if self.left_saddle else self.usual[1]

    # how it ends short of an optimum

    def kept(self, why: str, hessian: Any = None) -> Outcome:
        """With the best parameters met."""
        return Outcome(self.best, self.best_cost, False, why, hessian)

    def on_request(self, hessian: Any = None) -> Outcome:
        return self.kept("stopped on request", hessian)

    def out_of_steps(self, steps: int, norm: float, hessian: Any = None, more: str = "") -> Outcome:
        return self.kept(f"did {many(steps, 'step')}; the gradient's norm is {norm:.1e}{more}", hessian)

    def no_step(self, norm: float, hessian: Any = None, more: str = "") -> Outcome:
        return self.kept(f"stopped: {NO_STEP}; the gradient's norm is {norm:.1e}{more}", hessian)

    def undefined(self, now: Point) -> Outcome:
        return self.kept(f"stopped: the cost is {now.cost} or its derivatives are not finite")


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
