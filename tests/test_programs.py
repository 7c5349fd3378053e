"""One example's graph over m examples: loop, numpy and the mean of single passes agree; the same bits for any number of
threads; data of any type and layout; Hessians; and what is refused."""

import mmap
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import dvar as dv
from dvar.vectorize.run import GROUPS, ROWS, partition

LOGISTIC = "z = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))"
NETWORK = "h = tanh(W @ x + c); z = v @ h + b; L = softplus(z) - y*z"
rng = np.random.default_rng(7)


def mean_of_passes(graph, data, parameters, weight=None):
    """The reference: one pass per example, averaged."""
    m = len(next(iter(data.values())))
    weight = np.ones(m) if weight is None else weight
    passes = [graph.at({**parameters, **{k: np.asarray(v, dtype=float)[i] for k, v in data.items()}}) for i in range(m)]
    value = sum(s * p.value for s, p in zip(weight, passes)) / weight.sum()
    return value, {n: sum(s * np.asarray(p.d[n]) for s, p in zip(weight, passes)) / weight.sum() for n in parameters}


def drawn(shape):
    return rng.normal(size=shape) if shape else float(rng.normal())


# a loss, the shapes of its data (of one example), of its parameters
CASES = [
    (LOGISTIC, {"x": (3,), "y": ()}, {"b": (), "w": (3,)}),
    ("L = (w*x + b - y)**2", {"x": (), "y": ()}, {"b": (), "w": ()}),
    ("L = (x @ w - y)**2", {"x": (3,), "y": ()}, {"w": (3,)}),
    ("L = (transpose(x) @ w - y)**2", {"x": (3,), "y": ()}, {"w": (3,)}),
    ("L = (transpose(w) @ x - y)**2", {"x": (3,), "y": ()}, {"w": (3,)}),
    ("L = sum((w*x - b)**2)", {"x": (3,)}, {"b": (), "w": (3,)}),
    ("L = sum(x)*w + sum(w*x)", {"x": (3,)}, {"w": ()}),
    ("L = sum(sin(u*x))*u + sum(x)", {"x": (4,)}, {"u": ()}),
    ("L = x @ x*w", {"x": (3,)}, {"w": ()}),
    ("L = (x @ v)**2*w", {"x": (3,), "v": (3,)}, {"w": ()}),
    ("L = softplus(w @ x) + w @ w/2 + b**2", {"x": (3,)}, {"b": (), "w": (3,)}),
    ("L = w @ w + b", {"x": ()}, {"b": (), "w": (3,)}),
    ("L = 3", {"x": ()}, {}),
    ("L = b*2 + 0*x", {"x": ()}, {"b": (), "unused": ()}),
    (NETWORK, {"x": (3,), "y": ()}, {"W": (4, 3), "b": (), "c": (4,), "v": (4,)}),
    ("h = relu(W @ x + c); g = tanh(V @ h); L = sum((g - t)**2)", {"x": (3,), "t": (2,)}, {"V": (2, 4), "W": (4, 3), "c": (4,)}),
    ("h = x @ W; L = sum(h*h) + sum(W)", {"x": (3,)}, {"W": (3, 2)}),
    ("L = sum(outer(x, u)*W)", {"x": (3,), "u": (2,)}, {"W": (3, 2)}),
    ("L = sum(outer(x, p)*W)", {"x": (3,)}, {"W": (3, 2), "p": (2,)}),
    ("L = sum(transpose(outer(x, p)) @ x)", {"x": (3,)}, {"p": (2,)}),
    ("L = x @ (A @ x)", {"x": (3,)}, {"A": (3, 3)}),
    ("L = sum(outer(x, x) @ p)", {"x": (3,)}, {"p": (3,)}),
    ("L = sum(p @ outer(x, q))", {"x": (3,)}, {"p": (3,), "q": (2,)}),
    ("L = sum(outer(x, p) @ outer(q, x))", {"x": (3,)}, {"p": (2,), "q": (2,)}),
    ("L = sum((A @ B) @ x)", {"x": (3,)}, {"A": (2, 4), "B": (4, 3)}),
    ("L = where(x > b, x - b, 0)**2*k", {"x": ()}, {"b": (), "k": ()}),
    ("L = maximum(w*x, b) + minimum(w, x) + abs(w - x) + relu(x*b)", {"x": ()}, {"b": (), "w": ()}),
    ("L = sum(maximum(w, x)) + sum(where(x > w, x*w, [1, 2, 3]))", {"x": (3,)}, {"w": (3,)}),
    ("L = exp(-(x - c)**2/(2*s**2))/s", {"x": ()}, {"c": (), "s": ()}),
    ("L = (x**2)**p + 2**(x*q)", {"x": ()}, {"p": (), "q": ()}),
    ("k = [1, 2, 3]; L = (k @ x)*w + (k*w) @ x", {"x": (3,)}, {"w": ()}),
    ("L = stack(sin(0.25), -1.5, 2) @ w + x", {"x": ()}, {"w": (3,)}),
    ("L = [1, 2, 3] @ w + x", {"x": ()}, {"w": (3,)}),
    ("L = sum([[1, 2], [3, 4]]*W)*x + [2] @ v", {"x": ()}, {"W": (2, 2), "v": (1,)}),
    ("L = sum(spread(w*y, x)*x)", {"x": (3,), "y": ()}, {"w": ()}),
    ("L = sum(spread(y, w)*w)", {"y": ()}, {"w": (3,)}),
    ("L = sum(spread(y, x))*w", {"x": (3,), "y": ()}, {"w": ()}),
    ("L = sum(-w)*y - sum(x - w)", {"x": (3,), "y": ()}, {"w": (3,)}),
    ("L = sum(y*w + x)", {"x": (3,), "y": ()}, {"w": (3,)}),
    ("L = -(y*w)", {"y": ()}, {"w": ()}),
    # variables called as programs call things of their own
    ("np = w @ x + i; sum = exp(-np); range = np*m; L = (range - y)**2 + sum", {"x": (3,), "y": ()}, {"i": (), "m": (), "w": (3,)}),
    ("`lambda` = i*x; t1 = `lambda`*x; J = t1*m + t1**2", {"x": ()}, {"i": (), "m": ()}),
    ("L = sum(j*x) + sum(k*x)*n*l", {"x": (3,)}, {"j": (3,), "k": (3,), "l": (), "n": ()}),
    ("dw = w*x; L = dw**2 + db*dJ", {"x": (), "db": ()}, {"dJ": (), "w": ()}),
    ("exp = x*w; L = exp(exp) + sigmoid(sigmoid)*x", {"x": ()}, {"sigmoid": (), "w": ()}),
    ("J = total*x; len = J*2; L = len*`a b`", {"x": ()}, {"a b": (), "total": ()}),
    ("L_and_derivatives = x*w; L = L_and_derivatives**2", {"x": ()}, {"w": ()}),
    ("dx_ = x*w; L = dx_*numpy*builtins*float*print", {"x": ()},
     {"builtins": (), "float": (), "numpy": (), "print": (), "w": ()}),
]  # fmt: skip


@pytest.mark.parametrize("m", [1, 5])
@pytest.mark.parametrize(("text", "data", "parameters"), CASES, ids=[c[0][:40] for c in CASES])
def test_loop_numpy_and_single_passes_agree(text, data, parameters, m):
    header = "inputs: " + ", ".join(f"`{n}`" for n in [*parameters, *data])
    graph = dv.graph(f"{header}\n{text}")
    given = {k: drawn((m, *shape)) for k, shape in data.items()}
    at = {k: abs(drawn(s)) + 0.1 if k in "swpq" and not s else drawn(s) for k, s in parameters.items()}
    value, d = mean_of_passes(graph, given, at)
    cost = graph.over(given).sized(at)
    q = cost.at(at)
    loop, numpy = cost.program("loop")(at), cost.program("numpy")(at)
    assert q.value == pytest.approx(value, rel=1e-12)
    for answer in (loop, numpy):
        assert answer[0] == pytest.approx(value, rel=1e-12)
        assert len(answer) == 1 + len(parameters)
    for k, name in enumerate(cost.inputs, 1):
        for found in (q.d[name], loop[k], numpy[k]):
            assert np.shape(found) == parameters[name]
            np.testing.assert_allclose(found, d[name], rtol=1e-11, atol=1e-13)
    weight = rng.random(m) + 0.1
    value, d = mean_of_passes(graph, given, at, weight)
    heavy = graph.over(given, weight=weight).sized(at)
    q = heavy.at(at)
    for answer in (heavy.program("loop")(at), heavy.program("numpy")(at), (q.value, *(q.d[n] for n in heavy.inputs))):
        assert answer[0] == pytest.approx(value, rel=1e-12)
        for name, found in zip(heavy.inputs, answer[1:]):
            np.testing.assert_allclose(found, d[name], rtol=1e-11, atol=1e-13)


# of x = 3 and v = (0.5, 2, 1.5): NumPy's own True + True is True, its exp(True) float16
TRUE_IS_1 = [
    ("L = (x > 1) + (x > 2)", 2),
    ("L = (x > 1) - (x > 5)", 1),
    ("L = -(x > 1)", -1),
    ("L = (x > 1)/(x > 2)", 1),
    ("L = (x > 1)*(x < 5) + (x > 2)", 2),
    ("L = sign(x > 1)", 1),
    ("L = exp(x > 1)", np.e),
    ("L = sigmoid(x > 1)", 1 / (1 + np.exp(-1))),
    ("L = hypot(x > 1, x > 2)", np.sqrt(2)),
    ("L = ((x > 1) - (x < 1))*x", 3),
    ("c = x > 1; L = c + c", 2),
    ("L = where(x > 1, x > 2, x > 5) + (x > 2)", 2),
    ("L = where((x > 1) + (x > 2) > 1, x, 0)", 3),
    ("L = where(x > 1, 2, 3)**(-1)", 0.5),
    ("L = where(x > 1, 2, 3)**100", 2.0**100),
    ("L = (x > 1) - (x > 5) + log(x - x)", -np.inf),
    ("L = (v > 1) @ (v > 0)", 2),
    ("L = sum((v > 0) + (v > 1))", 5),
    ("L = sum(-(v > 0))", -3),
    ("L = sum(outer(v > 0, v > 1) + outer(v > 0, v > 1))", 12),
    ("L = sum(stack(v[0] > 0, v[1] > 0) + (v > 0)[1:])", 4),
    ("L = logsumexp(v > 1)", np.log(1 + 2 * np.e)),
    ("L = xlog1py(x, x > 1)", 3 * np.log(2)),
]
# of x = 3: what Python makes of numbers alone is an error, a complex number or an integer that overflows
CONSTANTS = [("L = x/(1/0)", 0), ("L = x + 1/(1 - 1)", np.inf), ("L = 0**(-1)*x", np.inf), ("L = 10**400 - x", np.inf),
             ("L = where((-1)**0.5 < 1, x, 5)", 5), ("L = where((-8)**(1/3) == -2, x, 5)", 5), ("L = sum([1, 2]**(-1))*x", 4.5),
             ("L = sum([1, 2]/0)*x", np.inf), ("L = sum([1, 2]**100)*x", 3 + 3 * 2.0**100),
             ("L = logsumexp([1, 2])*x", 3 * (2 + np.log1p(np.exp(-1))))]


@pytest.mark.parametrize(("text", "value"), [*TRUE_IS_1, *CONSTANTS])
def test_comparisons_and_constants_are_floats_in_every_program(text, value):
    loss = dv.graph(text)
    at = {k: v for k, v in {"x": 3.0, "v": np.array([0.5, 2.0, 1.5])}.items() if k in loss.inputs}
    alone = loss.shaped(**{k: np.shape(v) for k, v in at.items()})
    told = [loss(at), loss.at(at).value, *(alone.program(t)(*at.values())[0] for t in ("loop", "numpy", "fused"))]
    rows = {k: np.array([v] * 5) for k, v in at.items()}
    told += [loss.over(rows, program=t).at().value for t in ("numpy", "fused")] + [loss.over(rows).program("loop")()[0]]
    assert told == pytest.approx([value] * 8, rel=1e-15)
    assert all(type(v) is float for v in told)


@pytest.mark.parametrize("target", ["loop", "numpy"])
def test_a_derivative_that_is_a_constant_vector(target):
    _, dW, dv_ = dv.graph("L = [2, 3] @ v + sum([[1, 2], [3, 4]]*W)").shaped(v=2, W=(2, 2)).program(target)(
        v=[1.0, 1.0], W=np.ones((2, 2)))
    assert (np.asarray(dv_).tolist(), np.asarray(dW).tolist()) == ([2.0, 3.0], [[1.0, 2.0], [3.0, 4.0]])


FORMS = ["sin({})", "tanh({})", "sigmoid({})", "softplus({})", "{} + {}", "{} - {}", "tanh({})*{}", "{}/(2 + cos({}))", "-{}",
         "log(1 + exp({}))", "1 - sigmoid({})", "where({} > 0, {}, sin({}))", "maximum({}, {})"]  # fmt: skip


@st.composite
def losses(draw):
    """Random losses of numbers and vectors, by example and not."""
    numbers, vectors, lines = ["b", "y", "w @ x"], ["x", "w"], []
    for k in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            form = draw(st.sampled_from(FORMS))
            lines.append(f"u{k} = " + form.format(*(draw(st.sampled_from(numbers)) for _ in range(form.count("{}")))))
            numbers.append(f"u{k}")
        else:
            left, right = draw(st.sampled_from(vectors + numbers)), draw(st.sampled_from(vectors))
            lines.append(f"v{k} = {draw(st.sampled_from(['sin({1})', '{0}*{1}', '{1} + {0}', 'tanh({1}) - {0}']))}".format(left, right))
            vectors.append(f"v{k}")
            numbers += [f"sum(v{k})", f"v{k} @ {draw(st.sampled_from(vectors))}"]
    return "inputs: w, b, x, y\n" + "\n".join(lines) + f"\nL = {numbers[-1]}*0.5 + {vectors[-1]} @ x + {numbers[-2]}"


@settings(max_examples=60)
@given(losses(), st.integers(1, 6), st.integers(1, 4))
def test_random_losses_over_random_data(text, m, n):
    graph = dv.graph(text)
    data = {"x": rng.normal(size=(m, n)), "y": rng.normal(size=m)}
    at = {"w": rng.normal(size=n), "b": 0.3}
    value, d = mean_of_passes(graph, data, at)
    cost = graph.over(data).sized(at)
    q = cost.at(at)
    for answer in (cost.program("loop")(at), cost.program("numpy")(at), (q.value, *(q.d[n] for n in cost.inputs))):
        assert answer[0] == pytest.approx(value, rel=1e-10, abs=1e-12)
        for name, found in zip(cost.inputs, answer[1:]):
            np.testing.assert_allclose(found, d[name], rtol=1e-9, atol=1e-11)


# Hessians


@pytest.mark.parametrize(
    ("text", "data", "parameters"),
    [
        CASES[0],
        CASES[1],
        ("L = exp(w @ x + b) - y*(w @ x + b)", {"x": (3,), "y": ()}, {"b": (), "w": (3,)}),
        ("L = (w @ x)*(u @ t) + sin(u @ t)*b", {"x": (3,), "t": (2,)}, {"b": (), "u": (2,), "w": (3,)}),
        ("L = softplus(w @ x)*s + s**2*(w @ t)", {"x": (3,), "t": (3,)}, {"s": (), "w": (3,)}),
        ("L = sin(b*k)*y + b**2", {"y": ()}, {"b": (), "k": ()}),
        ("L = w @ x", {"x": (3,)}, {"w": (3,)}),
        ("L = log(1 + exp(w*x + b)) + q*x", {"x": ()}, {"b": (), "q": (), "w": ()}),
        (NETWORK, {"x": (3,), "y": ()}, {"W": (2, 3), "b": (), "c": (2,), "v": (2,)}),
    ],
)  # fmt: skip
def test_the_hessian_is_the_slope_of_the_gradient(text, data, parameters):
    graph = dv.graph(f"inputs: {', '.join([*parameters, *data])}\n{text}")
    given = {k: drawn(s) for k, s in parameters.items()}
    cost = graph.over({k: drawn((9, *s)) for k, s in data.items()}).sized(given)
    theta = cost.flat(given)
    hessian = cost.hessian(cost.named(theta))
    assert hessian.shape == (len(theta), len(theta))
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-13, atol=1e-15)
    h = 1e-5
    for k in range(len(theta)):
        e = h * np.eye(len(theta))[k]
        numeric = (cost.value_gradient(theta + e)[1] - cost.value_gradient(theta - e)[1]) / (2 * h)
        np.testing.assert_allclose(hessian[k], numeric, rtol=1e-7, atol=1e-8)


# a power of what is 0 in some rows: these rows add nothing to any derivative by its exponent
ZEROS = [("a*x**b", 0), ("a*abs(x)**b", 0), ("a*(x/3)**b", 0), ("a*x**exp(b)", 0), ("a*(1 + x)**b", -1), ("a*(1 - x)**b", 1)]


@pytest.mark.parametrize(("text", "zero"), ZEROS)
@pytest.mark.parametrize("b", [1.0, 1.7])
def test_derivatives_by_an_exponent_where_its_power_is_0(text, zero, b):
    loss, at, x = dv.graph(f"L = ({text} - y)**2"), {"a": 0.7, "b": b}, np.array([zero, zero, 0.5, 0.25, 0.75])
    y = np.array([dv.graph(text)(a=0.9, b=1.3, x=v) for v in x])
    costs = [loss.over(x=x[k:], y=y[k:]) for k in (0, 2)]
    all_of_them, others = ([J.at(at).db, *np.ravel(J.hessian(at)), J.hvp(at, direction={"b": 1})["b"]] for J in costs)
    assert all_of_them == pytest.approx([v * 3 / 5 for v in others], rel=1e-12)
    assert costs[0].minimize(start=at).params == pytest.approx({"a": 0.9, "b": 1.3}, rel=1e-6)


def test_the_hessian_is_refused_where_a_matrix_meets_what_is_no_data():
    cost = dv.graph("h = tanh(W @ x); L = (v @ tanh(U @ h) - y)**2").over(x=np.ones((4, 3)), y=np.ones(4))
    with pytest.raises(dv.DvarError, match="the matrix U"):
        cost.hessian(W=np.ones((2, 3)), U=np.ones((2, 2)), v=np.ones(2))


@pytest.mark.parametrize("weight", [None, "drawn"])
def test_the_hessian_of_several_results_is_the_slope_of_the_gradient(weight):
    y = rng.integers(0, 3, size=900)
    cost = dv.graph("z = W @ x + c; L = logsumexp(z) - z[y]").over(
        x=drawn((900, 4)), y=y, weight=None if weight is None else rng.random(900), threads=2)
    cost = cost.sized({"W": np.zeros((3, 4)), "c": np.zeros(3)})
    theta, h = drawn((15,)), 1e-5
    for rows in (None, [slice(3, 400), slice(500, 777)]):
        *first, hessian = cost.value_gradient_hessian(theta, rows)
        np.testing.assert_array_equal(np.r_[tuple(first)], np.r_[cost.value_gradient(theta, rows)])
        slopes = [(cost.value_gradient(theta + e, rows)[1] - cost.value_gradient(theta - e, rows)[1]) / (2 * h)
                  for e in h * np.eye(15)]
        np.testing.assert_allclose(hessian, slopes, rtol=1e-7, atol=1e-9)


# threads and blocks


@pytest.mark.parametrize("m", [1, 255, 256, 257, 70_001])
def test_the_same_bits_for_any_number_of_threads(m):
    x, y = rng.normal(size=(m, 12)), (rng.random(m) < 0.5).astype(float)
    w = rng.normal(size=12)
    answers = [dv.graph(LOGISTIC).over(x=x, y=y, threads=t).value_gradient_hessian(np.r_[0.1, w]) for t in (1, 2, 3, 7)]
    for value, gradient, hessian in answers[1:]:
        assert value == answers[0][0]
        np.testing.assert_array_equal(gradient, answers[0][1])
        np.testing.assert_array_equal(hessian, answers[0][2])
    z = x @ w + 0.1
    assert answers[0][0] == pytest.approx(np.mean(np.logaddexp(0, z) - y * z), rel=1e-13)
    residual = (1 / (1 + np.exp(-z)) - y) / m
    np.testing.assert_allclose(answers[0][1], np.r_[residual.sum(), x.T @ residual], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(("m", "width"), [(1, 1), (16_384, 8), (16_385, 8), (10**6, 3), (5, 10**7), (10**7, 0), (300, 10**5)])
def test_the_blocks_cover_every_row_once_and_stay_few(m, width):
    groups = partition(m, width)
    rows = [r for blocks in groups for r in blocks]
    assert rows[0].start == 0
    assert rows[-1].stop == m
    assert all(a.stop == b.start for a, b in zip(rows, rows[1:]))
    assert all(r.stop - r.start <= ROWS[1] for r in rows)
    assert len(groups) <= GROUPS


# data of any type and layout

BASE = rng.integers(-3, 4, size=(600, 5)).astype(float)
TARGET = (rng.random(600) < 0.5).astype(float)


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {
    "F order": np.asfortranarray,
    "a view of every other column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "a view of every other row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "read-only": read_only,
    "int8": lambda a: a.astype(np.int8),
    "int64": lambda a: a.astype(np.int64),
    "uint8 offset": lambda a: (a + 3).astype(np.uint8),
    "float32": lambda a: a.astype(np.float32),
    "float16": lambda a: a.astype(np.float16),
    "big-endian": lambda a: a.astype(">f8"),
    "lists": lambda a: a.tolist(),
    "bool": lambda a: a > 0,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_data_of_any_type_and_layout(layout):
    x = LAYOUTS[layout](BASE)
    same = np.array(x, dtype=float)
    w = np.linspace(-1, 1, 5)
    found = dv.graph(LOGISTIC).over(x=x, y=TARGET > 0)
    plain = dv.graph(LOGISTIC).over(x=same, y=TARGET)
    for one, two in [(found.at(w=w, b=0.5), plain.at(w=w, b=0.5))]:
        assert one.value == pytest.approx(two.value, rel=1e-14)
        np.testing.assert_allclose(one.dw, two.dw, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.hessian(w=w, b=0.5), plain.hessian(w=w, b=0.5), rtol=1e-12, atol=1e-15)
    assert found.program("loop")(w=w, b=0.5)[0] == pytest.approx(two.value, rel=1e-13)


def test_memory_mapped_data_is_read_in_place(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, BASE)
    x = np.load(path, mmap_mode="r")
    cost = dv.graph(LOGISTIC).over(x=x, y=TARGET)
    assert np.shares_memory(cost.data["x"], x)
    assert isinstance(x._mmap, mmap.mmap)
    assert cost.at(w=np.ones(5), b=0.0).value == dv.graph(LOGISTIC).over(x=BASE, y=TARGET).at(w=np.ones(5), b=0.0).value


def test_no_copy_is_made_of_the_data_and_nothing_is_written_to_it():
    before = BASE.copy()
    for data, axis in [(BASE, 0), (BASE.T, 1)]:
        cost = dv.graph(LOGISTIC).over(x=data, y=TARGET, axis=axis)
        assert np.shares_memory(cost.data["x"], BASE)
        cost.minimize()
    np.testing.assert_array_equal(BASE, before)


# refusals

X3, Y1 = np.ones((4, 3)), np.ones(4)
REFUSED = [
    ({"x": X3, "y": np.ones(5)}, "number of examples differs: x has 4, y has 5", "axis=1"),
    ({"x": X3, "y": np.ones((4, 1))}, "shape (1,)", "y.ravel"),
    ({"x": X3, "q": Y1}, "no input 'q'", ""),
    ({}, "no input varies", "over"),
    ({"x": np.ones((0, 3)), "y": np.ones(0)}, r"no examples: x has shape \(0, 3\)", ""),
    ({"x": X3, "y": list("abcd")}, "y is an array of <U1", "numbers"),
    ({"x": np.ones((2, 2, 2)), "y": Y1}, "x is an array of float64 with shape", "(m, n)"),
    ({"x": X3, "y": 5.0}, "shape ()", ""),
    ({"x": X3, "y": Y1, "axis": 2}, "axis is 2", "0 where"),
    ({"x": X3, "y": Y1, "axis": 1}, "number of examples differs", "axis"),
    ({"x": X3, "y": Y1, "weight": np.ones(3)}, "number of examples differs", ""),
    ({"x": X3, "y": Y1, "weight": np.ones((4, 2))}, "the weights have shape (4, 2)", "one number per example"),
    ({"x": X3, "y": Y1, "weight": sparse.csr_array(np.ones((4, 1)))}, "the weights have shape (4, 1)", "one number per example"),
    ({"x": X3, "y": sparse.csr_array(np.ones((4, 1)))}, "shape (1,)", "y.toarray().ravel()"),
    ({"x": X3, "y": pa.table({"y": Y1.astype(np.float32), "z": Y1})}, "shape (2,)", "sum it"),
    ({"x": [[1, 2, 3], [1, 2]], "y": Y1}, "x is no vector or matrix: its rows differ in length", "rows of one length"),
    ({"x": X3, "y": None}, "y is NoneType", "shape (m,)"),
    ({"x": (row for row in X3), "y": Y1}, "x is generator", "shape (m,)"),
    ({"x": X3, "y": Y1, "weight": -Y1}, "weights must be finite, at least 0", ""),
    ({"x": X3, "y": Y1, "weight": 0 * Y1}, "not all 0", ""),
    ({"x": X3, "y": Y1, "weight": Y1 * np.nan}, "weights must be", ""),
    ({"x": X3, "y": Y1, "threads": 0}, "number of threads is 0", ""),
]


@pytest.mark.parametrize(("data", "said", "help"), REFUSED)
def test_data_refused(data, said, help):
    with pytest.raises(dv.DvarError) as error:
        dv.graph(LOGISTIC).over(**data)
    assert said.replace("\\", "") in error.value.what
    assert help in error.value.help


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ({"w": np.ones(3)}, "no value was given for b"),
        ({"w": np.ones(3), "b": 0.0, "q": 1.0}, "no parameter 'q'"),
        ({"w": np.ones(4), "b": 0.0}, r"w \(4,\) and x \(3,\)"),
        ({"w": np.ones((3, 1)), "b": 0.0}, "shape"),
        ({"w": np.ones(3), "b": "a"}, "not a number"),
        ({"w": [1, [2], 3], "b": 0.0}, "'w' is no vector or matrix: its rows differ in length"),
    ],
)
def test_parameters_refused(at, said):
    cost = dv.graph(LOGISTIC).over(x=X3, y=Y1)
    for call in (cost.at, cost.program("numpy"), cost.program("loop"), cost.hessian):
        with pytest.raises(dv.UsageError, match=said):
            call(**at)


@pytest.mark.parametrize(("direction", "said"), [
    (np.ones(4), "the direction is ndarray"), ({"v": 1.0}, "'v', which is no parameter"), ({3: 1.0}, "3, which is no parameter"),
    ({"w": np.ones(2)}, r"'w' has shape \(2,\), the parameter \(3,\)"), ({"w": list("abc")}, "not a number"),
    ({"b": 1j}, "not a number"), ({"w": [1, [2], 3]}, "rows differ in length"),
])
def test_directions_refused(direction, said):
    with pytest.raises(dv.UsageError, match=said):
        dv.graph(LOGISTIC).over(x=X3, y=Y1).hvp(w=np.ones(3), b=0.0, direction=direction)


def test_a_refused_question_leaves_the_cost_as_it_was():
    cost = dv.graph(LOGISTIC).over(x=X3, y=Y1)
    before = cost.at(w=np.ones(3), b=0.0).value
    with pytest.raises(dv.UsageError):
        cost.at(w=np.ones(4), b=0.0)
    assert cost.at(w=np.ones(3), b=0.0).value == before


def test_a_line_that_the_loss_does_without_leaves_shapes_open():
    cost = dv.graph("u = w[0]*x; v = maximum(w, 0); L = (x - b)**2").over(x=Y1)
    with pytest.raises(dv.UsageError, match="the shapes of b, w do not follow"):
        cost.minimize()
    assert cost.at(b=2.0, w=np.ones(3)).db == 2.0


def test_a_program_asked_for_other_shapes_says_so():
    cost = dv.graph("L = sum((a + b)*x)").over(x=X3)
    cost.at(a=np.ones(3), b=1.0)
    assert cost.sizes == {"a": (), "b": ()}  # asking changes no later answer
    program = cost.sized({"a": np.ones(3), "b": 1.0}).program("numpy")
    assert program(a=np.ones(3), b=1.0)[0] == 6.0
    with pytest.raises(dv.UsageError, match="shapes"):
        program(a=1.0, b=np.ones(3))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_number_in_the_data_is_named_by_minimize(bad):
    x = X3.copy()
    x[2, 1] = bad
    with pytest.raises(dv.DvarError, match="x holds nan or inf in 1 of 4 examples"):
        dv.graph(LOGISTIC).over(x=x, y=Y1).minimize()
    with pytest.raises(dv.DvarError, match="y holds nan or inf in 4 of 4 examples"):
        dv.graph(LOGISTIC).over(x=X3, y=Y1 * bad).minimize()


def test_a_hidden_width_is_an_error_that_names_it():
    cost = dv.graph(NETWORK).over(x=X3, y=Y1)
    for ask in (lambda: cost.minimize(seed=0), lambda: cost.minimize(), lambda: cost.program("loop")):
        with pytest.raises(dv.UsageError) as error:
            ask()
        assert "W" in str(error.value)
    with pytest.raises(dv.UsageError, match="start="):
        cost.minimize(seed=0)


def test_a_network_does_not_start_at_zero():
    cost = dv.graph("h = tanh(u*x + c); L = (v*h + b - y)**2").over(x=Y1, y=Y1)
    with pytest.raises(dv.UsageError, match="seed=0"):
        cost.minimize()
    assert cost.minimize(seed=0, steps=5).passes > 1
    assert cost.minimize(start={"u": 1.0, "c": 0.0, "v": 1.0, "b": 0.0}, steps=5).passes > 1


def test_a_network_learns_what_a_line_cannot():
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([0.0, 1, 1, 0])
    start = {"W": np.random.default_rng(3).normal(size=(8, 2)), "c": np.zeros(8), "v": np.random.default_rng(4).normal(size=8), "b": 0.0}
    fit = dv.graph(NETWORK).over(x=x, y=y).minimize("gradient-descent", start=start, steps=2000)
    assert fit.cost < 0.05
    assert fit.params["W"].shape == (8, 2)


def test_memory_does_not_grow_with_the_examples():
    import tracemalloc

    m = 1_000_000
    X, Y = np.ones((m, 8)), np.zeros(m)
    J = dv.graph("z = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))").over(x=X, y=Y, threads=2)
    J.at(w=np.zeros(8), b=0.0)
    tracemalloc.start()
    J.at(w=np.zeros(8), b=0.0)
    J.hessian(w=np.zeros(8), b=0.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 8


@pytest.mark.parametrize(("text", "data", "parameters"), [CASES[0], CASES[5], CASES[14], CASES[20]])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_hessian_times_a_direction_is_the_slope_of_the_gradient(text, data, parameters, weighted):
    graph = dv.graph(f"inputs: {', '.join([*parameters, *data])}\n{text}")
    weight = rng.random(9) if weighted else None
    at, move = ({k: drawn(s) for k, s in parameters.items()} for _ in range(2))
    cost = graph.over({k: drawn((9, *s)) for k, s in data.items()}, weight=weight).sized(at)
    found = cost.hvp(at, direction=move)
    h = 1e-5
    up, down = (cost.at({k: np.add(v, s * h * np.asarray(move[k])) for k, v in at.items()}).d for s in (1, -1))
    for name in parameters:
        np.testing.assert_allclose(found[name], (up[name] - down[name]) / (2 * h), rtol=1e-6, atol=1e-7)
    with pytest.raises(dv.UsageError, match="'q', which is no parameter"):
        cost.hvp(at, direction={"q": 1.0})


def test_the_hessian_times_a_direction_of_a_graph():
    graph = dv.graph("L = softplus(w @ x + b) - y*(w @ x + b)")
    given = {"w": drawn((3,)), "x": drawn((3,)), "b": 0.2, "y": 1.0}
    matrix = graph.hessian(given)
    assert matrix.shape == (8, 8)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-14)
    flat = drawn((8,))
    direction = {"b": flat[0], "w": flat[1:4], "x": flat[4:7], "y": flat[7]}
    found = graph.hvp(given, direction=direction)
    np.testing.assert_allclose(np.concatenate([np.ravel(found[n]) for n in graph.inputs]), matrix @ flat, rtol=1e-12, atol=1e-15)
    with pytest.raises(dv.UsageError, match="shape"):
        graph.hvp(given, direction={"w": 1.0})
    with pytest.raises(dv.UsageError, match="no input"):
        graph.hvp(given, direction={"v": 1.0})


def test_the_jacobian_of_a_vector_and_of_a_matrix():
    W, x = drawn((2, 3)), drawn((3,))
    d = dv.graph("h = tanh(W @ x)").jacobian(W=W, x=x)
    slope = 1 - np.tanh(W @ x) ** 2
    np.testing.assert_allclose(d["x"], slope[:, None] * W, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(d["W"], np.einsum("i,ij,k->ijk", slope, np.eye(2), x), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dv.graph("outer(a, b)").jacobian(a=x, b=x)["a"], np.einsum("ik,j->ijk", np.eye(3), x), rtol=1e-15)
    assert dv.graph("a*b").jacobian(2.0, 3.0) == {"a": 3.0, "b": 2.0}
    with pytest.raises(dv.UsageError, match=r"jacobian"):
        dv.graph("h = tanh(W @ x)").at(W=W, x=x)


UNROLLED = {
    "rows": ({"x": np.array([[0.5, -1.0], [2.0, 0.25], [-1.5, 3.0], [0.0, 1.0]]), "y": np.array([0.0, 1.0, 1.0, 0.0])}, None),
    "weights": ({"x": np.array([[0.5, -1.0], [2.0, 0.25], [-1.5, 3.0]]), "y": np.array([0.0, 1.0, 1.0])}, [1.0, 2.5, 0.0]),
    "sparse": ({"x": sparse.csr_array([[0.5, 0.0], [0.0, 0.25]]), "y": np.array([1, 0])}, None),
    "one": ({"x": np.array([[1, 2]], np.int8), "y": np.array([True])}, None),
}


@pytest.mark.parametrize("case", UNROLLED)
def test_unrolled_examples_are_the_mean_and_its_derivatives(case):
    data, weight = UNROLLED[case]
    graph = dv.graph("inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))")
    cost = graph.over(data, weight=weight)
    at, few = {"w": [0.5, -0.25], "b": 0.1}, cost.unrolled(cost.m)
    p, q = few.at(at), cost.at(at)
    assert few.inputs == ("w", "b")
    assert p.value == pytest.approx(q.value, rel=1e-14)
    np.testing.assert_allclose(p.d["w"], q.dw, rtol=1e-13)
    assert p.db == pytest.approx(q.db, rel=1e-13)
    assert p.check().ok


def test_an_unrolled_frame_has_a_number_for_each_level():
    table = pa.table({"c": ["u", "v", "u"], "x": [1.0, None, 3.0]})
    cost = dv.graph("inputs: w, x, y\nL = (w @ x - y)**2").over(x=table, y=np.array([1.0, 2.0, 3.0]))
    at = {"w": np.arange(cost.size) / 2}
    np.testing.assert_allclose(cost.unrolled(3).at(at).d["w"], cost.at(at).d["w"], rtol=1e-13)
    two = cost.unrolled(2).at(at)
    assert two.value == pytest.approx((two.values["example1.L"] + two.values["example2.L"]) / 2)


@pytest.mark.parametrize("examples", [0, 4, -1, True, 2.0, "3"])
def test_as_many_examples_as_there_are_can_be_unrolled(examples):
    cost = dv.graph("L = (w*x - y)**2").over(x=[1.0, 2.0, 3.0], y=[1.0, 2.0, 3.0])
    with pytest.raises(dv.UsageError, match=re.escape(f"examples is {examples!r}")):
        cost.unrolled(examples)
