"""The main job: a table and a target in, a trained model out.

The rows with a known target are split, the columns encoded from the rows to learn from, the loss becomes a cost over them,
and the cost is minimised. The held-out rows say what the model is worth on rows it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ..data import features as asked
from ..data import table as tables
from ..data.columns import Category, Columns
from ..data.encoding import Encoding
from ..data.learning import MAX_LEVELS
from ..data.row_by_row import row_by_row
from ..data.source import Source
from ..descend.fit import Fit
from ..descend.minimize import minimize
from ..descend.run import Row
from ..errors import DvarError, UsageError, many
from ..expression.formula import parse
from ..expression.graph import Graph
from ..vectorize.cost import Cost
from ..vectorize.predict import predict
from . import target as targets
from .leaks import leaks
from .named import CUSTOM, LOGISTIC, linear_maps, prediction
from .noticed import in_utc, noticed, written

SEED = 2  # of the split into rows to learn from and rows held out


class Note(NamedTuple):
    """Something noticed of some rows of a column; in a table read in batches, the counts add up."""

    column: str
    what: str
    rows: int

    def __str__(self) -> str:
        return f"{self.column}: {many(self.rows, 'row')} {self.what}"


@dataclass(frozen=True)
class Model:
    """What was learned: a graph, its parameters, how a table's columns become its inputs, and what it is asked for."""

    name: str  # "logistic", or "custom" for a loss given as text
    graph: Graph
    params: dict[str, Any]
    encoding: Encoding | None  # of x; None where the loss does not use x
    own: tuple[str, ...]  # columns that the loss names, in their own units
    target: str
    positive: str  # the value that counts as 1; "" for a numeric target
    predicts: str  # the node that is free of y
    rows: int  # learned from
    reached: str = ""  # how the fit ended: converged, or not and why
    weight: str = ""  # the column of the examples' weights
    made: Mapping[str, str] = field(default_factory=dict)  # where it came from: file, date, command, run

    @property
    def linear_maps(self) -> tuple[list[str], str]:
        """The parameters that meet x as w @ x, and the free intercept of their sum ("" where there is none)."""
        return linear_maps(self.graph, ("x", "y", *self.own))

    def data(self, table: Any, rows: Any = None) -> tuple[dict[str, Any], tuple[Note, ...]]:
        """The inputs of the graph, y apart, from rows of a table, or from a `Source`; and what was noticed."""
        source = table if isinstance(table, Source) else Source(table, rows)
        found: dict[str, Any] = {}
        notes: list[Note] = []
        if self.encoding is not None:
            columns = self.encoding.encode(source)
            found["x"] = columns
            for what, counts in (("of a level not seen in training", columns.unseen),
                                 ("missing, though none was in training", columns.missing)):
                notes += [Note(c, f"{what}, {taken(self.encoding, c)}", n) for c, n in counts.items()]
        for name in self.own:
            found[name] = own_units(source.table, name, source.rows)
        return found, tuple(notes)

    def predict(self, table: Any, rows: Any = None) -> tuple[Any, tuple[Note, ...]]:
        """The predicting node for rows of a table, (m,): for a yes/no target the probability of `positive`; and notes."""
        data, notes = self.data(table, rows)
        count = table.num_rows if rows is None else len(rows)
        if not data:
            raise DvarError("the model uses no column of the table, so there is nothing to predict from")
        return (self.answered(data) if count else np.zeros(0)), notes

    def answered(self, data: Mapping[str, Any]) -> Any:
        """The predicting node for the inputs of the graph."""
        by_row = {name: row_by_row(value) if isinstance(value, Columns) else value for name, value in data.items()}
        return predict(self.graph, self.predicts, self.params, by_row)


def taken(encoding: Encoding, column: str) -> str:
    """What a value is taken for that a category or number was not learned with."""
    part = next((p for p in encoding.parts if p.column == column), None)
    if part is None:  # numbers have slopes within it, and none there
        return "taken as no level"
    if not isinstance(part, Category):
        return "taken as the mean"
    return "taken as missing" if part.missing else f"taken as {part.levels[0]!r}" if part.reference else "taken as no level"


@dataclass(frozen=True)
class Trained:
    """A model, how it was reached, and what it is worth on the rows held out."""

    model: Model
    fit: Fit
    holdout: dict[str, float]  # m, cost and, for a yes/no target, accuracy, auc, base_rate; empty without held-out rows
    unknown: int  # rows left out because their target is missing
    notes: tuple[str, ...]
    l1: float
    l2: float
    cost: Cost  # over the rows learned from

    @property
    def penalised(self) -> bool:
        return bool(self.l1 or self.l2)


def train(
    table: Any,
    target: str,
    *,
    loss: str | None = None,
    features: Sequence[str] | None = None,
    holdout: float = 0.2,
    positive: str | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    weight: str | None = None,
    max_levels: int = MAX_LEVELS,
    watch: Callable[[Row, int], None] | None = None,
    **options: Any,
) -> Trained:
    """Train on a `pyarrow.Table`; `options` (method, rate, steps, start, seed) go to `minimize`. `watch` is called after
    each pass with its Row and how many rows of the table it read.

    Without `loss` the model is logistic regression of a yes/no target. In a loss, `y` is the target, `x` all encoded
    features, a column's name that column in its own units, any other name a parameter. `target` may be a formula over columns;
    `features` as in `features.chosen`; `weight` is a column. Raises UsageError or DvarError.
    """
    named = LOGISTIC if loss is None else CUSTOM
    graph = LOGISTIC.graph if loss is None else parse(loss)
    if "y" not in graph.inputs:
        raise UsageError(f"the loss does not use the target y; it uses {', '.join(graph.inputs)}",
                         'compare a prediction with y, as in "z = w@x + b; L = (z - y)**2"')
    if loss is not None and target in graph.inputs and target != "y":
        raise UsageError(f"the loss names the target {target!r} itself", "the target is called y in the loss")
    made_of = targets.columns(table, target)
    weightless = 0
    if weight is not None:
        table, weightless = counted(table, weight)
    y, known, label = targets.read(table, target, loss is None, positive)
    own = () if loss is None else tuple(n for n in graph.inputs if n in table.column_names and n not in ("x", "y"))
    beside = {*made_of, *([weight] if weight is not None else [])}
    if touched := sorted(beside.intersection(own)):
        raise UsageError(f"the loss names {touched[0]!r}, which makes the target or is the weight", "leave it out of the loss")
    chosen = [c for c in asked.chosen(features, table.column_names, made_of, weight) if c not in own]
    weights = None if weight is None else weights_of(table, weight, known)
    learn, held = tables.split(known, holdout, SEED)
    with told_as_columns(own):
        source = Source(table, learn)
        encoding = encoded(graph, source, chosen, own, reference=not (l1 or l2), max_levels=max_levels, weight=weights)
        predicts = prediction(graph, {"y", *own} | ({"x"} if encoding else set()))
        model = Model(named.name, graph, {}, encoding, own, target, label, predicts, len(learn), weight=weight or "")
        data, _ = model.data(source)
        del source  # which holds what was decoded on the way
        cost = Cost(graph, {**data, "y": y[learn]}, weight=None if weights is None else weights[learn])
        fit = minimize(cost, l1=l1, l2=l2, watch=watch and (lambda row: watch(row, len(learn))), **options)
    model = replace(model, params=fit.params, reached=fit.message)
    worth, seen = judged(model, table, y, held, weights)
    notes = [f"left out: {many(weightless, 'row')} of weight 0"] if weightless else []
    notes += noticed(table, chosen, made_of, target)
    if encoding is not None:
        notes += [*written(table, encoding), *in_utc(table, encoding)]
    notes += [f"held-out rows: {note}" for note in seen]
    if label and "x" in data:
        notes += [f"{c} alone tells {target} in every row: is it known before {target} is? --features '-{c}' leaves it out"
                  for c in leaks(data["x"], y[learn])]
    return Trained(model, fit, worth, int((~known).sum()), tuple(notes), l1, l2, cost)


@contextmanager
def told_as_columns(own: tuple[str, ...]) -> Iterator[None]:
    """Errors say which names in the loss are columns: one that was meant as a parameter may be what is wrong."""
    try:
        yield
    except DvarError as error:
        if not own:
            raise
        told = f"{own[0]} is a column" if len(own) == 1 else f"{', '.join(own)} are columns"
        columns = f"in the loss {told} of the table; a parameter needs another name than a column"
        raise type(error)(error.what, f"{error.help}; {columns}" if error.help else columns) from None


def counted(table: Any, weight: str) -> tuple[Any, int]:
    """The table without the rows of weight 0, which are as if they were not there, and how many these are."""
    import pyarrow as pa

    column = tables.column(table, weight)
    if tables.kind(column.type) != "number":  # which is refused where the weights are read
        return table, 0
    values, missing = tables.numbers(column)
    counts = values != 0 if missing is None else (values != 0) | missing
    if not counts.any():
        raise DvarError(f"the weight {weight!r} is 0 in all {many(len(counts), 'row')}",
                        "a row counts where its weight is above 0")
    return (table if counts.all() else table.filter(pa.array(counts))), int(np.count_nonzero(~counts))


def weights_of(table: Any, weight: str, known: Any) -> Any:
    """The examples' weights, (rows,). Raises DvarError where one that is needed is missing or negative."""
    values = own_units(table, weight, np.flatnonzero(known), f"the weight {weight!r}", "give every row a weight")
    if (values < 0).any():
        raise DvarError(f"the weight {weight!r} is negative in {many(int((values < 0).sum()), 'row')}", "a weight is at least 0")
    with np.errstate(over="ignore"):
        if not np.isfinite(np.sum(values, dtype=np.float64)):
            raise DvarError(f"the weights {weight!r} add up to more than 1.8e308", "divide them all by one number")
    found = np.zeros(len(known))
    found[known] = values
    return found


def encoded(
    graph: Graph, source: Source, features: Sequence[str], own: tuple[str, ...], reference: bool,
    max_levels: int = MAX_LEVELS, weight: Any = None,
) -> Encoding | None:
    """How the features become x, learned from these rows, weighted or not; None where the loss does not use x."""
    if "x" not in graph.inputs:
        return None
    centre = bool(linear_maps(graph, ("x", "y", *own))[1])
    return Encoding.learn(source, features, reference=reference, centre=centre, max_levels=max_levels, weight=weight)


def chosen_features(table: Any, target: str, features: Sequence[str] | None) -> list[str]:
    """The columns that become features: those named, or all but the target."""
    return asked.chosen(features, table.column_names, [target])


def own_units(table: Any, name: str, rows: Any, what: str = "", help: str = "") -> Any:
    """A numeric column as it is. Raises DvarError where it is not numeric or has missing values."""
    what = what or f"the loss names the column {name!r}, which"
    column = tables.column(table, name)
    if tables.kind(column.type) != "number":
        raise DvarError(f"{what} is of type {tables.called(column.type)}, not a number",
                        help or "use it through x, or give the parameter of that name another one")
    values, missing = tables.numbers(column, rows)
    if missing is not None:
        raise DvarError(f"{what} is missing in {many(int(missing.sum()), 'row')}",
                        help or "use it through x, where a missing number counts as the mean, or leave these rows out")
    return values


def judged(model: Model, table: Any, y: Any, held: Any, weights: Any = None) -> tuple[dict[str, float], tuple[Note, ...]]:
    """What the model is worth on the rows held out."""
    if not len(held):
        return {}, ()
    data, notes = model.data(table, held)
    truth = y[held]
    weight = None if weights is None else weights[held]
    cost = Cost(model.graph, {**data, "y": truth}, weight=weight).sized(model.params)
    worth: dict[str, float] = {"m": len(held), "cost": cost.value_gradient(cost.flat(model.params))[0]}
    if model.positive:
        worth |= of_answers(predict(model.graph, model.predicts, model.params, data), truth, weight)
    return worth, notes


def of_answers(guess: Any, truth: Any, weight: Any = None) -> dict[str, float]:
    """What probabilities are worth as answers to a yes/no question, (m,): accuracy at a half, AUC, the share of yes."""
    return {"accuracy": float(np.average((guess >= 0.5) == truth, weights=weight)), "auc": auc(guess, truth, weight),
            "base_rate": float(np.average(truth, weights=weight))}


def auc(score: Any, truth: Any, weight: Any = None) -> float:
    """The area under the ROC curve: the share of pairs of a yes and a no whose scores are in order, ties counted half
    (Mann and Whitney, 1947); a pair counts as much as its weights' product. NaN where one of the two is not there."""
    weight = np.ones(len(score)) if weight is None else weight
    found, place = np.unique(score, return_inverse=True)
    yes = np.bincount(place, weight * (truth == 1), len(found))
    no = np.bincount(place, weight * (truth == 0), len(found))
    if not yes.sum() or not no.sum():
        return float("nan")
    below = np.cumsum(no) - no
    return float((yes @ (below + no / 2)) / (yes.sum() * no.sum()))
