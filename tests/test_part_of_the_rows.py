"""Fits of many examples begin with a part of the rows: the answer is that of all of them."""

import gc
import pickle
import warnings
import weakref

import numpy as np
import pytest

import dvar as dv
from dvar.descend.objective import Problem
from dvar.descend.part import part_of, runs_of
from dvar.models import separation, separation_told

LOGISTIC = dv.graph("L = softplus(w @ x + b) - y*(w @ x + b)")
POISSON = dv.graph("L = exp(w @ x + b) - y*(w @ x + b)")
M = 60_000
whole = separation.ends
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


# several results: one Hessian, of the part

SOFTMAX = dv.graph("z = W @ x + c; L = logsumexp(z) - z[y]")
AT_ZERO = {"W": np.zeros((4, 6)), "c": np.zeros(4)}


def classes(X, seed=2):
    rng = np.random.default_rng(seed)
    return np.argmax(X @ rng.normal(size=(6, 4)) / 2 + rng.gumbel(size=(len(X), 4)), axis=1)


@pytest.mark.parametrize("options", [{"l2": 1e-3, "penalize": ["W"]}, {"l2": 0.1, "penalize": ["W", "c"]}, {}],
                         ids=["but for the intercepts", "all", "nothing"])
@pytest.mark.parametrize("weighted", [False, True])
def test_softmax_ends_where_l_bfgs_does(data, options, weighted):
    X, y = data[0], classes(data[0])
    cost = SOFTMAX.over(x=X, y=y, weight=np.arange(M) % 3 if weighted else None)
    fit = cost.minimize(start=AT_ZERO, **options)
    theirs = cost.minimize("l-bfgs", start=AT_ZERO, tol=1e-10, **options)
    assert fit.method == "subsampled-newton"
    assert fit.converged
    assert BEGUN in fit.message
    assert "the cost can fall by at most" in fit.message
    assert fit.passes < theirs.passes
    for name in ("W", "c"):
        np.testing.assert_allclose(*(f.params[name] - f.params[name].mean(axis=0) for f in (fit, theirs)), atol=1e-8)
    q = cost.at(fit.params)
    slope = q.dW + options.get("l2", 0.0) * fit.params["W"]
    assert np.abs(slope).max() < 1e-9


@pytest.mark.parametrize("rows", [range(100, 107), range(1000, 1007), range(100, M, 8500)], ids=["in the part", "not", "both"])
def test_classes_that_the_part_hardly_has_take_steps_more(data, rows):
    X, y = data[0], classes(data[0])
    y[y == 3] = 2
    y[list(rows)] = 3
    options = {"l2": 1e-4, "penalize": ["W"], "start": AT_ZERO}
    cost = SOFTMAX.over(x=X, y=y)
    fit, theirs = (cost.minimize(m, **options) for m in ("auto", "l-bfgs"))
    assert "the cost can fall by at most" in fit.message
    assert fit.passes < theirs.passes
    assert fit.cost <= theirs.cost * (1 + 1e-14)
    assert np.abs(cost.at(fit.params).dW + 1e-4 * fit.params["W"]).max() < 1e-9


def test_bits_of_several_results_do_not_depend_on_the_threads(data):
    y = classes(data[0])
    one, *others = (SOFTMAX.over(x=data[0], y=y, threads=t, program="numpy").minimize(l2=1e-3, start=AT_ZERO) for t in (1, 2, 5, 1))
    for fit in others:
        assert fit.cost == one.cost
        np.testing.assert_array_equal(fit.params["W"], one.params["W"])


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e4])
def test_a_column_of_which_the_part_says_nothing(data, scale):
    X, y = data[0].copy(), classes(data[0])
    rare = np.zeros(M)
    found = part_of(Problem(None, 0, 0, 0, M), 32)[0]
    outside = np.ones(M, bool)
    for rows in found.rows:
        outside[rows] = False
    rare[np.flatnonzero(outside)[::7]] = scale
    cost = SOFTMAX.over(x=np.column_stack([X, rare]), y=y)
    start = {"W": np.zeros((4, 7)), "c": np.zeros(4)}
    fit = cost.minimize(start=start)
    assert fit.method == "subsampled-newton"
    assert fit.converged
    assert np.abs(cost.at(fit.params).dW).max() < 1e-7
    assert fit.cost == pytest.approx(cost.minimize("l-bfgs", start=start).cost, rel=1e-12)


@pytest.mark.parametrize(("loss", "rows", "method"), [
    ("z = W @ x + c; L = logsumexp(z) - z[y]", M, "subsampled-newton"),
    ("z = W @ x + c; L = logsumexp(z) - z[y]", 40_000, "subsampled-newton"),  # few rows, and few parameters
    ("z = W @ x + c; L = log1p((z[y] - 1)**2) + sum(z**2)", M, "l-bfgs"),  # not told to be convex
    ("z = W @ x + c; L = logsumexp(z) - z[y] + norm(W[0])", M, "l-bfgs"),  # W elsewhere than in W @ x
])
def test_which_method_auto_takes(data, loss, rows, method):
    cost = dv.graph(loss).over(x=data[0][:rows], y=classes(data[0])[:rows])
    assert cost.minimize(start=AT_ZERO, steps=1).method == method


def test_all_rows_are_the_part_where_it_is_asked_for_of_few(data):
    X, y = data[0][:900], classes(data[0])[:900]
    fit = SOFTMAX.over(x=X, y=y).minimize("subsampled-newton", start=AT_ZERO, l2=0.01)
    theirs = SOFTMAX.over(x=X, y=y).minimize("l-bfgs", start=AT_ZERO, l2=0.01, tol=1e-10)
    np.testing.assert_allclose(fit.params["W"], theirs.params["W"], atol=1e-8)
    assert len(fit.whole) == len(fit.history)


@pytest.mark.parametrize(("cost", "options"), [
    (LOGISTIC, {}), (LOGISTIC, {"l1": 0.01}), (SOFTMAX, {"start": AT_ZERO})], ids=["newton", "proximal", "softmax"])
def test_history_has_a_row_for_each_pass_over_the_part_too(data, cost, options):
    X, yes, _ = data
    seen = []
    cost = cost.over(x=X, y=yes if cost is LOGISTIC else classes(X))
    options = {"l2": 1e-3, **options}
    fit = cost.minimize(**options, watch=seen.append)
    part = [row for row in fit.history if row.share < 1]
    assert (*part, *fit.whole) == fit.history
    assert fit.whole == tuple(seen)
    assert [row.share for row in part] == [pytest.approx(1 / 16, rel=0.01)] * len(part)
    if "found in" in fit.message:
        assert f"found in {len(part)} passes over these" in fit.message
    assert [row.passes for row in part] == [-(-k // 16) for k in range(1, len(part) + 1)]
    read = -(-len(part) // 16) + (fit.method == "subsampled-newton")  # its Hessian gives no cost
    assert [row.passes for row in fit.whole] == list(range(read + 1, fit.passes + 1))
    start = options.get("start", {"w": np.zeros(6), "b": 0.0})
    assert part[0].cost == pytest.approx(cost.at(start).value, rel=0.05)
    assert part[0].gradient != cost.minimize("gradient-descent", steps=1, **options | {"l1": 0.0}).history[0].gradient
    assert all(a.seconds <= b.seconds for a, b in zip(part, part[1:]))


@pytest.mark.parametrize("row", [5, 20_000], ids=["in the part", "outside"])
def test_a_number_that_is_not_finite_is_told_wherever_it_is(data, row):
    X, y = data[0].copy(), classes(data[0])
    X[row, 2] = np.nan
    with pytest.raises(dv.DvarError, match="x holds nan or inf in 1 of 60,000"):
        SOFTMAX.over(x=X, y=y).minimize(start=AT_ZERO)


def of_many_parameters(rows, told):
    """Four classes of 30 columns, one of which is not 0 in some rows beside the part alone; `told`: where y is 3."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(M, 30))
    X[:, 0] = 0.0
    X[rows, 0] = 1.0
    y = (X[:, 1:5] + rng.gumbel(size=(M, 4))).argmax(axis=1)
    return X, np.where((X[:, 0] == 1) & told, 3, y)


def beside_the_part(count, size=124):
    runs = runs_of(M, size)
    return slice(runs[2].stop + 10, runs[2].stop + 10 + count)


def test_a_column_of_which_the_part_of_many_parameters_says_nothing():
    X, y = of_many_parameters(beside_the_part(34), False)
    cost = SOFTMAX.over(x=X, y=y)
    fit = cost.minimize("subsampled-newton", start={"W": np.zeros((4, 30)), "c": np.zeros(4)})
    assert fit.converged
    assert np.abs(cost.at(fit.params).dW).max() < 1e-9


@pytest.mark.parametrize(("count", "told", "looks", "says"), [
    (0, False, 0, []), (34, False, 1, []), (5, True, 1, ["y is 3 in all 5 rows where x0 is 1 (quasi-complete separation)"]),
])
def test_all_rows_are_looked_at_for_separation_where_a_part_raises_suspicion(count, told, looks, says, monkeypatch):
    X, y = of_many_parameters(beside_the_part(count), told)
    if not count:
        X = X[:, 1:]
    asked = []
    monkeypatch.setattr(separation_told, "ends", lambda *given: asked.append(1) or whole(*given))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = dv.LogisticRegression().fit(X, y)
    said = [str(w.message) for w in caught]
    assert len(asked) == looks
    assert len(said) == len(says), said
    assert all(one.startswith(start) for one, start in zip(said, says))
    assert fitted.fit_.method == "subsampled-newton"


@pytest.mark.parametrize("one_otherwise", [False, True])
def test_many_rows_of_several_classes_that_all_columns_tell_are_told_at_once(one_otherwise, monkeypatch):
    X, y = np.random.default_rng(4).normal(size=(M, 4)), np.arange(M) % 3
    X[:, :3] = 20.0 * np.eye(3)[y]
    cost = SOFTMAX.over(x=X, y=np.where((np.arange(M) == 7) & one_otherwise, 0, y))
    theta = np.r_[np.eye(3, 4).ravel(), np.zeros(3)]
    cost = cost.sized({"W": np.zeros((3, 4)), "c": np.zeros(3)})
    assert separation.told_at_once(cost, theta) != one_otherwise
    if not one_otherwise:
        monkeypatch.setattr(separation_told, "ends", None)
        fit = cost.minimize(start=cost.named(theta))
        [said] = separation_told.separations(cost, fit, [""] * cost.size)
        assert said.startswith(f"all columns together tell y in all {M:,} rows (perfect separation)")


@pytest.mark.parametrize("rows", [2000, M])
@pytest.mark.parametrize("options", [{}, {"l1": 0.02}])
def test_steps_by_gradients_alone_are_counted_among_the_steps(data, rows, options):
    X, yes, _ = data
    cost = LOGISTIC.over(x=X[:rows], y=yes[:rows])
    few = cost.minimize(steps=2, **options)
    assert not few.converged
    assert "did 2 steps" in few.message
    assert sum(row.step > 0 for row in few.whole) <= 2
    assert cost.minimize(**options).converged


@pytest.mark.parametrize("shift", [0.0, 40.0])
@pytest.mark.parametrize("rows", [2000, M])
@pytest.mark.parametrize("l2", [0.0, 1e-3])
def test_a_fit_that_starts_from_one_at_a_neighbouring_penalty_answers_the_same_and_takes_fewer_passes(data, rows, shift, l2):
    X, yes, _ = data
    cost = LOGISTIC.over(x=(X + shift)[:rows], y=yes[:rows])
    fit, warm, cold = None, [], []
    for l1 in 0.1 * 0.7 ** np.arange(12):
        fit = cost.minimize(l1=l1, l2=l2, start=fit)
        fresh = cost.minimize(l1=l1, l2=l2)
        assert fit.converged
        np.testing.assert_allclose(fit.params["w"], fresh.params["w"], atol=1e-8)
        np.testing.assert_array_equal(fit.params["w"] == 0, fresh.params["w"] == 0)
        bent = l2 * np.diag(cost.flat({"w": np.ones(6), "b": 0.0}))
        np.testing.assert_allclose(fit.hessian, cost.hessian(fit.params) + bent, rtol=1e-9, atol=1e-12)
        warm.append(fit.passes)
        cold.append(fresh.passes)
    assert sum(warm[1:]) < sum(cold[1:])


def test_a_fit_of_another_cost_is_but_a_start_and_the_same_problem_again_is_seen_again(data):
    X, yes, _ = data
    fit = LOGISTIC.over(x=X, y=yes).minimize(l1=0.01)
    other = LOGISTIC.over(x=X, y=1 - yes)
    turned = other.minimize(l1=0.01, start=fit)
    np.testing.assert_allclose(turned.params["w"], -fit.params["w"], atol=1e-8)
    assert other.minimize(l1=0.01, start=turned).passes >= 1
    start = pickle.loads(pickle.dumps(turned))
    np.testing.assert_allclose(other.minimize(l1=0.01, start=start).params["w"], turned.params["w"], atol=1e-8)
    assert other.minimize(start=turned).converged  # by another method


def test_classes_that_are_told_apart_end_when_next_to_all_of_the_cost_is_gone_and_are_said_to(data):
    X = data[0][np.abs(data[0][:, 0]) > 0.1]
    y = np.where(X[:, 0] < 0, 0, np.where(X[:, 1] < X[:, 0], 1, 2))
    apart = (y == 0) | (np.abs(X[:, 1] - X[:, 0]) > 0.1)
    fit = SOFTMAX.over(x=X[apart], y=y[apart]).minimize(start={"W": np.zeros((3, 6)), "c": np.zeros(3)})
    assert fit.method == "subsampled-newton"
    assert "no finite optimum" in fit.message
    assert fit.flat
    assert 1e-15 < fit.cost < 1e-9


def test_an_exact_fit_of_many_results_is_no_separation(data):
    X = data[0]
    W = np.array([[1.0, 2.0, -1.0, 0.5, 0.0, 1.0], [0.0, 1.0, 1.0, -2.0, 1.0, 0.3], [0.5, 0.0, 0.0, 1.0, -1.0, 2.0]])
    square = dv.graph("inputs: W, c, x, t, u, v\nz = W @ x + c; L = (z[0] - t)**4 + (z[1] - u)**2 + (z[2] - v)**2")
    t, u, v = W @ X.T
    fit = square.over(x=X, t=t, u=u, v=v).minimize("subsampled-newton", start={"W": np.zeros((3, 6)), "c": np.zeros(3)})
    assert not fit.flat
    np.testing.assert_allclose(fit.params["W"][1:], W[1:], atol=1e-6)


def test_a_fit_to_start_from_keeps_no_data(data):
    cost = LOGISTIC.over(x=data[0][:2000], y=data[1][:2000])
    fit, alive = cost.minimize(l1=0.01), weakref.ref(cost)
    del cost
    gc.collect()
    assert alive() is None
    again = LOGISTIC.over(x=data[0][:2000], y=data[1][:2000]).minimize(l1=0.01, start=fit)
    np.testing.assert_allclose(again.params["w"], fit.params["w"], atol=1e-8)
