"""Finds what the story of a pass tells: the chain rule, one step back at a time, in the names of the graph as written.

The algebra reads what flows back (`chain.py`) in three ways: folded, where nodes nobody named are written into those that have
a name; near, where every node stands for itself; and whole, where every derivative is opened down to values: what it all comes
to. That is also looked for in the derivatives that run, which rewriting has found on a shorter way; the shortest is told.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..derive.algebra import Algebra, Definition
from ..derive.backprop import Contribution
from ..derive.derivation import derivative_name
from ..derive.divisors import Divisors
from ..derive.passes import Pass
from ..derive.rewrite import Rewriter
from ..derive.rules import EXACT, STABILITY
from ..expression.graph import CONST, INPUT, Node, evaluate, plain
from ..expression.ops import OPS
from .chain import Chain
from .messages import messages
from .story import ALONG, COMES_TO, DERIVATIVE, LOCAL, MAP, PRODUCT, RIGHT, SUM, VALUE, Step, Steps
from .wording import latex_name, latex_written, reach, told_number, write_root

SHORT = 24  # characters of an operation nobody named that still say which it is
KNOWN = (CONST, "onehot")  # what counts for nothing where two formulas are compared: there is nothing to compute


FRAIL = frozenset(("log", "exp", "over", "sqrt", "minus"))  # a formula with one of these may lose digits as it is written


class Words(NamedTuple):
    """How known nodes of the tape are written: by name, in LaTeX, as numbers."""

    names: Mapping[int, str]
    latex: Mapping[int, str]
    numbers: Mapping[int, str]

    def of(self, nodes: set[int]) -> Words:
        return Words(*({k: text for k, text in words.items() if k in nodes} for words in self))


def steps(p: Pass, language: str = "en") -> Steps:
    """The story of one pass. Raises UsageError for a language it is not told in."""
    messages(language)
    teller = Teller(p)
    forward = tuple(teller.forward(i) for i in teller.shown if p.graph.nodes[i].op != INPUT)
    backward = tuple(teller.backward(i) for i in reversed(teller.shown) if i in teller.symbol)
    return Steps(forward, backward, p.notes, language)


class Teller(Chain):
    """Tells the nodes of one pass."""

    def __init__(self, p: Pass) -> None:
        super().__init__(p.graph.nodes, p.derivation)
        self.p = p
        self.value, self.label = dict[int, Any](), dict[int, str]()
        self.found: dict[int, tuple[int, int | None]] = {}
        self.every = self.words()
        self.few = self.every.of({*self.shown, *self.symbol.values()})
        self.algebras()

    def words(self) -> Words:
        """By place on the tape, not by name: the user may have called a value `da` too."""
        names, latex = dict[int, str](), dict[int, str]()
        output = self.nodes[self.last].name
        for i, node in enumerate(self.nodes):
            if node.name:
                names[i], latex[i], self.value[i] = node.name, latex_name(node.name), self.p.values[node.name]
        for i, k in self.symbol.items():
            if i in names:
                self.label[i] = names[k] = derivative_name(names[i])
                latex[k] = rf"\mathrm{{d}}{latex[i]}"
                self.value[k] = self.p.d[names[i]]
                if names[k] in self.p.values:
                    self.label[i], names[k] = f"d{output}/d{names[i]}", f"(d{output}/d{names[i]})"
                    latex[k] = partial(latex[self.last], latex[i])
        return Words(names, latex, {k: told_number(v) if np.ndim(v) == 0 else names[k] for k, v in self.value.items()})

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

    # values

    def forward(self, i: int) -> Step:
        name, value, parts = self.every.names[i], self.value[i], tuple[Step, ...]()
        if self.inside[i]:
            parts = tuple(self.step(VALUE, k, self.every.names[k], (k,), self.value[k], self.every)
                          for k in (*sorted(self.inside[i]), i))
        return replace(self.step(VALUE, i, name, (i,), value, self.few), parts=parts)

    # derivatives

    def backward(self, i: int) -> Step:
        result = self.value[self.symbol[i]]
        inside = []
        for k in sorted(self.inside[i], reverse=True):
            if k in self.symbol:
                near = self.simple(self.near, k, self.every)
                inside.append(self.step(DERIVATIVE, k, self.label[k], (near,), self.value[self.symbol[k]], self.every))
        if i == self.last:
            return replace(self.step(DERIVATIVE, i, self.label[i], (), result, self.few), inside=tuple(inside))
        one, short = self.formulas(i)
        formulas = (one,) if short is None else (one, short)
        parts = self.parts(i, one, result)
        if short is not None:
            parts += (self.step(COMES_TO, i, "", (short,), result, self.few),)
        where, latex_where = self.cancelled(i, one, short)
        return replace(self.step(DERIVATIVE, i, self.label[i], formulas, result, self.few), parts=parts,
                       inside=tuple(inside), where=where, latex_where=latex_where)

    def formulas(self, i: int) -> tuple[int, int | None]:
        """The derivative of node i one step back, and what it all comes to where that is worth telling."""
        if i not in self.found:
            one = self.simple(self.folded, i, self.few)
            self.found[i] = one, self.comes_to(i, one)
        return self.found[i]

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

    def parts(self, i: int, one: int, result: Any) -> tuple[Step, ...]:
        """What came from the right, the local derivative and their product; at a fork so for each contribution, and the sum."""
        finite = bool(np.isfinite(result).all())
        sent = self.sent[i]
        if len(sent) == 1:
            return self.contribution(i, sent[0], one, finite, "")
        along = []
        owners = [self.owner[c.consumer] for c in sent]
        for c, owner in zip(sent, owners):
            name, latex = self.operation(c.consumer)
            told = self.folded.told(c.product)
            product = self.lent(c.product if told is None else told, i, self.few)
            line = self.step(ALONG, c.consumer, name, (product,), self.number(product, finite), self.few, latex)
            path = name if owners.count(owner) > 1 and owner != c.consumer else ""
            along.append(replace(line, parts=self.contribution(i, c, product, finite, path)))
        added = self.step(SUM, i, "", self.no_number(one), result, self.few)
        results = [s.result for s in along]
        if np.ndim(result) == 0 and all(r is not None for r in results) and close(sum(results), result):
            added = replace(added, numbers=" + ".join([told_number(results[0]), *map(signed, results[1:])]))
        return (*along, added)

    def contribution(self, i: int, c: Contribution, product: int, finite: bool, path: str) -> tuple[Step, ...]:
        owner = self.owner[c.consumer]
        symbol, came = self.symbol[owner], self.value[self.symbol[owner]]
        formulas = [] if owner == self.last else [k for k in self.formulas(owner) if k is not None]
        right = replace(self.step(RIGHT, owner, self.label[owner], formulas[-1:], came, self.few), numbers="")
        local = self.local(i, owner, symbol, product, finite, path)
        told = self.step(PRODUCT, i, "", self.no_number(product), self.number(product, finite), self.few)
        if told.result is not None and local.kind == LOCAL and np.ndim(local.result) == np.ndim(came) == 0:
            numbers = f"{signed(came)} * {signed(local.result)}"
            told = replace(told, numbers=numbers if close(came * local.result, told.result) else "")
        return right, local, told

    def local(self, i: int, owner: int, symbol: int, product: int, finite: bool, path: str) -> Step:
        """The local derivative: what stands beside the symbol in the product; where it is no factor, what is made of it."""
        name = f"∂{self.every.names[owner]}/∂{self.every.names[i]}" + (f" along {path}" if path else "")
        latex = partial(self.every.latex[owner], self.every.latex[i])
        beside = product if owner == self.last else self.folded.beside(product, symbol)
        if beside is not None:
            return self.step(LOCAL, owner, name, (beside,), self.number(beside, finite), self.few, latex)
        g = next(n for n in ("g", "g'", "g''") if n not in self.p.values)
        words = Words(*(ChainMap({symbol: g}, words) for words in self.few))  # type: ignore[arg-type]
        return self.step(MAP, owner, g, (product,), None, words, words.latex[symbol])

    def no_number(self, root: int) -> list[int]:
        return [] if self.tape.nodes[root].op == CONST and root not in self.few.names else [root]

    def operation(self, k: int) -> tuple[str, str]:
        """What a contribution comes along: a node's name, or an operation without a name as it is written, if it is short."""
        if k in self.few.names:
            return self.few.names[k], self.few.latex[k]
        written = write_root(self.tape.nodes, k, self.few.names)
        if len(written) > SHORT:
            return self.every.names[k], self.every.latex[k]
        return written, latex_written(self.tape.nodes, k, self.few.latex)

    def cancelled(self, i: int, one: int, short: int | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What must not be 0: what the derivative as written divides by, and what is told does not."""
        divisors, root = (self.divisors[0], one) if short is None else (self.divisors[1], short)
        pairs = [divisors.excluded(k) for k in divisors.cancelled(self.total[i], root)]
        texts = [[self.written(k, self.few.names) for k in pair] for pair in pairs]
        latex = [[self.written(k, self.few.latex, write=latex_written) for k in pair] for pair in pairs]
        return tuple(map(" ≠ ".join, texts)), tuple(map(r" \ne ".join, latex))

    # words and numbers

    def step(
        self, kind: str, i: int, name: str, formulas: Sequence[int], result: Any, words: Words, latex: str | None = None
    ) -> Step:
        own = i if kind == VALUE else -1
        texts = tuple(self.written(k, words.names, own) for k in formulas)
        numbers, last = "", next((k for k in reversed(formulas) if k == own or self.tape.nodes[k].op != CONST), -1)
        if last >= 0 and result is not None and np.ndim(result) == 0 and (last == own or last not in words.names):
            numbers = self.written(last, words.numbers, own)
            if numbers == "-0" or (np.isfinite(result) and not close(self.value_of(last, words), result)):
                numbers = ""  # in floating point they do not come to the result, which was found without them
        if latex is None:
            latex = words.latex[i] if kind == VALUE else self.every.latex[self.symbol[i]]
        return Step(kind, self.every.names[i], name, texts, numbers, result, latex,
                    tuple(self.written(k, words.latex, own, latex_written) for k in formulas))

    def written(self, k: int, words: Mapping[int, str], own: int = -1, write: Any = write_root) -> str:
        text: str = words[k] if k in words and k != own else write(self.tape.nodes, k, words)
        return text

    def number(self, root: int, finite: bool) -> Any:
        """The number of a formula; None where floating point cannot hold it, though the derivative itself is finite."""
        value = self.value_of(root, self.few)
        return value if np.isfinite(value).all() or not finite else None

    def value_of(self, root: int, words: Words) -> Any:
        """The number of a formula in known nodes."""
        if root in self.value and root in words.names and root > self.last:
            return self.value[root]
        order = sorted(reach(self.tape.nodes, root, words.names))
        place = {k: n for n, k in enumerate(order)}
        nodes, given = list[Node](), dict[str, Any]()
        for k in order:
            node = self.tape.nodes[k]
            if k in words.names and (k != root or not node.operands):
                given[str(k)] = self.value[k]
                node = Node(INPUT, (), str(k))
            nodes.append(node._replace(operands=tuple(place[j] for j in node.operands)))
        if len(nodes) - len(given) > 1 and not FRAIL.isdisjoint(node.op for node in nodes):  # as it would run
            rewriter = Rewriter((*STABILITY, *EXACT), share=True)
            at = rewriter.copy(nodes, [self.tape.shapes[k] for k in order], [True] * len(nodes))[-1]
            return plain(evaluate(rewriter.tape.nodes, given)[at])
        return plain(evaluate(nodes, given)[-1])


def partial(above: str, below: str) -> str:
    return rf"\frac{{\partial {above}}}{{\partial {below}}}"


def close(found: Any, result: Any) -> bool:
    return bool(abs(found - result) <= 1e-5 * abs(result))


def signed(number: Any) -> str:
    """A number as an operand."""
    return f"({told_number(number)})" if number < 0 else told_number(number)
