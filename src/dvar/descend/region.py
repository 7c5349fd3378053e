"""Steps within a region, where a Hessian is indefinite or singular or a whole step of Newton's fails.

The region grows and shrinks with how well a parabola tells the cost (Conn, Gould & Toint, Trust-Region Methods, 2000). Where the
loss is a square there are two parabolas, Newton's and that of Gauss and Newton; the one that told the last step better is
believed for the next (as in NL2SOL: Dennis, Gay & Welsch, ACM Trans. Mathematical Software 7, 1981).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .curvature import Curvature
from .objective import Problem, Run

FIRST = 0.3  # the region at first, by the length of the parameters
ROUNDING = 1e-12  # of the cost: what is promised below it cannot be judged by the cost


class Point(NamedTuple):
    theta: Any
    cost: float
    gradient: Any
    hessian: Any

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.cost) and np.isfinite(self.gradient).all() and np.isfinite(self.hessian).all())


Evaluated = Callable[[Any, float, float], Point]  # parameters, the share of a whole step, how far they moved


@dataclass
class Region:
    """How far, in units of `roots` of each parameter, and which parabola is believed."""

    problem: Problem
    radius: float = np.inf
    roots: Any = 0.0
    squares: bool = True

    def stepped(self, now: Point, evaluated: Evaluated, run: Run) -> Point | None:
        """The next point; None where no step lowers the cost, or someone asked to stop."""
        whole, square = now.hessian, self.problem.smooth.gauss_newton(now.theta)
        if square is None or not np.isfinite(square).all():
            square, self.squares = None, False
        self.roots = np.maximum(self.roots, np.sqrt(np.abs(np.diag(whole if square is None else square))))
        newton = Curvature(now.gradient, whole, self.roots)
        gauss = newton if square is None else Curvature(now.gradient, square, self.roots)
        while True:
            believed = gauss if self.squares else newton
            if self.radius == np.inf:
                length = FIRST * float(np.linalg.norm(believed.roots * now.theta))
                self.radius = min(believed.whole().length, length if length > 0 else np.inf)
            step = believed.within(self.radius)
            moved = float(np.linalg.norm(step.move))
            if run.stopped or not step.promised > 0 or moved <= 1e-15 * float(np.linalg.norm(now.theta)) + 1e-300:
                return None
            new = evaluated(now.theta + step.move, min(step.length / max(believed.whole().length, 1e-300), 1.0), moved)
            fell = now.cost - new.cost
            gained = fell / step.promised if np.isfinite(fell) else -np.inf
            if square is not None and np.isfinite(fell):
                self.squares = abs(fell - gauss.fall(step.move)) < abs(fell - newton.fall(step.move))
            if gained > 1e-4 or (step.promised < ROUNDING * abs(now.cost) and new.cost <= now.cost + 1e-15 * abs(now.cost)):
                break
            self.radius = (0.25 if np.isfinite(new.cost) else 0.1) * step.length
        if gained < 0.25:
            self.radius = 0.5 * step.length
        elif step.whole and gained > 0.5 and believed is newton:
            self.radius = np.inf
        elif gained > 0.75:
            self.radius = max(self.radius, 2 * step.length)
        return new
