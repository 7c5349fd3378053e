"""Folding by a click: which pictures of one graph there are, by what is folded in them, and from which to which a click leads.

A page holds them all, as many as it has room for. A click on a folded box opens it, beside what is open where there is room for
that, else instead of it; what lies inside comes folded. A click on the sign of an open group folds it.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from .boxes import Lines
from .folding import Folded, grouped, groups
from .picture import MOST, caption_of, described, figure, whole

HELD = 40  # pictures in a page
GZIP = 31  # what zlib writes, as a browser's DecompressionStream reads it


class View(NamedTuple):
    """One picture: its boxes, and the groups that are open in it, by name, each with the box that has its sign."""

    boxes: tuple[Folded, ...]
    open: Mapping[str, int]

    @property
    def folded(self) -> list[str]:
        return [box.name for box in self.boxes if box.name]


class Pictures(NamedTuple):
    """What a page holds: the picture that is seen first; the others, packed; and of each, by the names of groups, where a click
    leads."""

    first: str
    packed: str
    links: list[dict[str, int]]
    stuck: bool  # for something folded in the first there is no room to unfold it

    def told(self) -> dict[str, object]:
        """What `fold.js` reads."""
        return {"folds": self.links, "packed": self.packed}


def pictures(lines: Lines, room: int, language: str = "en") -> Pictures:
    """As many pictures as there is room for, in bytes; the first one always."""
    views, held, first = Views(lines, MOST), list[View](), ""
    packer, packed = zlib.compressobj(9, zlib.DEFLATED, GZIP), b""
    for view in views:
        told = lines.boxes(view.boxes)
        if not held:
            first = whole(told, lines.graph, lines.p, language, view.open)
            room -= len(first.encode())
        else:
            size, inside = figure(told, caption_of(lines.graph, told[0], language), view.open)
            after, said = packer.copy(), described(told, lines.p, language)
            more = after.compress(f"<svg {size}>{said}{inside}</svg>".encode()) + after.flush(zlib.Z_SYNC_FLUSH)
            room -= len(more) * 4 // 3 + sum(len(name.encode()) + 8 for name in (*view.folded, *view.open))
            if room < 0 or len(held) == HELD:
                break
            packer, packed = after, packed + more
        held.append(view)
    links = views.links(held)
    return Pictures(first, base64.b64encode(packed + packer.flush()).decode() if len(held) > 1 else "", links,
                    not all(name in links[0] for name in held[0].folded))


class Views:
    """The pictures of a graph with no more than `most` boxes."""

    def __init__(self, lines: Lines, most: int) -> None:
        self.lines, self.most = lines, most
        self.groups = groups(lines.graph, lines.shown, lines.operands)
        self.lines_of: dict[str, frozenset[int]] = {}
        for name in self.groups:
            for box in self.folding([name]):
                if box.name and frozenset(box.lines) not in self.lines_of.values():
                    self.lines_of[name] = frozenset(box.lines)
        self.made: dict[tuple[frozenset[str], int], View] = {}

    def folding(self, shut: Collection[str], most: int = 0) -> list[Folded]:
        wanted = {name: inside for name, inside in self.groups.items() if name in shut}
        return grouped(wanted, self.lines.shown, self.lines.operands, most)

    def view(self, shut: frozenset[str], most: int = 0) -> View:
        """The picture in which these groups are folded, or as many of them as is needed."""
        if (shut, most) not in self.made:
            self.made[shut, most] = self.drawn(self.folding(shut, most))
        return self.made[shut, most]

    def drawn(self, boxes: Sequence[Folded]) -> View:
        at = {i: n for n, box in enumerate(boxes) for i in box.lines}
        signs: dict[str, int] = {}
        for name, inside in self.lines_of.items():
            if any(box.name == name for box in boxes):
                continue
            places = {at[i] for i in inside}
            free = places - set(signs.values())
            if len(places) > 1 and free:
                signs[name] = min(free)
        return View(tuple(boxes), signs)

    def first(self) -> View:
        return self.view(frozenset(self.lines_of), self.most)

    def within(self, name: str) -> frozenset[str]:
        return frozenset(k for k, inside in self.lines_of.items() if inside < self.lines_of[name])

    def around(self, name: str) -> frozenset[str]:
        return frozenset(k for k, inside in self.lines_of.items() if inside > self.lines_of[name])

    def wanted(self, view: View, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """What is folded after a click on a group: what else is open stays so; or only what is around it stays open."""
        every = frozenset(self.lines_of)
        shut, alone = every.difference(view.open), every - self.around(name)
        if name in view.open:
            return shut | {name}, alone
        return (shut | self.within(name)) - {name}, alone - {name}

    def __iter__(self) -> Iterator[View]:
        """All of them, those with few open groups first."""
        found = {self.first().boxes: self.first()}
        yield self.first()
        for alone in (1, 0):
            queue = list(found.values())
            for view in queue:
                for name in (*view.folded, *view.open):
                    new = self.view(self.wanted(view, name)[alone])
                    if new.boxes not in found and len(new.boxes) <= self.most:
                        found[new.boxes] = new
                        queue.append(new)
                        yield new

    def links(self, held: Sequence[View]) -> list[dict[str, int]]:
        """Of each of these pictures, by the name of a group the picture to which a click on it leads, if there is one."""
        place = {view.boxes: n for n, view in enumerate(held)}
        told: list[dict[str, int]] = []
        for view in held:
            told.append({})
            for name in (*view.folded, *view.open):
                ways = [self.made[shut, 0] for shut in self.wanted(view, name) if (shut, 0) in self.made]
                found = (new for new in ways if new.boxes in place and name in (new.folded if name in view.open else new.open))
                if new := next(found, None):
                    told[-1][name] = place[new.boxes]
        return told
