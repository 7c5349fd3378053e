"""What a solver sees: an Objective over a flat vector of parameters, a penalty added to one, and the record of a run."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np


class Objective(Protocol):
    """Sums over the examples, asked for at a vector (P,); each call is one pass over the data."""

    def value_gradient(self, theta: Any) -> tuple[float, Any]: ...

    def value_gradient_hessian(self, theta: Any) -> tuple[float, Any, Any]: ...


@dataclass(frozen=True)
class Penalised:
    """An objective plus ½ Σ l2_j θ_j²; `l2` is a vector (P,) on the scale of the mean loss."""

    inner: Objective
    l2: Any

    def value_gradient(self, theta: Any) -> tuple[float, Any]:
        value, gradient = self.inner.value_gradient(theta)
        return value + self.value(theta), gradient + self.l2 * theta

    def value_gradient_hessian(self, theta: Any) -> tuple[float, Any, Any]:
        value, gradient, hessian = self.inner.value_gradient_hessian(theta)
        return value + self.value(theta), gradient + self.l2 * theta, hessian + np.diag(self.l2)

    def value(self, theta: Any) -> float:
        return 0.5 * float(np.sum(self.l2 * theta**2))


class Row(NamedTuple):
    """One pass over the data."""

    passes: int
    cost: float
    gradient: float  # its Euclidean norm
    rate: float  # the learning rate, or the share of the Newton step, that led here
    seconds: float  # since the start


@dataclass
class Run:
    """A run under way: its passes, the best parameters so far, and whether someone asked it to stop."""

    watch: Callable[[Row], None] | None = None
    history: list[Row] = field(default_factory=list)
    best: Any = None
    best_cost: float = np.inf
    started: float = field(default_factory=time.perf_counter)
    stopped: bool = False

    def record(self, theta: Any, cost: float, gradient: Any, rate: float) -> None:
        """One pass done at theta; keeps the parameters where their cost is the lowest yet."""
        norm = float(np.linalg.norm(gradient))
        self.history.append(Row(len(self.history) + 1, cost, norm, rate, time.perf_counter() - self.started))
        if self.best is None or cost <= self.best_cost:
            self.best, self.best_cost = theta.copy(), cost
        if self.watch is not None:
            self.watch(self.history[-1])

    def kept(self, converged: bool, message: str, hessian: Any = None) -> Outcome:
        """End with the best parameters met."""
        return Outcome(self.best, self.best_cost, converged, message, hessian)


class Outcome(NamedTuple):
    """How a solver ended; `theta` are the parameters it answers."""

    theta: Any
    cost: float  # at theta
    converged: bool
    message: str
    hessian: Any = None  # at theta, where the solver knows it
    flat: tuple[int, ...] = ()  # parameters without a finite optimum


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
