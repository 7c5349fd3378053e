"""Numeric derivatives by nudging: the slope a beginner measures, and the check of a gradient against it.

A nudge can be wrong as well: rounding hides small effects, large nudges see curvature, and at a kink there are two slopes. What
the difference quotient cannot know is counted (`differences.py`), so that a derivative is called wrong only where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..errors import DvarError
from .differences import EPS, SLACK, Measured, Reading, measure
from .line import Forward, Line, Route, forward, route
from .passes import Pass, show

TOLERANCE = 1e-6  # relative
MOST = 200  # elements of one input that are nudged one by one
DIRECTIONS = 3  # for an input of more
LEAST = float(np.finfo(float).tiny)  # below it floats lose their digits
SEEN = 0.05  # relative: a slope that is less sure is not seen
STEEPEST = 2.0**200  # beside a bend: nudges at 0 begin at 2**-250, and some are needed


class Row(NamedTuple):
    """One input, or element of it, nudged."""

    name: str  # of the input, with its index where it is an array
    derivative: float
    nudged: float  # the numeric derivative; nan where there is none
    unsure: float  # how far it may be off
    error: float  # how far apart, beyond what rounding and nudging leave unsure, relative to their size
    ok: bool | None  # None where nothing could be compared
    verdict: str
    kink: bool = False  # it bends or jumps here


@dataclass(frozen=True, repr=False)
class Check:
    """Every input nudged. `ok` where at least one derivative could be compared and none is wrong; `worst` is the one that agrees
    least."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        verdicts = {r.ok for r in self.rows}
        return True in verdicts and False not in verdicts

    @property
    def worst(self) -> Row | None:
        return max(self.rows, key=lambda r: (r.ok is False, r.error), default=None)

    def __repr__(self) -> str:
        width = max([5, *(len(r.name) for r in self.rows)])
        lines = [f"{'input':<{width}}  {'back-propagation':>22}  {'nudging':>22}"]
        lines += [f"{r.name:<{width}}  {r.derivative:>22.15g}  {r.nudged:>22.15g}  {r.verdict}" for r in self.rows]
        return "\n".join([*lines, *(f"note: {n}" for n in self.notes)])


def check(p: Pass) -> Check:
    """Nudge every element of every input and compare with what back-propagation found; an input of more than `MOST` elements is
    moved in random directions instead, each of which moves all of its elements."""
    once = forward(p.derivation, p.given)
    rows: list[Row] = []
    notes = []
    for name in p.graph.inputs:
        subject = subject_of(p, name, once)
        array = subject.line.array
        if array.size <= MOST:
            rows += [subject.row(index) for index in np.ndindex(array.shape)]
        else:
            size = f"{array.size:,}"
            notes.append(f"{name} has {size} elements: moved in {DIRECTIONS} random directions, all elements at once")
            rows += in_directions(subject)
    if all(r.ok is None for r in rows):
        why = ", ".join(dict.fromkeys(r.verdict for r in rows)) or "there is no input to nudge"
        notes.append(f"no derivative could be compared ({why}): this is no evidence for them")
    return Check(tuple(rows), tuple(notes))


@dataclass(frozen=True, eq=False, repr=False)
class Subject:
    """One input, and what its rows are judged by."""

    name: str
    told: Any  # its derivative as the pass has it
    node: int | None  # … and where it is computed; None where the output does not depend on it
    line: Line

    @cached_property
    def noise(self) -> float:
        """How far rounding moves the output, where it depends on this input."""
        once, way = self.line.forward, self.line.route
        return blur([values[once.output] for values in once.rounded(way.path, way.touched)], ())

    def doubt(self, where: Any) -> float:
        """How far rounding moves the derivative."""
        k = self.node
        return 0.0 if k is None else blur([values[k] for values in self.line.forward.all_rounded], where)

    def row(self, where: Any, label: str = "") -> Row:
        """`where` is an index, or a direction."""
        index = f"[{', '.join(map(str, where))}]" if isinstance(where, tuple) and where else ""
        return self.compare(self.name + (label or index), part(self.told, where) + 0.0, replace(self.line, where=where))  # not −0

    def compare(self, name: str, told: float, line: Line) -> Row:
        """One derivative beside what nudging makes of it."""
        value, way = line.forward.value, line.route
        if not np.isfinite(value):
            return unjudged(name, told, f"nothing to compare: the output is {value}")
        if not np.isfinite(line.x):
            return unjudged(name, told, f"not nudged: it is {line.x}")
        step = line.complex_step() if np.isfinite(told) and way.matters else None
        if step is not None and abs(told - step.slope) <= TOLERANCE * max(abs(told), abs(step.slope)):
            return Row(name, told, *step, 0.0, True, "agree")
        exact = Reading(told, self.doubt(line.where))
        if not way.matters:
            return judged(name, exact, Reading(0.0, 0.0))
        try:
            found = measure(line, line.x, line.scale, self.noise)
        except DvarError:
            return unjudged(name, told, "not nudged: it picks, and a number between picks nothing")
        return measured(name, exact, found, step, way)


def part(value: Any, where: Any) -> float:
    """The element, or how much it is along a direction."""
    return float(np.asarray(value)[where] if isinstance(where, tuple) else np.sum(value * where))


def blur(ways: Sequence[Any], where: Any) -> float:
    """How far rounding may move a number, from what it is and what else it might have come out as."""
    here, *others = (part(v, where) for v in ways)
    if not np.isfinite(here):
        return 0.0
    return 2 * max([abs(v - here) for v in others if np.isfinite(v)], default=0.0) + 2 * EPS * abs(here)


def subject_of(p: Pass, name: str, once: Forward) -> Subject:
    line = Line(once, route(once, name), np.asarray(p.given[name]), ())
    return Subject(name, p.d[name], p.derivation.d.get(p.graph.index(name)), line)


def in_directions(subject: Subject) -> Iterator[Row]:
    """Random signs, each times the size of its element, so that small elements count as much as large ones. Where a direction
    differs, the element is looked for that does."""
    rng, sizes = np.random.default_rng(0), np.abs(subject.line.array)
    known = (sizes > 0) & np.isfinite(sizes)
    sizes = np.where(known, sizes, np.median(sizes[known]) if known.any() else 1.0)
    for k in range(DIRECTIONS):
        # Powers of two: moving by them rounds little.
        direction = rng.choice([-1.0, 1.0], sizes.shape) * 2.0 ** np.floor(np.log2(sizes))
        row = subject.row(direction, f", direction {k + 1}")
        yield row
        if row.ok is False:
            yield from narrowed(subject, direction)
            return


def narrowed(subject: Subject, direction: Any) -> Iterator[Row]:
    """An element whose derivative is wrong, found by halving what the direction moves."""
    places = np.arange(direction.size)
    while len(places) > 1:
        halves = places[: len(places) // 2], places[len(places) // 2 :]
        masks = (np.isin(np.arange(direction.size), half).reshape(direction.shape) for half in halves)
        wrong = next((half for half, mask in zip(halves, masks) if subject.row(direction * mask).ok is False), None)
        if wrong is None:
            return
        places = wrong
    yield subject.row(tuple(int(k) for k in np.unravel_index(places[0], direction.shape)))


def measured(name: str, exact: Reading, found: Measured, step: Reading | None, way: Route) -> Row:
    """The verdict where the complex step does not already agree."""
    if found.kind == "alone":
        return unjudged(name, exact.slope, "not nudged: the output is not defined to either side")
    smooth, real = found.kind in ("smooth", "edge"), Reading(found.slope, found.unsure)
    hazy = found.kind == "vertical" and np.isfinite([found.left.slope, found.right.slope]).all()
    if way.bends and not smooth and not hazy:
        return at_bend(name, exact, found)
    if step is not None and not (smooth and seen(real, exact)):
        return judged(name, exact, step)
    if smooth:
        row = judged(name, exact, real, found.steepest)
        if way.flows or not way.bends or row.ok:
            return row._replace(verdict=row.verdict + remark(row, found, way))
    # No operation bends at this very point: bends lie nearer to it than rounding lets a nudge be small.
    return unjudged(name, exact.slope, "too near to a bend to be seen by nudging")


def remark(row: Row, found: Measured, way: Route) -> str:
    if found.kind == "edge":
        return ", from one side: to the other the output is not defined"
    if row.ok:
        return "" if way.flows else ": no derivative flows"
    return ": an operation on the way bends here, the output does not" if way.bends else ""


def unjudged(name: str, told: float, verdict: str) -> Row:
    """Where there is no number to compare with."""
    return Row(name, told, np.nan, np.inf, 0.0, None, verdict)


def seen(found: Reading, exact: Reading) -> bool:
    return found.unsure <= SEEN * max(abs(exact.slope), abs(found.slope))


def judged(name: str, exact: Reading, found: Reading, steepest: float = 0.0) -> Row:
    """The verdict on a smooth point. What cannot be known counts for back-propagation, and is said."""
    if not np.isfinite(found.slope):
        return unjudged(name, exact.slope, "too steep to be seen by nudging")
    if not np.isfinite(exact.slope):
        return Row(name, exact.slope, *found, np.inf, False, "DIFFER")
    apart, size = abs(exact.slope - found.slope), max(abs(exact.slope), abs(found.slope))
    slack = SLACK * (found.unsure + exact.unsure)
    error = max(0.0, apart - slack) / size if size >= LEAST else 0.0
    # Zero has no digits to count; f must hold still compared with how it moves elsewhere.
    nought = exact.slope == 0 and (size < LEAST or found.unsure <= TOLERANCE * steepest)
    ok: bool | None = True
    if error > TOLERANCE:
        ok, verdict = False, "DIFFER"
    elif nought or slack <= 10 * TOLERANCE * size:
        verdict = "agree"
    elif not seen(found, exact):
        ok, verdict = None, "too small to be seen by nudging"
    elif exact.unsure > SEEN * size:
        ok, verdict = None, "lost in rounding: larger numbers cancel in it"
    else:
        verdict = f"agree, as far as nudging can tell: ±{slack:.1g}"
    return Row(name, exact.slope, *found, error, ok, verdict)


def at_bend(name: str, exact: Reading, found: Measured) -> Row:
    """The verdict where f bends or jumps: a slope beside the point will do, any between the two, or none that is finite."""
    sides = [r for r in (found.left, found.right) if not np.isnan(r.slope)]
    finite = [r for r in sides if np.isfinite(r.slope)]
    slack = max([SLACK * r.unsure + TOLERANCE * abs(r.slope) for r in finite], default=0.0)
    low, high = min(r.slope for r in sides), max(r.slope for r in sides)
    ok = not np.isfinite(exact.slope) or bool(low - slack <= exact.slope <= high + slack)
    if not ok and abs(exact.slope) > STEEPEST:
        return unjudged(name, exact.slope, "too steep to be seen by nudging")
    kind = {"kink": "a kink", "jump": "a jump", "vertical": "vertical"}[found.kind]
    slopes = f"slope{'s' * (len(sides) > 1)} {' and '.join(show(tidy(r)) for r in sides)}"
    if found.kind == "vertical" and len(finite) == len(sides):
        slopes = "a slope without bound"  # too near to where rounding hides it for a number
    verdict = ("" if ok else "DIFFER: ") + f"{kind}, {slopes} beside it"
    return Row(name, exact.slope, found.slope, found.unsure, 0.0 if ok else np.inf, ok, verdict, True)


def tidy(found: Reading) -> float:
    """A slope to the digits that are known of it: −1e-17 ± 1e-15 is told as 0."""
    return 0.0 if abs(found.slope) <= found.unsure < np.inf else found.slope
