"""Folding: which lines of a large graph are drawn as one box.

A group is what a called function computed (layer1.z and layer1.a are of layer1), or one variable bound again and again (x_2,
x_3, … in a loop) with all that lies between, in parts where there are many, or inputs that are numbered (x1, x2, …). Of a graph
that is large even so neighbours are parts too, so that there always is a picture. A function is folded only where
nothing that leaves it comes back to it, so that the boxes still have an order.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from ..errors import UsageError, nearest
from ..expression.graph import INPUT, Graph

REBOUND = re.compile(r"(.+)_(\d+)")
NUMBERED = re.compile(r"(.*\D)(\d+)")
FROM_TO = " … "  # between the first and the last name of a group of numbered ones
FEATURES = 5  # inputs numbered alike that are a group: fewer are read more easily one by one
LARGE = 60  # boxes with all groups folded: then those are folded in parts
PART = 10  # of a variable bound more often, so many names or a tenth of them are a part


class Folded(NamedTuple):
    """Lines drawn as one box: one line alone, under no name; or a group."""

    name: str
    lines: tuple[int, ...]

    @property
    def last(self) -> int:
        return self.lines[-1]


def groups(graph: Graph, shown: Sequence[int], operands: Mapping[int, Sequence[int]]) -> dict[str, list[int]]:
    """The lines of every group of at least two, by its name: functions, outer ones first, then variables bound again, then
    numbered inputs, then what else there is."""
    functions: dict[str, list[int]] = {}
    rebound: dict[str, list[int]] = {}
    inputs: dict[str, list[tuple[int, int]]] = {}
    names = {graph.nodes[i].name for i in shown}
    for i in shown:
        node = graph.nodes[i]
        if node.op == INPUT:
            if match := NUMBERED.fullmatch(node.name):
                inputs.setdefault(match[1], []).append((int(match[2]), i))
            continue
        if i == len(graph.nodes) - 1:
            continue
        parts = node.name.split(".")
        for n in range(1, len(parts)):
            functions.setdefault(".".join(parts[:n]), []).append(i)
        match = REBOUND.fullmatch(node.name)
        rebound.setdefault(match[1] if match and match[1] in names else node.name, []).append(i)

    def named(lines: Sequence[int], first: str = "") -> str:
        return f"{first or graph.nodes[lines[0]].name}{FROM_TO}{graph.nodes[lines[-1]].name}"

    again = outer_first(rebound)
    found = outer_first(functions) | {named(lines, name): lines for name, lines in again.items()}
    found |= {named(part): part for lines in again.values() for part in in_parts(lines)}
    for numbered in inputs.values():
        if len(numbered) >= FEATURES:
            lines = [i for _, i in sorted(numbered)]
            found[named(lines)] = lines
    found = {name: lines for name, lines in found.items() if len(lines) > 1}
    boxes = grouped(found, shown, operands) if len(shown) > LARGE else []
    for is_input in (False, True) if len(boxes) > LARGE else ():
        alone = [box.last for box in boxes if (graph.nodes[box.last].op == INPUT) == is_input and box.last < len(graph.nodes) - 1]
        found |= {named(part): part for part in in_parts(alone)}
    return found


def in_parts(lines: Sequence[int]) -> Iterator[list[int]]:
    """Of many lines ten parts, and the parts of each."""
    size = max(PART, -(-len(lines) // PART))
    for k in range(0, len(lines), size) if len(lines) > PART else ():
        part = list(lines[k : k + size])
        if len(part) > 1:
            yield part
        yield from in_parts(part)


def outer_first(groups: Mapping[str, list[int]]) -> dict[str, list[int]]:
    return dict(sorted(groups.items(), key=lambda item: item[0].count(".")))


def folded(
    graph: Graph, shown: Sequence[int], operands: Mapping[int, Sequence[int]], fold: Collection[str] | bool | None, most: int
) -> list[Folded]:
    """All lines, in an order in which each box comes after those it uses."""
    found = {} if fold is False else groups(graph, shown, operands)
    if isinstance(fold, bool) or fold is None:
        wanted = list(found)
    else:
        wanted = [fold] if isinstance(fold, str) else list(fold)
        for name in wanted:
            if name not in found:
                raise UsageError(f"there is no group {name!r} to fold{nearest(name, found)}",
                                 "a group is a function that was called, a variable bound again and again, or numbered inputs")
    return grouped({name: found[name] for name in wanted}, shown, operands, most if fold is None else 0)


def grouped(
    wanted: Mapping[str, Sequence[int]], shown: Sequence[int], operands: Mapping[int, Sequence[int]], most: int = 0
) -> list[Folded]:
    """All lines, these groups folded one after the other until there are no more than `most` boxes."""
    of: dict[int, str] = {}
    for name, inside in wanted.items():
        if most and len({of.get(i, i) for i in shown}) <= most:
            break
        lines = [i for i in inside if i not in of]
        if FROM_TO in name:  # what lies between comes in whole; no part of what is folded from one name to another is taken out
            free = [i for i in inside if FROM_TO not in of.get(i, "")]
            lines = between(shown, operands, of, free) if len({of.get(i, i) for i in free}) > 1 else []
        if len(lines) > 1 and ordered(shown, operands, of | dict.fromkeys(lines, name)):
            of |= dict.fromkeys(lines, name)
    return [box._replace(lines=tuple(wanted[box.name])) if set(box.lines) == set(wanted.get(box.name, ())) else box
            for box in ordered(shown, operands, of)]  # inputs by their numbers


def between(
    shown: Sequence[int], operands: Mapping[int, Sequence[int]], of: Mapping[int, str], lines: Sequence[int]
) -> list[int]:
    """These lines and all that are made of one of them and used by another."""
    after, before = ({of.get(i, i) for i in lines} for _ in range(2))
    for i in shown:
        if any(of.get(k, k) in after for k in operands[i]):
            after.add(of.get(i, i))
    for i in reversed(shown):
        if of.get(i, i) in before:
            before.update(of.get(k, k) for k in operands[i])
    return [i for i in shown if of.get(i, i) in after & before]


def ordered(shown: Sequence[int], operands: Mapping[int, Sequence[int]], of: Mapping[int, str]) -> list[Folded]:
    """The boxes in order (Kahn, 1962); nothing where a group uses what is made of it."""
    lines: dict[int | str, list[int]] = {}
    for i in shown:
        lines.setdefault(of.get(i, i), []).append(i)
    waits: dict[int | str, int] = {}
    users: dict[int | str, list[int | str]] = {}
    for box, inside in lines.items():
        used = {of.get(k, k) for i in inside for k in operands[i]} - {box}
        waits[box] = len(used)
        for k in used:
            users.setdefault(k, []).append(box)
    ready = [(inside[0], box) for box, inside in lines.items() if not waits[box]]
    order = []
    while ready:
        _, box = heappop(ready)
        order.append(Folded(box if isinstance(box, str) else "", tuple(lines[box])))
        for user in users.get(box, ()):
            waits[user] -= 1
            if not waits[user]:
                heappush(ready, (lines[user][0], user))
    return order if len(order) == len(lines) else []
