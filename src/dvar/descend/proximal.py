"""Newton's method with l1 and bounds: proximal Newton (Lee, Sun & Saunders, SIAM J. Optimization 24, 2014).

Each pass gives a parabola; the step goes to the minimum of parabola + l1·|θ| within the bounds, in which zeros are exact, and is
shortened until the cost falls. That minimum is found by guessing which parameters are at a kink (zero, or a bound), solving for
the others and mending the guess: a few factorisations, exact to rounding. Where guesses go round in circles, sweeps along the
coordinates and a few kinks met one by one lead to where they do not; in the end all kinks are met so, as in any active-set method
for parabolas (Nocedal & Wright, Numerical Optimization, 2006, 16.5).

With many examples the curvature is that of a part of the rows, and all are asked for gradients alone where that leads to the end.
So it is where a fit before this one, at a neighbouring penalty, say, tells of the start: its parabola gives the first step, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .curvature import Curvature, cholesky, norm
from .endings import at_saddle
from .kept import PATIENT, corrected, slow
from .kinks import minimum
from .objective import ALMOST, EPSILON, Options, Point, Problem
from .part import has_part, part_of
from .region import NEARER, ROUNDING
from .run import Outcome, Run
from .saddle import lower_beside, lower_where_level, unheld

SURE = 0.1  # of what is asked for: curvature that is not all rows' tells what is left to a digit
WARM = 4  # steps from a fit before that may be left; a Hessian of all rows serves the fits after this one, too
FURTHER = 32.0  # steps at once along it
BEFORE = "; by the curvature of the fit before"
STRAIGHT = 1e-3  # of the slope along a step is turned by curvature: the cost falls as along a line
RIDGE = 1e-11  # of the diagonal: makes a singular parabola one that can be solved


class Ahead(NamedTuple):
    """A step."""

    move: Any  # (P,)
    downhill: float  # its slope, at most −moveᵀ·H·move, by which a short step is judged
    promised: float  # by how much the parabola falls


NOWHERE = Ahead(None, 0.0, np.inf)


def proximal_newton(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    left = iter(range(options.steps))
    first, said = near(problem, theta, run, options)
    if first is not None:
        theta, done = by_gradients(problem, first, run, options, left, warm=options.known is not None)
        if done and problem.smooth.convex:  # else the whole curvature tells whether it is an optimum
            return done._replace(message=done.message + said)
    return Descent(problem, run, options, left, seen(problem, run, theta, 0.0, 0.0)).outcome()


def near(problem: Problem, theta: Any, run: Run, options: Options) -> tuple[Point | None, str]:
    """The start with the curvature that a fit before this one saw, or that of a part of the rows; and how that is told."""
    some = part_of(problem, len(theta))
    if options.known is not None:
        now = options.known._replace(cost=options.known.cost + problem.bends(theta))
        run.seen = now.cost, norm(problem.slope(theta, now.gradient))  # what it may step to first is nothing to compare with
        return now, BEFORE
    if some is None:
        return None, ""
    (part, count), within = some, Run()
    cost, gradient, slope = problem.at(theta)
    now = Point(theta, cost, gradient, seen(replace(problem, smooth=part), within, theta, 0.0, 0.0).hessian)
    run.begun(within, count / problem.examples)
    run.record(theta, cost, slope, 0.0)
    return now, f"; by the curvature of {count:,} rows"


@dataclass
class Descent:
    """Steps under way by the whole curvature, one for each, and gradients alone where these lead on."""

    problem: Problem
    run: Run
    options: Options
    left: Iterator[int]  # steps that may be taken
    now: Point
    step: Ahead = NOWHERE
    share: float = 1.0  # of the last step that was taken
    end: Outcome | None = None

    def outcome(self) -> Outcome:
        while self.end is None:
            if not self.now.finite:
                return self.run.undefined(self.now)
            self.step = parabola_step(self.problem, self.now)
            if gain(self.step) <= self.options.tol**2 * max(abs(self.run.usual[0]), abs(self.now.cost)):
                self.ends()
            elif self.run.stopped:
                self.end = self.run.on_request(self.now.hessian)
            elif next(self.left, None) is None:
                self.end = self.run.out_of_steps(self.options.steps, self.slope, self.now.hessian)
            else:
                self.by_gradients() or self.shortened()
        return self.end

    @property
    def slope(self) -> float:
        """Its norm where the cost was last asked for."""
        return self.run.history[-1].gradient

    def ends(self) -> None:
        """So it ends, unless this is a saddle or a maximum and there is a way down."""
        end = finished(self.problem, self.now, self.step.promised, self.run)
        lower = None
        if not (self.problem.smooth.convex or self.run.stopped):
            lower = (lower_where_level if end.converged else lower_beside)(self.problem, self.now, self.run)
        if lower is None or next(self.left, None) is None:
            self.end = end
        else:
            self.now = seen(self.problem, self.run, lower, 1.0, norm(lower - self.now.theta))

    def by_gradients(self) -> bool:
        """Where there are many rows, by gradients alone, after a whole step."""
        if self.share < 1.0 or not has_part(self.problem.examples, len(self.now.theta)):
            return False
        theta, done = by_gradients(self.problem, self.now, self.run, self.options, self.left)
        if done and self.problem.smooth.convex:
            self.end = done
        elif theta is not self.now.theta:
            self.now = seen(self.problem, self.run, theta, 0.0, 0.0)
        else:
            return False
        return True

    def shortened(self) -> bool:
        """The step, halved until the cost falls."""
        now, (move, downhill, promised), self.share = self.now, self.step, 1.0
        while True:
            theta = self.problem.inside(now.theta + self.share * move) if self.share < 1 else now.theta + move
            new = seen(self.problem, self.run, theta, self.share, self.share * norm(move))
            if falls(now, new.cost, self.share * downhill) or self.hidden(new):
                straight = self.share == 1.0 and float(move @ now.hessian @ move) <= STRAIGHT * -downhill
                further = straight and now.cost - new.cost > 0.5 * promised
                self.now = straight_on(self.problem, now, new, move, self.run) if further else new
                return True
            if self.run.stopped:
                self.end = self.run.on_request(now.hessian)
            elif self.share < 1e-3 and promised <= max(ALMOST * abs(now.cost), self.run.rounding):
                self.end = finished(self.problem, now, promised, self.run)  # what is left is rounding of the cost
            elif self.share < 1e-10:
                self.end = self.run.no_step(self.slope, now.hessian)
            if self.end:
                return True
            self.share /= 2

    def hidden(self, new: Point) -> bool:
        """Whether rounding of terms that cancel hides the fall of the cost, which the gradient tells."""
        little = self.share == 1.0 and self.step.promised <= self.run.rounding and new.cost <= self.now.cost + self.run.rounding
        return little and new.finite and gain(parabola_step(self.problem, new)) < NEARER * gain(self.step)


def straight_on(problem: Problem, now: Point, new: Point, move: Any, run: Run) -> Point:
    """Further along a step on which the cost falls as along a line, to where bounds or curvature end that; the run raises where
    it is without end. Parameters that the step takes to the bottom of a parabola stay there."""
    share, move = 1.0, np.where(np.abs(now.hessian @ move) <= STRAIGHT * np.abs(now.gradient), move, 0.0)
    while not run.stopped:
        share = share * FURTHER if share < FURTHER else share**2
        theta = problem.inside(new.theta + share * move)
        if not np.isfinite(theta).all() or np.array_equal(theta, new.theta):
            break
        further = seen(problem, run, theta, share, norm(theta - new.theta))
        if not further.cost < new.cost or not further.finite:
            break
        new = further
    return new


def by_gradients(
    problem: Problem, now: Point, run: Run, options: Options, steps: Iterator[int], warm: bool = False,
) -> tuple[Any, Outcome | None]:
    """Steps that ask the whole for gradients alone: the curvature is that of a part of the rows, or of a point before, corrected
    by what the gradients show, while few are left to go at the pace of the last, and `steps` are.
    `warm`: the first is from a place that a fit before this one saw. Where they end, and the outcome if that is the optimum."""
    size = max(abs(now.cost), abs(run.usual[0]) if run.history else 0.0)
    enough, before = SURE * options.tol**2 * size, np.inf
    patient = WARM if warm else PATIENT
    step = parabola_step(problem, now) if now.finite else NOWHERE
    while now.finite:
        move, downhill, promised = step
        left = gain(step)
        if left <= enough and run.history:  # what a fit before this one saw is seen again before it is answered
            return now.theta, finished(problem, now, promised, run)._replace(hessian=None, regular=True)
        if run.stopped or slow(left, before, enough, patient) or next(steps, None) is None:
            break
        theta = now.theta + move
        cost, gradient, slope = problem.at(theta)
        run.record(theta, cost, slope, 1.0, norm(move))
        new = Point(theta, cost, gradient, corrected(now.hessian, move, gradient - now.gradient))
        step = parabola_step(problem, new) if new.finite else NOWHERE
        if not falls(now, cost, downhill) and not (-downhill < ROUNDING * abs(cost) and gain(step) < left):
            break
        now, before = new, left
    return now.theta, None


def seen(problem: Problem, run: Run, theta: Any, share: float, moved: float) -> Point:
    """A pass there, by this share of a step; what is not smooth is in the cost."""
    cost, gradient, hessian = problem.smooth.value_gradient_hessian(theta)
    point = Point(theta, cost + problem.bends(theta), gradient, hessian)
    run.record(theta, point.cost, problem.slope(theta, gradient), share, moved)
    return point


def gain(step: Ahead) -> float:
    """What the cost can fall by, by the more cautious of two measures."""
    return max(step.promised, -0.5 * step.downhill)


def parabola_step(problem: Problem, now: Point) -> Ahead:
    """The step to the minimum of parabola and kinks."""
    new = minimum(problem, now.theta, now.gradient, definite(now.hessian))
    move, l1 = new - now.theta, problem.l1
    same = now.theta * new > 0  # there l1 has one slope, which cancels with the gradient's; differences of costs are rounding
    downhill = float((now.gradient + np.where(same, l1 * np.sign(new), 0.0)) @ move)
    downhill += float(l1 @ np.where(same, 0.0, np.abs(new) - np.abs(now.theta)))
    return Ahead(move, downhill, -(downhill + 0.5 * float(move @ now.hessian @ move)))


def falls(now: Point, cost: float, downhill: float) -> bool:
    """Whether the cost falls by a share of what the slope tells, or is the same where that is rounding."""
    still = -downhill < ROUNDING * abs(now.cost) and cost <= now.cost + EPSILON * abs(now.cost)
    return still or cost <= now.cost + 1e-4 * downhill


def finished(problem: Problem, now: Point, promised: float, run: Run) -> Outcome:
    slope = norm(problem.slope(now.theta, now.gradient))
    if not problem.smooth.convex and saddle(problem, now, run):
        return Outcome(now.theta, now.cost, False, f"stopped {at_saddle(slope, run.small)}; start elsewhere, with start or seed",
                       now.hessian)
    said = f"converged: the gradient's norm is {slope:.1e}, the cost can fall by at most {max(0.0, promised):.0e} more"
    end = now._replace(cost=now.cost - problem.bends(now.theta))
    return Outcome(now.theta, now.cost, True, said + held_told(problem, now.theta), now.hessian, end=end)


def held_told(problem: Problem, theta: Any) -> str:
    """How many parameters are zero by l1, and how many at a bound."""
    told = ""
    if problem.sparse:
        zeros = int(np.sum((theta == 0) & (problem.l1 > 0)))
        told += f"; {zeros:,} of {int(np.sum(problem.l1 > 0)):,} penalised parameters are zero"
    if problem.bounded:
        told += f"; {int(np.sum((theta <= problem.lower) | (theta >= problem.upper))):,} at a bound"
    return told


def saddle(problem: Problem, now: Point, run: Run) -> bool:
    """Whether the cost bends down along parameters that are at no kink and no bound."""
    free = unheld(problem, now, run)
    return Curvature(now.gradient[free], now.hessian[np.ix_(free, free)]).indefinite


def definite(hessian: Any) -> Any:
    """The Hessian, its negative curvature taken with its sign changed, and enough on the diagonal to be solved."""
    diagonal = np.abs(np.diag(hessian))  # a small one may be that of small units: what is added to it goes by its own size
    lifted = hessian + np.diag(RIDGE * np.where(diagonal > 0, diagonal, RIDGE * np.max(diagonal, initial=0.0) or 1.0))
    if cholesky(lifted) is not None:
        return lifted
    values, vectors = np.linalg.eigh(hessian)
    return (vectors * np.maximum(np.abs(values), RIDGE * np.max(np.abs(values), initial=1e-300))) @ vectors.T
