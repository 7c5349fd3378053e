"""The language of formulas: what each text means and prints as, that what is printed reads back, where errors point, and that
hostile text is an error like any other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dvar as dv
from dvar.expression import writing
from dvar.expression.ops import ROWS

A, B, C = 2.0, 3.0, 5.0

# text, as printed, value at a=2, b=3, c=5
GRAMMAR = [
    ("a+b*c", "f = a + b * c", 17.0),
    ("(a+b)*c", "f = (a + b) * c", 25.0),
    ("a-b-c", "f = a - b - c", -6.0),
    ("a-(b-c)", "f = a - (b - c)", 4.0),
    ("a-(b+c)", "f = a - (b + c)", -6.0),
    ("a+(b+c)", "f = a + (b + c)", 10.0),
    ("a/b/c", "f = a / b / c", 2 / 3 / 5),
    ("a/(b/c)", "f = a / (b / c)", 2 / (3 / 5)),
    ("a/(b*c)", "f = a / (b * c)", 2 / 15),
    ("a/b*c", "f = a / b * c", 2 / 3 * 5),
    ("a*(b/c)", "f = a * (b / c)", 2 * (3 / 5)),
    ("a**b**a", "f = a**b**a", 512.0),
    ("(a**b)**a", "f = (a**b)**a", 64.0),
    ("-a**b", "f = -a**b", -8.0),
    ("(-a)**b", "f = (-a)**b", -8.0),
    ("a**-b", "f = a**-b", 0.125),
    ("a**-2", "f = a**-2", 0.25),
    ("-a*b", "f = -a * b", -6.0),
    ("-(a*b)", "f = -(a * b)", -6.0),
    ("a*-b", "f = a * -b", -6.0),
    ("--a", None, 2.0),
    ("-(-a)", None, 2.0),
    ("+a", "f = a", 2.0),
    ("a - -b", "f = a - -b", 5.0),
    ("a--3", None, 5.0),
    ("-3", "f = -3", -3.0),
    ("(-3)**2 + a", "f = (-3)**2 + a", 11.0),
    ("-3**2 + a", "f = -3**2 + a", -7.0),
    ("a<b", "f = a < b", 1.0),
    ("a<=b", "f = a <= b", 1.0),
    ("a>b", "f = a > b", 0.0),
    ("a>=b", "f = a >= b", 0.0),
    ("a==b", "f = a == b", 0.0),
    ("a!=b", "f = a != b", 1.0),
    ("a+b<c", "f = a + b < c", 0.0),
    ("a + (b<c)", "f = a + (b < c)", 3.0),
    ("where(a<b, a, c)", "f = where(a < b, a, c)", 2.0),
    ("max(a, b)", "f = maximum(a, b)", 3.0),
    ("min(a, b)", "f = minimum(a, b)", 2.0),
    ("exp(log(a))", "f = exp(log(a))", 2.0),
    ("[1, 2]@[3, 4] + a", "f = [1, 2] @ [3, 4] + a", 13.0),
    ("sum([[1, -2], [3, 4e1]]) + a", "f = sum([[1, -2], [3, 40]]) + a", 44.0),
    ("dot([1,2],[3,4])*a", "f = [1, 2] @ [3, 4] * a", 22.0),
    ("2.5e-3*a", "f = 0.0025 * a", 0.005),
    (".5*a", "f = 0.5 * a", 1.0),
    ("1.*a", "f = 1 * a", 2.0),
    ("1E2 + a", "f = 100 + a", 102.0),
    ("pi*a", None, 2 * np.pi),
    ("0.1 + a", "f = 0.1 + a", 2.1),
    ("u = a*b; v = u + c; v*u", "u = a * b\nv = u + c\nf = v * u", 66.0),
    ("u = a\nu = u*u\nu = u*u", "u = a\nu_2 = u * u\nu_3 = u_2 * u_2", 16.0),
    ("\n\n ; u = a*b ;; \n # a comment; not read ^\n J = u # the output\n", "u = a * b\nJ = u", 6.0),
    ("k = 3; J = k*a", "k = 3\nJ = k * a", 6.0),
    ("inputs: c, b, a\nJ = a - b", "inputs: c, b, a\nJ = a - b", -1.0),
    ("`odd name` = a*b; J = `odd name` + 1", "`odd name` = a * b\nJ = `odd name` + 1", 7.0),
    ("exp = a*2; J = exp(exp)", "exp = a * 2\nJ = exp(exp)", np.exp(4.0)),
]


def one_line_per_statement(graph):
    """Nodes that nobody named written into those that somebody did: no more parentheses than the grammar needs."""
    nodes = graph.nodes
    lines = writing.write(nodes, lambda i: nodes[i].given and nodes[i].op != "input", lambda i: writing.spell_name(nodes[i].name))
    inputs = "inputs: " + ", ".join(graph.inputs) if list(graph.inputs) != sorted(graph.inputs) else ""
    return "\n".join([*filter(None, [inputs]), *(f"{writing.spell_name(nodes[i].name)} = {t}" for i, t in lines.items())])


@pytest.mark.parametrize(("text", "printed", "value"), GRAMMAR)
def test_grammar(text, printed, value):
    graph = dv.graph(text)
    if printed is not None:
        assert one_line_per_statement(graph) == printed
    inputs = {k: v for k, v in {"a": A, "b": B, "c": C}.items() if k in graph.inputs}
    assert graph(**inputs) == pytest.approx(value, rel=1e-15)
    assert dv.graph(str(graph)) == graph


@pytest.mark.parametrize("op", [op for op in ROWS if op.name not in ("same",)], ids=lambda op: op.name)
def test_every_row_is_read_and_written(op):
    names = "abc"[: op.arity]
    graph = dv.graph("J = " + op.form.format(*names))
    assert [n.op for n in graph.nodes if n.op != "input"] == [op.name]
    assert dv.graph(str(graph)) == graph


@pytest.mark.parametrize("name", ["lambda", "np", "i", "m", "math", "dv", "def", "None", "J", "L", "__import__", "e", "E1",
                                  "naïve", "δ", "x_2", "max", "sum", "inputs", "self", "print", "ﬁ"])
def test_any_name_is_a_variable(name):
    graph = dv.graph(f"out = 3*{name} + 1")
    assert graph.inputs == (name,)
    p = graph.at({name: 2.0})
    assert (p.values["out"], p.d[name]) == (7.0, 3.0)
    assert dv.graph(str(graph)) == graph
    for target in ("loop", "numpy"):
        assert graph.program(target)(2.0) == (7.0, 3.0)


@pytest.mark.parametrize("name", [";", "=", "(", ")", "pi", "a b", "1", "**", "a²", "'", '"', "#", "inputs: a", "\\", "{0}", "σ", "%s"])
def test_any_name_in_backticks_is_a_variable(name):
    as_input = dv.graph(f"u = `{name}`*2; `{name}{name}` = u + `{name}`; out = 3*`{name}{name}`")
    defined = dv.graph(f"`{name}` = u*2; `{name}{name}` = `{name}` + u; 3*`{name}{name}`")
    assert as_input.inputs == (name,)
    assert as_input.at({name: 2.0}).value == 18.0
    for graph in (as_input, defined):
        assert dv.graph(str(graph)) == graph
        for target in ("loop", "numpy"):
            assert graph.program(target)(2.0) == (18.0, 9.0)


def test_inputs_are_listed_alphabetically():
    assert dv.graph("z = b*a + Z").inputs == ("Z", "a", "b")


# errors: text, what is said, the column (in the line it stands in) that is marked, a hint
ERRORS = [
    ("a^2", "'^' is not part", 1, "a power is written **"),
    ("3v", "missing before 'v'", 1, "3*v"),
    ("2(a)", "missing before", 1, "*"),
    ("(a)(b)", "missing before", 3, "*"),
    ("(a)b", "missing before", 3, "*"),
    ("z = 1; σ(z)", "'σ'", 7, "sigmoid(z)"),
    ("a − b", "'−'", 2, "minus is written -"),
    ("a × b", "'×'", 2, "*"),
    ("√a", "'√'", 0, "sqrt"),
    ("2*π*a", "'π'", 2, "pi"),
    ("a²", "'²'", 1, "a**2"),
    ("ln(a)", "'ln'", 0, "log(a)"),
    ("np.exp(a)", "'.'", 2, "without np."),
    ("a + dv.exp(a)", "'.'", 6, "without dv."),
    ("a b", "unexpected 'b'", 2, ""),
    ("a +", "the formula ends", 3, ""),
    ("a + ; b", "the statement ends", 4, ""),
    ("u = a +\nJ = u", "the statement ends", 7, ""),
    ("u = a\nJ = u $ 2", "'$'", 6, ""),
    ("(a + b", "expected ')'", 6, ""),
    ("a + b)", "unexpected ')'", 5, ""),
    ("exp(a", "expected ')'", 5, ""),
    ("exp()", "found ')'", 4, ""),
    ("max(a, b, c)", "max takes a vector, or two values; 3 given", 0, "stack"),
    ("a.T @ b", "'.' is not part of the language of formulas", 1, "transpose(a)"),
    ("exp(a, b)", "exp takes one operand, 2 given", 0, ""),
    ("1 + where(a, b)", "where takes 3 operands, 2 given", 4, ""),
    ("f(a) = 3*a", "'f' is not an operation", 0, "a line is written without its inputs: f = …"),
    ("1 + expp(a)", "'expp' is not an operation; did you mean 'exp'", 4, ""),
    ("a < b < c", "comparisons do not chain", 2, "where"),
    ("a; b", "needs a name", 0, "u = …"),
    ("u = a = b", "'='", 6, "=="),
    ("x = y; y = 3", "'y' is used before it is defined", 7, "rename"),
    ("pi = 3", "pi is a constant", 0, ""),
    ("inputs: a\nJ = a + b", "'b' is used before it is defined", 8, ""),
    ("inputs: a, a\nJ = a", "the name of one more input", 11, ""),
    ("[1, a] @ b", "expected a number", 4, ""),
    ("[1, [2]] @ b", "equal lengths", 0, ""),
    ("[] @ b", "equal lengths", 0, ""),
    ("[[1], [2, 3]]", "equal lengths", 0, ""),
    ("* a", "found '*'", 0, ""),
    ("a ** ", "the formula ends", 5, ""),
    ("'a'", "is not part", 0, ""),
    ("a if b else c", "unexpected 'if'", 2, "where(a > b, x, y)"),
    ("u = Σ(a)", "'Σ' is not an operation", 4, "sum(…)"),
    ("u = ∑ a", "'∑' is not part", 4, "sum(…)"),
    ("x₁*a", "'₁' is not part", 1, "x_1"),
    ("x'*a", '"\'" is not part', 1, "backticks"),
    ("J := a", "unexpected ':'", 2, "with ="),
    ("1,5*a", "unexpected ','", 1, "decimal point"),
    ("a, b", "unexpected ','", 1, ""),
    ("sum([a, b])", "expected a number", 5, "stack(a, b)"),
]


@pytest.mark.parametrize(("text", "said", "column", "hint"), ERRORS)
def test_errors_mark_the_place(text, said, column, hint):
    with pytest.raises(dv.UsageError) as error:
        dv.graph(text)
    what, *rest = error.value.what.split("\n")
    assert said in what
    assert hint in error.value.help
    shown, mark = rest
    assert mark.strip() == "^"
    assert mark.index("^") - 2 == column
    assert shown[2:] in text.split("\n")


def test_a_long_line_is_shown_around_the_place():
    with pytest.raises(dv.UsageError) as error:
        dv.graph("a + " * 500 + "$" + " + a" * 500)
    _, shown, mark = error.value.what.split("\n")
    assert len(shown) < 120
    assert shown[mark.index("^")] == "$"


@pytest.mark.parametrize("text", ["", " ", "\n;\n", "# only a comment"])
def test_no_formula(text):
    with pytest.raises(dv.UsageError, match="there is no formula"):
        dv.graph(text)


# hostile text

HOSTILE = [
    "(" * 100_000 + "a" + ")" * 100_000,
    "(" * 100_000,
    "-" * 100_000 + "a",
    "+" * 100_000 + "a",
    "exp(" * 100_000,
    "[" * 100_000,
    "a**" * 100_000 + "a",
    "a" * 1_000_000 + " + b",
    "a + " * 250_000 + "a",
    "9" * 1_000_000,
    "`" * 100_001,
    "`" + "a" * 1_000_000,
    "a\0b",
    "\ud800",
    "__import__('os').system('x')",
    "().__class__.__bases__",
    "a.__class__",
    "{a}",
    "a := 3",
    "lambda: 0",
    "a[0",
    "x; import os",
    "exec(a)",
    "eval(a)",
    "open(a)",
    "f'{a}'",
    "a if a else a",
    "0x10",
    "1_000",
    "1e",
    "1j",
    "...",
    "\\",
    "@a",
    "a @ @ b",
    "==",
    "= 3",
    ",",
    "inputs:",
    "inputs: a,\nJ=a",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: repr(t[:20]))
def test_hostile_text_is_an_error_like_any_other(text):
    with pytest.raises(dv.UsageError) as error:
        dv.graph(text)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("text", ["9**9**9**9", "a*9**9**9**9", "1e308*10*a", "1e999*a", "0*1e999 + a"])
def test_numbers_without_end_are_infinite_not_slow(text):
    graph = dv.graph(text)
    value = graph(*[1.0 for _ in graph.inputs])
    assert not np.isfinite(value)
    assert dv.graph(str(graph)) == graph


@pytest.mark.parametrize("text", ["a*sin", "import_os*2", "a = 3 == 3; a", "inputs + 1"])
def test_words_of_python_and_of_the_table_are_variables(text):
    assert dv.graph(str(dv.graph(text))) == dv.graph(text)


def test_a_long_program_of_short_statements_is_read():
    graph = dv.graph("u0 = a*1;" + ";".join(f"u{i} = u{i - 1} + 1" for i in range(1, 20_000)))
    assert graph(a=1.0) == 20_000.0
    assert dv.graph(str(graph)) == graph


ALPHABET = st.sampled_from([*"abxyJ 0123.eE()+-*/@<>=!;,\n[]`^σ#", "exp", "log(", "where(", "**", "==", "inputs: ", "u = ", "pi"])


@settings(max_examples=400)
@given(st.lists(ALPHABET, max_size=40).map("".join))
def test_any_text_is_a_graph_or_an_error_with_words(text):
    try:
        graph = dv.graph(text)
    except dv.UsageError as error:
        assert error.what
    else:
        assert dv.graph(str(graph)) == graph


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_characters_are_a_graph_or_an_error_with_words(text):
    try:
        graph = dv.graph(text)
    except dv.UsageError as error:
        assert error.what
    else:
        assert dv.graph(str(graph)) == graph


# print(J) reads back

NAMES = ["a", "b", "w", "np", "lambda", "i", "δ", "pi", "odd name", "inputs", "times", "plus", "x_2", "x"]
NUMBERS = [0.0, -0.0, 1.0, -1.0, 3.0, -2.5, 0.1, 1e-300, 1e300, 1e15, 123456789.125, -1e-7]
ELEMENTWISE = [op for op in ROWS if op.shape.__name__ == "elementwise" and op.name not in ("same",)]


@st.composite
def texts(draw):
    """A random formula in statements, with rebound names, unused inputs and numbers of all kinds."""
    known, lines, used = [], [], draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    lines.append("inputs: " + ", ".join(map(writing.spell_name, used)))
    known = list(used)

    def operand(depth):
        kind = draw(st.integers(0, 3 if depth else 1))
        if kind == 0:
            return writing.spell_name(draw(st.sampled_from(known)))
        if kind == 1:
            return writing.spell_number(draw(st.sampled_from(NUMBERS)))
        op = draw(st.sampled_from(ELEMENTWISE))
        return "(" + op.form.format(*(operand(depth - 1) for _ in range(op.arity))) + ")"

    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from([n for n in NAMES if n != "pi"]))
        lines.append(f"{writing.spell_name(name)} = {operand(3)}")
        known.append(name)
    return "\n".join(lines)


@settings(max_examples=300)
@given(texts())
def test_what_is_printed_reads_back_as_the_same_graph(text):
    try:
        graph = dv.graph(text)
    except dv.UsageError as error:  # a name defined after its use as an input, nothing else
        assert "before it is defined" in error.what or "comparisons" in error.what
        return
    assert dv.graph(str(graph)) == graph
    assert str(dv.graph(str(graph))) == str(graph)


@settings(max_examples=150)
@given(texts())
def test_derivatives_and_simplified_graphs_read_back_too(text):
    try:
        graph = dv.graph(text)
        derivative, simple = graph.d(graph.inputs[0]), graph.simplified()
    except dv.UsageError:
        return
    for made in (derivative, simple):
        again = dv.graph(str(made))
        assert again.nodes == made.nodes


@pytest.mark.parametrize(("text", "shown"), [
    ("L = a[y]", "L = a[y]"), ("L = take(a, y)", "L = a[y]"), ("L = take(a, 2)", "L = take(a, 2)"), ("L = a[2]", "L = a[2]"),
    ("k = 2; L = a[k]", "k = 2\nL = a[k]"), ("L = softmax(a)[y]", "softmax_a = softmax(a)\nL = softmax_a[y]"),
    ("L = [1, 2, 3][y]", "L = [1, 2, 3][y]"), ("L = (-a)[y]", "neg_a = -a\nL = neg_a[y]"), ("L = take(a, -0.0)", "L = take(a, -0.0)"),
])
def test_an_element_picked_by_a_number_is_written_in_brackets(text, shown):
    graph = dv.graph(text)
    assert dv.graph(str(graph)) == graph
    assert str(graph).split("\n")[-1] == shown.split("\n")[-1]


def test_who_forgets_that_e_is_a_variable_is_told():
    with pytest.raises(dv.UsageError) as error:
        dv.graph("f = e**a").at(a=1)
    assert error.value.help == "give all inputs, e.g. e=1.0; e to the power of a is written exp(a)"
    assert dv.graph("f = e**a").at(a=2, e=3).value == 9
