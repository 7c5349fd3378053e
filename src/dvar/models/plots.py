"""A fit in pictures: its coefficients with intervals; on rows held out the ROC curve, calibration, and what each threshold does.

Numbers first, pictures of them second: `roc`, `calibrated` and `thresholds` answer what is drawn.
Matplotlib is imported where something is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import UsageError

if TYPE_CHECKING:
    from .inferred import Inference

Z = 1.959963984540054  # of the normal distribution: 95 %
MOST = 40  # coefficients in one picture
EDGES = (-0.01, 1.01)
ABOVE, BELOW, PALE = "#1f77b4", "#d62728", "#9aa0a6"


class Roc(NamedTuple):
    """The share of noes and of yeses told yes, from none to all, at each threshold (inf first); and the area under the curve."""

    false: Any
    true: Any
    threshold: Any
    area: float


class Bin(NamedTuple):
    """Rows of like probability: the mean that was told, the share that was so, and its interval (Wilson, 1927, 95 %)."""

    rows: int
    told: float
    so: float
    low: float
    high: float


@dataclass(frozen=True)
class Threshold:
    """Who is told yes from this probability on, in rows, and what is made of it; nan where nobody is there to count."""

    threshold: float
    true_yes: int
    false_yes: int
    false_no: int
    true_no: int

    @property
    def precision(self) -> float:
        """The share of those told yes that is."""
        return share(self.true_yes, self.true_yes + self.false_yes)

    @property
    def recall(self) -> float:
        """The share of yeses that is told so."""
        return share(self.true_yes, self.true_yes + self.false_no)

    @property
    def specificity(self) -> float:
        """The share of noes that is told so."""
        return share(self.true_no, self.true_no + self.false_yes)

    @property
    def accuracy(self) -> float:
        return share(self.true_yes + self.true_no, self.true_yes + self.false_yes + self.false_no + self.true_no)


def share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def roc(truth: Any, guess: Any) -> Roc:
    """The ROC curve of probabilities (or any score) `guess` (m,) of a yes/no `truth` (m,); equal scores are one step.

    Raises UsageError where `truth` is not 0 or 1, or of another length, or has only one of the two.
    """
    y, p = checked(truth, guess)
    order = np.argsort(-p, kind="stable")
    p, yes = p[order], np.cumsum(y[order])
    last = np.append(np.flatnonzero(np.diff(p)), len(p) - 1)  # of each run of equal scores
    true = np.concatenate([[0.0], yes[last] / yes[-1]])
    false = np.concatenate([[0.0], (last + 1 - yes[last]) / (len(y) - yes[-1])])
    area = float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2))
    return Roc(false, true, np.concatenate([[np.inf], p[last]]), area)


def calibrated(truth: Any, guess: Any, bins: int = 10) -> tuple[Bin, ...]:
    """Probabilities against what was so, in bins of as many rows each (fewer bins where probabilities are equal)."""
    y, p = checked(truth, guess)
    order = np.argsort(p, kind="stable")
    edges = np.unique(np.searchsorted(p[order], p[order][(np.arange(1, bins) * len(p)) // bins]))
    found = []
    for rows in np.split(order, edges[edges > 0]):
        count, so = len(rows), float(y[rows].mean())
        middle = (so + Z**2 / (2 * count)) / (1 + Z**2 / count)
        reach = Z * math.sqrt(so * (1 - so) / count + Z**2 / (4 * count**2)) / (1 + Z**2 / count)
        found.append(Bin(count, float(p[rows].mean()), so, middle - reach, middle + reach))
    return tuple(found)


def thresholds(truth: Any, guess: Any, at: Sequence[float]) -> tuple[Threshold, ...]:
    """What is told from each of these probabilities on."""
    y, p = checked(truth, guess)
    yes, no = np.sort(p[y == 1]), np.sort(p[y == 0])
    found = []
    for t in at:
        below_yes, below_no = int(np.searchsorted(yes, t)), int(np.searchsorted(no, t))
        found.append(Threshold(float(t), len(yes) - below_yes, len(no) - below_no, below_yes, below_no))
    return tuple(found)


def checked(truth: Any, guess: Any) -> tuple[Any, Any]:
    y, p = np.asarray(truth, dtype=np.float64), np.asarray(guess, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape:
        raise UsageError(f"the truth has shape {y.shape}, the guesses {p.shape}", "give one of each a row: (m,) and (m,)")
    if not np.isfinite(p).all():
        raise UsageError(f"{int((~np.isfinite(p)).sum()):,} of {len(p):,} guesses are nan or inf", "leave these rows out")
    if set(np.unique(y)) != {0.0, 1.0}:
        found = ", ".join(f"{v:g}" for v in np.unique(y)[:5])
        raise UsageError(f"the truth has the values {found}, not 0 and 1", "give 1 for yes and 0 for no, and rows of both")
    return y, p


# pictures


def plot(found: Inference, truth: Any = None, guess: Any = None, *, positive: str = "yes") -> Any:
    """The coefficients with intervals; with the truth (0 or 1) and the probabilities of held-out rows also the ROC curve,
    calibration and thresholds beside them. Answers Matplotlib's Figure. `positive` is what 1 is called."""
    if truth is None:
        tall = 1.6 + 0.28 * min(len(found.lines), MOST)
        figure, ax = subplots(1, 1, (6.4, max(tall, 2.6)))
        plot_coefficients(found, ax)
        return figure
    figure, axes = subplots(2, 2, (10.0, max(8.0, 3.2 + 0.28 * min(len(found.lines), MOST))))
    plot_coefficients(found, axes[0, 0])
    plot_roc(truth, guess, axes[0, 1])
    plot_calibration(truth, guess, axes[1, 0], positive)
    plot_thresholds(truth, guess, axes[1, 1], positive)
    return figure


def plot_coefficients(found: Inference, ax: Any) -> None:
    """Each coefficient but the intercept with its interval, in the units of its column; ratios on a log axis where they are odds.

    Those without finite optimum or standard error are told by name below. Of many, those with the largest |z| are drawn.
    """
    odds = any(line.odds is not None for line in found.lines)
    able = [line for line in found.lines if line.error is not None and
            (line.odds is not None if odds else line.name != "intercept" or len(found.lines) == 1)]
    left_out = [line.name for line in found.lines if line.error is None]
    kept = sorted(able, key=lambda line: -abs(line.z or 0.0))[:MOST]
    lines = [line for line in able if line in kept]
    at = np.arange(len(lines))[::-1]
    for y, line in zip(at, lines):
        value, low, high = ((line.odds, line.odds_low, line.odds_high) if odds else (line.coefficient, line.low, line.high))
        if None in (value, low, high):
            continue
        sure = (low > 1 or high < 1) if odds else (low > 0 or high < 0)  # type: ignore[operator]
        color = PALE if not sure else ABOVE if line.coefficient > 0 else BELOW
        ax.plot([low, high], [y, y], color=color, linewidth=2, solid_capstyle="butt")
        ax.plot(value, y, "o", color=color, markersize=5)
    ax.axvline(1.0 if odds else 0.0, color="black", linewidth=0.8)
    ax.set_yticks(at, [line.name for line in lines])
    ax.set_ylim(-0.7, len(lines) - 0.3)
    if odds:
        ax.set_xscale("log")
        ax.set_xticks(*log_ticks(*ax.get_xlim()))
        ax.minorticks_off()
    ax.set_xlabel(f"{'odds ratio' if odds else 'coefficient'} of one unit more, {100 * found.level:g} % interval")
    more = len(able) - len(lines)
    notes = [f"{more} more, of smaller |z|, not shown"] if more > 0 else []
    if left_out:
        notes.append(f"without standard error: {', '.join(left_out[:4])}{' …' if len(left_out) > 4 else ''}")
    ax.set_title("; ".join(notes), fontsize="small", color=PALE, loc="left")
    tidied(ax, "x")


def log_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Round numbers, few enough to be read, with their texts."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        at = [s * 10.0**k for k in decades for s in steps if low <= s * 10.0**k <= high]
        if len(at) <= 7:
            break
    at = at[:: -(-len(at) // 7)]
    return at, [f"{v:.6g}" for v in at]


def plot_roc(truth: Any, guess: Any, ax: Any) -> None:
    found = roc(truth, guess)
    ax.plot([0, 1], [0, 1], color=PALE, linewidth=0.8)
    ax.plot(found.false, found.true, color=ABOVE, label=f"AUC {found.area:.4f}")
    half = int(np.searchsorted(-found.threshold, -0.5, side="right")) - 1
    ax.plot(found.false[half], found.true[half], "o", color=ABOVE, markersize=5, label="threshold 0.5")
    ax.set(xlabel="share of noes told yes", ylabel="share of yeses told yes", aspect="equal", xlim=EDGES, ylim=EDGES)
    ax.legend(frameon=False, loc="lower right")
    tidied(ax, "both")


def plot_calibration(truth: Any, guess: Any, ax: Any, positive: str) -> None:
    found = calibrated(truth, guess)
    ax.plot([0, 1], [0, 1], color=PALE, linewidth=0.8)
    told = np.array([b.told for b in found])
    so = np.array([b.so for b in found])
    reach = [so - [b.low for b in found], [b.high for b in found] - so]
    ax.errorbar(told, so, np.maximum(reach, 0.0), fmt="o-", color=ABOVE, markersize=5, linewidth=1)
    top = min(1.0, 1.08 * max(told.max(), max(b.high for b in found)))
    edges = (-0.01 * top, top)
    ax.set(xlabel="probability told, mean of a bin", ylabel=f"share that was {positive}", xlim=edges, ylim=edges)
    each = sum(b.rows for b in found) // len(found)
    ax.set_title(f"{len(found)} bins of about {each:,} rows", fontsize="small", color=PALE, loc="left")
    tidied(ax, "both")


def plot_thresholds(truth: Any, guess: Any, ax: Any, positive: str) -> None:
    found = thresholds(truth, guess, np.linspace(0.0, 1.0, 201).tolist())
    at = [t.threshold for t in found]
    for name, color in (("precision", ABOVE), ("recall", BELOW), ("specificity", "#2ca02c"), ("accuracy", "black")):
        ax.plot(at, [getattr(t, name) for t in found], color=color, linewidth=1.2, label=name)
    ax.set(xlabel=f"threshold: {positive} from this probability on", ylabel="share", xlim=(0, 1), ylim=EDGES)
    ax.legend(frameon=False, ncols=2, fontsize="small")
    tidied(ax, "both")


def subplots(rows: int, columns: int, size: tuple[float, float]) -> Any:
    try:
        from matplotlib.pyplot import subplots as made
    except ImportError:
        raise UsageError("a plot is drawn by Matplotlib, which is not installed", "pip install matplotlib") from None
    return made(rows, columns, figsize=size, layout="constrained")


def tidied(ax: Any, axis: str) -> None:
    ax.grid(axis=axis, alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
