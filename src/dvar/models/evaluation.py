"""What a model is worth on a table that knows the answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import table as tables
from ..data.features import as_category
from ..errors import DvarError, UsageError, many, nearest
from ..vectorize.cost import Cost
from . import target as targets
from .target import SIGNS
from .training import Model, Note, of_answers, weights_of

BINS = 10  # of equal width, from probability 0 to 1


@dataclass(frozen=True)
class Bin:
    """Rows whose probability lies between `low` and `high`: what was predicted on average, and what share was yes."""

    low: float
    high: float
    rows: int
    predicted: float
    observed: float


@dataclass(frozen=True)
class Evaluation:
    """`figures` by name; for a yes/no target also calibration and, at a threshold, who was told what."""

    rows: int
    unknown: int  # rows without a known target
    figures: dict[str, float]
    calibration: tuple[Bin, ...]
    threshold: float
    confusion: dict[str, int]  # "yes, told yes" …, in rows
    notes: tuple[Note, ...]


def evaluate(model: Model, table: Any, threshold: float = 0.5) -> Evaluation:
    """Raises UsageError for a threshold that is none, DvarError where the table does not allow it."""
    if not 0 <= threshold <= 1:
        raise UsageError(f"a threshold of {threshold} is no probability", "give a number from 0 to 1, as 0.5")
    if not model.positive and threshold != 0.5:
        raise UsageError(f"a threshold is a probability's, and the model predicts {model.target} as a number", "leave it out")
    for name, what in ((model.target, "what was learned"), (model.weight, "the weight of the rows")):
        if name and name not in table.column_names and (name == model.weight or SIGNS.isdisjoint(name)):
            raise UsageError(f"there is no column {name!r}, {what}{nearest(name, table.column_names)}",
                             "take a table with that column; dvar predict needs none")
    y, known = answers(model, table)
    rows = np.flatnonzero(known)
    data, notes = model.data(table, rows)
    truth = y[rows]
    weight = weights_of(table, model.weight, known)[rows] if model.weight else None
    cost = Cost(model.graph, {**data, "y": truth}, weight=weight).sized(model.params)
    figures = {"cost": cost.value_gradient(cost.flat(model.params))[0]}
    guess = np.asarray(model.answered(data))
    unknown = len(known) - len(rows)
    if not model.positive:
        if guess.ndim == 1:
            with np.errstate(all="ignore"):
                off = np.abs(guess - truth)
                size = off.max() if 0 < off.max() < np.inf else 1.0  # in which no square of a large number overflows
                figures |= {"mean_absolute_error": float(size * np.average(off / size, weights=weight)),
                            "root_mean_square_error": float(size * np.sqrt(np.average((off / size) ** 2, weights=weight)))}
        return Evaluation(len(rows), unknown, figures, (), threshold, {}, notes)
    figures |= of_answers(guess, truth, weight)
    told = guess >= threshold
    confusion = {f"{a}, told {b}": int(np.count_nonzero((truth == (a == "yes")) & (told == (b == "yes"))))
                 for a in ("yes", "no") for b in ("yes", "no")}
    return Evaluation(len(rows), unknown, figures, calibration(guess, truth), threshold, confusion, notes)


def calibration(guess: Any, truth: Any) -> tuple[Bin, ...]:
    place = np.minimum((guess * BINS).astype(np.intp), BINS - 1)
    count, total, yes = (np.bincount(place, w, BINS) for w in (None, guess, truth))
    return tuple(Bin(k / BINS, (k + 1) / BINS, int(count[k]), float(total[k] / count[k]), float(yes[k] / count[k]))
                 for k in range(BINS) if count[k])


def answers(model: Model, table: Any) -> tuple[Any, Any]:
    """y (rows,) and which rows are known; a yes/no target may have one answer only here."""
    if not model.positive:
        y, known, _ = targets.read(table, model.target, False, None)
        return y, known
    made = as_category(f"target `{model.target}`", targets.column(table, model.target))
    codes, texts, *_ = tables.levels(made) if tables.kind(made.type) == "category" else (np.full(len(made), -1), ())
    known = codes >= 0
    used = [texts[k] for k in np.unique(codes[known])]
    others = [t for t in used if t != model.positive]
    if not used:
        raise DvarError(f"target `{model.target}` is missing in all {many(len(codes), 'row')}",
                        "take a table that knows the answers")
    if len(others) > 1:
        raise DvarError(f"target `{model.target}` has the values {tables.some_of(others)} beside {model.positive!r}, not one",
                        "take a column of two values")
    yes = np.array([*(t == model.positive for t in texts), False])
    return np.where(known, yes.take(codes), np.nan), known
