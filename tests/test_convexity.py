"""Whether a loss is told to be convex: never where it is not; and what a fit says where it is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dvar as dv
from dvar.descend.objective import Problem
from dvar.descend.part import part_of
from dvar.models.named import model, start
from dvar.vectorize.cost import Cost

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(40, 3)), RNG.normal(size=40)
TARGETS = {"number": T, "count": RNG.poisson(3.0, 40), "positive": np.exp(T), "yes/no": T > 0, "class": RNG.integers(0, 3, 40)}


@pytest.mark.parametrize("weight", [None, np.exp(T)], ids=["alike", "weighted"])
@pytest.mark.parametrize(("name", "convex"), [
    ("logistic", True), ("softmax", True), ("linear", True), ("poisson", True), ("gamma", True), ("quantile", True),
    ("negative-binomial", False), ("network", False), ("network-regression", False),
])
def test_models(name, convex, weight):
    named = model(name)
    cost = Cost(named.graph, {"x": X, "y": np.asarray(TARGETS[named.target], dtype=float)}, weight=weight)
    at = start(named, 3, classes=3, hidden=2)
    assert (cost.sized(at) if at else cost).convex is convex


@pytest.mark.parametrize(("loss", "convex"), [
    ("(w @ x - y)**2", True), ("(w @ x - y)**4", True), ("(w @ x - y)**3", False), ("-(w @ x - y)**2", False),
    ("abs(w @ x - y)", True), ("abs(abs(w @ x) - y)", False), ("abs(abs(w @ x) + 1)", True),
    ("relu(w @ x - y)**2", True), ("relu(w @ x - y)**1.5", True), ("relu(w @ x - y)**0.5", False),
    ("sqrt((w @ x - y)**2)", True), ("sqrt(abs(w @ x))", False), ("sqrt(1 + (w @ x - y)**2)", True), ("hypot(1, w @ x - y)", True),
    ("exp(w @ x) - y*(w @ x)", True), ("exp(exp(w @ x))", True), ("exp(-exp(w @ x))", False), ("-log(w @ x)", True),
    ("y*exp(w @ x)", False), ("y**2*exp(w @ x)", True), ("abs(y)*exp(w @ x)", True), ("-abs(y)*exp(w @ x)", False),
    ("exp(w @ x)/abs(y)", True), ("exp(w @ x)/y", False), ("y/exp(w @ x)", False),
    ("maximum(w @ x, y*(w @ x))", True), ("minimum(w @ x, y*(w @ x))", False), ("-minimum(w @ x, 0)", True),
    ("where(y > 0, exp(w @ x), (w @ x)**2)", True), ("where(w @ x > 0, exp(w @ x), (w @ x)**2)", False),
    ("sigmoid(w @ x)", False), ("softplus(-(y*(w @ x)))", True), ("logaddexp(w @ x, 1 - w @ x)", True),
    ("(w @ x)*(w @ x)", True), ("(w @ x)*(b - w @ x)", False), ("logsumexp(stack(w @ x, b, 0))", True),
    ("-logsoftmax(stack(w @ x, b, 0))[1]", True), ("logsoftmax(stack(w @ x, b, 0))[1]", False),
    ("log1p((w @ x)**2 + b)", False),
    ("(y - w @ x)**2 + norm(stack(b, b - y))", True), ("log1p((y - w @ x)**2)", False), ("cosh(w @ x) + b**2", True),
])
def test_losses(loss, convex):
    graph = dv.graph("L = " + loss)
    data = {n: v for n, v in {"x": X, "y": T}.items() if n in graph.inputs}
    sizes = {"w": np.zeros(3), "b": 0.0}
    assert graph.over(**data).sized({n: v for n, v in sizes.items() if n in graph.inputs}).convex is convex


def test_shares_of_yes_and_no_are_seen_from_the_data():
    loss = dv.graph("a = sigmoid(w @ x); L = -(y*log(a) + (1 - y)*log(1 - a))")
    assert loss.over(x=X, y=RNG.random(40)).convex
    assert not loss.over(x=X, y=1.5 * RNG.random(40) + 0.1).convex  # 1 - y is negative


UNARY = ["exp({})", "-{}", "abs({})", "softplus({})", "({})**2", "relu({})", "logcosh({})", "sigmoid({})", "log1p(exp({}))",
         "2.5*({})", "y*({})", "({})/(-2)", "tanh({})", "({})**3", "expm1({})", "sqrt(1 + ({})**2)", "-log(1 + exp({}))"]
BINARY = ["{} + {}", "{} - {}", "maximum({}, {})", "minimum({}, {})", "hypot({}, {})", "logaddexp({}, {})", "({})*({})",
          "where(y > 0, {}, {})"]
LOSSES = st.recursive(st.sampled_from(["u", "v", "u + v", "y", "1.5"]), lambda inner: st.one_of(
    st.builds(lambda f, a: f.format(f"({a})"), st.sampled_from(UNARY), inner),
    st.builds(lambda f, a, b: f.format(f"({a})", f"({b})"), st.sampled_from(BINARY), inner, inner)), max_leaves=6)
AT = st.floats(-3, 3)


@given(LOSSES, st.tuples(AT, AT), st.tuples(AT, AT), st.floats(-2, 2))
def test_what_is_told_to_be_convex_lies_below_its_chords(loss, one, other, y):
    graph = dv.graph(f"L = ({loss}) + 0*u + 0*v + 0*y")
    cost = graph.over(y=np.array([y, 0.5]))
    if not cost.convex:
        return
    with np.errstate(all="ignore"):
        ends = [cost.value_gradient(np.array(at))[0] for at in (one, other)]
        middle = cost.value_gradient((np.array(one) + np.array(other)) / 2)[0]
    if np.isfinite([*ends, middle]).all():
        assert middle <= sum(ends) / 2 + 1e-9 * (1 + max(map(abs, ends)))


@pytest.mark.parametrize("options", [{}, {"l1": 1e-3, "penalize": ["v"]}, {"bounds": {"v": (0, None)}}])
def test_a_saddle_that_a_part_of_the_rows_takes_for_a_minimum_is_left(options):
    m = 60_000
    found = part_of(Problem(None, 0, 0, 0, m), 2)
    x = np.full(m, -0.5)  # along u the cost bends down
    for rows in found[0].rows:
        x[rows] = 1.0  # but not of these rows
    y = 3 + np.random.default_rng(3).normal(size=m)
    cost = dv.graph("L = x*u**2/2 + u**4/4 + (v - y)**4").over(x=x, y=y)
    fit = cost.minimize(start={"u": 0.0, "v": 1.0}, **options)
    assert fit.converged
    assert abs(fit.params["u"]) == pytest.approx(np.sqrt(-x.mean()), rel=1e-6)  # u³ + x̄·u = 0
