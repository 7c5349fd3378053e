"""What a loss is as a likelihood, beyond its graph: what it leaves out, what a perfect fit has, whether a variance is estimated.

A loss L is a negative log-likelihood up to a function of y alone (Poisson's log y!), which no derivative sees but AIC does. A row
of the table is all that inference knows of a model; the rest comes from the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


def nothing(y: Any) -> Any:
    return np.zeros(len(y))


def log_factorial(y: Any) -> Any:
    """log y!, (m,); of y + 1 the log of the gamma function."""
    from scipy.special import gammaln

    return gammaln(np.asarray(y, dtype=np.float64) + 1.0)


def least_poisson(y: Any) -> Any:
    """The smallest exp(z) − y z of each example: y − y log y."""
    from scipy.special import xlogy

    return y - xlogy(y, y)


def entropy(y: Any) -> Any:
    """The smallest loss of a probability: 0 for a yes or no, the entropy of a share."""
    from scipy.special import xlogy

    return -xlogy(y, y) - xlogy(1.0 - y, 1.0 - y)


@dataclass(frozen=True)
class Family:
    """A row: `left_out` and `least` are functions of y (m,) → (m,), None where they are not known.

    −log-likelihood of an example = L + left_out(y); its loss is no smaller than `least(y)`. `scaled`: the loss is a multiple of
    the square (z − y)², whose variance σ² is estimated and whose tests are Student's t.
    """

    left_out: Callable[[Any], Any] | None
    least: Callable[[Any], Any] | None
    odds: bool = False  # coefficients are of log-odds, so that exp of one is an odds ratio
    scaled: bool = False
    likelihood: bool = True
    classes: bool = False  # coefficients are of classes, of which only differences predict


FAMILIES = {
    "logistic": Family(nothing, entropy, odds=True),
    "softmax": Family(nothing, nothing, odds=True, classes=True),
    "linear": Family(None, nothing, scaled=True),
    "poisson": Family(log_factorial, least_poisson),
    "negative-binomial": Family(log_factorial, None),
    "ordered": Family(nothing, nothing, odds=True),
    "network": Family(nothing, entropy),
    "likelihood": Family(None, None),  # up to a constant: differences of nested models are known, AIC is not
    "exact": Family(nothing, None),  # the graph holds every term
    "none": Family(None, None, likelihood=False),  # a loss that is no likelihood: only robust errors mean something
}
