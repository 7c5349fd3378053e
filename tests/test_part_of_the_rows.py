"""Fits of many examples begin with a part of the rows: the answer is that of all of them."""

import pickle

import numpy as np
import pytest

import dvar as dv

LOGISTIC = dv.graph("L = softplus(w @ x + b) - y*(w @ x + b)")
POISSON = dv.graph("L = exp(w @ x + b) - y*(w @ x + b)")
M = 60_000
BEGUN = "begun at the optimum of"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(M, 6))
    z = X @ [0.5, -0.3, 0.2, 0.0, 0.1, -0.4] - 0.5
    return X, (rng.random(M) < 1 / (1 + np.exp(-z))).astype(float), rng.poisson(np.exp(0.5 * z)).astype(float)


@pytest.mark.parametrize("graph", [LOGISTIC, POISSON])
@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_the_optimum_is_that_of_all_rows(data, graph, l2):
    X, yes, count = data
    cost = graph.over(x=X, y=yes if graph is LOGISTIC else count)
    fit = cost.minimize(l2=l2)
    assert BEGUN in fit.message
    assert fit.converged
    q = cost.at(fit.params)
    assert np.abs([*(q.dw + l2 * fit.params["w"]), q.db]).max() < 1e-8
    theirs = cost.minimize(method="l-bfgs", l2=l2, tol=1e-9)
    np.testing.assert_allclose(fit.params["w"], theirs.params["w"], atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"l2": 0.01}, {"l1": 0.02}, {"bounds": {"w": (0, None)}}])
def test_its_bits_do_not_depend_on_the_threads(data, options):
    X, yes, _ = data
    one, *others = (LOGISTIC.over(x=X, y=yes, threads=t).minimize(**options) for t in (1, 2, 5))
    for fit in others:
        assert fit.cost == one.cost
        assert fit.passes == one.passes
        np.testing.assert_array_equal(fit.params["w"], one.params["w"])


def test_a_weight_is_so_many_rows(data):
    X, yes, _ = data
    weight = np.arange(M) % 3
    fit = LOGISTIC.over(x=X, y=yes, weight=weight).minimize()
    repeated = LOGISTIC.over(x=np.repeat(X, weight, 0), y=np.repeat(yes, weight)).minimize()
    np.testing.assert_allclose(fit.params["w"], repeated.params["w"], atol=1e-9)
    assert fit.cost == pytest.approx(repeated.cost, rel=1e-12)


def test_the_hessian_is_that_of_all_rows_and_a_pickled_fit_has_what_was_asked_for(data):
    X, yes, _ = data
    cost = LOGISTIC.over(x=X, y=yes)
    fit = cost.minimize()
    assert pickle.loads(pickle.dumps(fit)).hessian is None
    np.testing.assert_allclose(fit.hessian, cost.hessian(fit.params), rtol=1e-12)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fit)).hessian, fit.hessian)


@pytest.mark.parametrize("rows", [3, 500])
def test_a_column_that_separates_and_is_rare_is_seen(data, rows):
    X, yes, _ = data
    rare = np.zeros(M)
    rare[np.flatnonzero(yes)[:rows]] = 1.0
    fit = LOGISTIC.over(x=np.column_stack([X, rare]), y=yes).minimize()
    assert "1 parameter has no finite optimum" in fit.message
    assert fit.flat == (7,)  # after b


def test_collinear_columns_are_told(data):
    X, yes, _ = data
    fit = LOGISTIC.over(x=np.column_stack([X, X[:, 0] + X[:, 1]]), y=yes).minimize()
    assert "collinear" in fit.message
    assert fit.converged
    assert fit.cost == pytest.approx(LOGISTIC.over(x=X, y=yes).minimize().cost, rel=1e-12)


def test_a_loss_that_is_not_convex_ends_where_the_curvature_of_all_rows_is_positive(data):
    X, _, count = data
    cost = dv.graph("L = log1p((y - w @ x - b)**2)").over(x=X, y=count)
    fit = cost.minimize(seed=0)
    assert fit.converged
    q = cost.at(fit.params)
    assert np.abs([*q.dw, q.db]).max() < 1e-7
    assert np.linalg.eigvalsh(cost.hessian(fit.params)).min() > 0


def test_few_rows_need_no_part(data):
    X, yes, _ = data
    assert BEGUN not in LOGISTIC.over(x=X[:40_000], y=yes[:40_000]).minimize().message
