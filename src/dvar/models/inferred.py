"""An inference: the coefficients of a fit with their errors, and the likelihood that it reached, beside that of a null model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..descend.fit import Fit
from ..descend.minimize import minimize
from ..errors import DvarError, UsageError, nearest
from ..vectorize.cost import Cost
from . import plots, telling
from .covariance import information, inverse, is_straight, told_apart, weights
from .families import Family


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
    highest: bool = True  # the likelihood is at its top: nothing held the parameters back

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
        theta = cost.flat(self.null.params)
        curvature = information(cost, theta)
        return told_apart(cost, theta) if is_straight(cost, curvature) else inverse(curvature).rank

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
        """Akaike's criterion, −2 log-likelihood + 2p; σ² is not counted. None where the log-likelihood is not the highest, as
        that of a penalised fit."""
        return self.criterion(2.0)

    @property
    def bic(self) -> float | None:
        """Schwarz's criterion, −2 log-likelihood + p log n; σ² is not counted. None as `aic`."""
        return self.criterion(math.log(self.n))

    def criterion(self, price: float) -> float | None:
        if not self.highest or not self.complete or self.log_likelihood is None:
            return None
        return -2 * self.log_likelihood + price * self.parameters

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
        return telling.text(self)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return telling.html(self)

    def plot(self, truth: Any = None, guess: Any = None, *, positive: str = "yes") -> Any:
        """The coefficients with intervals, as Matplotlib's Figure; with the truth (0 or 1) and the probabilities of held-out rows
        also the ROC curve, calibration and thresholds."""
        return plots.plot(self, truth, guess, positive=positive)

    def frame(self) -> Any:
        """The coefficients as a pandas DataFrame, a row each; what is not known is nan."""
        return telling.frame(self)


def null_cost(cost: Cost) -> Cost:
    """The same loss where features are 0, a constant column apart, so that only the intercept is left."""
    found = {n: v for n, v in cost.data.items() if n != cost.weight}
    sizes = dict(cost.sizes)
    maps = cost.core(cost.loss).maps
    for name in {m.data for m in maps}:
        value = found[name]
        found[name] = np.broadcast_to(np.zeros((1, 1)), (cost.m, 1))
        if isinstance(value, np.ndarray):
            constant = np.flatnonzero((value[:1] != 0)[0] & (value == value[:1]).all(axis=0))
            found[name] = value[:, constant[:1]] if len(constant) else found[name]
        sizes |= {m.parameter: (1, *m.shape) if m.turned else (*m.shape, 1) for m in maps if m.data == name}
    weight = cost.data[cost.weight] if cost.weight else None
    made = Cost(cost.loss, found, weight)
    return made.sized({n: np.zeros(sizes[n]) for n in made.inputs})
