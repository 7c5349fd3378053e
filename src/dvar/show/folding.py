"""Folding: which lines of a large graph are drawn as one box.

A group is what a called function computed (layer1.z and layer1.a are of layer1), or one variable bound again and again (x_2,
x_3, … in a loop) with all that lies between. A function is folded only where nothing that leaves it comes back to it, so that
the boxes still have an order.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from ..errors import UsageError, nearest
from ..expression.graph import INPUT, Graph

REBOUND = re.compile(r"(.+)_(\d+)")
REBOUND_GROUP = " … "  # between the first and the last name of a variable bound again


class Folded(NamedTuple):
    """Lines drawn as one box: one line alone, under no name; or a group."""

    name: str
    lines: tuple[int, ...]

    @property
    def last(self) -> int:
        return self.lines[-1]


def groups(graph: Graph, shown: Sequence[int]) -> dict[str, list[int]]:
    """The lines of every group of at least two, by its name: functions, outer ones first, then variables bound again."""
    functions: dict[str, list[int]] = {}
    rebound: dict[str, list[int]] = {}
    names = {graph.nodes[i].name for i in shown}
    for i in shown:
        node = graph.nodes[i]
        if node.op == INPUT or i == len(graph.nodes) - 1:
            continue
        parts = node.name.split(".")
        for n in range(1, len(parts)):
            functions.setdefault(".".join(parts[:n]), []).append(i)
        match = REBOUND.fullmatch(node.name)
        rebound.setdefault(match[1] if match and match[1] in names else node.name, []).append(i)
    found = outer_first(functions) | {
        f"{name}{REBOUND_GROUP}{graph.nodes[lines[-1]].name}": lines for name, lines in outer_first(rebound).items()}
    return {name: lines for name, lines in found.items() if len(lines) > 1}


def outer_first(groups: Mapping[str, list[int]]) -> dict[str, list[int]]:
    return dict(sorted(groups.items(), key=lambda item: item[0].count(".")))


def folded(
    graph: Graph, shown: Sequence[int], operands: Mapping[int, Sequence[int]], fold: Collection[str] | bool | None, most: int
) -> list[Folded]:
    """All lines, in an order in which each box comes after those it uses."""
    found = {} if fold is False else groups(graph, shown)
    if isinstance(fold, bool) or fold is None:
        wanted = list(found)
    else:
        wanted = [fold] if isinstance(fold, str) else list(fold)
        for name in wanted:
            if name not in found:
                raise UsageError(f"there is no group {name!r} to fold{nearest(name, found)}",
                                 "a group is a function that was called, or a variable bound again and again")
    of: dict[int, str] = {}
    for name in wanted:
        if fold is None and len({of.get(i, i) for i in shown}) <= most:
            break
        lines = [i for i in found[name] if i not in of]
        if REBOUND_GROUP in name:
            lines = between(shown, operands, of, lines)
        if len(lines) > 1 and ordered(shown, operands, of | dict.fromkeys(lines, name)):
            of |= dict.fromkeys(lines, name)
    return ordered(shown, operands, of)


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
