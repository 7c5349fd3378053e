"""Gradient descent as taught: w := w − α·dw, at a fixed rate or at one that finds itself, with momentum where asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import many
from .accelerated import accelerated
from .objective import Objective, Options, Problem
from .run import NO_STEP, Outcome, Run

RISE = 1e-12  # relative to the cost: less than this is rounding
SWING = 10.0  # momentum swings through a valley; above the start by this many times what was won, it has left it


def gradient_descent(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    if options.nesterov:
        return accelerated(problem, theta, run, options)
    if options.rate is None:
        return found_rate(problem.smooth, theta, run, options)
    return fixed_rate(problem.smooth, theta, run, options)


def fixed_rate(objective: Objective, theta: Any, run: Run, options: Options) -> Outcome:
    """Exactly `steps` updates, unless the cost rises or is no longer finite: then the best parameters are kept.

    With momentum μ a step is v := μ·v − α·dw, w := w + v (Polyak, 1964), whose cost may rise on its way."""
    rate, steps, momentum = options.rate or 0.0, options.steps, options.momentum
    last: tuple[Any, float, Any] | None = None
    moved = np.zeros_like(theta)
    for step in range(steps + 1):
        cost, gradient = objective.value_gradient(theta)
        run.record(theta, cost, gradient, rate, float(np.linalg.norm(moved)))
        if last is not None and not cost <= allowed(run, last[1], momentum):
            happened = f"rose from {last[1]:.6g} to {cost:.6g}" if np.isfinite(cost) else f"became {cost}"
            return run.kept(f"stopped at step {step:,}: the cost {happened}; the rate {rate:g} is too high. The best "
                            f"parameters (cost {run.best_cost:.6g}) are kept. Try rate={lower(objective, last, rate):g}")
        if run.stopped:
            return run.kept(f"stopped on request after {step:,} of {many(steps, 'step')}")
        if step == steps:
            break
        last = (theta, cost, gradient)
        moved = momentum * moved - rate * gradient if momentum else -(rate * gradient)
        theta = theta + moved
    norm = run.history[-1].gradient
    if norm <= options.tol * run.small:
        return Outcome(theta, cost, True, f"converged: the gradient's norm is {norm:.1e} after {many(steps, 'step')}")
    if momentum and run.best_cost < cost:
        return run.kept(f"did {many(steps, 'step')} at rate {rate:g}, the last of them still swinging; the best "
                        "parameters are kept: more steps, or less momentum")
    return Outcome(theta, cost, False, f"did {many(steps, 'step')} at rate {rate:g}; the gradient's norm is still {norm:.1e}, "
                                       "so the cost can fall further: more steps or a higher rate")


def allowed(run: Run, last: float, momentum: float) -> float:
    """The highest cost that a step may lead to."""
    if not momentum:
        return last + RISE * abs(last)
    first = run.history[0].cost
    return first + SWING * (first - run.best_cost) + RISE * abs(first)


def lower(objective: Objective, last: tuple[Any, float, Any], rate: float) -> float:
    """A rate that lowers the cost from where it rose: a quarter until it does, then half of that to be safe, to one digit."""
    theta, cost, gradient = last
    for _ in range(500):
        rate /= 4
        if objective.value_gradient(theta - rate * gradient)[0] <= cost:
            break
    digits = 10.0 ** np.floor(np.log10(rate / 2))
    return float(np.floor(rate / 2 / digits) * digits)


def found_rate(objective: Objective, theta: Any, run: Run, options: Options) -> Outcome:
    """The rate is doubled after a step that lowers the cost enough and halved after one that does not (Armijo, 1966)."""
    cost, gradient = objective.value_gradient(theta)
    run.record(theta, cost, gradient, 0.0)
    rate = 1.0 / max(float(np.linalg.norm(gradient)), 1e-300)
    small = options.tol * float(np.linalg.norm(gradient))
    for left in reversed(range(options.steps + 1)):
        square = float(gradient @ gradient)
        if np.sqrt(square) <= small:
            return Outcome(theta, cost, True, f"converged: the gradient's norm is {np.sqrt(square):.1e}")
        if run.stopped:
            return run.on_request()
        if not left:
            break
        tried = theta - rate * gradient
        new_cost, new_gradient = objective.value_gradient(tried)
        run.record(tried, new_cost, new_gradient, rate, rate * float(np.sqrt(square)))
        if new_cost <= cost - 0.5 * rate * square:
            theta, cost, gradient = tried, new_cost, new_gradient
            rate *= 2
        elif rate * np.sqrt(square) <= 1e-15 * float(np.linalg.norm(theta)) + 1e-300:
            return run.kept(f"{NO_STEP}; the gradient's norm is {np.sqrt(square):.1e}")
        else:
            rate /= 2
    norm = float(np.linalg.norm(gradient))
    return run.out_of_steps(options.steps, norm)
