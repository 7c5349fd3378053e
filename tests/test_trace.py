"""Plain Python functions as graphs: which names nodes get, what may stand in the function, and the line an error names."""



import math
import subprocess
import sys
import threading
from math import exp as e_to_the
from math import log

import numpy as np
import pytest

import dvar as dv

SCALE = 3.0


def named(graph):
    return [n.name for n in graph.nodes if n.given and n.op != "input"]


def plain_names(b, c):
    u = b * c
    v = u + 1
    w = dv.exp(v)
    return w


def rebound(x):
    y = x * 2
    y = y + x
    y = y * y
    return y


def augmented(x):
    x *= 2
    x += 1
    return x


def walrus(a, b):
    v = (u := a * b) + 1
    return u * v


def chained(a, b):
    first = second = a * b
    return first + 1


def unpacked(a, b):
    p, q = a + b, a * b
    return p - q


def in_a_list(a, b):
    parts = [a * b, a + b]
    total = parts[0] - parts[1]
    return total


def returned(a):
    return a * 2


def only_later(a, b):
    values = {}
    values["p"] = a * b
    kept = values["p"]
    return kept + 1


def through_a_helper(a, b):
    u = helper(a, b)
    return u * 2


def helper(p, q):
    r = p * q
    return r + p


def in_a_comprehension(x):
    terms = [x**k for k in (2, 3)]
    s = terms[0] + terms[1]
    return s


def unused_line(a):
    waste = dv.exp(a)
    return a * 2


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (plain_names, ["u", "v", "w"]),
        (rebound, ["y", "y_2", "y_3"]),
        (augmented, ["x_2", "x_3"]),
        (walrus, ["u", "v", "walrus"]),
        (chained, ["first", "chained"]),
        (unpacked, ["p", "q", "unpacked"]),
        (in_a_list, ["total"]),
        (returned, ["returned"]),
        (only_later, ["kept", "only_later"]),
        (through_a_helper, ["u", "through_a_helper"]),
        (in_a_comprehension, ["s"]),
        (unused_line, ["waste", "unused_line"]),
        (lambda a: (a + 1) * 2, ["f"]),
    ],
)
def test_nodes_are_called_what_their_variables_are(function, names):
    graph = dv.graph(function)
    assert named(graph) == names
    assert dv.graph(str(graph)) == graph


def test_the_same_names_under_a_debugger():
    """A debugger and coverage set a trace function; names are not read by one, and theirs is left in place."""
    seen = []

    def watch(frame, event, argument):
        seen.append(event)
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        graph = dv.graph(plain_names)
        assert sys.gettrace() is watch
    finally:
        sys.settrace(before)
    assert graph == dv.graph(plain_names)
    assert "line" in seen


def test_the_same_names_under_a_profiler_and_on_another_thread():
    found = []
    sys.setprofile(lambda *a: None)
    try:
        found.append(dv.graph(plain_names))
    finally:
        sys.setprofile(None)
    thread = threading.Thread(target=lambda: found.append(dv.graph(plain_names)))
    thread.start()
    thread.join()
    assert found == [dv.graph(plain_names)] * 2


# functions of math and numpy

MATH = ["exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "tanh"]


def test_functions_of_math_by_every_way_of_naming_them():
    import math as other_name

    def f(x):
        return math.exp(x) + e_to_the(x) * log(x) - other_name.sin(x) + math.pow(x, 2.0) + math.fabs(x) * math.pi

    p = dv.graph(f).at(x=1.5)
    x = 1.5
    assert p.value == pytest.approx(2 * 0 + math.exp(x) + math.exp(x) * math.log(x) - math.sin(x) + x**2 + x * math.pi, rel=1e-15)
    slope = math.exp(x) + math.exp(x) * math.log(x) + math.exp(x) / x - math.cos(x) + 2 * x + math.pi
    assert p.dx == pytest.approx(slope, rel=1e-14)
    assert f(1.5) == pytest.approx(p.value)  # the function itself is left as it was


@pytest.mark.parametrize("name", MATH)
def test_dv_math_and_numpy_are_one_operation(name):
    theirs, ours = getattr(math, name), getattr(dv, name)
    space = {"math": math, "np": np, "dv": dv}
    graphs = [dv.graph(eval(f"lambda x: {module}.{name}(x)", space)) for module in ("math", "np", "dv")]
    assert graphs[0] == graphs[1] == graphs[2] == dv.graph(f"{name}(x)")
    assert ours(0.5) == pytest.approx(theirs(0.5), rel=1e-15)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda a, b: np.maximum(a, b), "maximum(a, b)"),
        (lambda a, b: np.minimum(a, b), "minimum(a, b)"),
        (lambda a, b: np.add(a, np.multiply(a, b)), "a + a*b"),
        (lambda a, b: np.where(a > b, a, b), "where(a > b, a, b)"),
        (lambda a, b: np.dot(a, b), "a @ b"),
        (lambda a, b: a.T @ b, "transpose(a) @ b"),
        (lambda a, b: np.sum(a * b), "sum(a*b)"),
        (lambda a, b: np.outer(a, b) @ b, "outer(a, b) @ b"),
        (lambda a, b: np.transpose(a) * 2 + b, "transpose(a)*2 + b"),
        (lambda a, b: np.abs(a) - abs(b), "abs(a) - abs(b)"),
        (lambda a, b: np.float64(2) * a + b * np.int8(3), "2*a + b*3"),
        (lambda a, b: np.array([1.0, 2.0]) @ a + b @ [3, 4], "[1, 2] @ a + b @ [3, 4]"),
        (lambda a, b: 2**a - 1 / b + (-a), "2**a - 1/b + (-a)"),
        (lambda a, b: True * a + b, "1*a + b"),
        (lambda a, b: +a + b, "a + b"),
        (lambda a, b: dv.maximum(a, b) + dv.minimum(a, b), "max(a, b) + min(a, b)"),
        (lambda a, b: np.negative(a) ** np.square(b) if False else np.negative(a) ** b, "(-a)**b"),
    ],
)
def test_python_and_text_give_one_graph(function, text):
    assert dv.graph(function) == dv.graph(text)


# what a function may bring along


def test_arguments_with_defaults_are_constants():
    def f(x, n=3, *, k=2.0):
        for _ in range(n):
            x = x * k
        return x

    graph = dv.graph(f)
    assert graph.inputs == ("x",)
    assert graph(x=1.5) == 12.0
    assert named(graph) == ["x_2", "x_3", "x_4"]


def test_closures_globals_and_conditions_on_plain_values():
    offset, deep = 10.0, {"k": 2}

    def inner(v):
        return v + offset if offset > 5 else v

    def f(x):
        return inner(x) * SCALE * deep["k"]

    assert dv.graph(f)(x=1.0) == 66.0


def test_a_closure_over_math():
    def make():
        from math import sin

        import numpy

        def f(x):
            return sin(x) + numpy.cos(x)

        return f

    assert dv.graph(make()) == dv.graph("sin(x) + cos(x)")


def test_code_made_by_exec_and_functions_without_a_file():
    space = {"dv": dv}
    exec("def cost(a, b):\n    u = a * b\n    return dv.exp(u)\n", space)
    graph = dv.graph(space["cost"])
    assert named(graph) == ["u", "cost"]


def test_positional_only_and_keyword_only_arguments():
    def f(a, /, b, *, c):
        return a * b + c

    assert dv.graph(f).inputs == ("a", "b", "c")
    assert dv.graph(f)(2, 3, 4) == 10.0


def test_methods_and_callable_objects():
    class Model:
        k = 2.0

        def loss(self, x):
            u = self.k * x
            return u * u

        def __call__(self, x):
            return x * self.k

    assert dv.graph(Model().loss)(x=3.0) == 36.0
    assert dv.graph(Model())(x=3.0) == 6.0


def test_a_decorated_graph_is_a_graph_and_tracing_runs_the_function_once():
    runs = []

    @dv.graph
    def f(x):
        runs.append(1)
        return x * 2

    f(x=1.0)
    f.at(x=2.0)
    assert runs == [1]
    assert type(f) is dv.Graph


def test_sum_and_loops_over_plain_sequences():
    assert dv.graph(lambda a, b: sum([a, b, 3]))(1.0, 2.0) == 6.0
    assert dv.graph(lambda x: sum(c * x**k for k, c in enumerate([1, 2, 3])))(2.0) == 17.0


def test_a_constant_function_and_an_identity():
    assert dv.graph(lambda x: 3).at(x=1.0).dx == 0.0
    p = dv.graph(lambda x: x).at(x=5.0)
    assert (p.value, p.dx) == (5.0, 1.0)


def test_errors_of_the_function_itself_come_through():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dv.graph(f)


# refusals: the body of f(x), the line that is named, what is said and a way out

REFUSED = [
    ("if x > 0:\n        return x\n    return -x", 2, "if", "dv.where"),
    ("y = x\n    while y > 0:\n        y = y - 1\n    return y", 3, "while", "dv.where"),
    ("y = x * 2\n\n    return y if y else x", 4, "if", "dv.where"),
    ("return x and 1", 2, "and", "dv.where"),
    ("return not x", 2, "yes or no", "dv.where"),
    ("return 0 < x < 1", 2, "yes or no", "dv.where"),
    ("return max(x, 0)", 2, "yes or no", "dv.maximum"),
    ("return float(x)", 2, "float()", "dv.exp"),
    ("return math.gamma(x)", 2, "float()", "operations of dvar"),
    ("import math as inside\n    return inside.exp(x)", 3, "float()", "outside the function"),
    ("return int(x)", 2, "int()", "real numbers"),
    ("return [1, 2, 3][x]", 2, "int()", "real numbers"),
    ("return range(x)", 2, "int()", "real numbers"),
    ("return len(x)", 2, "len()", "dv.sum"),
    ("return sum(x)", 2, "iterated", "dv.sum"),
    ("a, b = x\n    return a", 2, "iterated", "separate arguments"),
    ("s = 0\n    for v in x:\n        s = s + v\n    return s", 3, "iterated", "dv.sum"),
    ("return x['a']", 2, r"\['a'\]", "whole number"),
    ("x[0] = 1\n    return x", 2, "in place", "new name"),
    ("return np.cbrt(x)", 2, "numpy.cbrt", "there are: exp"),
    ("return np.add.reduce(x)", 2, "numpy.add.reduce", "there are: exp"),
    ("return np.var(x)", 2, "numpy.var", "there are: exp"),
    ("return np.sum(x, dtype=int)", 2, "numpy.sum", "there are: exp"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "line", "said", "help"), REFUSED)
def test_refusals_name_the_line_and_a_way_out(body, line, said, help):
    space = {"dv": dv, "np": np, "math": math}
    exec(f"def f(x):\n    {body}\n", space)
    with pytest.raises(dv.UsageError, match=said) as error:
        dv.graph(space["f"])
    assert f"(line {line} of f)" in error.value.what
    assert help in error.value.help


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda *x: x[0], r"\*x"),
        (lambda **x: 1, r"\*x"),
        (lambda x: None, "returned NoneType"),
        (lambda x: (x, x), "returned tuple"),
        (lambda x: True, "returned bool"),
        (lambda x: np.array([x, x]), "returned ndarray"),
        (lambda x: x + "a", "str, not a number"),
        (lambda x: x * 1j, "complex, not a number"),
        (lambda x: x * math.nan, "nan"),
        (lambda x: x + np.zeros((2, 2, 2)), "shape"),
        (lambda x: dv.exp(x, x), "exp takes one operand, 2 given"),
    ],
)
def test_refusals(function, said):
    with pytest.raises(dv.UsageError, match=said):
        dv.graph(function)


def test_a_value_kept_from_another_tracing_is_refused():
    kept = []
    dv.graph(lambda x: kept.append(x) or x)
    with pytest.raises(dv.UsageError, match="another tracing"):
        dv.graph(lambda y: y + kept[0])


def test_recursion_of_plain_python_is_unrolled():
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    assert dv.graph(lambda x: power(x, 5)).at(x=2.0).dx == 80.0


def test_importing_dvar_loads_nothing_heavy():
    heavy = {"numba", "scipy", "sklearn", "pyarrow", "matplotlib", "rich", "cyclopts", "mpmath"}
    code = "import sys, dvar; dvar.graph('a*b'); dvar.graph(lambda x: dvar.exp(x)).at(x=1.0); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)
