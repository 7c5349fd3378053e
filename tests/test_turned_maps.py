"""x @ W, W's columns for results: whatever is asked, it is what W @ x with W transposed answers."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

import dvar as dv
from dvar.data.encoding import Encoding
from dvar.models.separation_told import common

TURNED = dv.graph("inputs: W, b, x, y\nz = x @ W + b; L = logsumexp(z) - z[y]")
ROWS = dv.graph("inputs: W, b, x, y\nz = W @ x + b; L = logsumexp(z) - z[y]")
M, N, K = 700, 5, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(M, N)) * [1, 50, 0.02, 1, 1] + [0, 10, 0, 400, 0]
LOGITS = (X - X.mean(axis=0)) / X.std(axis=0) @ RNG.normal(size=(N, K))
Y = np.argmax(LOGITS + RNG.gumbel(size=(M, K)), axis=1)
FRAME = pd.DataFrame({"p": X[:, 0], "q": np.where(X[:, 1] > 40, np.nan, X[:, 1]), "r": np.array(list("uvw"))[RNG.integers(0, 3, M)]})
PLACES = np.arange(N * K).reshape(N, K).T.ravel()  # of the rows of W.T in a flat W


def typed():
    table = pa.Table.from_pandas(FRAME)
    return Encoding.learn(table, table.column_names, reference=True).encode(table)


STORAGES = {
    "row by row": lambda: X, "column by column": lambda: np.asfortranarray(X), "float32": lambda: X.astype(np.float32),
    "whole numbers": lambda: np.round(X).astype(np.int32), "sparse": lambda: sparse.csr_matrix(np.where(X > 0, X, 0)), "typed": typed,
}


@pytest.mark.parametrize("weight", [None, RNG.integers(0, 3, M)], ids=["", "weights"])
@pytest.mark.parametrize("storage", STORAGES)
def test_values_gradients_and_hessians(storage, weight):
    x = STORAGES[storage]()
    n = x.shape[1]
    W, b = RNG.normal(size=(n, K)) / 50, RNG.normal(size=K)
    given, other = {"W": W, "b": b}, {"W": W.T, "b": b}
    one, two = (g.over(x=x, y=Y, weight=weight).sized(p) for g, p in ((TURNED, given), (ROWS, other)))
    value, dW, db = two.program("numpy")(**other)
    for target in ("fused", "numpy", "loop"):
        program = one.program(target)
        assert program.target == target
        found = program(**given)
        assert found[0] == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(found[1], dW.T, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(found[2], db, rtol=1e-11, atol=1e-13)
    at = np.r_[np.arange(n * K).reshape(n, K).T.ravel(), n * K : n * K + K]
    hessian = two.hessian(other)
    np.testing.assert_allclose(one.hessian(given)[np.ix_(at, at)], hessian, rtol=1e-10, atol=1e-12 * np.abs(hessian).max())
    direction = {"W": RNG.normal(size=(n, K)), "b": RNG.normal(size=K)}
    turned = two.hvp(other, direction={"W": direction["W"].T, "b": direction["b"]})
    np.testing.assert_allclose(one.hvp(given, direction=direction)["W"], turned["W"].T, rtol=1e-9, atol=1e-9)


def test_the_same_matrix_both_ways():
    x = X[:, :3]
    graph = dv.graph("inputs: W, x, y\nL = sum((W @ x)**2) + sum(sin(x @ W)) - y*sum(W @ x)")
    W = RNG.normal(size=(3, 3)) / 100
    cost = graph.over(x=x, y=Y).sized({"W": W})
    fused, numpy = cost.program("fused"), cost.program("numpy")
    assert fused.target == "fused"
    for a, b in zip(fused(W=W), numpy(W=W), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
    step = 1e-6
    slopes = [(cost.at(W=W + step * e).dW - cost.at(W=W - step * e).dW).ravel() / (2 * step) for e in np.eye(9).reshape(9, 3, 3)]
    np.testing.assert_allclose(cost.hessian(W=W), slopes, rtol=1e-5, atol=1e-4)


def test_a_matrix_that_also_meets_something_else_from_the_right_is_not_turned():
    """h @ W is no map of the features: tied weights."""
    graph = dv.graph("inputs: W, c, x, y\nh = tanh(W @ x + c); r = h @ W; s = sum(r); L = (s - y)**2")
    est = dv.Estimator(graph, predict="s", start={"W": np.full((2, 6), 0.1), "c": np.array([0.1, -0.1])}, l2=1e-3).fit(FRAME, LOGITS[:, 0])
    assert est.coef_.shape == (2, 6)
    scale = est.reader_.encoding.units[1]
    np.testing.assert_allclose(est.coef_, est.fit_.params["W"] / scale, rtol=1e-12)


def test_features_far_from_zero_are_fitted_by_newton():
    zeros = {"W": np.zeros((N, K)), "b": np.zeros(K)}
    one = TURNED.over(x=X, y=Y).minimize(start=zeros, l2=1e-4, penalize="W", tol=1e-10)
    two = ROWS.over(x=X, y=Y).minimize(start={**zeros, "W": np.zeros((K, N))}, l2=1e-4, penalize="W", tol=1e-10)
    assert (one.converged, one.method, one.passes) == (True, two.method, two.passes)
    assert one.cost == pytest.approx(two.cost, rel=1e-12)
    np.testing.assert_allclose(one.params["W"], two.params["W"].T, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("data", [X, FRAME], ids=["array", "frame"])
def test_estimators_tell_the_same(data):
    n = 6 if data is FRAME else N  # p, q, "q missing", r=u, r=v, r=w
    fits = [dv.Estimator(graph, predict="z", start={"W": np.zeros(shape), "b": np.zeros(K)}, l2=1e-3, penalize=["W"]).fit(data, Y)
            for graph, shape in ((TURNED, (n, K)), (ROWS, (K, n)))]
    one, two = fits
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(one.intercept_, two.intercept_, rtol=1e-5, atol=1e-7)
    assert one.coef_.shape == (K, n)
    np.testing.assert_allclose(one.predict(data), two.predict(data), rtol=1e-6, atol=1e-8)
    lines = [{line.name: line.coefficient for line in fit.summary(kind="HC1").lines} for fit in fits]
    assert lines[0] == pytest.approx(lines[1], rel=1e-5, abs=1e-7)


def test_collinear_columns_and_separation_are_told_the_same():
    x = np.column_stack([X[:, 0], 2 * X[:, 0], Y == 2])
    said = []
    for graph, shape in ((TURNED, (3, K)), (ROWS, (K, 3))):
        names = [f"{c}: {f}" for f in "uvw" for c in "012"] if shape[0] == 3 == K and graph is TURNED else None
        names = names or [f"{c}: {f}" for c in "012" for f in "uvw"]
        cost = graph.over(x=x, y=Y)
        fit = cost.minimize(start={"W": np.zeros(shape), "b": np.zeros(K)})
        said.append(dv.diagnose(cost, fit, [*names, *(f"{c}: intercept" for c in "012")]))
    assert said[0] == said[1]
    assert any("v" in line and "u" in line for line in said[0])
    assert any("w" in line for line in said[0])


def test_what_models_without_features_cost():
    zeros = {"W": np.zeros((N, K)), "b": np.zeros(K)}
    found = []
    for graph, start in ((TURNED, zeros), (ROWS, {**zeros, "W": np.zeros((K, N))})):
        cost = graph.over(x=X, y=Y)
        found.append(dv.inference(cost, cost.minimize(start=start, l2=1e-9), family="likelihood").null_log_likelihood)
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize("text", [
    "inputs: w, b, x, y\nz = w @ x + b; L = softplus(z) - y*z", "inputs: w, u, b, x, y\nz = w @ x + b; s = u @ x; L = s + (y - z)**2*exp(-s)",
    "inputs: W, b, x, y\nz = W @ x + b; L = logsumexp(z) - y*sum(z)", "inputs: W, x, y\nz = x @ W; L = sum(tanh(-z) - z*y)",
    "inputs: W, v, x, y\nh = tanh(W @ x); L = (v @ h - y)**2 - v @ (W @ x)"])
def test_products_with_the_hessian_take_features_as_they_are_stored(text):
    x = typed()
    graph, shapes = dv.graph(text), {"w": 5, "u": 5, "b": K if "W" in text else (), "W": (5, K) if "x @ W" in text else (K, 5), "v": K}
    rng = np.random.default_rng(0)
    for data in (x, X / [1, 50, 1, 400, 1]):
        width = data.shape[1]
        sizes = {n: tuple(width if k == 5 else k for k in np.atleast_1d(np.array(shapes[n], int)).tolist()) for n in graph.inputs[:-2]}
        given, direction = ({n: rng.normal(size=s) / 9 for n, s in sizes.items()} for _ in range(2))
        cost = graph.over(x=data, y=Y * 1.0).sized(given)
        step = 1e-5
        up, down = (cost.at({n: v + s * direction[n] for n, v in given.items()}) for s in (step, -step))
        found = cost.hvp(given, direction=direction)
        for n in given:
            np.testing.assert_allclose(found[n], (getattr(up, f"d{n}") - getattr(down, f"d{n}")) / (2 * step), rtol=1e-6, atol=1e-7)
        if "tanh" not in text:
            assert cost.minimize("newton-cg", start={n: np.zeros(s) for n, s in sizes.items()}, l2=0.1).converged


def test_a_node_that_is_linear_is_predicted_of_typed_features():
    x, rng = typed(), np.random.default_rng(0)
    W, b = rng.normal(size=(K, x.shape[1])), rng.normal(size=K)
    est = dv.Estimator("inputs: W, b, x, y\nz = W @ x + b; L = sum((z - y)**2)", predict="z", start={"W": W, "b": b}).fit(FRAME, LOGITS[:, 0])
    assert est.predict(FRAME).shape == (M, K)
    assert np.corrcoef(est.predict(FRAME)[:, 0], LOGITS[:, 0])[0, 1] > 0.3


@pytest.mark.parametrize(("names", "column"), [
    (["W[0, 0]", "W[1, 0]"], "W[:, 0]"), (["W[0, 10]", "W[10, 10]"], "W[:, 10]"), (["W[3, 0]", "W[3, 1]"], "W[3, :]"),
    (["W[1, 10]", "W[1, 11]"], "W[1, :]"), (["a: t [C]", "b: t [C]"], "t [C]"), (["t [C] (a)", "t [C] (b)"], "t [C]")])  # fmt: skip
def test_what_a_column_is_called(names, column):
    assert common(names) == column
