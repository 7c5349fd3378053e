"""Fits that people make by mistake, or of data that allow none: what is refused, what is said, and that nothing untrue is."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

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
    ("huber", {"delta": float("nan")}), ("huber", {"delta": "1"}),
])
def test_constants_that_make_no_loss_are_refused(name, constants):
    with pytest.raises(dv.UsageError, match="give a number above 0"):
        model(name, **constants)


def test_shares_between_no_and_yes_are_a_target():
    share = 1 / (1 + np.exp(-Z))
    assert dv.Estimator("logistic").fit(X, share).coef_ == pytest.approx([1.0, 0.0, -1.0], abs=1e-8)


def test_where_one_column_tells_all_rows_the_others_are_not_told_beside_it():
    _, [said] = fitted(dv.LogisticRegression(), X, X[:, 0] > 0)
    assert "x0 tells y in all 400 rows where x0 is not 0 (perfect separation)" in said


def test_rows_that_a_level_tells_alone_are_told_once_of_many_classes():
    y = np.arange(m) % 3
    _, [said] = fitted(dv.LogisticRegression(), np.column_stack([y == 2, X]), y)
    assert said.startswith("y is 2 in all 133 rows where x0 is 1")


def test_a_network_is_not_said_to_be_separated_by_a_column():
    x = np.random.default_rng(0).normal(size=(500, 3))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    for loss, target, options in (("network", y, {"classes": "auto"}), ("network-regression", x[:, 0] * x[:, 1], {"steps": 300})):
        _, said = fitted(dv.Estimator(loss, **options), x, target)
        assert not [one for one in said if "tells y" in one or "for ever" in one]


def test_a_class_of_no_row_is_said_by_its_name():
    y = np.digitize(Z + NOISE, [-1.0, 1.0])
    _, said = fitted(dv.Estimator("ordered", classes=[0, 1, 2, 3]), X, y)
    assert "no row that counts is of 3" in said[0]
    assert not [one for one in said if "where g" in one]


def test_counts_that_vary_as_a_poisson_s_have_no_finite_dispersion():
    y = np.random.default_rng(0).poisson(np.exp(X[:, 0] / 2))
    _, [said] = fitted(dv.Estimator("negative-binomial"), X, np.minimum(y, 3))
    assert said.startswith("the loss falls for ever as s falls, so it has no finite optimum")


def test_a_column_that_varies_by_rounding_is_no_saddle():
    far = np.column_stack([X[:, 0], 1e6 + 1e-3 * X[:, 1]])
    found, said = fitted(dv.LogisticRegression(), far, Z + NOISE > 0)
    assert "more than 100,000 spreads from 0" in said[-1]
    assert "saddle" not in found.fit_.message


@pytest.mark.parametrize(("loss", "constant"), [("huber", "delta"), ("quantile", "width")])
def test_a_constant_far_below_the_spread_of_y_is_named(loss, constant):
    found, said = fitted(dv.Estimator(loss, method="newton"), X, 1e6 * (Z + NOISE))
    assert not found.fit_.converged
    assert said[-1].startswith(f"{constant} is ")
    wide = dv.Estimator(model(loss, **{constant: 1e5}))
    assert fitted(wide, X, 1e6 * (Z + NOISE))[1] == []


def test_beside_so_small_a_constant_huber_ends_where_the_sum_of_deviations_is_least():
    found, said = fitted(dv.Estimator("huber"), X, 1e6 * (Z + NOISE))
    assert found.fit_.converged
    assert said == []
    best = linprog(np.r_[np.zeros(4), np.full(2 * m, 1 / m)], A_eq=np.c_[X, np.ones(m), np.eye(m), -np.eye(m)],
                   b_eq=1e6 * (Z + NOISE), bounds=[(None, None)] * 4 + [(0, None)] * (2 * m))
    delta = model("huber").constants["delta"]
    assert found.fit_.cost == pytest.approx(delta * best.fun - delta**2 / 2 * (1 - 4 / m), rel=1e-8)


def test_no_bound_may_be_said_for_some_coefficients():
    y = Z + NOISE > 0
    some = dv.LogisticRegression(bounds=([None, None, 0.0], [0.5, None, None])).fit(X, y)
    same = dv.LogisticRegression(bounds=([-np.inf, -np.inf, 0.0], [0.5, np.inf, np.inf])).fit(X, y)
    assert (some.coef_ == same.coef_).all()
    assert some.coef_[0, [0, 2]] == pytest.approx([0.5, 0.0])


def test_separation_within_bounds_is_said():
    _, [said] = fitted(dv.LogisticRegression(bounds=(0, None)), X, X[:, 0] > 0)
    assert "perfect separation" in said
    assert fitted(dv.LogisticRegression(bounds=(0, None)), X, Z + NOISE > 0)[1] == []


def test_missing_numbers_of_a_sparse_matrix_are_counted_by_row_without_writing_it_out():
    x = sparse.csr_array(np.eye(6, 4))
    wide = sparse.csr_array((np.r_[np.nan, np.nan, 1.0], ([2, 2, 5], [0, 9_999_999, 3])), shape=(6_000, 10_000_000))  # 480 GB of zeros
    for given, said in ((x * np.nan, "in 4 of 6 rows"), (wide, "in 1 of 6,000 rows")):
        with pytest.raises(dv.DvarError, match=said):
            dv.LogisticRegression().fit(given, np.arange(given.shape[0]) % 2)


@pytest.mark.parametrize("rows", [60, 500])
def test_ordered_classes_that_a_sum_tells_apart_have_no_finite_optimum(rows):
    x = np.random.default_rng(0).normal(size=(rows, 2))
    x = x[np.abs(np.abs(x @ [1.0, 0.5]) - 0.5) > 0.1]
    found, said = fitted(dv.Estimator("ordered", classes=[0, 1, 2]), x, np.digitize(x @ [1.0, 0.5], [-0.5, 0.5]))
    assert "parameters have no finite optimum" in found.fit_.message
    assert said[0].startswith("a sum of x0, x1 tells y in all")
    assert "(perfect separation)" in said[0]


@pytest.mark.parametrize("seed", [24, 43, 44, 111, 244, 285])
def test_ordered_classes_that_are_told_apart_by_little_are_told(seed):
    r = np.random.default_rng(seed)
    rows, n, classes = int(r.integers(30, 400)), int(r.integers(1, 5)), int(r.integers(2, 5))
    x = r.normal(size=(rows, n))
    z, cuts = x @ r.normal(size=n), np.sort(r.normal(size=classes - 1))
    kept = np.abs(z[:, None] - cuts).min(axis=1) > r.choice([0.01, 0.1])
    found, said = fitted(dv.Estimator("ordered", classes="auto"), x[kept], np.digitize(z[kept], cuts))
    assert "for ever" in said[0] or "(perfect separation)" in said[0]
    assert "no finite optimum" in found.fit_.message


@pytest.mark.parametrize("loss", ["(w @ x + b - y)**4", "(w @ x + b - y)**8", "(exp(w @ x + b) - exp(y))**4"])
def test_a_power_that_is_fitted_exactly_has_an_optimum(loss):
    x = np.random.default_rng(0).normal(size=(60, 2))
    fit = dv.graph(f"L = {loss}").over(x=x, y=x[:, 1] + 1).minimize()
    assert "no finite optimum" not in fit.message
    assert fit.params["w"] == pytest.approx([0.0, 1.0], abs=1e-2)
