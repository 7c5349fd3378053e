"""The rows of the table on vectors and matrices: values beside NumPy's and SciPy's, derivatives beside differences, programs over
m examples beside single passes for everything that may differ by example, text that reads back, and what is refused."""

import numpy as np
import pytest
import scipy.special

import dvar as dv
from dvar.expression.arrays import ROWS

rng = np.random.default_rng(11)
V, W3, A, B, S = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), 1.7


def softmax(a, axis=None):
    return scipy.special.softmax(a, axis=axis)


# text, what it is of v (3,), w (3,), A (2, 3), B (2, 3), s
VALUES = [
    ("v @ w", V @ W3), ("A @ v", A @ V), ("w[:2] @ A", W3[:2] @ A), ("A @ transpose(B)", A @ B.T), ("outer(v, w)", np.outer(V, W3)),
    ("sum(A)", A.sum()), ("sum(A, axis=0)", A.sum(0)), ("sum(A, axis=1)", A.sum(1)), ("sum(A, axis=-1)", A.sum(1)), ("sum(s)", S),
    ("mean(A)", A.mean()), ("mean(A, axis=0)", A.mean(0)), ("mean(A, axis=-2)", A.mean(0)), ("mean(v)", V.mean()),
    ("max(A)", A.max()), ("max(A, axis=1)", A.max(1)), ("min(A, axis=0)", A.min(0)), ("min(v)", V.min()), ("max(s)", S),
    ("logsumexp(v)", scipy.special.logsumexp(V)), ("logsumexp(A, axis=1)", scipy.special.logsumexp(A, axis=1)),
    ("logsumexp(800*v)", scipy.special.logsumexp(800 * V)), ("softmax(v)", softmax(V)), ("softmax(A)", softmax(A)),
    ("logsoftmax(v)", np.log(softmax(V))), ("logsoftmax(A)", np.log(softmax(A))), ("logsoftmax(A, axis=1)", np.log(softmax(A, 1))),
    ("softmax(A, axis=0)", softmax(A, 0)), ("softmax(A, axis=1)", softmax(A, 1)), ("norm(v)", np.linalg.norm(V)),
    ("norm(A)", np.linalg.norm(A)), ("norm(A, axis=0)", np.linalg.norm(A, axis=0)), ("norm(s)", S), ("v[0]", V[0]), ("v[-1]", V[-1]),
    ("v[1:]", V[1:]), ("v[::-1]", V[::-1]), ("v[::2]", V[::2]), ("v[5:]", V[5:]), ("A[1]", A[1]), ("A[:, 1]", A[:, 1]), ("A[0, 2]", A[0, 2]),
    ("A[:, 1:3]", A[:, 1:3]), ("A[-1, ::-1]", A[-1, ::-1]), ("v[s > 1]", V[1]), ("A[0*s]", A[0]), ("take(v, 2)", V[2]),
    ("onehot(1, v)", [0, 1, 0]), ("onehot(1, A)", [0, 1]), ("stack(s, 2*s, 1)", [S, 2 * S, 1]), ("stack(v, w)", np.stack([V, W3])),
    ("stack(s)", [S]), ("concatenate(v, w)", np.r_[V, W3]), ("concatenate(A, B)", np.r_[A, B]), ("concatenate(A, B, axis=1)", np.c_[A, B]),
    ("concatenate(v, w, v)", np.r_[V, W3, V]), ("reshape(A, shape=(3, 2))", A.reshape(3, 2)), ("reshape(A, shape=(-1,))", A.ravel()),
    ("reshape(s, shape=(1, 1))", [[S]]), ("shaped(reshape(A, shape=(6,)), A)", A), ("transpose(A)", A.T), ("transpose(v)", V),
    ("place(s, v, at=[1])", [0, S, 0]), ("place(v, A, at=[1])", [np.zeros(3), V]), ("spread(s, A)", np.full((2, 3), S)),
    ("spread(v, A, axis=0)", np.stack([V, V])), ("spread(v[:2], A, axis=1)", np.stack([V[:2]] * 3, axis=1)), ("count(A)", 6),
    ("count(A, axis=0)", 2), ("cut(concatenate(v, w), v, w, part=1)", W3),
]  # fmt: skip
GIVEN = {"v": V, "w": W3, "A": A, "B": B, "s": S}


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[t for t, _ in VALUES])
def test_values_derivatives_and_text(text, value):
    graph = dv.graph("J = " + text)
    given = {k: GIVEN[k] for k in graph.inputs}
    np.testing.assert_allclose(graph(given), value, rtol=4e-15, atol=1e-300)
    assert np.shape(graph(given)) == np.shape(value)
    assert dv.graph(str(graph)) == graph
    weighed = dv.graph(f"J = {text}; L = sum(J*T) + sum(tanh(J))")
    p = weighed.at({**given, "T": rng.normal(size=np.shape(value))})
    assert p.check().ok, p.check()
    assert set(p.d) >= set(given)


def test_every_row_has_a_value_here():
    texts = " ".join(t for t, _ in VALUES)
    assert [op.name for op in ROWS if f"{op.name}(" not in texts and op.name not in ("dot", "index")] == []


# a loss, the shapes of its data (of one example), of its parameters: everything that may differ by example does somewhere
PROGRAMS = [
    ("L = -log(softmax(W @ x + c)[y])", {"x": (3,), "y": "class"}, {"W": (4, 3), "c": (4,)}),
    ("a = exp(W @ x)/sum(exp(W @ x)); L = -log(take(a, y))", {"x": (3,), "y": "class"}, {"W": (4, 3)}),
    ("z = W @ x; L = logsumexp(z) - z[y]", {"x": (3,), "y": "class"}, {"W": (4, 3)}),
    ("L = -sum(t*log(softmax(W @ x)))", {"x": (3,), "t": (4,)}, {"W": (4, 3)}),
    ("L = (e[y] - x)**2", {"x": (), "y": "class"}, {"e": (4,)}),
    ("L = E[y] @ x", {"x": (3,), "y": "class"}, {"E": (4, 3)}),
    ("L = sum(onehot(y, e)*e)*b", {"y": "class"}, {"e": (4,), "b": ()}),
    ("L = x[k]*b", {"x": (3,)}, {"b": (), "k": "class"}),
    ("L = mean(w*x) + mean(w)*mean(x) + mean(W)", {"x": (3,)}, {"W": (2, 3), "w": (3,)}),
    ("L = sum(mean(outer(x, w), axis=0)*w) + sum(mean(W, axis=1))", {"x": (3,)}, {"W": (2, 3), "w": (2,)}),
    ("L = max(w*x) + min(x)*b + max(w)", {"x": (3,)}, {"b": (), "w": (3,)}),
    ("L = sum(max(outer(x, w), axis=1)) + sum(min(outer(w, x), axis=1)**2)", {"x": (3,)}, {"w": (2,)}),
    ("L = norm(w - x) + norm(w)", {"x": (3,)}, {"w": (3,)}),
    ("L = sum(norm(outer(x, w), axis=0)) + sum(norm(W, axis=1))*norm(x)", {"x": (3,)}, {"W": (2, 3), "w": (2,)}),
    ("L = logsumexp(w*x) + sum(logsumexp(outer(x, w), axis=0)) + logsumexp(w)", {"x": (3,)}, {"w": (3,)}),
    ("L = softmax(w*x) @ x + sum(softmax(outer(x, w), axis=1)*outer(x, w)) + softmax(w) @ x", {"x": (3,)}, {"w": (3,)}),
    ("L = x[0]*w[1] + sum(x[1:]*w[:2]) + (W @ x)[1] + sum(W[:, 0])*W[1, 2] + sum(outer(x, w)[1:, ::2])", {"x": (3,)}, {"W": (2, 3), "w": (3,)}),
    ("L = stack(x[0], b, 1)@ w + sum(stack(x, w) @ w) + stack(b, b*b)[1]", {"x": (3,)}, {"b": (), "w": (3,)}),
    ("L = concatenate(x, w, x) @ concatenate(w, w, x)", {"x": (3,)}, {"w": (3,)}),
    ("L = sum(concatenate(outer(x, w), W)**2) + sum(concatenate(outer(w, x), outer(x, w), axis=1)**3)", {"x": (3,)}, {"W": (2, 3), "w": (3,)}),
    ("L = sum(reshape(outer(x, w), shape=(2, 3))*W) + sum(reshape(W, shape=(3, 2)) @ w)", {"x": (3,)}, {"W": (2, 3), "w": (2,)}),
    ("L = sum(reshape(x, shape=(3, 1)) @ reshape(w, shape=(1, 2)))*sum(reshape(x, shape=(-1,)))", {"x": (3,)}, {"w": (2,)}),
    ("L = sum(W - spread(x, W, axis=0)) + sum((outer(w, x) - spread(w, outer(w, x), axis=1))**2)", {"x": (3,)}, {"W": (2, 3), "w": (2,)}),
    ("L = sum(spread(mean(W, axis=0), W, axis=0)*outer(w, x)) + sum(spread(b, x)*x)", {"x": (3,)}, {"W": (2, 3), "b": (), "w": (2,)}),
    ("L = sum(place(x[0]*b, w, at=[1])*w) + sum(place(w, x, at=[:])*x) + count(x)*b", {"x": (3,)}, {"b": (), "w": (3,)}),
    ("L = sum(place(x, W, at=[1])*W) + sum(transpose(outer(x, w))*W)", {"x": (3,)}, {"W": (2, 3), "w": (2,)}),
    ("v = W @ x; s = sqrt(mean((v - mean(v))**2) + 0.01); L = sum(((v - mean(v))/s)**3*g)", {"x": (3,)}, {"W": (4, 3), "g": (4,)}),
]  # fmt: skip


def drawn(shape, m=None):
    lead = () if m is None else (m,)
    if shape == "class":
        return rng.integers(0, 3, lead).astype(float) if lead else 1.0
    return rng.normal(size=lead + shape) if lead + shape else float(rng.normal())


@pytest.mark.parametrize("m", [1, 4])
@pytest.mark.parametrize(("text", "data", "parameters"), PROGRAMS, ids=[c[0][:40] for c in PROGRAMS])
def test_programs_over_examples_are_the_mean_of_passes(text, data, parameters, m):
    graph = dv.graph("inputs: " + ", ".join([*parameters, *data]) + "\n" + text)
    given, at = {k: drawn(s, m) for k, s in data.items()}, {k: drawn(s) for k, s in parameters.items()}
    passes = [graph.at({**at, **{k: v[i] for k, v in given.items()}}) for i in range(m)]
    value, d = np.mean([p.value for p in passes]), {n: np.mean([p.d[n] for p in passes], axis=0) for n in parameters}
    cost = graph.over(given).sized(at)
    q = cost.at(at)
    for answer in (cost.program("loop")(at), cost.program("numpy")(at), (q.value, *(q.d[n] for n in cost.inputs))):
        assert answer[0] == pytest.approx(value, rel=1e-12)
        for name, found in zip(cost.inputs, answer[1:]):
            assert np.shape(found) == np.shape(at[name])
            np.testing.assert_allclose(found, d[name], rtol=1e-10, atol=1e-12)
    single = {**at, **{k: v[0] for k, v in given.items()}}
    check = {k: v for k, v in single.items() if "class" not in (data.get(k), parameters.get(k))}
    p = graph.fix(**{k: v for k, v in single.items() if k not in check}).at(check)
    assert p.check().ok, p.check()


REFUSED = [
    ("v[3]", "outside"), ("v[0, 0]", "more than the axes"), ("sum(v, axis=1)", "no axis 1"), ("v @ A", "3 and 2"),
    ("s @ v", "multiplied with"), ("A + v", "equal shapes"), ("stack(v, s)", "one length"), ("concatenate(v, A)", "two vectors"),
    ("concatenate(A, v @ transpose(A))", "two vectors"), ("concatenate(s, s)", "two vectors"), ("reshape(v, shape=(2, 2))", "3 elements"),
    ("outer(A, v)", "two vectors"), ("take(v, w)", "one number"), ("take(s, s)", "one number"), ("spread(v, A)", "takes the shape"),
    ("max(v[5:])", "no numbers"), ("place(v, v, at=[0])", "takes the shape"), ("onehot(v, v)", "takes a number"),
    ("softmax(v, axis=1)", "no axis 1"), ("reshape(v, shape=(-1, -1))", "3 elements"), ("shaped(v, A)", "3 elements"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "why"), REFUSED, ids=[t for t, _ in REFUSED])
def test_shapes_that_do_not_match_are_refused_with_what_they_are(text, why):
    graph = dv.graph("J = " + text)
    with pytest.raises(dv.UsageError, match="J = ") as error:
        graph({k: GIVEN[k] for k in graph.inputs})
    assert why in str(error.value)
    assert "(" in str(error.value).split("J = ")[1]


@pytest.mark.parametrize("y", [3, -1, 0.5, np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_a_number_of_a_class_is_refused(y):
    L = dv.graph("L = -log(softmax(z)[y])")
    with pytest.raises(dv.DvarError, match="not one of the numbers 0 … 2"):
        L.at(z=V, y=y)
    with pytest.raises(dv.DvarError, match="not one of the numbers 0 … 2"):
        dv.graph("inputs: W, x, y\nL = -log(softmax(W @ x)[y])").over(x=np.ones((2, 1)), y=[1, y]).at(W=np.ones((3, 1)))


@pytest.mark.parametrize(
    ("text", "point", "derivative"),
    [
        ("max(v)", [2.0, 1.0, 2.0], [0.5, 0.0, 0.5]),
        ("min(v)", [1.0, 1.0, 1.0], [1 / 3, 1 / 3, 1 / 3]),
        ("norm(v)", [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ("norm(v)", [3e300, 4e300, 0.0], [0.6, 0.8, 0.0]),
        ("norm(v)", [3e-300, 0.0, 4e-300], [0.6, 0.0, 0.8]),
        ("logsumexp(v)", [1e5, -1e5, 0.0], [1.0, 0.0, 0.0]),
        ("logsumexp(v)", [-1e5, -1e5, -2e5], [0.5, 0.5, 0.0]),
        ("softmax(v)[0]", [1e5, -1e5, 0.0], [0.0, 0.0, 0.0]),
        ("sum(onehot(1, v)*v**2)", [3.0, 4.0, 5.0], [0.0, 8.0, 0.0]),
    ],
)
def test_ties_and_extremes(text, point, derivative):
    p = dv.graph("J = " + text).at(v=point)
    assert np.isfinite(p.value)
    np.testing.assert_allclose(p.dv, derivative, rtol=1e-15)


def test_the_second_derivative_of_every_reduction():
    for text in ("logsumexp(v)", "softmax(v) @ w", "norm(v)", "mean(v**2)", "max(v)**2", "v[0]*v[1]", "stack(v, w)[0] @ v",
                 "concatenate(v, w) @ concatenate(v, v)", "sum(reshape(v, shape=(3, 1)) @ reshape(v, shape=(1, 3)))"):
        graph = dv.graph("J = " + text)
        given = {k: GIVEN[k] for k in graph.inputs}
        h = 1e-5
        rows = [(graph.at({**given, "v": V + h * e}).dv - graph.at({**given, "v": V - h * e}).dv) / (2 * h) for e in np.eye(3)]
        np.testing.assert_allclose(graph.hessian(given)[:3, :3], rows, rtol=1e-6, atol=1e-7)
