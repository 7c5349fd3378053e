"""Convex losses made of straight pieces, fitted by smoothed-newton: optima beside those of linear programs by HiGHS, how much
lower the cost could be, kinks however they are written."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp
from scipy import optimize, sparse

import dvar as dv
from dvar.expression.ops import ROWS

R = np.random.default_rng(5)
M = 120
X = R.normal(size=(M, 3))
Y = X @ [1.0, -2.0, 0.0] + R.standard_t(2, M)
SIGN = np.where(X @ [1.0, 1.0, 0.0] + R.logistic(size=M) > 0, 1.0, -1.0)
QUANTILE = "inputs: w, b, x, y\nr = y - (w @ x + b); L = maximum({0}*r, ({0} - 1)*r)"
HINGE = "inputs: w, b, x, y\nL = relu(1 - y*(w @ x + b))"


def of_quantile(x, y, share, weight=None, l1=0.0, lowest=None):
    """The lowest cost by a linear program: w = u − v, u and v not negative."""
    m, n = x.shape
    weight = np.ones(m) / m if weight is None else weight / np.sum(weight)
    costs = np.r_[np.full(2 * n, l1), 0, share * weight, (1 - share) * weight]
    equal = sparse.hstack([sparse.csc_array(np.c_[x, -x, np.ones(m)]), sparse.eye_array(m), -sparse.eye_array(m)])
    below = (0, None) if lowest is None else (0, max(-lowest, 0))
    limits = [(0, None)] * n + [below] * n + [(None, None)] + [(0, None)] * (2 * m)
    return optimize.linprog(costs, A_eq=equal, b_eq=y, bounds=limits, method="highs").fun


def most_left(fit):
    """By how much the cost can still fall, as the message says."""
    return float(fit.message.split("at most ")[1].split(" more")[0])


TABLES = {
    "numbers": (X, Y), "whole numbers": (np.round(X), np.round(Y)), "0 and 1": (1.0 * (X > 0), np.round(Y)), "one row": (X[:1], Y[:1]),
    "as many rows as parameters": (X[:4], Y[:4]), "fewer rows than columns": (R.normal(size=(8, 20)), Y[:8]),
    "a constant column": (np.c_[X, np.ones(M)], Y), "collinear columns": (np.c_[X, X @ [1.0, 2.0, 0.0]], Y), "columns of zeros": (0 * X, Y),
    "all alike": (X, np.full(M, 3.0)), "told exactly": (X, X @ [1.0, 2.0, 3.0] + 4), "heavy tails": (X, 100 * R.standard_cauchy(M)),
    "far from zero": (X + 1e4, Y), "very different scales": (X * [1e-5, 1.0, 1e5], Y),
}  # fmt: skip


@pytest.mark.parametrize("share", [0.1, 0.5, 0.75])
@pytest.mark.parametrize("table", TABLES)
def test_quantiles_are_those_of_the_linear_program(table, share):
    x, y = TABLES[table]
    fit = dv.graph(QUANTILE.format(share)).over(x=x, y=y).minimize()
    size = np.mean(np.abs(y))
    assert (fit.method, fit.converged) == ("smoothed-newton", True), fit.message
    assert most_left(fit) <= 1e-11 * size
    scaled = x / np.where(np.any(x, axis=0), np.max(np.abs(x), axis=0), 1)  # else the program's own tolerance is what is seen
    assert fit.cost == pytest.approx(of_quantile(scaled, y, share), abs=1e-9 * size)


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_units_of_y_are_units_of_the_answer(scale):
    one, other = (dv.graph(QUANTILE.format(0.3)).over(x=X, y=y).minimize() for y in (Y, scale * Y))
    assert other.converged
    assert other.cost == pytest.approx(scale * one.cost, rel=1e-11)
    np.testing.assert_allclose(other.params["w"], scale * one.params["w"], rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 5), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1), st.booleans())
def test_no_linear_program_finds_a_cost_lower_than_was_told(m, n, share, seed, whole):
    r = np.random.default_rng(seed)
    x, y = r.normal(size=(m, n)), r.normal(size=m)
    x, y = (np.round(x), np.round(2 * y)) if whole else (x, y)
    fit = dv.graph(QUANTILE.format(share)).over(x=x, y=y).minimize()
    best = of_quantile(x, y, share)
    assert fit.converged
    assert fit.cost - best <= most_left(fit) + 1e-9 * np.mean(np.abs(y))  # the program's own tolerance


def test_weights_count_as_rows_do():
    weight = R.integers(0, 4, M).astype(float)
    loss = dv.graph(QUANTILE.format(0.4))
    weighed, repeated = loss.over(x=X, y=Y, weight=weight).minimize(), loss.over(x=np.repeat(X, weight.astype(int), 0), y=np.repeat(Y, weight.astype(int))).minimize()
    assert weighed.cost == pytest.approx(of_quantile(X, Y, 0.4, weight), rel=1e-10)
    assert weighed.cost == pytest.approx(repeated.cost, rel=1e-11)


@pytest.mark.parametrize("l1", [1e-3, 0.05, 0.2, 3.0])
def test_l1_gives_exact_zeros_and_the_optimum_of_the_linear_program(l1):
    fit = dv.graph(QUANTILE.format(0.3)).over(x=X, y=Y).minimize(l1=l1)
    assert fit.converged
    assert fit.cost == pytest.approx(of_quantile(X, Y, 0.3, l1=l1), rel=1e-10)
    assert f"{np.sum(fit.params['w'] == 0)} of 3 penalised parameters are zero" in fit.message


@pytest.mark.parametrize(("m", "n", "l1"), [(40, 200, 0.02), (40, 100, 1e-3), (30, 60, 1e-5), (120, 90, 0.01)])
def test_l1_where_columns_are_many(m, n, l1):
    r = np.random.default_rng(m)
    x = r.normal(size=(m, n))
    y = x[:, :5] @ np.ones(5) + r.standard_t(2, m)
    fit = dv.graph(QUANTILE.format(0.9)).over(x=x, y=y).minimize(l1=l1)
    assert (fit.method, fit.converged) == ("smoothed-newton", True)
    assert fit.cost - of_quantile(x, y, 0.9, l1=l1) <= most_left(fit) + 1e-13
    assert fit.passes < 150


def test_bounds_hold():
    fit = dv.graph(QUANTILE.format(0.3)).over(x=X, y=Y).minimize(l1=0.02, bounds={"w": (0, np.inf)})
    assert fit.converged
    assert (fit.params["w"] >= 0).all()
    assert fit.cost == pytest.approx(of_quantile(X, Y, 0.3, l1=0.02, lowest=0.0), rel=1e-10)


@pytest.mark.parametrize("l2", [1e-3, 0.1, 10.0])
def test_support_vectors_meet_the_conditions_of_optimality(l2):
    """w = 1/(m·l2) Σ aᵢyᵢxᵢ with 0 ≤ aᵢ ≤ 1: 1 where the margin is below 1, 0 above; Σ aᵢyᵢ = 0 (Cortes & Vapnik, 1995)."""
    fit = dv.graph(HINGE).over(x=X, y=SIGN).minimize(l2=l2)
    w, b = fit.params["w"], fit.params["b"]
    margin = SIGN * (X @ w + b)
    on = np.abs(margin - 1) < 1e-6
    a = np.where(margin < 1, 1.0, 0.0)
    a[on] = np.linalg.lstsq(np.c_[SIGN[on, None] * X[on], SIGN[on]].T, np.r_[M * l2 * w, 0] - (a * ~on * SIGN) @ np.c_[X, np.ones(M)], rcond=None)[0]
    assert fit.converged
    np.testing.assert_allclose((a * SIGN) @ X / (M * l2), w, atol=1e-7)
    assert abs(a @ SIGN) < 1e-6 * M
    assert (a > -1e-6).all()
    assert (a < 1 + 1e-6).all()


@pytest.mark.parametrize("y", [np.sign(X[:, 0]), np.ones(M)], ids=["separated", "one class"])
def test_a_hinge_that_can_be_lost_is_lost(y):
    fit = dv.graph(HINGE).over(x=X, y=y).minimize()
    assert fit.converged
    assert fit.cost == pytest.approx(0, abs=1e-11)


ALIKE = [  # the loss of the 0.3-quantile, written otherwise
    "r = y - (w @ x + b); L = where(r > 0, 0.3*r, -0.7*r)", "r = y - (w @ x + b); L = where(r <= 0, (0.3 - 1)*r, 0.3*r)",
    "z = w @ x + b; L = where(y > z, 0.3*(y - z), 0.7*(z - y))", "z = w @ x + b; L = where(z >= y, 0.7*(z - y), (y - z)*0.3)",
    "r = y - (w @ x + b); L = r*(0.3 - (r < 0))", "r = y - (w @ x + b); L = (0.3 - (r <= 0))*r", "r = w @ x + b - y; L = ((r > 0) - 0.3)*r",
    "r = y - (w @ x + b); L = 0.3*relu(r) + 0.7*relu(-r)", "r = y - (w @ x + b); L = abs(r)/2 - 0.2*r",
    "r = y - (w @ x + b); L = 0.3*maximum(r, 0) - 0.7*minimum(r, 0)", "r = y - (w @ x + b); L = where(0 < r, r*3/10, -r/(10/7))",
    "L = where(y - (w @ x + b) > 0, 0.3*(y - (w @ x + b)), -0.7*(y - (w @ x + b)))", "L = (y - w @ x - b)*(0.3 - (y - w @ x - b < 0))",
    "L = where(y > w @ x + b, 0.3*(y - w @ x - b), 0.7*(w @ x + b - y))",
]  # fmt: skip


@pytest.mark.parametrize("loss", ALIKE)
def test_a_kink_is_one_however_it_is_written(loss):
    fit = dv.graph("inputs: w, b, x, y\n" + loss).over(x=X, y=Y).minimize()
    assert (fit.method, fit.converged) == ("smoothed-newton", True)
    assert fit.cost == pytest.approx(of_quantile(X, Y, 0.3), rel=1e-11)


@pytest.mark.parametrize("loss", [
    "r = y - W @ x; L = sum(where(r > 0, 0.3*r, -0.7*r))", "r = y - W @ x; L = sum(r*(0.3 - (r < 0)))", "L = sum(relu(W @ x - y))",
    "r = y - W @ x; L = sum(r)*(sum(r) > 0)", "r = y - W @ x; L = sum(r*(3*s - (r < 0)))", "L = sum(abs(W @ x - y*s))",
    "r = y - W @ x; L = hypot(sum(r), max(abs(r)))", "L = where(s - x @ x > sum(W @ x), 2, 1)*relu(0*s) + sum(abs(W @ x - y)/2)",
    "r = y - W @ x; L = sum(sum(r)*(r > 0))", "r = y - W @ x; L = sum(where(r > 0, sum(r), 0*r))",
    "v = W @ x; L = sum(where(v > 0, v @ y, -v))", "v = W @ x; L = sum(where(v > 0, v, v @ y))",
    "r = y - W @ x; L = sum(r*sum(r > 0))", "r = y - W @ x; L = sum(r*(0.7 - (r < 0) @ y/9))", "r = y - W @ x; L = sum(r*mean(r > 0))"])
def test_vectors_rounded_off_by_nothing_are_the_loss_itself(loss):
    """Or they are not rounded off: of a vector d, neither sum(d) nor d @ y is a multiple."""
    r = np.random.default_rng(0)
    cost = dv.graph("inputs: W, x, y, s\n" + loss).over(x=X, y=r.normal(size=(M, 2)), s=r.uniform(size=M)).sized({"W": np.zeros((2, 3))})
    for _ in range(5 if cost.rounded is not None else 0):
        w = r.normal(size=(2, 3))
        assert cost.rounded.at(W=w, **{cost.rounded.inputs[-1]: 0.0}).value == pytest.approx(cost.at(W=w).value, rel=1e-13)


OTHERS = {  # what has kinks and does not go this way
    "jumps": "L = where(w @ x + b > y, 1, 0) + (w @ x + b - y)**2", "does not meet": "r = y - (w @ x + b); L = where(r > 0, r, 1)",
    "is not convex": "L = minimum(abs(y - (w @ x + b)), 1)", "is concave within a square": "r = y - (w @ x + b); L = where(r > 0, 0.3*r, r)**2",
    "grows slowly": "L = log(1 + abs(y - (w @ x + b)))", "has none": "L = (y - (w @ x + b))**2",
    "meets smoothly": "r = y - (w @ x + b); L = where(abs(r) <= 1, r**2/2, abs(r) - 1/2)",
}  # fmt: skip


@pytest.mark.parametrize("loss", OTHERS)
def test_what_cannot_be_smoothed_is_refused_and_goes_another_way(loss):
    cost = dv.graph("inputs: w, b, x, y\n" + OTHERS[loss]).over(x=X, y=Y)
    assert cost.rounded is None
    with pytest.raises(dv.UsageError, match="smoothed-newton needs a loss known to be convex, with kinks"):
        cost.minimize("smoothed-newton")
    assert cost.minimize().method in ("newton", "l-bfgs")


def test_beside_what_bends_newton_is_tried_first():
    cost = dv.graph("inputs: w, b, x, y\nr = y - (w @ x + b); L = abs(r) + r**2/10").over(x=X, y=Y)
    fit = cost.minimize()
    best = optimize.minimize(lambda v: np.mean(np.abs(Y - X @ v[:3] - v[3]) + (Y - X @ v[:3] - v[3]) ** 2 / 10), np.r_[fit.params["w"], fit.params["b"]], method="Powell", options={"xtol": 1e-12, "ftol": 1e-15})
    assert (fit.method, fit.converged) == ("smoothed-newton", True)
    assert fit.cost <= best.fun + most_left(fit)


def test_steps_that_were_said_hold_for_the_method_that_begins_anew_too():
    fit = dv.graph("inputs: w, b, x, y\n" + OTHERS["grows slowly"]).over(x=X, y=Y).minimize(steps=60)
    assert fit.method == "l-bfgs"
    assert fit.message.startswith("did 60 steps")


@pytest.mark.parametrize("options", [{}, {"l1": 0.01}])
def test_newton_beside_a_kink_that_bends_is_not_called_converged(options):
    cost = dv.graph("inputs: w, v, x, y, q\nL = hypot(y - w @ x, q - v @ x)").over(x=X[:60], y=Y[:60], q=-Y[:60])
    named = cost.minimize("proximal-newton" if options else "newton", **options)
    fit, best = cost.minimize(**options), cost.minimize("smoothed-newton", **options)
    assert best.converged
    assert (fit.method, fit.converged, fit.cost) == ("smoothed-newton", True, pytest.approx(best.cost, rel=1e-11))
    assert not named.converged
    assert named.message.endswith("take the method smoothed-newton")


def test_a_start_at_an_optimum_between_kinks_is_one():
    cost = dv.graph("inputs: w, b, x, y\nr = y - w @ x - b; L = where(abs(r) <= 1, r**2/2, abs(r) - 1/2)").over(x=X, y=Y + 1e6)
    first = cost.minimize()
    again = cost.minimize(start=first.params)
    assert (first.method, first.converged, again.method, again.converged) == ("newton", True, "newton", True)


def test_kinks_that_count_for_nothing_are_in_nobodys_way():
    cost = dv.graph("inputs: w, x, y, s\nL = s*abs(y - w*x) + (y - w*x)**2").over(x=X[:, 0], y=Y, s=0 * Y)
    fit = cost.minimize("smoothed-newton")
    assert fit.converged
    assert fit.params["w"] == pytest.approx(X[:, 0] @ Y / (X[:, 0] @ X[:, 0]), rel=1e-9)


def test_a_method_that_would_be_refused_is_not_advised():
    cost = dv.graph("inputs: w, b, x, y\nL = abs(y - w @ x - b) + 0.01*sum(abs(w))").over(x=X, y=Y)
    fit = cost.minimize("newton-cg")
    assert not fit.converged
    assert "round them off" in fit.message
    with pytest.raises(dv.UsageError, match="only as w @ x"):
        cost.minimize("smoothed-newton")


def test_zones_without_a_loss_and_shares_of_each_row():
    zone = dv.graph("inputs: w, b, x, y\nL = maximum(abs(y - (w @ x + b)) - 0.5, 0)").over(x=X, y=Y).minimize()
    costs, limits = np.r_[np.zeros(4), np.full(2 * M, 1 / M)], [(None, None)] * 4 + [(0, None)] * (2 * M)
    apart = np.block([[-X, -np.ones((M, 1)), -np.eye(M), np.zeros((M, M))], [X, np.ones((M, 1)), np.zeros((M, M)), -np.eye(M)]])
    best = optimize.linprog(costs, A_ub=apart, b_ub=np.r_[0.5 - Y, 0.5 + Y], bounds=limits, method="highs")
    assert zone.converged
    assert zone.cost == pytest.approx(best.fun, rel=1e-10)
    each = dv.graph("inputs: w, b, x, y, s\nr = y - (w @ x + b); L = maximum(s*r, (s - 1)*r)").over(x=X, y=Y, s=R.uniform(0.1, 0.9, M)).minimize()
    assert each.converged


def test_a_fit_that_is_cut_short_is_not_called_converged():
    fit = dv.graph(QUANTILE.format(0.3)).over(x=X, y=Y).minimize(steps=10)
    assert not fit.converged
    assert fit.message.startswith("did 10 steps; the cost can fall by at most")
    assert fit.cost - of_quantile(X, Y, 0.3) <= most_left(fit)


@pytest.mark.parametrize("steps", range(1, 12))
def test_what_is_left_is_told_once_an_optimum_was_reached_and_not_before(steps):
    r = np.random.default_rng(24)
    x, y = r.normal(size=(20, 2)), 10 * r.standard_cauchy(20)
    fit = dv.graph(QUANTILE.format(0.9)).over(x=x, y=y).minimize(steps=steps)
    left = most_left(fit) if "at most" in fit.message else np.inf
    assert fit.cost - of_quantile(x, y, 0.9) <= left
    assert (left < np.inf) == (steps > 5)


@pytest.mark.parametrize("far", [1e4, 1e9, 1e30])
def test_a_start_far_out_is_no_measure_of_what_is_left(far):
    fit = dv.graph(QUANTILE.format(0.3)).over(x=X, y=Y).minimize(start={"w": [far, -far, far], "b": far})
    assert fit.converged
    assert fit.cost == pytest.approx(of_quantile(X, Y, 0.3), rel=1e-10)
    median = dv.graph("inputs: b, y\nL = abs(y - b)").over(y=Y + 1e3).minimize(start={"b": far**2})  # as steep there as at 0
    assert median.cost == pytest.approx(np.mean(np.abs(Y - np.median(Y))), rel=1e-10)


def test_a_cost_without_a_lowest_is_refused():
    with pytest.raises(dv.DvarError, match="falls without bound"):
        dv.graph("inputs: w, x\nL = relu(w*x) - 3*w").over(x=X[:, 0]).minimize()


@pytest.mark.parametrize("op", [op for op in ROWS if op.rounded], ids=lambda op: op.name)
@settings(max_examples=50)
@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(1e-9, 1e3))
def test_a_rounded_kink_is_the_operation_at_0_and_off_by_at_most_what_says_so(op, a, b, t):
    """As hypot(a, t) is off |a| by at most t; and it is smooth: its slopes are those of mpmath."""
    given_ = {"a": a, "b": b}
    text = op.rounded.replace("t)", "t_)")  # t is a name like any other; told apart here
    known = {n: v for n, v in given_.items() if n in dv.graph(text.replace("t_", "1")).inputs}
    at_0 = dv.graph(text.replace("t_", "0")).at(known).value
    assert at_0 == pytest.approx(float(op.compute(*(given_[n] for n in ("a", "b")[: op.arity]))), rel=1e-14, abs=1e-12)
    p = dv.graph(text).at(known | {"t_": t})
    assert abs(p.value - at_0) <= t * (1 + 1e-12) + 1e-12
    for name in known:
        with mp.workdps(40):
            slope = mp.diff(partial(rounded, op.rounded, known | {"t": t}, name), mp.mpf(known[name]), h=mp.mpf(t) * mp.mpf("1e-12"))
        assert p.d[name] == pytest.approx(float(slope), rel=1e-6, abs=1e-6)


def rounded(text, known, name, value):
    numbers = {n: mp.mpf(v) for n, v in known.items()} | {name: value}
    return eval(text, {"hypot": mp.hypot, **numbers})


def test_typed_frames_are_fitted_so_too():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"n": X[:, 0], "kind": R.choice(list("abc"), M)})
    fit = dv.graph(QUANTILE.format(0.5)).over(x=frame, y=Y).minimize()
    dummies = np.c_[X[:, :1], pd.get_dummies(frame["kind"]).to_numpy(float)]
    assert (fit.method, fit.converged) == ("smoothed-newton", True)
    assert fit.cost == pytest.approx(of_quantile(dummies, Y, 0.5), rel=1e-10)


def test_no_standard_errors_are_made_up():
    cost = dv.graph("inputs: w, b, x, y\nL = abs(y - (w @ x + b))").over(x=X, y=Y)
    told = dv.inference(cost, cost.minimize())
    assert all(line.error is None for line in told.lines)
    assert "made of straight pieces" in str(told)
    assert (told.parameters, told.null_parameters) == (4, 1)
    assert told.highest
    assert not dv.inference(cost, cost.minimize(steps=1)).highest


@pytest.mark.parametrize("kind", ["classical", "HC1"])
def test_no_standard_errors_are_made_up_of_the_curvature_beside_kinks(kind):
    cost = dv.graph("inputs: w, b, x, y; r = y - (w @ x + b); L = abs(r) + r**2/10").over(x=X, y=Y)
    told = dv.inference(cost, cost.minimize(), kind=kind)
    assert all(line.error is None for line in told.lines)
    assert "rows lie on kinks" in str(told)
    assert "not at the optimum" not in str(told)


def test_errors_of_a_penalised_loss_of_straight_pieces_are_those_of_no_likelihood_at_its_top():
    cost = dv.graph("inputs: w, b, x, y\nL = abs(y - (w @ x + b))").over(x=X, y=Y)
    told = dv.inference(cost, cost.minimize(l2=0.1), l2=0.1)
    assert not told.highest
    assert "penalised" in str(told)
