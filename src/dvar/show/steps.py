"""Tells a pass: a step for every value and every derivative, its formulas (`formulas.py`) with numbers put in, and its parts."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..derive.backprop import Contribution
from ..derive.passes import Pass, undefined
from ..derive.rewrite import Rewriter
from ..derive.rules import EXACT, STABILITY
from ..expression.graph import CONST, INPUT, Node
from ..expression.values import evaluate, plain
from .formulas import Formulas, Words, partial
from .messages import messages
from .story import ALONG, COMES_TO, DERIVATIVE, LOCAL, MAP, PRODUCT, RIGHT, SUM, VALUE, Step, Steps
from .wording import latex_number, latex_operand, latex_written, literal, reach, told_number, write_root

SHORT = 24  # characters of an operation nobody named that still say which it is
FRAIL = frozenset(("log", "exp", "over", "sqrt", "minus"))  # a formula with one of these may lose digits as it is written


def steps(p: Pass, language: str = "en") -> Steps:
    """The story of one pass. Raises UsageError for a language it is not told in."""
    messages(language)
    teller = Teller(p)
    forward = tuple(teller.forward(i) for i in teller.shown if p.graph.nodes[i].op != INPUT)
    backward = tuple(teller.backward(i) for i in reversed(teller.shown))
    return Steps(forward, backward, p.notes, language)


class Teller(Formulas):
    """Tells the nodes of one pass."""

    def __init__(self, p: Pass) -> None:
        super().__init__(p)
        self.undefined = undefined(p.derivation, p.given, p.value)

    # values

    def forward(self, i: int) -> Step:
        name, value, parts = self.every.names[i], self.value[i], tuple[Step, ...]()
        if self.inside[i]:
            parts = tuple(self.step(VALUE, k, self.every.names[k], (k,), self.value[k], self.every)
                          for k in (*sorted(self.inside[i]), i))
        formulas = () if isinstance(self.nodes[i].value, tuple) else (i,)  # a vector is told once, with its shape
        return replace(self.step(VALUE, i, name, formulas, value, self.few), parts=parts)

    # derivatives

    def backward(self, i: int) -> Step:
        if i not in self.symbol:  # nothing comes back to it
            return self.step(DERIVATIVE, i, self.label[i], (), self.p.d[self.nodes[i].name], self.few)
        result = self.value[self.symbol[i]]
        inside = []
        for k in sorted(self.inside[i], reverse=True):
            if k in self.symbol:
                near = self.simple(self.near, k, self.every)
                told = self.step(DERIVATIVE, k, self.label[k], (near,), self.value[self.symbol[k]], self.every)
                inside.append(self.without_formulas(told) if self.nodes[k].name in self.undefined else told)
        if i == self.last:
            return replace(self.step(DERIVATIVE, i, self.label[i], (), result, self.few), inside=tuple(inside))
        one, short = self.formulas(i)
        formulas = (one,) if short is None else (one, short)
        parts = self.parts(i, one, result)
        if short is not None:
            parts += (self.step(COMES_TO, i, "", (short,), result, self.few),)
        where, latex_where = self.cancelled(i, one, short)
        told = replace(self.step(DERIVATIVE, i, self.label[i], formulas, result, self.few), parts=parts,
                       inside=tuple(inside), where=where, latex_where=latex_where)
        return self.without_formulas(told) if self.nodes[i].name in self.undefined else told

    def without_formulas(self, s: Step) -> Step:
        """The step of a derivative that is not defined: a formula of it may have a number, which would say nothing."""
        if s.kind in (LOCAL, MAP):
            lost = np.isnan(self.p.values[s.node])
            if not lost.any():
                return s
            s = replace(s, kind=LOCAL, name=s.name if s.kind == LOCAL else "", result=math.nan)
        kept = tuple(self.without_formulas(part) for part in s.parts if part.kind not in (PRODUCT, SUM, COMES_TO))
        return replace(s, formulas=(), numbers="", latex_formulas=(), latex_numbers="", parts=kept, where=(), latex_where=(),
                       result=None if s.kind == ALONG else s.result)

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
        alike = all(r is not None and np.shape(r) == np.shape(result) for r in results)
        if literal(result) and alike and close(sum(results), result):
            added = replace(added, numbers=" + ".join([literal(results[0]), *map(signed, results[1:])]),
                            latex_numbers=" + ".join([latex_operand(results[0]), *map(latex_signed, results[1:])]))
        return (*along, added)

    def contribution(self, i: int, c: Contribution, product: int, finite: bool, path: str) -> tuple[Step, ...]:
        owner = self.owner[c.consumer]
        symbol, came = self.symbol[owner], self.value[self.symbol[owner]]
        formulas = [] if owner == self.last else [k for k in self.formulas(owner) if k is not None]
        right = replace(self.step(RIGHT, owner, self.label[owner], formulas[-1:], came, self.few), numbers="", latex_numbers="")
        local = self.local(i, owner, symbol, product, finite, path)
        told = self.step(PRODUCT, i, "", self.no_number(product), self.number(product, finite), self.few)
        if told.result is not None and local.kind == LOCAL and np.ndim(local.result) == np.ndim(came) == 0:
            holds = close(came * local.result, told.result)
            told = replace(told, numbers=f"{signed(came)} * {signed(local.result)}" if holds else "",
                           latex_numbers=rf"{latex_signed(came)} \cdot {latex_signed(local.result)}" if holds else "")
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
        return written, latex_written(self.tape.nodes, k, self.few.latex, self.tape.shapes)

    # words and numbers

    def step(
        self, kind: str, i: int, name: str, formulas: Sequence[int], result: Any, words: Words, latex: str | None = None
    ) -> Step:
        own = i if kind == VALUE else -1
        texts = tuple(self.written(k, words.names, own) for k in formulas)
        numbers, last = "", next((k for k in reversed(formulas) if k == own or self.tape.nodes[k].op != CONST), -1)
        if last >= 0 and result is not None and (last == own or last not in words.names):
            numbers = self.written(last, words.numbers, own)
            if numbers == "-0" or (np.isfinite(result).all() and not close(self.value_of(last, words), result)):
                numbers = ""  # in floating point they do not come to the result, which was found without them
        if latex is None:
            latex = words.latex[i] if kind == VALUE else self.label_latex[i]
        return Step(kind, self.nodes[i].name, name, texts, numbers, result, latex,
                    tuple(self.written(k, words.latex, own, latex=True) for k in formulas),
                    self.written(last, words.latex_numbers, own, latex=True) if numbers else "")

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


def close(found: Any, result: Any) -> bool:
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(np.subtract(found, result, dtype=float)) <= 1e-5 * np.abs(result)))


def signed(number: Any) -> str:
    """A number as an operand."""
    return f"({told_number(number)})" if np.ndim(number) == 0 and number < 0 else literal(number)


def latex_signed(number: Any) -> str:
    return f"({latex_number(number)})" if np.ndim(number) == 0 and number < 0 else latex_operand(number)
