"""What a picture of a graph holds: a box for every input and every line of the story, and what flows along the edges.

Lines are those of the steps: what has a name, what is used twice, what would be too long inside another line. With a pass each
box has its value and its derivative, at a fork as the sum of what came along each edge; and each edge its local derivative.
Large graphs are folded (`folding.py`): a box then stands for several lines.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..derive.derivation import derivative_name
from ..derive.passes import Pass, show
from ..expression.graph import CONST, INPUT, Graph
from .chain import with_lines
from .folding import Folded, folded
from .messages import messages
from .steps import signed, steps
from .story import ALONG, LOCAL, MAP, RIGHT, Step, Steps
from .wording import reach, told_name, told_number, write_root

LONGEST = 44  # characters of a line in a box
FEW = 4  # contributions at a fork that are written out
AHEAD = 2  # elements of a local derivative that are shown along its edge
MAPPED = 40  # characters of a local map that is

Edges = dict[tuple[str, str], list[Step]]  # (node, consumer) → the local derivatives of the one by the other, for each way


class Box(NamedTuple):
    kind: str  # "parameter", "data", "constant", "line", "output" or "folded"
    name: str
    line: str
    value: str  # "" without a pass, and of a constant, whose line has it
    slope: str
    uses: tuple[int, ...]  # other boxes
    edges: tuple[str, ...]  # the local derivative along each; "" where there is none to show
    inside: tuple[int, ...]  # the lines it stands for, by their places in the story

    @property
    def said(self) -> str:
        """As a screen reader says it."""
        return ", ".join(filter(None, [" ".join(filter(None, [self.line, self.value])), self.slope]))


def boxes(graph: Graph, p: Pass | None, data: Mapping[str, Any], fold: Collection[str] | bool | None, most: int,
          language: str = "en") -> list[Box]:
    """The boxes of a picture, each after those it uses. `data` are the inputs that vary by example, with their shapes over all
    of them, or None; `fold` names groups, True is all, False none, and None as many as leave no more than `most`."""
    lines = Lines(graph, p, data, language)
    return lines.boxes(folded(graph, lines.shown, lines.operands, fold, most))


class Lines:
    """The lines of a graph, `shown`, each with the lines it uses, its `operands`; drawn one by one or folded. `story` is that of
    the pass, where it has been told already."""

    def __init__(self, graph: Graph, p: Pass | None, data: Mapping[str, Any], language: str = "en",
                 story: Steps | None = None) -> None:
        self.graph, self.p, self.data, self.say = graph, p, data, messages(language)
        nodes = list(graph.nodes)
        self.shown = with_lines(nodes)
        self.operands: dict[int, list[int]] = {}
        self.text: dict[int, str] = {}
        written = {k: told_name(nodes[k].name) for k in self.shown}
        for i, name in written.items():
            atoms = {k: other for k, other in written.items() if k != i}
            self.operands[i] = [] if not nodes[i].operands else [k for k in sorted(reach(nodes, i, atoms)) if k in atoms]
            self.text[i] = name if nodes[i].op == INPUT else f"{name} = {self.written(i, atoms)}"
        self.place = {i: n for n, i in enumerate(self.shown)}
        self.edges, self.forks = flowing(story or steps(p)) if p else ({}, {})

    def written(self, i: int, atoms: Mapping[int, str]) -> str:
        value = self.graph.nodes[i].value
        return show(np.asarray(value)) if isinstance(value, tuple) else write_root(self.graph.nodes, i, atoms)

    def boxes(self, groups: Sequence[Folded]) -> list[Box]:
        """One box for each of these groups, which hold all lines."""
        at = {i: n for n, group in enumerate(groups) for i in group.lines}
        outside = [tuple(dict.fromkeys(at[k] for i in group.lines for k in self.operands[i] if at[k] != n))
                   for n, group in enumerate(groups)]
        return [self.box(group, uses, [self.graph.nodes[groups[k].last].name for k in uses])
                for group, uses in zip(groups, outside)]

    def box(self, group: Folded, uses: tuple[int, ...], used: Sequence[str]) -> Box:
        node, p = self.graph.nodes[group.last], self.p
        name, text, drawn = node.name, self.text[group.last], kind(self.graph, group.last, self.data)
        told = p if group.name or node.op != CONST else None
        value = glimpse(f"{told_name(name)} = " if group.name else "= ", told.values[name]) if told else ""
        slope = sloped(name, self.forks.get(name, ""), p.d[name]) if p else ""
        edges = tuple("" if group.name else label(self.edges, k, name) for k in used)
        if group.name:
            name, drawn = group.name, "folded"
            text = self.say["inputs_in" if node.op == INPUT else "lines"].format(name=name, count=len(group.lines))
        elif node.op == INPUT and self.data.get(name):
            text += f": {by_example(self.data[name], self.say)}"
        return Box(drawn, name, text, value, slope, uses, edges, tuple(self.place[i] for i in group.lines))


def sloped(name: str, fork: str, number: Any) -> str:
    """The line of a derivative; what came along each edge is left out where the line would grow too long."""
    line = f"{told_name(derivative_name(name))} = "
    whole = line + fork + show(number)
    return whole if len(whole) <= LONGEST else glimpse(line, number)


def glimpse(before: str, value: Any) -> str:
    """A value in the line of a box: of an array as many elements as leave room for its shape."""
    lines = [before + show(value, few) for few in (4, 3, 2, 1)]
    return next((line for line in lines if len(line) <= LONGEST), lines[-1])


def kind(graph: Graph, i: int, data: Mapping[str, Any]) -> str:
    node = graph.nodes[i]
    if node.op == INPUT:
        return "data" if node.name in data else "parameter"
    if i == len(graph.nodes) - 1:
        return "output"
    return "constant" if node.op == CONST else "line"


def by_example(shape: tuple[int, ...], say: Mapping[str, str]) -> str:
    """ "m = 1,000 examples" or "1,000 × 28"."""
    if len(shape) > 1:
        return " × ".join(f"{n:,}" for n in shape)
    return say["example_of" if shape[0] == 1 else "examples_of"].format(count=f"{shape[0]:,}")


def label(edges: Edges, node: str, consumer: str) -> str:
    """The local derivative along an edge, several ways added up, or the one map; "" where it is too long, or no number."""
    ways = edges.get((node, consumer), [])
    if len(ways) == 1 and ways[0].kind == MAP:
        return ways[0].line if len(ways[0].line) <= MAPPED else ""
    results = [way.result for way in ways]
    if not results or any(result is None or np.shape(result) != np.shape(results[0]) for result in results):
        return ""
    total = sum(results[1:], start=results[0])
    first = [told_number(v + 0.0) for v in np.ravel(total)[:AHEAD]]
    return f"[{', '.join(first + ['…'] * (np.size(total) > AHEAD))}]" if np.ndim(total) else told_number(float(total))


def flowing(story: Steps) -> tuple[Edges, dict[str, str]]:
    """The local derivatives along the edges, and by node the contributions at a fork, "3 + 6 = "."""
    edges: Edges = {}
    forks: dict[str, str] = {}
    for step in story.backward:
        along = [s for s in step.parts if s.kind == ALONG]
        for parts in [s.parts for s in along] or [step.parts]:
            add_edge(edges, step.node, parts)
        results = [s.result for s in along]
        if 1 < len(results) <= FEW and all(r is not None and np.ndim(r) == 0 for r in results):
            forks[step.node] = " + ".join([told_number(results[0]), *map(signed, results[1:])]) + " = "
    return edges, forks


def add_edge(edges: Edges, node: str, parts: tuple[Step, ...]) -> None:
    owner, local = (next((s for s in parts if s.kind in kinds), None) for kinds in ((RIGHT,), (LOCAL, MAP)))
    if owner is not None and local is not None:
        edges.setdefault((node, owner.node), []).append(local)

