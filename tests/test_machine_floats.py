"""Compiled straight-line programs: the bits of the Python program they are made of, inf and nan where that raises; and what
CPython asks of a function: errors for what is no number, its signature, memory that is given back, any thread."""

import gc
import inspect
import itertools
import math
import re
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from test_derivatives import tame
from test_straight_line import ENDS, FEW, exact, known

import dvar as dv
from dvar.expression.op import elementwise
from dvar.expression.ops import ROWS
from dvar.vectorize import machine_floats

LESSON = "u = b*c; v = a + u; J = 3*v"
OTHERWISE = {"hypot", "erf", "erfc"}  # which `math` may compute by itself


def functions(graph):
    """The compiled function, and its text as Python runs it."""
    program = graph.program("fused")
    assert program.function is not None, str(program)
    space = {}
    exec(str(program), space)
    return program.function, space[program.function.__name__]


def bits(answer):
    """Floats as they lie in memory; one nan is like another."""
    assert type(answer) is tuple
    assert {type(v) for v in answer} == {float}
    return tuple(struct.pack("d", v) if v == v else "nan" for v in answer)


def same(graph, point):
    """Whether both ran; where Python raises, the compiled lines still agree with the loop program."""
    compiled, lines = functions(graph)
    answer = compiled(*point)
    try:
        wanted = lines(*point)
    except (ArithmeticError, ValueError):
        others = graph.program("loop").function(*point)
        np.testing.assert_allclose(known(answer), known(others), rtol=1e-13, atol=1e-322, err_msg=str(point))
    else:
        if OTHERWISE.isdisjoint(re.findall(r"\w+", str(graph.program("fused")))):  # rules may have put in what was not written
            assert bits(answer) == bits(wanted), point
        np.testing.assert_allclose(known(answer), known(wanted), rtol=1e-13, atol=1e-322, err_msg=str(point))


@pytest.mark.parametrize("op", [op for op in ROWS if op.shape is elementwise and (op.floats or op.loop or op.text)], ids=lambda op: op.name)
def test_every_row_that_is_written_on_floats_at_the_ends_of_floating_point(op):
    graph = dv.graph("inputs: " + ", ".join("abc"[: op.arity]) + "\nJ = " + op.form.format(*"abc"))
    compiled, lines = functions(graph)
    loop = graph.program("loop").function
    for point in itertools.product(*[ENDS if op.arity < 3 else FEW] * op.arity):
        answer = compiled(*point)
        np.testing.assert_allclose(known(answer), known(loop(*point)), rtol=1e-13, atol=1e-322, err_msg=str(point))
        if op.name not in OTHERWISE:
            try:
                assert bits(answer) == bits(lines(*point)), point
            except (ArithmeticError, ValueError):
                assert not all(map(math.isfinite, answer)) or 0.0 in answer, point  # Python's floats raise for these alone


@settings(max_examples=100)
@given(tame())
def test_random_graphs_are_equal_to_the_bit(case):
    graph, point = case
    without = ("lgamma", "digamma", "polygamma", "log_ndtr", "inverse_mills", "log_gumbel", "gumbel_rate", "clip", "floor", "ceil", "round")
    if not any(node.op in without for node in graph.nodes):
        same(graph, tuple(point.values()))


@settings(max_examples=100)
@given(exact())
def test_random_graphs_at_the_ends_of_floating_point(case):
    same(*case)


@pytest.mark.parametrize("text", ["J = exp(x)/y", "exp = x; J = exp(exp)*log(y)", "float = y/x; J = (float > 1)*float", "pow = x; abs = y; J = abs(pow)/abs + pow**abs",
                                  "`lambda` = x/y; def = `lambda`*2; J = def", "program = x/y; J = program*v1", "answer0 = x; J = answer0*x0",
                                  "J_and_derivatives = x/y; J = J_and_derivatives*t1", "dx = x/y; J = dx*dx_"])  # fmt: skip
def test_whatever_its_names(text):
    graph = dv.graph(text)
    for point in [(2.0, 0.5, 3.0, 1.5), (0.0, 0.0, 0.0, 0.0), (1000.0, -math.inf, 0.0, 1.0)]:
        same(graph, point[: len(graph.inputs)])


def test_comparisons_are_numbers_and_numbers_are_tests():
    graph = dv.graph("c = x > y; n = (x == x)*(y != x); J = where(c, x, where(n, y, 1)) + c*2 + where(where(x > 0, c, 1 - c), 3, 4)")
    for point in itertools.product([0.0, -0.0, 1.5, -2.0, math.inf, math.nan], repeat=2):
        same(graph, point)


def test_the_program_reads_as_it_runs():
    assert str(dv.graph("J = log(x)/y").program("fused")) == (
        "# compiled; where Python's floats raise, these are inf and nan (IEEE 754)\n"
        "from math import log\n"
        "\n"
        "def J_and_derivatives(x, y):\n"
        "    J = log(x) / y\n"
        "    dx = 1.0 / y * (1.0 / x)\n"
        "    dy = -(J / y)\n"
        "    return J, dx, dy\n"
    )


# as a function of Python's


def test_the_program_takes_whatever_the_graph_takes():
    program = dv.graph("J = x*y").program("fused")
    assert program(y=2, x=3) == program({"x": 3, "y": 2}) == program(3, 2) == program.function(3.0, 2.0) == (6.0, 2.0, 3.0)
    assert dv.graph("J = log(x)").program("fused")(-1)[1] != -1.0  # where the value is no number, no derivative is
    for wrong in (lambda: program(1), lambda: program(1, 2, z=3), lambda: program("a", 2), lambda: program([1, 2], 3)):
        with pytest.raises(dv.UsageError):
            wrong()


def test_the_function_says_what_it_takes():
    function = dv.graph(LESSON).program("fused").function
    assert function.__name__ == "J_and_derivatives"
    assert str(inspect.signature(function)) == "(a, b, c, /)"


def test_numbers_of_other_types_are_taken_as_floats():
    function = dv.graph(LESSON).program("fused").function
    for point in [(5, 3, 2), (np.float64(5), np.float32(3), np.int8(2)), (Fraction(5), True + 2, 2.0)]:
        assert bits(function(*point)) == bits((33.0, 3.0, 6.0, 9.0))
    assert function(-1, -1, -1) == (0.0, 3.0, -3.0, -3.0)  # -1 is what the call for a number answers in an error


class Broken:
    def __float__(self):
        raise ZeroDivisionError("broken")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((1.0, 2.0), TypeError, r"J_and_derivatives\(a, b, c\) takes 3 numbers, 2 given"),
        ((1.0, 2.0, 3.0, 4.0), TypeError, "takes 3 numbers, 4 given"),
        ((), TypeError, "takes 3 numbers, 0 given"),
        ((1.0, "2", 3.0), TypeError, "must be real number, not str"),
        ((None, 2.0, 3.0), TypeError, "must be real number, not NoneType"),
        ((1.0, 2.0, 3j), TypeError, "complex"),
        ((1.0, 2.0, [3.0]), TypeError, "must be real number, not list"),
        ((1.0, 2.0, 10**400), OverflowError, "too large"),
        ((1.0, Broken(), "3"), ZeroDivisionError, "broken"),
    ],
)
def test_refused(arguments, error, said):
    function = dv.graph(LESSON).program("fused").function
    with pytest.raises(error, match=said):
        function(*arguments)
    assert function(5.0, 3.0, 2.0) == (33.0, 3.0, 6.0, 9.0)  # and nothing is left of it
    with pytest.raises(TypeError, match="no keyword arguments"):
        function(5.0, 3.0, c=2.0)


def test_a_graph_without_inputs_and_one_with_a_hundred():
    assert dv.graph("J = 3").program("fused").function() == (3.0,)
    names = [f"x{k}" for k in range(100)]
    graph = dv.graph("J = " + "*".join(names))
    point = [1 + k / 1000 for k in range(100)]
    assert graph.program("fused").function(*point) == graph.program("loop").function(*point)


def test_nothing_is_left_of_a_call():
    function = dv.graph("J = x*exp(-y)").program("fused").function
    x, y = 1e-3 + 1.0, 0.5
    inputs = sys.getrefcount(x), sys.getrefcount(y)
    for numbers in [(x, y), (x, np.float64(0.5)), (2, 3), (x,), (x, "y"), ("x", y)]:
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(100_000):
            with suppress(TypeError):
                function(*numbers)
        del numbers
        assert sys.getallocatedblocks() - before < 10_000  # of which a call would leave one at least
    assert (sys.getrefcount(x), sys.getrefcount(y)) == inputs
    [first, *_] = function(x, y)
    assert sys.getrefcount(first) == 2  # the name here, and the call that counts


def test_constants_and_equal_numbers_are_counted_as_often_as_they_are_held():
    function = dv.graph("J = exp(a + b) + 3*c").program("fused").function  # da = db, dc = 3
    kept = [function(0.1, 0.2, 0.3) for _ in range(100_000)]
    _, da, db, three = kept[0]
    assert da is db
    assert three == 3.0
    assert sys.getrefcount(da) == 5  # kept[0] twice, the names here, and the call that counts
    held = sys.getrefcount(three)
    del kept
    assert held - sys.getrefcount(three) == 100_000
    assert sys.getrefcount(da) == 3


def test_the_function_keeps_its_code_and_gives_it_back():
    from weakref import ref

    function = dv.graph(LESSON).program("fused").function
    gc.collect()
    assert function(5.0, 3.0, 2.0) == (33.0, 3.0, 6.0, 9.0)
    engine = ref(function.__self__[0])
    del function
    assert engine() is None


def test_from_several_threads():
    function = dv.graph("J = sin(x)*exp(y)").program("fused").function
    points = [(k / 7, -k / 9) for k in range(2000)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda p: function(*p), points)) == [function(*p) for p in points]


# what is not compiled so


@pytest.mark.parametrize("text", ["J = round(x)*log(x)", "J = clip(x, 0, 1)*x", "J = floor(x)*x"])
def test_functions_that_no_library_has_are_compiled_by_numba(text):
    program = dv.graph(text).program("fused")
    assert program.function is None
    assert program(1.7) == pytest.approx(dv.graph(text).program("loop")(1.7), rel=1e-13)


def test_a_program_too_long_for_the_stack_is_refused_and_the_limit_runs_on_a_small_one(monkeypatch):
    import threading

    text = "u0 = x\n" + "\n".join(f"u{k + 1} = sin(u{k})*x" for k in range(2500)) + "\nJ = u2500"
    graph, answers = dv.graph(text), []
    function = graph.program("fused").function
    threading.stack_size(1 << 20)
    try:
        thread = threading.Thread(target=lambda: answers.append(function(0.9)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(0)
    assert answers == [graph.program("loop").function(0.9)]
    monkeypatch.setattr(machine_floats, "MOST", 10_000)
    with pytest.raises(dv.UsageError, match="more than 10,000 values is not compiled"):
        graph.program("fused")


def test_a_length_that_a_rule_has_put_in():
    same(dv.graph("u = expm1(tanh(x)); J = sqrt(u**2 + 1)*y"), (-1.919921875, 0.0))
