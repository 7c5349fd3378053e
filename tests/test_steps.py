"""The story of a pass: what it tells, folded and in parts, is what people write, and it is true. Formulas that are told are
read back and computed; cancellations say where they hold; LaTeX compiles; long and deeply reused graphs stay tellable."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dvar as dv
from dvar import cli
from dvar.errors import UsageError
from dvar.expression.ops import ROWS
from dvar.show.steps import Teller
from dvar.show.story import ALONG, COMES_TO, DERIVATIVE, LOCAL, MAP, PRODUCT, RIGHT, SUM, VALUE

LESSON = "u = b*c; v = a + u; J = 3*v"
LOSS = "L = -(y*log(a) + (1 - y)*log(1 - a))"
LOGISTIC = {
    "sigmoid": f"z = w*x + b; a = sigmoid(z); {LOSS}",
    "spelt out": f"z = w*x + b; a = 1/(1 + exp(-z)); {LOSS}",
    "two terms": "z = w*x + b; a = sigmoid(z); L = -y*log(a) - (1 - y)*log(1 - a)",
    "spelt, two terms": "z = w*x + b; a = 1/(1 + exp(-z)); L = -y*log(a) - (1 - y)*log(1 - a)",
    "other order": "z = w*x + b; a = 1/(exp(-z) + 1); L = -(log(1 - a)*(1 - y) + log(a)*y)",
    "exp above": "z = w*x + b; a = exp(z)/(1 + exp(z)); L = -y*log(a) - (1 - y)*log(1 - a)",
    "named parts": f"z = w*x + b; e = exp(-z); s = 1 + e; a = 1/s; {LOSS}",
    "named, above": f"z = w*x + b; e = exp(z); s = 1 + e; a = e/s; {LOSS}",
    "named minus": "z = w*x + b; n = -z; e = exp(n); a = 1/(1 + e); q = 1 - a; L = -(y*log(a) + (1 - y)*log(q))",
    "named logs": "z = w*x + b; a = sigmoid(z); p = log(a); q = log(1 - a); L = -(y*p + (1 - y)*q)",
}  # fmt: skip
W = np.array([[0.5, -0.25], [0.1, 0.2], [0.0, 0.3]])
V = {"W": W, "b": np.array([0.1, 0.0, -0.1]), "x": np.array([1.0, 2.0])}
ONE_HOT = np.array([0.0, 1.0, 0.0])


def pass_of(text, **given):
    graph = dv.graph(text)
    return graph.at({n: v for n, v in given.items() if n in graph.inputs})


def line(steps, name):
    return next(s for s in steps.backward if s.name == name)


def kinds(step):
    return [s.kind for s in step.parts]


# what is told


def test_the_chain_rule():
    steps = pass_of(LESSON, a=5, b=3, c=2).steps()
    assert steps.text == """Left to right: values
  1  u = b * c = 3 * 2 = 6
  2  v = a + u = 5 + 6 = 11
  3  J = 3 * v = 3 * 11 = 33

Right to left: derivatives of the final output
  4  dJ = 1
  5  dv = 3
  6  du = dv = 3
  7  dc = du * b = 3 * 3 = 9
  8  db = du * c = 3 * 2 = 6
  9  da = dv = 3"""
    assert str(steps) == repr(steps) == steps.text
    assert [s.name for s in steps] == ["u", "v", "J", "dJ", "dv", "du", "dc", "db", "da"]
    assert len(steps) == 9


@pytest.mark.parametrize("spelling", LOGISTIC)
@pytest.mark.parametrize("point", [(0.5, 1.0), (40.0, 1.0), (-800.0, 1.0), (800.0, 0.0), (0.5, 0.3)])
def test_dz_is_told_as_a_minus_y(spelling, point):
    z, y = point
    p = pass_of(LOGISTIC[spelling], w=z, x=1.0, b=0.0, y=y)
    dz = line(p.steps(), "dz")
    assert dz.formulas[-1] == "a - y"
    assert dz.result == p.dz
    assert f"  {dz.line}\n" in p.steps().text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = softmax(z); L = -log(take(a, y))", "dz = a * (da - sum(da * a)) = a - onehot(y, z)"),
        ("a = softmax(z); L = -log(a[1])", "dz = a * (da - sum(da * a)) = a - onehot(1, z)"),
        ("a = softmax(z); p = a[1]; L = -log(p)", "dz = a * (da - sum(da * a)) = a - onehot(1, z)"),
        ("a = exp(z)/sum(exp(z)); L = -log(take(a, y))", "dz = da * exp(z) / sum(exp(z)) - exp(z) * sum(da * exp(z)) / sum(exp(z))**2 = a - onehot(y, z)"),
        ("a = exp(z)/sum(exp(z)); L = -log(a[1])", "dz = da * exp(z) / sum(exp(z)) - exp(z) * sum(da * exp(z)) / sum(exp(z))**2 = a - onehot(1, z)"),
        ("a = exp(z)/sum(exp(z)); L = -sum(t*log(a))", "dz = da * exp(z) / sum(exp(z)) - exp(z) * sum(da * exp(z)) / sum(exp(z))**2 = a * sum(t) - t"),
        ("e = exp(z); a = e/sum(e); L = -log(take(a, y))", "dz = de * e = a - onehot(y, z)"),
        ("e = exp(z); s = sum(e); a = e/s; l = log(a); L = -take(l, y)", "dz = de * e = a - onehot(y, z)"),
        ("a = softmax(z); L = -sum(t*log(a))", "dz = a * (da - sum(da * a)) = a * sum(t) - t"),
        ("a = softmax(z); L = 3*-log(take(a, y))", "dz = a * (da - sum(da * a)) = 3 * (a - onehot(y, z))"),
    ],
)
def test_the_loss_of_one_class_in_many(text, told):
    p = pass_of("z = W @ x + b; " + text, y=1, t=ONE_HOT, **V)
    assert re.search(rf"^ +\d+  {re.escape(told)} = .*\(3,\)$", p.steps().text, re.M)
    a = np.exp(p.z) / np.exp(p.z).sum()
    np.testing.assert_allclose(p.dz, (a - ONE_HOT) * (3 if "3*" in text else 1), rtol=1e-13)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("z = v @ x; L = (z - y)**2", ["dz = 2 * (z - y) = 2 * (1.5 - 0.5) = 2", "dx = dz * v = 2 * [0.5, 0.5]", "dv = dz * x"]),
        ("z = W @ x + b; L = sum(z**2)", ["dz = 2 * z", "dx = transpose(W) @ dz", "db = dz", "dW = outer(dz, x)"]),
        ("z = k*x + c; L = mean((z - v)**2)", ["dz = 2 * (z - v) / count(z)", "dx = dz * k", "dk = sum(dz * x)", "dc = sum(dz)"]),
        ("s = sum(x); L = s**2", ["ds = 2 * s = 2 * 3 = 6", "dx = spread(ds, x)"]),
        ("z = transpose(W) @ b; L = sum(z)", ["dz = spread(1, z)", "dW = transpose(outer(dz, b))", "db = W @ dz"]),
        ("h = W @ x; q = v @ h[0:2]; L = q*q", ["dh = dq * place(v, h, at=[0:2])", "dv = dq * h[0:2]"]),
        ("z = x**2*k/2; L = sum(z)", ["dx = dz * k * x = k * x", "dk = 0.5 * sum(dz * x**2)"]),
        ("L = sum(v*x) + 0.1*sum(v**2)", ["dv = 0.2 * v + x"]),
        ("m = max(x); L = m**2", ["dx = dm * where(x == m, 1, 0) / sum(where(x == m, 1, 0))"]),
        ("L = (x @ v)/norm(x)", []),
    ],
)
def test_formulas_of_vectors(text, lines):
    p = pass_of(text, v=np.array([0.5, 0.5]), y=0.5, k=2.0, c=0.5, **V)
    told = p.steps().unfold().text
    for each in lines:
        assert re.search(rf"^ +\d+  {re.escape(each)}( = |$)", told, re.M), told
    assert not re.search(r"\* 1\b(?! = )|(?<![.\w])1 \* (?!\S+ = )", told), told  # but for numbers put in


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("z = w*x + b; L = (z - y)**2", "dz = 2 * (z - y) = 2 * (6.5 - 7) = -1"),
        ("z = w*x + b; L = (z - y)**2/2", "dz = z - y = 6.5 - 7 = -0.5"),
        ("z = w*x + b; L = z**3/9", "dz = z**2 / 3 = 6.5**2 / 3 = 14.0833"),
        ("z = w*x; a = tanh(z); L = a", "dz = da * (1 - a**2) = 1 - a**2 = 1 - 0.999988**2 = 2.45765e-05"),
        ("u = w*x; mu = exp(u); L = mu - y*log(mu)", "du = dmu * mu = mu - y = 403.429 - 7 = 396.429"),
        ("u = w*x; L = y/exp(u) + u", "du = 1 - y / exp(u) = 1 - 7 / exp(6) = 0.982649"),
        ("u = x*w; v = u/w; L = 3*v", "dx = du * w = 1.5 * 2 = 3"),
        ("u = x*0.1; v = 0.1*u; L = 3*v", "du = 0.1 * dv = 0.1 * 3 = 0.3"),
        ("L = sin(x)*w", "dx = w * cos(x) = 2 * cos(3) = -1.97998"),
        ("L = log(1 + exp(x))", "dx = exp(x) / (1 + exp(x)) = sigmoid(x) = sigmoid(3) = 0.952574"),
    ],
)
def test_formulas_of_scalars(text, told):
    assert f"  {told}" in pass_of(text, w=2.0, x=3.0, b=0.5, y=7.0).steps().text


def test_a_fork_tells_each_contribution_and_their_sum():
    p = pass_of("u = x*3; a = u*u; b = sin(u); J = a + b*u", x=0.5)
    du = line(p.steps(), "du")
    assert kinds(du) == [ALONG, ALONG, ALONG, ALONG, SUM, COMES_TO]
    assert [s.name for s in du.parts[:4]] == ["b * u", "b", "a", "a"]
    assert sum(s.result for s in du.parts[:4]) == pytest.approx(p.du, rel=1e-15)
    assert p.steps().text.count("    along ") == 4
    assert "sum             b + db * cos(u) + 2 * da * u = 0.997495 + 0.106106 + 1.5 + 1.5 = 4.1036" in p.steps().unfold("u").text


def test_what_is_used_twice_has_a_line_of_its_own():
    @dv.graph
    def f(x):
        parts = [dv.sin(x)]
        parts.append(parts[0] * parts[0])
        return parts[1] + parts[0]

    assert [s.name for s in f.at(x=1.0).steps().forward] == ["sin_x", "f"]


# how it is numbered


def numbered_in(told):
    """The numbers that `Steps` gives in text, LaTeX and HTML: of each, the numbers and what follows them."""
    text = re.findall(r"^ +(\d+)  (.+?) = ", told.text, re.M)
    tags = re.findall(r"\\tag{(\d+)}", told.latex)
    lists = re.findall(r'<ol class="steps" start="(\d+)">(.*?)</ol>', told.html, re.S)
    items = [str(n) for start, inside in lists for n in range(int(start), int(start) + inside.count("<li>"))]
    return text, tags, items


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("spelling", ["sigmoid", "named logs"])
def test_each_step_has_one_number_forward_and_backward(spelling, language):
    folded = pass_of(LOGISTIC[spelling], w=0.5, x=1.0, b=0.1, y=1.0).steps(language)
    wanted = [str(n) for n in range(1, len(folded) + 1)]
    for told in (folded, folded.unfold()):
        text, tags, items = numbered_in(told)
        assert text == list(zip(wanted, [s.name for s in told]))
        assert tags == items == wanted


def test_numbers_stand_in_a_margin_and_more_lines_of_a_step_beside_it():
    lines = pass_of(";".join(f"u{k} = {f'u{k - 1}*u{k - 1}' if k else 'x*2'}" for k in range(6)), x=1.0).steps().text.split("\n")
    story = [line for line in lines if line.startswith(" ")]
    assert all(re.match(r"   \d  \S|  \d\d  \S| {8}along ", line) for line in story), story
    assert sum(line.startswith("        along ") for line in story) == 10


# in parts


def test_a_derivative_in_parts():
    steps = pass_of(LOGISTIC["sigmoid"], w=1.0, x=1.0, b=0.0, y=1.0).steps()
    dz = line(steps, "dz")
    assert (dz.kind, dz.node, kinds(dz)) == (DERIVATIVE, "z", [RIGHT, LOCAL, PRODUCT, COMES_TO])
    right, local, product, comes_to = dz.parts
    assert (right.node, right.name, right.formulas) == ("a", "da", ("(1 - y) / (1 - a) - y / a",))
    assert (local.node, local.name, local.formulas) == ("a", "∂a/∂z", ("a * (1 - a)",))
    assert right.result * local.result == pytest.approx(product.result, rel=1e-15)
    assert product.formulas == ("da * a * (1 - a)",)
    assert comes_to.formulas == ("a - y",)
    assert product.result == pytest.approx(comes_to.result, rel=1e-15)
    assert dz.where == ("a ≠ 0", "a ≠ 1")


def test_the_logistic_loss_unfolded():
    p = pass_of(LOGISTIC["spelt out"], w=0.5, x=1.0, b=0.1, y=1.0)
    assert p.steps().unfold("a", "z").text == """Left to right: values
   1  z = w * x + b = 0.5 * 1 + 0.1 = 0.6
          w_times_x = w * x = 0.5 * 1 = 0.5
          z = w_times_x + b = 0.5 + 0.1 = 0.6
   2  a = 1 / (1 + exp(-z)) = 1 / (1 + exp(-0.6)) = 0.645656
          neg_z = -z = -0.6
          exp = exp(neg_z) = exp(-0.6) = 0.548812
          plus = 1 + exp = 1 + 0.548812 = 1.54881
          a = 1 / plus = 1 / 1.54881 = 0.645656
   3  L = -(y * log(a) + (1 - y) * log(1 - a)) = -(1 * log(0.645656) + (1 - 1) * log(1 - 0.645656)) = 0.437488

Right to left: derivatives of the final output
   4  dL = 1
   5  da = (1 - y) / (1 - a) - y / a = (1 - 1) / (1 - 0.645656) - 1 / 0.645656 = -1.54881
          along 1 - a
              from the right  dL = 1
              local           ∂L/∂a along 1 - a = (1 - y) / (1 - a) = (1 - 1) / (1 - 0.645656) = 0
              product         (1 - y) / (1 - a) = 1 * 0 = 0
          along log(a)
              from the right  dL = 1
              local           ∂L/∂a along log(a) = -y / a = -1 / 0.645656 = -1.54881
              product         -y / a = 1 * (-1.54881) = -1.54881
          sum             (1 - y) / (1 - a) - y / a = 0 + (-1.54881) = -1.54881
          inside a
              dplus = -da / plus**2 = -(-1.54881) / 1.54881**2 = 0.645656
              dexp = dplus = 0.645656
              dneg_z = dexp * exp = 0.645656 * 0.548812 = 0.354344
   6  dz = da * exp(-z) / (1 + exp(-z))**2 = a - y = 0.645656 - 1 = -0.354344
          from the right  da = (1 - y) / (1 - a) - y / a = -1.54881
          local           ∂a/∂z = exp(-z) / (1 + exp(-z))**2 = exp(-0.6) / (1 + exp(-0.6))**2 = 0.228784
          product         da * exp(-z) / (1 + exp(-z))**2 = (-1.54881) * 0.228784 = -0.354344
          comes to        a - y = 0.645656 - 1 = -0.354344   for a ≠ 0 and a ≠ 1
          inside z
              dw_times_x = dz = -0.354344
   7  dy = log(1 - a) - log(a) = -z = -0.6
        along 1 - y: log(1 - a) = log(1 - 0.645656) = -1.03749
        along y * log(a): -log(a) = -log(0.645656) = 0.437488
   8  dx = dz * w = (-0.354344) * 0.5 = -0.177172
   9  dw = dz * x = (-0.354344) * 1 = -0.354344
  10  db = dz = -0.354344"""


def test_inside_a_line_operations_go_by_their_automatic_names():
    p = pass_of("z = W @ x + b; a = exp(z)/sum(exp(z)); L = -log(take(a, y))", y=1, **V)
    da = line(p.steps(), "da")
    assert [(s.name, s.formulas[-1]) for s in da.inside] == [
        ("dsum", "-sum(da * exp_z) / sum**2"), ("dexp_z_2", "spread(dsum, exp_z_2)"), ("dexp_z", "da / sum")]


def test_a_linear_map_tells_what_it_makes_of_g():
    steps = pass_of("z = W @ x + b; g = sum(z); L = g**2", **V).steps()
    right, local, product = line(steps, "dW").parts
    assert (right.name, local.kind, local.formulas, product.formulas) == ("dz", MAP, ("outer(g', x)",), ("outer(dz, x)",))
    assert local.line == "g' → outer(g', x)"
    assert "      local           g' → outer(g', x)\n" in steps.unfold("W").text
    assert line(steps, "db").parts[1].formulas == ("1",)


def test_unfolding_and_folding():
    steps = pass_of(LOGISTIC["sigmoid"], w=1.0, x=1.0, b=0.0, y=1.0).steps()
    assert steps.unfold().fold().text == steps.text
    assert steps.unfold("z").unfold("a").text == steps.unfold("z", "a").text
    assert steps.unfold("z", "a").fold("a").text == steps.unfold("z").text
    assert [s.node for s in steps.unfold("z") if s.open] == ["z", "z"]
    assert steps.text != steps.unfold("z").text != steps.unfold().text
    with pytest.raises(UsageError, match="no step tells of 'q'"):
        steps.unfold("q")
    kind = {s.kind for s in steps.forward}, {s.kind for s in steps.backward}
    assert kind == ({VALUE}, {DERIVATIVE})
    assert [s.name for s in steps.forward[0].parts] == ["w_times_x", "z"]
    assert [s.name for s in line(steps, "dL").inside][:2] == ["dplus", "dtimes_2"]


def test_on_the_command_line(capsys):
    assert cli.main(["explain", LESSON, "a=5", "b=3", "c=2", "--unfold"]) == 0
    assert "      local           ∂u/∂b = c = 2\n" in capsys.readouterr().out


# what is told is true


SCALARS = ["{0} + {1}", "{0} - {1}", "{0}*{1}", "{0}/{1}", "exp(0.3*{0})", "log(1 + {0}**2)", "sigmoid({0})", "tanh({0})", "-{0}",
           "sqrt(1 + {0}**2)", "{0}**2", "sin({0})", "1/(1 + exp(-{0}))", "{0}*{1}/({1}*2)", "{0}/{1} - {1}/{0}", "{0}**-2",
           "({0} + {1})*({0} - {1})", "log(sigmoid({0}))", "{0}*{0}", "where({0} > {1}, {0}, 2*{1})", "maximum({0}, {1})",
           "log(1 - sigmoid({0}))*{1}", "{0}**3/3", "abs({0})"]
VECTORS = [*SCALARS, "softmax({0})", "exp({0})/sum(exp({0}))", "{0}*sum({1})", "{0} - mean({1})", "M @ {0}", "transpose(M) @ {0}",
           "{0}*norm({1})", "{0}*{1}[1]", "{0}/take({1}, 2)", "concatenate({0}[0:1], {1}[1:3])", "stack({0}[0], {1}[1], {0}[2])"]
REDUCED = ["sum({0}*{1})", "{0} @ {1}", "-log(softmax({0})[1])", "mean(({0} - {1})**2)", "logsumexp({0})", "sum({0})", "norm({0} + {1})",
           "-sum({1}*log(softmax({0})))", "sum(outer({0}, {1}))", "-log(take(softmax({0}), 2))", "max({0})", "{0}[0]*{1}[2]"]


@st.composite
def formulas(draw):
    scalars, vectors, lines = ["p", "q"], ["x", "w"], []

    def written(templates, names):
        return draw(st.sampled_from(templates)).format(draw(st.sampled_from(names)), draw(st.sampled_from(names)))

    for i in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from("svr"))
        text = {"s": lambda: written(SCALARS, scalars), "v": lambda: written(VECTORS, vectors), "r": lambda: written(REDUCED, vectors)}[kind]()
        if kind == "v" and draw(st.booleans()):
            text = f"{draw(st.sampled_from(scalars))}*({text})"
        lines.append(f"{kind}{i} = {text}")
        (vectors if kind == "v" else scalars).append(f"{kind}{i}")
    return "; ".join([*lines, f"J = {scalars[-1]}*({written(REDUCED, vectors[-2:])})"])


@given(formulas(), st.integers(0, 1000))
@settings(max_examples=60)
def test_every_formula_comes_to_its_number(text, seed):
    rng = np.random.default_rng(seed)
    p = pass_of(text, p=rng.uniform(0.5, 2), q=rng.uniform(0.5, 2), x=rng.uniform(0.5, 2, 3), w=rng.uniform(0.5, 2, 3), M=rng.uniform(-1, 1, (3, 3)))
    known = {**p.values, **{f"d{n}": v for n, v in p.d.items()}}
    if not all(np.isfinite(v).all() for v in known.values()):
        return
    for step in p.steps():
        for s in (step, *step.parts, *step.inside, *(part for along in step.parts for part in along.parts)):
            for formula in s.formulas if s.result is not None else ():
                agrees(formula, known, s.result)
        for part in (step, *step.parts):
            made = {s.kind: s for s in part.parts}
            if MAP in made:
                agrees(made[MAP].formulas[0], {**known, "g": made[RIGHT].result}, made[PRODUCT].result)
            elif LOCAL in made and made[LOCAL].result is not None and made[PRODUCT].result is not None:
                np.testing.assert_allclose(made[RIGHT].result * made[LOCAL].result, made[PRODUCT].result, rtol=1e-6, atol=1e-9)


def agrees(formula, known, result):
    if "…" in formula:
        return
    graph = dv.graph(formula)
    found = graph({n: known[n] for n in graph.inputs})
    np.testing.assert_allclose(found, result, rtol=1e-6, atol=1e-9 * (1 + np.max(np.abs(result))), err_msg=formula)
    assert np.shape(found) == np.shape(result) or formula == "0"


# where something cancelled


@pytest.mark.parametrize(
    ("text", "of", "where"),
    [
        (LOGISTIC["sigmoid"], "z", ("a ≠ 0", "a ≠ 1")),
        ("v = x*y/x; L = v**2", "x", ("x ≠ 0",)),
        ("v = x*y/x; L = v**2", "y", ("x ≠ 0",)),
        ("u = x*y; v = u/x; L = v", "y", ("x ≠ 0",)),
        ("u = x*y; v = u/(2*x - 3*y); t = v*(2*x - 3*y); L = t", "u", ("2 * x - 3 * y ≠ 0",)),
        ("u = x*y; v = u/(x - 5); t = v*(x - 5); L = t", "u", ("x ≠ 5",)),
        ("u = x*y; v = u/(1 + exp(x)); t = v*(1 + exp(x)); L = t", "u", ()),
        ("u = x*y; v = u/x; L = v", "u", ()),
        ("u = x*y; L = 1/u", "y", ()),
        ("u = x**2; L = log(u)", "x", ()),
        ("z = w*x; L = (z - y)**2", "z", ()),
    ],
)
def test_what_cancelled_is_said(text, of, where):
    steps = pass_of(text, x=2.0, y=3.0, w=0.5, b=0.25).steps()
    step = line(steps, "d" + of)
    assert step.where == where
    note = f"  note: d{of} = {step.formulas[-1]} by cancelling, for {' and '.join(where)}"
    assert (note in steps.text.split("\n")) == bool(where)
    assert "cancelling" not in step.line
    told = steps.unfold(of).text
    assert note not in told
    assert told.count(f"   for {' and '.join(where)}") == bool(where)


# numbers


def test_a_value_called_as_a_derivative_is():
    p = pass_of("da = a*2; L = da**2 + a", a=3.0)
    steps = p.steps()
    assert [s.line for s in steps] == ["da = a * 2 = 3 * 2 = 6", "L = da**2 + a = 6**2 + 3 = 39", "dL = 1",
                                       "dda = 2 * da = 2 * 6 = 12", "dL/da = 1 + 2 * dda = 1 + 2 * 12 = 25"]
    assert (p.d["da"], p.d["a"]) == (12.0, 25.0)


@pytest.mark.parametrize(("z", "y"), [(800.0, 0.0), (-800.0, 1.0), (40.0, 1.0)])
def test_what_floating_point_cannot_hold_is_told_without_numbers(z, y):
    p = pass_of(LOGISTIC["spelt out"], w=z, x=1.0, b=0.0, y=y)
    told = p.steps().unfold("z", "a").text
    [dz] = [s for s in told.split("\n") if s.startswith("   6  dz = ")]
    assert dz.startswith("   6  dz = da * exp(-z) / (1 + exp(-z))**2 = a - y")
    assert "nan" not in dz
    if abs(z) == 800:
        assert "      product         da * exp(-z) / (1 + exp(-z))**2\n" in told
        assert "= inf" in told or "= -inf" in told
    else:
        assert dz.endswith("a - y = -4.24835e-18")  # 1 - 1 is 0: the numbers put in do not come to it


def test_a_zero_has_no_sign():
    assert "-0" not in pass_of("u = -x; v = u*y; L = v + y", x=0.0, y=-1.0).steps().unfold().text.replace("(-0)", "-0")


def test_pi_stays_pi_and_no_decimal_becomes_a_quotient():
    for text, told in [
        ("J = pi*a", "da = π = 3.14159"), ("J = pi*a**2", "da = 2 * π * a = 2 * π * 2 = 12.5664"), ("J = a/(2*pi)", "da = 0.5 / π = 0.159155"),
        ("J = sin(-pi*a)", "da = -π * cos(-π * a) = -π * cos(-π * 2) = -3.14159"), ("J = 0.123456789*a", "da = 0.123457"),
        ("J = 1.234567890123*a**2", "da = 2.46914 * a = 2.46914 * 2 = 4.93827"), ("J = a/3 + 2*a/7", "da = 13 / 21 = 0.619048"),
        ("J = exp(-a)/sqrt(2*pi)", "da = -exp(-a) / sqrt(2 * π) = -0.398942 * exp(-a) = -0.398942 * exp(-2) = -0.053991"),
    ]:
        assert line(pass_of(text, a=2.0).steps(), "da").line == told
        assert "10^{14}" not in pass_of(text, a=2.0).steps().latex
    assert pass_of("J = pi*a", a=2.0).steps().latex.count(r"&= \pi = 3.14159 \tag") == 1


def test_no_condition_is_said_of_a_number_or_a_root_of_what_is_positive():
    for text in ("J = exp(-a**2/2)/sqrt(2*pi)", "J = a**3*sqrt(1 + exp(a))/sqrt(1 + exp(a))"):
        assert not pass_of(text, a=2.0).steps().remarks({"cancelled": "{line}", "and": "", "note": ""})


@pytest.mark.parametrize(("text", "inputs", "told"), [
    ("J = log(a)", {"a": -1.0}, "da = nan"),
    ("J = a/b", {"a": 0.0, "b": 0.0}, "da = nan"),
    ("u = sqrt(a); J = u*a", {"a": -1.0}, "du = nan"),
    ("J = a**b", {"a": -2.0, "b": 3.0}, "db = J * log(a) = (-8) * log(-2) = nan"),  # here J is defined
])
def test_where_the_output_is_not_defined_no_formula_stands_for_its_derivatives(text, inputs, told):
    steps = pass_of(text, **inputs).steps()
    assert line(steps, told.split(" = ")[0]).line == told


@pytest.mark.parametrize(("text", "inputs", "told"), [
    ("J = floor(a) + b", {"a": 1.5, "b": 2}, ["dJ = 1", "db = 1", "da = 0"]),
    ("c = a > 0; J = where(c, a, 0)", {"a": 2.0}, ["dJ = 1", "dc = 0", "da = where(c, 1, 0) = where(1, 1, 0) = 1"]),
    ("inputs: x, unused\nJ = x", {"x": 1.0, "unused": [1, 2]}, ["dJ = 1", "dunused = [0, 0] (2,)", "dx = 1"]),
    ("da = floor(a); J = da*b", {"a": 1.5, "b": 2}, ["dJ = 1", "dda = b = 2", "db = da = 1", "dJ/da = 0"]),
])
def test_what_nothing_comes_back_to_is_told_as_well(text, inputs, told):
    steps = pass_of(text, **inputs).steps()
    assert [step.line for step in steps.backward] == told
    compiles(steps.latex)
    assert len(steps.unfold().backward) == len(steps.backward) == len(steps.latex.split("tag")) - 1 - len(steps.forward)


def test_odd_names_are_told_as_they_are_written():
    p = pass_of("J = `x y`*a", **{"x y": 3.0, "a": 2.0})
    assert [step.line for step in p.steps()] == ["J = `x y` * a = 3 * 2 = 6", "dJ = 1", "`dx y` = a = 2", "da = `x y` = 3"]
    assert [step.node for step in p.steps()] == ["J", "J", "x y", "a"]
    assert p.steps().unfold("x y").backward[1].open


def test_constants_are_told_alike_in_steps_and_pictures():
    p = pass_of("k = [1, 2]; n = pi; u = k @ x; J = u + [3, 4] @ x + n", x=[5.0, 6.0])
    assert [step.line for step in p.steps().forward] == [
        "k = [1, 2] (2,)", "n = π = 3.14159", "u = k @ x = [1, 2] @ [5, 6] = 17", "J = u + [3, 4] @ x + n = 17 + [3, 4] @ [5, 6] + 3.14159 = 59.1416"]
    assert all(f">{told}<" in p.svg() for told in ("k = [1, 2] (2,)", "n = π", "J = u + [3, 4] @ x + n"))


def test_what_is_true_is_told_as_1():
    p = pass_of("c = a > 0; J = where(c, a, 0)*c", a=2.0)
    assert p.steps().forward[0].line == "c = a > 0 = 2 > 0 = 1"
    assert r"c &= a > 0 = 2 > 0 = 1" in p.steps().latex
    assert "True" not in f"{p.steps().unfold()}{p.svg()}{p!r}"
    assert type(p.c) is float


# LaTeX


def whole_matrix(found):
    """A matrix read as one sign; its rows are of one length."""
    assert len({row.count("&") for row in found[1].split(r"\\")}) == 1, found[0]
    return "M"


def compiles(latex):
    """Whether TeX would read it: braces and \\left…\\right balance, one & a line, no character that means something else, and
    nothing with two subscripts or two superscripts."""
    head, *lines, end = latex.split("\n")
    assert (head, end) == (r"\begin{align*}", r"\end{align*}")
    for number, told in enumerate(lines):
        assert told.endswith(r" \\") == (number < len(lines) - 1)
        told = re.sub(r"\\begin{bmatrix}(.*?)\\end{bmatrix}", whole_matrix, told.removesuffix(r" \\"))
        assert len(re.findall(r"(?<!\\)&", told)) == 1, told
        assert not re.search(r"(?<!\\)[%#~…]", told), told
        assert told.count(r"\left") == told.count(r"\right"), told
        scripts = [set()]
        for token in re.findall(r"\\[a-zA-Z]+|\\.|.", told):
            if token == "{":
                scripts.append(set())
            elif token == "}":
                scripts.pop()
                assert scripts, told
            elif token in "^_":
                assert token not in scripts[-1], told
                scripts[-1].add(token)
                scripts[-1].add("next")
            elif token != " ":
                if "next" not in scripts[-1]:
                    scripts[-1].clear()
            if token not in "^_ {" and "next" in scripts[-1]:
                scripts[-1].discard("next")
            elif token == "{" and len(scripts) > 1 and "next" not in scripts[-2]:
                scripts[-2].clear()
        assert len(scripts) == 1, told


TOLD_IN_LATEX = [
    (LESSON, {"a": 5.0, "b": 3.0, "c": 2.0}),
    (LOGISTIC["spelt out"], {"w": 0.5, "x": 1.0, "b": 0.1, "y": 1.0}),
    ("z = W @ x + b; a = softmax(z); L = -log(take(a, y))", {**V, "y": 1}),
    ("z1 = W @ x; L = sum(exp(z1)**2) + sum(transpose(W)**2) + take(z1, 1)*z1[0]", V),
    ("u = 1e-8*x**2 + 1e300; J = exp(exp(u))*3.14159265358979", {"x": 1e-20}),
    ("u = log(x); J = u*x", {"x": -1.0}),
    ("da = a*2; L = da**2 + a", {"a": 3.0}),
    ("L = where(x > 1, x, x**2)**(x/2)/hypot(x, 2) + floor(x) + abs(x) + xlogy(x, x)", {"x": 2.0}),
]


@pytest.mark.parametrize(("text", "given"), TOLD_IN_LATEX)
def test_latex_compiles(text, given):
    steps = pass_of(text, **given).steps()
    for told in (steps, steps.unfold()):
        compiles(told.latex)
        assert told._repr_latex_() == told.latex


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX is installed")
def test_latex_makes_a_document(tmp_path):
    told = [steps.latex for text, given in TOLD_IN_LATEX for steps in (pass_of(text, **given).steps(), pass_of(text, **given).steps().unfold())]
    told += [pass_of(f"u = `{name}`**3; J = u*2", **{name: 0.5}).steps().latex for name in NAMES if name.isascii()]
    table = [op.latex.format(*"abc"[: op.arity]) for op in ROWS if op.latex and not op.options and not op.many]
    head = r"\documentclass[a3paper,landscape]{article}\usepackage[T1]{fontenc}\usepackage{amsmath}\begin{document}\tiny"
    body = "\n\n".join([*told, *(f"\\[{row}\\]" for row in table)])
    (tmp_path / "steps.tex").write_text(f"{head}\n{body}\n\\end{{document}}\n", encoding="utf-8")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "steps.tex"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode("latin-1")[-2000:]
    assert (tmp_path / "steps.pdf").stat().st_size > 10_000


NAMES = {
    "w1": "w_{1}", "w_1": "w_{1}", "w_1_2": "w_{1,2}", "x12": "x_{12}", "learning_rate": r"\mathit{learning}_{\mathit{rate}}",
    "layer1.z": r"\mathit{layer1.z}", "sigma": r"\sigma", "mu_1": r"\mu_{1}", "μ": r"\mu", "α2": r"\alpha_{2}", "data": r"\mathit{data}",
    "b_times_c": r"\mathit{b\_times\_c}", "50% of x_1": r"\text{50\% of x\_1}", "a b": r"\text{a b}", "é": r"\text{é}", "a{b}": r"\text{a\{b\}}",
    "c\\d": r"\text{c\textbackslash{}d}", "$x^2$": r"\text{\$x\textasciicircum{}2\$}", "R&D #1": r"\text{R\&D \#1}",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_in_latex(name):
    p = pass_of(f"u = 2*`{name}` + `{name}`**3; J = sin(u)", **{name: 0.5})
    latex = p.steps().latex
    compiles(latex)
    compiles(p.steps().unfold().latex)
    assert rf"u &= 2 \cdot {NAMES[name]} + {NAMES[name]}^{{3}} = 2 \cdot 0.5 + 0.5^{{3}} = 1.125" in latex
    assert rf"\mathrm{{d}}{NAMES[name]} &= 2 \cdot \mathrm{{d}}u + 3 \cdot \mathrm{{d}}u \cdot {NAMES[name]}^{{2}}" in latex


def test_numbers_are_put_into_latex():
    lines = pass_of("u = b*c; v = a + u**2; J = u*v", a=5.0, b=-3.0, c=1e-7).steps().latex.split(" \\\\\n")
    assert lines[0].endswith(r"u &= b \cdot c = (-3) \cdot (1 \cdot 10^{-7}) = -3 \cdot 10^{-7} \tag{1}")
    assert lines[1] == r"v &= a + u^{2} = 5 + (-3 \cdot 10^{-7})^{2} = 5 \tag{2}"
    assert r"\mathrm{d}b &= \mathrm{d}u \cdot c = 5 \cdot (1 \cdot 10^{-7}) = 5 \cdot 10^{-7} \tag{8}" in lines
    fork = pass_of("u = 2*a; J = u*a - a", a=3.0).steps().unfold("a").latex
    assert r"\text{sum } \mathrm{d}a &= u + 2 \cdot \mathrm{d}u - 1 = -1 + 6 + 6 = 11" in fork
    assert r"\text{product } \mathrm{d}a &= u = 1 \cdot 6 = 6" in fork
    for text, inputs in TOLD_IN_LATEX:
        for step in pass_of(text, **inputs).steps():
            assert all(bool(s.numbers) == bool(s.latex_numbers) for s in (step, *step.parts, *step.inside))


def test_latex_of_a_derivative_in_parts():
    latex = pass_of(LOGISTIC["sigmoid"], w=1.0, x=1.0, b=0.0, y=1.0).steps().unfold("z").latex
    for told in [r"\mathrm{d}z &= \mathrm{d}a \cdot a \cdot (1 - a) = a - y = 0.731059 - 1 = -0.268941",
                 r"\quad \text{local } \frac{\partial a}{\partial z} &= a \cdot (1 - a) = 0.731059 \cdot (1 - 0.731059) = 0.196612",
                 r"\quad \text{comes to } \mathrm{d}z &= a - y = 0.731059 - 1 = -0.268941 \qquad \text{for } a \ne 0 \text{ and } a \ne 1"]:
        assert told in latex


def test_a_condition_is_told_in_latex_too_where_the_step_is_folded():
    steps = pass_of(LOGISTIC["sigmoid"], w=1.0, x=1.0, b=0.0, y=1.0).steps()
    [dz] = [told for told in steps.latex.split(" \\\\\n") if told.startswith(r"\mathrm{d}z &=")]
    assert dz.endswith(r"-0.268941 \qquad \text{for } a \ne 0 \text{ and } a \ne 1 \tag{6}")
    compiles(steps.latex)


def test_in_latex_arrays_are_multiplied_element_by_element_with_a_sign_of_its_own():
    told = pass_of("h = tanh(W @ x + b); k = tanh(w @ h); L = (k - y)**2", W=[[1, 2], [3, 4]], x=[1, 2], b=[0, 1], w=[1, -1], y=1).steps().latex
    assert r"\mathrm{d}W &= (\mathrm{d}h \odot (1 - h^{2})) \, x^{\mathsf T} =" in told
    assert r"\mathrm{d}h &= \mathrm{d}k \cdot w \cdot (1 - k^{2}) =" in told  # a number and an array
    assert r"v &= a \odot b \odot c + 2 \cdot a - a \odot b" in pass_of(
        "v = a*b*c + 2*a - a*b; J = sum(v)", a=[1, 2], b=[3, 4], c=[5, 6]).steps().latex


@pytest.mark.parametrize(("shape", "told"), [
    ((2, 3), r"\begin{bmatrix} 0 & 1 & 2 \\ 3 & 4 & 5 \end{bmatrix}"), ((1, 1), r"\begin{bmatrix} 0 \end{bmatrix}"),
    ((4, 2), r"\begin{bmatrix} 0 & 1 \\ 2 & 3 \\ \vdots & \vdots \end{bmatrix}_{4 \times 2}"),
    ((2, 4), r"\begin{bmatrix} 0 & 1 & \cdots \\ 4 & 5 & \cdots \end{bmatrix}_{2 \times 4}"),
    ((5, 5), r"\begin{bmatrix} 0 & 1 & \cdots \\ 5 & 6 & \cdots \\ \vdots & \vdots & \ddots \end{bmatrix}_{5 \times 5}"),
])
def test_a_matrix_in_latex_is_whole_or_its_corner(shape, told):
    steps = pass_of("V = 1*W; J = sum(V)", W=np.arange(np.prod(shape), dtype=float).reshape(shape)).steps()
    assert f"= {told} \\tag{{1}}" in steps.latex
    compiles(steps.latex)


def test_latex_in_korean_says_no_english():
    for text, inputs in TOLD_IN_LATEX:
        told = pass_of(text, **inputs).steps("ko").unfold().latex
        compiles(told)
        assert set(re.findall(r"\\text{ ?([a-z]+)", told)) <= {"nan"}
    assert r"\text{오른쪽에서 온 값 } " in told


# size


def test_telling_2000_lines_costs_each_line_once():
    lines = ["u0 = x*w"] + [f"u{k} = {('sigmoid(u%d*w)', 'u%d/(1 + u%d**2)', 'exp(u%d) - y', 'log(1 + exp(u%d))')[k % 4].replace('%d', str(k - 1))}"
                            for k in range(1, 2000)]
    p = pass_of(";".join(lines), x=0.25, w=0.5, y=1.0)
    steps = p.steps()
    assert len(steps.forward) == 2000
    assert len(steps.backward) == 2003
    assert max(map(len, steps.text.split("\n"))) < 1100  # a formula of 500 characters, its numbers, its name
    teller = Teller(p)
    for i in reversed(teller.shown):
        teller.backward(i)
    assert len(teller.tape.nodes) < 60 * len(p.graph.nodes)


def test_a_node_reached_by_2_to_the_100_paths():
    named = pass_of("u0 = x + x;" + ";".join(f"u{k} = u{k - 1} + u{k - 1}" for k in range(1, 100)), x=1.0)

    @dv.graph
    def unnamed(x):
        parts = [x]
        for _ in range(100):
            parts.append(parts[-1] + parts[-1])
        return parts[-1]

    for p in (named, unnamed.at(x=1.0)):
        assert len(p.steps().text) < 50_000
        assert len(p.steps().unfold().latex) < 500_000
        assert p.dx == 2.0**100


def test_a_long_line_nobody_named_is_cut_into_lines():
    @dv.graph
    def f(x):
        parts = [x]
        for _ in range(1000):
            parts.append(dv.sin(parts[-1]) * 1.01)
        return parts[-1]

    told = f.at(x=1.0).steps()
    assert 10 < len(told.forward) < 100
    assert max(map(len, told.unfold().text.split("\n"))) < 3000


# other languages, HTML


def test_steps_in_korean():
    told = pass_of("u = b*c; v = a + u; J = 3*v", a=5, b=3, c=2).steps("ko").unfold("c").text
    assert told.startswith("왼쪽에서 오른쪽으로: 값\n  1  u = b * c = 3 * 2 = 6")
    assert "국소 미분" in told
    assert "dc = du * b = 3 * 3 = 9" in told
    with pytest.raises(UsageError, match="no language 'xx'"):
        pass_of("J = a*2", a=1).steps("xx")


def test_steps_as_html():
    told = pass_of("`a<b` = x*2; y = `a<b` + `a<b`**2; L = y/x", x=3).steps().unfold("y").html
    ET.fromstring(told.replace("<details open>", '<details open="">'))
    assert told.count("<li>") == 3 + 4
    assert "a&lt;b" in told
    assert told.count("<details open>") == 2  # its value and its derivative
    assert "from the right" in told


def test_short_vectors_and_matrices_are_put_in():
    p = pass_of("z = W @ x + b; L = sum(z*v)", W=[[0.5, -0.25], [1, 2]], x=[1, -2], b=[0.5, 0], v=[3, 4])
    told = p.steps().text
    assert "z = W @ x + b = [[0.5, -0.25], [1, 2]] @ [1, -2] + [0.5, 0] = [1.5, -3] (2,)" in told
    assert "dW = outer(dz, x) = outer([3, 4], [1, -2]) = [[3, -6], [4, -8]] (2, 2)" in told
    matrix = r"\begin{bmatrix} 0.5 & -0.25 \\ 1 & 2 \end{bmatrix}"
    assert matrix + r" \, \left[1,\ -2\right] + \left[0.5,\ 0\right] = \left[1.5,\ -3\right]" in p.steps().latex
    long = pass_of("z = w @ x", w=np.arange(5.0), x=np.arange(5.0))
    assert "z = w @ x = 30" in long.steps().text
