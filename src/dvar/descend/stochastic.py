"""Stochastic gradient descent: a step for every batch of rows, many steps a pass.

A batch is made of short runs of rows from all over the data, in an order drawn anew every epoch by the seed: rows that stand
together in a sorted table do not make a batch of their own. The rate falls to zero along a cosine, so that the last epochs
settle (Loshchilov & Hutter, ICLR 2017). After each epoch the cost of all rows is taken; it is the row of the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .objective import Options, Problem
from .run import Outcome, Run

BATCH, RUNS = 256, 16  # rows, and runs of rows that make up a batch, unless told
ADAM = 0.01  # rate unless told
FIRST, SECOND, TINY = 0.9, 0.999, 1e-8  # Adam's decays and floor, as published

Update = Callable[[Any, float], Any]  # gradient of a batch, rate → how the parameters move


def sgd(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    """w := w − α·dw over batches, with momentum (Nesterov's: Sutskever et al., ICML 2013)."""
    velocity = np.zeros_like(theta)

    def update(gradient: Any, rate: float) -> Any:
        nonlocal velocity
        velocity = options.momentum * velocity - rate * gradient
        return options.momentum * velocity - rate * gradient if options.nesterov else velocity

    return epochs(problem, theta, run, options, update, options.rate)


def adam(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    """Adam: Kingma & Ba, ICLR 2015."""
    mean, square, count = np.zeros_like(theta), np.zeros_like(theta), 0

    def update(gradient: Any, rate: float) -> Any:
        nonlocal mean, square, count
        count += 1
        mean = FIRST * mean + (1 - FIRST) * gradient
        square = SECOND * square + (1 - SECOND) * gradient**2
        return -rate * (mean / (1 - FIRST**count)) / (np.sqrt(square / (1 - SECOND**count)) + TINY)

    return epochs(problem, theta, run, options, update, options.rate or ADAM)


def epochs(problem: Problem, theta: Any, run: Run, options: Options, update: Update, rate: float | None) -> Outcome:
    rng = np.random.default_rng(options.seed)
    size = min(options.batch or BATCH, problem.examples)
    cost, gradient = problem.smooth.value_gradient(theta)
    norm = run.record(theta, cost, gradient, 0.0)
    if rate is None:
        rate = safe_rate(problem, theta, batches(problem.examples, size, rng)) * (1 - options.momentum)
    done, total = 0, options.steps * -(-problem.examples // size)
    for epoch in range(options.steps):
        before, now = theta, rate
        for rows in batches(problem.examples, size, rng):
            now = rate * 0.5 * (1 + np.cos(np.pi * done / total))
            theta = theta + update(problem.smooth.value_gradient(theta, rows)[1], now)
            done += 1
        cost, gradient = problem.smooth.value_gradient(theta)
        norm = run.record(theta, cost, gradient, now, float(np.linalg.norm(theta - before)))
        if not np.isfinite(cost):
            return run.kept(f"stopped after epoch {epoch + 1:,}: the cost became {cost}; the rate {rate:g} is too high")
        if run.stopped:
            return run.kept(f"stopped on request after {epoch + 1:,} of {options.steps:,} epochs")
    told = f"{options.steps:,} epochs of {total // options.steps:,} batches at rate {rate:.3g}, falling to 0"
    if norm <= options.tol * run.small:
        return Outcome(theta, cost, True, f"converged: the gradient's norm is {norm:.1e} after {told}")
    return run.kept(f"did {told}; the gradient's norm is {norm:.1e}, so the cost can fall further: more steps, or start "
                    "another method from here")


def batches(m: int, size: int, rng: Any) -> Iterator[list[slice]]:
    """All m rows once, in batches of about `size`: runs of rows in an order that is drawn."""
    length = max(size // RUNS, 1)
    runs = [slice(lo, min(lo + length, m)) for lo in range(0, m, length)]
    order = rng.permutation(len(runs))
    each = max(size // length, 1)
    for lo in range(0, len(runs), each):
        yield [runs[k] for k in sorted(order[lo : lo + each])]


def safe_rate(problem: Problem, theta: Any, some: Iterator[list[slice]]) -> float:
    """The largest power of two at which a step lowers the cost of one batch, the first with a slope, by half of what that
    promises, divided by 4."""
    for rows in some:
        cost, gradient = problem.smooth.value_gradient(theta, rows)
        square = float(gradient @ gradient)
        if square != 0:
            break
    else:
        return 1.0
    rate = 2.0 ** np.floor(np.log2(1 / np.sqrt(square)))

    def lowers(rate: float) -> bool:
        return bool(problem.smooth.value_gradient(theta - rate * gradient, rows)[0] <= cost - 0.5 * rate * square)

    while lowers(2 * rate) and rate < 1e12:
        rate *= 2
    while not lowers(rate) and rate > 1e-300:
        rate /= 2
    return float(rate / 4)
