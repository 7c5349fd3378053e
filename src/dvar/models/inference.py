"""What a fit means: standard errors, tests and intervals of its parameters, and the likelihood that the fit reached.

All of it comes from a cost at its optimum and from the graph of its loss, whoever made the fit. What the data do not tell – a
coefficient without finite optimum, a direction of collinear columns, a fit that was penalised or stopped early – is None, and a
note says why. Formulas: Greene, Econometric Analysis (2003), chapters 17 and 21; McCullagh & Nelder, Generalized Linear Models
(1989).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..descend.minimize import Fit, minimize
from ..errors import DvarError, UsageError, nearest
from ..vectorize.by_example import by_example
from ..vectorize.core import core
from ..vectorize.cost import Cost
from .covariance import checked_kind, information, inverse, observed, robust, weights
from .families import FAMILIES, Family
from .separation import without_optimum
from .words import listed

PENALISED = "penalised coefficients are pulled towards 0, so the curvature tells no standard errors: fit without a penalty"
STILL = 1e-6  # a log-likelihood that can rise by less is at its top


@dataclass(frozen=True)
class Line:
    """One coefficient. What is not known is None: no likelihood, a penalty, no optimum, or no finite one."""

    name: str
    coefficient: float
    error: float | None = None  # standard error
    z: float | None = None  # coefficient / error; Student's t where a variance is estimated
    p: float | None = None  # two-sided
    low: float | None = None  # ends of the confidence interval
    high: float | None = None
    odds: float | None = None  # odds ratio of one unit more
    odds_low: float | None = None
    odds_high: float | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Inference:
    """The coefficients of a fit and how sure they are; `print`, a notebook and `.frame()` show it as a table.

    `covariance` (R, R) is that of the coefficients as told, nan where it is not known; `n` counts examples by their weights;
    `parameters` are those that the data tell apart. What needs a null model is found when it is first asked for.
    """

    title: str
    lines: tuple[Line, ...]
    covariance: Any
    kind: str
    level: float
    degrees: float | None  # of freedom of Student's t; None: the normal distribution
    n: float
    parameters: int
    clusters: int
    separated: tuple[str, ...]
    why: str  # there are no standard errors; "" where there are
    notes: tuple[str, ...]
    family: Family
    cost: Cost
    params: dict[str, Any]
    mean_loss: float
    square: float  # σ² is the mean of the loss times this, n/(n − p) apart; 0 where no variance is estimated
    turn: Any

    # the likelihood

    @cached_property
    def residual_variance(self) -> float | None:
        """σ², the sum of squares over n − p; None where no variance is estimated."""
        free = self.n - self.parameters
        return self.n * self.mean_loss * self.square / free if self.family.scaled and free > 0 else None

    def likelihood_of(self, mean_loss: float) -> float | None:
        """The log-likelihood at a mean loss; None where the loss is no likelihood."""
        if not self.family.likelihood:
            return None
        if self.family.scaled:
            variance = mean_loss * self.square
            return -0.5 * self.n * (math.log(2 * math.pi * variance) + 1) if variance > 0 else math.inf
        return -self.n * mean_loss - self.over_y(self.family.left_out)

    def over_y(self, function: Any) -> float:
        """The sum over examples of a function of y; 0 where it is not known."""
        y = self.cost.data.get("y")
        if function is None or y is None:
            return 0.0
        return float(np.sum(function(np.asarray(y, dtype=np.float64)) * weights(self.cost)))

    @property
    def complete(self) -> bool:
        """Whether the log-likelihood has all its terms; else it is known up to a constant of y."""
        return self.family.scaled or (self.family.left_out is not None and "y" in self.cost.data)

    @cached_property
    def log_likelihood(self) -> float | None:
        return self.likelihood_of(self.mean_loss)

    @cached_property
    def null(self) -> Fit:
        """The same loss with the intercept alone: every other feature is 0."""
        cost = null_cost(self.cost)
        found = minimize(cost, start={n: np.zeros(s) for n, s in cost.sizes.items()})
        if not found.converged:
            raise DvarError(f"the model with the intercept alone has no optimum: {found.message}")
        return found

    @cached_property
    def null_parameters(self) -> int:
        cost = null_cost(self.cost)
        return inverse(information(cost, cost.flat(self.null.params))).rank

    @property
    def null_log_likelihood(self) -> float | None:
        return self.likelihood_of(self.null.cost)

    def deviance_of(self, mean_loss: float) -> float | None:
        if self.family.least is None:
            return None
        if self.family.scaled:
            return self.n * mean_loss * self.square
        return 2 * (self.n * mean_loss - self.over_y(self.family.least))

    @property
    def deviance(self) -> float | None:
        """Twice the log-likelihood that a perfect fit would have more; of a linear model the sum of squares."""
        return self.deviance_of(self.mean_loss)

    @property
    def null_deviance(self) -> float | None:
        return self.deviance_of(self.null.cost)

    @property
    def pseudo_r2(self) -> float | None:
        """McFadden's (1974): 1 − log-likelihood / null log-likelihood; of a linear model R², the share of variance explained."""
        if self.family.scaled:
            return 1 - self.mean_loss / self.null.cost if self.null.cost > 0 else None
        if not self.complete or not self.null_log_likelihood or self.log_likelihood is None:
            return None
        return 1 - self.log_likelihood / self.null_log_likelihood

    @property
    def adjusted_r2(self) -> float | None:
        """R² of a linear model, adjusted for its parameters; None for others."""
        r2, free = self.pseudo_r2, self.n - self.parameters
        if not self.family.scaled or r2 is None or free <= 0:
            return None
        return 1 - (1 - r2) * (self.n - self.null_parameters) / free

    @property
    def aic(self) -> float | None:
        """Akaike's criterion, −2 log-likelihood + 2p; σ² is not counted."""
        return self.criterion(2.0)

    @property
    def bic(self) -> float | None:
        """Schwarz's criterion, −2 log-likelihood + p log n; σ² is not counted."""
        return self.criterion(math.log(self.n))

    def criterion(self, price: float) -> float | None:
        return -2 * self.log_likelihood + price * self.parameters if self.complete and self.log_likelihood is not None else None

    # the coefficients

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(line.name for line in self.lines)

    @property
    def intercept(self) -> float | None:
        return next((line.coefficient for line in self.lines if line.name == "intercept"), None)

    @property
    def coefficients(self) -> dict[str, float]:
        """All but the intercept, by name."""
        return {line.name: line.coefficient for line in self.lines if line.name != "intercept"}

    def __getitem__(self, name: str) -> Line:
        """The line of a coefficient. Raises UsageError where there is none."""
        for line in self.lines:
            if line.name == name:
                return line
        raise UsageError(f"there is no coefficient {name!r}{nearest(name, self.names)}")

    # told

    @property
    def text(self) -> str:
        from .telling import text

        return text(self)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from .telling import html

        return html(self)

    def plot(self, truth: Any = None, guess: Any = None, *, positive: str = "yes") -> Any:
        """The coefficients with intervals, as Matplotlib's Figure; with the truth (0 or 1) and the probabilities of held-out rows
        also the ROC curve, calibration and thresholds."""
        from .plots import plot

        return plot(self, truth, guess, positive=positive)

    def frame(self) -> Any:
        """The coefficients as a pandas DataFrame, a row each; what is not known is nan."""
        from .telling import frame

        return frame(self)


def inference(
    cost: Cost,
    fit: Fit | Mapping[str, Any],
    names: Sequence[str] | None = None,
    *,
    family: str = "likelihood",
    turn: Any = None,
    kind: str = "classical",
    groups: Any = None,
    level: float = 0.95,
    hessian: Any = None,
    l2: float = 0.0,
    title: str = "",
) -> Inference:
    """What a fit of this cost, or its parameters by name, means.

    `names` are of the coefficients told: the flat parameters (P,) or, where `turn` (R, P) is given, turn @ parameters. `family`
    is a row of FAMILIES: a model's name, "likelihood", "exact" or "none". `kind`: "classical", "HC0" … "HC3" or "cluster",
    which needs `groups` (m,). `hessian` (P, P) is that of the cost at the optimum, where it is at hand: it saves a pass. `l2` is
    the penalty that the fit had: with one, nothing is said of errors. Weights of the cost are counts. Raises UsageError for
    what cannot be meant, DvarError where the data do not allow it.
    """
    checked_kind(kind, groups)
    if family not in FAMILIES:
        raise UsageError(f"there is no family {family!r}{nearest(family, FAMILIES)}")
    if not (isinstance(level, float) and 0 < level < 1):
        raise UsageError(f"the level is {level!r}", "give a share between 0 and 1, such as 0.95")
    known_of = FAMILIES[family]
    params = dict(fit.params if isinstance(fit, Fit) else fit)
    cost = cost.sized(params)
    theta = cost.flat(params)
    turn = np.eye(cost.size) if turn is None else np.asarray(turn, dtype=np.float64)
    told = tuple(default_names(cost) if names is None else names)
    if turn.shape != (len(told), cost.size):
        raise UsageError(f"there are {len(told)} names of {turn.shape[0]} coefficients made of {turn.shape[1]} parameters; "
                         f"the cost has {cost.size}")
    n = cost.total
    mean_loss = fit.cost if isinstance(fit, Fit) and not l2 else float(np.sum(cost.per_example(theta))) / n
    each = by_example(cost, theta) if hessian is None or kind != "classical" else None
    curvature = hessian * n if each is None else observed(each)
    inner = inverse(curvature)
    square = of_square(cost, params) if known_of.scaled else 0.0
    bread, p = inner.matrix, inner.rank
    notes = []
    if known_of.classes and not l2 and (first := told[0].partition(": ")[0]) != told[0]:
        own = [k for k, name in enumerate(told) if name.startswith(f"{first}: ")]
        if not inner.known(turn[own]).all():
            told, turn = against_first(told, turn, first)
            notes = [f"a class's coefficients are told less those of {first}: only differences between classes predict"]
    why = PENALISED if l2 else not_there(fit, cost, theta, bread, kind, known_of, n - p)
    covariance, clusters = np.full((len(told),) * 2, np.nan), 0
    separated, flat = np.zeros(len(told), bool), () if l2 else without_optimum(cost, fit)
    if flat:
        free, bread = bread, held(curvature, flat)
        separated = endless(turn, flat, free, bread)
    clear = inner.known(turn) & ~separated
    if not why:
        if kind == "classical":
            middle = bread * (2 * n * mean_loss / (n - p) if known_of.scaled else 1.0)  # the square's curvature is 2
        else:
            middle, clusters = robust(each, bread, kind, groups, weights(cost), n, p)  # type: ignore[arg-type]
        with np.errstate(all="ignore"):  # what is past the largest float is left out of the table
            found = turn @ middle @ turn.T
        covariance[np.ix_(clear, clear)] = found[np.ix_(clear, clear)]
    notes += [why] if why else []
    unclear = [name for name, yes, end in zip(told, clear, separated) if not yes and not end]
    if unclear and not why:
        notes.append(f"not told apart by the data (collinear columns), so without standard error: {listed(unclear)}")
    degrees = n - p if known_of.scaled and kind == "classical" else None
    lines = tuple(line(name, value, variance, level, degrees, known_of.odds and not_intercept(name) and not end)
                  for name, value, variance, end in zip(told, turn @ theta, np.diag(covariance), separated))
    ends = tuple(name for name, end in zip(told, separated) if end)
    return Inference(title, lines, covariance, kind, level, degrees, n, p, clusters, ends, why, tuple(notes), known_of, cost,
                     params, mean_loss, square, turn)


def against_first(names: Sequence[str], turn: Any, first: str) -> tuple[tuple[str, ...], Any]:
    """Coefficients named "class: column" (R,) less those of the first class, which is left out."""
    pairs = [name.partition(": ")[::2] for name in names]
    of_first = {column: k for k, (one, column) in enumerate(pairs) if one == first}
    kept = [k for k, (one, column) in enumerate(pairs) if one != first and column in of_first]
    return tuple(names[k] for k in kept), turn[kept] - turn[[of_first[pairs[k][1]] for k in kept]]


def held(curvature: Any, flat: Sequence[int]) -> Any:
    """The inverse information (P, P) where the parameters in `flat` stay as they are: at infinity, where these without finite
    optimum go, the rows that they touch say nothing of the others."""
    kept = np.setdiff1d(np.arange(len(curvature)), flat)
    found = np.zeros_like(curvature)
    found[np.ix_(kept, kept)] = inverse(curvature[np.ix_(kept, kept)]).matrix
    return found


def endless(turn: Any, flat: Sequence[int], free: Any, bread: Any) -> Any:
    """Which coefficients, rows of `turn` (R, P), have no finite optimum: the parameters in `flat` have none, and neither has what
    is far surer where these stay (`bread`) than where they move (`free`)."""
    with np.errstate(all="ignore"):
        loose = np.einsum("ij,jk,ik->i", turn, free, turn) > 1e4 * np.einsum("ij,jk,ik->i", turn, bread, turn)
    return loose | (np.abs(turn[:, list(flat)]).sum(axis=1) > 0)


def line(name: str, value: float, variance: float, level: float, degrees: float | None, odds: bool) -> Line:
    """A coefficient with its test and interval."""
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    value = float(value)

    def ratio(x: float) -> float | None:
        return math.exp(x) if odds and x < 700 else None

    if not (np.isfinite(variance) and variance > 0):
        return Line(name, value, odds=ratio(value))
    error = math.sqrt(variance)
    z = value / error
    p = 2 * float(ndtr(-abs(z)) if degrees is None else stdtr(degrees, -abs(z)))
    tail = 0.5 + level / 2
    reach = error * float(ndtri(tail) if degrees is None else stdtrit(degrees, tail))
    return Line(name, value, error, z, p, value - reach, value + reach, ratio(value), ratio(value - reach), ratio(value + reach))


def not_intercept(name: str) -> bool:
    return name != "intercept" and not name.endswith(": intercept")


def not_there(fit: Fit | Mapping[str, Any], cost: Cost, theta: Any, bread: Any, kind: str, family: Family, free: float) -> str:
    """Why there are no standard errors, as a sentence; "" where there are."""
    if kind == "classical" and not family.likelihood:
        return 'the loss is not known to be a likelihood, so its curvature alone tells no standard errors: ask for kind="HC1"'
    if free <= 0 and (family.scaled or kind == "HC1"):
        return f"there are as many coefficients as rows ({cost.total:,g}), so nothing is left to estimate errors from"
    if isinstance(fit, Fit):
        return "" if fit.converged else f"the fit has not reached the optimum, so there are no standard errors: {fit.message}"
    gradient = cost.value_gradient(theta)[1] * cost.total
    rise = 0.5 * float(gradient @ bread @ gradient)
    if rise <= STILL:
        return ""
    return f"the parameters are not at the optimum (the sum of losses can fall by {rise:.2g}), so there are no standard errors"


def of_square(cost: Cost, params: Mapping[str, Any]) -> float:
    """What to multiply the loss by to have the square (z − y)²: 2 over its curvature. Raises UsageError where it is no square."""
    one = Cost(cost.loss, {n: v[:1] for n, v in cost.data.items() if n != cost.weight}).sized(params)
    each = by_example(one, one.flat(params))
    a = int(np.argmax(np.diag(each.curves[:, :, 0])))
    curvature, slope = float(each.curves[a, a, 0]), float(each.slopes[a, 0])
    value = float(one.per_example(one.flat(params))[0])
    if not (curvature > 0 and abs(value - slope**2 / (2 * curvature)) <= 1e-8 * abs(value) + 1e-300):
        raise UsageError("the loss is not a multiple of the square (z − y)², so no variance is estimated from it",
                         'name another family: "likelihood" or "none"')
    return 2.0 / curvature


def null_cost(cost: Cost) -> Cost:
    """The same loss where features are 0, a constant column apart, so that only the intercept is left."""
    found = {n: v for n, v in cost.data.items() if n != cost.weight}
    sizes = dict(cost.sizes)
    shapes = {n: sizes[n] if n in sizes else found[n].shape[1:] for n in cost.loss.inputs}
    met = {m.parameter: m.data for m in core(cost.loss, shapes, frozenset(found)).maps}
    for name in set(met.values()):
        value = found[name]
        found[name] = np.broadcast_to(np.zeros((1, 1)), (cost.m, 1))
        if isinstance(value, np.ndarray):
            constant = np.flatnonzero((value[:1] != 0)[0] & (value == value[:1]).all(axis=0))
            found[name] = value[:, constant[:1]] if len(constant) else found[name]
        sizes |= {n: (*sizes[n][:-1], 1) for n, x in met.items() if x == name}
    weight = cost.data[cost.weight] if cost.weight else None
    made = Cost(cost.loss, found, weight)
    return made.sized({n: np.zeros(sizes[n]) for n in made.inputs})


def default_names(cost: Cost) -> list[str]:
    """b, w[0], W[1, 0]."""
    return [name + (str(list(at)) if at else "") for name in cost.inputs for at in np.ndindex(*cost.sizes[name])]
