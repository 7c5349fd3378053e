"""Which formulas the story of a pass tells of a derivative: one step back at a time, and what it all comes to.

The algebra reads what flows back (`chain.py`) in three ways: folded, where nodes nobody named are written into those that have
a name; near, where every node stands for itself; and whole, where every derivative is opened down to values: what it all comes
to. That is also looked for in the derivatives that run, which rewriting has found on a shorter way; the shortest is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..derive.algebra import Algebra, Definition
from ..derive.derivation import derivative_name
from ..derive.divisors import Divisors
from ..derive.passes import Pass
from ..expression.graph import CONST
from ..expression.ops import OPS
from .chain import Chain
from .wording import latex_name, latex_operand, latex_written, literal, reach, told_name, write_root

KNOWN = (CONST, "onehot")  # what counts for nothing where two formulas are compared: there is nothing to compute


class Words(NamedTuple):
    """How known nodes of the tape are written: by name, in LaTeX, as numbers, as numbers in LaTeX."""

    names: Mapping[int, str]
    latex: Mapping[int, str]
    numbers: Mapping[int, str]
    latex_numbers: Mapping[int, str]

    def of(self, nodes: set[int]) -> Words:
        return Words(*({k: text for k, text in words.items() if k in nodes} for words in self))


class Formulas(Chain):
    """The formulas of one pass, and the names and values of the nodes that they are written with."""

    def __init__(self, p: Pass) -> None:
        super().__init__(p.graph.nodes, p.derivation)
        self.p = p
        self.value, self.label, self.label_latex = dict[int, Any](), dict[int, str](), dict[int, str]()
        self.found: dict[int, tuple[int, int | None]] = {}
        self.every = self.words()
        self.few = self.every.of({*self.shown, *self.symbol.values()})
        self.algebras()

    def words(self) -> Words:
        """By place on the tape, not by name: the user may have called a value `da` too."""
        names, latex = dict[int, str](), dict[int, str]()
        output = told_name(self.nodes[self.last].name)
        for i, node in enumerate(self.nodes):
            if node.name:
                names[i], latex[i], self.value[i] = told_name(node.name), latex_name(node.name), self.p.values[node.name]
        for i in list(names):
            derivative = derivative_name(self.nodes[i].name)
            label, self.label_latex[i] = told_name(derivative), rf"\mathrm{{d}}{latex[i]}"
            self.label[i] = label
            if derivative in self.p.values:
                self.label[i], label = f"d{output}/d{names[i]}", f"(d{output}/d{names[i]})"
                self.label_latex[i] = partial(latex[self.last], latex[i])
            if i in self.symbol:
                k = self.symbol[i]
                names[k], latex[k], self.value[k] = label, self.label_latex[i], self.p.d[self.nodes[i].name]
        numbers = {k: literal(v) or names[k] for k, v in self.value.items()}
        return Words(names, latex, numbers, {k: latex_operand(v) or latex[k] for k, v in self.value.items()})

    def algebras(self) -> None:
        tape, nodes, atoms = self.tape, self.nodes, set(self.shown)
        last = {self.symbol[self.last]: tape.const(1.0)}
        totals = {k: self.total[i] for i, k in self.symbol.items()}
        unnamed = {k: self.total[i] for i, k in self.symbol.items() if i not in atoms}
        like = {tape.shapes[i]: i for i in (*reversed(range(len(nodes))), *reversed(self.shown)) if nodes[i].op != CONST}
        lead, named = set(totals), dict[Definition, int]()
        self.near = Algebra(tape, {i for i, n in enumerate(nodes) if n.name}, last, lead, like=like)
        self.folded = Algebra(tape, atoms, unnamed | last, lead, like=like, named=named)
        self.wholes = [Algebra(tape, atoms, totals, lead, like=like, named=named, whole=True)]
        self.runs = self.what_runs(self.p.derivation)
        for i in self.shown:
            if nodes[i].operands:
                named.setdefault((nodes[i].op, self.folded.operands(nodes[i]), nodes[i].options), i)
        for k, node in enumerate(self.p.derivation.run.nodes):
            if self.runs[k] in atoms and node.operands:
                named.setdefault((node.op, tuple(self.runs[j] for j in node.operands), node.options), self.runs[k])
        quotients = {i for i in self.shown if nodes[i].op == "over" and i != self.last}
        opened = quotients | {i for i in self.shown if self.is_shifted(i)}
        if opened:
            known = atoms - opened
            self.wholes.append(Algebra(tape, known, totals, lead, like=like, named=named, quotients=quotients, whole=True))
        self.divisors = Divisors(self.folded), Divisors(self.wholes[0])

    def is_shifted(self, i: int) -> bool:
        """Whether a line only shifts or turns another, as q = 1 - a does: formulas in a and q may be shorter in a alone."""
        node, numbers = self.nodes[i], [self.nodes[k].op == CONST and not self.nodes[k].name for k in self.nodes[i].operands]
        return i != self.last and node.op in ("plus", "minus", "neg") and sum(numbers) == len(numbers) - 1

    def formulas(self, i: int) -> tuple[int, int | None]:
        """The derivative of node i one step back, and what it all comes to where that is worth telling."""
        if i not in self.found:
            one = self.simple(self.folded, i, self.few)
            self.found[i] = one, self.comes_to(i, one)
        return self.found[i]

    def told_formulas(self, i: int) -> list[str]:
        """The formulas of the derivative of node i as text; none of the output's, nor where nothing comes back."""
        told = self.formulas(i) if i in self.symbol and i != self.last else ()
        return [self.written(k, self.few.names) for k in told if k is not None]

    def simple(self, algebra: Algebra, i: int, words: Words) -> int:
        """The derivative of node i, one step back."""
        found = algebra.told(self.total[i])
        return self.lent(self.total[i] if found is None else found, i, words)

    def comes_to(self, i: int, one: int) -> int | None:
        """The derivative in values alone, where that is shorter than one step back; or as short and a difference of values."""
        runs = self.runs[self.p.derivation.d[i]] if i in self.p.derivation.d else one
        roots = [self.total[i]] + [runs] * (self.tape.nodes[runs].op != CONST)  # what runs knows constants that have a name
        found = [whole.told(root, out) for whole in self.wholes for root in roots for out in (False, True)]
        short = min((self.lent(k, i, self.few) for k in found if k is not None), key=self.size, default=one)
        if short == one or self.size(short) > self.size(one):
            return None
        if self.tape.nodes[short].op == CONST and not any(k in self.inside for k in reach(self.tape.nodes, one, self.few.names)):
            return None  # there is no value in it: numbers put in say as much
        if self.size(short) == self.size(one):
            return short if self.size(one) == 1 and self.tape.nodes[short].op == "minus" else None
        lengths = [len(self.written(k, self.few.names)) for k in (short, one)]
        return short if lengths[0] <= lengths[1] else None

    def size(self, root: int) -> int:
        """How many operations a formula takes."""
        if root in self.few.names:
            return 0
        return sum(1 for k in reach(self.tape.nodes, root, self.few.names)
                   if k not in self.few.names and self.tape.nodes[k].op not in KNOWN)

    def lent(self, root: int, i: int, words: Words) -> int:
        """The formula with node i lending its shape, where one of that shape is lent."""
        nodes, atoms = self.tape.nodes, words.names
        if root in atoms or not self.tape.shapes[i]:
            return root
        place: dict[int, int] = {}
        for k in sorted(reach(nodes, root, atoms)):
            node = nodes[k]
            if k in atoms or not node.operands:
                place[k] = k
                continue
            likes = OPS[node.op].likes
            operands = [i if p in likes and self.tape.shapes[j] == self.tape.shapes[i] else place[j]
                        for p, j in enumerate(node.operands)]
            place[k] = self.tape.apply(node.op, *operands, options=node.options)
        return place[root]

    def cancelled(self, i: int, one: int, short: int | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What must not be 0: what the derivative as written divides by, and what is told does not."""
        divisors, root = (self.divisors[0], one) if short is None else (self.divisors[1], short)
        pairs = [divisors.excluded(k) for k in divisors.cancelled(self.total[i], root)]
        texts = [[self.written(k, self.few.names) for k in pair] for pair in pairs]
        latex = [[self.written(k, self.few.latex, latex=True) for k in pair] for pair in pairs]
        return tuple(map(" ≠ ".join, texts)), tuple(map(r" \ne ".join, latex))

    def written(self, k: int, words: Mapping[int, str], own: int = -1, latex: bool = False) -> str:
        if k in words and k != own:
            return words[k]
        return latex_written(self.tape.nodes, k, words, self.tape.shapes) if latex else write_root(self.tape.nodes, k, words)


def partial(above: str, below: str) -> str:
    return rf"\frac{{\partial {above}}}{{\partial {below}}}"
