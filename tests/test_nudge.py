"""The check of derivatives by nudging: quiet on correct graphs however badly scaled, loud on wrong derivatives, and honest where
nudging cannot tell."""

import dataclasses
import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import dvar as dv
from dvar.derive.derivation import derive
from dvar.derive.differences import EPS, measure
from dvar.derive.line import Line, forward, route
from dvar.expression.op import elementwise
from dvar.expression.ops import OPS, ROWS


def rows(text, /, **inputs):
    return {r.name: r for r in dv.graph(text).at(inputs).check().rows}


# correct graphs, badly scaled: nothing but agreement

AGREE = [
    ("3*(a + b*c)", {"a": 5, "b": 3, "c": 2}),
    ("1e8*a + b", {"a": 1, "b": 1}),
    ("1e8*a + b", {"a": 1e8, "b": 1e-8}),
    ("1e8*a + abs(b)", {"a": 1, "b": 0.5}),
    ("abs(a) + 1e12", {"a": 1}),
    ("a + 1e12", {"a": 1e-300}),
    ("relu(a)*1e-300", {"a": 1e300}),
    ("relu(a) + b", {"a": 1e-3, "b": 1}),
    ("abs(a)", {"a": 1e-300}),
    ("abs(a)**2", {"a": 1e100}),
    ("arctan2(a, b)", {"a": 1e-8, "b": 1e8}),
    ("hypot(a, b)", {"a": 1e300, "b": 1e300}),
    ("hypot(a, b)", {"a": 1e-300, "b": 1e-301}),
    ("exp(100*a)", {"a": 3}),
    ("exp(100*abs(a))", {"a": 3}),
    ("sin(1e8*a)", {"a": 1}),
    ("maximum(sin(1e6*a), -9)", {"a": 1}),
    ("log(a)", {"a": 1e-12}),
    ("log(abs(a))", {"a": 1e-12}),
    ("sqrt(a)", {"a": 1e-300}),
    ("sqrt(abs(a))", {"a": 1e-300}),
    ("1/a", {"a": 1e-5}),
    ("1/abs(a)", {"a": 1e-5}),
    ("tan(a)", {"a": 1.5707963}),
    ("lgamma(a)", {"a": 1e-300}),
    ("lgamma(a)", {"a": 2.00000001}),
    ("a**101", {"a": -1.01}),
    ("a**2", {"a": 0}),
    ("a**3 + abs(b)", {"a": 0, "b": 1}),
    ("abs(a)**3", {"a": 0}),
    ("a*1e-200*abs(b)", {"a": 0, "b": 2}),
    ("clip(a, b, c)", {"a": 0.5, "b": 0, "c": 1}),
    ("-(y*log(sigmoid(z)) + (1-y)*log(1-sigmoid(z)))", {"y": 1, "z": 30}),
    ("-(y*log(sigmoid(z)) + (1-y)*log(1-sigmoid(z)))", {"y": 1, "z": -800}),
    ("logaddexp(a, b)", {"a": 1000, "b": 1000}),
    ("logsumexp(a)", {"a": [1000.0, 1000, 999]}),
    ("take(softmax(a), 1)", {"a": [1e-8, 2, -3]}),
    ("norm(a)", {"a": [1e-300, 2e-300]}),
    ("max(a) + 1e-3*min(a)", {"a": [3.0, 1, 2]}),
    ("sum(relu(W@x + b)**2)", {"W": [[1e4, -1e4], [2e-4, 1e-4]], "x": [1e-4, 1.0], "b": [0.5, -1e-5]}),
    ("sum((W@x - y)**2)", {"W": [[1.0, 2], [3, 4]], "x": [1e6, -1e-6], "y": [1.0, 1e6]}),
]


@pytest.mark.parametrize(("text", "inputs"), AGREE)
def test_correct_graphs_agree(text, inputs):
    check = dv.graph(text).at(inputs).check()
    assert [r.verdict for r in check.rows if not r.verdict.startswith("agree")] == []
    assert check.ok


# what nudging cannot tell is neither agreement nor an error

SAID = [
    ("1e300 + abs(a)", {"a": 1}, "a", "too small to be seen"),
    ("norm(a)", {"a": [1e300, 2e100]}, "a[1]", "too small to be seen"),
    ("abs(sin(a))", {"a": 1e200}, "a", "too small to be seen"),
    ("relu(a - 1e-30) + 1", {"a": 0}, "a", "too near to a bend"),
    ("100*y/y", {"y": 1.2682784711186986e-13}, "y", "too small to be seen"),
    ("1e8*a + abs(b)", {"a": 1, "b": 1e-8}, "b", "too near to a bend"),
    ("relu(a) + b", {"a": 1e-300, "b": 1}, "a", "too near to a bend"),
    ("abs((a + 1e12) - 1e12)", {"a": 0.5}, "a", "agree, as far as nudging can tell: ±"),
    ("a**1.5", {"a": 0}, "a", "from one side"),
    ("log(a) + b", {"a": -1, "b": 2}, "a", "nothing to compare: the output is nan"),
    ("exp(a)*b", {"a": 1000, "b": 1}, "b", "nothing to compare: the output is inf"),
    ("sigmoid(a) + b", {"a": math.inf, "b": 1}, "a", "not nudged: it is inf"),
    ("sum(sigmoid(a))", {"a": [math.inf, 1]}, "a[0]", "not nudged: it is inf"),
    ("polygamma(n, a)", {"n": 1, "a": 2}, "n", "not nudged: the output is not defined to either side"),
    ("a**b", {"a": -1, "b": 3}, "b", "not nudged: the output is not defined to either side"),
    ("a**b", {"a": -1, "b": 0}, "b", "not nudged: the output is not defined to either side"),
    ("take(a, k)", {"a": [1.0, 2, 3], "k": 1}, "k", "not nudged: it picks"),
    ("w*k + take(a, k)", {"a": [1.0, 2, 3], "k": 1, "w": 2}, "k", "not nudged: it picks"),
    ("where(a > b, x, y)", {"a": 1, "b": 2, "x": 1, "y": 2}, "a", "agree: no derivative flows"),
    ("where(a > b, x, y)", {"a": 1, "b": 2, "x": 1, "y": 2}, "x", "agree"),
    ("floor(a)", {"a": 0.5}, "a", "agree: no derivative flows"),
]


@pytest.mark.parametrize(("text", "inputs", "name", "verdict"), SAID)
def test_what_nudging_cannot_tell_is_said(text, inputs, name, verdict):
    check = dv.graph(text).at(inputs).check()
    row = {r.name: r for r in check.rows}[name]
    assert verdict in row.verdict
    assert row.ok is (True if verdict.startswith("agree") or "from one side" in verdict else None)
    assert check.ok is any(r.ok for r in check.rows)
    assert check.ok is not any("no derivative could be compared" in note for note in check.notes)
    assert all(r.ok is not False for r in check.rows)


@pytest.mark.parametrize(
    ("text", "inputs", "why"),
    [("log(a)", {"a": -1}, "the output is nan"), ("exp(a)", {"a": 1000}, "the output is inf"), ("sigmoid(a)", {"a": math.inf}, "it is inf"),
     ("take([1, 2], k)", {"k": 1}, "it picks"), ("1e300 + abs(a)", {"a": 1}, "too small to be seen"), ("3 + 4", {}, "no input to nudge")])  # fmt: skip
def test_where_nothing_is_compared_nothing_is_ok(text, inputs, why):
    check = dv.graph(text).at(inputs).check()
    assert check.ok is False
    assert why in check.notes[-1]
    assert f"note: no derivative could be compared ({check.rows[0].verdict if check.rows else 'there'}" in str(check)


@pytest.mark.parametrize("text", ["maximum(a, 1)", "minimum(1, a)", "clip(a, 0, 1)", "relu(a)", "abs(a)", "sign(a)", "floor(a)", "3*a", "where(a > 0, a, a)", "hypot(a, 1)"])
def test_of_what_is_not_a_number_there_is_no_derivative(text):
    p = dv.graph("J = " + text).at(a=math.nan)
    assert math.isnan(p.value)
    assert math.isnan(p.da)
    assert p.check().ok is False


@pytest.mark.parametrize(
    ("text", "inputs", "without"),
    [("log(a) + b", {"a": -1.0, "b": 2.0}, ()), ("sqrt(a)", {"a": -1.0}, ()), ("log1p(a)", {"a": -2.0}, ()), ("a**0.5", {"a": -4.0}, ()),
     ("arcsin(a) + 0*b", {"a": 2.0, "b": 1.0}, ()), ("log2(a)", {"a": -1.0}, ()), ("sum(log(v))", {"v": [1.0, -1.0]}, ()),
     ("b*c + log(a) - a", {"a": -1.0, "b": 1.0, "c": 3.0, "unused": 1.0}, ("unused",))])  # fmt: skip
def test_outside_the_domain_there_is_no_derivative(text, inputs, without):
    p = dv.graph(f"inputs: {', '.join(inputs)}\nJ = {text}").at(inputs)
    assert math.isnan(p.value)
    assert p.dJ == 1.0
    for name in inputs:
        assert np.isnan(p.d[name]).all() == (name not in without), name


@pytest.mark.parametrize(
    ("text", "inputs", "slopes"),
    [("exp(a) - exp(a) + 3*b", {"a": 800.0, "b": 1.0}, (math.nan, 3.0)), ("a*b - a*b + c", {"a": 1e200, "b": 1e200, "c": 1.0}, (0.0, 0.0, 1.0)),
     ("sum(v)", {"v": [math.inf, -math.inf]}, ([1.0, 1.0],))])  # fmt: skip
def test_numbers_too_large_for_floats_take_no_derivative_away(text, inputs, slopes):
    p = dv.graph("J = " + text).at(inputs)
    assert math.isnan(p.value)
    for name, slope in zip(inputs, slopes):
        np.testing.assert_array_equal(p.d[name], slope)


def test_a_side_that_is_not_taken_does_not_count():
    p = dv.graph("where(a > 0, log(a), a)").at(a=-1.0)
    assert (p.value, p.da) == (-1.0, 1.0)
    assert p.check().ok


# kinks and jumps

BENDS = [
    ("relu(a)", {"a": 0}, "a kink, slopes 0 and 1"),
    ("relu(a) + 1", {"a": 0}, "a kink, slopes 0 and 1"),
    ("abs(a)", {"a": 0}, "a kink, slopes -1 and 1"),
    ("abs(a - 3)*2 + a", {"a": 3}, "a kink, slopes -1 and 3"),
    ("maximum(a, 1)", {"a": 1}, "a kink, slopes 0 and 1"),
    ("minimum(a, 1e8)", {"a": 1e8}, "a kink, slopes 1 and 0"),
    ("where(a > 1, a**2, a)", {"a": 1}, "a kink, slopes 1 and 2"),
    ("clip(a, 0, 1)", {"a": 1}, "a kink, slopes 1 and 0"),
    ("hypot(a, 0)", {"a": 0}, "a kink, slopes -1 and 1"),
    ("1e6*a**2 + relu(a)", {"a": 0}, "a kink, slopes 0 and 1"),
    ("floor(a)", {"a": 1}, "a jump, slopes 0 and 0"),
    ("3*floor(a) + 2*a", {"a": 1}, "a jump, slopes 2 and 2"),
    ("sign(a)", {"a": 0}, "a jump, slopes 0 and 0"),
    ("round(a)", {"a": 0.5}, "a jump, slopes 0 and 0"),
    ("where(a > 1, 3*a, 1 - a)", {"a": 1}, "a jump, slopes -1 and 3"),
    ("a == 1", {"a": 1}, "a jump, slopes 0 and 0"),
    ("sqrt(a)", {"a": 0}, "vertical, slope inf"),
    ("arcsin(a)", {"a": 1}, "vertical, slope"),
    ("sqrt(abs(a))", {"a": 0}, "vertical, slopes -inf and inf"),
]


@pytest.mark.parametrize(("text", "inputs", "verdict"), BENDS)
def test_kinks_and_jumps_are_named(text, inputs, verdict):
    check = dv.graph(text).at(inputs).check()
    [row] = check.rows
    assert row.verdict.startswith(verdict)
    assert row.kink
    assert check.ok


def test_elements_that_are_largest_together():
    found = rows("max(a)", a=[1.0, 1, 0])
    assert [found[n].verdict.split(",")[0] for n in ("a[0]", "a[1]", "a[2]")] == ["a kink", "a kink", "agree"]
    assert all(r.kink for r in rows("norm(a)", a=[0.0, 0]).values())


# a check must be able to fail


def told_wrong(text, inputs, name, change, index=()):
    """The check of a pass one of whose derivatives has been changed."""
    p = dv.graph(text).at(inputs)
    d = np.array(p.d[name], dtype=float)
    d[index] = change(d[index])
    p.d = {**p.d, name: d}
    return p.check()


WRONG = {
    "a hundredth too large": lambda d: d * 1.01,
    "a hundred-thousandth too large": lambda d: d * (1 + 1e-5),
    "the other sign": lambda d: -d,
    "nan": lambda d: math.nan,
    "inf": lambda d: math.inf,
    "none": lambda d: 0.0,
}
SMOOTH = [
    ("3*(a + b*c)", {"a": 5, "b": 3, "c": 2}, "b"),
    ("1e8*a + b", {"a": 1, "b": 1}, "b"),
    ("1e8*a + abs(b)", {"a": 1, "b": 0.5}, "b"),
    ("abs(a) + 1e6", {"a": 1}, "a"),
    ("1e300 + a", {"a": 1}, "a"),
    ("exp(100*a)", {"a": 3}, "a"),
    ("abs(exp(100*a))", {"a": 3}, "a"),
    ("log(abs(a))", {"a": 1e-12}, "a"),
    ("sqrt(a)", {"a": 1e-300}, "a"),
    ("relu(a)*1e-300", {"a": 1e300}, "a"),
    ("abs(a)", {"a": 1e-300}, "a"),
    ("maximum(sin(1e6*a), -9)", {"a": 1}, "a"),
    ("hypot(a, b)", {"a": 1e-300, "b": 1e-301}, "b"),
    ("sin(a) + relu(b - 1)", {"a": 0, "b": 0}, "a"),
    ("abs(a - 1e-9) + 1", {"a": 0}, "a"),
]


@pytest.mark.parametrize("how", WRONG)
@pytest.mark.parametrize(("text", "inputs", "name"), SMOOTH)
def test_a_wrong_derivative_differs(text, inputs, name, how):
    check = told_wrong(text, inputs, name, WRONG[how])
    assert not check.ok
    assert check.worst.name == name
    assert check.worst.verdict.startswith("DIFFER")
    assert not check.worst.kink
    assert [r.name for r in check.rows if not r.ok] == [name]
    assert f"\n{name} " in str(check)


@pytest.mark.parametrize("text", ["a**2", "abs(a)**3", "5 + 0*a", "floor(a + 0.5)", "relu(a - 1e-9)", "relu(a - 1e-9) + 1", "where(a > 1, a, 2)"])
def test_a_derivative_that_is_not_zero_differs(text):
    check = told_wrong(text, {"a": 0.0}, "a", lambda d: d + 0.5)
    assert [r.verdict[:6] for r in check.rows] == ["DIFFER"]


@pytest.mark.parametrize(
    ("text", "at", "wrong", "right"),
    [("relu(a)", 0, (-0.1, 1.1), (0, 0.5, 1, math.nan)), ("abs(a)", 0, (-1.5, 2), (-1, 0, 1)), ("maximum(a, 1) + 10*a", 1, (9.9, 1), (10, 11)),
     ("floor(a) + 2*a", 1, (1.9, 3), (2,)), ("sqrt(abs(a))*sign(a)", 0, (5, 0), (math.inf, math.nan)), ("sqrt(a)", 0, (5,), (math.inf,))])  # fmt: skip
def test_at_a_kink_only_what_lies_between_the_slopes_will_do(text, at, wrong, right):
    for value in wrong:
        check = told_wrong(text, {"a": at}, "a", lambda d, value=value: value)
        assert not check.ok, value
        assert check.worst.verdict.startswith("DIFFER: ")
    for value in right:
        assert told_wrong(text, {"a": at}, "a", lambda d, value=value: value).ok, value


def test_two_kinks_that_make_none_are_no_excuse():
    check = dv.graph("relu(a) - relu(-a)").at(a=0.0).check()  # this is a, and 0 + 0 is not its slope
    assert not check.ok
    assert check.worst.verdict == "DIFFER: an operation on the way bends here, the output does not"


VECTORS = [
    ("sum(relu(W@x + b)**2)", {"W": [[1e4, -1e4], [2e-4, 1e-4]], "x": [1e-4, 1.0], "b": [2e4, 3e-2]}, "W", (1, 0), "W[1, 0]"),
    ("sum((W@x - y)**2)", {"W": [[1.0, 2], [3, 4]], "x": [1e6, -1e-6], "y": [1.0, 1e6]}, "x", (0,), "x[0]"),
    ("logsumexp(a)", {"a": [1.0, 2, 3]}, "a", (2,), "a[2]"),
    ("sum(abs(a)*b)", {"a": np.arange(200.0) - 99.5, "b": np.ones(200)}, "a", (137,), "a[137]"),
    ("sum(abs(a)*b)", {"a": np.arange(1000.0) - 99.5, "b": np.ones(1000)}, "a", (777,), "a[777]"),
    ("sum(W@x)", {"W": np.ones((30, 40)), "x": 10.0 ** np.arange(-20, 20)}, "W", (3, 39), "W[3, 39]"),
    ("sum(a**2)", {"a": 10.0 ** np.linspace(-4, 4, 1001)}, "a", (1000,), "a[1000]"),
]


@pytest.mark.parametrize(("text", "inputs", "name", "index", "label"), VECTORS)
def test_the_worst_element_is_named(text, inputs, name, index, label):
    assert dv.graph(text).at(inputs).check().ok
    check = told_wrong(text, inputs, name, lambda d: d * 1.01, index)
    assert not check.ok
    assert check.worst.name == label
    assert all(r.name.startswith(name) for r in check.rows if not r.ok)


def test_large_inputs_move_in_directions_and_say_so():
    check = dv.graph("sum(a*b) + c").at(a=np.ones(201), b=[*np.ones(200), 2.0], c=1.0).check()
    assert [r.name for r in check.rows] == [f"{n}, direction {k}" for n in "ab" for k in (1, 2, 3)] + ["c"]
    assert "note: a has 201 elements: moved in 3 random directions, all elements at once" in str(check)
    assert check.notes == dv.graph("sum(a*b) + c").at(a=np.ones(201), b=np.ones(201), c=1.0).check().notes


@pytest.fixture
def table(monkeypatch):
    """Rows of the table replaced by wrong ones."""

    def change(name, **more):
        monkeypatch.setitem(OPS, name, dataclasses.replace(OPS[name], **more))
        derive.cache_clear()

    yield change
    derive.cache_clear()


@pytest.mark.parametrize(
    ("name", "slopes", "text", "inputs", "worst"),
    [("sin", ("sin(a)",), "b + 2*sin(a)", {"a": 1, "b": 1}, "a"), ("sin", (None,), "b + 2*sin(a)", {"a": 1, "b": 1}, "a"),
     ("times", ("b", "b"), "a*b + c", {"a": 2, "b": 3, "c": 1}, "b"), ("hypot", ("a/hypot(a, b)", "a/hypot(a, b)"), "hypot(a, b)", {"a": 3e100, "b": 4e100}, "b"),
     ("relu", ("1",), "relu(a) + b", {"a": -1, "b": 1}, "a"), ("log", ("1/a + 1",), "log(a)", {"a": 2}, "a"),
     ("maximum", ("where(a < b, 1, 0)", "where(b > a, 1, 0)"), "maximum(a, b) + c", {"a": 2e8, "b": 1e8, "c": 1}, "a"),
     ("exp", ("exp(a)*(1 + 1e-5)",), "sum(maximum(exp(v), -1))", {"v": [1.0, -300]}, "v[0]"),
     ("floor", ("1",), "floor(a) + a", {"a": 0.5}, "a")])  # fmt: skip
def test_a_wrong_row_of_the_table_is_found(table, name, slopes, text, inputs, worst):
    assert dv.graph(text).at(inputs).check().ok
    table(name, slopes=slopes)
    check = dv.graph(text).at(inputs).check()
    assert not check.ok
    assert check.worst.name == worst
    assert "DIFFER" in str(check)


def test_a_lost_contribution_at_a_fork_is_found(monkeypatch):
    from dvar.derive import backprop

    monkeypatch.setattr(backprop, "total", lambda tape, parts: parts[0])
    derive.cache_clear()
    check = dv.graph("u = a*b; u*u + abs(u)").at(a=2, b=3).check()
    derive.cache_clear()
    assert [r.ok for r in check.rows] == [False, False]


# the complex step: every row that is said to take complex numbers does


ARRAYS = {
    "dot": ("sum(v*(a @ b))", {"a": [[1.0, 2], [3, 4]], "b": [0.5, -1], "v": [1.0, 2]}),
    "sum": ("sum(sum(a, axis=0)**2)", {"a": [[1.0, 2], [3, 4]]}),
    "mean": ("sum(mean(a, axis=1)**2)", {"a": [[1.0, 2], [3, 4]]}),
    "outer": ("sum(outer(a, b)**2)", {"a": [1.0, 2], "b": [3.0, 4, 5]}),
    "transpose": ("sum(v*(transpose(a) @ b))", {"a": [[1.0, 2], [3, 4]], "b": [0.5, -1], "v": [1.0, 2]}),
    "index": ("a[1]**2 + sum(a[0:2]**3)", {"a": [1.0, 2, 3]}),
    "place": ("sum(place(a[0:2], a, at=[1:3])**2*a)", {"a": [1.0, 2, 3]}),
    "stack": ("sum(stack(a, b, a)**2)", {"a": 2.0, "b": 3.0}),
    "concatenate": ("sum(concatenate(a, b)**2)", {"a": [1.0, 2], "b": [3.0]}),
    "cut": ("sum(cut(concatenate(a, b)**2, a, b, part=1))", {"a": [1.0, 2], "b": [3.0]}),
    "reshape": ("sum(reshape(a, shape=(2, 1))**2)", {"a": [1.0, 2]}),
    "shaped": ("sum(shaped(a, b)**2*b)", {"a": [1.0, 2], "b": [[1.0], [3]]}),
    "spread": ("sum(spread(a, b)**2*b)", {"a": 2.0, "b": [1.0, 3]}),
}
INSIDE = {"arctanh": 0.3, "arcsin": 0.3, "arccos": 0.3, "logit": 0.3}


def step_of(p, name, where):
    once = forward(p.derivation, p.given)
    return Line(once, route(once, name), np.asarray(p.given[name]), where).complex_step()


@pytest.mark.parametrize("op", [r for r in ROWS if r.analytic], ids=lambda r: r.name)
def test_every_analytic_row_takes_complex_numbers(op):
    if op.shape is elementwise and op.pull is None:
        text = "(" + op.form.format(*"abc"[: op.arity]) + ")*1"
        cases = [(text, dict(zip("abc", point[: op.arity]))) for point in ((INSIDE.get(op.name, 1.3), 0.7, 2.1), (0.4, 2.0, 0.3), (8.5, 3.0, 1.5))]
    else:
        cases = [ARRAYS[op.name]]
    seen = 0
    for text, inputs in cases:
        p = dv.graph(text).at(inputs)
        for name in p.graph.inputs if np.isfinite(p.value) else ():
            for where in np.ndindex(np.shape(p.given[name])):
                found = step_of(p, name, where)
                exact = np.asarray(p.d[name])[where]
                assert found.slope == pytest.approx(exact, rel=1e-13, abs=1e-300)
                seen += 1
    assert seen


@pytest.mark.parametrize(
    ("text", "inputs", "why"),
    [("abs(a)", {"a": 1}, "not analytic"), ("log(a)", {"a": -1}, "out of the domain"), ("sin(a)", {"a": 1e200}, "another value"),
     ("sqrt(a)", {"a": 0}, "at the end of the domain")])  # fmt: skip
def test_the_complex_step_stands_back(text, inputs, why):
    assert step_of(dv.graph(text).at(inputs), "a", ()) is None


# the difference quotient by itself, mpmath beside it

FUNCTIONS = [
    (np.sin, mp.sin, 1.0), (np.cos, mp.cos, 0.0), (np.exp, mp.exp, 700.0), (np.log, mp.log, 1e-300), (np.log, mp.log, 1e300),
    (np.tan, mp.tan, 1.5707963), (np.sqrt, mp.sqrt, 1e-300), (np.cbrt, mp.cbrt, 1e-30), (np.arctan, mp.atan, 1e8),
    (lambda a: a**3, lambda a: a**3, 1e-100), (lambda a: 1e12 + a, lambda a: a, 0.5), (lambda a: np.sin(40*a) + 3, lambda a: mp.sin(40*a), 2.0),
    (lambda a: 1 + a*np.exp(-((1e5*a) ** 2)), lambda a: a*mp.exp(-((10**5*a) ** 2)), 0.0), (lambda a: 1/a, lambda a: 1/a, 1e-5),
    (lambda a: 1 + a*a + 1e-9*a, lambda a: a*a + mp.mpf(1e-9)*a, 0.0), (lambda a: np.abs(a) ** 1.5, lambda a: abs(a) ** 1.5, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("f", "exact", "x"), FUNCTIONS)
def test_the_slope_lies_where_it_is_said_to(f, exact, x):
    def plain(t):
        with np.errstate(all="ignore"):
            return float(f(np.float64(t)))

    found = measure(plain, x, abs(x), 4 * EPS * abs(plain(x)))
    with mp.workdps(60):
        h = mp.mpf(10) ** -30 * (abs(mp.mpf(x)) or 1)
        slope = (exact(x + h) - exact(x - h)) / (2 * h)
        assert found.kind == "smooth"
        assert abs(found.slope - slope) <= 3 * found.unsure
        assert found.unsure <= 1e-5 * max(abs(slope), 1e-8)


# one operation at a time, anywhere


def number():
    wide = st.builds(lambda m, e, s: s * m * 10.0**e, st.floats(1, 10), st.integers(-300, 5), st.sampled_from([-1, 1]))
    return st.one_of(st.floats(-4, 4), st.integers(-4, 4).map(float), wide)


@settings(max_examples=60)
@example(OPS["arctan2"], (0.0, -1e-74, 0.0))  # which jumps nearer to 0 than nudges begin
@example(OPS["inverse_mills"], (5000.0, 0.3, 0.0))
@example(OPS["gumbel_rate"], (5000.0, 0.3, 0.0))
@given(st.sampled_from([r for r in ROWS if r.shape is elementwise and r.pull is None and r.name != "same"]), st.tuples(number(), number(), number()))
def test_every_row_is_checked_in_peace(op, point):
    assume(op.name != "clip" or point[2] - point[1] > 1e-60)  # its domain, and no finer than nudges at 0 begin
    p = dv.graph(op.form.format(*"abc"[: op.arity])).at(*point[: op.arity])
    check = p.check()
    assert all(r.ok is not False for r in check.rows) or not all(np.isfinite(list(p.d.values())))


# the table


def test_the_table_is_aligned():
    check = dv.graph("u = b*c; v = a + u; J = 3*v").at(a=5, b=3, c=2).check()
    lines = str(check).splitlines()
    assert lines[0].split() == ["input", "back-propagation", "nudging"]
    assert [line.split() for line in lines[1:]] == [["a", "3", "3", "agree"], ["b", "6", "6", "agree"], ["c", "9", "9", "agree"]]
    assert len({line.index("agree") for line in lines[1:]}) == 1
    assert check.worst in check.rows


def test_nothing_to_nudge():
    check = dv.graph("3 + 4").at().check()
    assert check.worst is None
    assert check.rows == ()


def test_only_a_number_is_checked():
    with pytest.raises(dv.UsageError, match=r"(?s)one number.*sum\(f\).*\.jacobian\(…\); if each element of a is an example, \.over\(a=…\)"):
        dv.graph("2*a").at(a=[1.0, 2]).check()
