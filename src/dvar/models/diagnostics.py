"""What a person should know before trusting a fit, a sentence each, with what to do.

Each is found from the cost and the fit, and holds exactly: a separation names its columns and counts the rows it tells; a
collinearity names the columns and how one is made of the others, checked on every row. What solvers say of themselves (a rate too
high, steps that did not suffice) is the fit's message; what no cost can be made of (weights negative or all 0, one class only
in a yes/no column) is refused where it is given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..descend.fit import Fit
from ..vectorize.by_example import by_example
from ..vectorize.cost import Cost
from ..vectorize.run import one_blas_thread
from .collinearity import relation_told, relations
from .covariance import inverse, observed, weights
from .inference import default_names
from .named import picks, results_of
from .separation_told import common, separations
from .words import listed

ILL = 1e4  # curvature that differs by more makes gradient descent crawl
FIRST_ORDER = ("gradient-descent", "sgd", "adam", "auto")


@one_blas_thread()  # of a second one matrices of a few hundred have nothing, and it waits for a core that others use
def diagnose(
    cost: Cost, fit: Fit, names: Sequence[str] | None = None, *, l2: float = 0.0, given: str = "one of them is given",
    answers: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """The findings of a fit of this cost. `names` are of its flat parameters (P,), `l2` is the penalty that it had, `given` says
    which of many equally good answers the fit gives, `answers` are what 0, 1, … of y are called. Where all is well no pass over
    the data is made, else a few."""
    cost = cost.sized(fit.params)
    told = tuple(default_names(cost) if names is None else names)
    one, few = classes(cost, answers), few_rows(cost, l2)
    said = [*one, *few]
    if not fit.converged:
        said.append(fit.message)
        said += scales(cost, fit, told)
    full = fit.regular or (fit.hessian is not None and inverse(fit.hessian).rank == cost.size)  # in whatever coordinates
    if not l2 and not few and not full:  # few rows are collinear and separated by chance
        said += collinear(cost, told, given)
    if not l2 and not few and not any("all" in s for s in one):
        said += separations(cost, fit, told, answers)
    return tuple(said)


def classes(cost: Cost, answers: Sequence[str] | None) -> list[str]:
    """A class of one: a target that never varies, or classes with a single row."""
    y = cost.data.get("y")
    if y is None or len(y.shape) != 1:
        return []
    y = np.asarray(y)[weights(cost) > 0] if cost.weight else np.asarray(y)
    if y.min() == y.max():
        value = answers[int(y[0])] if answers is not None else f"{y[0]:g}"
        return [f"y is {value} in all {len(y):,} rows, so there is nothing to tell apart: give rows of other values"]
    if not picks(cost.loss) and not ((y == 0) | (y == 1)).all():
        return []  # a number rather than classes
    found, counts = np.unique(y, return_counts=True)
    single = [answers[int(v)] if answers is not None else f"{v:g}" for v, count in zip(found, counts) if count == 1]
    if not single:
        return []
    return [f"y is {listed(single)} in a single row{' each' * (len(single) > 1)}: what is learned of it rests on that row alone; "
            "give more rows, or merge it with another class"]


def few_rows(cost: Cost, l2: float) -> list[str]:
    rows = int(np.count_nonzero(weights(cost)))
    if rows > cost.size or l2:
        return []
    return [f"{cost.size:,} parameters are learned from {rows:,} rows, which they can fit exactly and by chance: give more rows "
            "or fewer features, or add a penalty (l2)"]


def scales(cost: Cost, fit: Fit, names: Sequence[str]) -> list[str]:
    """Why first-order methods crawl: the curvature differs much between directions."""
    if fit.method not in FIRST_ORDER:
        return []
    curvature = observed(by_example(cost, cost.flat(fit.params))) / cost.total
    size = np.sqrt(np.maximum(np.diag(curvature), 0.0))
    values = np.linalg.eigvalsh(curvature)
    values = values[values > 1e-14 * values[-1]]
    if not len(values) or values[-1] < ILL * values[0]:
        return []
    scaled = np.linalg.eigvalsh(curvature / np.where(size > 0, size, 1.0)[:, None] / np.where(size > 0, size, 1.0))
    after = scaled[-1] / scaled[scaled > 1e-11 * scaled[-1]][0]
    moving = np.flatnonzero(size > 0)
    steep, level = moving[np.argmax(size[moving])], moving[np.argmin(size[moving])]
    said = f"{names[steep]} is {size[steep] / size[level]:.0e} times as steep as {names[level]}"
    return [f"{fit.method} crawls here: the curvature differs by a factor of {values[-1] / values[0]:.1e} between directions "
            f"({said}), by {after:.1e} with columns of one size: standardise them, or take the method newton"]


def collinear(cost: Cost, names: Sequence[str], given: str) -> list[str]:
    """Exact relations between the columns that a linear map reads and its intercept."""
    said = []
    for m in {m.data: m for m in cost.core(cost.loss).maps}.values():
        first = cost.places[m.parameter].start
        rows = [names[m.place(first, k)] for k in range(int(np.prod(m.shape)))]
        columns = [common(of) if len(of) > 1 else of[0] for of in zip(*rows)]
        said += [relation_told(v, columns, given) for v in relations(cost, m.data, has_intercept(cost, m.parameter))]
    return said


def has_intercept(cost: Cost, weights_: str) -> bool:
    """Whether a parameter of one number for each result joins the linear map: one whose slope is the map's own."""
    wanted = results_of(cost, weights_)
    others = [n for n in cost.inputs if n != weights_ and cost.sizes[n] == wanted]
    if not others:
        return False
    rng = np.random.default_rng(0)
    one = Cost(cost.loss, {n: v[:8] for n, v in cost.data.items() if n != cost.weight}).sized(
        {n: np.zeros(s) for n, s in cost.sizes.items()})
    each = by_example(one, rng.normal(size=one.size) * 0.1)
    of = {n: [a for a, s in enumerate(each.slots) if one.places[n].start <= s.place.start < one.places[n].stop]
          for n in (weights_, *others)}
    return any(np.allclose(each.slopes[of[n]], each.slopes[of[weights_]]) for n in others)

