"""Layered drawing: where boxes of given sizes stand, and how the wires between them run. Knows nothing of graphs or text.

A column per step of the longest way from the inputs; an edge that skips columns gets a lane of its own in each of them,
so that no edge runs through a box (Sugiyama, Tagawa, Toda 1981). Boxes stand at the mean of their neighbours, kept in
order and apart by weighted isotonic regression.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterable, Sequence
from typing import NamedTuple

APART = 26  # pixels between boxes of a column
NEAR, FAR, STEEP = 56, 150, 0.4  # between columns: at least, at most, and as a share of the steepest rise
PORT = 20  # between the ends of wires at one box
LINE_UNITS = 2 * APART  # of a row of characters, so that boxes drawn with them stand half a row apart at least
SWEEPS = 24


class Rect(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Wire(NamedTuple):
    """From box `source`: straight from (x0, y0) to where its column ends, a curve up to where the next begins, straight to
    (x1, y1), at box `target` or, where that is None, in a lane."""

    x0: float
    y0: float
    leave: float
    arrive: float
    x1: float
    y1: float
    source: int
    target: int | None


Links = list[tuple[int, int]]


def layout(
    sizes: Sequence[tuple[float, float]], uses: Sequence[Iterable[int]], room: float = 0.0
) -> tuple[list[Rect], list[Wire]]:
    """Where boxes of these (width, height) stand, and the wires to each from those it uses, which come before it; `room`
    is kept free at the end of each wire."""
    columns, links, owner = lanes(layers(uses), uses)
    columns = untangled(columns, links)
    size = list(sizes) + [(0.0, 0.0)] * (sum(map(len, columns)) - len(sizes))
    middle = balanced(columns, links, [height for _, height in size])
    top = min(middle[i] - size[i][1] / 2 for column in columns for i in column)
    middle = [m - top for m in middle]
    column_of = {i: c for c, column in enumerate(columns) for i in column}
    rise = [0.0] * len(columns)
    for a, b in links:
        rise[column_of[a]] = max(rise[column_of[a]], abs(middle[a] - middle[b]))
    wide = [max(size[i][0] for i in column) for column in columns]
    left = [0.0]
    for w, steepest in zip(wide, rise):
        left.append(left[-1] + w + room + min(max(NEAR, STEEP * steepest), FAR))
    places = []
    for i, (width, height) in enumerate(size):
        c = column_of[i]
        width = width if i < len(sizes) else wide[c]  # a lane runs all along its column
        places.append(Rect(left[c] + (wide[c] - width) / 2, middle[i] - height / 2, width, height))
    ends = ports(links, middle, [height for _, height in sizes])
    wires = []
    for a, b in links:
        c, target = column_of[a], b if b < len(sizes) else None
        start, end = places[a].x + places[a].width, places[b].x + (places[b].width if target is None else 0)
        wires.append(Wire(start, middle[a], left[c] + wide[c], left[c + 1] - room, end, ends[a, b], owner.get(a, a), target))
    return places[: len(sizes)], wires


def ports(
    links: Links, middle: Sequence[float], heights: Sequence[float], apart: float = PORT
) -> dict[tuple[int, int], float]:
    """The height at which each link ends: at a box one below the other, in the order in which they come."""
    arriving: dict[int, list[int]] = {}
    for a, b in links:
        arriving.setdefault(b, []).append(a)
    ends = {}
    for b, sources in arriving.items():
        step = min(apart, heights[b] / len(sources)) if b < len(heights) else 0.0
        for n, a in enumerate(sorted(sources, key=middle.__getitem__)):
            ends[a, b] = middle[b] + (n - (len(sources) - 1) / 2) * step
    return ends


def layers(uses: Sequence[Iterable[int]]) -> list[int]:
    """The column of each box: the longest way from the inputs; what uses nothing moves next to its first use."""
    depth: list[int] = []
    first: dict[int, int] = {}
    for used in uses:
        depth.append(1 + max((depth[k] for k in used), default=-1))
        for k in used:
            first[k] = min(first.get(k, depth[-1]), depth[-1])
    return [d if d or i not in first else first[i] - 1 for i, d in enumerate(depth)]


def lanes(layer: Sequence[int], uses: Sequence[Iterable[int]]) -> tuple[list[list[int]], Links, dict[int, int]]:
    """Columns of places, the links between neighbouring columns, and whose each lane is. Places after the boxes are lanes of
    edges passing through; the edges of one box share its lane and part where they must."""
    columns: list[list[int]] = [[] for _ in range(max(layer) + 1)]
    for i, c in enumerate(layer):
        columns[c].append(i)
    lane: dict[tuple[int, int], int] = {}
    links: dict[tuple[int, int], None] = {}
    for i, used in enumerate(uses):
        for k in used:
            at = k
            for c in range(layer[k] + 1, layer[i]):
                if (k, c) not in lane:
                    lane[k, c] = len(layer) + len(lane)
                    columns[c].append(lane[k, c])
                links[at, lane[k, c]] = None
                at = lane[k, c]
            links[at, i] = None
    return columns, list(links), {place: k for (k, _), place in lane.items()}


def neighbours(count: int, links: Links) -> tuple[list[list[int]], list[list[int]]]:
    """Of every place, those linked to its left and to its right."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in links:
        before[b].append(a)
        after[a].append(b)
    return before, after


def untangled(columns: list[list[int]], links: Links) -> list[list[int]]:
    """The columns in an order with few crossings: sweeps by barycentre, there and back; the best one seen is kept."""
    before, after = neighbours(sum(map(len, columns)), links)
    best, fewest = columns, crossings(columns, links)
    for sweep in range(SWEEPS):
        near = after if sweep % 2 == 0 else before
        rank = ranks(columns)
        turned = []
        for column in reversed(columns) if near is after else columns:
            pull = {i: sum(rank[k] for k in near[i]) / len(near[i]) if near[i] else rank[i] for i in column}
            turned.append(sorted(column, key=pull.__getitem__))
            rank |= ranks(turned[-1:])
        columns = turned[::-1] if near is after else turned
        if (count := crossings(columns, links)) < fewest:
            best, fewest = columns, count
    return best


def ranks(columns: Iterable[Sequence[int]]) -> dict[int, float]:
    """How far down its column a place stands, from 0 to 1."""
    return {i: (n + 0.5) / len(column) for column in columns for n, i in enumerate(column)}


def crossings(columns: list[list[int]], links: Links) -> int:
    """How many pairs of links between two columns are in opposite order at their two ends."""
    place = {i: (c, n) for c, column in enumerate(columns) for n, i in enumerate(column)}
    count, column, ends = 0, -1, list[int]()
    for (c, _), (_, end) in sorted((place[a], place[b]) for a, b in links):
        if c != column:
            column, ends = c, []
        count += len(ends) - bisect(ends, end)
        insort(ends, end)
    return count


def balanced(columns: list[list[int]], links: Links, heights: Sequence[float]) -> list[float]:
    """The middle of every place, as near as the order in its column allows to the mean of the boxes it is linked to; to
    that of the lanes where it is linked to lanes alone, so that the shortest edges are the straightest."""
    sides = [[[k for k in near if heights[k]] or near for near in side] for side in neighbours(len(heights), links)]
    middle = [0.0] * len(heights)
    for sweep in range(SWEEPS):
        near = sides[sweep % 2 == 0]  # left to right last: a result faces what it is made of
        for column in columns if near is sides[0] else reversed(columns):
            wanted = [sum(middle[k] for k in near[i]) / len(near[i]) if near[i] else middle[i] for i in column]
            weights = [1.0 if near[i] else 1e-6 for i in column]  # what is free on this side makes room
            for i, m in zip(column, spread(wanted, weights, [heights[i] for i in column])):
                middle[i] = m
    return middle


def spread(wanted: Sequence[float], weights: Sequence[float], heights: Sequence[float]) -> list[float]:
    """The middles nearest to the wanted ones, in weighted least squares, that keep the order and do not touch.

    Isotonic regression by pooling adjacent violators (Barlow et al. 1972), of the positions less what stands above.
    """
    above, offsets = 0.0, list[float]()
    pools: list[tuple[float, float, int]] = []  # level, weight, how many places
    for want, weight, height in zip(wanted, weights, heights):
        offsets.append(above + height / 2)
        above += height + APART
        level, count = want - offsets[-1], 1
        while pools and pools[-1][0] > level:
            higher, more, places = pools.pop()
            level = (level * weight + higher * more) / (weight + more)
            weight, count = weight + more, count + places
        pools.append((level, weight, count))
    levels = [level for level, _, count in pools for _ in range(count)]
    return [a + b for a, b in zip(levels, offsets)]
