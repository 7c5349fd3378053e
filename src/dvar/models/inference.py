"""What a fit means: standard errors, tests and intervals of its parameters, and the likelihood that the fit reached.

All of it comes from a cost at its optimum and from the graph of its loss, whoever made the fit. What the data do not tell – a
coefficient without finite optimum, a direction of collinear columns, a fit that was penalised or stopped early – is None, and a
note says why. Formulas: Greene, Econometric Analysis (2003), chapters 17 and 21; McCullagh & Nelder, Generalized Linear Models
(1989).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from ..descend.curvature import WIDE
from ..descend.fit import Fit
from ..errors import UsageError, nearest
from ..expression.graph import INPUT
from ..expression.ops import OPS
from ..vectorize.by_example import ByExample, by_example
from ..vectorize.cost import Cost
from ..vectorize.run import one_blas_thread
from .covariance import Inverse, checked_kind, inverse, is_straight, observed, robust, told_apart, weights
from .families import FAMILIES, Family
from .inferred import Inference, Line
from .separation import without_optimum
from .words import listed

SAMPLES = "fit it to samples of the rows, drawn with replacement, and see how the coefficients vary"
STRAIGHT = f"the loss is made of straight pieces, which have no curvature to tell standard errors by: {SAMPLES}"
KINKED = f"rows lie on kinks of the loss, of which its curvature tells nothing, so there are no standard errors: {SAMPLES}"
PENALISED = "penalised coefficients are pulled towards 0, so the curvature tells no standard errors: fit without a penalty"
STILL = 1e-6  # a log-likelihood that can rise by less is at its top
EXACT = 1e-13  # of the largest y is rounding


@one_blas_thread()  # of a second one matrices of a few hundred have nothing, and it waits for a core that others use
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
    checked(family, kind, groups, level)
    known_of = FAMILIES[family]
    params = dict(fit.params if isinstance(fit, Fit) else fit)
    cost = cost.sized(params)
    theta, n = cost.flat(params), cost.total
    told, turn = named(cost, names, turn)
    mean_loss = fit.cost if isinstance(fit, Fit) and not l2 else cost.value_gradient(theta)[0]
    each = by_example(cost, theta) if hessian is None or kind != "classical" else None
    curvature = hessian * n if each is None else observed(each)
    inner = inverse(curvature)
    notes: list[str] = []
    if known_of.classes and not l2:
        told, turn, notes = against_first(told, turn, inner)
    flat = () if l2 else without_optimum(cost, fit)
    bread = held(curvature, flat) if flat else inner.matrix
    separated = endless(turn, flat, inner.matrix, bread)
    straight = is_straight(cost, curvature)
    parameters = told_apart(cost, theta) if straight else inner.rank
    free = n - parameters
    square = of_square(cost, params) if known_of.scaled else 0.0
    if l2:
        why, highest = PENALISED, False
    elif straight:
        why, highest = STRAIGHT, not isinstance(fit, Fit) or fit.converged
    else:
        why, highest = not_there(fit, each, cost, bread, kind, known_of, free)
    if not why and is_exact(cost, mean_loss * square, known_of):
        why = "every row is fitted to rounding, so nothing is left to estimate errors from"
    covariance, clusters = np.full((len(told),) * 2, np.nan), 0
    clear = inner.known(turn) & ~separated
    if why:
        notes.append(why)
    else:
        # A loss c·r² has the curvature 2c·xxᵀ: c cancels against that in the loss, and σ²(XᵀX)⁻¹ is left.
        middle = bread * (2 * n * mean_loss / free if known_of.scaled else 1.0)
        if kind != "classical" and each is not None:
            middle, clusters = robust(each, bread, kind, groups, weights(cost), n, parameters)
        with np.errstate(all="ignore"):  # what is past the largest float is left out of the table
            covariance[np.ix_(clear, clear)] = turn[clear] @ middle @ turn[clear].T
        unclear = [name for name, yes in zip(told, clear | separated) if not yes]
        if unclear:
            notes.append(f"not told apart by the data (collinear columns), so without standard error: {listed(unclear)}")
    with np.errstate(all="ignore"):
        in_units = turn @ theta
    degrees = free if known_of.scaled and kind == "classical" else None
    odds = of_data(cost, turn) & ~separated & known_of.odds
    lines = tuple(line(name, value, variance, level, degrees, ratio)
                  for name, value, variance, ratio in zip(told, in_units, np.diag(covariance), odds))
    ends = tuple(name for name, end in zip(told, separated) if end)
    return Inference(title, lines, covariance, kind, level, degrees, n, parameters, clusters, ends, why, tuple(notes), known_of,
                     cost, params, mean_loss, square, turn, highest)


def checked(family: str, kind: str, groups: Any, level: float) -> None:
    checked_kind(kind, groups)
    if family not in FAMILIES:
        raise UsageError(f"there is no family {family!r}{nearest(family, FAMILIES)}")
    if not (isinstance(level, float) and 0 < level < 1):
        raise UsageError(f"the level is {level!r}", "give a share between 0 and 1, such as 0.95")


def named(cost: Cost, names: Sequence[str] | None, turn: Any) -> tuple[tuple[str, ...], Any]:
    """The coefficients' names (R,) and the matrix (R, P) that makes them of the parameters."""
    turn = np.eye(cost.size) if turn is None else np.asarray(turn, dtype=np.float64)
    told = tuple(default_names(cost) if names is None else names)
    if turn.shape != (len(told), cost.size):
        raise UsageError(f"there are {len(told)} names of {turn.shape[0]} coefficients made of {turn.shape[1]} parameters; "
                         f"the cost has {cost.size}")
    return told, turn


def against_first(told: tuple[str, ...], turn: Any, inner: Inverse) -> tuple[tuple[str, ...], Any, list[str]]:
    """Coefficients named "class: column" (R,) less those of the first class, which is left out, where the data tell but the
    differences; and a note that says so."""
    pairs = [name.partition(": ") for name in told]
    first = pairs[0][0]
    of_first = {column: k for k, (one, between, column) in enumerate(pairs) if one == first and between}
    if not of_first or inner.known(turn[list(of_first.values())]).all():
        return told, turn, []
    kept = [k for k, (one, _, column) in enumerate(pairs) if one != first and column in of_first]
    base = [of_first[pairs[k][2]] for k in kept]
    note = f"a class's coefficients are told less those of {first}: only differences between classes predict"
    return tuple(told[k] for k in kept), turn[kept] - turn[base], [note]


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
    if not flat:
        return np.zeros(len(turn), bool)
    with np.errstate(all="ignore"):
        loose = variances(turn, free) > 1e4 * variances(turn, bread)
    return loose | (np.abs(turn[:, list(flat)]).sum(axis=1) > 0)


def variances(turn: Any, covariance: Any) -> Any:
    """Those of the coefficients, rows of `turn` (R, P), by the parameters' covariance (P, P)."""
    if len(covariance) < WIDE:
        return (turn @ covariance * turn).sum(axis=1)
    from scipy.sparse import csr_array

    few = csr_array(turn)  # most coefficients are made of one parameter or two
    return few.multiply(few @ covariance).sum(axis=1)


def line(name: str, value: float, variance: float, level: float, degrees: float | None, odds: bool) -> Line:
    """A coefficient with its test and interval."""
    value = float(value)

    def ratio(x: float) -> float | None:
        return math.exp(x) if odds and x < 700 else None

    if not (np.isfinite(variance) and variance > 0):
        return Line(name, value, odds=ratio(value))
    error = math.sqrt(variance)
    z = value / error
    tail = 0.5 + level / 2
    if degrees is None:
        p, reach = math.erfc(abs(z) / math.sqrt(2)), error * NormalDist().inv_cdf(tail)
    else:
        from scipy.special import stdtr, stdtrit

        p, reach = 2 * float(stdtr(degrees, -abs(z))), error * float(stdtrit(degrees, tail))
    return Line(name, value, error, z, p, value - reach, value + reach, ratio(value), ratio(value - reach), ratio(value + reach))


def of_data(cost: Cost, turn: Any) -> Any:
    """Which coefficients, rows of `turn` (R, P), are of parameters that multiply data: an intercept or a cut has no unit more."""
    nodes = cost.loss.nodes
    data = {k for k, node in enumerate(nodes) if node.op == INPUT and node.name in cost.data}
    beside = {nodes[k].name for node in nodes if data.intersection(node.operands) and OPS[node.op].linear == (0, 1)
              for k in node.operands}
    others = [k for name, at in cost.places.items() if name not in beside for k in range(at.start, at.stop)]
    return ~turn[:, others].any(axis=1)


def not_there(
    fit: Fit | Mapping[str, Any], each: ByExample | None, cost: Cost, bread: Any, kind: str, family: Family, free: float
) -> tuple[str, bool]:
    """Why there are no standard errors, as a sentence, "" where there are; and whether the likelihood is at its top."""
    if kind == "classical" and not family.likelihood:
        return ('the loss is not known to be a likelihood, so its curvature alone tells no standard errors: ask for kind="HC1"',
                True)
    if free <= 0 and (family.scaled or kind == "HC1"):
        return f"there are as many coefficients as rows ({cost.total:,g}), so nothing is left to estimate errors from", True
    if isinstance(fit, Fit) and not fit.converged:
        return f"the fit has not reached the optimum, so there are no standard errors: {fit.message}", False
    if each is None:
        return "", True
    gradient = each.total(weights(cost) * each.slopes)
    rise = 0.5 * float(gradient @ bread @ gradient)
    if rise <= STILL:
        return "", True
    if isinstance(fit, Fit) and fit.method == "smoothed-newton":
        return KINKED, True
    return (f"the parameters are not at the optimum (the sum of losses can fall by {rise:.2g}; bounds or a penalty may hold "
            "them), so there are no standard errors"), False


def is_exact(cost: Cost, variance: float, family: Family) -> bool:
    """Whether the residuals of a linear model are rounding beside y."""
    return family.scaled and "y" in cost.data and math.sqrt(variance) <= EXACT * float(np.max(np.abs(np.asarray(cost.data["y"]))))


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


def default_names(cost: Cost) -> list[str]:
    """b, w[0], W[1, 0]."""
    return [name + (str(list(at)) if at else "") for name in cost.inputs for at in np.ndindex(*cost.sizes[name])]
