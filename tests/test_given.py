"""What is given to a graph, a cost and a fit: each answer is one's own, nothing is taken twice, and a mistake is told by its name."""

import pickle

import numpy as np
import pytest

import dvar as dv

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 2))
Y = (X[:, 0] > 0) * 1.0


@dv.graph
def L(w, b, x, y):
    z = w @ x + b
    return dv.softplus(z) - y * z


@dv.graph
def squares(a, k):
    s = 0
    for i in range(len(a)):
        s = s + a[i] * a[i]
    return k * s


COST = L.over(x=X, y=Y)
NETWORK = dv.graph("h = tanh(W@x + c); z = v@h + b; L = (z - y)**2").over(x=X, y=Y)
W = np.ones(2)


# answers are one's own


def test_a_step_down_the_derivatives_moves_neither_inputs_nor_other_derivatives():
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    p = dv.graph("L = sum(a*b)").at(a=a, b=b)
    a -= 0.1 * p.da
    b -= 0.1 * p.db
    assert a.tolist() == [0.7, 1.6]
    assert b.tolist() == [2.9, 3.8]
    assert p.a.tolist() == [1.0, 2.0]
    assert p.db.tolist() == [1.0, 2.0]
    assert p.check().ok


def test_derivatives_that_are_equal_share_no_memory():
    p = dv.graph("z = W@x + b; L = sum(z*z)").at(W=np.eye(2), x=[1.0, 2.0], b=[0.0, 0.0])
    db = p.db
    db *= 0.1
    assert p.dz.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("target", ["loop", "numpy"])
def test_a_program_answers_with_arrays_of_its_own(target):
    a = np.array([1.0, 2.0])
    _, da, db = dv.graph("L = sum(a*b)").shaped(a=2, b=2).program(target)(a=a, b=[3.0, 4.0])
    db *= 0.1
    assert a.tolist() == [1.0, 2.0]
    assert da.tolist() == [3.0, 4.0]


def test_the_output_is_no_view_of_an_input():
    a = np.array([1.0, 2.0])
    dv.graph("f = a*1")(a=a)[0] = 9.0
    assert a[0] == 1.0


# the sign of zero


def test_zeros_of_both_signs_are_two_numbers_whatever_was_asked_before():
    for text, angle in (("L = arctan2(0, x)", np.pi), ("L = arctan2(-0.0, x)", -np.pi), ("L = arctan2(0, x)", np.pi)):
        assert dv.graph(text)(x=-1) == angle
        assert dv.graph(text).at(x=-1).value == angle
    both = dv.graph("L = arctan2(y, x)")
    assert [both.fix(y=y)(x=-1) for y in (0.0, -0.0)] == [np.pi, -np.pi]
    assert both.fix(y=0.0) != both.fix(y=-0.0)
    assert dv.graph("L = a - 0.05") == dv.graph("L = a - 0.05")


# a graph traced for a length keeps to it


@pytest.mark.parametrize(
    "made",
    [
        lambda g: g.fix(k=1.0),
        lambda g: g.simplified(),
        lambda g: dv.graph(lambda a, k: g(a, k)),
        lambda g: dv.graph(lambda a: g(a, 1.0)),
        lambda g: pickle.loads(pickle.dumps(g.simplified())),
        lambda g: g.without("times 1"),
    ],
)
def test_a_graph_written_for_a_length_refuses_another_however_it_was_made(made):
    g = made(squares.shaped(a=3))
    given = {"k": 1.0} if "k" in g.inputs else {}
    assert g(a=[1, 2, 3], **given) == 14.0
    with pytest.raises(dv.UsageError, match=r"written for a \(3,\).*a has shape \(5,\)"):
        g(a=[1, 2, 3, 4, 5], **given)


def test_an_input_is_fixed_in_the_shape_the_graph_is_written_for():
    with pytest.raises(dv.UsageError, match=r"written for a \(3,\)"):
        squares.shaped(a=3).fix(a=[1, 2])
    assert dv.graph("L = sum(a*b)").shaped(a=3, b=3).fix(b=[1, 2, 3]).d("a")(a=np.zeros(3)).tolist() == [1, 2, 3]


def test_a_derivative_of_nothing_has_any_name_and_keeps_what_the_graph_was_told():
    g = dv.graph("`a b` = x*2; L = y*y").without("times 1")
    d = g.d("a b")
    assert (d(x=1, y=2), d.output, d.inputs, d.off) == (0.0, "da b", ("x", "y"), g.off)
    assert dv.graph(str(d)).nodes == d.nodes


# numbers


@pytest.mark.parametrize("value", [2**63, 10**20, -(10**300), [10**20, 1], [[2**64]]])
def test_whole_numbers_of_any_size_that_floats_hold_are_numbers(value):
    assert np.array_equal(dv.graph("f = a*1")(a=value), np.array(value, dtype=np.float64))


@pytest.mark.parametrize("value", [10**400, [10**400, 1]])
def test_a_whole_number_beyond_floats_is_told_as_one(value):
    with pytest.raises(dv.UsageError, match="a whole number too large"):
        dv.graph("f = a*1")(a=value)


# mistakes, one a line


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: COST.at(W, 0.1, w=W), "the parameter 'w' was given twice, by position and by name"),
        (lambda: COST.at({"w": W, "b": 0}, b=1), "the parameter 'b' was given twice, in a mapping and by name"),
        (lambda: COST.at(W, 1, 2), "3 values were given, the parameters are 2: w, b"),
        (lambda: COST.at(W), "no value was given for b"),
        (lambda: COST.program("loop")(W, 0.1, b=5), "the parameter 'b' was given twice"),
        (lambda: COST.program("numpy")(W, 0.1, b=5), "the parameter 'b' was given twice"),
        (lambda: L.at({"w": W, "b": 0, "x": W, "y": 0}, y=1), "the input 'y' was given twice, in a mapping and by name"),
        (lambda: L.over({"x": X, "y": Y}, y=1 - Y), "the input 'y' was given twice"),
        (lambda: squares.over({"a": X}, a=X), "the input 'a' was given twice"),
        (lambda: squares.over(q=X), "no input 'q'"),
        (lambda: squares.fix(q=1), "no input 'q'"),
        (lambda: L.shaped(q=1), "no input 'q'"),
        (lambda: COST.minimize(start=[0, 1]), r"the start is list\nhelp: give it by parameter: w, b"),
        (lambda: COST.minimize(bounds=[(0, 1)]), r"the bounds are .*\nhelp: give them by parameter, as \{'w'"),
        (lambda: COST.minimize(penalize=["q"]), "no parameter 'q' to penalise"),
        (lambda: COST.minimize(l2=0.1, penalize=[]), "penalize names no parameter"),
        (lambda: NETWORK.minimize(), r"the shapes of W, c, v .* how long h is \(a hidden width\)"),
        (lambda: NETWORK.minimize(seed=0), "how long h is"),
        (lambda: NETWORK.size, "how long h is"),
        (lambda: dv.graph("L = (w@x - y)**2 + b").fix(w=[1, 2]).over(x=np.ones((4, 3)), y=np.ones(4)),
         "the inner sizes 2 and 3 differ"),
        (lambda: dv.slope("a*a", a=1, nudge="x"), "the nudge is 'x', not a number"),
        (lambda: dv.slope("sum(a)", a=[1, 2]), r"a has shape \(2,\), and one number is nudged"),
        (lambda: dv.derivatives(3), "the name of an operation is text, not int"),
        (lambda: dv.graph("L = mean(a)").at(a=[]), "no numbers have no mean"),
    ],
)
def test_refused(ask, said):
    with pytest.raises(dv.UsageError, match=said):
        ask()


def test_one_mapping_and_names_go_together():
    assert COST.at({"w": W}, b=0.1).value == COST.at(W, 0.1).value


def test_a_file_that_cannot_be_written_is_told_by_the_name_it_was_asked_under(tmp_path):
    place = str(tmp_path / "nowhere" / "J.svg")
    with pytest.raises(FileNotFoundError) as error:
        L.at(W, 0, W, 1).save(place)
    assert error.value.filename == place


def test_a_cost_that_was_used_is_pickled():
    before = COST.at(W, 0.1), COST.hessian(W, 0.1)
    after = pickle.loads(pickle.dumps(COST))
    assert repr(after.at(W, 0.1)) == repr(before[0])
    assert np.array_equal(after.hessian(W, 0.1), before[1])
