"""Newton's method for convex costs made of straight pieces, as of medians, quantiles and hinges; with l1, l2 and bounds.

Kinks are rounded off by t (`Objective.rounded`), which is made smaller and smaller: from the optimum for one t that for the next
is foretold, by how the slope changes with t, and mended by Newton's steps (a smoothing method: Chen, Mathematical Programming
134, 2012). What is foretold for t = 0 is the optimum itself, once it is known which examples are at their kink there.

How much lower the cost could be is told by its convexity in the parameters and t together. The lowest cost there is for t is a
convex function of t, above its tangent: at t = 0 no cost is lower than F − t·∂F/∂t, of the optimum F for t.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import many
from .curvature import norm
from .objective import EPSILON, Objective, Options, Point, Problem, raised
from .proximal import Ahead, falls, gain, held_told, parabola_step
from .run import NO_STEP, Outcome, Run

SHARE = 1e-4  # of what the rounding adds to the cost is left to gain where the next t is taken
ROUND, LARGER = 0.1, 100.0  # of the cost, and more, the first rounding adds; t by t before until it does
SMALLER = 0.2  # t by t before
LEAST = 1e-18  # of the cost is what the rounding adds to it, where rounding of numbers is all that is left
SHORTEST = 1e-6  # share of a step
HELD = 1e-7  # of the curvature's diagonal is added where there is l1: parameters may be more than the examples that bend


class Place(NamedTuple):
    """What is seen at a place where kinks are rounded off by t."""

    now: Point
    t: float
    slope: float  # by t
    turns: Any  # (P,): how the gradient changes with t


def smoothed_newton(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    objective = problem.smooth.rounded
    assert objective is not None
    return Smoothing(problem, objective, run, options, iter(range(options.steps))).outcome(theta)


@dataclass
class Smoothing:
    """Steps under way."""

    problem: Problem
    objective: Objective  # of the parameters and t
    run: Run
    options: Options
    left: Iterator[int]  # steps that may be taken
    lowest: float = -np.inf  # no cost is below

    def outcome(self, theta: Any) -> Outcome:
        self.record(theta, 0.0, 0.0)
        place = first = self.rough(theta)
        while place.now.finite:
            place, reached = self.optimum(place)
            end = self.foretold(place, 0.0)
            if reached:  # else its slope tells of no optimum
                self.lowest = max(self.lowest, self.floor(place, end))
            self.record(end, 1.0, norm(end - theta))
            theta, gap = end, max(self.run.best_cost - self.lowest, 0.0)
            size = max(abs(self.run.usual[0]), abs(self.run.best_cost)) or first.now.cost
            left = (f"the cost can fall by at most {1.5 * gap:.0e} more" if gap < np.inf else  # rounded up
                    f"the gradient's norm is {self.run.history[-1].gradient:.1e}")
            if gap <= self.options.tol**2 * size:
                said = f"converged: {left}{held_told(self.problem, self.run.best)}"
                return Outcome(self.run.best, self.run.best_cost, True, said)
            if self.run.stopped:
                return self.run.on_request()
            if next(self.left, None) is None:
                return self.run.kept(f"did {many(self.options.steps, 'step')}; {left}")
            if place.t * place.slope <= LEAST * size:
                return self.run.kept(f"stopped: {NO_STEP}; {left}")
            place = self.smaller(place)
        return self.run.undefined(place.now)

    def record(self, theta: Any, rate: float, moved: float) -> None:
        """A pass by the cost itself."""
        cost, _, slope = self.problem.at(theta)
        self.run.record(theta, cost, slope, rate, moved)

    def seen(self, theta: Any, t: float) -> Place:
        cost, gradient, hessian = self.objective.value_gradient_hessian(np.append(theta, t))
        self.run.beside += 1
        now = Point(theta, cost + self.problem.bends(theta), gradient[:-1], hessian[:-1, :-1])
        return Place(now, t, float(gradient[-1]), hessian[:-1, -1])

    def rough(self, theta: Any) -> Place:
        """The start, kinks rounded off so much that they hold up no step."""
        cost = abs(self.run.best_cost)
        place = self.seen(theta, cost or 1.0)
        while place.now.finite and 0 < place.t * place.slope < ROUND * cost:  # 0: kinks that count for nothing
            place = self.seen(theta, LARGER * place.t)
        return place

    def smaller(self, place: Place) -> Place:
        """For a smaller t, where its optimum is foretold or, if the cost is no lower there, at the same place."""
        t = SMALLER * place.t
        new = self.seen(self.foretold(place, t), t)
        lower = new.now.finite and new.now.cost <= place.now.cost
        return new if lower else self.seen(place.now.theta, t)

    def step(self, place: Place, t: float) -> Ahead:
        """To the optimum for t, by the parabola that the cost is here."""
        now, held = place.now, HELD if self.problem.sparse else 0.0
        slope = now.gradient + (t - place.t) * place.turns
        return parabola_step(self.problem, now._replace(gradient=slope, hessian=raised(now.hessian, held * np.diag(now.hessian))))

    def foretold(self, place: Place, t: float) -> Any:
        return self.problem.inside(place.now.theta + self.step(place, t).move)

    def floor(self, place: Place, end: Any) -> float:
        """What no cost lies below: by the slope at the optimum for t, as it is foretold from here, and by the plane that touches
        the cost here, at the end; the more cautious of the two, less what rounding of a cost far above may do."""
        (now, t, slope, turns), step, bends = place, self.step(place, place.t), self.problem.bends
        plane = now.cost - bends(now.theta) + float(now.gradient @ (end - now.theta)) + bends(end)
        lowest = min(now.cost - gain(step) - t * (slope + float(turns @ step.move)), plane - t * slope)
        return lowest - EPSILON * abs(now.cost)

    def optimum(self, place: Place) -> tuple[Place, bool]:
        """Where the cost for this t can fall by little beside what the rounding adds to it, by Newton's steps; and whether that
        was reached, as nearly as rounding of numbers lets it, before they had to end."""
        while True:
            step = self.step(place, place.t)
            if gain(step) <= max(SHARE * place.t * place.slope, EPSILON * abs(place.now.cost)):
                return place, True
            if self.run.stopped or next(self.left, None) is None:
                return place, False
            new = self.stepped(place, step)
            if new is None:
                return place, True
            place = new

    def stepped(self, place: Place, step: Ahead) -> Place | None:
        """The step, halved until the cost falls; None where it does not."""
        share = 1.0
        while share > SHORTEST:
            new = self.seen(self.problem.inside(place.now.theta + share * step.move), place.t)
            if new.now.finite and falls(place.now, new.now.cost, share * step.downhill):
                return new
            share /= 2
        return None
