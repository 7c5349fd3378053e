"""Minimising a cost: gradient descent is the loop one writes by hand, Newton finds what scikit-learn and statsmodels find, and a
run that cannot go on ends with what it learned and says why."""

import re
import signal
import warnings

import numpy as np
import pytest

import dvar as dv
from dvar.descend.curvature import Factor
from dvar.descend.methods import METHODS

rng = np.random.default_rng(11)
X = rng.normal(size=(200, 4)) @ np.diag([1.0, 3.0, 0.1, 1.0]) + [0, 1, 0, -2]
Y = (rng.random(200) < 1 / (1 + np.exp(-(X @ [1.0, -0.5, 3.0, 0.3])))).astype(float)
LOGISTIC = dv.graph("inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))")
SQUARE = dv.graph("inputs: w, b, x, y\nL = (w @ x + b - y)**2/2")
POISSON = dv.graph("inputs: w, b, x, y\nz = w @ x + b; L = exp(z) - y*z")
COST = LOGISTIC.over(x=X, y=Y)
INFIMUM_TOLERANCE = 1e-6


@pytest.mark.parametrize(("graph", "rate"), [(LOGISTIC, 0.1), (SQUARE, 0.01), (POISSON, 0.001)])
@pytest.mark.parametrize("start", [None, {"w": np.array([0.1, -0.2, 0.3, 0.0]), "b": 0.5}])
def test_gradient_descent_is_the_loop_one_writes_by_hand(graph, rate, start):
    cost = graph.over(x=X, y=Y)
    fit = cost.minimize(method="gradient-descent", rate=rate, steps=50, start=start)
    w, b = (start["w"].copy(), start["b"]) if start else (np.zeros(4), 0.0)
    costs = []
    for _ in range(50):
        q = cost.at(w=w, b=b)
        costs.append(q.value)
        w = w - rate * q.dw
        b = b - rate * q.db
    np.testing.assert_array_equal(fit.params["w"], w)
    assert fit.params["b"] == b
    assert fit.cost == cost.at(w=w, b=b).value
    assert [r.cost for r in fit.history[:-1]] == costs
    assert fit.passes == 51 + (start is not None)  # begun elsewhere, what zero costs is asked too
    assert (fit.converged, fit.method) == (False, "gradient-descent")
    assert "did 50 steps at rate" in fit.message


@pytest.mark.parametrize("rate", [1.0, 10.0, 1e3, 1e8, 1e300])
@pytest.mark.parametrize("graph", [LOGISTIC, SQUARE, POISSON])
def test_a_rising_cost_stops_keeps_the_best_and_its_suggestion_works(graph, rate):
    cost = graph.over(x=X, y=Y)
    fit = cost.minimize("gradient-descent", rate=rate, steps=100)
    if "stopped" not in fit.message:
        assert all(b.cost <= a.cost * (1 + 1e-9) for a, b in zip(fit.history, fit.history[1:]))
        return
    assert not fit.converged
    assert "the rate" in fit.message
    assert fit.cost == min(r.cost for r in fit.history if np.isfinite(r.cost))
    assert cost.at(fit.params).value == fit.cost
    suggested = float(re.search(r"Try rate=(\S+)$", fit.message)[1])
    assert 0 < suggested < rate
    for _ in range(40):  # a suggestion from far outside may need another; each must be lower and one must do
        again = cost.minimize("gradient-descent", rate=suggested, steps=100)
        if "stopped" not in again.message:
            break
        lower = float(re.search(r"Try rate=(\S+)$", again.message)[1])
        assert lower < suggested
        suggested = lower
    assert "stopped" not in again.message
    assert again.cost <= fit.cost


def test_the_rate_suggested_at_an_ordinary_miss_works_at_once():
    fit = SQUARE.over(x=X, y=Y).minimize("gradient-descent", rate=1.0)
    suggested = float(re.search(r"Try rate=(\S+)$", fit.message)[1])
    assert "stopped" not in SQUARE.over(x=X, y=Y).minimize("gradient-descent", rate=suggested, steps=500).message


@pytest.mark.parametrize("graph", [LOGISTIC, SQUARE, POISSON])
def test_a_rate_that_finds_itself_reaches_newtons_answer(graph):
    cost = graph.over(x=X / 3, y=Y)
    found, best = cost.minimize("gradient-descent", steps=5000), cost.minimize()
    assert found.cost == pytest.approx(best.cost, rel=1e-4)
    costs = [r.cost for r in found.history]
    assert found.cost == min(costs)


# Newton


def test_newton_finds_what_scikit_learn_finds():
    from sklearn.linear_model import LogisticRegression

    fit = COST.minimize("newton")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = LogisticRegression(C=1e12, tol=1e-12, solver="newton-cholesky", max_iter=1000).fit(X, Y)
    assert fit.converged
    np.testing.assert_allclose(fit.params["w"], theirs.coef_[0], rtol=1e-8)
    assert fit.params["b"] == pytest.approx(theirs.intercept_[0], rel=1e-8)
    assert fit.flat == ()


def test_newton_finds_what_statsmodels_finds():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sm = pytest.importorskip("statsmodels.api")
        full = np.c_[X, np.ones(len(X))]
        logit = sm.Logit(Y, full).fit(disp=0, method="newton", tol=1e-14)
        poisson = sm.GLM(Y, full, family=sm.families.Poisson()).fit(tol=1e-14)
    for fit, theirs in [(COST.minimize(), logit), (POISSON.over(x=X, y=Y).minimize(), poisson)]:
        np.testing.assert_allclose(np.r_[fit.params["w"], fit.params["b"]], theirs.params, rtol=1e-8)
        errors = np.sqrt(np.diag(np.linalg.inv(fit.hessian)) / len(X))
        np.testing.assert_allclose(errors, theirs.bse, rtol=1e-6)
    assert -COST.minimize().cost * len(X) == pytest.approx(logit.llf, rel=1e-10)


def test_newton_solves_least_squares_in_one_step():
    fit = SQUARE.over(x=X, y=Y).minimize()
    theirs = np.linalg.lstsq(np.c_[X, np.ones(len(X))], Y, rcond=None)[0]
    np.testing.assert_allclose(np.r_[fit.params["w"], fit.params["b"]], theirs, rtol=1e-9)
    assert fit.passes <= 4


@pytest.mark.parametrize("c", [100.0, 1.0, 0.01, 1e-4])
def test_l2_is_scikit_learns_c(c):
    from sklearn.linear_model import LogisticRegression

    fit = COST.minimize(l2=1 / (c * len(X)))
    theirs = LogisticRegression(C=c, tol=1e-13, solver="newton-cholesky", max_iter=1000).fit(X, Y)
    np.testing.assert_allclose(fit.params["w"], theirs.coef_[0], rtol=1e-7)
    assert fit.params["b"] == pytest.approx(theirs.intercept_[0], rel=1e-7)
    w = fit.params["w"]
    assert fit.cost == pytest.approx(COST.at(fit.params).value + w @ w / (2 * c * len(X)), rel=1e-13)


def test_penalize_says_what_is_penalised():
    both = COST.minimize(l2=1e3, penalize=["w", "b"]).params
    assert abs(both["b"]) < 1e-3
    alone = COST.minimize(l2=1e3).params
    assert np.abs(alone["w"]).max() < 1e-2
    assert alone["b"] == pytest.approx(np.log(Y.mean() / (1 - Y.mean())), abs=0.05)
    only = COST.minimize(l2=1e3, penalize=["b"]).params
    assert np.abs(only["w"]).max() > 0.1


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1e3, 1e8])
def test_newton_does_not_mind_the_units_of_a_column(scale):
    units = np.array([1.0, scale, 1.0, 1 / scale])
    fit, plain = LOGISTIC.over(x=X * units, y=Y).minimize(), COST.minimize()
    np.testing.assert_allclose(fit.params["w"] * units, plain.params["w"], rtol=1e-6)
    assert fit.cost == pytest.approx(plain.cost, abs=1e-12)


# separation, collinear and constant columns


def separated(kind):
    x = rng.normal(size=(60, 3))
    if kind == "one level":  # a rare indicator whose rows are all of one class
        x[:, 1] = 0
        x[:2, 1] = 1
        y = (rng.random(60) < 0.5).astype(float)
        y[:2] = 0
        x[2:, :] = x[2:, :]
    else:
        y = (x[:, 1] > 0).astype(float)
    return x, y


def test_a_separated_coefficient_is_named_and_the_run_ends():
    x, y = separated("one level")
    fit = LOGISTIC.over(x=x, y=y).minimize()
    assert fit.converged
    assert fit.flat == (1,)
    assert "1 parameter has no finite optimum" in fit.message
    assert np.isfinite(fit.params["w"]).all()
    assert fit.params["w"][1] < -10
    without = LOGISTIC.over(x=x[2:], y=y[2:]).minimize()
    assert fit.cost == pytest.approx(without.cost * 58 / 60, abs=1e-9)  # the infimum: the two rows cost nothing
    np.testing.assert_allclose(fit.params["w"][[0, 2]], without.params["w"][[0, 2]], rtol=1e-5)
    assert fit.passes < 60


def test_classes_apart_have_no_optimum_and_the_run_ends():
    x, y = separated("all")
    fit = LOGISTIC.over(x=x, y=y).minimize()
    assert 0 <= fit.cost < INFIMUM_TOLERANCE
    assert np.isfinite(fit.params["w"]).all()
    assert fit.passes < 200
    assert LOGISTIC.over(x=x, y=y).minimize(l2=0.1).flat == ()


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_one_class_alone_has_no_optimum_and_the_run_ends(target):
    fit = LOGISTIC.over(x=X, y=np.full(200, target)).minimize()
    assert fit.cost < INFIMUM_TOLERANCE
    assert np.isfinite(fit.params["b"])


def test_collinear_columns_share_their_weight():
    fit = LOGISTIC.over(x=np.c_[X, X[:, 0]], y=Y).minimize()
    plain = COST.minimize()
    assert fit.converged
    assert fit.cost == pytest.approx(plain.cost, abs=1e-12)
    assert fit.params["w"][0] + fit.params["w"][4] == pytest.approx(plain.params["w"][0], rel=1e-6)
    assert fit.params["w"][0] == pytest.approx(fit.params["w"][4], rel=1e-6)
    assert "1 direction" in fit.message
    assert fit.flat == ()


@pytest.mark.parametrize("constant", [0.0, 1.0, -7.0])
def test_a_constant_column_changes_nothing(constant):
    fit = LOGISTIC.over(x=np.c_[X, np.full(200, constant)], y=Y).minimize()
    assert fit.converged
    assert fit.cost == pytest.approx(COST.minimize().cost, abs=1e-12)
    assert fit.flat == ()
    np.testing.assert_allclose(fit.params["w"][:4], COST.minimize().params["w"], rtol=1e-6)


def test_more_columns_than_rows():
    fit = SQUARE.over(x=rng.normal(size=(5, 20)), y=rng.normal(size=5)).minimize()
    assert fit.converged
    assert fit.cost < 1e-20


def test_a_single_example():
    fit = SQUARE.over(x=np.ones((1, 2)), y=[3.0]).minimize()
    assert fit.cost < 1e-20


# Ctrl-C, watching, refusals


@pytest.fixture
def heeds_ctrl_c():
    """A process that was started in the background may have been told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
@pytest.mark.parametrize(("method", "options"), [("gradient-descent", {"rate": 0.01}), ("gradient-descent", {}), ("newton", {})])
def test_ctrl_c_stops_after_the_pass_under_way_and_keeps_what_was_learned(method, options):
    before = signal.getsignal(signal.SIGINT)

    def watch(row):
        if row.passes == 3:
            signal.raise_signal(signal.SIGINT)

    fit = COST.minimize(method, watch=watch, **options)
    assert signal.getsignal(signal.SIGINT) is before
    assert "stopped on request" in fit.message
    assert not fit.converged
    assert 3 <= fit.passes <= 5
    assert fit.cost == min(r.cost for r in fit.history)
    assert COST.at(fit.params).value == fit.cost


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_a_second_ctrl_c_interrupts_at_once_and_gives_the_signal_back():
    before = signal.getsignal(signal.SIGINT)

    def watch(row):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        COST.minimize("gradient-descent", watch=watch)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_while_watching_comes_through():
    def watch(row):
        raise RuntimeError("mine")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="mine"):
        COST.minimize(watch=watch)
    assert signal.getsignal(signal.SIGINT) is before


def test_every_pass_is_watched_in_order():
    rows = []
    fit = COST.minimize("gradient-descent", rate=0.1, steps=5, watch=rows.append)
    assert tuple(rows) == fit.history
    assert [r.passes for r in rows] == [1, 2, 3, 4, 5, 6]
    assert all(a.seconds <= b.seconds for a, b in zip(rows, rows[1:]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "newtn"}, "no method 'newtn'; did you mean 'newton'"),
        ({"method": "gradient-descent", "rate": 0}, "rate is 0"),
        ({"method": "gradient-descent", "rate": -1.0}, "rate is -1.0"),
        ({"method": "gradient-descent", "rate": np.nan}, "rate is nan"),
        ({"method": "gradient-descent", "rate": np.inf}, "rate is inf"),
        ({"method": "gradient-descent", "rate": "fast"}, "rate is 'fast'"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"l2": -1}, "l2 is -1"),
        ({"l2": np.nan}, "l2 is nan"),
        ({"l2": 1.0, "penalize": ["q"]}, "no parameter 'q'"),
        ({"start": {"w": np.zeros(4)}}, "no value was given for b"),
        ({"start": {"w": np.zeros(4), "b": 0.0, "q": 1}}, "no parameter 'q'"),
        ({"start": {"w": np.zeros(3), "b": 0.0}}, "shape"),
    ],
)
def test_refused(options, said):
    with pytest.raises(dv.UsageError, match=said):
        COST.minimize(**options)


@pytest.mark.parametrize("method", ["gradient-descent", "newton"])
@pytest.mark.parametrize("start", [{"w": np.full(4, np.nan), "b": 0.0}, {"w": np.zeros(4), "b": np.inf}])
def test_a_start_that_is_not_finite_is_refused(method, start):
    with pytest.raises(dv.DvarError, match="the cost is (nan|inf) at the start"):
        SQUARE.over(x=X, y=Y).minimize(method, start=start)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "smoothed-newton"])
def test_a_slope_too_large_for_numbers_is_refused_and_nothing_converged(method):
    with pytest.raises(dv.DvarError, match="slope of the cost is not finite at the start"):
        LOGISTIC.over(x=1e200 * X, y=Y).minimize(method)


@pytest.mark.parametrize("method", [3, None, "newtn"])
def test_a_method_that_is_none_is_refused(method):
    with pytest.raises(dv.UsageError, match="there is no method"):
        COST.minimize(method)


@pytest.mark.parametrize(("loss", "named"), [
    ("r = y - (w @ x + b); L = maximum(0.9*r, -0.1*r)", "maximum"),
    ("L = abs(w @ x + b - y)", "abs"),
    ("L = relu(1 - (2*y - 1)*(w @ x + b))", "relu"),
])  # fmt: skip
@pytest.mark.parametrize("method", ["newton", "l-bfgs", "proximal-newton"])
def test_where_kinks_end_the_steps_they_are_told(loss, named, method):
    fit = dv.graph(loss).over(x=X, y=Y + 0.1 * X[:, 0]).minimize(method)
    assert not fit.converged
    assert f"the loss has kinks ({named}), and no gradient tells the way along one: take the method smoothed-newton" in fit.message


def test_how_kinks_are_rounded_off_is_told_where_no_method_does():
    fit = dv.graph("L = log(1 + abs(w @ x + b - y))").over(x=X, y=Y + 0.1 * X[:, 0]).minimize("l-bfgs")
    assert "the loss has kinks (abs), and no gradient tells the way along one: round them off, as logcosh(r)" in fit.message


def test_kinks_are_not_told_of_where_none_is_met():
    for loss in ("L = abs(w @ x + b - y)**3", "L = (w @ x + b - abs(y))**2"):
        assert "kinks" not in dv.graph("inputs: w, b, x, y\n" + loss).over(x=X, y=Y).minimize().message


@pytest.mark.parametrize("method", ["gradient-descent", "newton"])
def test_a_loss_undefined_at_zero_asks_for_a_start(method):
    cost = dv.graph("L = log(k)**2 + 0*x").over(x=[1.0, 2.0])
    with pytest.raises(dv.DvarError, match="start="):
        cost.minimize(method)
    assert cost.minimize(method, start={"k": 1.5}).params["k"] == pytest.approx(1.0, abs=1e-5)


def test_a_cost_that_leaves_its_domain_keeps_the_best():
    cost = dv.graph("L = k - 3*log(k)*x").over(x=[1.0, 1.0])
    fit = cost.minimize("gradient-descent", rate=5.0, start={"k": 1.0}, steps=10)
    assert np.isfinite(fit.cost)
    assert cost.minimize(start={"k": 0.1}).params["k"] == pytest.approx(3.0, rel=1e-7)


def test_a_seed_gives_the_same_run():
    cost = dv.graph("h = tanh(u*x + c); L = (v*h + b - y)**2").over(x=X[:, 0], y=Y)
    one, two, other = (cost.minimize("gradient-descent", rate=0.05, steps=20, seed=s) for s in (10**20, 10**20, 2))
    assert one.params == two.params
    assert one.params != other.params


def test_the_answer_does_not_depend_on_the_threads():
    fits = [LOGISTIC.over(x=np.tile(X, (200, 1)), y=np.tile(Y, 200), threads=t).minimize() for t in (1, 2, 5)]
    for fit in fits[1:]:
        assert fit.cost == fits[0].cost
        np.testing.assert_array_equal(fit.params["w"], fits[0].params["w"])


Z = np.array([[-1.0, 2.0], [0.5, -1.0], [2.0, 0.3], [1.0, 1.0], [-2.0, -0.7]])
FAR = Z @ [3.0, -2.0] + 50.0


@pytest.mark.parametrize("loss", [
    "r = w @ x + b - y; L = where(abs(r) < 1, r**2/2, abs(r) - 0.5)",  # Huber: no curvature far from the data
    "z = w @ x + b; L = abs(z - y)",
])  # fmt: skip
def test_slope_without_curvature_is_not_an_optimum(loss):
    fit = dv.graph(loss).over(x=Z, y=FAR).minimize("newton", steps=200)
    start = dv.graph(loss).over(x=Z, y=FAR).at(w=np.zeros(2), b=0.0).value
    assert fit.cost < start - 1
    if fit.converged:
        assert fit.cost < 1e-12


def test_a_cost_without_a_bottom_is_told_as_one():
    with pytest.raises(dv.DvarError, match="falls without bound"):
        dv.graph("L = (a*x - y)**2 + c").over(x=Z[:, 0], y=Z[:, 1]).minimize()


@pytest.mark.parametrize(("loss", "least"), [("L = (b**2 - y)**2", FAR.var()), ("L = cos(b) + 0*y", -1.0)])
def test_a_maximum_is_left_for_a_minimum(loss, least):
    fit = dv.graph(loss).over(y=FAR).minimize("newton")
    assert fit.converged
    assert fit.cost == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("method", ["newton", "gradient-descent"])
def test_converged_does_not_depend_on_the_units_of_the_target(method, scale):
    fit = dv.graph("z = w @ x + b; L = (z - y)**2").over(x=Z, y=FAR * scale).minimize(method)
    assert fit.converged
    assert fit.params["w"] == pytest.approx(np.array([3.0, -2.0]) * scale, rel=1e-5)


@pytest.mark.parametrize("rate", [1.0, 1000.0, 1e30])
def test_the_rate_it_suggests_works_where_scales_differ(rate):
    cost = dv.graph("z = w @ x + b; L = (z - y)**2").over(x=Z * [1.0, 1000.0], y=FAR)
    fit = cost.minimize("gradient-descent", rate=rate)
    again = cost.minimize("gradient-descent", rate=float(fit.message.rpartition("rate=")[2]), steps=50)
    assert again.passes == 51


@pytest.mark.parametrize(("options", "said"), [
    ({"method": "newton", "rate": 0.1}, "no rate"),
    ({"l2": "a"}, "l2 is 'a'"),
    ({"rate": True}, "the rate is True"),
    ({"steps": 1.5}, "steps is 1.5"),
    ({"seed": -1}, "the seed is -1"),
])  # fmt: skip
def test_options_refused(options, said):
    with pytest.raises(dv.UsageError, match=said):
        dv.graph("z = w @ x + b; L = (z - y)**2").over(x=Z, y=FAR).minimize(**options)


def test_a_penalty_of_nothing_is_refused():
    cost = dv.graph("L = (k*x - y)**2").over(x=Z[:, 0], y=FAR)
    with pytest.raises(dv.UsageError, match="nothing to penalise"):
        cost.minimize(l2=1.0)
    x = Z[:, 0]
    assert cost.minimize(l2=1.0, penalize="k").params["k"] == pytest.approx((x @ FAR / 5) * 2 / (2 * x @ x / 5 + 1.0))


@pytest.mark.parametrize("rate", [np.float32(0.1), np.float64(0.1)])
def test_numbers_of_numpy_are_numbers(rate):
    cost = dv.graph("z = w @ x + b; L = (z - y)**2").over(x=Z, y=FAR)
    assert cost.minimize("gradient-descent", rate=rate, steps=np.int64(3)).passes == 4


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 200])
def test_a_factor_solves_as_lapack_does(size) -> None:
    rng = np.random.default_rng(size)
    some, v = rng.normal(size=(size, 2 * size)), rng.normal(size=size)
    matrix = some @ some.T
    found = Factor(np.linalg.cholesky(matrix)).solve(v)
    assert found == pytest.approx(np.linalg.solve(matrix, v), rel=1e-9, abs=1e-12)
