"""Steps within a region, where a Hessian is singular or indefinite, a whole step of Newton's fails, or the loss is a square.

The region grows and shrinks with how well a parabola tells the cost (Conn, Gould & Toint, Trust-Region Methods, 2000). Where the
loss is the square of what bends, the parabola is that of Gauss and Newton, which follows curved valleys, in units that never
shrink (Moré, Numerical Analysis, Lecture Notes in Mathematics 630, 1978). Near the optimum Newton's own is tried, which ends the
digits where what is left to explain is large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .curvature import Curvature, norm
from .objective import EPSILON, Point, Problem
from .run import Run

FIRST = 1.0  # the region at first, by the length of the parameters
NEAR = 1e-6  # of the cost: where Newton's step promises no more, it is tried
ROUNDING = 1e-12  # of the cost: what is promised below it cannot be judged by the cost
NEARER = 0.1  # of what was promised is left to gain, by the gradient


Evaluated = Callable[[Any, float, float], Point]  # parameters, the share of a whole step, how far they moved


def lowered(now: Point, new: Point, promised: float, share: float, curved: Curvature, run: Run) -> bool:
    """Whether the cost fell by this share of what was promised, or is the same where that is rounding; where its terms cancel,
    so that more is rounding, the gradient tells."""
    if now.cost - new.cost > share * promised:
        return True
    if promised < ROUNDING * abs(now.cost):
        return bool(new.cost <= now.cost + EPSILON * abs(now.cost))
    hidden = promised <= run.rounding and new.cost <= now.cost + run.rounding
    return bool(hidden and curved.left(new.gradient) < NEARER * promised)


@dataclass
class Region:
    """How far, in units of `roots` of each parameter."""

    problem: Problem
    squares: bool  # whether there is a parabola of Gauss and Newton
    radius: float = np.inf
    roots: Any = 0.0
    rest: int = 0  # steps before Newton's is tried again near the optimum
    failures: int = 0  # how often it failed

    def stepped(self, now: Point, evaluated: Evaluated, run: Run) -> Point | None:
        """The next point; None where no step lowers the cost, or someone asked to stop."""
        return (self.whole(now, evaluated, run) if self.squares else None) or self.held(now, evaluated, run)

    def whole(self, now: Point, evaluated: Evaluated, run: Run) -> Point | None:
        """Newton's step near the optimum of a square; None elsewhere, or where it fails, as it does in curved valleys."""
        self.rest -= 1
        curved = Curvature(now.gradient, now.hessian)
        step = curved.whole()
        if self.rest >= 0 or not 0 < step.promised <= NEAR * abs(now.cost):
            return None
        new = evaluated(now.theta + step.move, 1.0, norm(step.move))
        if lowered(now, new, step.promised, 0.25, curved, run):
            self.failures = 0
            return new
        self.failures += 1
        self.rest = 2**self.failures
        return None

    def held(self, now: Point, evaluated: Evaluated, run: Run) -> Point | None:
        """A step within the region, which shrinks until one lowers the cost."""
        hessian = now.hessian
        if self.squares:
            square = self.problem.smooth.gauss_newton(now.theta)
            run.beside += 1
            hessian = square if np.isfinite(square).all() else hessian
        self.roots = np.maximum(self.roots, np.sqrt(np.abs(np.diag(hessian))))
        curved = Curvature(now.gradient, hessian, self.roots)
        if self.radius == np.inf:
            self.radius = FIRST * norm(curved.roots * now.theta) or curved.whole().length
        while True:
            step = curved.within(self.radius)
            moved = norm(step.move)
            if run.stopped or not step.promised > 0 or moved <= 1e-15 * norm(now.theta) + 1e-300:
                return None
            new = evaluated(now.theta + step.move, min(step.length / max(curved.whole().length, 1e-300), 1.0), moved)
            gained = (now.cost - new.cost) / step.promised if np.isfinite(new.cost) else -np.inf
            if lowered(now, new, step.promised, 1e-4, curved, run):
                break
            self.radius = (0.25 if np.isfinite(new.cost) else 0.1) * step.length
        if gained < 0.25:
            self.radius = 0.5 * step.length
        elif step.whole and gained > 0.5 and not self.squares:
            self.radius = np.inf
        elif gained > 0.75:
            self.radius = max(self.radius, 2 * step.length)
        return new
