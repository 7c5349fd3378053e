"""The computation graph as a picture: SVG drawn left to right, the way it is drawn on a blackboard.

Inputs are pills, lines with a name are boxes, and what nobody named is written into the line that uses it. The drawing
is layered (Sugiyama, Tagawa, Toda 1981): a column per step of the longest way from the inputs; an edge that skips
columns gets a lane of its own in each of them, so that no edge runs through a box. `layout` is that geometry alone, of
sizes and uses; the rest knows of text and colours. The same graph and numbers make the same text.
"""

from __future__ import annotations

import re
from bisect import bisect, insort
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple
from unicodedata import east_asian_width

import numpy as np

from ..derive.derivation import derivative_name
from ..derive.passes import Pass, show
from ..errors import UsageError
from ..expression.formula import spell_name
from ..expression.graph import CONST, INPUT, Graph, Node, Value
from ..expression.ops import OPS
from .steps import reach, write_root

MOST = 60  # boxes; more of them nobody reads as a picture
LONGEST = 44  # characters of a line in a box
ENDLESS = 1000  # characters; an unnamed part used twice, and twice again, would double with every use
FONT, SMALL, LINE = 15, 13, 23  # pixels: the text, the caption, from line to line
ADVANCE = 0.602 * FONT  # of a character: monospace fonts agree within a hundredth
MARGIN, PADDING, APART = 32, 18, 26  # around the picture, inside a box, between boxes of a column
NEAR, FAR, STEEP = 56, 150, 0.4  # between columns: at least, at most, and as a share of the steepest rise
ARROW = 8
SWEEPS = 24

COLOURS = (  # class, property, on light paper, on dark; written out, because many programs that show SVG know no var()
    ("paper", "fill", "#fbfaf6", "#1c2522"),
    ("box", "fill", "#ffffff", "#26312d"),
    ("box", "stroke", "#5b6761", "#a5b4ac"),
    ("input", "fill", "#e9f1e4", "#33463e"),
    ("output", "stroke", "#1d2421", "#f1f4ee"),
    ("edge", "stroke", "#5b6761", "#a5b4ac"),
    ("head", "fill", "#5b6761", "#a5b4ac"),
    ("line", "fill", "#1d2421", "#f1f4ee"),
    ("value", "fill", "#0b4f9e", "#93cbff"),
    ("slope", "fill", "#a3330a", "#ffb48c"),
)
MONOSPACE = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"
STYLE = f"""
.dvar text{{font:{FONT}px {MONOSPACE};text-anchor:middle;white-space:pre}}
.dvar .small{{font-size:{SMALL}px}}
.dvar .edge{{fill:none;stroke-width:1.6}}
.dvar .box{{stroke-width:1.4}}
.dvar .output{{stroke-width:2.8}}
{"".join(f".dvar .{name}{{{what}:{light}}}" for name, what, light, _ in COLOURS)}
@media (prefers-color-scheme:dark){{{"".join(f".dvar .{name}{{{what}:{dark}}}" for name, what, _, dark in COLOURS)}}}
"""


# geometry


class Rect(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Wire(NamedTuple):
    """Straight from (x0, y0) to where its column ends, a curve up to where the next begins, straight to (x1, y1)."""

    x0: float
    y0: float
    leave: float
    arrive: float
    x1: float
    y1: float
    head: bool  # it ends at a box, not in a lane


Links = list[tuple[int, int]]


def layout(sizes: Sequence[tuple[float, float]], uses: Sequence[Iterable[int]]) -> tuple[list[Rect], list[Wire]]:
    """Where boxes of these (width, height) stand, and the wires to each from those it uses, which come before it."""
    columns, links = lanes(layers(uses), uses)
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
        left.append(left[-1] + w + min(max(NEAR, STEEP * steepest), FAR))
    places = []
    for i, (width, height) in enumerate(size):
        c = column_of[i]
        width = width if i < len(sizes) else wide[c]  # a lane runs all along its column
        places.append(Rect(left[c] + (wide[c] - width) / 2, middle[i] - height / 2, width, height))
    wires = []
    for a, b in links:
        c, to_box = column_of[a], b < len(sizes)
        start, end = places[a].x + places[a].width, places[b].x + (0 if to_box else places[b].width)
        wires.append(Wire(start, middle[a], left[c] + wide[c], left[c + 1], end, middle[b], to_box))
    return places[: len(sizes)], wires


def layers(uses: Sequence[Iterable[int]]) -> list[int]:
    """The column of each box: the longest way from the inputs; what uses nothing moves next to its first use."""
    depth: list[int] = []
    first: dict[int, int] = {}
    for used in uses:
        depth.append(1 + max((depth[k] for k in used), default=-1))
        for k in used:
            first[k] = min(first.get(k, depth[-1]), depth[-1])
    return [d if d or i not in first else first[i] - 1 for i, d in enumerate(depth)]


def lanes(layer: Sequence[int], uses: Sequence[Iterable[int]]) -> tuple[list[list[int]], Links]:
    """Columns of places and the links between neighbouring columns. Places after the boxes are lanes of edges passing
    through; the edges of one box share its lane and part where they must."""
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
    return columns, list(links)


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


# what is drawn


class Box(NamedTuple):
    kind: str  # "input", "output" or ""
    line: str
    value: str  # "" without a pass
    slope: str
    uses: tuple[int, ...]  # other boxes


def boxes(graph: Graph, p: Pass | None) -> list[Box]:
    """Inputs, named nodes and the output, each with its line. Raises UsageError where they are too many to draw."""
    nodes = list(graph.nodes)
    shown = in_boxes(nodes)
    if len(shown) > MOST:
        raise UsageError(f"the graph has {len(shown)} inputs and named lines; a picture shows at most {MOST}",
                         "print(graph) shows it as text")
    number = {i: n for n, i in enumerate(shown)}
    told = []
    for i in shown:
        name, kind = nodes[i].name, INPUT if nodes[i].op == INPUT else "output" if i == len(nodes) - 1 else ""
        line = spell_name(name)
        uses: tuple[int, ...] = ()
        if kind != INPUT:
            atoms = {k: nodes[k].name for k in shown if k != i}
            uses = tuple(number[k] for k in sorted(reach(nodes, i, atoms)) if k in atoms)
            line += " = " + write_root(nodes, i, atoms, spell_name, number=show_constant)
        value = f"= {show(p.values[name])}" if p else ""
        slope = f"{shortened(spell_name(derivative_name(name)))} = {show(p.d[name])}" if p else ""
        told.append(Box(kind, line, value, slope, uses))
    return told


def in_boxes(nodes: Sequence[Node]) -> list[int]:
    """Inputs, what the user named, the output; and an unnamed part that would be endless written into its users."""
    shown, length = [], list[int]()
    for i, node in enumerate(nodes):
        written = 8 if node.op in (INPUT, CONST) else len(OPS[node.op].form) + sum(length[k] for k in node.operands)
        if node.op == INPUT or node.given or i == len(nodes) - 1 or written > ENDLESS:
            shown.append(i)
            written = 8
        length.append(written)
    return shown


def show_constant(value: Value) -> str:
    return show(np.asarray(value) if isinstance(value, tuple) else value)


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def across(text: str) -> float:
    """The width of a line, in pixels; Chinese, Japanese and Korean characters are two wide."""
    return ADVANCE * sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def box_width(box: Box, lines: Sequence[tuple[str, str]]) -> float:
    inside = max(across(text) for _, text in lines)
    return inside + 2 * PADDING + (4 * len(lines) if box.kind == INPUT else 0)  # round ends take more, tall ones most


def svg(graph: Graph, p: Pass | None = None) -> str:
    """The graph as an SVG picture; with a pass, every value and every derivative of the output in it.

    Raises UsageError beyond 60 boxes, and for a pass of another graph.
    """
    if p is not None and p.graph != graph:
        raise UsageError("the pass belongs to another graph", "draw p.graph")
    told = boxes(graph, p)
    texts = [[("line", shortened(b.line)), *([("value", b.value), ("slope", b.slope)] if p else [])] for b in told]
    sizes = [(box_width(b, lines), PADDING + LINE * len(lines)) for b, lines in zip(told, texts)]
    rects, wires = layout(sizes, [b.uses for b in told])
    caption = f"dv means: the derivative of {shortened(spell_name(graph.output))} with respect to v" if p else ""
    width = 2 * MARGIN + max(*(r.x + r.width for r in rects), across(caption) * SMALL / FONT)
    height = 2 * MARGIN + max(*(r.y + r.height for r in rects), *(w.y0 for w in wires), 0) + (2 * LINE if p else 0)
    said = [f"{b.line} {b.value}, {b.slope}" if p else b.line for b in told]
    size = f'width="{at(width)}" height="{at(height)}" viewBox="0 0 {at(width)} {at(height)}"'
    described = "\n".join([*said, *(p.notes if p else ())])
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" class="dvar" role="img" {size}>',
             f"<title>{xml(title(graph))}</title>", f"<desc>{xml(described)}</desc>",
             f"<style>{STYLE}</style>", '<rect class="paper" width="100%" height="100%"/>',
             f'<g transform="translate({MARGIN} {MARGIN})">']
    parts += [wire_drawn(w) for w in wires]
    parts += [box_drawn(b, r, lines) for b, r, lines in zip(told, rects, texts)]
    if caption:
        x, y = at(width / 2 - MARGIN), at(height - 2 * MARGIN)
        parts.append(f'<text class="line small" x="{x}" y="{y}">{xml(caption)}</text>')
    return "\n".join([*parts, "</g>", "</svg>", ""])


def title(graph: Graph) -> str:
    return f"Computation graph of {spell_name(graph.output)}"


def box_drawn(box: Box, r: Rect, lines: Sequence[tuple[str, str]]) -> str:
    round_by = at(r.height / 2 if box.kind == INPUT else 4)
    middle, top = r.x + r.width / 2, r.y + PADDING / 2 + LINE / 2 + FONT / 3  # a baseline lies below the middle
    full = f"<title>{xml(box.line)}</title>" if lines[0][1] != box.line else ""
    frame = f'<rect class="{f"box {box.kind}".strip()}" x="{at(r.x)}" y="{at(r.y)}" width="{at(r.width)}"'
    drawn = [f'<g>{full}{frame} height="{at(r.height)}" rx="{round_by}"/>']
    for n, (kind, text) in enumerate(lines):
        drawn.append(f'<text class="{kind}" x="{at(middle)}" y="{at(top + n * LINE)}">{xml(text)}</text>')
    return "\n".join([*drawn, "</g>"])


def wire_drawn(w: Wire) -> str:
    bend = (w.leave + w.arrive) / 2
    curve = f"C{at(bend)} {at(w.y0)} {at(bend)} {at(w.y1)} {at(w.arrive - (ARROW if w.head else 0))} {at(w.y1)}"
    end = w.x1 - (ARROW if w.head else 0)
    drawn = f'<path class="edge" d="M{at(w.x0)} {at(w.y0)}H{at(w.leave)}{curve}H{at(end)}"/>'
    if w.head:
        drawn += f'<path class="head" d="M{at(w.x1)} {at(w.y1)}l{-ARROW - 2} -5v10z"/>'
    return drawn


def at(number: float) -> str:
    return show(round(float(number), 1))


def xml(text: str) -> str:
    """Escaped; characters that XML cannot hold at all are shown as �."""
    return escape(re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))
