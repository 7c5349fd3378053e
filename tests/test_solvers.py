"""Every solver finds the optimum that SciPy, scikit-learn and published tables have, shows by the gradient that it is one, and says
what it reached when it is not."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse as sp
from sklearn.linear_model import Lasso

import dvar as dv
from dvar.descend import kinks
from dvar.descend.kinks import minimum, one_by_one
from dvar.descend.methods import METHODS

rng = np.random.default_rng(5)
X = rng.normal(size=(400, 12)) @ np.diag(np.r_[np.ones(9), 3.0, 0.3, 1.0]) + np.r_[np.zeros(10), 1.0, -2.0]
TRUE = np.r_[1.0, -1.0, 0.5, 2.0, np.zeros(8)]
Y = (rng.random(400) < 1 / (1 + np.exp(-(X @ TRUE)))).astype(float)
REAL = X @ TRUE + 0.5 + rng.normal(size=400)
COUNTS = rng.poisson(np.exp(X @ TRUE / 4)).astype(float)
LOSSES = {
    "logistic": (dv.graph("inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))"), Y),
    "squares": (dv.graph("inputs: w, b, x, y\nL = (w @ x + b - y)**2/2"), REAL),
    "Poisson": (dv.graph("inputs: w, b, x, y\nz = w @ x + b; L = exp(z) - y*z"), COUNTS),
}
COSTS = {name: graph.over(x=X, y=y) for name, (graph, y) in LOSSES.items()}
COST = COSTS["logistic"]
ALL_OUT = {"gradient-descent": {"nesterov": True, "steps": 5000}}  # what a method needs to reach the end
SMOOTH = [m for m in METHODS if m != "smoothed-newton"]  # that is for losses with kinks, and has tests of its own
DETERMINISTIC = [m for m in SMOOTH if m not in ("sgd", "adam")]


def slopes(cost, fit, l1=0.0, l2=0.0, lower=-np.inf, upper=np.inf):
    """The shortest subgradient of the objective at the answer, b's last; w alone is penalised and bounded."""
    q, w = cost.at(fit.params), fit.params["w"]
    g = q.dw + l2 * w
    g = np.where(w == 0, np.sign(g) * np.maximum(np.abs(g) - l1, 0), g + l1 * np.sign(w))
    g = np.where((w <= lower) & (g > 0) | (w >= upper) & (g < 0), 0, g)
    return np.r_[g, q.db]


CANCELLING = {  # losses that are 0 at the optimum, of terms that are not: rounding hides the last falls of the cost
    "counts alike": ("mu = exp(b); L = 2*(y*log(y/mu) - (y - mu))", {"y": np.full(40, 3.0)}),
    "counts told exactly": ("mu = exp(w @ x + b); L = y*log(y/mu) - (y - mu)", {"x": X, "y": np.exp(X @ TRUE / 8 + 0.3)}),
    "gamma's deviance": ("mu = exp(w @ x + b); L = -log(y/mu) + (y - mu)/mu", {"x": X, "y": np.exp(X @ TRUE / 8 + 0.3)}),
    "shares": ("p = sigmoid(w @ x + b); L = y*log(y/p) + (1 - y)*log((1 - y)/(1 - p))", {"x": X, "y": 1 / (1 + np.exp(-X @ TRUE / 4))}),
    "a hundred less a hundred": ("L = (a - 3)**2 + cos(a - 3) - 1 + 100 - x", {"x": np.full(40, 100.0)}),
    "waves": ("L = 20 + a**2 + b**2 - 10*cos(2*pi*a) - 10*cos(2*pi*b) + 0*x", {"x": np.ones(40)}),
}


@pytest.mark.parametrize("loss", CANCELLING)
@pytest.mark.parametrize("method", [m for m in DETERMINISTIC if m not in ("gradient-descent", "working-set")])
def test_a_cost_whose_terms_cancel_at_the_optimum_converges(loss, method):
    text, data = CANCELLING[loss]
    graph = dv.graph(text)
    fit = graph.over(data).minimize(method, start={"a": 0.5, "b": 0.5} if loss == "waves" else None)
    assert fit.converged, fit.message
    assert abs(fit.cost) < 1e-12
    assert fit.passes < (1000 if method == "fista" else 100)


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("method", DETERMINISTIC)
@pytest.mark.parametrize("l2", [0.0, 0.01, 10.0])
def test_every_method_reaches_one_optimum(loss, method, l2):
    cost = COSTS[loss]
    fit = cost.minimize(method, l2=l2, **ALL_OUT.get(method, {}))
    best = cost.minimize("newton", l2=l2)
    assert fit.converged
    assert fit.method == method
    assert fit.message.startswith("converged")
    assert fit.cost == pytest.approx(best.cost, rel=1e-9)
    assert np.linalg.norm(slopes(cost, fit, l2=l2)) <= 2e-6 * fit.history[0].gradient
    np.testing.assert_allclose(fit.params["w"], best.params["w"], atol=1e-4)


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("method", ["gradient-descent", "l-bfgs", "newton-cg", "fista"])
def test_converged_means_that_the_gradient_is_as_small_as_asked(method, tol):
    fit = COST.minimize(method, tol=tol, **ALL_OUT.get(method, {}))
    assert fit.converged
    assert np.linalg.norm(slopes(COST, fit)) <= tol * fit.history[0].gradient * (1 + 1e-6)


@pytest.mark.parametrize("method", SMOOTH)
def test_a_fit_that_was_cut_short_is_not_called_converged(method):
    fit = COST.minimize(method, steps=1)
    assert not fit.converged
    assert "converged" not in fit.message
    assert COST.at(fit.params).value == pytest.approx(fit.cost, rel=1e-14)


@pytest.mark.parametrize("method", SMOOTH)
def test_history_has_a_row_for_every_pass(method, monkeypatch):
    asked, times = [], type(COST).hessian_times
    monkeypatch.setattr(type(COST), "hessian_times", lambda self, *at: asked.append(at) or times(self, *at))
    fit = COST.minimize(method, steps=3)
    passes = [r.passes for r in fit.history]
    if method in ("newton-cg", "working-set", "subsampled-newton"):  # some passes, as for products with the Hessian, give no cost
        assert passes[0] == 1
        assert passes == sorted(set(passes))
        assert passes[-1] == fit.passes > len(passes)
        assert method != "subsampled-newton" or fit.passes == len(passes) + 1
        assert method != "newton-cg" or fit.passes == len(passes) + len(asked) + 3  # a step keeps each example's curvature
    else:
        assert passes == list(range(1, fit.passes + 1))
    assert fit.history[0].step == 0
    assert fit.history[0].gradient == pytest.approx(np.linalg.norm(slopes(COST, COST.minimize(start={"w": np.zeros(12), "b": 0.0}, method="gradient-descent", rate=1e-300, steps=1))))
    assert any(r.step > 0 for r in fit.history)
    assert fit.cost == min(r.cost for r in fit.history)
    assert all(a.seconds <= b.seconds for a, b in zip(fit.history, fit.history[1:]))


# l1, elastic net, bounds

SHAPED = [m for m in SMOOTH if "l1" in METHODS[m].takes]


@pytest.mark.parametrize("method", SHAPED)
@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize(("l1", "l2"), [(0.003, 0.0), (0.03, 0.0), (0.03, 0.05), (0.3, 0.0)])
def test_l1_gives_exact_zeros_and_an_optimum_of_its_own(method, loss, l1, l2):
    cost = COSTS[loss]
    fit = cost.minimize(method, l1=l1, l2=l2)
    assert fit.converged
    assert np.linalg.norm(slopes(cost, fit, l1, l2)) <= 1e-6 * fit.history[0].gradient
    w, best = fit.params["w"], cost.minimize("proximal-newton", l1=l1, l2=l2)
    np.testing.assert_array_equal(w == 0, best.params["w"] == 0)
    assert fit.cost == pytest.approx(cost.at(fit.params).value + l1 * np.abs(w).sum() + l2 / 2 * w @ w, rel=1e-13)
    if loss == "logistic":
        assert (w == 0).sum() > 0 or l1 < 0.03
        assert f"{(w == 0).sum()} of 12 penalised parameters are zero" in fit.message or method == "fista"


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6])
def test_the_duality_gap_is_scikit_learns(tol):
    from sklearn.linear_model import ElasticNet

    y = X @ TRUE + rng.normal(size=len(X))
    for l1, l2 in ((0.05, 0.0), (0.02, 0.0)):
        theirs = ElasticNet(l1 + l2, l1_ratio=l1 / (l1 + l2), tol=tol).fit(X, y)
        cost = dv.graph("inputs: w, b, x, y\nz = w @ x + b; L = (z - y)**2/2").over(x=X, y=y)
        assert cost.gap(w=theirs.coef_, b=theirs.intercept_, l1=l1, l2=l2) == pytest.approx(theirs.dual_gap_, rel=1e-6, abs=1e-13)


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize(("l1", "l2"), [(0.03, 0.0), (0.03, 0.05), (0.0, 0.05)])
def test_no_cost_lies_further_below_than_the_duality_gap(loss, l1, l2):
    cost, r = COSTS[loss], np.random.default_rng(0)
    best = cost.minimize(l1=l1, l2=l2)
    assert cost.gap(best.params, l1=l1, l2=l2) < 1e-8
    for off in (1e-6, 1e-4, 1e-2, 1.0):
        w, b = best.params["w"] + off * r.normal(size=12), best.params["b"] + off * r.normal()
        above = cost.at(w=w, b=b).value + l1 * np.abs(w).sum() + l2 / 2 * w @ w - best.cost
        assert above <= cost.gap(w=w, b=b, l1=l1, l2=l2) + 1e-15


def test_the_duality_gap_of_weights_and_without_an_intercept():
    weight, r = rng.random(len(X)) + 0.1, np.random.default_rng(0)
    for graph in (LOSSES["logistic"][0], dv.graph("inputs: w, x, y\nz = w @ x; L = softplus(z) - y*z")):
        cost = graph.over(x=X, y=Y, weight=weight)
        best = cost.minimize(l1=0.02)
        assert cost.gap(best.params, l1=0.02) < 1e-9
        near = {n: v + 1e-3 * r.normal(size=np.shape(v)) for n, v in best.params.items()}
        above = cost.at(near).value + 0.02 * np.abs(near["w"]).sum() - best.cost
        assert 0 < above <= cost.gap(near, l1=0.02) < np.inf


@pytest.mark.parametrize(("loss", "options", "said"), [
    ("z = w @ x + b; L = (z - y)**2", {}, "penalised, every one"),
    ("z = w @ x + b; L = (z - y)**2", {"l2": 0.1, "penalize": ["w", "b"]}, "free intercept"),
    ("z = w @ x + b; L = (sigmoid(z) - y)**2", {"l2": 0.1}, "not convex"),
    ("z = w @ x + b; L = exp(z)*exp(b) - y*z", {"l2": 0.1}, "free intercept"),
])  # fmt: skip
def test_a_gap_that_is_none_is_refused(loss, options, said):
    with pytest.raises(dv.UsageError, match=said):
        dv.graph(loss).over(x=X, y=Y).gap(w=np.ones(12), b=0.0, **options)


@pytest.mark.parametrize("l2", [0.0, 0.01])
@pytest.mark.parametrize("form", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("strength", [0.5, 0.1, 0.02])
def test_many_more_columns_than_rows_are_scikit_learns(form, strength, l2):
    from sklearn.linear_model import ElasticNet

    r = np.random.default_rng(0)
    x = r.normal(size=(60, 1200)) * (r.random((60, 1200)) < 0.3)
    y = x[:, :5] @ [1, -1, 2, 0.5, -2] + r.normal(size=60) / 10 + 3
    theirs = ElasticNet(strength + l2, l1_ratio=strength / (strength + l2), tol=1e-12, max_iter=1_000_000).fit(x, y)
    fit = dv.graph("inputs: w, b, x, y\nz = w @ x + b; L = (z - y)**2/2").over(x=form(x), y=y).minimize(l1=strength, l2=l2)
    assert fit.converged
    assert fit.method == "working-set"
    np.testing.assert_allclose(fit.params["w"], theirs.coef_, atol=1e-7)
    np.testing.assert_array_equal(fit.params["w"] == 0, theirs.coef_ == 0)


def test_a_cost_of_some_parameters_is_that_of_fewer_columns():
    r = np.random.default_rng(0)
    for cost in COSTS.values():
        kept = np.r_[r.random(12) < 0.5, True]
        theta = r.normal(size=13) / 4 * kept
        value, slope, hessian = cost.value_gradient_hessian(theta)
        some = cost.among(kept).value_gradient_hessian(theta[kept])
        assert some[0] == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(some[1], slope[kept], atol=1e-13)
        np.testing.assert_allclose(some[2], hessian[np.ix_(kept, kept)], atol=1e-13)
        assert cost.among(~kept) is None  # without the intercept


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("strength", [0.01, 0.1, 0.5])
def test_elastic_net_is_scikit_learns(share, strength):
    from sklearn.linear_model import ElasticNet

    theirs = ElasticNet(alpha=strength, l1_ratio=share, tol=1e-14, max_iter=100_000) if share else None
    fit = COSTS["squares"].minimize(l1=strength * share, l2=strength * (1 - share))
    if theirs is None:
        from sklearn.linear_model import Ridge

        theirs = Ridge(alpha=strength * len(X), tol=1e-14)
    theirs.fit(X, REAL)
    np.testing.assert_allclose(fit.params["w"], theirs.coef_, rtol=1e-7, atol=1e-12)
    np.testing.assert_array_equal(fit.params["w"] == 0, theirs.coef_ == 0)
    assert fit.params["b"] == pytest.approx(theirs.intercept_, rel=1e-7)


@pytest.mark.parametrize("c", [0.02, 0.1, 1.0])
def test_l1_is_scikit_learns_liblinear_without_intercept(c):
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import l1_min_c  # noqa: F401 – the same library's own bound is what the last case is beyond

    graph = dv.graph("inputs: w, x, y\nz = w @ x; L = softplus(z) - y*z")
    fit = graph.over(x=X, y=Y).minimize(l1=1 / (c * len(X)))
    theirs = LogisticRegression(C=c, l1_ratio=1.0, solver="liblinear", fit_intercept=False, tol=1e-12, max_iter=100_000, random_state=0).fit(X, Y)
    np.testing.assert_allclose(fit.params["w"], theirs.coef_[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(fit.params["w"] == 0, theirs.coef_[0] == 0)


def test_a_penalty_that_is_large_enough_leaves_the_intercept_alone():
    edge = np.abs(COST.at(w=np.zeros(12), b=COST.minimize(l1=10.0).params["b"]).dw).max()
    assert not COST.minimize(l1=edge * 1.000001).params["w"].any()
    assert (COST.minimize(l1=edge * 0.999).params["w"] != 0).sum() == 1


def test_a_matrix_of_parameters_gets_zeros_too():
    labels = np.argmax(X[:, :3] + rng.gumbel(size=(400, 3)), axis=1)
    cost = dv.graph("inputs: W, c, x, y\nz = W @ x + c; L = logsumexp(z) - z[y]").over(x=X, y=labels)
    start = {"W": np.zeros((3, 12)), "c": np.zeros(3)}
    fit = cost.minimize(l1=0.02, penalize=["W"], start=start)
    assert fit.converged
    q, W = cost.at(fit.params), fit.params["W"]
    assert 0 < (W == 0).sum() < W.size
    assert np.abs(q.dW[W == 0]).max() <= 0.02
    np.testing.assert_allclose(q.dW[W != 0], -0.02 * np.sign(W[W != 0]), atol=1e-6)


@pytest.mark.parametrize("method", ["auto", *(m for m in SMOOTH if "bounds" in METHODS[m].takes)])
@pytest.mark.parametrize(("low", "high"), [(0, None), (None, 0.3), (-0.5, 0.5), (0.1, 0.1)])
def test_bounds_hold_and_the_answer_is_scipys(method, low, high):
    from scipy.optimize import minimize

    fit = COST.minimize(method, bounds={"w": (low, high)})
    lower, upper = -np.inf if low is None else low, np.inf if high is None else high
    assert fit.converged
    assert (fit.params["w"] >= lower).all()
    assert (fit.params["w"] <= upper).all()
    assert np.linalg.norm(slopes(COST, fit, lower=lower, upper=upper)) <= 1e-6 * max(fit.history[0].gradient, 1)
    theirs = minimize(lambda t: COST.value_gradient(t), np.r_[np.full(12, lower if low is not None else upper), 0.0], jac=True, method="L-BFGS-B",
                      bounds=[(low, high)] * 12 + [(None, None)], options={"ftol": 1e-15, "gtol": 1e-10})
    assert fit.cost == pytest.approx(theirs.fun, rel=1e-10)


def test_bounds_for_each_parameter_and_positive_least_squares_is_scipys():
    from scipy.optimize import nnls

    graph = dv.graph("inputs: w, x, y\nL = (w @ x - y)**2/2")
    fit = graph.over(x=X, y=REAL).minimize(bounds={"w": (np.zeros(12), np.full(12, np.inf))})
    np.testing.assert_allclose(fit.params["w"], nnls(X, REAL)[0], rtol=1e-9, atol=1e-12)
    assert "at a bound" in fit.message


# features far from standard: the solver's coordinates are others, the objective and the answer are not

FAR = np.c_[2000 + rng.integers(0, 24, 500), 1e6 + rng.normal(size=500), 1e-3 * rng.normal(size=500), np.ones(500), rng.normal(size=500)]
FAR_YES = (rng.random(500) < 1 / (1 + np.exp(-((FAR - FAR.mean(axis=0)) / [7, 1, 1e-3, 1, 1]).sum(axis=1)))).astype(float)


@pytest.mark.parametrize("method", ["auto", "newton", "proximal-newton", "newton-cg", "l-bfgs", "fista"])
@pytest.mark.parametrize("l2", [0.0, 1e-3])
def test_features_far_from_zero_are_no_end(method, l2):
    cost = LOSSES["logistic"][0].over(x=FAR, y=FAR_YES)
    fit = cost.minimize(method, l2=l2, tol={"newton-cg": 1e-5, "l-bfgs": 1e-5, "fista": 1e-4}.get(method))
    assert fit.converged
    w = fit.params["w"]
    assert fit.cost == pytest.approx(cost.at(fit.params).value + l2 / 2 * w @ w, rel=1e-10)
    if not l2:  # the same as of features made standard by hand
        plain = LOSSES["logistic"][0].over(x=(FAR - FAR.mean(axis=0)) / [7, 1, 1e-3, 1, 1], y=FAR_YES)
        assert fit.cost == pytest.approx(plain.minimize("newton").cost, rel=1e-8)
    else:
        assert fit.cost == pytest.approx(cost.minimize("newton", l2=l2).cost, rel=1e-5 if method == "fista" else 1e-8)
    if fit.hessian is not None:
        penalty = np.diag([l2] * 5 + [0])
        np.testing.assert_allclose(fit.hessian, cost.hessian(fit.params) + penalty, rtol=1e-7)


def test_several_classes_of_features_far_from_zero():
    y = FAR_YES + (rng.random(500) < 0.3)
    cost = dv.graph("inputs: W, c, x, y\nz = W @ x + c; L = logsumexp(z) - z[y]").over(x=FAR, y=y)
    plain = cost.loss.over(x=(FAR - FAR.mean(axis=0)) / [7, 1, 1e-3, 1, 1], y=y)
    start = {"W": np.zeros((3, 5)), "c": np.zeros(3)}
    fit = cost.minimize(start=start, tol=1e-6)
    assert fit.converged
    assert fit.cost == pytest.approx(plain.minimize(start=start).cost, rel=1e-9)


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 3), st.booleans(), st.floats(-3, 0))
@settings(max_examples=150)
def test_the_minimum_of_a_parabola_with_kinks_is_one(n, seed, l1, bounded, decay):
    """By guesses and kink by kink from anywhere it is the same, and no coordinate can move to lower it."""
    from dvar.descend.objective import Problem

    r = np.random.default_rng(seed)
    roots = r.normal(size=(n, n)) * 10 ** (decay * r.random(n))
    hessian = roots @ roots.T + 1e-3 * np.eye(n)
    lower, upper = (np.full(n, -0.3), np.full(n, 0.7)) if bounded else (np.full(n, -np.inf), np.full(n, np.inf))
    problem = Problem(None, l1 * (r.random(n) < 0.7), lower, upper)
    theta, gradient = problem.inside(r.normal(size=n)), r.normal(size=n)
    u = minimum(problem, theta, gradient, hessian)
    slope = problem.slope(u, gradient + hessian @ (u - theta))
    assert np.all((u >= lower) & (u <= upper))
    held = np.abs(gradient) + np.abs(hessian) @ (np.abs(u) + np.abs(theta)) + problem.l1
    assert np.all(np.abs(slope) <= 1e-9 * held.max())
    other, done = one_by_one(problem, gradient - hessian @ theta, hessian, problem.inside(r.normal(size=n)), 20 * n + 20)
    assert done
    np.testing.assert_allclose(u, other, rtol=1e-6, atol=1e-7 * (1 + np.abs(u).max()))


# gradient descent's family


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_momentum_is_the_loop_one_writes_by_hand(momentum):
    fit = COST.minimize("gradient-descent", rate=0.05, momentum=momentum, steps=40)
    w, b, vw, vb = np.zeros(12), 0.0, np.zeros(12), 0.0
    for _ in range(40):
        q = COST.at(w=w, b=b)
        vw, vb = momentum * vw - 0.05 * q.dw, momentum * vb - 0.05 * q.db
        w, b = w + vw, b + vb
    np.testing.assert_allclose(fit.params["w"], w, rtol=1e-13)
    assert fit.params["b"] == pytest.approx(b, rel=1e-13)
    assert fit.cost < COST.minimize("gradient-descent", rate=0.05, steps=40).cost


def test_a_rate_too_high_for_momentum_is_told():
    fit = COSTS["squares"].minimize("gradient-descent", rate=1.0, momentum=0.9)
    assert "the rate 1 is too high" in fit.message
    assert fit.cost == min(r.cost for r in fit.history)


def test_nesterov_needs_fewer_passes_where_scales_differ():
    cost = LOSSES["squares"][0].over(x=X * np.r_[np.ones(6), np.full(6, 0.05)], y=REAL)
    fits = {n: cost.minimize("gradient-descent", nesterov=n, steps=20_000) for n in (False, True)}
    assert fits[True].converged
    assert fits[True].passes < fits[False].passes / 3


# stochastic


@pytest.mark.parametrize(("method", "options"), [("sgd", {}), ("sgd", {"momentum": 0.9}), ("sgd", {"momentum": 0.9, "nesterov": True}), ("adam", {"rate": 0.05})])
@pytest.mark.parametrize("loss", COSTS)
def test_stochastic_steps_come_near_the_optimum(method, options, loss):
    fit, best = COSTS[loss].minimize(method, batch=16, steps=40, **options), COSTS[loss].minimize()
    assert fit.cost - best.cost < 0.02 * (fit.history[0].cost - best.cost)
    assert fit.passes == 41
    assert fit.converged or "can fall further" in fit.message


@pytest.mark.parametrize("method", ["sgd", "adam"])
def test_a_seed_gives_the_same_batches_for_any_number_of_threads(method):
    graph, y = LOSSES["logistic"]
    one, two = (graph.over(x=X, y=y, threads=t).minimize(method, steps=3, batch=32) for t in (1, 3))
    np.testing.assert_array_equal(one.params["w"], two.params["w"])
    assert one.params["w"].tolist() != COST.minimize(method, steps=3, batch=32, seed=1).params["w"].tolist()


def test_a_sorted_table_does_not_mislead_batches():
    order = np.argsort(Y)
    cost = LOSSES["logistic"][0].over(x=X[order], y=Y[order])
    best = cost.minimize()
    assert cost.minimize("sgd", batch=32, steps=60).cost - best.cost < 0.02 * (np.log(2) - best.cost)


def test_a_mean_over_some_rows_is_that_of_a_smaller_table():
    weight = rng.random(400)
    cost = LOSSES["logistic"][0].over(x=X, y=Y, weight=weight)
    rows = [slice(3, 50), slice(100, 101), slice(390, 400)]
    chosen = np.r_[3:50, 100:101, 390:400]
    small = LOSSES["logistic"][0].over(x=X[chosen], y=Y[chosen], weight=weight[chosen])
    theta, v = rng.normal(size=13), rng.normal(size=13)
    for name, more in {"value_gradient": (), "value_gradient_hessian": (), "hessian_times": (v,)}.items():
        ours, theirs = getattr(cost, name)(theta, *more, rows), getattr(small, name)(theta, *more)
        for a, b in zip(*((ours, theirs) if isinstance(ours, tuple) else ([ours], [theirs]))):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15)


def test_hessian_times_is_the_hessian_times():
    theta, v = rng.normal(size=13) / 4, rng.normal(size=13)
    for cost in COSTS.values():
        np.testing.assert_allclose(cost.hessian_times(theta, v), cost.value_gradient_hessian(theta)[2] @ v, rtol=1e-11)


# Newton in hard places: NIST's reference problems, with the values it certified (StRD, nonlinear regression)

GAUSS = "b1*exp(-b2*x) + b3*exp(-(x - b4)**2/b5**2) + b6*exp(-(x - b7)**2/b8**2)"
LANCZOS = "b1*exp(-b2*x) + b3*exp(-b4*x) + b5*exp(-b6*x)"
CUBICS = "(b1 + b2*x + b3*x**2 + b4*x**3)/(1 + b5*x + b6*x**2 + b7*x**3)"
NIST = {
    "Misra1a": "b1*(1 - exp(-b2*x))", "Misra1b": "b1*(1 - (1 + b2*x/2)**(-2))", "Misra1c": "b1*(1 - (1 + 2*b2*x)**(-0.5))",
    "Misra1d": "b1*b2*x/(1 + b2*x)", "Chwirut1": "exp(-b1*x)/(b2 + b3*x)", "Chwirut2": "exp(-b1*x)/(b2 + b3*x)",
    "MGH09": "b1*(x**2 + x*b2)/(x**2 + x*b3 + b4)", "MGH10": "b1*exp(b2/(x + b3))",
    "MGH17": "b1 + b2*exp(-x*b4) + b3*exp(-x*b5)", "Thurber": CUBICS, "Hahn1": CUBICS,
    "Kirby2": "(b1 + b2*x + b3*x**2)/(1 + b4*x + b5*x**2)", "Rat42": "b1/(1 + exp(b2 - b3*x))",
    "Rat43": "b1/((1 + exp(b2 - b3*x))**(1/b4))", "BoxBOD": "b1*(1 - exp(-b2*x))", "DanWood": "b1*x**b2",
    "Eckerle4": "(b1/b2)*exp(-0.5*((x - b3)/b2)**2)", "Bennett5": "b1*(b2 + x)**(-1/b3)", "Gauss1": GAUSS, "Gauss2": GAUSS,
    "Gauss3": GAUSS, "Lanczos1": LANCZOS, "Lanczos2": LANCZOS, "Lanczos3": LANCZOS, "Nelson": "b1 - b2*x1*exp(-b3*x2)",
    "Roszman1": "b1 - b2*x - atan(b3/(x - b4))/pi",
    "ENSO": "b1 + b2*cos(2*pi*x/12) + b3*sin(2*pi*x/12) + b5*cos(2*pi*x/b4) + b6*sin(2*pi*x/b4) + b8*cos(2*pi*x/b7) "
            "+ b9*sin(2*pi*x/b7)",
}  # fmt: skip


def reference(name):
    """Starts, certified parameters and sum of squares, data by name."""
    lines = (Path(__file__).parent / "data" / "nist" / f"{name}.dat").read_text().splitlines()
    table = [re.match(r"\s*(b\d)\s*=\s*(\S+)\s+(\S+)\s+(\S+)\s+\S+", line) for line in lines[:60]]
    starts = [{m[1]: float(m[k]) for m in table if m} for k in (2, 3)]
    certified = {m[1]: float(m[4]) for m in table if m}
    squares = float(next(line for line in lines if line.startswith("Residual Sum of Squares")).split(":")[1])
    y, *x = np.array([line.split() for line in lines[60:] if line.strip()], dtype=float).T
    data = {"x": x[0], "y": y} if len(x) == 1 else {"x1": x[0], "x2": x[1], "y": np.log(y)}  # Nelson's is a model of log y
    return starts, certified, squares, data


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("name", NIST)
def test_nonlinear_regression_reaches_what_nist_certified(name, which):
    starts, certified, squares, data = reference(name)
    m = len(data["y"])
    fit = dv.graph(f"L = (y - ({NIST[name]}))**2").over(data).minimize(start=starts[which], steps=1000)
    assert fit.converged
    assert fit.method == "newton"
    assert fit.flat == ()
    assert fit.cost * m == pytest.approx(squares, rel=1e-9, abs=1e-24)  # of Lanczos1 all but rounding is explained
    for parameter, value in certified.items():
        assert abs(fit.params[parameter]) == pytest.approx(abs(value), rel=1e-7), parameter  # a width's sign is free


@pytest.mark.parametrize(("loss", "start", "said"), [
    (f"L = (y - ({NIST['MGH17']}))**2", {"b1": 18.5, "b2": 119.6, "b3": -130.3, "b4": 1.06, "b5": 0.988}, "on a plateau, where 2 parameters do"),
    (f"L = (y - ({NIST['MGH17']}))**2", {"b1": 1.0, "b2": 1.0, "b3": 1.0, "b4": 50.0, "b5": 80.0}, "on a plateau, where 2 parameters do"),
    ("L = (y - b1*exp(-b2*x))**2", {"b1": 1.0, "b2": 1000.0}, "on a plateau, where 1 parameter does not change"),
    ("L = (sigmoid(w*x + b) - (y > 0.5))**2", {"w": 100.0, "b": 100.0}, "on a plateau, where 2 parameters do"),
])  # fmt: skip
def test_a_plateau_is_not_called_an_optimum(loss, start, said):
    data = reference("MGH17")[3]
    fit = dv.graph(loss).over(data).minimize(start=start)
    assert not fit.converged
    assert said in fit.message


@pytest.mark.parametrize("start", [(1.0, 1.0), (3.0, 0.01), (1e-8, 1e8)])
def test_a_valley_is_an_optimum(start):
    x = np.arange(1, 9.0)
    fit = dv.graph("L = (y - a*b*x)**2").over(x=x, y=3 * x + np.cos(x)).minimize(start=dict(zip("ab", start)))
    assert fit.converged
    assert fit.flat == ()
    assert fit.params["a"] * fit.params["b"] == pytest.approx(3 + x @ np.cos(x) / (x @ x), rel=1e-9)


@pytest.mark.parametrize("start", [(-1.2, 1.0), (5.0, -5.0), (-3.0, 10.0)])
def test_rosenbrocks_valley(start):
    fit = dv.graph("L = (1 - a)**2 + 100*(b - a**2)**2 + 0*x").over(x=[1.0]).minimize(start=dict(zip("ab", start)), steps=500)
    assert fit.converged
    assert (fit.params["a"], fit.params["b"]) == pytest.approx((1.0, 1.0), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_badly_scaled_parameters_are_found_as_scipy_finds_them(scale):
    from scipy.optimize import least_squares

    x = np.linspace(0.1, 4, 40)
    y = 5 * np.exp(-1.3 * x) + 0.7 + 0.01 * rng.normal(size=40)
    fit = dv.graph(f"L = (a*{scale!r}*exp(-k*x) + c - y)**2").over(x=x, y=y).minimize(start={"a": 1 / scale, "k": 1.0, "c": 0.0})
    theirs = least_squares(lambda t: t[0] * np.exp(-t[1] * x) + t[2] - y, [1.0, 1.0, 0.0], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    assert fit.converged
    assert [fit.params["a"] * scale, fit.params["k"], fit.params["c"]] == pytest.approx(theirs.x.tolist(), rel=1e-6)


def test_a_square_is_seen_through_weights_and_factors():
    from dvar.vectorize.squares import squared_slope

    x, y, weight = np.arange(1, 6.0), np.sin(np.arange(1, 6.0)), np.arange(5) + 1.0
    e = np.exp(-0.3 * x)
    slope = np.c_[-(1 - e), -0.7 * x * e]
    for loss, factor in {"L = (y - b1*(1 - exp(-b2*x)))**2": 2, "r = y - b1*(1 - exp(-b2*x)); L = r*r/4": 0.5}.items():
        cost = dv.graph(loss).over(x=x, y=y, weight=weight)
        np.testing.assert_allclose(cost.gauss_newton(np.array([0.7, 0.3])), factor * (slope.T * weight) @ slope / 15, rtol=1e-13)
    for loss in ("L = (y - b1*x)**4", "L = abs(y - b1*x)", "L = (y - b1*x)**2 + b1"):
        assert squared_slope(dv.graph(loss).over(x=x, y=y)) is None


# many rows: Newton starts from a part of them


@pytest.mark.parametrize("sort", [False, True])
def test_many_rows_give_the_answer_of_gradients_alone(sort):
    r = np.random.default_rng(0)
    x = r.normal(size=(60_000, 3))
    y = (r.random(60_000) < 1 / (1 + np.exp(-x @ [1.0, -2.0, 0.5]))).astype(float)
    x, y = (x[np.argsort(y)], np.sort(y)) if sort else (x, y)
    cost = LOSSES["logistic"][0].over(x=x, y=y)
    fit = cost.minimize("newton")
    assert fit.converged
    q = cost.at(fit.params)
    assert max(np.abs(q.dw).max(), abs(q.db)) < 1e-9
    np.testing.assert_allclose(fit.hessian, cost.hessian(fit.params), rtol=1e-9)


def test_a_level_that_the_part_has_not_seen_is_separated_still():
    r = np.random.default_rng(0)
    x = np.c_[r.normal(size=60_000), np.zeros(60_000)]
    y = (r.random(60_000) < 0.5).astype(float)
    x[700:705, 1], y[700:705] = 1, 0
    fit = LOSSES["logistic"][0].over(x=x, y=y).minimize("newton")
    assert fit.converged
    assert fit.flat == (1,)


# auto


@pytest.mark.parametrize(("options", "picked"), [
    ({}, "newton"), ({"l2": 1.0}, "newton"), ({"l1": 0.1}, "proximal-newton"), ({"bounds": {"w": (0, 1)}}, "proximal-newton"),
    ({"rate": 0.1}, "gradient-descent"), ({"nesterov": True}, "gradient-descent"), ({"batch": 10}, "adam"),
])  # fmt: skip
def test_auto_says_what_it_picked(options, picked):
    fit = COST.minimize(**options)
    assert fit.method == picked
    assert f"by {picked} in" in repr(fit)


@pytest.mark.parametrize(("options", "picked"), [({}, "newton-cg"), ({"l1": 0.01}, "working-set"), ({"l1": 0.01, "bounds": {"w": (0, 1)}}, "newton-cg"), ({"bounds": {"w": (0, 1)}}, "l-bfgs")])
def test_auto_does_without_a_hessian_where_parameters_are_many(options, picked):
    x = np.random.default_rng(0).normal(size=(50, 1500))
    fit = LOSSES["logistic"][0].over(x=x, y=Y[:50]).minimize(l2=0.1, **options)
    assert fit.method == picked
    assert fit.converged


def test_auto_does_without_a_hessian_where_there_is_none():
    cost = dv.graph("h = tanh(U @ x); L = (v @ h - y)**2").over(x=X, y=REAL)
    r = np.random.default_rng(1)
    fit = cost.minimize(start={"U": r.normal(size=(3, 12)) / 4, "v": r.normal(size=3)}, l2=1e-3, tol=1e-4)
    assert fit.method == "l-bfgs"
    assert fit.converged


# refusals, plot


@pytest.mark.parametrize(("options", "said"), [
    ({"momentum": 1.0}, "momentum is 1.0"), ({"momentum": "a"}, "momentum is 'a'"), ({"nesterov": 1}, "nesterov is 1"),
    ({"batch": 0}, "batch is 0"), ({"tol": 0}, "tol is 0"), ({"tol": 2.0}, "tol is 2.0"), ({"l1": -1}, "l1 is -1"),
    ({"l1": np.inf}, "l1 is inf"), ({"steps": np.inf}, "steps is inf"), ({"seed": np.nan}, "the seed is nan"),
    ({"method": "newton", "l1": 0.1}, "newton has no l1"), ({"method": "l-bfgs", "l1": 0.1}, "l-bfgs has no l1"),
    ({"method": "newton", "batch": 5}, "newton has no batch"), ({"method": "adam", "momentum": 0.9}, "adam has no momentum"),
    ({"method": "gradient-descent", "bounds": {"w": (0, 1)}}, "gradient-descent has no bounds"),
    ({"bounds": {"q": (0, 1)}}, "no parameter 'q' to bound"), ({"bounds": {"w": 1}}, "bounds of 'w' are 1"),
    ({"bounds": {"w": (1, 0)}}, "leave no value"), ({"bounds": {"w": (np.zeros(3), None)}}, "shape"),
    ({"bounds": {"w": (0, 1)}, "start": {"w": np.full(12, 2.0), "b": 0.0}}, "outside the bounds"),
    ({"l1": 0.1, "penalize": ["q"]}, "no parameter 'q' to penalise"), ({"l1": 0.1, "penalize": []}, "l1 has nothing to penalise"),
    ({"l1": 0.1, "rate": 0.1}, "gradient-descent has no l1"),
])  # fmt: skip
def test_refused(options, said):
    with pytest.raises(dv.UsageError, match=said):
        COST.minimize(**options)


def test_a_working_set_refuses_what_it_cannot_cut():
    cost = dv.graph("inputs: W, c, x, y\nz = W @ x + c; L = logsumexp(z) - z[y]").over(x=X, y=np.arange(len(X)) % 3)
    with pytest.raises(dv.UsageError, match="only as w @ x"):
        cost.minimize("working-set", l1=0.1, start={"W": np.zeros((3, 12)), "c": np.zeros(3)})


def test_a_method_that_lacks_a_hessian_names_those_that_need_none():
    cost = dv.graph("L = (v @ tanh(U @ x) - y)**2").over(x=X, y=REAL)
    with pytest.raises(dv.UsageError, match="l-bfgs or newton-cg"):
        cost.minimize("newton", start={"U": np.ones((2, 12)), "v": np.ones(2)})


def test_fits_are_plotted_beside_each_other(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    fits = [COST.minimize(), COST.minimize("gradient-descent", rate=0.1, steps=20), COST.minimize("gradient-descent", rate=0.5, momentum=0.9, steps=20)]
    ax = fits[0].plot(*fits[1:])
    assert ax.get_yscale() == "log"
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [t.partition(":")[0] for t in told] == ["newton", "gradient-descent, rate 0.1", "gradient-descent, rate 0.5, momentum 0.9"]
    assert [len(line.get_xdata()) for line in ax.get_lines()] == [fit.passes for fit in fits]
    assert fits[0].plot(ax=ax) is ax
    ax.figure.savefig(tmp_path / "fits.png")
    pyplot.close(ax.figure)


def test_a_plot_without_matplotlib_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(dv.UsageError, match="pip install matplotlib"):
        COST.minimize().plot()


# a start without a slope is no optimum


X_COS = np.linspace(-1, 1, 50)


@pytest.mark.parametrize("method", ["gradient-descent", "newton", "newton-cg", "l-bfgs", "fista", "adam"])
@pytest.mark.parametrize(
    "cost",
    [
        dv.graph("L = (cos(a*x) - y)**2").over(x=X_COS, y=np.cos(2 * X_COS)),  # a maximum
        dv.graph("L = (relu(a*x) - y)**2").over(x=X_COS, y=np.abs(X_COS)),  # a kink
        dv.graph("L = ((u*x + c)*(v*x + c) - y)**2").over(x=X_COS, y=1 + X_COS**2),  # a saddle
    ],
    ids=["maximum", "kink", "saddle"],
)
def test_a_start_without_a_slope_is_not_called_converged(cost, method):
    fit = cost.minimize(method)
    if fit.converged:  # it may have found its way
        assert fit.cost < 0.9 * cost.at(cost.named(np.zeros(cost.size))).value
    else:
        assert "start elsewhere" in fit.message or fit.passes > 5


@pytest.mark.parametrize(("loss", "start", "optimum"), [
    ("(exp(a*x) - 1 - x)**2", [7.0, 10.0, 20.0], None),
    ("exp(a) - 2*a + 0*x", [20.0, 66.0, 100.0, 300.0], np.log(2.0)),
    ("(a - 3)**4 + (a - 3)**2 + (a - x)**2", [1e8, 1e15, 1e20], None),
])  # fmt: skip
def test_from_a_start_far_out_the_optimum_is_that_from_zero(loss, start, optimum):
    """The cost is 10¹² to 10¹³⁰ times what it is at the optimum: beside that, what is left looks like nothing."""
    cost = dv.graph("L = " + loss).over(x=np.linspace(0, 5, 50))
    best = cost.minimize(start={"a": 0.0})
    assert optimum is None or best.params["a"] == pytest.approx(optimum, rel=1e-9)
    for a in start:
        fit = cost.minimize("newton", start={"a": a})
        assert fit.converged
        assert not fit.flat
        assert fit.params["a"] == pytest.approx(best.params["a"], rel=1e-6)
        for method in ("l-bfgs", "newton-cg", "subsampled-newton", "proximal-newton", "fista", "gradient-descent"):
            other = cost.minimize(method, start={"a": a})
            assert not other.converged or other.cost == pytest.approx(best.cost, rel=1e-5), (method, a, other.message)


def test_a_start_at_the_optimum_is_converged():
    x = np.linspace(-1, 1, 50)
    cost = dv.graph("L = (a*x + b - y)**2").over(x=x, y=2 * x + 1)
    for method in ("newton", "l-bfgs", "gradient-descent"):
        assert cost.minimize(method, start={"a": 2.0, "b": 1.0}).converged


def test_a_loss_that_falls_without_bound_is_told_as_one():
    x = np.random.default_rng(0).normal(size=(100, 2))
    cost = dv.graph("L = -(w@x - y)**2").over(x=x, y=np.ones(100))
    with pytest.raises(dv.DvarError, match="falls without bound") as error:
        cost.minimize("l-bfgs")
    assert "no minimum" in str(error.value)


def test_zero_is_a_start_where_every_parameter_has_a_slope_there():
    x = np.random.default_rng(0).normal(size=(200, 2))
    y = x @ [1.0, -2.0] + 0.1 * np.random.default_rng(1).normal(size=200)
    own_scale = dv.graph("r = w@x + b - y; L = exp(-2*s)*r**2/2 + s").over(x=x, y=y).minimize()
    assert own_scale.converged
    residuals = y - x @ own_scale.params["w"] - own_scale.params["b"]
    assert own_scale.params["s"] == pytest.approx(np.log(residuals.std()), abs=1e-6)  # the maximum-likelihood scale


@pytest.mark.parametrize("options", [{}, {"l2": 0.1}, {"l1": 0.02}, {"method": "newton-cg", "l1": 0.02}, {"bounds": {"w": (0, 1)}}])
@pytest.mark.parametrize("order", ["", "inputs: b, w, x, y\n", "inputs: w, b, x, y\n"])
def test_many_parameters_are_kept_apart_in_whatever_order_the_inputs_are(options, order):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 1200))
    y = x[:, 3] - x[:, 5] + 2
    fit = dv.graph(order + "L = (w @ x + b - y)**2/2").over(x=x, y=y).minimize(**options)
    assert np.shape(fit.params["w"]) == (1200,)
    assert np.mean((x @ fit.params["w"] + fit.params["b"] - y) ** 2) / 2 + options.get("l2", 0.0) / 2 * np.sum(
        fit.params["w"] ** 2) + options.get("l1", 0.0) * np.abs(fit.params["w"]).sum() == pytest.approx(fit.cost, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("method", ["gradient-descent", "l-bfgs", "newton-cg", "fista"])
def test_a_gradient_that_is_small_beside_a_huge_one_alone_is_no_optimum(method):
    rng = np.random.default_rng(0)
    t = 1.7e9 + 3e7 * rng.random(2000)  # seconds since 1970, a year of them
    y = 0.3 * (t - 1.7e9) / 1e6 + 2 + rng.normal(size=2000)
    cost = dv.graph("L = (k*t + b - y)**2").over(t=t, y=y)
    fit, best = cost.minimize(method), np.polynomial.Polynomial.fit(t, y, 1)
    assert not fit.converged
    assert "scales" in fit.message
    assert fit.cost > 2 * cost.minimize().cost == pytest.approx(2 * np.mean((best(t) - y) ** 2), rel=1e-9)
    near = dv.graph("L = (k*t + b - y)**2").over(t=(t - t.mean()) / t.std(), y=y).minimize(method)
    assert near.converged
    assert near.cost == pytest.approx(np.mean((best(t) - y) ** 2), rel=1e-9)


@pytest.mark.parametrize("share", [0.3, 0.1, 0.03, 0.01])
def test_a_wide_lasso_is_found_without_meeting_all_kinks_one_by_one(share, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 360))
    y = x[:, :8] @ rng.normal(size=8) * 2 + rng.normal(size=60)
    l1 = share * np.abs(x.T @ (y - y.mean())).max() / 60
    few = kinks.one_by_one
    monkeypatch.setattr(kinks, "one_by_one", lambda *given: few(*given) if given[-1] == kinks.MET else pytest.fail("all"))
    cost = dv.graph("L = (w @ x + b - y)**2/2").over(x=x, y=y)
    fit = cost.minimize("working-set", l1=l1)
    assert fit.converged
    assert cost.gap(fit.params, l1=l1) <= 1e-9 * fit.cost
    theirs = Lasso(alpha=l1, tol=1e-10, max_iter=1_000_000).fit(x, y)
    assert fit.cost <= np.mean((theirs.predict(x) - y) ** 2) / 2 + l1 * np.abs(theirs.coef_).sum() + 1e-10


@pytest.mark.parametrize("method", ["proximal-newton", "working-set"])
@pytest.mark.parametrize("l1", [1e-3, 1.0, 100.0])
def test_counts_so_large_that_the_first_step_overflows(method, l1):
    """No subgradient is left: of coefficients that are not 0 the slope is ∓l1, of the others it is at most that."""
    x = np.random.default_rng(0).normal(size=(50, 2))
    y = np.exp(5 + 3 * x[:, 0]).round()
    fit = dv.graph("z = w @ x + b; L = exp(z) - y*z").over(x=x, y=y).minimize(method, l1=l1)
    w, b = fit.params["w"], fit.params["b"]
    rest = (np.exp(x @ w + b) - y) / 50
    slopes = x.T @ rest
    assert fit.converged
    assert np.where(w == 0, np.maximum(np.abs(slopes) - l1, 0), slopes + l1 * np.sign(w)) == pytest.approx(0, abs=1e-4)
    assert rest.sum() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_of_a_huber_loss_with_l1_that_bends_in_few_rows_another_method_finds_the_optimum(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(20, 20))
    y = 3 * x[:, 0] + rng.standard_cauchy(size=20)
    cost = dv.graph("r = w @ x + b - y; L = where(abs(r) < 1, r**2/2, abs(r) - 0.5)").over(x=x, y=y)
    fit = cost.minimize(l1=0.01)
    assert fit.converged
    assert fit.cost <= cost.minimize("fista", l1=0.01).cost * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_a_working_set_of_no_weights(seed):
    """Where l1 holds all of them at 0 there is the intercept alone, the mean of y."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(3, 20)), rng.normal(size=3) + 5
    fit = dv.graph("L = (w @ x + b - y)**2").over(x=x, y=y).minimize("working-set", l1=100.0)
    assert fit.converged
    assert fit.params["b"] == pytest.approx(y.mean(), rel=1e-8)
    assert not np.any(fit.params["w"])


@pytest.mark.parametrize("method", ["proximal-newton", "newton"])
@pytest.mark.parametrize("unit", [1e-20, 1e-12, 1e12, 1e20])
def test_units_far_from_those_of_the_intercept(method, unit):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2))
    y = x @ [1.0, -1.0] + 3 + rng.normal(size=50)
    fit = dv.graph("L = (w @ x + b - y)**2/2").over(x=x * unit, y=y).minimize(method)
    theirs = np.linalg.lstsq(np.column_stack([x, np.ones(50)]), y)[0]
    assert [*fit.params["w"] * unit, fit.params["b"]] == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize(("loss", "options"), [
    ("y*(w @ x)", {}), ("y*(w @ x)", {"l1": 1e-3}), ("(b - y)**2 + w @ x", {}), ("(b - y)**2 + w @ x", {"l1": 1e-3}),
    ("softplus(w @ x) - 3*(w @ x)", {}), ("y*w - 2*w", {}), ("y*(w @ x)", {"method": "l-bfgs"}),
])
def test_a_loss_that_falls_along_a_line_for_ever_is_told_as_one(loss, options):
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(50, 2)), "y": rng.normal(size=50)}
    graph = dv.graph(f"L = {loss}")
    with pytest.raises(dv.DvarError, match="falls without bound"):
        graph.over(**{k: v for k, v in data.items() if k in graph.inputs}).minimize(**options)


@pytest.mark.parametrize("slope", [1e-12, 1e-9, 1.0, 1e6])
@pytest.mark.parametrize("upper", [3.0, 1e-3, 1e6, 1e9])
def test_a_line_is_followed_to_its_bounds(slope, upper):
    x = np.array([[1.0, 2.0], [3.0, 1.0]])
    cost = dv.graph(f"L = -{slope!r}*(w @ x) + (b - 1)**2").over(x=x)
    fit = cost.minimize(bounds={"w": (None, upper)})
    assert fit.converged, fit.message
    assert fit.params["w"].tolist() == [upper, upper]
    for low, high in ((-1.0, None), (None, [upper, None])):  # w, or one of them, can grow for ever
        with pytest.raises(dv.DvarError, match="falls without bound"):
            cost.minimize(bounds={"w": (low, high)})


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_a_saddle_beside_the_start_is_no_cost_without_bound(scale):
    cost = dv.graph("L = s*(u**4 - u**2) + 0*y").over(y=np.ones(3), s=np.full(3, scale))
    assert cost.minimize(start={"u": 1e-12}).cost == pytest.approx(-scale / 4, rel=1e-9)


@pytest.mark.parametrize("options", [{}, {"l1": 0.01}, {"l2": 0.1}, {"bounds": {"w": (-5, 5)}}])
def test_the_step_that_was_the_last_allowed_may_have_reached_the_optimum(options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    cost = dv.graph("L = (w @ x + b - y)**2").over(x=x, y=x @ [1.0, -2.0, 0.5] + rng.normal(size=200))
    fit = cost.minimize(steps=1, **options)
    assert fit.converged
    assert "converged" in fit.message
    once = dv.graph("L = (a*x - 1)**2").over(x=np.ones(3))
    for method in ("newton", "newton-cg", "fista", "l-bfgs"):
        assert once.minimize(method, steps=1).message.startswith("converged")
    assert not dv.graph("L = exp(w @ x + b) - y*(w @ x + b)").over(x=x, y=np.arange(200) % 5).minimize(steps=1, **options).converged
