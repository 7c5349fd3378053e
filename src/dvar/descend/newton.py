"""Newton's method, in a region where the Hessian is singular or indefinite or a whole step fails.

Each pass over the data gives the cost, its gradient and its Hessian. The whole step is tried first; where it does not lower the
cost as its parabola said, or curvature is negative, region.py takes over. Where the cost keeps falling faster than a parabola
would, as along parameters without finite optimum, many steps are tried at once: such a tail ends in one pass instead of one per
e-fold, for all of them together. Near the optimum the Hessian is kept, and steps need gradients only. Where they end at a saddle,
saddle.py looks for a way down.

With many examples the first passes are over a part of the rows. Their optimum is near the whole's, and their Hessian is near
enough to the whole's for steps there, so that the whole is asked for gradients alone where all goes well; what tells the optimum
is the gradient, of all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field, replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from .curvature import Curvature, Step, norm
from .endings import NOTHING, STEPS, Way, certain, finished, gone, no_better, without_curvature
from .kept import FINE, ended, kept_curvature
from .objective import Options, Penalised, Point, Problem
from .part import part_of
from .region import ROUNDING, Region, lowered
from .run import Outcome, Run
from .saddle import lower_beside, lower_where_level

DECAY = 2 * (1 - np.exp(-1))  # what a step wins, by what its parabola promised, where the cost decays exponentially: all of
# what is left then has no optimum, and each step leaves a share of 1/e of it
LINE = 2.0  # the same where the cost is a line, along which there is no curvature and the step is as long as the slope
TAIL = 1.2  # many steps at once must win this much more than one promised
FAR = 32.0  # steps at once along such a tail: e^-32 of it is left
RIGHT = 0.1  # the parabola told the fall of the cost to this: the optimum is near, and the curvature changes little
LINEAR = 0.25  # of what one step promised is promised by the next: the digits do not double any more, as along a tail, and
# end where the cost cannot be seen to fall
SLOW = 0.1  # of what the cost could fall is left by steps that are worth taking up again with a new Hessian
PARABOLA = 1e-8  # of the gradient is left by one step: the cost is a parabola, and one Hessian of all rows is all it takes
HOLD, ROUGH = 0.01, 0.01  # l2 by the curvature at the start; of what the choice of rows changes the cost by, what is left to gain


class Begun(NamedTuple):
    """What a part of the rows told."""

    first: Point  # where the run began
    theta: Any  # the part's optimum, (P,)
    hessian: Any  # (P, P), there
    said: str


def newton(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    begun = near(problem, theta, run, options)
    if begun is None:
        return steps(problem, theta, run, options)
    left = iter(range(options.steps))
    theta, found = by_gradients(problem, begun, run, options, left)
    if found is None or not problem.smooth.convex:  # then the curvature of all rows tells whether it is an optimum
        found = steps(problem, theta, run, options, begun.first, left=left)
    return found._replace(message=found.message + begun.said)


def steps(
    problem: Problem, theta: Any, run: Run, options: Options, first: Point | None = None, now: Point | None = None,
    keep: bool = True, left: Iterator[int] | None = None,
) -> Outcome:
    """Newton's steps; `first` is where the run began, if not here, `now` what is known of the start; `keep`: near the optimum the
    Hessian is kept; `left`: the steps that are left, if not all, by gradients alone among them."""
    now = now or seen(problem, run, theta, 0.0, 0.0)
    squares = problem.smooth.gauss_newton(now.theta) is not None
    run.beside += squares
    first = first or compared(problem, run, now)
    return Descent(problem, run, first, now, not squares, options=options, keep=keep, region=Region(problem, squares),
                   left=iter(range(options.steps)) if left is None else left, near=left is not None).outcome()


def compared(problem: Problem, run: Run, start: Point) -> Point:
    """What later places are compared with: the start or, if that is far out, all parameters 0, with the curvature there."""
    if run.usual[0] == start.cost:
        return start
    run.beside += 1
    point = Point(problem.zero, *problem.smooth.value_gradient_hessian(problem.zero))
    return point if point.finite else start


def seen(problem: Problem, run: Run, theta: Any, rate: float, moved: float) -> Point:
    point = Point(theta, *problem.smooth.value_gradient_hessian(theta))
    run.record(theta, point.cost, point.gradient, rate, moved)
    return point


@dataclass(kw_only=True)
class Descent(Way):
    """Newton's steps under way, and what the last ones tell of the next."""

    options: Options
    keep: bool
    region: Region
    left: Iterator[int]  # steps that may be taken
    near: InitVar[bool]  # steps by gradients alone have come near the optimum
    end: Outcome | None = None
    curved: Curvature = field(init=False)  # the parabola here
    step: Step = field(init=False)  # to its minimum
    crawls: bool = False  # steps get shorter by a share, where the cost cannot be seen to fall
    fell: float = field(init=False)  # what the last whole step won, by what was promised
    before: float = np.inf  # what the step before this one promised
    places: list[Any] = field(default_factory=list)  # the last ones
    rest: int = 0  # whole steps before a tail is tried again
    failures: int = 0  # how often one failed

    def __post_init__(self, near: bool) -> None:
        self.fell = float(near)

    def outcome(self) -> Outcome:
        while self.end is None:
            if not self.now.finite:
                return self.run.undefined(self.now)
            self.look()
            if self.crawls or self.step.promised <= self.enough():
                self.ends(finished(self, f"the cost can fall by at most {self.step.promised:.0e} more"))
                continue
            self.end = self.lost() or self.out_of_steps()
            if self.end is None:  # the first of these that can be gone is
                self.along_a_line() or self.along_a_tail() or self.by_gradients() or self.within_a_region() or self.whole()
        return self.end

    def look(self) -> None:
        self.curved = Curvature(self.now.gradient, self.now.hessian, held=self.problem.held)
        self.step = self.curved.whole()
        self.crawls = LINEAR * self.before < self.step.promised <= ROUNDING * abs(self.now.cost)
        self.before = self.step.promised

    def lost(self) -> Outcome | None:
        if self.problem.smooth.convex or self.region.squares:  # then the end of a tail is told exactly, or fits exactly
            return None
        self.places = [*self.places[-2 * STEPS:], self.now.theta]
        return gone(self.places, self.now, self.first)

    def ends(self, outcome: Outcome) -> None:
        """So it ends, unless this is a saddle or a maximum and there is a way down; of a convex cost what looks like one is
        rounding."""
        lower = None
        if not (self.problem.smooth.convex or self.run.stopped or outcome.flat or self.exact()):
            if outcome.converged:
                lower = lower_where_level(self.problem, self.now, self.run)
            else:
                lower = lower_beside(self.problem, self.now._replace(hessian=certain(self)), self.run)
        if lower is None or next(self.left, None) is None:
            self.end = outcome
            return
        self.first = self.now = self.evaluated(lower, 1.0, norm(lower - self.now.theta))  # what was before tells of the saddle
        self.convex, self.fell, self.before, self.region.radius = False, 0.0, np.inf, np.inf

    def exact(self) -> bool:
        """Nothing is left to explain by a square, which nothing is below."""
        return self.region.squares and abs(self.now.cost) <= NOTHING * abs(self.first.cost) > 0

    def enough(self, share: float = 1.0) -> float:
        return share * max(self.options.tol**2 * abs(self.now.cost), NOTHING * abs(self.first.cost))

    def out_of_steps(self) -> Outcome | None:
        if self.run.stopped:
            return self.run.on_request(self.now.hessian)
        if next(self.left, None) is None:
            return self.run.out_of_steps(self.options.steps, norm(self.now.gradient), self.now.hessian)
        return None

    def along_a_line(self) -> bool:
        """As many steps at once as lower the cost as the first of them does; the run raises where that is without end."""
        if abs(self.fell - LINE) >= 0.01:
            return False
        share, slope = 1.0, float(self.now.gradient @ self.step.move)
        while True:
            further = share * FAR if share < FAR else share**2
            if not self.tried(further).cost <= self.now.cost + 0.5 * further * slope:
                break
            share = further
        self.now, self.fell = self.evaluated(self.now.theta + share * self.step.move, share, share * norm(self.step.move)), 0.0
        return True

    def along_a_tail(self) -> bool:
        """Many steps at once, where they lower the cost by more than one would, which gradients tell."""
        self.rest -= 1
        if self.rest >= 0 or abs(self.fell - DECAY) >= 0.01 or self.step.promised <= ROUNDING * abs(self.now.cost):
            return False
        share = FAR
        while share > 2:
            if self.tried(share).cost <= self.now.cost - TAIL * self.step.promised:
                new = self.evaluated(self.now.theta + share * self.step.move, share, share * norm(self.step.move))
                self.fallen = np.abs(new.theta - self.now.theta)
                self.now, self.fell, self.failures = new, 0.0, 0
                return True
            share /= 4
        self.failures += 1
        self.rest = 2**self.failures
        return False

    def by_gradients(self) -> bool:
        """Near the optimum the Hessian is kept."""
        if not self.keep or self.region.radius < np.inf or abs(self.fell - 1) >= RIGHT or self.curved.factor is None:
            return False
        few = self.enough(FINE)
        kept = kept_curvature(self.problem, self.now, self.curved, self.run, few, chain([0], self.left))  # the 0 is under way
        if kept.done and self.convex and not without_curvature(self.problem, self.now, self.first, self.run)[0]:
            self.end = ended(kept)
            return True
        self.fell = self.fell if kept.left < SLOW * self.step.promised else 0.0  # where they got nowhere, a whole step
        self.now = self.evaluated(kept.theta, 1.0, 0.0)
        return True

    def within_a_region(self) -> bool:
        self.convex = self.convex and not self.curved.indefinite
        if not (self.region.squares or self.curved.indefinite or self.region.radius < np.inf):
            return False
        inside, self.fell = self.region.stepped(self.now, self.evaluated, self.run), 0.0
        if inside is not None:
            self.now = inside
        else:
            self.ends(no_better(self, self.step.promised))
        return True

    def whole(self) -> bool:
        """The whole step; where the cost does not fall as it should, a region is begun."""
        new = self.evaluated(self.now.theta + self.step.move, 1.0, norm(self.step.move))
        self.fell = (self.now.cost - new.cost) / self.step.promised
        if lowered(self.now, new, self.step.promised, 1e-4, self.curved, self.run):
            self.now = new
        else:
            self.region.radius, self.fell = (0.25 if np.isfinite(new.cost) else 0.1) * self.step.length, 0.0
        return True

    def evaluated(self, theta: Any, rate: float, moved: float) -> Point:
        return seen(self.problem, self.run, theta, rate, moved)

    def tried(self, share: float) -> Point:
        """So many steps at once, by the gradient alone."""
        theta = self.now.theta + share * self.step.move
        cost, gradient = self.problem.smooth.value_gradient(theta)
        self.run.record(theta, cost, gradient, share, share * norm(self.step.move))
        return Point(theta, cost, gradient, None)


def near(problem: Problem, theta: Any, run: Run, options: Options) -> Begun | None:
    """The optimum of a part of the rows, where there are many and these tell about every parameter. A little l2 keeps parameters
    of which they say little where they were."""
    some = part_of(problem, len(theta))
    if some is None:
        return None
    part, count = some
    within, share = Run(), count / problem.examples
    first = Point(theta, *part.value_gradient_hessian(theta))
    norm_of_first = within.record(theta, first.cost, first.gradient, 0.0)
    if not first.finite or Curvature(first.gradient, first.hessian).factor is None:
        run.begun(within, share)
        return None
    hold = HOLD * np.diag(first.hessian)
    rough = options._replace(tol=np.sqrt(ROUGH * len(theta) / count), steps=12)
    found = steps(replace(problem, smooth=Penalised(part, hold, theta), examples=count), theta, within, rough,
                  now=first._replace(hessian=first.hessian + np.diag(hold)), keep=False)
    passes = len(within.history)
    run.begun(within, share)
    if not found.converged or (within.history[1:] and within.history[1].gradient <= PARABOLA * norm_of_first):
        return None
    said = f"; begun at the optimum of {count:,} rows, found in {passes} passes over these"
    return Begun(first, found.theta, found.hessian - np.diag(hold), said)


def by_gradients(
    problem: Problem, begun: Begun, run: Run, options: Options, left: Iterator[int],
) -> tuple[Any, Outcome | None]:
    """Steps of the whole by the Hessian of the part, from its optimum; where they end, and the outcome if that is the optimum."""
    cost, gradient = problem.smooth.value_gradient(begun.theta)
    run.record(begun.theta, cost, gradient, 0.0)
    now = Point(begun.theta, cost, gradient, begun.hessian)
    curved = Curvature(gradient, begun.hessian)
    if not now.finite or curved.factor is None or problem.smooth.gauss_newton(now.theta) is not None:
        return now.theta, None
    kept = kept_curvature(problem, now, curved, run, FINE * options.tol**2 * abs(cost), left)
    return kept.theta, ended(kept) if kept.done else None
