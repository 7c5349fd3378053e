"""The chain rule told step by step: formula, numbers put in, result.

Left to right each named node's value. Right to left each derivative in the reader's own names: what came from the right
times the local derivative, at a fork each contribution and their sum, and — where algebra makes it shorter — what it comes
to: dz = da * a * (1 - a) = a - y. Nodes nobody named are written into those that have a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..derive.algebra import told
from ..derive.backprop import backprop
from ..derive.derivation import derivative_name
from ..derive.passes import Pass, show
from ..derive.rewrite import STABILITY, Rewriter
from ..derive.tape import Tape, ancestors
from ..expression.graph import CONST, INPUT, Node
from ..expression.ops import OPS
from ..expression.writing import latex_form, write

TOLD = 500  # characters of one formula; a longer one tells nobody anything
SPELLINGS = tuple(r for r in STABILITY if r.name in ("sigmoid spelt out", "sigmoid with exp above", "minus minus"))


@dataclass(frozen=True)
class Step:
    """One line of the story: `name` = `formulas[0]` = `formulas[1]` … = `numbers` = `result`."""

    name: str
    formulas: tuple[str, ...]
    numbers: str
    result: Any
    latex: str
    along: str = ""  # the node a contribution came along, at a fork

    def __str__(self) -> str:
        said: list[str] = []
        for part in (*self.formulas, self.numbers, show(self.result)):
            if part and part not in said:
                said.append(part)
        head = f"  along {self.along}: " if self.along else f"{self.name} = "
        return head + " = ".join(said)


@dataclass(frozen=True, repr=False)
class Steps:
    forward: tuple[Step, ...]
    backward: tuple[Step, ...]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        lines = ["Left to right: values", *(f"  {s}" for s in self.forward), ""]
        lines += ["Right to left: derivatives of the final output", *(f"  {s}" for s in self.backward)]
        return "\n".join([*lines, *(f"  note: {n}" for n in self.notes)])

    @property
    def latex(self) -> str:
        """An `align*` environment (amsmath), one line per step."""
        return "\\begin{align*}\n" + " \\\\\n".join(s.latex for s in (*self.forward, *self.backward)) + "\n\\end{align*}"

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return self.latex


class Teller:
    """Writes expressions over a tape in the names of the graph as written."""

    def __init__(self, p: Pass) -> None:
        self.p, self.graph = p, p.graph
        self.tape, self.d = p.derivation.told.copy(), p.derivation.told_d
        self.shown = [i for i, n in enumerate(p.graph.nodes) if n.given or n.op == INPUT or i == len(p.graph.nodes) - 1]
        self.names = {i: p.graph.nodes[i].name for i in self.shown}
        inner = [i for i in self.shown if i in self.d and p.graph.nodes[i].op != INPUT]
        slopes = {self.d[i]: p.graph.nodes[i].name for i in inner if self.tape.nodes[self.d[i]].op != CONST}
        self.d_names = {k: derivative_name(name) for k, name in slopes.items() if k not in self.names}
        self.numbers = dict(p.values) | {derivative_name(n): v for n, v in p.d.items()}

    def forward(self, i: int) -> Step:
        node = self.graph.nodes[i]
        atoms = {k: n for k, n in self.names.items() if k != i}
        return self.step(self.tape, node.name, [i], atoms, self.p.values[node.name])

    def backward(self, i: int) -> list[Step]:
        name = self.graph.nodes[i].name
        root = self.d[i]
        label = derivative_name(name)
        atoms = self.names | {k: n for k, n in self.d_names.items() if k != root and n != label}
        forms = self.forms(i, root, atoms)
        sent = self.p.derivation.contributions.get(i, [])
        result = self.p.d[name]
        told_steps: list[Step] = []
        if len(sent) > 1:
            for c in sent:
                consumer = self.graph.nodes[c.consumer].name
                part = told(self.tape, c.product, atoms.__contains__, self.d_names.__contains__, False)
                value = self.value_of(self.tape, c.product if part is None else part, atoms)
                told_steps.append(self.step(self.tape, label, [c.product if part is None else part], atoms, value, consumer))
        if np.isfinite(result).all() and not all(np.isfinite(s.result).all() for s in told_steps):
            told_steps = []  # as written the contributions cannot be represented; their sum is found without them
        tape, roots, names = forms
        return [self.step(tape, label, roots, names, result), *told_steps]

    def forms(self, i: int, root: int, atoms: dict[int, str]) -> tuple[Tape, list[int], dict[int, str]]:
        """The chain rule one step back and, where it is shorter, what it all comes to."""
        one = told(self.tape, root, atoms.__contains__, self.d_names.__contains__, False)
        one = root if one is None else one
        tape, names, full = self.spelt(i)
        if full is not None:
            short = told(tape, full, names.__contains__, lambda k: False, True)
            if short is not None and size(tape, short, names) - self._spelling < size(self.tape, one, atoms):
                offset = len(self.tape.nodes)  # both on one tape: the second behind the first, its operands moved
                both = Tape()
                both.nodes = self.tape.nodes + [n._replace(operands=tuple(k + offset for k in n.operands)) for n in tape.nodes]
                both.shapes = self.tape.shapes + tape.shapes
                return both, [one, short + offset], atoms | {k + offset: n for k, n in names.items()}
        return self.tape, [one], atoms

    def spelt(self, i: int) -> tuple[Tape, dict[int, str], int | None]:
        """The graph with a sigmoid recognised where it was spelt out, the names of its nodes, and where node i's d stands."""
        if not hasattr(self, "_spelt"):
            rewriter = Rewriter(SPELLINGS, share=False)
            shapes = self.tape.shapes
            place = rewriter.copy(self.graph.nodes, shapes, [True] * len(self.graph.nodes))
            rewriter.tape.share = True
            d = backprop(rewriter.tape, place[-1]).d
            names = {place[k]: n for k, n in reversed(self.names.items())}
            self._spelt = rewriter.tape, place, d, names
            self._spelling = bool(rewriter.fired)  # past a sigmoid spelt out the chain rule is no help, even where as short
        tape, place, d, names = self._spelt
        return tape, names, d.get(place[i])

    def step(self, tape: Tape, name: str, roots: list[int], atoms: dict[int, str], result: Any, along: str = "") -> Step:
        nodes, last = list(tape.nodes), roots[-1]
        formulas = tuple(write_root(nodes, r, atoms, str) for r in roots)
        numbers = "" if np.ndim(result) or last in atoms else write_root(nodes, last, atoms, self.number)
        if numbers and np.isfinite(result) and not np.isclose(self.value_of(tape, last, atoms), result, rtol=1e-5, atol=0.0):
            numbers = ""  # in floating point they do not come to the result, which was found without them
        head = latex_name(name) if not along else rf"\text{{along }} {latex_name(along)}"
        chain = [latex_written(nodes, r, atoms) for r in roots] + [latex_number(result)]
        return Step(name, formulas, numbers, result, f"{head} &= " + " = ".join(dict.fromkeys(chain)), along)

    def number(self, name: str) -> str:
        value = self.numbers[name]
        told_value = show(value) if np.ndim(value) == 0 else name
        return f"({told_value})" if told_value.startswith("-") else told_value

    def value_of(self, tape: Tape, root: int, atoms: dict[int, str]) -> Any:
        """The number of an expression in known nodes."""
        needed = reach(tape.nodes, root, atoms)
        values: dict[int, Any] = {}
        with np.errstate(all="ignore"):
            for k in sorted(needed):
                node = tape.nodes[k]
                if k in atoms:
                    values[k] = self.numbers[atoms[k]]
                elif node.op == CONST:
                    values[k] = np.asarray(node.value)
                else:
                    op = OPS[node.op]
                    values[k] = op.compute(*(values[j] for j in node.operands), **op.named(node.options))
        value = values[root]
        return float(value) if np.ndim(value) == 0 else value


def reach(nodes: list[Node], root: int, atoms: dict[int, str]) -> set[int]:
    """The nodes an expression is written with, from its root to the atoms."""
    found, stack = {root}, [] if root in atoms else list(nodes[root].operands)
    while stack:
        k = stack.pop()
        if k not in found:
            found.add(k)
            if k not in atoms:
                stack += nodes[k].operands
    return found


def size(tape: Tape, root: int, atoms: dict[int, str]) -> int:
    return sum(1 for k in reach(tape.nodes, root, atoms) if k not in atoms and tape.nodes[k].op != CONST)


def write_root(nodes: list[Node], root: int, atoms: dict[int, str], spell: Callable[[str], str], **forms: Any) -> str:
    needed = sorted(reach(nodes, root, atoms))
    place = {k: n for n, k in enumerate(needed)}
    local = []
    for k in needed:
        node = nodes[k]
        if k in atoms:
            local.append(Node(INPUT, (), atoms[k]))
        else:
            local.append(node._replace(operands=tuple(place[j] for j in node.operands)))
    last = len(local) - 1
    if local[last].op == INPUT:
        return spell(local[last].name)
    return write(local, lambda n: n == last, lambda n: spell(local[n].name) if n != last else "", longest=TOLD, **forms)[last]


def latex_name(name: str) -> str:
    head, _, tail = name.partition("_")
    if head.startswith("d") and len(head) > 1:
        head = r"\mathrm{d}" + head[1:]
    stem = head.rstrip("0123456789")
    tail = head[len(stem):] + ("," if tail and head != stem else "") + tail
    stem = stem if len(stem.replace(r"\mathrm{d}", "")) == 1 else rf"\mathit{{{stem}}}"
    return stem + (rf"_{{{tail}}}".replace("_", r"\_").replace(r"\_{", "_{", 1) if tail else "")


def latex_number(value: Any) -> str:
    return show(value) if np.ndim(value) == 0 else rf"\text{{{show(value)}}}"


def latex_written(nodes: list[Node], root: int, atoms: dict[int, str]) -> str:
    return write_root(nodes, root, atoms, latex_name, form=latex_form)


def steps(p: Pass) -> Steps:
    """The story of one pass."""
    teller = Teller(p)
    last = len(p.graph.nodes) - 1
    needed = ancestors(list(p.graph.nodes), [last])
    forward = [teller.forward(i) for i in teller.shown if p.graph.nodes[i].op != INPUT]
    backward = [Step(derivative_name(p.graph.output), (), "", 1.0, f"{latex_name(derivative_name(p.graph.output))} &= 1")]
    for i in reversed(teller.shown):
        if i != last and needed[i] and i in teller.d:
            backward += teller.backward(i)
    return Steps(tuple(forward), tuple(backward), p.notes)
