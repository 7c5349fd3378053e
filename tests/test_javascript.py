"""Pages compute what Python does: the JavaScript program of a graph, run by Node, beside a pass."""

import json
import shutil
import subprocess

import numpy as np
import pytest

import dvar as dv
from dvar.derive.derivation import derive
from dvar.expression.ops import ROWS
from dvar.vectorize.unrolled import NotUnrolled
from dvar.vectorize.write_javascript import functions, program, script

NODE = shutil.which("node") or shutil.which("nodejs")
needs_node = pytest.mark.skipif(NODE is None, reason="Node runs the JavaScript; it is not installed")
ENDS = [-800.0, -30.0, -2.5, -1.0, -0.5, -1e-300, 0.0, 1e-300, 1e-8, 0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 7.0, 40.0, 800.0]


def run(jobs):
    """Values and derivatives of every node, of graphs at inputs, by one process of Node."""
    parts = [functions()]
    for graph, inputs in jobs:
        sizes = tuple(np.shape(inputs[n]) for n in graph.inputs)
        wanted = [i for i, node in enumerate(graph.nodes) if node.name]
        one = script(derive(graph, sizes), wanted)
        listed = {part: f"[{', '.join(v for i in wanted for v in names[i])}]" for part, names in (("v", one.values), ("d", one.slopes))}
        x = json.dumps([float(v) for n in graph.inputs for v in np.ravel(inputs[n])])
        parts.append(f"{{ {program(one, listed)}\n const r = run({x}); console.log(JSON.stringify([r.v.map(String), r.d.map(String)])); }}")
    done = subprocess.run([NODE, "-"], input="\n".join(parts), capture_output=True, text=True, check=True)
    numbers = [json.loads(line) for line in done.stdout.splitlines()]
    return [[np.array([float(v) for v in part]) for part in answer] for answer in numbers]


def python(graph, inputs):
    p = graph.at(inputs)
    names = [n.name for n in graph.nodes if n.name]
    return [np.concatenate([np.ravel(of[n]) for n in names]) for of in (p.values, p.d)]


def row_graph(op):
    return dv.graph(f"inputs: {', '.join('abc'[: op.arity])}\nf = {op.form.format(*'abc')}")


SCALAR = [op for op in ROWS if op.pull is None and op.name != "same"]


@needs_node
def test_every_row_of_the_table_answers_what_python_does():
    jobs = []
    for op in SCALAR:
        for k, a in enumerate(ENDS):
            given = {"a": a, "b": ENDS[(5 * k + 3) % len(ENDS)], "c": ENDS[(7 * k + 5) % len(ENDS)]}
            if op.name in ("inverse_mills", "gumbel_rate"):
                given["a"], given["b"] = (0.0, 1.0, 2.0, 3.0, 12.0, 13.0, 0.5, 1e18)[k % 8], a
            if op.name == "polygamma":
                given["a"], given["b"] = float(k % 4), a if a > 0 or a % 1 else a - 0.25  # it has no value at its poles
            jobs.append((row_graph(op), {n: given[n] for n in "abc"[: op.arity]}))
    for (graph, inputs), answer in zip(jobs, run(jobs), strict=True):
        for found, expected in zip(answer, python(graph, inputs), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13, err_msg=f"{graph} at {inputs}")


M, N = [[1.0, -2.0], [0.5, 4.0], [0.25, 3.0]], [[0.3, 2.0, -1.0], [1.5, -0.5, 0.75]]
V, W = [1.5, -0.25, 3.0], [0.5, 2.0, -1.0]
ARRAYS = {  # every row on vectors and matrices, along every axis it takes
    "dot": [("sum(v*(M @ N @ v))", {"M": M, "N": N, "v": V}), ("v @ w", {"v": V, "w": W}), ("sum(v @ M)", {"v": V, "M": M})],
    "sum": [(f"sum(sum(M{axis})**2)", {"M": M}) for axis in ("", ", axis=0", ", axis=1")],
    "mean": [(f"sum(mean(M{axis})**2)", {"M": M}) for axis in ("", ", axis=0", ", axis=1")],
    "max": [(f"sum(max(M{axis})**2)", {"M": M}) for axis in ("", ", axis=0", ", axis=1")],
    "min": [(f"sum(min(M{axis})**2)", {"M": M}) for axis in ("", ", axis=0", ", axis=1")],
    "logsumexp": [(f"sum(logsumexp(M{axis})**2)", {"M": M}) for axis in ("", ", axis=0", ", axis=1")],
    "softmax": [(f"sum(softmax(M{axis})**2*M)", {"M": M}) for axis in ("", ", axis=0", ", axis=1")],
    "logsoftmax": [(f"sum(logsoftmax(M{axis})**2*M)", {"M": M}) for axis in ("", ", axis=0", ", axis=1")],
    "norm": [(f"sum(norm(M{axis})**3)", {"M": M}) for axis in ("", ", axis=0", ", axis=1")],
    "outer": [("sum(outer(v, w)**2*outer(w, v))", {"v": V, "w": W})],
    "transpose": [("sum(transpose(M)*N)", {"M": M, "N": N})],
    "index": [("v[1]**2 + sum(v[0:2]**3) + sum(M[1]**2) + M[2, 0]", {"v": V, "M": M})],
    "place": [("sum(place(v[0:2], v, at=[1:3])**2*v)", {"v": V})],
    "take": [("-log(softmax(v)[y]) + sum(M[y]**2)", {"v": V, "M": M, "y": 1})],
    "onehot": [("sum(onehot(y, v)*v**2)", {"v": V, "y": 2})],
    "stack": [("sum(stack(a, b, a)**2*v)", {"a": 2.0, "b": 3.0, "v": V})],
    "concatenate": [("sum(concatenate(v, w)**2)", {"v": V, "w": W})],
    "cut": [("sum(cut(concatenate(v, w)**2, v, w, part=1)*v)", {"v": V, "w": W})],
    "reshape": [("sum(reshape(M, shape=(2, 3))*N)", {"M": M, "N": N})],
    "shaped": [("sum(shaped(v, S)**2*S)", {"v": V, "S": [[1.0], [2.0], [3.0]]})],
    "spread": [("sum(spread(a, v)**2*v)", {"a": 2.0, "v": V})],
    "count": [("sum(v)/count(v)", {"v": V})],
}


def test_every_array_row_has_a_case():
    assert set(ARRAYS) == {op.name for op in ROWS if op.pull is not None}


@needs_node
def test_every_array_row_answers_what_python_does():
    jobs = [(dv.graph(f"inputs: {', '.join(inputs)}\nf = {text}"), inputs) for cases in ARRAYS.values() for text, inputs in cases]
    for name, cases in ARRAYS.items():
        assert all(any(node.op == name for node in dv.graph(f"inputs: {', '.join(i)}\nf = {t}").nodes) for t, i in cases), name
    for (graph, inputs), answer in zip(jobs, run(jobs), strict=True):
        for found, expected in zip(answer, python(graph, inputs), strict=True):
            assert np.isfinite(expected).all()
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13, err_msg=f"{graph} at {inputs}")


@needs_node
@pytest.mark.parametrize(("text", "inputs"), [
    ("u = b*c; v = a + u; J = 3*v", {"a": 5, "b": 3, "c": 2}),
    ("z = w1*x1 + w2*x2 + b; a = sigmoid(z); L = -(y*log(a) + (1-y)*log(1-a))", {"w1": 1, "w2": -2, "x1": 3, "x2": 4, "b": 0, "y": 1}),
    ("z = w*x; a = sigmoid(z); L = -(y*log(a) + (1-y)*log(1-a))", {"w": 1, "x": 800, "y": 0}),
    ("inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1-y)*log(1-a))", {"w": [0.5, -0.3], "b": 0.1, "x": [1, 2], "y": 1}),
    ("z = W @ x; p = softmax(z); L = -log(p[1])", {"W": [[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]], "x": [0.3, -0.7]}),
    ("if_ = `class`*2; `new` = if_ + exp; f = `new`**2 + x", {"class": 3, "exp": 2, "x": 1}),
])
def test_graphs_answer_what_python_does(text, inputs):
    graph = dv.graph(text)
    [answer] = run([(graph, inputs)])
    for found, expected in zip(answer, python(graph, inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_no_text_of_the_user_becomes_code():
    graph = dv.graph("`</script><b>` = x*2; f = `</script><b>` + `alert(1)`")
    one = script(derive(graph, ((), ())), [i for i, n in enumerate(graph.nodes) if n.name])
    source = program(one, {})
    assert "<" not in source
    assert "alert(" not in source


def test_vectors_too_long_for_a_page_are_refused():
    graph = dv.graph("f = w @ x")
    with pytest.raises(NotUnrolled, match="too long"):
        script(derive(graph, ((5000,), (5000,))), [2])
