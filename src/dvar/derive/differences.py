"""The slope of a function of one number, measured by nudging: how steep, how sure, and of what kind the point is.

The nudges form a ladder, from the smallest that floating point lets through upwards. Small ones are blurred by rounding, by an
amount that is known; large ones see curvature, other branches and the ends of the domain. So the slope is read where estimates
first stay together from rung to rung, and the best of these is taken; what larger nudges say otherwise is not about this point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise, takewhile
from typing import NamedTuple

import numpy as np

EPS = float(np.finfo(float).eps)
LEAST = math.ldexp(1.0, -1070)  # rounding at the lower end of floating point
LOWEST = -250  # nudges are powers of two: at 0 from this one, whose fourth power is still a number …
FINEST = -52  # … at x from 2**-52 |x|; how far x really moved, after rounding, is what counts
WIDEST = 40  # up to 2**40 max(1, |x|)
REACH = 2.0**-10  # … and f is taken to vary no faster than over this times min(1, |x|), where no nudge shows it to vary
COLUMNS = 6  # of Ridders' table
LOUD = 16  # what stands out of the rounding by this factor is seen
SLACK = 3.0  # an estimate of an error is itself not exact
SURE = 1e-10  # relative; no need to climb further
HIGHEST = 150  # rungs


class Rung(NamedTuple):
    """One nudge to either side."""

    up: float  # how far x moved, which is the nudge but for rounding
    down: float
    after: float  # how far f moved to the right: f(x + nudge) − f(x)
    before: float  # how far it had moved from the left: f(x) − f(x − nudge)
    noise: float  # what rounding makes of these


class Nudge(NamedTuple):
    """How far x moved, how far f moved, and what rounding makes of that."""

    step: float
    moved: float
    noise: float

    @property
    def slope(self) -> float:
        return self.moved / self.step

    @property
    def blur(self) -> float:
        return self.noise / self.step


class Reading(NamedTuple):
    """One number read off a ladder: a slope, and how far from it the truth may be."""

    slope: float
    unsure: float


class Measured(NamedTuple):
    """`kind`: "smooth"; "kink", two slopes; "jump"; "vertical", a slope without bound; "edge", f is defined on one side only;
    "alone", on neither."""

    kind: str
    slope: float
    unsure: float
    left: Reading  # slopes beside the point, also beside a jump
    right: Reading
    steepest: float  # the steepest one-sided slope that any nudge shows


NOTHING = Reading(math.nan, math.inf)


def measure(f: Callable[[float], float], x: float, scale: float, noise: float) -> Measured:
    """The slope of f at x. `scale` is the size of the numbers that are nudged, 0 where there is none; `noise` how far rounding
    moves f(x), which must be finite.

    Central differences, extrapolated to a nudge of zero by Ridders, "Accurate computation of F′(x) and F′(x)F″(x)", Advances in
    Engineering Software 4 (1982).
    """
    here = f(x)

    def rung(e: int) -> Rung:
        h = math.ldexp(1.0, e)
        after, before = f(x + h) - here, here - f(x - h)
        moved = max([abs(v) for v in (after, before) if math.isfinite(v)], default=0.0)
        return Rung(x + h - x, x - (x - h), after, before, noise + 4 * EPS * moved + LEAST)

    low = max(-1060, math.frexp(scale)[1] + FINEST) if scale else LOWEST
    high = min(1000, math.frexp(max(scale, 1.0))[1] + WIDEST)
    start = onset(lambda e: seen(rung(e)), low, high)
    if start is None:
        return unmoved([rung(e) for e in range(low, high, 8)], min(scale or 1.0, 1.0) * REACH)
    rungs, steep = [rung(start)], 0.0
    for e in range(start + 2, min(high, start + 2 * HIGHEST), 2):
        # Rounding moves x ± nudge as well, where f may be as steep as it was seen to be nearer to x.
        rungs.append(rung(e))
        steep = max(steep, steepness(*rungs[-2:]))
        rungs[-1] = rungs[-1]._replace(noise=rungs[-1].noise + 8 * EPS * steep * rungs[-1].up)
        if len(rungs) % 8 == 0 and len(rungs) >= 12 and sure(read(rungs)):
            break
    return read(rungs)


def steepness(near: Rung, far: Rung) -> float:
    """How steep f is between two rungs, as far as rounding lets it be seen."""
    moved = [abs(v) for v in (far.after - near.after, far.before - near.before) if abs(v) > LOUD * far.noise]
    return max([v for v in moved if math.isfinite(v)], default=0.0) / (far.up - near.up)


def seen(rung: Rung) -> bool:
    return any(math.isfinite(v) and abs(v) > LOUD * rung.noise for v in (rung.after, rung.before))


def sure(found: Measured) -> bool:
    if found.kind in ("smooth", "kink"):
        return found.unsure <= SURE * max(abs(r.slope) for r in (found, found.left, found.right))
    return found.kind == "vertical"


def onset(visible: Callable[[int], bool], low: int, high: int) -> int | None:
    """About the smallest nudge, as a power of two, that moves f by more than rounding does."""
    first: int | None = next((e for e in (*range(low, min(low + 64, high), 8), *range(low + 64, high, 32)) if visible(e)), None)
    if first is None:
        return None
    for back in (16, 8, 4):
        if first - back >= low and visible(first - back):
            first -= back
    return max(low, first - 12)  # with a few rungs below, where it stands still


def unmoved(rungs: Sequence[Rung], reach: float) -> Measured:
    """No nudge moves f out of the rounding: its slope is zero, as far as a nudge by `reach` can tell.

    Where f does move by much of what rounding may do, it is no constant but too steep: rounding x alone takes it anywhere.
    """
    sides = takewhile(lambda r: math.isfinite(r.before), rungs), takewhile(lambda r: math.isfinite(r.after), rungs)
    defined = [[r.noise for r in side] for side in sides]  # right beside the point: (-1)**b is again at whole numbers farther off
    left, right = (Reading(0.0, side[0] / reach) if side else NOTHING for side in defined)
    if not any(defined):
        return Measured("alone", math.nan, math.inf, left, right, 0.0)
    still = all(LOUD * abs(v) <= r.noise for r in rungs for v in (r.after, r.before) if math.isfinite(v))
    unsure = min(left.unsure, right.unsure) if still else math.inf
    return Measured("smooth" if all(defined) else "edge", 0.0, unsure, left, right, 0.0)


def read(rungs: Sequence[Rung]) -> Measured:
    """What the ladder shows."""
    rights = [Nudge(r.up, r.after, r.noise) for r in takewhile(lambda r: math.isfinite(r.after), rungs)]
    lefts = [Nudge(r.down, r.before, r.noise) for r in takewhile(lambda r: math.isfinite(r.before), rungs)]
    left, right = beside(lefts), beside(rights)
    steepest = max([abs(n.slope) for n in lefts + rights if abs(n.moved) > LOUD * n.noise], default=0.0)
    if min(len(lefts), len(rights)) < 4:
        side = max(lefts, rights, key=len)
        grown = unsettled(side)
        kind = "alone" if not side else "jump" if grown > 3 else "vertical" if grown else "edge"
        return Measured(kind, *(settle(side, 4.0) if kind == "edge" else NOTHING), left, right, steepest)
    both = [Nudge(a.step + b.step, a.moved + b.moved, 2 * a.noise) for a, b in zip(rights, lefts)]
    gaps = [(a.slope - b.slope, a.blur + b.blur) for a, b in zip(rights, lefts)]
    gap, across = growth(*zip(*gaps)), unsettled(both)
    apart = abs(left.slope - right.slope) > SLACK * (left.unsure + right.unsure)
    kind = "jump" if max(gap, across) > 3 else "vertical" if gap > 1.2 or across else "kink" if gap > 0.6 or apart else "smooth"
    return Measured(kind, *(settle(both, 16.0) if kind in ("smooth", "kink") else NOTHING), left, right, steepest)


def growth(numbers: Sequence[float], noises: Sequence[float]) -> float:
    """How much a number grows as the nudge shrinks to a quarter, read where it is first seen; 0 where it is not seen, or where a
    smaller nudge could have shown it and does not.

    The gap between the slopes to the right and to the left shrinks to a quarter where f is smooth. It stays at a kink, doubles
    at the foot of a square root and grows fourfold at a jump.
    """
    for m in range(len(numbers) - 3):
        if all(abs(v) > LOUD * n for v, n in zip(numbers[m : m + 4], noises[m : m + 4])):
            hidden = all(4 * n > abs(numbers[m]) or abs(v) > abs(numbers[m]) / 2 for v, n in zip(numbers[:m], noises))
            return float(abs(numbers[m] / numbers[m + 3])) ** (1 / 3) if hidden else 0.0
    return 0.0


def unsettled(nudges: Sequence[Nudge]) -> float:
    """How much the change of the slope from nudge to nudge grows as they shrink, where the slope tends to no number; else 0."""
    changes = [a.slope - b.slope for a, b in pairwise(nudges)]
    found = growth(changes, [a.blur + b.blur for a, b in pairwise(nudges)])
    return found if found > 0.8 else 0.0


def beside(nudges: Sequence[Nudge]) -> Reading:
    """The slope on one side, measured from nudge to nudge: it does not see how f jumps at the point itself."""
    between = [Nudge(b.step - a.step, b.moved - a.moved, a.noise + b.noise) for a, b in pairwise(nudges)]
    if unsettled(between):
        return Reading(math.copysign(math.inf, between[0].moved), math.inf)
    return settle(between, 4.0)


def settle(nudges: Sequence[Nudge], ratio: float) -> Reading:
    """The slope at a nudge of zero, from growing ones whose error falls by `ratio` from one to the next smaller."""
    runs: list[list[Reading]] = []
    for new in extrapolate([n.slope for n in nudges], [n.blur for n in nudges], ratio):
        if runs and all(abs(new.slope - e.slope) <= new.unsure + e.unsure for e in runs[-1]):
            runs[-1].append(new)
        else:
            runs.append([new])
    # The first run of three; fewer may agree by accident. Where there is none, the longest.
    run = next((r for r in runs if len(r) >= 3), max(runs, key=len, default=[NOTHING]))
    return min(run, key=lambda e: e.unsure)


def extrapolate(slopes: Sequence[float], noises: Sequence[float], ratio: float) -> list[Reading]:
    """For each nudge the best of Ridders' table that uses no smaller one."""
    best = [Reading(a, abs(a - b) + n) for (a, b), n in zip(pairwise(slopes), noises)]
    column = list(slopes)
    for j in range(1, COLUMNS):
        factor = ratio**j - 1
        new = [a + (a - b) / factor for a, b in pairwise(column)]
        for k, value in enumerate(new):
            unsure = max(abs(value - column[k]), abs(value - column[k + 1])) + noises[k]
            if unsure < best[k].unsure:
                best[k] = Reading(value, unsure)
        column = new
    return best
