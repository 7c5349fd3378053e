"""Fits that people make by mistake, or of data that allow none: what is refused, what is said, and that nothing untrue is."""

import warnings

import numpy as np
import pytest

import dvar as dv
from dvar.models.named import model

rng = np.random.default_rng(11)
m = 400
X = rng.normal(size=(m, 3))
Z = X @ [1.0, 0.0, -1.0] + 0.3
NOISE = rng.logistic(size=m)


def fitted(estimator, x, y):
    """The estimator, and what it said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(x, y)
    return estimator, [str(w.message) for w in caught]


@pytest.mark.parametrize(("loss", "y", "says"), [
    ("logistic", np.where(Z > 0, 1, -1), "y holds -1, and the model is of 0 and 1"),
    ("logistic", np.arange(m) % 3, "y holds 2, and the model is of 0 and 1"),
    ("poisson", Z, "negative"),
    ("negative-binomial", Z, "negative"),
    ("gamma", np.maximum(Z, 0.0), "not above 0"),
    ("softmax", np.arange(m) % 3, 'classes="auto"'),
    ("ordered", np.arange(m) % 3, 'classes="auto"'),
])
def test_a_target_that_a_model_cannot_have_is_refused(loss, y, says):
    with pytest.raises(dv.DvarError) as error:
        dv.Estimator(loss).fit(X, y)
    assert says in str(error.value)


@pytest.mark.parametrize(("name", "constants"), [
    ("quantile", {"level": 1.5}), ("quantile", {"level": 0.0}), ("quantile", {"width": 0.0}), ("huber", {"delta": -1.0}),
    ("huber", {"delta": float("nan")}),
])
def test_constants_that_make_no_loss_are_refused(name, constants):
    with pytest.raises(dv.UsageError, match="give a number above 0"):
        model(name, **constants)


def test_shares_between_no_and_yes_are_a_target():
    share = 1 / (1 + np.exp(-Z))
    assert dv.Estimator("logistic").fit(X, share).coef_ == pytest.approx([1.0, 0.0, -1.0], abs=1e-8)
