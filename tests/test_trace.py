"""Plain Python functions as graphs: which names nodes get, what may stand in the function, and the line an error names."""



import bdb
import code
import copy
import functools
import gc
import math
import operator
import pickle
import subprocess
import sys
import threading
import weakref
from math import exp as e_to_the
from math import log

import numpy as np
import pytest
from scipy import special

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


def in_a_comprehension(x):
    terms = [x**k for k in (2, 3)]
    s = terms[0] + terms[1]
    return s


def swapped(p, q):
    a, b = p, q
    p, q = a + b, a * b
    p, q = p - q, p / q
    return q


def added_up(a, b, c):
    total = sum([a, b, c])
    return total * 2


def folded(a, b, c):
    s = functools.reduce(operator.add, [a, b, c])
    r = functools.reduce(lambda p, q: p * q, [a, s, c])
    return r / s


def of_a_generator(x):
    s = 0
    for v in ((g := x * k) + 1 for k in (2, 3)):
        s = s + v
    return s


def many_at_once(a, b):
    p, q, r, s = a + b, a - b, a * b, a / b
    return p, q, r, s


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
        (in_a_comprehension, ["s"]),
        (unused_line, ["waste", "unused_line"]),
        (swapped, ["p_2", "q_2", "p_3", "q_3"]),
        (added_up, ["total", "added_up"]),
        (folded, ["s", "r", "folded"]),
        (of_a_generator, ["g", "v", "g_2", "v_2", "s"]),
        (many_at_once, ["p", "q", "r", "s", "many_at_once"]),
        (lambda a: (a + 1) * 2, ["f"]),
    ],
)
def test_nodes_are_called_what_their_variables_are(function, names):
    graph = dv.graph(function)
    assert named(graph) == names
    assert dv.graph(str(graph)) == graph


# calls of other functions


def layer(x, w=2.0):
    z = w * x
    return dv.sigmoid(z)


def named_inside(x):
    a = x * 2
    return a


def moments(a, b):
    m = (a + b) / 2
    return m, dv.sqrt((a - m) ** 2 + (b - m) ** 2)


def deeper(x):
    u = layer(x)
    return layer(u) * 2


def steps(x, n=2):
    y = x * n
    return y if n == 0 else y + steps(y, n - 1)


def doubled(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        twice = f(*args, **kwargs) * 2
        return twice

    return wrapper


@doubled
def inside_a_decorator(x):
    q = x + 1
    return q


class Dense:
    def __init__(self, w):
        self.w = w

    def __call__(self, x):
        z = self.w * x
        return dv.tanh(z)

    def forward(self, x):
        z = self.w * x
        return dv.tanh(z)


def one_call(x):
    h = layer(x)
    return h + 1


def two_calls(x, w1, w2):
    h = layer(x, w1)
    h = layer(h, w2)
    return h


def in_a_loop(x):
    for k in range(3):
        x = layer(x, k)
    return x


def of_a_name_inside(x):
    h = named_inside(x)
    return h + 1


def returned_at_once(x):
    return named_inside(x)


def tuples(a, b):
    m, s = moments(a, b)
    m, s = moments(m, s)
    return m / s


def two_deep(x):
    h = deeper(x)
    return h


def inside_an_expression(x):
    y = layer(x) + layer(2 * x)
    return y


def of_a_lambda(x):
    act = lambda v: dv.exp(-v)  # noqa: E731
    q = act(x * 2)
    return q


def of_local_functions(x):
    def inner(y):
        t = y * y
        return t + 1

    k = inner(x)
    return inner(k)


def of_objects(x):
    h = Dense(2.0)(x)
    h = Dense(3.0).forward(h)
    return h


def each(x):
    for k in (2, 3):
        z = x * k
        yield dv.tanh(z)


def of_generators(x):
    s = sum(each(x)) + sum(each(2 * x))
    return s


def in_comprehensions(x):
    hs = [layer(x, k) for k in (1, 2)]
    s = hs[0] + hs[1]
    return s


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (one_call, ["layer.z", "h", "one_call"]),
        (two_calls, ["layer.z", "h", "layer_2.z", "h_2"]),
        (in_a_loop, ["layer.z", "x_2", "layer_2.z", "x_3", "layer_3.z", "x_4"]),
        (of_a_name_inside, ["h", "of_a_name_inside"]),
        (returned_at_once, ["returned_at_once"]),
        (tuples, ["m", "s", "m_2", "s_2", "tuples"]),
        (two_deep, ["layer.z", "deeper.u", "layer_2.z", "h"]),
        (inside_an_expression, ["layer.z", "layer_2.z", "y"]),
        (of_a_lambda, ["q"]),
        (of_local_functions, ["inner.t", "k", "inner_2.t", "of_local_functions"]),
        (of_objects, ["Dense.z", "h", "forward.z", "h_2"]),
        (in_comprehensions, ["layer.z", "layer_2.z", "s"]),
        (of_generators, ["each.z", "each.z_2", "each_2.z", "each_2.z_2", "s"]),
        (steps, ["y", "y_2", "y_3", "steps"]),
        (inside_a_decorator, ["q", "twice"]),
        (functools.partial(two_calls, w2=3.0), ["layer.z", "h", "layer_2.z", "h_2"]),
        (Dense(2.0), ["z", "f"]),
        (Dense(2.0).forward, ["z", "forward"]),
    ],
)
def test_names_inside_a_function_that_is_called_are_qualified_by_it(function, names):
    """What it returns is called what its caller calls it. Lambdas and comprehensions qualify nothing."""
    graph = dv.graph(function)
    assert named(graph) == names
    assert dv.graph(str(graph)) == graph


def test_qualified_names_in_a_pass_and_in_programs():
    graph = dv.graph(one_call)
    p = graph.at(x=0.0)
    assert (p.values["layer.z"], p.d["layer.z"], p.dh) == (0.0, 0.25, 1.0)
    for target in ("loop", "numpy"):
        program = graph.program(target)
        assert "layer_z" in str(program)
        assert program(0.0) == (1.5, 0.5)


def test_a_graph_called_by_a_function_that_is_traced_becomes_a_part_of_it():
    square = dv.graph("u = a*b; S = u + 1")

    def f(x):
        h = square(x, 2)
        h = square(a=h, b=x)
        return h * 2

    graph = dv.graph(f)
    assert named(graph) == ["S.u", "h", "S.u_2", "h_2", "f"]
    assert graph(3.0) == 44.0
    assert dv.graph(str(graph)) == graph
    with pytest.raises(dv.UsageError, match="no value was given for b"):
        dv.graph(lambda x: square(x))


# a tuple out


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda a, b: (a + b, a * b), "f = stack(a + b, a*b)"),
        (lambda a, b: [a, b], "f = stack(a, b)"),
        (lambda a, b: (a, 1, b), "f = stack(a, 1, b)"),
        (lambda a, b: ((a, b), (b, 2)), "f = stack(stack(a, b), stack(b, 2))"),
        (lambda a, b: (a,), "inputs: a, b; f = stack(a)"),
        (lambda a, b: moments(a, b), "`moments.m` = (a + b)/2; f = stack(`moments.m`, sqrt((a - `moments.m`)**2 + (b - `moments.m`)**2))"),
        (lambda a, b: 3, "inputs: a, b; f = 3"),
        (lambda a, b: np.array([1.0, 2.0]), "inputs: a, b; f = [1, 2]"),
    ],
)
def test_several_values_are_stacked(function, text):
    assert dv.graph(function) == dv.graph(text)


def test_a_vector_of_outputs_and_its_jacobian():
    graph = dv.graph(many_at_once)
    assert graph(3.0, 2.0).tolist() == [5.0, 1.0, 6.0, 1.5]
    assert graph.jacobian(3.0, 2.0)["a"].tolist() == [1.0, 1.0, 2.0, 0.5]


# size


def long_loop(x):
    for _ in range(10_000):
        x = layer(x)
    return x


def long_sum(x):
    total = sum([x * k for k in range(10_000)])
    return total


@pytest.mark.parametrize(("function", "count", "last"), [(long_loop, 20_000, "x_10001"), (long_sum, 19_999, "total")])
def test_long_functions(function, count, last):
    graph = dv.graph(function)
    assert sum(n.op not in ("input", "const") for n in graph.nodes) == count
    assert graph.output == last


def test_a_function_of_many_lines_is_read_once():
    lines = "".join(f"    v{k} = layer(x)\n    v{k} = v{k} * {k}\n" for k in range(2_000))
    space = {"layer": layer}
    exec(f"def f(x):\n{lines}    return v1999\n", space)
    assert named(dv.graph(space["f"]))[-3:] == ["layer_2000.z", "v1999", "v1999_2"]


# where it works


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


class Steps(bdb.Bdb):
    """A debugger that stops at every line and looks at the local variables there."""

    def user_line(self, frame):
        dict(frame.f_locals)
        self.set_step()


def test_the_same_names_in_bdb():
    space, before = {"dv": dv, "f": two_calls}, sys.gettrace()
    Steps().run("graph = dv.graph(f)", space)
    sys.settrace(before)
    assert space["graph"] == dv.graph(two_calls)


SOURCE = """
def layer(x, w):
    z = w * x
    return dv.sigmoid(z)
def f(x):
    h = layer(x, 2)
    h = layer(h, 3)
    return h
graph = dv.graph(f)
"""


def in_the_prompt(space):
    console = code.InteractiveInterpreter(space)
    for statement in SOURCE.strip().replace("\ndef f", "\n\ndef f").replace("\ngraph", "\n\ngraph").split("\n\n"):
        assert not console.runsource(statement + "\n", symbol="single")


@pytest.mark.parametrize(
    "run",
    [
        lambda space: exec(SOURCE, space),
        lambda space: exec(compile(SOURCE, "<ipython-input-1-0123456789ab>", "exec"), space),
        lambda space: exec(SOURCE, space.update(__name__=None) or space),
        in_the_prompt,
    ],
    ids=["exec", "cell", "without a module", "prompt"],
)
def test_code_without_a_file(run):
    space = {"dv": dv}
    run(space)
    assert named(space["graph"]) == ["layer.z", "h", "layer_2.z", "h_2"]


def test_nothing_of_a_tracing_is_kept():
    class Big:
        pass

    def f(x):
        big = Big()
        kept.append(weakref.ref(big))
        return layer(x)

    kept = []
    dv.graph(f)
    gc.collect()
    assert kept[0]() is None


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
        (lambda a, b: np.amax(a[()]) + np.amin(b, 0), "max(a) + min(b, axis=0)"),
        (lambda a, b: np.linalg.norm(a, axis=1) @ a.sum(1) + b.mean(axis=0), "norm(a, axis=1) @ sum(a, axis=1) + mean(b, axis=0)"),
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


# `math` in functions that are called, and in what is not a plain function


def squashed(z):
    return 1 / (1 + math.exp(-z))


def squashed_twice(z):
    return squashed(squashed(z))


def even(x, n):
    return math.exp(x) if n == 0 else odd(x, n - 1)


def odd(x, n):
    return even(math.sqrt(x), n - 1)


class Curve:
    k = 2.0

    def value(self, x):
        return math.sin(self.k * x)

    def __call__(self, x):
        return math.cos(self.k * x)

    @staticmethod
    def static(x):
        return math.tan(x)

    @classmethod
    def of_class(cls, x):
        return math.log(cls.k * x)


def in_a_closure():
    def helper(x):
        return e_to_the(x)

    def again(x, n):
        return helper(x) if n == 0 else again(x * 2, n - 1)

    return lambda x: again(x, 2)


@doubled
def decorated(x):
    return math.exp(x)


def with_a_base(x):
    return math.log(x, 10) + math.log(x) + math.floor(x) + math.ceil(x)


@pytest.mark.parametrize(
    "function",
    [
        squashed_twice,
        functools.partial(even, n=2),
        functools.lru_cache(squashed_twice),
        functools.cache(Curve()),
        in_a_closure(),
        decorated,
        Curve().value,
        Curve(),
        Curve.static,
        Curve.__dict__["static"],
        Curve.of_class,
        with_a_base,
        math.exp,
        functools.partial(math.pow, 2.0),
    ],
)
def test_math_in_functions_that_are_called_and_in_other_callables(function):
    x = 0.75
    assert dv.graph(function)(x) == pytest.approx(function(x), rel=1e-14)


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


def test_a_default_is_an_ordinary_number():
    def f(x, n=3, *, rates=(0.5, 2.0)):
        return x**n * rates[n - 2]

    assert dv.graph(f) == dv.graph("f = x**3 * 2")


def test_what_is_given_to_a_partial_function_is_constant():
    def f(a, b, /, c, *, d):
        return a * b + c * len(d)

    graph = dv.graph(functools.partial(f, 2.0, d=[1, 2, 3]))
    assert graph.inputs == ("b", "c")
    assert graph == dv.graph("f = 2*b + c*3")


def test_a_closure_sees_what_its_variable_holds_when_it_is_traced():
    def make():
        k = 2.0

        def f(x):
            return math.exp(x) * k

        k = 3.0
        return f

    assert dv.graph(make()) == dv.graph("f = exp(x) * 3")


def test_the_functions_themselves_are_left_as_they_were():
    dv.graph(squashed_twice)
    assert (squashed.__globals__["math"], squashed_twice.__globals__["squashed"]) == (math, squashed)
    assert squashed_twice(0.75) == squashed(squashed(0.75))


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
    assert dv.graph(f) is f


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
    ("if x > 0:\n        return x\n    return -x", 2, "`if`", "dv.where"),
    ("y = x\n    while y > 0:\n        y = y - 1\n    return y", 3, "`while`", "dv.where"),
    ("y = x * 2\n\n    return y if y else x", 4, "`if`", "dv.where"),
    ("return x and 1", 2, "`and`", "dv.where"),
    ("return not x", 2, "yes or no", "dv.where"),
    ("return 0 < x < 1", 2, "yes or no", "dv.where"),
    ("assert x > 0", 2, "yes or no", "dv.where"),
    ("return max(x, 0)", 2, "max.* yes or no", "dv.maximum"),
    ("return min([x, 0])", 2, "min.* yes or no", "dv.minimum"),
    ("return sorted([x, 0])", 2, "sorted.* yes or no", "dv.where"),
    ("return any(v > 0 for v in [x])", 2, "any.* yes or no", "dv.where"),
    ("return x in [0, 1]", 2, "`in`", "dv.where"),
    ("return 0 in x", 2, "`in`", "dv.where"),
    ("return float(x)", 2, r"float\(\)", "dv.exp"),
    ("return complex(x)", 2, r"float\(\)", "dv.exp"),
    ("return math.gamma(x)", 2, r"math\.gamma is not in the table", "dv.lgamma"),
    ("return math.fsum([x, 1])", 2, r"math\.fsum is not in the table", "dv.sum"),
    ("return math.comb(x, 2)", 2, r"math\.comb is not in the table", "there are"),
    ("import math as inside\n    return inside.exp(x)", 3, r"float\(\)", "outside the function"),
    ("return int(x)", 2, r"int\(\)", "real numbers"),
    ("return [1, 2, 3][x]", 2, r"int\(\)", "real numbers"),
    ("return range(x)", 2, r"int\(\)", "real numbers"),
    ("return x['a']", 2, r"\['a'\]", "whole number"),
    ("return x[0.5]", 2, r"\[0.5\]", "whole number"),
    ("return x[None]", 2, r"\[None\]", "whole number"),
    ("return x[[0, 2]]", 2, r"\[\[0, 2\]\]", "dv.stack([x[0], x[2]])"),
    ("return x[x > 0]", 2, r"x\[x > 0\] picks by a condition", "dv.where"),
    ("x[0] = 1\n    return x", 2, "in place", "new name"),
    ("del x[0]", 2, "in place", "new name"),
    ("v = np.zeros(2)\n    v[0] = x\n    return v", 3, "put into an array", "dv.stack(values)"),
    ("v = np.zeros(2)\n    v[0] += x\n    return v", 3, "put into an array", "dv.stack(values)"),
    ("v = np.zeros(2)\n    v += x\n    return v", 3, "numpy.add .* into an array", "dv.stack(values)"),
    ("return np.exp(x, out=np.zeros(2))", 2, "numpy.exp .* into an array", "dv.stack(values)"),
    ("return np.array([x, x])", 2, "make an array of traced values", "dv.stack([a, b])"),
    ("return np.asarray(x)", 2, "make an array of traced values", "used as it is"),
    ("return x + [x, 1]", 2, "make an array of traced values", "dv.stack([a, b])"),
    ("return x % 2", 2, "x % 2 is not in the table", "write x - 2*dv.floor(x/2)"),
    ("return 2 % (x + 1)", 2, r"2 % \(x \+ 1\) is not", "write 2 - (x + 1)*dv.floor(2/(x + 1))"),
    ("return x // 2", 2, "x // 2 is not", "write dv.floor(x/2)"),
    ("return divmod(x, 2)", 2, r"divmod\(x, 2\) is not", "dv.floor(x/2)"),
    ("return np.mod(x, 2)", 2, "numpy.remainder is not", "dv.floor(a/b)"),
    ("return pow(x, 2, 5)", 2, r"pow\(x, 2, 5\) is not", "dv.floor(a/b)"),
    ("return (x > 0) & (x < 1)", 2, r"\(x > 0\) & \(x < 1\) is not", "write (x > 0) * (x < 1)"),
    ("return (x > 0) | (x < 1)", 2, r"\(x > 0\) \| \(x < 1\) is not", "dv.maximum((x > 0), (x < 1))"),
    ("return ~(x > 0)", 2, r"~\(x > 0\) is not", "1 - (x > 0)"),
    ("return x ^ 2", 2, r"x \^ 2 is not", "a power is written x**2"),
    ("return round(x, 2)", 2, r"round\(x, 2\) is not", "dv.round(x * 100) / 100"),
    ("return np.round(x, 2)", 2, "numpy.round, called this way, is not", "dv.round(100*a)/100"),
    ("return math.trunc(x)", 2, "math.trunc is not", "dv.floor"),
    ("y = x + 1\n    return y + 'a'", 3, "`y \\+ 'a'`: a constant is str", "real numbers"),
    ("return 2 * x + None", 2, r"`2 \* x \+ None`: a constant is NoneType", "real numbers"),
    ("return x * 1j", 2, r"`x \* 1j`: a constant is complex", "real numbers"),
    ("return x * math.nan", 2, r"`x \* nan`: a constant is nan", "input"),
    ("return x * 10**400", 2, "too large for float64", "1.8e308"),
    ("return x + np.zeros((2, 2, 2))", 2, r"`x \+ …`: a constant has shape \(2, 2, 2\)", ""),
    ("return {x: 1}", 2, "key of a dictionary", "list"),
    ("return len({x, x})", 2, "key of a dictionary", "list"),
    ("return f'{x:.2f}'", 2, "written as '.2f'", "J.at(…)"),
    ("return x.astype(float)", 2, r"no \.astype", "float64"),
    ("return x.exp()", 2, r"no \.exp", "dv.exp(x)"),
    ("return x(1 - x)", 2, "x was called as a function", "x*(…)"),
    ("return (1 - x)(x)", 2, "1 - x was called as a function", "(1 - x)*(…)"),
    ("return x.foo", 2, r"no \.foo", "reshape, ravel"),
    ("return np.cbrt(x)", 2, "numpy.cbrt is not", "a**(1/3)"),
    ("return np.sign(x) + np.exp2(x)", 2, "numpy.exp2 is not", "2**a"),
    ("return np.add.reduce(x)", 2, "numpy.add.reduce is not", "there are: exp"),
    ("return np.exp(x, where=True)", 2, "numpy.exp with where= is not", "write dv.exp"),
    ("return special.erf(x)", 2, "^erf is not", "write dv.erf"),
    ("return special.expit(x)", 2, "^expit is not", "write dv.sigmoid(a)"),
    ("return np.var(x)", 2, "numpy.var is not", "dv.mean"),
    ("return np.linalg.inv(x)", 2, "numpy.linalg.inv is not", "there are: exp"),
    ("return np.hstack([x, x])", 2, "numpy.hstack is not", "dv.concatenate"),
    ("return np.sum(x, dtype=int)", 2, "numpy.sum, called this way, is not", "there are: exp"),
    ("return np.linalg.norm(x, 1)", 2, "numpy.linalg.norm of the order 1 is not", "dv.sum"),
    ("return np.linalg.norm(x, np.inf)", 2, "numpy.linalg.norm of the order inf is not", "dv.norm"),
    ("return x.sum(axis=0, keepdims=True)", 2, "x.sum, called this way, is not", "there are: exp"),
    ("return x.max(0, None)", 2, "x.max, called this way, is not", "there are: exp"),
    ("return x.reshape((3, 2), order='F')", 2, "x.reshape, called this way, is not", "there are: exp"),
    ("return (2*x).ravel('F')", 2, r"\(2 \* x\).ravel, called this way, is not", "there are: exp"),
    ("return x[np.array([0, 2])]", 2, r"\[array\(\[0, 2\]\)\]", "dv.stack([x[0], x[2]])"),
    ("return np.where(x > 0)", 2, "numpy.where, called this way, is not", "there are: exp"),
    ("return dv.sum(x, axis=x)", 2, "axis=<traced x> was given", "whole number"),
    ("return dv.sum(x, axis=(0, 1))", 2, r"axis=\(0, 1\) was given", "whole number"),
    ("return dv.exp(x, x)", 2, "exp takes one operand, 2 given", ""),
    ("return dv.max(x, x)", 2, "max takes one operand, 2 given", "dv.maximum(a, b)"),
    ("return dv.sum(x, axes=0)", 2, "'axes' is not an option", "sum takes axis"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "line", "said", "help"), REFUSED)
def test_refusals_name_the_line_and_a_way_out(body, line, said, help):
    space = {"dv": dv, "np": np, "math": math, "special": special}
    exec(f"def f(x):\n    {body}\n", space)
    with pytest.raises(dv.UsageError, match=said) as error:
        dv.graph(space["f"])
    assert f"(line {line} of f)" in error.value.what
    assert help in error.value.help


def test_a_refusal_names_the_line_of_the_function_that_was_called():
    def inner(x):
        return x if x > 0 else -x

    with pytest.raises(dv.UsageError, match=rf"line {inner.__code__.co_firstlineno + 1} of inner"):
        dv.graph(lambda x: inner(x))


async def coroutine(x):
    return x


def generator(x):
    yield x


def endless(x):
    return endless(x) * 2


@pytest.mark.parametrize(
    ("function", "said", "help"),
    [
        (lambda *x: x[0], r"\*x", "name every argument"),
        (lambda **x: 1, r"\*x", "name every argument"),
        (lambda x: None, "returned NoneType", "return p, q"),
        (lambda x: {"a": x}, "returned dict", "return p, q"),
        (lambda x: "x", "returned str", "return one number"),
        (lambda x: True, "returned bool", "return one number"),
        (lambda x: (), "returned an empty tuple", "return one number"),
        (lambda x: (x, None), "returned NoneType", "return one number"),
        (lambda x: (x, (x, 1)), "rows of different lengths", "return one number"),
        (coroutine, "returned coroutine", "return one number"),
        (generator, "returned generator", "return one number"),
        (endless, "endless calls itself", "as a loop"),
        (min, "arguments of .* are not known", "lambda"),
    ],
)
def test_refusals_of_the_function(function, said, help):
    with pytest.raises(dv.UsageError, match=said) as error:
        dv.graph(function)
    assert help in error.value.help


def test_a_value_kept_from_another_tracing_is_refused():
    kept = []
    dv.graph(lambda x: kept.append(x) or x)
    for use in (lambda y: y + kept[0], lambda y: kept[0] + y, lambda y: y + len(kept[0])):
        with pytest.raises(dv.UsageError, match="kept from"):
            dv.graph(use)
    with pytest.raises(dv.UsageError, match="kept from"):
        kept[0] * 2


def test_what_a_traced_value_can_be_asked():
    def f(x):
        assert repr(x) == f"{x}" == "<traced x>"
        texts = [repr(2 * x + 1)]
        assert texts == ["<traced 2 * x + 1>"]
        assert not hasattr(x, "foo")
        assert getattr(x, "foo", 3) == 3
        assert copy.deepcopy(x) is copy.copy(x) is +x is x
        assert sum([x]) is x
        return x

    dv.graph(f)


# functions that ask for shapes


def by_element(w, b, x, y):
    z = b
    for wi, xi in zip(w, x):
        z = z + wi * xi
    return (z - y) ** 2


def by_index(w, b, x, y):
    z = b
    for j in range(len(x)):
        z = z + w[j] * x[j]
    return (z - y) ** 2


DATA = {"w": [1.0, 2.0], "b": 0.5, "x": [3.0, 4.0], "y": 1.0}
AS_VECTORS = dv.graph("inputs: w, b, x, y; z = w @ x + b; L = (z - y)**2")


@pytest.mark.parametrize("function", [by_element, by_index])
def test_a_function_that_asks_for_shapes_is_traced_when_they_are_known(function):
    graph = dv.graph(function)
    assert isinstance(graph, dv.Graph)
    assert graph.inputs == ("w", "b", "x", "y")
    p, q = graph.at(DATA), AS_VECTORS.at(DATA)
    assert graph(**DATA) == p.value == q.value
    assert p.dw.tolist() == q.dw.tolist()
    assert p.db == q.db
    assert p.check().ok
    assert graph.hessian(**DATA).tolist() == AS_VECTORS.hessian(**DATA).tolist()
    three = {**DATA, "w": [1.0, 2.0, 3.0], "x": [3.0, 4.0, 5.0]}
    assert graph.at(three).value == AS_VECTORS.at(three).value


def test_it_is_traced_once_for_each_set_of_shapes():
    traced = []

    @dv.graph
    def f(x):
        traced.append(len(x))
        return x[0] * len(x)

    assert (f([1.0, 2.0]), f([3.0, 4.0]), f([1.0, 2.0, 3.0]), f.at([5.0, 6.0]).value) == (2.0, 6.0, 3.0, 10.0)
    assert traced == [2, 3]


def test_the_graph_for_shapes_is_an_ordinary_one():
    graph = dv.graph(by_element).shaped(w=2, x=(2,))
    assert named(graph) == ["wi", "xi", "z", "wi_2", "xi_2", "z_2", "by_element"]
    assert dv.graph(str(graph)) == graph
    assert graph.d("w")(**DATA).tolist() == AS_VECTORS.at(DATA).dw.tolist()
    assert graph.at(DATA).value == graph.program("loop")(**DATA)[0] == AS_VECTORS(**DATA)
    for asked in (graph, graph.d("w"), graph.without()):
        with pytest.raises(dv.UsageError, match=r"written for w \(2,\), b \(\), x \(2,\), y \(\); w has shape \(3,\)"):
            asked({**DATA, "w": [1.0, 2.0, 3.0]})


def test_over_examples_the_shapes_of_the_data_are_known():
    X, Y = np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0, 2.0])
    at, reference = {"w": [1.0, 2.0], "b": 0.5}, AS_VECTORS.over(x=X, y=Y)
    for cost in (
        dv.graph(by_index).over(x=X, y=Y),
        dv.graph(by_index).over({"x": X.T, "y": Y[None]}, axis=1),
        dv.graph(by_element).shaped(w=2, x=2).over(x=X, y=Y),
    ):
        assert cost.at(at).value == pytest.approx(reference.at(at).value, rel=1e-15)
        assert cost.at(at).dw == pytest.approx(reference.at(at).dw, rel=1e-15)


ASKING = [
    ("return x[0] * len(x)", "len(x)"),
    ("return x[0] * x.shape[0]", "x.shape"),
    ("return x[0] * x.ndim", "x.ndim"),
    ("return x[0] * x.size", "x.size"),
    ("return x[0] * np.shape(x)[0]", "x.shape"),
    ("return x[0] * np.size(x)", "x.size"),
    ("return x[0] * np.ndim(x)", "x.ndim"),
    ("return sum(x)", "the elements of x"),
    ("return sum(v for v in x)", "the elements of x"),
    ("return sum(k * v for k, v in enumerate(x))", "the elements of x"),
    ("return sum(a * b for a, b in zip(x, x))", "the elements of x"),
    ("a, b = x\n    return a * b", "the elements of x"),
    ("a, *rest = x\n    return a * rest[0]", "the elements of x"),
    ("return list(x)[0]", "the elements of x"),
    ("return next(reversed(x))", "len(x)"),
    ("return len(2 * x) * x[0]", "len(2 * x)"),
    ("try:\n        return x[0] * len(x)\n    except Exception:\n        return x[0]", "len(x)"),
]


@pytest.mark.parametrize(("body", "asked"), ASKING)
def test_what_asks_for_a_shape(body, asked):
    space = {"np": np}
    exec(f"def f(x):\n    {body}\n", space)
    graph = dv.graph(space["f"])
    line = 3 if body.startswith("try") else 2
    assert str(graph).startswith(f"f(x) asks for {asked} (line {line} of f), so it becomes a graph when shapes are known")
    plain = space["f"](np.array([2.0, 3.0]))
    assert graph([2.0, 3.0]) == graph.at(x=[2.0, 3.0]).value == graph.shaped(x=2)(x=[2.0, 3.0]) == plain


def test_what_needs_nodes_says_how_to_go_on():
    graph = dv.graph(by_index)
    assert repr(graph) == str(graph)
    assert graph._repr_svg_() is None
    for need in (lambda: graph.nodes, lambda: graph.d("w"), lambda: graph.program("loop"), lambda: graph.simplified(), graph.svg):
        with pytest.raises(dv.UsageError, match=r"asks for len\(x\) \(line \d+ of by_index\)") as error:
            need()
        assert "by_index.at(w=…, b=…, x=…, y=…)" in error.value.help
        assert "by_index.shaped(w=(…), b=(…), x=(…), y=(…))" in error.value.help


@pytest.mark.parametrize(
    ("ask", "said", "help"),
    [
        (lambda g: g.at(w=[1.0]), "no value was given for b, x, y", "b=1.0"),
        (lambda g: g.shaped(q=1), "no input 'q'", ""),
        (lambda g: g.fix(q=1), "no input 'q'", ""),
        (lambda g: g.over(q=[1.0]), "no input 'q'", ""),
        (lambda g: g.shaped(w=2), "the elements of x: x is a number", "vector"),
        (lambda g: g.over(x=np.ones((3, 2)), y=np.ones(3)), "asks for the elements of w .*shape of w is not known", "shaped(w=(…), x=(2,), y=())"),
    ],
)
def test_refusals_while_shapes_are_not_known(ask, said, help):
    with pytest.raises(dv.UsageError, match=said) as error:
        ask(dv.graph(by_element))
    assert help in error.value.help


def test_inputs_made_constants_may_be_all_it_waits_for():
    fixed = dv.graph(by_index).fix(x=[3.0, 4.0])
    assert named(fixed) == ["z", "z_2", "by_index"]
    assert fixed(w=[1.0, 2.0], b=0.5, y=1.0) == AS_VECTORS(**DATA)
    still = dv.graph(by_index).fix(b=0.5)
    assert still.inputs == ("w", "x", "y")
    assert still(w=[1.0, 2.0], x=[3.0, 4.0], y=1.0) == AS_VECTORS(**DATA)


def test_a_waiting_graph_called_by_a_function_that_is_traced():
    inner = dv.graph(by_index)

    def f(w, x):
        h = inner(w, 0.5, x, 1.0)
        return h * 2

    outer = dv.graph(f)
    assert named(outer.shaped(w=2, x=2)) == ["by_index.z", "by_index.z_2", "h", "f"]
    assert outer([1.0, 2.0], [3.0, 4.0]) == 2 * AS_VECTORS(**DATA)


MISMATCHED = [
    ("n = len(x)\n    u = x * 2\n    return dv.sum(u + w) / n", 4, r"`u \+ w`: u \(3,\) and w \(3, 1\)", ".ravel()"),
    ("n = len(x)\n    u = 2 * x + w\n    return u", 3, r"`u = 2 \* x \+ w`: 2 \* x \(3,\) and w \(3, 1\)", ".ravel()"),
    ("return x @ dv.exp(x[1:]) + len(w)", 2, r"`x @ exp\(x\[1:\]\)`: x \(3,\) and exp\(x\[1:\]\) \(2,\)", "inner sizes 3 and 2"),
    ("return w[len(x), 0]", 2, r"`w\[3, 0\]`: w \(3, 1\)", "numbered from 0"),
    ("return x.reshape(2, len(w))", 2, r"`reshape\(x, shape=\(2, 3\)\)`: x \(3,\)", "3 elements"),
]


@pytest.mark.parametrize(("body", "line", "said", "help"), MISMATCHED)
def test_shapes_that_do_not_match_are_told_with_the_line(body, line, said, help):
    space = {"dv": dv}
    exec(f"def f(x, w):\n    {body}\n", space)
    with pytest.raises(dv.UsageError, match=f"shapes do not match in {said}") as error:
        dv.graph(space["f"]).at(x=[1.0, 2.0, 3.0], w=[[1.0], [2.0], [3.0]])
    assert f"(line {line} of f)" in error.value.what
    assert help in error.value.help


def test_recursion_of_plain_python_is_unrolled():
    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    assert dv.graph(lambda x: power(x, 5)).at(x=2.0).dx == 80.0


def test_importing_dvar_loads_nothing_heavy():
    heavy = {"numba", "scipy", "sklearn", "pyarrow", "matplotlib", "rich", "cyclopts", "mpmath"}
    code = "import sys, dvar; dvar.graph('a*b'); dvar.graph(lambda x: dvar.exp(x)).at(x=1.0); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


@dv.graph
def decorated(x):
    return sum(v**2 for v in x)


def plain(x):
    return sum(v**2 for v in x)


@pytest.mark.parametrize("waiting", [decorated, dv.graph(plain)])
def test_a_graph_that_waits_is_pickled_by_name(waiting):
    again = pickle.loads(pickle.dumps(waiting))
    assert again.at(x=[1.0, 2.0]).dx.tolist() == [2.0, 4.0]


def test_a_vector_is_unpacked_into_as_many_names():
    def f(x):
        a, b, c = x
        return a * b * c

    with pytest.raises(dv.UsageError, match=r"f: not enough values to unpack \(expected 3, got 2\)") as error:
        dv.graph(f).at(x=[1, 2])
    assert "names on the left" in error.value.help
