"""Gradient descent as taught: w := w − α·dw, at a fixed rate or at one that finds itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from .objective import Objective, Outcome, Run

SMALL = 1e-7  # a gradient of this norm counts as zero, relative to the gradient at the start
RISE = 1e-12  # relative to the cost: less than this is rounding


def fixed_rate(objective: Objective, theta: Any, run: Run, rate: float, steps: int) -> Outcome:
    """Exactly `steps` updates, unless the cost rises or is no longer finite: then the best parameters are kept."""
    last: tuple[Any, float, Any] | None = None
    for step in range(steps + 1):
        cost, gradient = objective.value_gradient(theta)
        run.record(theta, cost, gradient, rate)
        if last is not None and not cost <= last[1] + RISE * abs(last[1]):
            happened = f"rose from {last[1]:.6g} to {cost:.6g}" if np.isfinite(cost) else f"became {cost}"
            return run.kept(False, f"stopped at step {step:,}: the cost {happened}; the rate {rate:g} is too high. The best "
                                   f"parameters (cost {run.best_cost:.6g}) are kept. Try rate={lower(objective, last, rate):g}")
        if run.stopped:
            return run.kept(False, f"stopped on request after {step:,} of {steps:,} steps")
        if step == steps:
            break
        last = (theta, cost, gradient)
        theta = theta - rate * gradient
    norm = run.history[-1].gradient
    if norm <= SMALL * run.history[0].gradient:
        return Outcome(theta, cost, True, f"converged: the gradient's norm is {norm:.1e} after {steps:,} steps")
    return Outcome(theta, cost, False, f"did {steps:,} steps at rate {rate:g}; the gradient's norm is still {norm:.1e}, "
                                       "so the cost can fall further: more steps or a higher rate")


def lower(objective: Objective, last: tuple[Any, float, Any], rate: float) -> float:
    """A rate that lowers the cost from where it rose: a quarter until it does, then half of that to be safe, to one digit."""
    theta, cost, gradient = last
    for _ in range(500):
        rate /= 4
        if objective.value_gradient(theta - rate * gradient)[0] <= cost:
            break
    digits = 10.0 ** np.floor(np.log10(rate / 2))
    return float(np.floor(rate / 2 / digits) * digits)


def found_rate(objective: Objective, theta: Any, run: Run, steps: int) -> Outcome:
    """The rate is doubled after a step that lowers the cost enough and halved after one that does not (Armijo, 1966)."""
    cost, gradient = objective.value_gradient(theta)
    run.record(theta, cost, gradient, 0.0)
    rate = 1.0 / max(float(np.linalg.norm(gradient)), 1e-300)
    small = SMALL * float(np.linalg.norm(gradient))
    for _ in range(steps):
        square = float(gradient @ gradient)
        if np.sqrt(square) <= small:
            return Outcome(theta, cost, True, f"converged: the gradient's norm is {np.sqrt(square):.1e}")
        if run.stopped:
            return run.kept(False, "stopped on request")
        tried = theta - rate * gradient
        new_cost, new_gradient = objective.value_gradient(tried)
        run.record(tried, new_cost, new_gradient, rate)
        if new_cost <= cost - 0.5 * rate * square:
            theta, cost, gradient = tried, new_cost, new_gradient
            rate *= 2
        elif rate * np.sqrt(square) <= 1e-15 * float(np.linalg.norm(theta)) + 1e-300:
            return run.kept(False, f"no step lowers the cost any more; the gradient's norm is {np.sqrt(square):.1e}")
        else:
            rate /= 2
    norm = float(np.linalg.norm(gradient))
    return run.kept(norm <= small, f"did {steps:,} steps; the gradient's norm is {norm:.1e}")
