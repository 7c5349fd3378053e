"""What a person should know of a fit beyond its numbers: one sentence each, as a warning, with what to do."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..descend.minimize import Fit
from ..errors import DvarWarning
from .coordinates import Standardised

NAMED = 10  # names in one sentence
ALIKE = 1e-11  # curvature below this share is rounding


class NotConverged(DvarWarning, ConvergenceWarning):  # type: ignore[misc]
    """The fit ended before its optimum."""


def told(remark: str, fit: Fit) -> None:
    """Say it as a warning, at the line that called fit."""
    kind = DvarWarning if fit.converged or remark != fit.message else NotConverged
    warnings.warn(remark, kind, stacklevel=3)


def remarks(estimator: Any, cost: Any) -> list[str]:
    """One sentence for each thing that went otherwise than one would think."""
    fit, said = estimator.fit_, []
    names = flat_names(estimator, cost)
    if not fit.converged and not fit.message.startswith("stopped early"):
        said.append(fit.message)
    if fit.flat:
        said.append(f"no finite optimum for {listed([names[k] for k in fit.flat])}: the features separate the values of y, so "
                    "the likelihood rises without end and the last finite values are shown; leave these out, or add l2=")
    if estimator.collinear_:
        said.append(f"{listed(list(estimator.collinear_))} cannot be told apart by the {cost.m:,} rows (collinear columns): of "
                    "the answers that are equally good the shortest is given; leave some out, or add l2=")
    encoding = estimator.reader_.encoding
    if encoding is not None and encoding.dropped:
        said.append("left out: " + "; ".join(f"{name}: {reason}" for name, reason in encoding.dropped.items()))
    if still := list(getattr(estimator, "still_", ())):
        said.append(f"without effect beside the intercept, as they never vary: {listed(still)}; their coefficients are 0")
    return said


def flat_names(estimator: Any, cost: Any) -> list[str]:
    """A name for each of the flat parameters: of its feature where it is one's, else of the parameter."""
    features, names = estimator.reader_.names, []
    for name, size in cost.sizes.items():
        if size and size[-1] == len(features):
            names += [f if len(size) == 1 else f"{f} ({name}[{k}])" for k in range(int(np.prod(size[:-1]))) for f in features]
        else:
            names += [name + (str(list(at)) if at else "") for at in np.ndindex(*size)]
    return names


def listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")


def shortest(fit: Fit, seen: Any, features: tuple[str, ...]) -> tuple[Fit, tuple[str, ...]]:
    """Of equally good answers, where columns are collinear, the one whose weights are shortest in the features' own units; and
    which features these are. It is found along the directions in which the Hessian is zero."""
    if fit.hessian is None or not isinstance(seen, Standardised) or fit.flat or not fit.converged:
        return fit, ()
    null = without_curvature(fit.hessian)
    weights = seen.units != 1.0
    if not null.size:
        return fit, ()
    for one in seen.maps:
        weights[one.weights] = True
    moved = np.array([seen.given(v) for v in null.T]).T
    theta = seen.given(seen.flat(fit.params))
    share = np.linalg.lstsq(moved[weights], -theta[weights], rcond=None)[0]
    part = np.abs(moved[weights]).max(axis=1)
    which = np.flatnonzero(part > 1e-6 * part.max()) % max(len(features), 1)
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
