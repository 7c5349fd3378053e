"""Newton's method, in a region where the Hessian is singular or indefinite or a whole step fails.

Each pass over the data gives the cost, its gradient and its Hessian. The whole step is tried first; where it does not lower the
cost as its parabola said, or curvature is negative, region.py takes over. Where the cost keeps falling faster than a parabola
would, as along parameters without finite optimum, many steps are tried at once: such a tail ends in one pass instead of one per
e-fold, for all of them together. Near the optimum the Hessian is kept, and steps need gradients only.

With many examples the first passes are over a part of the rows. Their optimum is near the whole's, and their Hessian is near
enough to the whole's for steps there, so that the whole is asked for gradients alone where all goes well; what tells the optimum
is the gradient, of all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..errors import many
from .curvature import Curvature, Step
from .endings import NOTHING, STEPS, finished, gone, no_better, norm, without_curvature
from .objective import Options, Outcome, Part, Penalised, Point, Problem, Run
from .region import ROUNDING, Evaluated, Region, lowered

DECAY = 2 * (1 - np.exp(-1))  # what a step wins, by what its parabola promised, where the cost decays exponentially: all of
# what is left then has no optimum, and each step leaves a share of 1/e of it
LINE = 2.0  # the same where the cost is a line, along which there is no curvature and the step is as long as the slope
TAIL = 1.2  # many steps at once must win this much more than one promised
FAR = 32.0  # steps at once along such a tail: e^-32 of it is left
RIGHT = 0.1  # the parabola told the fall of the cost to this: the optimum is near, and the curvature changes little
LINEAR = 0.25  # of what one step promised is promised by the next: the digits do not double any more, as along a tail, and
# end where the cost cannot be seen to fall
PATIENT = 10  # steps by gradients alone that may be left; where there are more, a Hessian costs less
FINE = 1e-3  # of what is asked for: steps by gradients alone cost little, and the kept Hessian tells what is left by some digits
PART, FEW, LARGE = 16, 20, 50_000  # one row in so many, and so many for each parameter; where there are so many examples
SLOW = 0.1  # of what the cost could fall is left by steps that are worth taking up again with a new Hessian
RUNS = 32  # of rows from all over the data, at the most
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
    def evaluated(at: Any, rate: float, moved: float) -> Point:
        point = Point(at, *problem.smooth.value_gradient_hessian(at))
        run.record(at, point.cost, point.gradient, rate, moved)
        return point

    now = now or evaluated(theta, 0.0, 0.0)
    first = first or now
    size = abs(first.cost)
    squares = problem.smooth.gauss_newton(now.theta) is not None
    run.beside += squares
    region, enough = Region(problem, squares), options.tol**2
    convex = not squares  # as far as is known
    fell = float(left is not None)  # what the last whole step won, by what was promised; gradients alone have come near
    rest, failures = 0, 0  # whole steps before a tail is tried again; how often it failed
    before = np.inf  # what the step before this one promised
    way = list[Any]()  # the last places
    fallen: Any = np.zeros_like(theta)  # how far each parameter went along the last tail
    left = iter(range(options.steps)) if left is None else left
    while True:
        if not now.finite:
            return run.kept(False, f"stopped: the cost is {now.cost} or its derivatives are not finite")
        curved = Curvature(now.gradient, now.hessian)
        step = curved.whole()
        crawls, before = LINEAR * before < step.promised <= ROUNDING * abs(now.cost), step.promised
        if crawls or step.promised <= max(enough * abs(now.cost), NOTHING * size):
            return finished(problem, now, first, f"the cost can fall by at most {step.promised:.0e} more", run, convex, fallen)
        if not (problem.smooth.convex or squares):  # else the end of a tail is told exactly, or is that of an exact fit
            way = [*way[-2 * STEPS:], now.theta]
            lost = gone(way, now, first)
            if lost is not None:
                return lost
        if run.stopped:
            return run.kept(False, "stopped on request", now.hessian)
        if next(left, None) is None:
            break
        if abs(fell - LINE) < 0.01:
            now, fell = line(problem, evaluated, now, step, run), 0.0
            continue
        rest -= 1
        if rest < 0 and abs(fell - DECAY) < 0.01 and step.promised > ROUNDING * abs(now.cost):
            new = tail(problem, evaluated, now, step, run)
            if new is not None:
                now, fell, failures, fallen = new, 0.0, 0, np.abs(new.theta - now.theta)
                continue
            failures += 1
            rest = 2**failures
        if keep and region.radius == np.inf and abs(fell - 1) < RIGHT and curved.factor is not None:
            few = FINE * max(enough * abs(now.cost), NOTHING * size)
            kept = kept_curvature(problem, now, curved, run, few, chain([0], left))  # the first of its steps is the one under way
            if kept.done and convex and not without_curvature(problem, now, first, run)[0]:
                return ended(kept, run)
            fell = fell if kept.left < SLOW * step.promised else 0.0  # where they got nowhere, a whole step
            now = evaluated(kept.theta, 1.0, 0.0)
            continue
        convex = convex and not curved.indefinite
        if region.squares or curved.indefinite or region.radius < np.inf:
            inside = region.stepped(now, evaluated, run)
            if inside is None:
                return no_better(problem, now, first, step.promised, run, convex, fallen)
            now, fell = inside, 0.0
            continue
        new = evaluated(now.theta + step.move, 1.0, norm(step.move))
        fell = (now.cost - new.cost) / step.promised
        if lowered(now, new, step.promised, 1e-4):
            now = new
            continue
        region.radius, fell = (0.25 if np.isfinite(new.cost) else 0.1) * step.length, 0.0
    return run.kept(False, f"did {many(options.steps, 'step')}; the gradient's norm is {norm(now.gradient):.1e}", now.hessian)


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


def part_of(problem: Problem, size: int) -> tuple[Part, int] | None:
    """The objective over runs of rows from all over the data, and how many these are; None where there are too few to tell of so
    many parameters in a small part of the time."""
    rows = runs_of(problem.examples, size)
    return None if rows is None else (Part(problem.smooth, rows), sum(run.stop - run.start for run in rows))


def runs_of(m: int, size: int) -> list[slice] | None:
    """Runs of rows from all over m, a small part of them that tells about so many parameters; None where there is none."""
    if not has_part(m, size):
        return None
    count = max(m // PART, FEW * size)
    runs = int(np.clip(count // max(4 * size, 512), 4, RUNS))
    return [slice(lo, lo + count // runs) for lo in np.linspace(0, m - count // runs, runs).astype(int).tolist()]


def has_part(m: int, size: int) -> bool:
    """Whether a small part of m rows tells about so many parameters."""
    return m >= LARGE and FEW * size <= m // 8


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
    return kept.theta, ended(kept, run) if kept.done else None


class Kept(NamedTuple):
    """Where steps by gradients alone ended."""

    theta: Any
    cost: float
    gradient: Any
    left: float  # what the cost can fall by
    done: bool  # that is as little as asked


def kept_curvature(problem: Problem, now: Point, curved: Curvature, run: Run, enough: float, steps: Iterator[int]) -> Kept:
    """Steps near the optimum by gradients alone: the Hessian stays, corrected by what the gradients show (L-BFGS), while few are
    left to go at the pace of the last, and `steps` are."""
    theta, cost, gradient = now.theta, now.cost, now.gradient
    pairs: list[tuple[Any, Any]] = []
    left = 0.5 * float(gradient @ curved.solved(gradient))
    while left > enough and not run.stopped and next(steps, None) is not None:
        move = -quasi(curved, pairs, gradient)
        new_cost, new_gradient = problem.smooth.value_gradient(theta + move)
        run.record(theta + move, new_cost, new_gradient, 1.0, norm(move))
        turned = new_gradient - gradient
        rest = 0.5 * float(new_gradient @ curved.solved(new_gradient))
        if not new_cost <= cost + 1e-15 * abs(cost) or not rest < left or not float(move @ turned) > 0:
            break
        theta, cost, gradient, before, left = theta + move, new_cost, new_gradient, left, rest
        if left > enough and np.log(left / enough) > PATIENT * np.log(before / left):
            break
        pairs.append((move, turned))
    return Kept(theta, cost, gradient, left, left <= enough)


def ended(kept: Kept, run: Run) -> Outcome:
    """An optimum that gradients tell; the Hessian, which was near enough to go there by, is not that of this place."""
    said = f"converged: the gradient's norm is {norm(kept.gradient):.1e}, the cost can fall by at most {kept.left:.0e} more"
    return Outcome(kept.theta, kept.cost, True, said, regular=True)


def quasi(curved: Curvature, pairs: list[tuple[Any, Any]], gradient: Any) -> Any:
    """The inverse Hessian times the gradient, corrected by pairs of moves and turns of the gradient (Nocedal & Wright, 7.4)."""
    shares = []
    for move, turned in reversed(pairs):
        share = float(move @ gradient) / float(move @ turned)
        gradient = gradient - share * turned
        shares.append(share)
    found = curved.solved(gradient)
    for (move, turned), share in zip(pairs, reversed(shares)):
        found = found + (share - float(turned @ found) / float(move @ turned)) * move
    return found


def line(problem: Problem, evaluated: Evaluated, now: Point, step: Step, run: Run) -> Point:
    """As many steps at once as lower the cost as the first of them does; the run raises where that is without end."""
    share, slope = 1.0, float(now.gradient @ step.move)
    while True:
        further = share * FAR if share < FAR else share**2
        theta, moved = now.theta + further * step.move, further * norm(step.move)
        cost, gradient = problem.smooth.value_gradient(theta)
        run.record(theta, cost, gradient, further, moved)
        if not cost <= now.cost + 0.5 * further * slope:
            return evaluated(now.theta + share * step.move, share, share * norm(step.move))
        share = further


def tail(problem: Problem, evaluated: Evaluated, now: Point, step: Step, run: Run) -> Point | None:
    """Many steps at once, where they lower the cost by more than one would; None where they do not, which gradients tell."""
    share = FAR
    while share > 2:
        theta, moved = now.theta + share * step.move, share * norm(step.move)
        cost, gradient = problem.smooth.value_gradient(theta)
        run.record(theta, cost, gradient, share, moved)
        if cost <= now.cost - TAIL * step.promised:
            return evaluated(theta, share, moved)
        share /= 4
    return None
