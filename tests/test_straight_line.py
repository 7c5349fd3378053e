"""Graphs of numbers as straight-line Python on floats: equal to the loops with NumPy's functions, to the NumPy program and to a
pass, at the ends of floating point too, where Python's own floats raise; and the program as it reads."""

import inspect
import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_derivatives import tame

import dvar as dv
from dvar.derive.assumed import derive_assumed
from dvar.expression.op import elementwise
from dvar.expression.ops import ROWS
from dvar.vectorize.program import compiled, listing
from dvar.vectorize.write_loop import write_loop

INF, NAN = math.inf, math.nan
ENDS = [0.0, -0.0, 5e-324, -1e-310, 1e-300, 0.3, -0.7, 1.0, -1.0, 2.0, 3.0, -8.0, 1 / 3, 20.0, -37.5, 709.7, 720.0, -720.0, -745.1,
        800.0, -800.0, 1e5, 1e160, -1e160, 1e308, -1e308, INF, -INF, NAN]  # fmt: skip
FEW = [0.0, -0.0, 5e-324, 1.0, -2.5, 0.5, 800.0, -1e308, INF, -INF, NAN]


def with_numpy(graph, point):
    """The loop program with NumPy's functions, on NumPy's numbers."""
    function = compiled(write_loop(listing(derive_assumed(graph))), "loop")
    with np.errstate(all="ignore"):
        return tuple(map(float, function(*map(np.float64, point))))


def of_pass(graph, point):
    p = graph.at(*point)
    return p.value, *(p.d[n] for n in graph.inputs)


def routes(graph, point):
    """The same numbers by the three other routes."""
    return with_numpy(graph, point), graph.program("numpy")(*point), of_pass(graph, point)


def bare(graph, point):
    """What the bare function answers; it never warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = graph.program("loop").function(*point)
    assert all(type(v) is float for v in answer)
    return answer


def known(answer):
    """Bare lines answer what their formulas do; where the value is no number, it has no derivatives either."""
    return answer if answer[0] == answer[0] else answer[:1]


@pytest.mark.parametrize("op", [op for op in ROWS if op.shape is elementwise], ids=lambda op: op.name)
def test_every_row_at_the_ends_of_floating_point(op):
    graph = dv.graph("inputs: " + ", ".join("abc"[: op.arity]) + "\nJ = " + op.form.format(*"abc"))
    points = itertools.product(*[ENDS if op.arity < 3 else FEW] * op.arity)
    if op.name in ("polygamma", "inverse_mills", "gumbel_rate"):  # its first operand is a whole number
        points = itertools.product([0.0, 1.0, 2.0], FEW)
    function, numpy = graph.program("loop").function, graph.program("numpy")
    for point in points:
        np.testing.assert_allclose(known(function(*point)), known(numpy(*point)), rtol=1e-13, atol=1e-322, err_msg=str(point))


@pytest.mark.parametrize(
    ("text", "point", "answer"),
    [
        ("1/x", 0.0, (INF, -INF)),
        ("1/x", -0.0, (-INF, -INF)),
        ("log(x)", 0.0, (-INF, INF)),
        ("log(x)", -1.0, (NAN, NAN)),
        ("exp(x)", 1000.0, (INF, INF)),
        ("x**-1", 0.0, (INF, -INF)),
        ("x**2", 1e200, (INF, 2e200)),
        ("x**(1/3)", -8.0, (NAN, NAN)),
        ("x - x", INF, (NAN, 0.0)),
        ("sqrt(x)", -1.0, (NAN, NAN)),
        ("sin(x)", INF, (NAN, NAN)),
        ("x*exp(x)", -INF, (NAN, NAN)),
        ("sigmoid(x)*1e300", -720.0, (math.exp(-360) * 1e300 * math.exp(-360), math.exp(-360) * 1e300 * math.exp(-360))),
        ("log(1 + exp(x))", 1000.0, (1000.0, 1.0)),
        ("1/where(x > 0, 1, 0)", -1.0, (INF, 0.0)),
        ("where(x > 0, 1/x, 5)", 0.0, (5.0, 0.0)),
        ("x > 0", 1.0, (1.0, 0.0)),
        ("x", 7.0, (7.0, 1.0)),
        ("3 + 0*x", 7.0, (3.0, 0.0)),
    ],
)
def test_where_python_raises_or_differs(text, point, answer):
    graph = dv.graph("J = " + text)
    np.testing.assert_allclose(known(bare(graph, (point,))), known(answer), rtol=1e-9)
    for found in (graph.program("loop")(x=point), graph.program("numpy")(point), of_pass(graph, (point,))):
        np.testing.assert_allclose(found, answer, rtol=1e-9)


@settings(max_examples=100)
@given(tame())
def test_random_graphs(case):
    graph, point = case
    answer = bare(graph, point.values())
    for other in routes(graph, tuple(point.values())):
        scale = max(1.0, *map(abs, other))
        np.testing.assert_allclose(answer, other, rtol=1e-10, atol=1e-12 * scale**2)


EXACT = ["{} + {}", "{} - {}", "{}*{}", "{}/{}", "-{}", "sqrt({})", "{}**2", "abs({})", "maximum({}, {})", "minimum({}, {})",
         "where({} > {}, {}, {})", "where({} <= 1, {}, 1/{})", "relu({})", "1/(1 + {}**2)", "({} - 1)/({} + 2)"]  # fmt: skip


@st.composite
def exact(draw):
    """A random graph of operations that every program rounds alike, and any floats to put in."""
    known, lines = ["x", "y"], []
    for k in range(draw(st.integers(1, 8))):
        form = draw(st.sampled_from(EXACT))
        lines.append(f"u{k} = " + form.format(*(draw(st.sampled_from(known)) for _ in range(form.count("{}")))))
        known.append(f"u{k}")
    text = "inputs: x, y\n" + "\n".join(lines) + f"\nJ = u{len(lines) - 1} + {draw(st.sampled_from(known))}"
    return dv.graph(text), tuple(draw(st.sampled_from(ENDS) | st.floats()) for _ in "xy")


@settings(max_examples=200)
@given(exact())
def test_random_graphs_at_the_ends_of_floating_point_are_equal_to_the_bit(case):
    graph, point = case
    for other in routes(graph, point):
        np.testing.assert_array_equal(known(bare(graph, point)), known(other))


# the program as it reads


def test_names_are_kept_and_nothing_is_computed_twice():
    program = dv.graph("u = b*c; v = a + u; J = 3*v").program("loop")
    assert str(program) == (
        "def J_and_derivatives(a, b, c):\n"
        "    u = b * c\n"
        "    v = a + u\n"
        "    J = 3.0 * v\n"
        "    da = 3.0\n"
        "    db = 3.0 * c\n"
        "    dc = 3.0 * b\n"
        "    return J, da, db, dc\n"
    )
    assert program.function(5.0, 3.0, 2.0) == (33.0, 3.0, 6.0, 9.0)
    text = str(dv.graph("J = (x - y)**2*exp(x - y)").program("loop"))
    assert text.count("x - y") == text.count("exp(") == 1


def test_a_rewritten_line_carries_the_original():
    text = str(dv.graph("z = w*x; a = sigmoid(z); L = -log(a)").program("loop"))
    assert "# as written: L = -log(a)" in text
    assert "z = w * x\n" in text


def test_lines_that_cannot_raise_stand_without_a_try():
    assert "try" not in str(dv.graph("J = (abs(x) - y)**2/4 + where(x > y, x, y)").program("loop"))
    assert "try" in str(dv.graph("J = x/y").program("loop"))


@pytest.mark.parametrize("text", ["J = exp(x)/y", "exp = x; J = exp(exp)*log(y)", "ieee = x; float = y/ieee; J = sign(float)*float",
                                  "`lambda` = x/y; def = `lambda`*2; J = def", "math = x; abs = y; J = abs(math)/abs + pow",
                                  "J_and_derivatives = x/y; J = J_and_derivatives*t1", "dx = x/y; J = dx*dx_"])  # fmt: skip
def test_the_text_runs_on_its_own_whatever_its_names(text):
    graph = dv.graph(text)
    space = {}
    exec(str(graph.program("loop")), space)
    function = space[[name for name in space if name.startswith("J_and_derivatives")][-1]]
    for point in [(2.0, 0.5, 3.0, 1.5), (0.0, 0.0, 0.0, 0.0), (1000.0, -INF, 0.0, 1.0)]:
        point = point[: len(graph.inputs)]
        np.testing.assert_allclose(known(function(*point)), known(graph.program("numpy")(*point)), rtol=1e-13)


def test_the_function_takes_numbers_by_position_and_the_program_whatever_the_graph_takes():
    program = dv.graph("J = x*y").program("loop")
    assert list(inspect.signature(program.function).parameters) == ["x", "y"]
    assert program(y=2, x=3) == program({"x": 3, "y": 2}) == program(3, 2) == program.function(3.0, 2.0) == (6.0, 2.0, 3.0)
    for wrong in (lambda: program(1), lambda: program(1, 2, z=3), lambda: program("a", 2), lambda: program([1, 2], 3)):
        with pytest.raises(dv.UsageError):
            wrong()
