"""The program of a graph in JavaScript, for pages: number by number, straight down, with the functions of `functions.js`.

Inputs come as one flat array in the graph's order. JavaScript's numbers are IEEE 754's, so there is nothing to fall back on.
Names are checked identifiers and constants are digits: no text of the user's enters a page as code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isinf
from pathlib import Path

from ..derive.derivation import Derivation, derivative_name, run_names
from ..derive.tape import ancestors
from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.gumbel import RATE
from ..expression.normal import MEAN, ORDERS, SERIES
from ..expression.op import ATOM, COMPARE, Form
from ..expression.ops import OPS
from ..expression.writing import write
from .program import Names
from .unrolled import unrolled

WORDS = """arguments break case catch class const continue debugger default delete do else enum eval export extends false finally
for function if implements import in instanceof interface let new null package private protected public return static super
switch this throw true try typeof undefined var void while with yield await async of x NaN Infinity BERNOULLI MEAN RATE
SERIES ORDERS PI pole isOrder tailMean beyond below byLeibniz density cumulant Math"""
EVERYWHERE = "all real numbers"  # a domain
RESERVED = frozenset(WORDS.split())


@cache
def functions() -> str:
    """The source of the rows' functions."""
    numbers = f"const MEAN = {list(MEAN)}, SERIES = {list(SERIES)}, RATE = {list(RATE)}, ORDERS = {ORDERS};\n"
    return numbers + Path(__file__).with_name("functions.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Script:
    """Lines of a function of `x`, all inputs raveled; and, by node of the graph, the names of its elements, and of those of
    its derivative ("0" where the output does not depend on it)."""

    lines: tuple[str, ...]
    values: dict[int, tuple[str, ...]]
    slopes: dict[int, tuple[str, ...]]


def script(found: Derivation, wanted: Sequence[int]) -> Script:
    """Values and derivatives of these nodes of the graph. Raises NotUnrolled where vectors are too long for a page."""
    nodes = found.graph.nodes
    numbers, parts = unrolled(found.run, [found.value[i] for i in wanted] + [found.d[i] for i in wanted if i in found.d])
    scalars = numbers.tape.nodes
    values = {i: parts[found.value[i]] for i in wanted}
    slopes = {i: parts[found.d[i]] if i in found.d else None for i in wanted}
    names = Names()
    names.taken |= {*RESERVED, *OPS}
    told = run_names(found)
    called: dict[int, str] = {}
    inputs = [k for i, node in enumerate(found.run.nodes) if node.op == INPUT for k in parts[i]]
    wants = [(i, values[i], nodes[i].name) for i in wanted]
    wants += [(i, places, derivative_name(nodes[i].name)) for i in wanted if (places := slopes[i])]
    for _, places, name in wants:
        for at, k in enumerate(places):
            if k not in called and scalars[k].op != CONST:
                called[k] = names.fresh(name if len(places) == 1 else f"{name}_{at}")
    for k, name in told.items():
        if len(parts.get(k, ())) == 1 and parts[k][0] not in called and scalars[parts[k][0]].op != CONST:
            called[parts[k][0]] = names.fresh(name)
    for k in inputs:
        called.setdefault(k, names.fresh("input"))
    uses = [0] * len(scalars)
    for node in scalars:
        for k in node.operands:
            uses[k] += 1

    last = len(nodes) - 1
    depends = ancestors(scalars, parts[found.value[last]])
    risky = [k for k, node in enumerate(scalars) if depends[k] and node.operands and OPS[node.op].domain != EVERYWHERE]
    asked = {k for r in risky for k in (r, *scalars[r].operands) if scalars[k].op != CONST}  # whether they are numbers

    def alone(k: int) -> bool:
        return k in called or k in asked or (uses[k] > 1 and scalars[k].op != CONST)

    def name_of(k: int) -> str:
        if k not in called:
            called[k] = names.fresh(f"t{k}")
        return called[k]

    lines = [f"const {called[k]} = x[{at}];" for at, k in enumerate(inputs)]
    written = write(scalars, alone, name_of, form, spell)
    lines += [f"const {name_of(k)} = {text};" for k, text in written.items() if scalars[k].op != INPUT]

    def answer(k: int) -> str:
        node = scalars[k]
        return spell(node.value) if node.op == CONST and node.value is not None else name_of(k)

    on, lost = ancestors(list(nodes), [last]), names.fresh("lost")
    causes = [f"Number.isNaN({called[k]})" for k in inputs if depends[k]]
    for k in risky:
        operands = ", ".join(map(answer, scalars[k].operands))
        causes.append(f"Number.isNaN({answer(k)}) && [{operands}].every(Number.isFinite)")
    result = answer(parts[found.value[last]][0])
    lines.append(f"const {lost} = Number.isNaN({result}) && ({' || '.join(causes) or 'false'});")

    def sloped(i: int) -> tuple[str, ...]:
        """Where the output is not defined, it has no derivative by what it depends on."""
        places = slopes[i]
        answers = ("0",) * len(values[i]) if places is None else tuple(map(answer, places))
        return tuple(f"({lost} ? NaN : {text})" for text in answers) if on[i] and i != last else answers

    return Script(tuple(lines), {i: tuple(map(answer, ks)) for i, ks in values.items()}, {i: sloped(i) for i in slopes})


def form(i: int, node: Node) -> Form:
    """An operator, or a call of the row's name where Python's program on floats is no operator either."""
    op = OPS[node.op]
    if op.floats or not op.text:
        return Form(f"{op.name}({', '.join(['{}'] * op.arity)})", (0,) * op.arity, ATOM)
    if op.binds == COMPARE:
        sign = {"==": "===", "!=": "!=="}.get(op.text.replace("{}", "").strip(), op.text.replace("{}", "").strip())
        return Form(f"Number({{}} {sign} {{}})", (COMPARE + 1,) * 2, ATOM)
    return Form(op.text, op.sides, op.binds)


def spell(value: Value | None) -> str:
    assert isinstance(value, (int, float))
    return ("Infinity" if value > 0 else "-Infinity") if isinf(value) else repr(float(value))


def program(one: Script, answers: Mapping[str, str]) -> str:
    """The source of a function `run` of x; `answers` are names and expressions of what it returns."""
    returned = ", ".join(f"{name}: {text}" for name, text in answers.items())
    return "\n".join(["function run(x) {", *(f"  {line}" for line in one.lines), f"  return {{{returned}}};", "}"])
