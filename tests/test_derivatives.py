"""Derivatives of whole graphs against mpmath: what is agreed at kinks, linear maps of vectors, random graphs, forks, long chains, and the
logistic loss in all its spellings where floating point is at its end. (Single rows: test_accuracy.py; rules: test_rules.py.)"""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from reference import EPS, MP, sigmoid, softplus, step

import dvar as dv
from dvar.expression.op import elementwise
from dvar.expression.ops import ROWS

DIGITS = 50
def close(found, exact, ulps=8.0):
    """Equal to within some ulps; beyond the range of floats infinite, below it zero or nearly."""
    with mp.workdps(DIGITS):
        exact = mp.mpf(exact)
        if abs(exact) > mp.mpf(2) ** 1024:
            return found == math.copysign(math.inf, exact)
        return abs(mp.mpf(found) - exact) <= ulps * EPS * abs(exact) + 4 * mp.mpf(5e-324)


def test_every_row_has_a_case():
    assert {op.name for op in ROWS if op.shape is elementwise} == set(MP)
    in_random_graphs = {node.op for text in TAME for node in dv.graph(text.replace("{}", "x")).nodes}
    assert set(MP) - in_random_graphs == {"same"}


@pytest.mark.parametrize("op", [op for op in ROWS if op.signs([1] * op.arity)], ids=lambda op: op.name)
def test_what_is_taken_apart_as_a_sum_is_one(op):
    operands = np.array([[3.0, -0.5], [7.0, 0.25]])[: op.arity]
    assert np.array_equal(op.compute(*operands), op.signs([1] * op.arity) @ operands)


def test_a_constant_power_has_slope_zero_at_zero():
    assert dv.graph("a**0").at(a=0.0).da == 0.0


@pytest.mark.parametrize(("a", "b"), [(1e200, 1e160), (1e-200, 1e-170)])
def test_the_derivative_of_a_quotient_by_an_extreme_number(a, b):
    p = dv.graph("J = a / b").at(a, b)
    with mp.workdps(DIGITS):
        assert close(p.db, -mp.mpf(a) / mp.mpf(b) ** 2)


@pytest.mark.parametrize(
    ("text", "point", "derivatives"),
    [
        ("relu(a)", (0.0,), (0.0,)),
        ("relu(a)", (-0.0,), (0.0,)),
        ("abs(a)", (0.0,), (0.0,)),
        ("abs(a)", (-0.0,), (0.0,)),
        ("maximum(a, b)", (2.0, 2.0), (0.5, 0.5)),
        ("minimum(a, b)", (2.0, 2.0), (0.5, 0.5)),
        ("maximum(a, a)", (2.0,), (1.0,)),
        ("maximum(a, 0)", (0.0,), (0.5,)),
        ("max(a, b)", (0.0, -0.0), (0.5, 0.5)),
        ("(a < b)*a", (2.0, 3.0), (1.0, 0.0)),
        ("where(a < b, a*3, b*5)", (2.0, 2.0), (0.0, 5.0)),
        ("where(a > 0, log(a), a)", (-1.0,), (1.0,)),
        ("where(a > 0, sqrt(a), 0)", (0.0,), (0.0,)),
        ("where(a > 0, 1/a, a)", (0.0,), (1.0,)),
        ("sqrt(a)", (0.0,), (math.inf,)),
        ("a**2", (0.0,), (0.0,)),
        ("a**1", (0.0,), (1.0,)),
        ("a**2", (-3.0,), (-6.0,)),
        ("a**-1", (2.0,), (-0.25,)),
        ("a**3", (-0.0,), (0.0,)),
        ("sigmoid(a)", (-0.0,), (0.25,)),
        ("a - a", (3.0,), (0.0,)),
        ("a*0", (3.0,), (0.0,)),
        ("a/a", (3.0,), (0.0,)),
        ("3", (), ()),
        ("clip(a, 0, 1)", (0.5,), (1.0,)),
        ("clip(a, 0, 1)", (2.0,), (0.0,)),
        ("clip(a, 0, 1)", (0.0,), (0.5,)),
        ("clip(a, 0, 1)", (1.0,), (0.5,)),
        ("clip(a, b, c)", (0.0, 0.0, 1.0), (0.5, 0.5, 0.0)),
        ("clip(a, b, c)", (1.0, 0.0, 1.0), (0.5, 0.0, 0.5)),
        ("sign(a)", (0.0,), (0.0,)),
        ("sign(a)*a", (-3.0,), (-1.0,)),
        ("floor(a)", (2.0,), (0.0,)),
        ("ceil(a)", (2.0,), (0.0,)),
        ("round(a)", (2.5,), (0.0,)),
        ("round(a)*a", (2.5,), (2.0,)),
        ("hypot(a, b)", (0.0, 0.0), (0.0, 0.0)),
        ("hypot(a, b)", (0.0, -2.0), (0.0, -1.0)),
        ("arctan2(a, b)", (0.0, -1.0), (-1.0, -0.0)),
        ("arctan2(a, b)", (-1.0, 0.0), (0.0, 1.0)),
        ("arcsin(a)", (1.0,), (math.inf,)),
        ("arccos(a)", (-1.0,), (-math.inf,)),
        ("a**b", (0.0, 2.0), (0.0, 0.0)),
        ("a**b", (0.0, 0.0), (0.0, -math.inf)),
        ("xlogy(a, b)", (0.0, 0.0), (-math.inf, 0.0)),
        ("xlogy(a, b)", (0.0, 2.0), (math.log(2.0), 0.0)),
        ("xlog1py(a, b)", (0.0, -1.0), (-math.inf, 0.0)),
        ("logaddexp(a, b)", (3.0, 3.0), (0.5, 0.5)),
        ("log(a)", (0.0,), (math.inf,)),
        ("sqrt(a**2)", (0.0,), (0.0,)),
    ],
)
def test_what_is_agreed_at_kinks_and_edges(text, point, derivatives):
    p = dv.graph(text).at(*point)
    assert tuple(p.d[n] for n in p.graph.inputs) == derivatives


def test_no_direction_has_no_derivative():
    p = dv.graph("arctan2(a, b)").at(0.0, 0.0)
    assert p.value == 0.0
    assert math.isnan(p.da)
    assert [row.verdict for row in p.check().rows] == ["a jump, slopes 0 and 0 beside it"] * 2


# vectors and matrices: linear in each operand, so a nudge of 1 each way is exact

VECTOR_CASES = [
    ("a @ b", (4,), (4,)),
    ("sum(v*(a @ b))", (3, 4), (4,)),
    ("sum(v*(a @ b))", (3,), (3, 4)),
    ("sum(v*(a @ b))", (3, 4), (4, 2)),
    ("sum(v*(a @ b))", (1, 1), (1, 1)),
    ("sum(v*outer(a, b))", (3,), (4,)),
    ("sum(v*transpose(a)) + sum(b)", (3, 4), (2,)),
    ("sum(v*transpose(a)) + b", (3,), ()),
    ("sum(v*transpose(a @ b))", (3, 4), (4, 2)),
    ("sum(a) * b", (3, 4), ()),
    ("sum(v*spread(b, a)) + sum(a)", (3, 4), ()),
    ("sum(v*(a*b))", (3,), ()),
    ("sum(v*(b*a))", (3, 2), ()),
    ("sum(v*(a + b))", (3,), ()),
    ("sum(v*(a - b))", (), (3, 2)),
    ("sum(v*a*b)", (5,), (5,)),
    ("a * b", (), ()),
    ("sum(a) + sum(b)", (0,), (3,)),
]


@pytest.mark.parametrize(("text", "first", "second"), VECTOR_CASES)
def test_linear_maps_of_vectors(text, first, second):
    rng = np.random.default_rng(1)
    given = {"a": rng.integers(-9, 9, first).astype(float), "b": rng.integers(-9, 9, second).astype(float)}
    graph = dv.graph(text)
    if "v" in graph.inputs:
        inner = dv.graph(text[text.index("v*") + 2 : text.rindex(")") if text.endswith(")") else text.rindex(") +")].split(") + ")[0])
        inner = inner(**{k: given[k] for k in inner.inputs})
        given["v"] = rng.integers(-9, 9, np.shape(inner)).astype(float)
    p = graph.at(given)
    for name in given:
        nudged = np.zeros(np.shape(given[name]))
        for at in np.ndindex(nudged.shape):
            up, down = ({**given, name: moved(given[name], at, s)} for s in (1, -1))
            nudged[at] = (graph(up) - graph(down)) / 2
        assert np.shape(p.d[name]) == np.shape(given[name])
        np.testing.assert_array_equal(p.d[name], nudged)
    assert p.check().ok
    if np.ndim(given.get("v")) == 1:
        cost = graph.over(v=np.stack([given["v"], 3*given["v"]]))  # loss linear in v: the mean of v and 3v is 2v
        cost = cost.sized({k: given[k] for k in cost.inputs})
        q = cost.at({k: given[k] for k in cost.inputs})
        for target in ("loop", "numpy"):
            answer = cost.program(target)({k: given[k] for k in cost.inputs})
            for name, slope in zip(cost.inputs, answer[1:]):
                np.testing.assert_allclose(slope, q.d[name], rtol=1e-14)
                if "+" not in text.replace("a + b", ""):
                    np.testing.assert_allclose(slope, 2 * p.d[name], rtol=1e-14)


def moved(array, at, by):
    array = np.array(array, dtype=float)
    array[at] += by
    return array


# random graphs: forward mode at 50 digits is the referee


def referee(graph, given, along):
    """Value and derivative along one input, forward mode, in mpmath."""
    values, slopes = [], []
    for node in graph.nodes:
        if node.op == "input":
            values.append(given[node.name])
            slopes.append(step(node.name == along))
        elif node.op == "const":
            values.append(mp.mpf(node.value))
            slopes.append(mp.mpf(0))
        else:
            value, *local = MP[node.op]
            operands = [values[k] for k in node.operands]
            values.append(value(*operands))
            parts = (d(*operands) * slopes[k] if slopes[k] else 0 for d, k in zip(local, node.operands))
            slopes.append(mp.fsum(parts))
    return values[-1], slopes[-1]


TAME = ["sin({})", "cos({})", "tanh({})", "sigmoid({})", "softplus({})", "exp(sin({}))", "log(2 + sin({}))", "sqrt(2 + cos({}))",
        "log1p({}**2)", "expm1(tanh({}))", "-{}", "{}**2/(1 + {}**2)", "{} + {}", "{} - {}", "sin({})*{}", "{}/(2 + cos({}))",
        "{}*0.5", "1/(1 + exp(-{}))", "log(1 + exp({}))", "log(sigmoid({}))", "1 - sigmoid({})", "(2 + sin({}))**cos({})",
        "exp({})/(1 + exp({}))", "1 - tanh({})**2", "maximum({}, {} + 1)", "where({} < 0.1, {}, {}**2)", "abs({})*{}",
        "minimum({}, 2*{} - 0.30103)", "relu({} + 0.22361)", "clip({}, -0.91287, 1.31607)", "sign({} + 0.01414)*{}", "floor({} + 0.31416)*{}", "ceil({} - 0.27183)",
        "round({} + 0.17321)*{}", "log2(3 + sin({}))", "log10(2 + cos({}))", "tan(sin({}))", "arcsin(0.9*sin({}))", "arccos(0.9*cos({}))",
        "arctan({})", "arctan2({}, 2 + cos({}))", "arctan2(1 + sin({})/2, {})", "hypot({}, 1 + sin({}))", "direction({}, 2 + cos({}))", "sinh(sin({}))", "sech({})", "logcosh({})", "cosh(tanh({}))",
        "logaddexp({}, {})", "xlogy({}, 2 + sin({}))", "xlog1py({}, sin({})/2)", "erf({})", "erfc(sin({}))", "lgamma(2 + sin({}))",
        "lgamma(sin({})/3 - 0.5)", "digamma(3 + cos({}))", "polygamma(1, 3 + cos({}))", "log_ndtr({})", "inverse_mills(0, {})", "log_gumbel({})", "gumbel_rate(0, {})", "log(1 + exp({})/3)", "exp(tanh({})) - 1",
        "1 - cos({})", "log(1 - exp(-1 - {}**2))", "1 - erf({})", "exp(sin({}))/exp(tanh({}))", "log(exp({}) + exp({}))", "sqrt({}**2 + 1)",
        "(1 + {}**2)*log(1 + {}**2)", "where({} > 0.31416, {}, -{})", "where({} >= {} + 0.17321, {}, 1)", "where({} <= 0.70711, 2*{}, {})",
        "where({} == 0.12301, 1, {})", "where({} != 0.12301, {}, 1)"]  # fmt: skip


@st.composite
def tame(draw, most=7):
    """A random graph that is smooth and moderate nearly everywhere, with forks, and a point to look at it."""
    known, lines = ["x", "y", "z"], []
    for k in range(draw(st.integers(1, most))):
        form = draw(st.sampled_from(TAME))
        lines.append(f"u{k} = " + form.format(*(draw(st.sampled_from(known)) for _ in range(form.count("{}")))))
        known.append(f"u{k}")
    lines.append("J = " + " + ".join(f"{n}*{c}" for n, c in zip(known[-3:], ("1", "y", "x"))))
    text = "inputs: x, y, z\n" + "\n".join(lines)
    note(text)  # what a failure is told by
    point = {n: draw(st.floats(-2, 2).filter(lambda v: v == 0 or abs(v) > 1e-6)) for n in "xyz"}
    return dv.graph(text), point


@settings(max_examples=1200)
@given(tame(most=5))
def test_random_graphs_by_every_route(case):
    graph, point = case
    p = graph.at(point)
    programs = [graph.program("loop")(point), graph.program("numpy")(point)]
    with mp.workdps(DIGITS):
        exact = {k: mp.mpf(v) for k, v in point.items()}
        for k, name in enumerate(graph.inputs):
            value, slope = referee(graph, exact, name)
            scale = max(1.0, *(abs(float(v)) for v in p.values.values()), *(abs(v) for v in p.d.values()))
            tolerance = 1e-12 * scale**2
            assert abs(p.value - value) <= tolerance
            assert abs(p.d[name] - slope) <= tolerance
            assert abs(graph.d(name)(point) - slope) <= tolerance
            for answer in programs:
                assert abs(answer[0] - value) <= tolerance
                assert abs(answer[1 + k] - slope) <= tolerance


@settings(max_examples=600)
@given(tame(most=3))
def test_the_derivative_of_the_derivative_in_both_orders(case):
    graph, point = case
    with mp.workdps(DIGITS):
        for first, second in [("x", "y"), ("x", "x"), ("y", "z")]:
            one, two = graph.d(first).d(second)(point), graph.d(second).d(first)(point)
            h = mp.mpf(10) ** -20
            up, down = ({k: mp.mpf(v) + (s * h if k == second else 0) for k, v in point.items()} for s in (1, -1))
            numeric = (referee(graph, up, first)[1] - referee(graph, down, first)[1]) / (2 * h)
            if abs(numeric) > 1e6:  # a kink lies between
                continue
            tolerance = 1e-8 * max(1, abs(numeric))
            assert abs(one - numeric) <= tolerance
            assert abs(two - numeric) <= tolerance


@settings(max_examples=250)
@given(tame(most=4))
def test_nudges_agree_on_random_graphs(case):
    graph, point = case
    assert graph.at(point).check().ok


# forks and chains


def test_contributions_at_a_fork_are_kept_apart_and_added():
    p = dv.graph("u = x*3; a = u*u; b = sin(u); J = a + b*u").at(x=0.5)
    sent = p.derivation.contributions[p.graph.index("u")]
    assert len(sent) == 4
    with mp.workdps(DIGITS):
        u = mp.mpf("1.5")
        assert close(p.du, 2 * u + mp.cos(u) * u + mp.sin(u))


def test_a_node_reached_by_2_to_the_100_paths():
    graph = dv.graph("u0 = x + x;" + ";".join(f"u{k} = u{k - 1} + u{k - 1}" for k in range(1, 100)))
    p = graph.at(x=1.0)
    assert p.value == p.dx == 2.0**100
    assert graph.d("x")(x=1.0) == 2.0**100
    assert graph.program("loop")(1.0) == (2.0**100, 2.0**100)


def test_squares_of_squares():
    graph = dv.graph(";".join(["u0 = x*x", *(f"u{k} = u{k - 1}*u{k - 1}" for k in range(1, 8))]))
    assert graph.at(x=1.0).dx == 256.0
    assert close(graph.at(x=1.01).dx, 256 * mp.mpf(1.01) ** 255, 2000)


def test_a_chain_of_20_000_nodes():
    n = 20_000
    graph = dv.graph("u0 = x*1.0;" + ";".join(f"u{k} = {'sin(u%d)' % (k - 1) if k % 2 else 'u%d + x' % (k - 1)}" for k in range(1, n)))
    p = graph.at(x=0.25)
    value, slope = 0.25, 1.0
    for k in range(1, n):
        value, slope = (math.sin(value), math.cos(value) * slope) if k % 2 else (value + 0.25, slope + 1)
    assert p.value == pytest.approx(value, rel=1e-12)
    assert p.dx == pytest.approx(slope, rel=1e-9)
    assert graph(x=0.25) == p.value
    assert len(graph.d("x").nodes) > n
    assert "u19999" in str(graph)


# the logistic loss

SPELLINGS = {
    "api": "z = w*x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))",
    "spelt out": "z = w*x + b; a = 1/(1 + exp(-z)); L = -(y*log(a) + (1 - y)*log(1 - a))",
    "two terms": "z = w*x + b; a = sigmoid(z); L = -y*log(a) - (1 - y)*log(1 - a)",
    "spelt, two terms": "z = w*x + b; a = 1/(1 + exp(-z)); L = -y*log(a) - (1 - y)*log(1 - a)",
    "other order": "z = w*x + b; a = 1/(exp(-z) + 1); L = -(log(1 - a)*(1 - y) + log(a)*y)",
    "exp above": "z = w*x + b; a = exp(z)/(1 + exp(z)); L = -y*log(a) - (1 - y)*log(1 - a)",
    "named parts": "z = w*x + b; e = exp(-z); s = 1 + e; a = 1/s; L = -(y*log(a) + (1 - y)*log(1 - a))",
    "named, above": "z = w*x + b; e = exp(z); s = 1 + e; a = e/s; L = -(y*log(a) + (1 - y)*log(1 - a))",
    "named minus": "z = w*x + b; n = -z; e = exp(n); a = 1/(1 + e); q = 1 - a; L = -(y*log(a) + (1 - y)*log(q))",
    "named logs": "z = w*x + b; a = sigmoid(z); p = log(a); q = log(1 - a); L = -(y*p + (1 - y)*q)",
    "softplus": "z = w*x + b; L = log(1 + exp(z)) - y*z",
}  # fmt: skip
ENDS = [800.0, -800.0, 40.0, -40.0, 1e-300, -1e-300, 0.0, 3.0, -3.0, 710.0, -745.2]


def loss_of(z, y):
    with mp.workdps(1000):
        z, y = mp.mpf(z), mp.mpf(y)
        a = sigmoid(z)
        return softplus(z) - y * z, (1 - y) * a - y * sigmoid(-z) if y in (0, 1) else a - y


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("y", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("z", ENDS)
def test_the_logistic_loss_at_the_ends_of_floating_point(spelling, y, z):
    p = dv.graph(SPELLINGS[spelling]).at(w=z, x=1.0, b=0.0, y=y)
    value, slope = loss_of(z, y)
    tolerance = {"rel": 1e-15 if y in (0, 1) else 4e-15, "abs": 1e-323}
    if spelling == "softplus":  # a difference as written: right on the scale of its terms
        tolerance = {"rel": 1e-15, "abs": 1e-15 * max(1.0, abs(z))}
    assert pytest.approx(float(value), **tolerance) == p.L
    for name in ("dz", "dw", "db"):
        assert getattr(p, name) == pytest.approx(float(slope), **tolerance), name
    if z == 40.0 and y == 1.0 and spelling != "softplus":
        assert p.dz == p.dw == p.db == -4.248354255291589e-18
    named = [n.name for n in p.graph.nodes if n.given]
    if not all(np.isfinite(v) for n in named for v in (p.values[n], p.d[n])):
        assert p.notes
    if "a" in p.values and not np.isfinite(p.da):
        assert any(note.startswith("da is") for note in p.notes)


@pytest.mark.parametrize("spelling", [s for s in SPELLINGS if s != "softplus"])
@pytest.mark.parametrize("target", ["loop", "numpy"])
def test_programs_of_the_logistic_loss_at_the_ends(spelling, target):
    rows = [(z, y) for z in ENDS for y in (0.0, 1.0)]
    cost = dv.graph(SPELLINGS[spelling]).over(x=[z for z, _ in rows], y=[y for _, y in rows])
    value, db, dw = cost.program(target)(b=0.0, w=1.0)
    exact = [loss_of(z, y) for z, y in rows]
    assert value == pytest.approx(float(mp.fsum(v for v, _ in exact) / len(rows)), rel=1e-14)
    assert db == pytest.approx(float(mp.fsum(d for _, d in exact) / len(rows)), abs=1e-15)
    assert dw == pytest.approx(float(mp.fsum(d * z for (_, d), (z, _) in zip(exact, rows)) / len(rows)), rel=1e-14)


@pytest.mark.parametrize("spelling", [s for s, text in SPELLINGS.items() if "a = " in text])
@pytest.mark.parametrize(("z", "y", "da"), [(800.0, 1.0, -1.0), (-800.0, 0.0, 1.0), (40.0, 1.0, -1.0), (-40.0, 0.0, 1.0), (-745.2, 0.0, 1.0), (800.0, 0.0, math.inf),
                                            (-800.0, 1.0, -math.inf), (40.0, 0.0, 1 / sigmoid(mp.mpf(-40))), (-40.0, 1.0, -1 / sigmoid(mp.mpf(-40)))])  # fmt: skip
def test_the_side_that_has_no_weight_sends_nothing_back(spelling, z, y, da):
    p = dv.graph(SPELLINGS[spelling]).at(w=z, x=1.0, b=0.0, y=y)
    assert p.da == pytest.approx(float(da), rel=1e-15)


def test_classes_without_weight_send_nothing_back():
    p = dv.graph("a = softmax(z); L = -sum(t*log(a))").at(z=[800.0, 0.0, -800.0], t=[1.0, 0.0, 0.0])
    assert p.da.tolist() == [-1.0, 0.0, 0.0]
    assert p.notes == ()


def test_a_weight_of_zero_is_no_excuse_for_a_value_that_is_not_defined():
    for a in (0.0, -3.0):
        p = dv.graph("L = a - y*log(a)").at(a=a, y=0.0)
        assert math.isnan(p.L)
        assert math.isnan(p.da)


def test_a_pass_that_is_finite_has_no_notes():
    assert dv.graph(SPELLINGS["api"]).at(w=1.0, x=2.0, b=0.0, y=1.0).notes == ()


def test_a_pass_given_nan_blames_nobody():
    p = dv.graph("J = a*2").at(a=math.nan)
    assert math.isnan(p.value)
    assert p.notes == ()


@pytest.mark.parametrize(("text", "second"), [
    ("xlogy(x, 2 + sin(x))", 1.0), ("xlog1py(x, 1 + x)", 1.0), ("xlogy(x**2, 3 + x)", 2 * np.log(3)),
])
def test_second_derivatives_where_the_weight_is_0(text, second):
    assert dv.graph(f"J = {text}").d("x").d("x")(x=0.0) == pytest.approx(second, rel=1e-14)
