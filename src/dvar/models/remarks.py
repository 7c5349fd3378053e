"""What a person should know of a fit beyond its numbers: one sentence each, as a warning, with what to do."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..descend.fit import Fit
from ..errors import DvarError, DvarWarning, many
from ..vectorize.cost import Cost
from .coordinates import HIDES, Standardised
from .diagnostics import diagnose
from .inference import default_names
from .named import linear_maps, rows_of
from .training import taken
from .words import listed

GIVEN, ONE = "the shortest is given", "one is given"
IN_UNITS, SMALL = ("delta", "width"), 0.01  # constants of a model in the units of y; of its spread: steps see no further
ALIKE = 1e-11  # curvature below this share is rounding


class NotConverged(DvarWarning, ConvergenceWarning):  # type: ignore[misc]
    """The fit ended before its optimum."""


def say(remark: str, fit: Fit | None = None) -> None:
    """Say it as a warning, at the line outside that called the estimator."""
    kind = NotConverged if fit is not None and remark == fit.message else DvarWarning
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(("dvar.", "sklearn.callback")):
        level, frame = level + 1, frame.f_back
    warnings.warn(remark, kind, stacklevel=level)


def remarks(estimator: Any, cost: Cost) -> list[str]:
    """What went otherwise than one would think, a sentence each; where all is well, the data are not asked again."""
    fit, encoding = estimator.fit_, estimator.reader_.encoding
    said = []
    if encoding is not None and encoding.dropped:
        said.append("left out: " + "; ".join(f"{name}: {reason}" for name, reason in encoding.dropped.items()))
    if unseen := unseen_classes(estimator, cost):
        said.append(f"no row that counts is of {listed(unseen)}: nothing was learned of what classes_ has; leave it out")
    penalised = estimator.penalised_
    bounded = bool(estimator._bounds())  # by a method that does not look whether curvature has vanished
    unsure = not penalised and (fit.flat or estimator.collinear_ or estimator.still_ or fit.curvature is None or bounded)
    y = np.asarray(cost.data["y"])
    few = np.bincount(y.astype(np.intp)).min() == 1 if hasattr(estimator, "classes_") else y.min() == y.max()
    if unsure or few or cost.m <= cost.size or not fit.converged:
        try:
            given = ONE if bounded else GIVEN
            said += diagnose(cost, fit, flat_names(estimator, cost), l2=float(penalised), given=given, answers=answers(estimator))
        except DvarError:  # a loss of another form tells less
            said += [] if fit.converged else [fit.message]
    said += ill_told(estimator, cost, said)
    early = fit.message.startswith(("stopped early", "stopped by a callback"))
    said += [] if fit.converged else out_of_scale(estimator, cost)
    return [one for one in said if not (early and one == fit.message)]


def ill_told(estimator: Any, cost: Cost, said: list[str]) -> list[str]:
    """Columns of which rounding leaves few digits or none, where nothing else was said of them."""
    far, alike = estimator.far_, estimator.collinear_
    if far:
        return [f"{listed(far)} {'lies' if len(far) == 1 else 'lie'} more than {HIDES:,.0f} spreads from 0, which leaves few "
                "digits to how a column varies: subtract its mean, or give a frame, which measures numbers from their means"]
    if len(alike) < 2 or cost.m <= cost.size or any(alike[0] in one for one in said):
        return []
    return [f"{listed(alike)} are collinear but for rounding, so the rows do not tell their coefficients apart: of those that "
            f"predict alike {GIVEN}; leave one out, or add a penalty (l2)"]


def out_of_scale(estimator: Any, cost: Cost) -> list[str]:
    """Constants of a model that are small beside the spread of y, in whose units they are."""
    named = estimator._named() if callable(estimator._named) else estimator._named
    spread = np.subtract(*np.quantile(np.asarray(cost.data["y"]), (0.75, 0.25)))
    return [f"{name} is {named.constants[name]:g} in the units of y, whose middle half spreads over {spread:.2g}, and steps by "
            f"so little do not end: give a {name} nearer to that, as model({named.name!r}, {name}={spread / 10:.1g}), or y in "
            "larger units" for name in IN_UNITS if named.constants.get(name, np.inf) < SMALL * spread]


def answers(estimator: Any) -> list[str] | None:
    """What 0, 1, … of y are called; None of numbers."""
    classes = getattr(estimator, "classes_", None)
    return None if classes is None else [f"{c:g}" if isinstance(c, float) else str(c) for c in np.asarray(classes).tolist()]


def unseen_classes(estimator: Any, cost: Cost) -> list[str]:
    """The classes that stand in no row, or in rows of weight 0 alone."""
    classes = getattr(estimator, "classes_", ())
    if not len(classes):
        return []
    weight = cost.data[cost.weight] if cost.weight else None
    total = np.bincount(np.asarray(cost.data["y"], dtype=np.intp), weight, len(classes))
    return [repr(one) for one, weight in zip(np.asarray(classes).tolist(), total) if weight == 0]


def new_in(x: Any) -> list[str]:
    """What typed columns hold that was not there when their reading was learned, a sentence each."""
    kinds = ("unseen", "of a level not seen in training"), ("missing", "missing, though none was in training")
    return [f"{c}: {many(n, 'row')} {what}, {taken(x.encoding, c)}" for kind, what in kinds
            for c, n in getattr(x, kind, {}).items()]


def flat_names(estimator: Any, cost: Cost) -> list[str]:
    """A name for each flat parameter: its feature, "intercept" or the parameter; of many classes with the class before it."""
    reader, names = estimator.reader_, default_names(cost)
    maps, intercept = linear_maps(cost.loss, tuple(cost.data))
    if len(maps) != 1:
        return names
    rows = rows_of(cost, maps[0])
    labels = getattr(estimator, "classes_", ())
    for k, row in enumerate(rows):
        label = "" if len(rows) == 1 else f"{labels[k] if len(labels) == len(rows) else k}: "
        for j, name in zip(row, reader.names):
            names[j] = label + name
        if intercept:
            names[cost.places[intercept].start + k] = label + "intercept"
    return names


def shortest(fit: Fit, seen: Any, features: tuple[str, ...]) -> tuple[Fit, tuple[str, ...]]:
    """Of equally good answers, where columns are collinear, the one whose weights are shortest in the features' own units; and
    which features these are. It is found along the directions in which the Hessian is zero."""
    if fit.regular or fit.curvature is None or not isinstance(seen, Standardised) or fit.flat or not fit.converged:
        return fit, ()
    null = without_curvature(fit.hessian)
    weights, feature = seen.units != 1.0, np.zeros(seen.size, np.intp)
    if not null.size:
        return fit, ()
    for one in seen.maps:
        weights[one.weights] = True
    for name in linear_maps(seen.cost.loss, tuple(seen.cost.data))[0]:
        feature[rows_of(seen.cost, name)] = np.arange(len(features))
    moved = np.array([seen.given(v) for v in null.T]).T
    theta = seen.given(seen.flat(fit.params))
    share = np.linalg.lstsq(moved[weights], -theta[weights], rcond=None)[0]
    part = np.abs(moved[weights]).max(axis=1)
    which = feature[weights][part > 1e-6 * part.max()]
    params = seen.cost.named(theta + moved @ share)
    return replace(fit, params=params), tuple(dict.fromkeys(features[k] for k in which))


def without_curvature(hessian: Any) -> Any:
    """The directions (P, k) in which a positive semidefinite matrix is zero."""
    diagonal = np.diag(hessian)
    moves = diagonal > 0
    scale = np.where(moves, 1.0 / np.sqrt(np.where(moves, diagonal, 1.0)), 0.0)
    scaled = hessian * scale[:, None] * scale
    inner = scaled[np.ix_(moves, moves)]
    try:
        if np.min(np.diag(np.linalg.cholesky(inner)), initial=1.0) ** 2 > ALIKE:
            return np.zeros((len(hessian), 0))
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(inner)
    null = values <= ALIKE * np.max(values, initial=0.0)
    found = np.zeros((len(hessian), int(null.sum())))
    found[moves] = scale[moves, None] * vectors[:, null]
    return found
