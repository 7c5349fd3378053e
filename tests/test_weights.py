"""A row of weight 0 does not count, whatever its loss is there: as if it had been left out, in every program and every storage."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

import dvar as dv
from dvar.descend.part import runs_of

rng = np.random.default_rng(8)
M = 1300
KEPT = rng.random(M) < 0.7
X = rng.normal(size=(M, 3))
Y = rng.poisson(2.0, M).astype(float)
WEIGHT = np.where(KEPT, rng.random(M) + 0.5, 0.0)
AT = {"w": np.array([0.3, -0.2, 0.1]), "b": 0.2}
HEAD = "inputs: w, b, x, y\n"
POISSON = "z = w @ x + b; L = exp(z) - y*z"


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    os.environ["DVAR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["DVAR_CACHE"]


def spoiled(bad):
    x, y = X.copy(), Y.copy()
    if bad == "overflow":
        x[~KEPT] *= 1e4
    elif bad == "x is nan":
        x[~KEPT, 1] = np.nan
    elif bad == "y is inf":
        y[~KEPT] = np.inf
    else:
        y[~KEPT] = -1e300
    return x, y


LOSSES = [
    POISSON,
    "z = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))",
    "L = sqrt((w @ x + b)**2 + y**2)",
    "L = (w @ x + b - y)**2*exp(b)",
    "L = 3 + b**2",
]
STORED = {
    "array": lambda x: x,
    "float32, by columns": lambda x: np.asfortranarray(x, dtype=np.float32),
    "sparse": sparse.csr_array,
    "columns": lambda x: pd.DataFrame(x, columns=["a", "b", "c"]).assign(level=np.where(X[:, 0] > 0, "p", "q")),
    "chunks": lambda x: pa.concat_tables([pa.table({"a": part[:, 0], "b": part[:, 1], "c": part[:, 2]}) for part in np.array_split(x, 3)]),
}


def answers(cost, at):
    theta = cost.flat(at)
    hessian = cost.value_gradient_hessian(theta)
    return [*cost.value_gradient(theta), *hessian, cost.hessian_times(theta, np.ones(len(theta)))]


def close(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("bad", ["overflow", "x is nan", "y is inf", "y is far out"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("program", ["numpy", "fused"])
def test_a_row_of_weight_0_does_not_count(loss, bad, program):
    x, y = spoiled(bad)
    graph = dv.graph(HEAD + loss)
    cost = graph.over(x=x, y=y, weight=WEIGHT, program=program).sized(AT)
    without = graph.over(x=X[KEPT], y=Y[KEPT], weight=WEIGHT[KEPT], program="numpy").sized(AT)
    close(answers(cost, AT), answers(without, AT))
    for target in ("loop", "numpy", "fused"):
        close(cost.program(target)(AT), without.program("numpy")(AT))


@pytest.mark.parametrize("program", ["numpy", "fused"])
@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("bad", ["overflow", "y is far out"])
def test_however_it_is_stored(stored, program, bad):
    x, y = spoiled(bad)
    graph, at = dv.graph(HEAD + POISSON), AT
    if stored in ("columns", "chunks"):  # whose scales are those of the rows that count
        at = {"w": np.full(4 if stored == "columns" else 3, 0.3), "b": 0.2}
        frame, kept = STORED[stored](x), STORED[stored](X)
        rows = kept[KEPT] if stored == "columns" else kept.filter(pa.array(KEPT))
        pair = graph.over(x=frame, y=y, weight=WEIGHT, program=program), graph.over(x=rows, y=Y[KEPT], weight=WEIGHT[KEPT])
        (found, expected) = (answers(cost, at) for cost in pair)
    else:
        cost = graph.over(x=STORED[stored](x), y=y, weight=WEIGHT, program=program)
        found, expected = answers(cost, at), answers(graph.over(x=STORED[stored](X[KEPT]), y=Y[KEPT], weight=WEIGHT[KEPT]), at)
    close(found, expected)


@pytest.mark.parametrize("method", ["auto", "newton-cg", "l-bfgs", "proximal-newton", "gradient-descent", "adam"])
def test_a_fit_is_that_without_these_rows(method):
    x, y = spoiled("x is nan")
    graph = dv.graph(HEAD + POISSON)
    fit = graph.over(x=x, y=y, weight=WEIGHT).minimize(method)
    without = graph.over(x=X[KEPT], y=Y[KEPT], weight=WEIGHT[KEPT]).minimize(method)
    assert fit.converged == without.converged
    np.testing.assert_allclose(fit.params["w"], without.params["w"], rtol=1e-3 if method == "adam" else 1e-6, atol=0.1 if method == "adam" else 1e-6)


def test_a_row_that_counts_is_told_of():
    x, y = spoiled("x is nan")
    weight = WEIGHT.copy()
    weight[np.flatnonzero(~KEPT)[:2]] = 1e-9
    with pytest.raises(dv.DvarError, match="x holds nan or inf in 2 of 1,300 examples"):
        dv.graph(HEAD + POISSON).over(x=x, y=y, weight=weight).minimize()


def test_it_does_not_count_in_standard_errors_and_the_gap():
    x, y = spoiled("overflow")
    graph = dv.graph(HEAD + POISSON)
    pair = graph.over(x=x, y=y, weight=WEIGHT), graph.over(x=X[KEPT], y=Y[KEPT], weight=WEIGHT[KEPT])
    one, other = (cost.gap(AT, l1=0.1) for cost in pair)
    assert one == pytest.approx(other, rel=1e-12)
    for kind in ("classical", "HC1", "HC3"):
        one, other = (dv.inference(cost, cost.minimize(), kind=kind) for cost in pair)
        np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-6)
        assert one.n == other.n


@pytest.mark.parametrize("program", ["numpy", "fused"])
@pytest.mark.parametrize("method", ["sgd", "adam"])
def test_batches_in_which_no_row_counts_change_nothing(method, program):
    weight = np.where(np.arange(M) % 100 == 7, 1.0, 0.0)
    cost = dv.graph(HEAD + "L = (w @ x + b - y)**2").over(x=X, y=Y, weight=weight, program=program)
    fit = cost.minimize(method, batch=8)
    assert "20 epochs" in fit.message
    assert fit.history[-1].cost < fit.history[0].cost / 2


def test_the_mean_over_rows_that_do_not_count_is_0():
    weight = np.where(np.arange(M) < 100, 1.0, 0.0)
    for program in ("numpy", "fused"):
        cost = dv.graph(HEAD + POISSON).over(x=X, y=Y, weight=weight, program=program).sized(AT)
        for found in (cost.value_gradient, cost.value_gradient_hessian):
            assert not any(np.any(part) for part in found(cost.flat(AT), [slice(200, 300)]))


def test_a_block_in_which_no_row_counts_has_no_curvature():
    m, rng = 60_000, np.random.default_rng(0)
    x, y, rows = rng.normal(size=(m, 3)), rng.integers(0, 2, m), slice(20_000, 20_400)
    graph = dv.graph("inputs: W, b, x, y\nz = W @ x + b; L = logsumexp(z) - z[y]")
    at = {"W": rng.normal(size=(2, 3)), "b": np.zeros(2)}
    weight = np.zeros(m)
    weight[rows] = 1.0
    found, expected = graph.over(x=x, y=y, weight=weight).hessian(at), graph.over(x=x[rows], y=y[rows]).hessian(at)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_a_part_of_the_rows_in_which_none_counts_is_no_reason_to_go_on_for_ever():
    m, rng = 60_000, np.random.default_rng(3)
    x, rows = rng.normal(size=(m, 3)), slice(1200, 1500)
    y = np.array(x @ [1, 2, 3] + rng.normal(size=m) > 0, float)
    assert all(run.stop <= rows.start or run.start >= rows.stop for run in runs_of(m, 4))
    weight = np.zeros(m)
    weight[rows] = 1.0
    fit = dv.graph(HEAD + "z = w @ x + b; L = softplus(z) - y*z").over(x=x, y=y, weight=weight).minimize("subsampled-newton")
    assert fit.converged
    assert fit.cost == pytest.approx(dv.graph(HEAD + "z = w @ x + b; L = softplus(z) - y*z").over(x=x[rows], y=y[rows]).minimize().cost)
