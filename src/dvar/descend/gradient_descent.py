"""Gradient descent as taught: w := w − α·dw, at a fixed rate or at one that finds itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from .objective import Objective, Outcome, Run

SMALL = 1e-7  # a gradient of this norm counts as zero, on the scale of the mean loss
RISE = 1e-12  # relative to the cost: less than this is rounding


def fixed_rate(objective: Objective, theta: Any, run: Run, rate: float, steps: int) -> Outcome:
    """Exactly `steps` updates, unless the cost rises or is no longer finite: then the best parameters are kept."""
    last: tuple[Any, float, Any] | None = None
    for step in range(steps + 1):
        cost, gradient = objective.value_gradient(theta)
        run.record(theta, cost, gradient, rate)
        if last is not None and not cost <= last[1] + RISE * max(1.0, abs(last[1])):
            return run.kept(False, too_high(cost, rate, step, last, theta, gradient))
        if run.stopped:
            return run.kept(False, f"stopped on request after {step:,} of {steps:,} steps")
        if step == steps:
            break
        last = (theta, cost, gradient)
        theta = theta - rate * gradient
    norm = run.history[-1].gradient
    if norm <= SMALL:
        return Outcome(theta, cost, True, f"converged: the gradient's norm is {norm:.1e} after {steps:,} steps")
    return Outcome(theta, cost, False, f"did {steps:,} steps at rate {rate:g}; the gradient's norm is still {norm:.1e}, "
                                 "so the cost can fall further: more steps, a higher rate, or method='newton'")


def too_high(cost: float, rate: float, step: int, last: tuple[Any, float, Any], theta: Any, gradient: Any) -> str:
    """Why the run stopped, and the rate to try: 1/(2L) for the curvature L met along the last step, which need not be the
    steepest there is; where nothing finite was met, a step of length 1."""
    happened = f"rose from {last[1]:.6g} to {cost:.6g}" if np.isfinite(cost) else f"became {cost}"
    moved = float(np.linalg.norm(theta - last[0]))
    change = float(np.linalg.norm(gradient - last[2]))
    known = change > 0 and np.isfinite(change) and np.isfinite(moved)
    wanted = 0.5 * moved / change if known else 1.0 / max(float(np.linalg.norm(last[2])), 10 / rate)
    wanted = min(wanted, rate / 2)
    digits = 10.0 ** np.floor(np.log10(wanted))
    return (f"stopped at step {step:,}: the cost {happened}; the rate {rate:g} is too high. The best parameters "
            f"(cost {last[1]:.6g}) are kept. Try rate={np.floor(wanted / digits) * digits:g}")


def found_rate(objective: Objective, theta: Any, run: Run, steps: int) -> Outcome:
    """The rate is doubled after a step that lowers the cost enough and halved after one that does not (Armijo, 1966)."""
    cost, gradient = objective.value_gradient(theta)
    run.record(theta, cost, gradient, 0.0)
    rate = 1.0 / max(float(np.linalg.norm(gradient)), 1e-300)
    for _ in range(steps):
        square = float(gradient @ gradient)
        if np.sqrt(square) <= SMALL:
            return Outcome(theta, cost, True, f"converged: the gradient's norm is {np.sqrt(square):.1e}")
        if run.stopped:
            return run.kept(False, "stopped on request")
        tried = theta - rate * gradient
        new_cost, new_gradient = objective.value_gradient(tried)
        run.record(tried, new_cost, new_gradient, rate)
        if new_cost <= cost - 0.5 * rate * square:
            theta, cost, gradient = tried, new_cost, new_gradient
            rate *= 2
        elif rate * np.sqrt(square) <= 1e-15 * max(1.0, float(np.linalg.norm(theta))):
            return run.kept(False, f"no step lowers the cost any more; the gradient's norm is {np.sqrt(square):.1e}")
        else:
            rate /= 2
    norm = float(np.linalg.norm(gradient))
    return run.kept(norm <= SMALL, f"did {steps:,} steps; the gradient's norm is {norm:.1e}")
