"""Newton's method, damped, and regularised where the Hessian is singular.

Each pass over the data gives the cost, its gradient and its Hessian. Parameters are scaled by the Hessian's diagonal
before it is solved; along directions without curvature the step is the gradient's (for collinear features that is zero, and
the answer stays the shortest), and negative curvature is taken with its sign changed. Steps are halved until the cost
falls. Where the cost keeps falling faster than a parabola would, as along a parameter without finite optimum, many steps
are tried at once: such a tail ends in one pass instead of one per e-fold. Nocedal & Wright, Numerical Optimization (2006),
chapter 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .objective import Objective, Outcome, Run

ENOUGH = 1e-18  # converged when the cost can fall by no more than this, relative to the cost at the start or now
SINGULAR = 1e-11  # curvature below this share of the largest is rounding
TAIL = 1.2  # the cost fell this much more than the parabola said, as it does where it decays exponentially
FAR = 32.0  # steps at once along such a tail: e^-32 of it is left
VANISHED = 1e-8  # curvature below this share of that at the start: the optimum is at infinity


def newton(objective: Objective, theta: Any, run: Run, steps: int) -> Outcome:
    cost, gradient, hessian = objective.value_gradient_hessian(theta)
    run.record(theta, cost, gradient, 0.0)
    first, size = hessian, abs(cost)
    fell = 1.0  # how much more than the parabola said
    for _ in range(steps):
        if not (np.isfinite(cost) and np.isfinite(gradient).all() and np.isfinite(hessian).all()):
            return run.kept(False, f"stopped: the cost is {cost} or its derivatives are not finite")
        step = newton_step(hessian, gradient)
        promised = -0.5 * float(gradient @ step)
        if promised <= ENOUGH * max(size, abs(cost)):
            return finished(theta, cost, gradient, hessian, first, promised)
        if run.stopped:
            return run.kept(False, "stopped on request", hessian)
        share = FAR if fell > TAIL else 1.0
        while True:
            tried = theta + share * step
            new = objective.value_gradient_hessian(tried)
            run.record(tried, new[0], new[1], share)
            wanted = (TAIL if share > 1 else 1e-4 * share) * promised
            if new[0] <= cost - wanted or (promised < 1e-12 * abs(cost) and new[0] <= cost + 1e-15 * abs(cost)):
                break
            if share < 1e-10 or run.stopped:
                return no_better(run, gradient, hessian, promised <= 1e-10 * max(size, abs(cost)))
            share = max(share / 4, 1.0) if share > 1 else share / 2
        fell = (cost - new[0]) / promised if share == 1 else 1.0
        theta, (cost, gradient, hessian) = tried, new
    return run.kept(False, f"did {steps:,} steps; the gradient's norm is {float(np.linalg.norm(gradient)):.1e}", hessian)


def newton_step(hessian: Any, gradient: Any) -> Any:
    """−H⁻¹g in coordinates scaled by the diagonal; along directions without curvature −g, which is nothing but rounding
    where they are directions of collinear features."""
    scale = diagonal_scale(hessian)
    scaled = hessian * scale[:, None] * scale
    try:
        root = np.linalg.cholesky(scaled)
        if np.min(np.diag(root), initial=1.0) ** 2 > SINGULAR:
            inner = np.linalg.solve(root, -gradient * scale)
            return scale * np.linalg.solve(root.T, inner)
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(scaled)
    kept = np.abs(values) > SINGULAR * np.max(np.abs(values), initial=0.0)
    return scale * (vectors @ (vectors.T @ (-gradient * scale) / np.where(kept, np.abs(values), 1.0)))


def diagonal_scale(hessian: Any) -> Any:
    """1/√diagonal, 1 where there is no curvature."""
    diagonal = np.abs(np.diag(hessian))
    return np.where(diagonal > 0, 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 1.0)


def no_better(run: Run, gradient: Any, hessian: Any, done: bool) -> Outcome:
    """No step along Newton's direction lowers the cost, or someone asked to stop while looking for one."""
    if run.stopped:
        return run.kept(False, "stopped on request", hessian)
    return run.kept(done, f"{'converged' if done else 'stopped'}: no step lowers the cost any more; the gradient's norm is "
                          f"{float(np.linalg.norm(gradient)):.1e}", hessian)


def finished(theta: Any, cost: float, gradient: Any, hessian: Any, first: Any, promised: float) -> Outcome:
    norm = float(np.linalg.norm(gradient))
    scale = diagonal_scale(hessian)
    curvature = np.linalg.eigvalsh(hessian * scale[:, None] * scale)
    if len(curvature) and curvature[0] < -1e-8 * np.max(np.abs(curvature)):
        return Outcome(theta, cost, False, f"stopped at a saddle or a maximum, where the gradient is zero ({norm:.1e}): start "
                                           "elsewhere, with start or seed", hessian)
    flat, alike = without_optimum(hessian, first)
    said = f"converged: the gradient's norm is {norm:.1e}, the cost can fall by at most {promised:.0e} more"
    if flat:
        said += f"; {len(flat)} parameter{'s have' if len(flat) > 1 else ' has'} no finite optimum"
    if alike:
        said += f"; along {alike} direction{'s' * (alike > 1)} the cost does not change (collinear features)"
    return Outcome(theta, cost, True, said, hessian, flat)


def without_optimum(hessian: Any, first: Any) -> tuple[tuple[int, ...], int]:
    """The parameters along which the curvature has vanished since the start, and how many directions never had any."""
    scale = diagonal_scale(first)
    values, vectors = np.linalg.eigh(hessian * scale[:, None] * scale)
    start = first * scale[:, None] * scale
    flat: set[int] = set()
    alike = 0
    for value, direction in zip(values, vectors.T):
        before = abs(float(direction @ start @ direction))
        if before <= 1e-10:
            alike += int(abs(value) <= 1e-10 * np.max(np.abs(values)))
        elif value < VANISHED * before:
            flat.update(np.flatnonzero(np.abs(direction) > 0.1 * np.max(np.abs(direction))).tolist())
    return tuple(sorted(flat)), alike
