"""Tests between nested models: the likelihood-ratio, the score (Rao's, Lagrange multiplier) and the Wald test.

The three ask the same question from different ends: how much the likelihood rises, how steep it is at the smaller model, how far
the larger one's coefficients are from 0 (Rao 1948; Wald 1943; Engle 1984, Handbook of Econometrics II, chapter 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DvarError, UsageError, nearest
from .covariance import information, inverse, weights

if TYPE_CHECKING:
    from .inferred import Inference

__all__ = ["Tested", "against_null", "lr_test", "score_test", "wald_test"]


@dataclass(frozen=True)
class Tested:
    """A test: its statistic, degrees of freedom (two of an F), and the probability of one as large if the smaller model holds."""

    name: str
    statistic: float
    degrees: tuple[float, ...]
    p: float

    def __str__(self) -> str:
        letter = "χ²" if len(self.degrees) == 1 else "F"
        said = "P < 0.001" if self.p < 0.001 else f"P = {self.p:.3f}"
        return f"{self.name}: {letter}({', '.join(f'{d:g}' for d in self.degrees)}) = {self.statistic:.4f}, {said}"


def chi_square(name: str, statistic: float, degrees: int) -> Tested:
    from scipy.special import chdtrc

    return Tested(name, float(statistic), (degrees,), float(chdtrc(degrees, max(statistic, 0.0))))


def against_null(found: Inference) -> Tested:
    """The likelihood-ratio test of a model against the one with the intercept alone."""
    rise = (found.log_likelihood or 0.0) - (found.null_log_likelihood or 0.0)
    return chi_square("likelihood-ratio test", 2 * rise, found.parameters - found.null_parameters)


def lr_test(restricted: Inference, full: Inference) -> Tested:
    """Twice the rise of the log-likelihood from the restricted to the full model, χ² by the parameters more.

    Raises UsageError where the two are not of the same rows and loss or not nested, DvarError where one has no likelihood.
    """
    degrees = comparable(restricted, full)
    for found in (restricted, full):
        if found.log_likelihood is None:
            raise DvarError("the loss is not known to be a likelihood, so there is no likelihood ratio")
        if found.why:
            raise DvarError(f"a likelihood ratio needs both models at their optimum: {found.why}")
    rise = full.log_likelihood - restricted.log_likelihood  # type: ignore[operator]
    if rise < -1e-6 * max(1.0, abs(full.log_likelihood)):  # type: ignore[arg-type]
        raise UsageError(f"the full model's log-likelihood {full.log_likelihood:.6g} is below the restricted one's "
                         f"{restricted.log_likelihood:.6g}, so they are not nested", "the full model has all terms of the other")
    return chi_square("likelihood-ratio test", 2 * rise, degrees)


def score_test(restricted: Inference, full: Inference) -> Tested:
    """sᵀ I⁻¹ s at the restricted model's coefficients, those that it lacks 0, by the full model's graph; χ².

    Coefficients are matched by name. Raises as `lr_test`, and UsageError where the full model lacks a name of the restricted.
    """
    degrees = comparable(restricted, full)
    lacking = [n for n in restricted.names if n not in full.names]
    if lacking:
        raise UsageError(f"the full model has no coefficient {lacking[0]!r}{nearest(lacking[0], full.names)}",
                         "coefficients of nested models are matched by name")
    told = dict.fromkeys(full.names, 0.0) | {line.name: line.coefficient for line in restricted.lines}
    theta = np.linalg.lstsq(full.turn, np.array([told[n] for n in full.names]), rcond=None)[0]
    curvature = information(full.cost, theta)
    value, gradient = full.cost.value_gradient(theta)
    gradient = gradient * full.n
    scale = 2 * value if full.family.scaled else 1.0  # σ², of a square whose curvature is 2
    return chi_square("score test", float(gradient @ inverse(curvature).matrix @ gradient) / scale, degrees)


def wald_test(found: Inference, names: Sequence[str] | Any, value: Any = 0.0) -> Tested:
    """Whether some coefficients, or sums R @ coefficients of them (q, R), all equal `value`; an F where a variance is estimated.

    Raises UsageError for names that are not there, DvarError where one has no standard error.
    """
    if isinstance(names, str) or all(isinstance(n, str) for n in names):
        asked = [names] if isinstance(names, str) else list(names)
        for name in asked:
            found[name]  # says which there are
        rows = np.array([[float(n == name) for n in found.names] for name in asked])
    else:
        rows = np.atleast_2d(np.asarray(names, dtype=np.float64))
    if rows.ndim != 2 or rows.shape[1] != len(found.names) or not rows.size:
        raise UsageError(f"R has shape {rows.shape}, there are {len(found.names)} coefficients",
                         "give names, or one row of numbers for each sum of coefficients")
    used = np.abs(rows).sum(axis=0) > 0
    unknown = [n for n, yes, v in zip(found.names, used, np.diag(found.covariance)) if yes and not np.isfinite(v)]
    if unknown:
        raise DvarError(f"{unknown[0]!r} has no standard error" + (f": {found.notes[0]}" if found.notes else ""))
    values = np.array([line.coefficient for line in found.lines])
    gap = rows @ np.where(used, values, 0.0) - value
    middle = rows[:, used] @ found.covariance[np.ix_(used, used)] @ rows[:, used].T
    if np.linalg.matrix_rank(middle) < len(rows):
        raise UsageError("the rows of R are not independent", "leave out those that follow from the others")
    statistic = float(gap @ np.linalg.solve(middle, gap))
    if found.degrees is None:
        return chi_square("Wald test", statistic, len(rows))
    from scipy.special import fdtrc

    q = len(rows)
    return Tested("Wald test", statistic / q, (q, found.degrees), float(fdtrc(q, found.degrees, statistic / q)))


def comparable(restricted: Inference, full: Inference) -> int:
    """How many parameters the full model has more. Raises UsageError where the two cannot be compared."""
    a, b = restricted.cost, full.cost
    what = f"rows, {a.m:,} and {b.m:,}" if a.m != b.m else ""
    what = what or ", ".join(n for n in ("y", "offset") if not np.array_equal(a.data.get(n, 0), b.data.get(n, 0)))
    what = what or ("weights" if not np.array_equal(weights(a), weights(b)) else "kind of loss")
    if what != "kind of loss" or restricted.family != full.family:
        raise UsageError(f"the two models are not of the same {what}", "fit both to the same y, weights, offset and loss")
    degrees = full.parameters - restricted.parameters
    if degrees <= 0:
        raise UsageError(f"the full model has {full.parameters} parameters, the restricted one {restricted.parameters}",
                         "give the smaller model first")
    return degrees
