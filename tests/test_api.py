"""Every example of the contract (slopes, a computation graph, m examples) as it is written there, with its exact numbers."""



import copy
import math
import pickle

import numpy as np
import pytest

import dvar as dv

TEXT = "u = b*c; v = a + u; J = 3*v"


@dv.graph
def traced(a, b, c):
    u = b * c
    v = a + u
    J = 3 * v
    return J


@dv.graph
def J(a, b, c):
    u = b * c
    v = a + u
    return 3 * v


@dv.graph
def L(w, b, x, y):
    z = w @ x + b
    a = dv.sigmoid(z)
    return -(y * dv.log(a) + (1 - y) * dv.log(1 - a))


rng = np.random.default_rng(0)
X = rng.normal(size=(50, 3))
Y = (rng.random(50) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)
W, B = np.array([0.3, -0.2, 0.1]), 0.5

# slopes


def test_slope_of_a_square():
    s = dv.slope("a**2", a=2)
    assert (s.value, s.derivative, s.nudge) == (4.0, 4.0, 0.001)
    assert s.nudged == 4.004001
    assert s.slope == pytest.approx(4.001, rel=1e-12)


@pytest.mark.parametrize(
    ("source", "inputs", "options", "value", "derivative"),
    [
        ("a**2", {"a": 5}, {}, 25.0, 10.0),
        ("a**3", {"a": 2}, {"nudge": 0.01}, 8.0, 12.0),
        ("log(a)", {"a": 2}, {}, math.log(2), 0.5),
        ("3*a", {"a": 2}, {"nudge": -0.5}, 6.0, 3.0),
        (TEXT, {"a": 5, "b": 3, "c": 2}, {"of": "b"}, 33.0, 6.0),
        (J, {"a": 5, "b": 3, "c": 2}, {"of": "c"}, 33.0, 9.0),
        (lambda t: t * t, {"t": 3.0}, {}, 9.0, 6.0),
    ],
)
def test_slopes(source, inputs, options, value, derivative):
    s = dv.slope(source, **options, **inputs)
    assert (s.value, s.derivative) == (value, derivative)
    assert s.slope == (s.nudged - s.value) / s.nudge
    assert s.slope == pytest.approx(derivative, rel=0.05)


@pytest.mark.parametrize(("source", "inputs", "kink"), [
    ("abs(a)", {"a": 0.0}, "a kink, slopes -1 and 1 beside it"), ("floor(a)", {"a": 2.0}, "a jump, slopes 0 and 0 beside it"),
    ("sqrt(a)", {"a": 0.0}, "vertical, slope inf beside it"), ("abs(a)", {"a": 1.0}, ""), ("x[2]*a", {"a": 1.0, "x": [1, 2, 3]}, ""),
])
def test_a_slope_at_a_kink_says_so(source, inputs, kink):
    s = dv.slope(source, of="a", **inputs)
    assert s.kink == kink
    assert str(s).endswith(f"   ({kink})" if kink else f"derivative = {s.derivative:g}")


def test_slope_takes_one_mapping_for_inputs_named_like_an_option():
    s = dv.slope("nudge**2 * of", {"nudge": 3.0, "of": 2.0}, of="nudge")
    assert (s.value, s.derivative) == (18.0, 12.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"a": 5, "b": 3, "c": 2}, "of='a'"),
        ({"a": 5, "b": 3, "c": 2, "of": "q"}, "'q' is not a scalar input"),
        ({"a": 5, "b": 3, "c": 2, "of": "a", "nudge": 0}, "does not move"),
        ({"a": 1e17, "b": 3, "c": 2, "of": "a"}, "does not move"),
        ({"a": 5, "b": 3, "c": 2, "of": "a", "nudge": math.nan}, "does not move"),
        ({"a": 5, "b": 3}, "no value was given for c"),
    ],
)
def test_slopes_refused(options, said):
    with pytest.raises(dv.UsageError, match=said):
        dv.slope(TEXT, **options)


def test_the_table_of_derivatives_is_printed_and_searched():
    table = dv.derivatives()
    assert len(table) > 25
    assert "sigmoid(a)*(1 - sigmoid(a))" in str(table)
    row = dv.derivatives("log")
    assert str(row).startswith("log(a) → 1/a")
    assert [r.name for r in row] == ["log"]
    assert [r.name for r in dv.derivatives("*")] == ["times"]
    assert [r.name for r in dv.derivatives("max")] == ["max"]
    with pytest.raises(dv.UsageError, match="'lgo'"):
        dv.derivatives("lgo")


# a computation graph

def test_the_same_graph_from_text_and_from_a_function():
    assert dv.graph(TEXT) == J == traced
    assert hash(dv.graph(TEXT)) == hash(J)
    assert str(J) == "u = b * c\nv = a + u\nJ = 3 * v"


@pytest.mark.parametrize("graph", [J, traced, dv.graph(TEXT)])
def test_the_example_of_the_contract(graph):
    assert graph(a=5, b=3, c=2) == graph(5, 3, 2) == graph({"a": 5, "b": 3, "c": 2}) == graph(5, 3, c=2) == 33.0
    p = graph.at(a=5, b=3, c=2)
    assert p.value == 33.0
    assert (p.u, p.v) == (6.0, 11.0)
    assert p.values["u"] == 6.0
    assert (p.dv, p.du, p.da, p.db, p.dc) == (3.0, 3.0, 3.0, 6.0, 9.0)
    assert p.d["a"] == 3.0
    assert p.dJ == 1.0
    assert all(type(v) is float for v in [p.value, p.u, p.v, p.dv, p.du, p.da, p.db, p.dc])
    assert graph.inputs == ("a", "b", "c")
    assert graph.output == "J"
    assert [n.name for n in graph.nodes if n.name] == ["a", "b", "c", "u", "v", "J"]


def test_check_nudges_every_input():
    check = J.at(a=5, b=3, c=2).check()
    assert check.ok
    assert check.worst.name in "abc"
    assert [r.name for r in check.rows] == ["a", "b", "c"]
    assert "agree" in str(check)


def test_check_says_kink_at_a_kink():
    check = dv.graph("relu(a)").at(a=0).check()
    assert check.ok
    assert check.rows[0].kink


def test_a_derivative_is_a_graph_again():
    assert J.d("a")(5, 3, 2) == 3.0
    db = J.d("b")
    assert db(a=5, b=3, c=2) == 6.0
    assert db.inputs == J.inputs
    assert db.d("c")(5, 3, 2) == 3.0
    assert dv.graph(str(db)) == db
    with pytest.raises(dv.UsageError, match="no node 'q'"):
        J.d("q")


def test_fix_makes_an_input_a_constant():
    fixed = J.fix(c=2)
    assert fixed.inputs == ("a", "b")
    assert fixed(a=5, b=3) == 33.0
    assert dv.graph(str(fixed)) == fixed
    with pytest.raises(dv.UsageError, match="no input 'q'"):
        J.fix(q=2)


def test_simplified_lists_the_rules_that_fired():
    graph = dv.graph("z = w*x; L = log(1/(1 + exp(-z)))").simplified()
    assert {"sigmoid spelt out", "log sigmoid"} <= {r.name for r in graph.rules}
    assert all(r.why and r.before and r.after and r.node for r in graph.rules)
    assert graph(w=-800, x=1) == -800.0


def test_a_use_of_a_rule_says_what_stood_there_in_the_names_of_the_graph():
    told = [str(r) for r in dv.graph("z = w*x + b; a = 1/(1 + exp(-z)); L = -log(1 - a)").simplified().rules]
    assert any(t.startswith("a: 1 / (1 + exp(-z)) → sigmoid(") for t in told)
    assert any("1 - sigmoid(z) → sigmoid(-z) (1 - sigmoid: the difference loses" in t for t in told)


@pytest.mark.parametrize("rule", ["log sigmoid", "1 - sigmoid", "sigmoid spelt out"])
def test_a_rule_can_be_switched_off(rule):
    graph = dv.graph("a = 1/(1 + exp(-z)); L = -log(a) - log(1 - a)")
    off = graph.without(rule)
    assert rule in {r.name for r in graph.simplified().rules}
    assert rule not in {r.name for r in off.simplified().rules}
    assert graph(z=800.0) == 800.0
    assert off(z=800.0) == off.at(z=800.0).value == off.simplified()(z=800.0) == math.inf
    assert off(z=0.5) == pytest.approx(graph(z=0.5), rel=1e-14)
    assert off != graph
    assert off.over(z=[800.0, 0.5]).program("numpy")()[0] == math.inf
    assert off.fix(z=800.0)() == math.inf
    assert off.without() == off


def test_a_rule_of_another_name_is_refused():
    with pytest.raises(dv.UsageError, match="no rule 'log sigmod', did you mean 'log sigmoid'|no rule 'log sigmod'"):
        J.without("log sigmod")


@pytest.mark.parametrize("text", ["log(a + 1e-8)", "log(1e-8 + a)", "x/(a + 1e-12)", "sqrt(a + 1e-6)"])
def test_a_small_constant_is_left_alone_and_said(text):
    graph = dv.graph(f"a = sigmoid(z); J = {text}")
    simple = graph.simplified()
    assert [n for n in simple.notes if "is left alone" in n and "a" in n]
    inputs = dict.fromkeys(graph.inputs, 0.3)
    assert simple(inputs) == graph(inputs)
    assert dv.graph(str(simple)) == simple
    assert dv.graph("J = log(a + 1)").simplified().notes == ()


def test_a_cancelled_quotient_is_not_rewritten():
    graph = dv.graph("J = x/x + (x - x)")
    assert math.isnan(graph(x=0.0))
    assert math.isnan(graph(x=math.inf))


@pytest.mark.parametrize(
    ("text", "of", "given"),
    [
        ("x[3]*y", "x", {"x": [1.0, 2.0, 3.0, 4.0], "y": 2.0}),
        ("sum(W, axis=1) @ x", "W", {"W": np.ones((2, 3)), "x": [1.0, 2.0]}),
        ("W[0, 1]*2 + W[2, 0]**2", "W", {"W": np.ones((4, 2))}),
        ("a = softmax(z); L = -log(a[y])", "z", {"z": [1.0, 2.0, 0.5], "y": 2}),
        ("v[1:4] @ v[:3]", "v", {"v": np.arange(5.0)}),
        ("stack(a, b)[1]*a", "a", {"a": 2.0, "b": 3.0}),
        ("logsumexp(x) + sum(x[::2])", "x", {"x": np.arange(5.0)}),
    ],
)
def test_shapes_that_the_formula_tells(text, of, given):
    graph = dv.graph(text)
    np.testing.assert_allclose(graph.d(of)(given), graph.at(given).d[of], rtol=1e-14)


def test_shapes_said_where_the_formula_leaves_them_open():
    L = dv.graph("a = softmax(W @ x + b); L = -log(a[y])")
    shaped = L.shaped(W=(3, 2), x=2, b=3)
    given = {"W": np.arange(6.0).reshape(3, 2), "x": [0.5, -1.0], "b": [0.1, 0.2, 0.3], "y": 1}
    p = L.at(given)
    np.testing.assert_allclose(shaped.d("W")(given), p.dW, rtol=1e-13)
    np.testing.assert_allclose(shaped.simplified()(given), p.value, rtol=1e-15)
    answer = shaped.program("numpy")(given)
    np.testing.assert_allclose(answer[1 + L.inputs.index("W")], p.dW, rtol=1e-13)
    with pytest.raises(dv.UsageError, match="W a matrix, b a vector, x a vector, y a scalar; W has shape"):
        shaped.d("W")({**given, "W": [1.0, 2.0]})
    with pytest.raises(dv.UsageError, match="shapes do not match"):
        L.shaped(W=(3, 2), x=3)
    with pytest.raises(dv.UsageError, match="no input 'q'"):
        L.shaped(q=3)


@pytest.mark.parametrize("target", ["loop", "numpy"])
def test_the_programs_of_a_graph(target):
    program = J.program(target)
    assert program(5, 3, 2) == program(a=5, b=3, c=2) == (33.0, 3.0, 6.0, 9.0)
    assert all(type(v) is float for v in program(5, 3, 2))
    assert "u = b * c\n" in str(program)
    space = {}
    exec(str(program), space)
    assert space["J_and_derivatives"](5.0, 3.0, 2.0) == (33.0, 3.0, 6.0, 9.0)


def test_a_program_of_another_name_is_refused():
    with pytest.raises(dv.UsageError, match="no program 'fortran'"):
        J.program("fortran")


# names

def rebound(x):
    x = x * 2
    x = x + 1
    x = x * x
    return x


def unnamed(b, c):
    return dv.exp(b * c) * (b + c * 3)


def output_has_a_variable(a):
    cost = a * a
    return cost


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (rebound, ["x", "x_2", "x_3", "x_4"]),
        (output_has_a_variable, ["a", "cost"]),
        (lambda a: a * 2, ["a", "f"]),
        (unnamed, ["b", "c", "b_times_c", "exp", "times", "plus", "unnamed"]),
        ("x = x0*2; x = x + 1; y = x*x", ["x0", "x", "x_2", "y"]),
        ("b*c + 1", ["b", "c", "b_times_c", "f"]),
        ("(a_long_name*another_name) + (a_long_name*another_name)*2",
         ["a_long_name", "another_name", "times", "times_2", "times_3", "f"]),
        ("J = (a + 1)*(a + 2)", ["a", "plus", "plus_2", "J"]),
    ],
)
def test_what_nodes_are_called(source, names):
    assert [n.name for n in dv.graph(source).nodes if n.name] == names


def test_a_name_with_two_readings_is_refused_and_the_two_ways_out_are_named():
    p = dv.graph("du = a*u; J = du*3").at(a=2.0, u=5.0)
    with pytest.raises(dv.UsageError, match=r"p.values\['du'\] or p.d\['u'\]"):
        p.du
    assert (p.values["du"], p.d["u"], p.d["du"], p.ddu) == (10.0, 6.0, 3.0, 3.0)


def test_a_member_of_the_pass_comes_before_a_node():
    p = dv.graph("value = a*2; check = value + 1; J = check*steps").at({"a": 1.0, "steps": 4.0})
    assert p.value == p.values["J"] == 12.0
    assert p.values["value"] == 2.0
    assert callable(p.check)
    assert p.dcheck == 4.0


def test_an_unknown_name_of_a_pass_is_an_attribute_error():
    p = J.at(5, 3, 2)
    with pytest.raises(AttributeError, match="'q'"):
        p.q
    assert not hasattr(p, "dq")
    assert {"u", "du", "dJ", "steps"} <= set(dir(p))


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((5, 3), {}, "no value was given for c"),
        ((5, 3, 2, 1), {}, "4 values were given, the inputs are 3"),
        ((5, 3, 2), {"c": 2}, "given twice"),
        ((5, 3), {"q": 2}, "no input 'q'"),
        ((5, 3, "2"), {}, "not a number"),
        ((5, 3, None), {}, "not a number"),
        ((5, 3, 1j), {}, "not a number"),
        ((5, 3, np.zeros((2, 2, 2))), {}, "shape"),
    ],
)
def test_calls_refused(args, kwargs, said):
    for call in (J, J.at):
        with pytest.raises(dv.UsageError, match=said):
            call(*args, **kwargs)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (((3,), (3, 1)), r"a \(3,\) and b \(3, 1\)"),
        (((3,), (1,)), r"a \(3,\) and b \(1,\)"),
        (((2, 3), (3,)), r"a \(2, 3\) and b \(3,\)"),
    ],
)
def test_shapes_that_would_be_spread_are_refused(shapes, said):
    with pytest.raises(dv.UsageError, match=said):
        dv.graph("J = sum(a + b)").at(a=np.ones(shapes[0]), b=np.ones(shapes[1]))


def test_a_graph_of_an_unsummed_vector_has_no_derivative():
    graph = dv.graph("v = 2*x")
    np.testing.assert_array_equal(graph(np.ones(3)), [2, 2, 2])
    with pytest.raises(dv.UsageError, match=r"sum\(v\)"):
        graph.at(np.ones(3))


def test_asking_twice_gives_the_same_answer():
    p, q = J.at(5, 3, 2), J.at(5, 3, 2)
    assert p.d == q.d
    assert p.values == q.values
    assert (p.db, p.db) == (6.0, 6.0)
    cost = L.over(x=X, y=Y)
    one, two = cost.at(w=W, b=B), cost.at(w=W, b=B)
    assert one.value == two.value
    np.testing.assert_array_equal(one.dw, two.dw)
    fits = [cost.minimize(), cost.minimize()]
    np.testing.assert_array_equal(fits[0].params["w"], fits[1].params["w"])


def test_what_is_answered_may_be_changed_without_changing_the_next_answer():
    graph = dv.graph("inputs: w, x\nJ = w @ x")
    w = np.array([1.0, 2.0])
    p = graph.at(w=w, x=np.array([3.0, 4.0]))
    assert p.value == 11.0
    cost = L.over(x=X, y=Y)
    before = cost.at(w=W, b=B).dw.copy()
    cost.at(w=W, b=B).dw[:] = 99
    np.testing.assert_array_equal(cost.at(w=W, b=B).dw, before)
    fit = cost.minimize(start={"w": W, "b": B}, method="gradient-descent", rate=0.1, steps=3)
    fit.params["w"][:] = 99
    np.testing.assert_array_equal(W, [0.3, -0.2, 0.1])


GRAPHS = [J, L, dv.graph("a + [1, 2]@[3, 4]"), J.d("b"), J.fix(c=2), J.simplified()]


@pytest.mark.parametrize("graph", GRAPHS)
def test_equality_hash_pickle_and_copies(graph):
    for other in (pickle.loads(pickle.dumps(graph)), copy.deepcopy(graph), copy.copy(graph)):
        assert other == graph
        assert hash(other) == hash(graph)
        assert type(other) is type(graph)
        assert str(other) == str(graph)
    assert graph != dv.graph("a + b + 12345")
    assert graph != "text"
    assert len({graph, copy.deepcopy(graph)}) == 1


def test_a_graph_does_not_change():
    with pytest.raises(AttributeError):
        J.nodes = ()


def test_graph_takes_text_or_a_function():
    for wrong in (3, None, ["a"]):
        with pytest.raises(dv.UsageError, match="a formula is text or a Python function"):
            dv.graph(wrong)


# m examples

def mean_loss(w, b, x, y):
    z = x @ w + b
    return np.mean(np.logaddexp(0, z) - y * z), x.T @ (1 / (1 + np.exp(-z)) - y) / len(y), np.mean(1 / (1 + np.exp(-z)) - y)


@pytest.mark.parametrize(
    "data",
    [
        {"x": X, "y": Y},
        {"x": X.T, "y": Y[None, :], "axis": 1},
        {"x": X.T, "y": Y, "axis": 1},
        {"x": X, "y": Y, "weight": np.full(50, 7.0)},
    ],
)
def test_the_cost_over_m_examples(data):
    cost = L.over(**data)
    assert cost.inputs == ("w", "b")
    q = cost.at(w=W, b=B)
    value, dw, db = mean_loss(W, B, X, Y)
    assert q.value == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(q.dw, dw, rtol=1e-12)
    assert q.db == pytest.approx(db, rel=1e-12)
    np.testing.assert_array_equal(q.d["w"], q.dw)
    again = cost.at(W, B)
    assert again.value == q.value == cost.at({"w": W, "b": B}).value
    for target in ("loop", "numpy"):
        one, two, three = cost.program(target)(W, B)
        assert one == pytest.approx(value, rel=1e-13)
        np.testing.assert_allclose(two, dw, rtol=1e-12)
        assert three == pytest.approx(db, rel=1e-12)


def test_one_mapping_for_inputs_named_like_an_option():
    graph = dv.graph("z = w*axis + threads; loss = (z - weight)**2")
    data = {"axis": X[:, 0], "weight": Y}
    cost = graph.over(data)
    assert cost.inputs == ("threads", "w")
    assert cost.at({"threads": 0.5, "w": 2.0}).value == pytest.approx(np.mean((2 * X[:, 0] + 0.5 - Y) ** 2))


def test_a_weight_is_a_weight_of_the_mean():
    s = rng.random(50) * 10
    q = L.over(x=X, y=Y, weight=s).at(w=W, b=B)
    z = X @ W + B
    assert q.value == pytest.approx(np.average(np.logaddexp(0, z) - Y * z, weights=s), rel=1e-13)
    np.testing.assert_allclose(q.dw, X.T @ (s * (1 / (1 + np.exp(-z)) - Y)) / s.sum(), rtol=1e-11)
    whole = np.concatenate([X, X[:20]]), np.concatenate([Y, Y[:20]])
    counted = L.over(x=X, y=Y, weight=np.r_[np.full(20, 2), np.ones(30)]).at(w=W, b=B)
    assert counted.value == pytest.approx(L.over(x=whole[0], y=whole[1]).at(w=W, b=B).value, rel=1e-14)


def test_the_hessian_stands_in_the_order_of_the_inputs():
    h = L.over(x=X, y=Y).hessian(w=W, b=B)
    a = 1 / (1 + np.exp(-(X @ W + B)))
    full = np.c_[X, np.ones(50)]
    np.testing.assert_allclose(h, full.T @ ((a * (1 - a))[:, None] * full) / 50, rtol=1e-12)


def test_the_loop_is_the_one_written_first():
    text = str(L.over(x=X, y=Y).program("loop"))
    for line in ["J = 0.0", "db = 0.0", "for i in range(m):", "a = sigmoid(z)", "J /= m", "db /= m", "return J, dw, db",
                 "# as written: L = -(y * log(a) + (1 - y) * log(1 - a))"]:
        assert line in text


def test_minimize_as_in_the_contract():
    cost = L.over(x=X, y=Y)
    fit = cost.minimize(method="gradient-descent", rate=0.1, steps=1000)
    assert fit.passes == len(fit.history) == 1001
    assert fit.cost < cost.at(w=np.zeros(3), b=0.0).value
    assert isinstance(fit.message, str)
    assert fit.seconds >= 0
    auto = cost.minimize()
    assert auto.converged
    assert auto.method == "newton"
    assert auto.params["w"].shape == (3,)
    assert isinstance(auto.params["b"], float)
    assert auto.cost <= fit.cost
    value, dw, db = mean_loss(auto.params["w"], auto.params["b"], X, Y)
    assert auto.cost == pytest.approx(value, rel=1e-14)
    assert np.abs(dw).max() + abs(db) < 1e-9


def test_module_names():
    assert {"graph", "slope", "derivatives", "exp", "sigmoid", "log"} <= set(dir(dv))
    assert dv.exp(0.0) == 1.0
    np.testing.assert_array_equal(dv.maximum(np.array([1.0, -1.0]), 0.0), [1.0, 0.0])
    with pytest.raises(AttributeError, match="'expp'"):
        dv.expp
    with pytest.raises(dv.UsageError, match="exp takes one operand, 2 given"):
        dv.exp(1, 2)
    assert issubclass(dv.UsageError, dv.DvarError)
    assert issubclass(dv.DvarError, ValueError)


def test_data_are_taken_by_name_not_by_order():
    x = np.linspace(-1, 1, 20)
    L = dv.graph("L = (w*x + b - y)**2")
    one, two = L.over(x=x, y=3 * x + 1).minimize().params, L.over(y=3 * x + 1, x=x).minimize().params
    assert one == two == pytest.approx({"b": 1.0, "w": 3.0})


def test_a_constant_with_a_name_has_a_derivative():
    assert dv.graph("k = 2; f = k*x").at(x=3).dk == 3.0
    assert dv.graph("u = b*c; v = a + u; J = 3*v").fix(c=2).at(a=5, b=3).dc == 9.0
    assert dv.graph("k = 1; L = log(k + exp(z))").at(z=800.0).dk == pytest.approx(0.0, abs=1e-300)


@pytest.mark.parametrize("text", ["s = sum(a*x + b)", "s = sum((a*x)**2)", "h = tanh(W@x + c); L = sum(h)"])
def test_shapes_that_a_formula_leaves_open_are_refused(text):
    graph = dv.graph(text)
    for ask in (lambda: graph.d(graph.inputs[0]), lambda: graph.program("loop"), lambda: graph.program("numpy")):
        with pytest.raises(dv.UsageError, match="is not said by the formula"):
            ask()
    assert dv.graph("s = sum(v*v)").d("v")([1.0, 2.0, 3.0]).tolist() == [2.0, 4.0, 6.0]
    with pytest.raises(dv.UsageError, match="was written for"):
        dv.graph("s = w @ x").program("numpy")(np.eye(2), np.ones(2))


def test_one_feature_along_axis_1():
    X, Y = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 0.0, 1.0]])
    J = dv.graph("z = w @ x + b; L = (z - y)**2").over(x=X, y=Y, axis=1)
    assert J.sizes == {"b": (), "w": (1,)}


def test_what_is_undefined_is_told_apart_from_what_is_too_large():
    assert "not defined here" in dv.graph("u = log(a); J = 2*u").at(a=-1.0).notes[0]
    assert "larger than floating point holds" in dv.graph("u = exp(a); J = 2*u").at(a=1000.0).notes[0]


def test_an_unnamed_node_used_again_and_again_costs_its_nodes_not_its_paths():
    from functools import reduce

    @dv.graph
    def J(x):
        return dv.log(dv.sigmoid(reduce(lambda s, _: s + s, range(60), x * 1e-20)))

    p = J.at(x=1.0)
    assert p.dx == pytest.approx(2.0**60 * 1e-20 / (1 + np.exp(2.0**60 * 1e-20)), rel=1e-12)
    assert len(p.steps().text) < 20_000
    assert len(str(J.program("loop"))) < 20_000
    assert len(J.over(x=np.ones(3)).program("loop").source) < 20_000


# what a fresh reader found

@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("J = sum(a[1:])", {"a": np.arange(5.0) + 1}),
        ("J = sum(a[:-1]**2)", {"a": np.arange(5.0) + 1}),
        ("J = sum(a) + sum(b)", {"a": np.arange(5.0), "b": np.arange(3.0)}),
        ("J = sum(concatenate(a, a)**2)", {"a": np.arange(5.0)}),
        ("J = sum(M[:, 0:2]**2)", {"M": np.arange(9.0).reshape(3, 3)}),
        ("J = a[0:2] @ b[1:3]", {"a": np.arange(3.0), "b": np.arange(3.0)}),
    ],
)
@pytest.mark.parametrize("target", ["loop", "numpy"])
def test_a_program_of_vectors_serves_every_length(text, given, target):
    graph = dv.graph(text)
    p = graph.at(given)
    answer = graph.program(target)(given)
    assert answer[0] == pytest.approx(p.value, rel=1e-14)
    for name, found in zip(graph.inputs, answer[1:]):
        np.testing.assert_allclose(found, p.d[name], rtol=1e-14)


@pytest.mark.parametrize("text", ["J = min(M)", "J = max(M)", "J = sum(max(M, axis=1))", "J = max(M) + min(M)*norm(M)"])
@pytest.mark.parametrize("size", [(2, 2), (3, 3), (2, 4)])
def test_loops_over_matrices(text, size):
    graph, M = dv.graph(text).shaped(M=size), np.random.default_rng(1).normal(size=size)
    value, dM = graph.program("loop")(M)
    p = graph.at(M)
    assert value == pytest.approx(p.value, rel=1e-14)
    np.testing.assert_allclose(dM, p.dM, rtol=1e-13)


def test_a_formula_of_several_lines_stands_in_parentheses():
    assert dv.graph("J = (a\n  + b\n - c)") == dv.graph("J = a + b - c")
    for text in ("J = a\n  + b", "J = a\n- b", "u = a\n\n-u"):
        with pytest.raises(dv.UsageError, match="a statement of its own"):
            dv.graph(text)
    assert dv.graph("\n-a")(a=2.0) == -2.0


def test_a_one_is_not_called_a_derivative():
    rules = dv.graph("a = sigmoid(w*x); L = -(y*log(a) + (1 - y)*log(1 - a))").simplified().rules
    assert not [r for r in rules if "dL" in str(r)]


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda: dv.graph("J = sum(a)").at(a=[[1, 2], [3]]), "differ in length"),
        (lambda: dv.graph("J = sum(a)").at(a=np.ma.array([1.0, 2.0], mask=[0, 1])), "masked"),
        (lambda: dv.graph("J = sum(x**3)").hvp(x=[1.0, 2.0], direction=[1, 2]), "by name"),
    ],
)
def test_what_is_no_input_is_refused(ask, what):
    with pytest.raises(dv.UsageError, match=what):
        ask()
