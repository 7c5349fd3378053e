"""Fused programs: the compiled program of a graph answers what the NumPy program does, for every way the data are stored, with the
same bits for any number of threads; its elementary functions beside mpmath."""

import mmap
import os

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dvar as dv
from dvar.expression import gumbel, normal
from dvar.vectorize import kernels
from dvar.vectorize.fused import groups

LOGISTIC = "inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))"
rng = np.random.default_rng(3)


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    os.environ["DVAR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["DVAR_CACHE"]


def drawn(shape, m=None):
    lead = () if m is None else (m,)
    if shape == "class":
        return rng.integers(0, 3, lead)
    return rng.normal(size=lead + shape) if lead + shape else float(rng.normal())


def agree(cost, at, rtol=1e-11):
    numpy, fused = cost.program("numpy")(at), cost.program("fused")
    assert fused.target == "fused", fused.source
    answer = fused(at)
    for found, expected in zip(answer, numpy):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-13 * max(1.0, float(np.max(np.abs(expected), initial=0.0))))
    return answer


LOSSES = [
    (LOGISTIC, {"x": (5,), "y": ()}, {"w": (5,), "b": ()}),
    ("L = (w*x + b - y)**2", {"x": (), "y": ()}, {"w": (), "b": ()}),
    ("L = exp(x @ w) - y*(w @ x)", {"x": (3,), "y": ()}, {"w": (3,)}),
    ("r = w @ x - y; L = where(abs(r) < 1, r**2/2, abs(r) - 0.5)", {"x": (3,), "y": ()}, {"w": (3,)}),
    ("mu = u @ x; s = v @ x; L = s/2 + (y - mu)**2*exp(-s)/2", {"x": (3,), "y": ()}, {"u": (3,), "v": (3,)}),
    ("z = W @ x + c; L = -log(softmax(z)[y])", {"x": (4,), "y": "class"}, {"W": (3, 4), "c": (3,)}),
    ("L = logsumexp(W @ x) - (W @ x)[y] + (c @ c)/2", {"x": (4,), "y": "class"}, {"W": (3, 4), "c": (2,)}),
    ("L = -sum(t*log(softmax(W @ x)))", {"x": (4,), "t": (3,)}, {"W": (3, 4)}),
    ("h = tanh(W @ x + c); z = v @ h + b; L = softplus(z) - y*z", {"x": (4,), "y": ()}, {"W": (3, 4), "c": (3,), "v": (3,), "b": ()}),
    ("L = maximum(w @ x, y) + minimum(w @ x, 0)*2 + relu(b*y) + abs(y - b) + clip(w @ x, -1, 1) + sign(b)*y", {"x": (3,), "y": ()}, {"w": (3,), "b": ()}),
    ("L = log1p((w @ x)**2) + expm1(-(w @ x)**2) + sqrt(1 + y**2)*sin(b) + cos(y)*b + (1 + y**2)**b", {"x": (3,), "y": ()}, {"w": (3,), "b": ()}),
    ("L = (w @ x)*(u @ t) + log(1 + b**2)", {"x": (3,), "t": (2,)}, {"w": (3,), "u": (2,), "b": ()}),
    ("L = mean((W @ x - t)**2) + norm(W @ x - t) + max(W @ x) + min(t)*b", {"x": (3,), "t": (4,)}, {"W": (4, 3), "b": ()}),
    ("L = e[k]*b + sum(onehot(k, e)*e)", {"k": "class"}, {"e": (3,), "b": ()}),
    ("L = b*2 + 0*x", {"x": ()}, {"b": (), "unused": ()}),
    ("L = 3", {"x": ()}, {}),
    ("L = logaddexp(w @ x, y) + xlogy(b**2, 1 + y**2) + erf(y*b) + arctan2(y, 1 + b**2) + hypot(y, b)", {"x": (2,), "y": ()}, {"w": (2,), "b": ()}),
    ("lo = w @ x; at = lo + i; n = at*numbers; range = n + sums; L = range**2*float", {"x": (2,), "i": (), "float": ()}, {"w": (2,), "numbers": (), "sums": ()}),
    ("`lambda` = w @ `a b`; L = `lambda`**2*`for`", {"a b": (2,)}, {"w": (2,), "for": ()}),
]  # fmt: skip


@pytest.mark.parametrize("m", [1, 511, 513, 1300])
@pytest.mark.parametrize(("text", "data", "parameters"), LOSSES, ids=[c[0][:40] for c in LOSSES])
def test_fused_and_numpy_agree(text, data, parameters, m):
    header = "inputs: " + ", ".join(f"`{n}`" for n in [*parameters, *data]) + "\n"
    graph = dv.graph(text if text.startswith("inputs") else header + text)
    at = {k: drawn(s) for k, s in parameters.items()}
    given = {k: drawn(s, m) for k, s in data.items()}
    agree(graph.over(given).sized(at), at)
    agree(graph.over(given, weight=rng.random(m) + 0.1).sized(at), at)


FORMS = ["sin({})", "tanh({})", "sigmoid({})", "softplus({})", "{} + {}", "{} - {}", "tanh({})*{}", "{}/(2 + cos({}))", "-{}",
         "log(1 + exp({}))", "1 - sigmoid({})", "where({} > 0, {}, sin({}))", "maximum({}, {})", "exp(sin({}))", "log(2 + sin({}))"]  # fmt: skip


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from(FORMS), st.randoms(use_true_random=False)), min_size=1, max_size=6))
def test_random_losses(forms):
    known = ["w @ x", "b", "y"]
    lines = []
    for k, (form, random) in enumerate(forms):
        lines.append(f"u{k} = " + form.format(*(random.choice(known) for _ in range(form.count("{}")))))
        known.append(f"u{k}")
    graph = dv.graph("inputs: w, b, x, y\n" + "\n".join(lines) + f"\nL = {known[-1]}*0.5 + (w @ x)*{known[-2]}")
    at = {"w": rng.normal(size=2), "b": 0.3}
    agree(graph.over(x=rng.normal(size=(600, 2)), y=rng.normal(size=600)).sized(at), at, rtol=1e-9)


# how the data are stored

X, Y = rng.normal(size=(1500, 6)), (rng.random(1500) < 0.5).astype(float)
AT = {"w": rng.normal(size=6), "b": 0.3}


def mapped(array):
    memory = mmap.mmap(-1, array.nbytes)
    view = np.frombuffer(memory, array.dtype).reshape(array.shape)
    view[:] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


STORED = {
    "rows": X, "columns": np.asfortranarray(X), "float32": X.astype(np.float32), "float32 columns": np.asfortranarray(X.astype(np.float32)),
    "int8": (X * 10).astype(np.int8), "int64": (X * 10).astype(np.int64), "uint16": (X**2 * 10).astype(np.uint16), "bool": X > 0,
    "read-only": read_only(X), "memory-mapped": mapped(X), "one feature": X[:, :1].copy(), "no feature": X[:, :0].copy(),
}  # fmt: skip


@pytest.mark.parametrize("stored", STORED)
def test_every_storage_of_dense_features(stored):
    x = STORED[stored]
    answer = agree(dv.graph(LOGISTIC).over(x=x, y=Y), {"w": AT["w"][: x.shape[1]], "b": 0.3})
    z = x.astype(float) @ AT["w"][: x.shape[1]] + 0.3
    assert answer[0] == pytest.approx(np.mean(np.logaddexp(0, z) - Y * z), rel=1e-12)


WIDTHS = [*((n, np.float64, "C") for n in (2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 130)), (29, np.int8, "C"), (30, np.float32, "C"), (33, np.float32, "C"),
          *((n, np.float64, "F") for n in (2, 9, 31)), (17, np.float32, "F")]  # fmt: skip


@pytest.mark.parametrize(("n", "dtype", "order"), WIDTHS)
def test_every_width_of_dense_features(n, dtype, order):
    for m in (7, 513, 700):
        x = np.asarray(rng.normal(size=(m, n)) * 4, dtype=dtype, order=order)
        agree(dv.graph(LOGISTIC).over(x=x, y=Y[:m]), {"w": rng.normal(size=n) / n, "b": 0.3})


@pytest.mark.parametrize(
    ("results", "n", "dtype", "order"),
    [(2, 2, float, "C"), (3, 9, np.float32, "F"), (4, 17, float, "C"), (5, 35, np.int8, "C"), (6, 34, float, "F"), (7, 12, float, "C")],
)
def test_several_results_of_the_same_features(results, n, dtype, order):
    x = np.asarray(rng.normal(size=(700, n)) * 4, dtype=dtype, order=order)
    cost = dv.graph("inputs: W, c, x, y\nz = W @ x + c; L = logsumexp(z) - z[y]").over(x=x, y=rng.integers(0, results, 700))
    at = {"W": rng.normal(size=(results, n)) / n, "c": rng.normal(size=results)}
    agree(cost.sized(at), at)


@pytest.mark.parametrize("n", [3, 40])
def test_maps_of_the_same_and_of_other_features(n):
    text = "inputs: u, v, w, x, t, y\nL = (u @ x)**2 + exp(-(v @ x)**2)*(w @ t) + y*(w @ t)"
    data = {"x": rng.normal(size=(600, n)), "t": np.asfortranarray(rng.normal(size=(600, 5))), "y": rng.normal(size=600)}
    agree(dv.graph(text).over(data), {"u": rng.normal(size=n) / n, "v": rng.normal(size=n) / n, "w": rng.normal(size=5)})


def test_rows_of_wide_features_are_the_same_for_any_number_of_threads():
    x, y = rng.normal(size=(20_000, 300)), (rng.random(20_000) < 0.5).astype(float)
    one, *more = (dv.graph(LOGISTIC).over(x=x, y=y, threads=t).program("fused")(w=np.full(300, 0.01), b=0.1) for t in (1, 2, 5))
    for answer in more:
        np.testing.assert_array_equal(answer[1], one[1])


@pytest.mark.parametrize("y", [Y.astype(bool), Y.astype(np.int8), Y.astype(np.float32), np.c_[Y, Y][:, 0]], ids=str)
def test_every_storage_of_a_target(y):
    agree(dv.graph(LOGISTIC).over(x=X, y=y), AT)


@pytest.mark.parametrize(
    ("text", "data", "at", "why"),
    [
        ("inputs: w, x\nL = sum((x @ w)**2)", {"x": (3,)}, {"w": (3, 2)}, None),
        ("L = digamma(x)*b", {"x": ()}, {"b": ()}, "digamma has no compiled form"),
        ("L = inverse_mills(2, x)*b", {"x": ()}, {"b": ()}, "inverse_mills has no compiled form"),
        ("h = W @ x; L = sum(V @ h)", {"x": (3,)}, {"W": (400, 3), "V": (400, 400)}, "too long"),
    ],
)
def test_losses_without_a_fused_program(text, data, at, why):
    graph = dv.graph(text)
    at = {k: np.abs(drawn(s)) for k, s in at.items()}
    cost = graph.over({k: np.abs(drawn(s, 20)) for k, s in data.items()}).sized(at)
    program = cost.program("fused")
    assert (why or "") in program.source
    np.testing.assert_allclose(program(at)[0], cost.program("numpy")(at)[0], rtol=1e-12)


def test_no_number_of_a_class_is_refused_as_elsewhere():
    cost = dv.graph("inputs: W, x, y\nL = -log(softmax(W @ x)[y])").over(x=np.ones((700_000, 3)), y=np.full(700_000, 3))
    cost.__dict__["runs_fused"] = True
    for call in (cost.at, cost.sized({"W": np.ones((3, 3))}).program("fused")):
        with pytest.raises(dv.DvarError, match="not one of the numbers 0 … 2"):
            call(W=np.ones((3, 3)))


# the same answer whatever runs it

@pytest.mark.parametrize("m", [1, 512, 70_001])
def test_the_same_bits_for_any_number_of_threads(m):
    x, y = rng.normal(size=(m, 6)), (rng.random(m) < 0.5).astype(float)
    answers = [dv.graph(LOGISTIC).over(x=x, y=y, threads=t).program("fused")(AT) for t in (1, 2, 5)]
    for answer in answers[1:]:
        assert answer[0] == answers[0][0]
        np.testing.assert_array_equal(answer[1], answers[0][1])
        assert answer[2] == answers[0][2]


def test_runs_of_rows_are_whole_blocks_and_few():
    for m in (1, 511, 512, 513, 16_384, 16_385, 10_000_000):
        runs = [r for group in groups(m) for r in group]
        assert len(runs) <= 32
        assert runs[0].start == 0
        assert runs[-1].stop == m
        assert all(a.stop == b.start and a.stop % 512 == 0 for a, b in zip(runs, runs[1:]))


def test_the_gradient_is_exact_at_a_million_rows():
    import math

    m = 1_000_000
    x, y = rng.normal(size=(m, 2)), (rng.random(m) < 0.5).astype(float)
    w = np.array([0.7, -1.3])
    _, dw, db = dv.graph(LOGISTIC).over(x=x, y=y).program("fused")(w=w, b=0.1)
    residual = 1 / (1 + np.exp(-(x @ w + 0.1))) - y
    assert abs(db - math.fsum(residual) / m) < 1e-12
    assert max(abs(dw[j] - math.fsum(residual * x[:, j]) / m) for j in range(2)) < 1e-12


@pytest.mark.parametrize("z", [1e5, -1e5, 800.0, -800.0, 40.0, -40.0, 1e-300])
def test_rows_far_out_are_finite_and_right(z):
    cost = dv.graph("inputs: w, x, y\nz = w*x; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))").over(x=[z, z], y=[0.0, 1.0])
    value, dw = cost.program("fused")(w=1.0)
    with mp.workdps(60):
        exact = mp.log1p(mp.exp(-abs(mp.mpf(z)))) + abs(mp.mpf(z)) / 2
        slope = z * (2 / (1 + mp.exp(-mp.mpf(z))) - 1) / 2
        assert value == pytest.approx(float(exact), rel=1e-14)
        assert dw == pytest.approx(float(slope), rel=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(bad):
    x = X.copy()
    x[7, 2] = bad
    cost = dv.graph(LOGISTIC).over(x=x, y=Y)
    with np.errstate(all="ignore"):
        fused, numpy = cost.program("fused")(AT), cost.program("numpy")(AT)
    assert np.isfinite(fused[0]) == np.isfinite(numpy[0])
    np.testing.assert_array_equal(np.isfinite(fused[1]), np.isfinite(numpy[1]))


# the elementary functions, beside mpmath

WIDE = [*rng.uniform(-745, 709.7, 300), *rng.normal(size=300), *(10.0 ** rng.uniform(-300, 2, 200) * rng.choice([-1, 1], 200))]
POSITIVE = [*10.0 ** rng.uniform(-307, 308, 300), *np.exp(rng.normal(size=300) * 0.1), 5e-324, 1e-310]
ELEMENTARY = {
    "exp": (mp.exp, WIDE), "expm1": (mp.expm1, WIDE), "log": (mp.log, POSITIVE), "tanh": (mp.tanh, WIDE),
    "log1p": (mp.log1p, [*POSITIVE, *(-(10.0 ** rng.uniform(-300, -0.001, 300)))]),
    "sigmoid": (lambda z: 1 / (1 + mp.exp(-z)), WIDE), "softplus": (lambda z: mp.log1p(mp.exp(z)), WIDE),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions_are_within_two_ulp(name):
    exact, points = ELEMENTARY[name]
    function = getattr(kernels, name)
    with mp.workdps(40):
        for x in map(float, points):
            found, right = function(x), exact(mp.mpf(x))
            if abs(right) > mp.mpf(2) ** 1023:
                continue
            assert abs(found - right) <= 2.2 * np.spacing(max(abs(float(right)), 2.3e-308)), x


NA = float(np.array(0x7FF8_0000_0000_07A2).view(np.float64))  # no number, with bits of its own, as R writes what is missing


@pytest.mark.parametrize("name", [*ELEMENTARY, "maximum", "minimum", "relu", "clip", "sign", "xlogy", "xlog1py", "logaddexp", "sech", "logcosh", "log_ndtr", "log_gumbel", "direction", "floor", "ceil", "round"])
def test_kernels_at_the_ends_answer_what_the_table_does(name):
    from dvar.expression.ops import OPS

    op = OPS[name]
    ends = [0.0, -0.0, 1.0, -1.0, 800.0, -800.0, 1e300, np.inf, -np.inf, np.nan, NA, 2.5]
    points = [(v,) for v in ends] if op.arity == 1 else [(v, u) for v in ends for u in ends]
    for point in points:
        point = point if op.arity < 3 else (*point, point[0])
        with np.errstate(all="ignore"):
            expected = float(op.compute(*map(np.float64, point)))
        np.testing.assert_allclose(getattr(kernels, name)(*point), expected, rtol=1e-15, atol=0, err_msg=str(point))


@pytest.mark.parametrize("order", [0.0, 1.0])
@pytest.mark.parametrize("function", [normal.inverse_mills, gumbel.gumbel_rate], ids=lambda f: f.__name__)
def test_kernels_of_an_order_answer_what_the_table_does(function, order):
    kernel = getattr(kernels, f"{function.__name__}_{order:g}")
    for z in (0.0, 1e-8, 6.0, 6.6, -0.0, 0.5, 1.0, -1.0, 3.0, -3.0, 37.5, 800.0, -800.0, 1e8, -1e8, 1e300, -1e300, np.inf, -np.inf, np.nan, NA):
        with np.errstate(all="ignore"):
            expected = float(function(order, z))
        np.testing.assert_allclose(kernel(z), expected, rtol=2e-15, atol=0, err_msg=str(z))


# second derivatives

SECOND = [LOSSES[0], LOSSES[1], LOSSES[2], LOSSES[4],
          ("L = softplus(w @ x)*s + s**2*(u @ x) + t*s", {"x": (3,)}, {"s": (), "t": (), "u": (3,), "w": (3,)})]  # fmt: skip


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("text", "data", "parameters"), SECOND, ids=[c[0][-30:] for c in SECOND])
def test_the_fused_hessian_is_that_of_numpy(text, data, parameters, order):
    graph = dv.graph(text if text.startswith("inputs") else f"inputs: {', '.join([*parameters, *data])}\n{text}")
    cost = graph.over({k: np.asarray(drawn(s, 1300), order=order) for k, s in data.items()})
    theta = cost.flat({k: drawn(s) for k, s in parameters.items()})
    value, gradient, hessian = cost.value_gradient_hessian(theta)
    fused = cost.written_fused(second=True)
    found = cost.run_fused(fused, cost.named(theta))
    assert found[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(np.concatenate([np.ravel(g) for g in found[1:-1]]), gradient, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(found[-1], hessian, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("n", "dtype", "order"), [(1, float, "C"), *WIDTHS])
def test_the_fused_hessian_for_every_width_of_dense_features(n, dtype, order):
    """Features are packed by eight and pairs of them added up four by eight: none is lost, doubled or taken from elsewhere."""
    for m in (1, 7, 257, 700):
        x = np.asarray(rng.normal(size=(m, n)) * 4, dtype=dtype, order=order)
        w = rng.normal(size=n) / n
        cost = dv.graph("inputs: w, x, y\nz = w @ x; L = softplus(z) - y*z").over(x=x, y=Y[:m])
        found = cost.run_fused(cost.written_fused(second=True), {"w": w})[-1]
        s, x = 1 / (1 + np.exp(-(x @ w))), x.astype(float)
        expected = (x * (s * (1 - s))[:, None]).T @ x / m
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())


def test_the_fused_hessian_of_classes_is_the_slope_of_the_gradient():
    graph = dv.graph("inputs: W, c, x, y\nz = W @ x + c; L = -log(softmax(z)[y])")
    cost = graph.over(x=rng.normal(size=(700, 2)), y=rng.integers(0, 3, 700)).sized({"W": np.zeros((3, 2)), "c": np.zeros(3)})
    theta = rng.normal(size=9)
    hessian = cost.run_fused(cost.written_fused(second=True), cost.named(theta))[-1]
    h = 1e-5
    rows = [(cost.value_gradient(theta + h * e)[1] - cost.value_gradient(theta - h * e)[1]) / (2 * h) for e in np.eye(9)]
    np.testing.assert_allclose(hessian, rows, rtol=1e-6, atol=1e-9)


# typed columns

def typed(m=2000):
    import pyarrow as pa

    words = np.array(["a", "b", "c", "d", None], dtype=object)
    return pa.table({
        "kind": pa.array(words[rng.integers(0, 5, m)].tolist()), "size": pa.array(rng.normal(1e4, 3, m)),
        "count": pa.array(rng.integers(0, 9, m).astype(np.int8)), "wind": pa.array([None if k % 7 == 0 else float(k % 11) for k in range(m)]),
        "flag": pa.array(rng.random(m) > 0.3), "place": pa.array([f"p{k}" for k in rng.integers(0, 40, m)]),
    })  # fmt: skip


@pytest.mark.parametrize("reference", [True, False])
def test_typed_columns_are_never_expanded(reference):
    from dvar.data.encoding import Encoding

    table = typed()
    columns = Encoding.learn(table, table.column_names, reference=reference).encode(table)
    y = (rng.random(2000) < 0.4).astype(np.int8)
    cost = dv.graph(LOGISTIC).over(x=columns, y=y)
    at = {"w": rng.normal(size=columns.shape[1]) * 0.3, "b": 0.2}
    agree(cost, at)
    value, _, hessian = cost.value_gradient_hessian(cost.flat(at))
    found = cost.run_fused(cost.written_fused(second=True), at)
    assert found[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(found[-1], hessian, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("categories", "numbers"), [(9, 9), (13, 2), (20, 0), (20, 9)])
def test_many_categories_and_many_numbers(categories, numbers):
    """More categories than one loop looks up, than have a line for each pair, more numbers than have a line with each category,
    more levels than a byte counts."""
    import pyarrow as pa

    from dvar.data.encoding import Encoding

    m = 1500
    table = pa.table({
        **{f"c{k}": pa.array([f"l{v}" for v in rng.integers(0, 3 if k else 300, m)]) for k in range(categories)},
        **{f"n{k}": pa.array(rng.normal(size=m)) for k in range(numbers)},
    })  # fmt: skip
    columns = Encoding.learn(table, table.column_names, reference=True).encode(table)
    cost = dv.graph(LOGISTIC).over(x=columns, y=Y[:m])
    at = {"w": rng.normal(size=columns.shape[1]) * 0.1, "b": 0.2}
    agree(cost, at)
    hessian = cost.value_gradient_hessian(cost.flat(at))[2]
    np.testing.assert_allclose(cost.run_fused(cost.written_fused(second=True), at)[-1], hessian, rtol=1e-9, atol=1e-12)


def test_names_that_a_store_gives_way_to():
    import pyarrow as pa

    from dvar.data.encoding import Encoding

    table = pa.table({"k": pa.array(["a", "b", "c"] * 20), "v": pa.array(np.arange(60.0))})
    columns = Encoding.learn(table, ["k", "v"], reference=True).encode(table)
    graph = dv.graph("inputs: w, x, y\nx_codes0 = w @ x; x_row = x_codes0 + y; x_scales = x_row*2; L = x_scales**2")
    agree(graph.over(x=columns, y=rng.normal(size=60)), {"w": rng.normal(size=3)})


def test_typed_columns_used_otherwise_have_no_fused_program():
    from dvar.data.encoding import Encoding

    table = typed(50).select(["size", "count"])
    columns = Encoding.learn(table, table.column_names, reference=True).encode(table)
    cost = dv.graph("inputs: w, x\nL = sum((w*x - 1)**2)").over(x=columns).sized({"w": np.ones(2)})
    assert "otherwise than in w @ x" in cost.program("fused").source


def test_a_fit_says_which_program_ran():
    small = dv.graph(LOGISTIC).over(x=X, y=Y)
    assert small.minimize(l2=1e-3).program == "numpy"
    m = 1_500_000
    x = rng.normal(size=(m, 3))
    large = dv.graph(LOGISTIC).over(x=x, y=(rng.random(m) < 1 / (1 + np.exp(-x[:, 0]))).astype(np.int8))
    assert not large.runs_fused
    large.__dict__["runs_fused"] = True
    fits = [large.minimize(), large.minimize(method="gradient-descent", steps=5)]
    assert [f.program for f in fits] == ["fused", "fused"]
    np.testing.assert_allclose(fits[0].params["w"], [1, 0, 0], atol=0.01)


@pytest.mark.parametrize("text", ["u = b*c; v = a + u; J = 3*v", "J = sin(a*b)*exp(-c) + tanh(a)/b", "J = a**3 + where(b > c, a, b)"])
def test_a_graph_of_numbers_is_compiled_on_request(text):
    graph = dv.graph(text)
    at = {"a": 0.7, "b": -1.3, "c": 0.2}
    program = graph.program("fused")
    p = graph.at(at)
    np.testing.assert_allclose(program(at), [p.value, p.da, p.db, p.dc], rtol=1e-13, atol=1e-15)
    assert str(program).startswith("# compiled")


def test_a_graph_of_vectors_is_compiled_for_the_shapes_said():
    graph = dv.graph("L = logsumexp(v) - v[y]").shaped(v=4)
    given = {"v": rng.normal(size=4), "y": 2}
    value, dv_, dy = graph.program("fused")(given)
    np.testing.assert_allclose(dv_, graph.at(given).dv, rtol=1e-13)
    assert (value, dy) == (pytest.approx(graph(given), rel=1e-14), 0.0)
    with pytest.raises(dv.UsageError, match="needs to know the shapes"):
        dv.graph("L = sum(v)").program("fused")
    with pytest.raises(dv.UsageError, match="v of shape"):
        graph.program("fused")(v=[1.0, 2.0], y=0)
    with pytest.raises(dv.UsageError, match="digamma has no compiled form"):
        dv.graph("L = digamma(x)").program("fused")


def test_a_matrix_outside_linear_maps_has_no_second_derivatives_in_a_program():
    cost = dv.graph("inputs: V, w, x, y\nL = (w @ x - y)**2 + sum(V*V)").over(x=np.eye(3), y=np.ones(3), program="fused")
    with pytest.raises(dv.DvarError, match="the matrix V of shape .2, 2. enters the loss otherwise"):
        cost.hessian(V=np.eye(2), w=np.ones(3))
