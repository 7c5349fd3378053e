"""The main job: a table and a target in, a trained model out.

The rows with a known target are split, the columns encoded from the rows to learn from, the loss becomes a cost over them,
and the cost is minimised. The held-out rows say what the model is worth on rows it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..data import table as tables
from ..data.encoding import Encoding
from ..descend.minimize import Fit, minimize
from ..descend.objective import Row
from ..errors import DvarError, UsageError, nearest
from ..expression.formula import parse
from ..expression.graph import Graph
from ..vectorize.cost import Cost
from ..vectorize.predict import predict
from .named import CUSTOM, LOGISTIC, linear_maps, prediction

SEED = 2  # of the split into rows to learn from and rows held out


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

    @property
    def linear_maps(self) -> tuple[list[str], str]:
        """The parameters that meet x as w @ x, and the free intercept of their sum ("" where there is none)."""
        return linear_maps(self.graph, ("x", "y", *self.own))

    def data(self, table: Any, rows: Any = None) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The inputs of the graph, y apart, from rows of a table; and what was noticed, a sentence each."""
        found: dict[str, Any] = {}
        notes: list[str] = []
        if self.encoding is not None:
            columns = self.encoding.encode(table, rows)
            found["x"] = columns
            notes += [f"{c}: {n:,} rows of a level not seen in training" for c, n in columns.unseen.items()]
            notes += [f"{c}: {n:,} rows missing, though none was in training" for c, n in columns.missing.items()]
        for name in self.own:
            found[name] = own_units(table, name, rows)
        return found, tuple(notes)

    def predict(self, table: Any, rows: Any = None) -> tuple[Any, tuple[str, ...]]:
        """The predicting node for rows of a table, (m,): for a yes/no target the probability of `positive`; and notes."""
        data, notes = self.data(table, rows)
        count = table.num_rows if rows is None else len(rows)
        if not data:
            raise DvarError("the model uses no column of the table, so there is nothing to predict from")
        return (predict(self.graph, self.predicts, self.params, data) if count else np.zeros(0)), notes


@dataclass(frozen=True)
class Trained:
    """A model, how it was reached, and what it is worth on the rows held out."""

    model: Model
    fit: Fit
    holdout: dict[str, float]  # m, cost and, for a yes/no target, accuracy, auc, base_rate; empty without held-out rows
    unknown: int  # rows left out because their target is missing
    notes: tuple[str, ...]
    l2: float
    cost: Cost  # over the rows learned from


def train(
    table: Any,
    target: str,
    *,
    loss: str | None = None,
    features: Sequence[str] | None = None,
    holdout: float = 0.2,
    positive: str | None = None,
    l2: float = 0.0,
    watch: Callable[[Row, int], None] | None = None,
    **options: Any,
) -> Trained:
    """Train on a `pyarrow.Table`; `options` (method, rate, steps, start, seed) go to `minimize`. `watch` is called after
    each pass with its Row and how many rows of the table it read.

    Without `loss` the model is logistic regression of a yes/no target. In a loss, `y` is the target, `x` all encoded
    features, a column's name that column in its own units, any other name a parameter. Raises UsageError or DvarError.
    """
    named = LOGISTIC if loss is None else CUSTOM
    graph = LOGISTIC.graph if loss is None else parse(loss)
    if "y" not in graph.inputs:
        raise UsageError(f"the loss does not use the target y; it uses {', '.join(graph.inputs)}",
                         'compare a prediction with y, as in "z = w@x + b; L = (z - y)**2"')
    if loss is not None and target in graph.inputs and target != "y":
        raise UsageError(f"the loss names the target {target!r} itself", "the target is called y in the loss")
    y, known, label = read_target(table, target, loss is None, positive)
    learn, held = tables.split(known, holdout, SEED)
    own = () if loss is None else tuple(n for n in graph.inputs if n in table.column_names and n not in ("x", "y"))
    chosen = [c for c in chosen_features(table, target, features) if c not in own]
    try:
        encoding = encoded(graph, table, chosen, own, learn, reference=not l2)
        predicts = prediction(graph, {"y", *own} | ({"x"} if encoding else set()))
        model = Model(named.name, graph, {}, encoding, own, target, label, predicts, len(learn))
        data, _ = model.data(table, learn)
        cost = Cost(graph, {**data, "y": y[learn]})
        fit = minimize(cost, l2=l2, watch=watch and (lambda row: watch(row, len(learn))), **options)
    except DvarError as error:
        if not own:
            raise
        columns = f"in the loss {', '.join(own)} are columns of the table; a parameter needs another name than a column"
        raise type(error)(error.what, f"{error.help}; {columns}" if error.help else columns) from None
    model = replace(model, params=fit.params, reached=fit.message)
    worth, notes = judged(model, table, y, held)
    return Trained(model, fit, worth, int((~known).sum()), notes, l2, cost)


def encoded(
    graph: Graph, table: Any, features: Sequence[str], own: tuple[str, ...], rows: Any, reference: bool
) -> Encoding | None:
    """How the features become x, learned from these rows; None where the loss does not use x."""
    if "x" not in graph.inputs:
        return None
    centre = bool(linear_maps(graph, ("x", "y", *own))[1])
    return Encoding.learn(table, features, reference=reference, centre=centre, rows=rows)


def read_target(table: Any, target: str, yes_no: bool, positive: str | None) -> tuple[Any, Any, str]:
    """y (rows,), which rows are known, and the value that counts as 1 ("" for a number)."""
    column = tables.column(table, target)
    if yes_no or positive is not None or tables.kind(column.type) == "category":
        return tables.target(table, target, positive)
    y, known = tables.number_target(table, target)
    return y, known, ""


def chosen_features(table: Any, target: str, features: Sequence[str] | None) -> list[str]:
    """The columns that become features: those named, or all but the target."""
    others = [c for c in table.column_names if c != target]
    for name in features or ():
        if name == target:
            raise UsageError(f"{name!r} is the target and cannot be a feature", "leave it out of --features")
        if name not in others:
            raise UsageError(f"there is no column {name!r}{nearest(name, others)}", "name columns of the table in --features")
    return list(features) if features else others


def own_units(table: Any, name: str, rows: Any) -> Any:
    """A numeric column as it is. Raises DvarError where it is not numeric or has missing values."""
    column = tables.column(table, name)
    if tables.kind(column.type) != "number":
        raise DvarError(f"the loss names the column {name!r}, which is of type {column.type}, not a number",
                        "use it through x, or give the parameter of that name another one")
    values, missing = tables.numbers(column, rows)
    if missing is not None:
        raise DvarError(f"the loss names the column {name!r}, which is missing in {int(missing.sum()):,} rows",
                        "use it through x, where a missing number counts as the mean, or leave these rows out")
    return values


def judged(model: Model, table: Any, y: Any, held: Any) -> tuple[dict[str, float], tuple[str, ...]]:
    """What the model is worth on the rows held out."""
    if not len(held):
        return {}, ()
    data, notes = model.data(table, held)
    truth = y[held]
    cost = Cost(model.graph, {**data, "y": truth})
    worth: dict[str, float] = {"m": len(held), "cost": cost.value_gradient(cost.flat(model.params))[0]}
    if model.positive:
        guess = predict(model.graph, model.predicts, model.params, data)
        worth |= {"accuracy": float(np.mean((guess >= 0.5) == truth)), "auc": auc(guess, truth), "base_rate": float(truth.mean())}
    return worth, notes


def auc(score: Any, truth: Any) -> float:
    """The area under the ROC curve: the share of pairs of a yes and a no whose scores are in order, ties counted half
    (Mann and Whitney, 1947). NaN where one of the two is not there."""
    yes, no = score[truth == 1], np.sort(score[truth == 0])
    if not len(yes) or not len(no):
        return float("nan")
    below, upto = np.searchsorted(no, yes, "left"), np.searchsorted(no, yes, "right")
    return float((below.sum() + upto.sum()) / (2.0 * len(yes) * len(no)))
