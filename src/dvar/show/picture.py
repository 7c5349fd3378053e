"""The computation graph as a picture: SVG drawn left to right, the way it is drawn on a blackboard.

Inputs are pills, lines with a name are boxes, and what nobody named is written into the line that uses it. Where they
stand is `layout.py`'s; here are text and colours. The same graph and numbers make the same text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple
from unicodedata import east_asian_width

import numpy as np

from ..derive.derivation import derivative_name
from ..derive.passes import Pass, show
from ..errors import UsageError
from ..expression.graph import INPUT, Graph, Value
from ..expression.writing import spell_name
from .layout import Rect, Wire, layout
from .wording import in_lines, reach, write_root

MOST = 60  # boxes; more of them nobody reads as a picture
LONGEST = 44  # characters of a line in a box
ENDLESS = 1000  # characters; an unnamed part used twice, and twice again, would double with every use
FONT, SMALL, LINE = 15, 13, 23  # pixels: the text, the caption, from line to line
ADVANCE = 0.602 * FONT  # of a character: monospace fonts agree within a hundredth
MARGIN, PADDING = 32, 18  # around the picture, inside a box
ARROW = 8

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


class Box(NamedTuple):
    kind: str  # "input", "output" or ""
    line: str
    value: str  # "" without a pass
    slope: str
    uses: tuple[int, ...]  # other boxes


def boxes(graph: Graph, p: Pass | None) -> list[Box]:
    """Inputs, named nodes and the output, each with its line. Raises UsageError where they are too many to draw."""
    nodes = list(graph.nodes)
    shown = in_lines(nodes, ENDLESS)
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
            atoms = {k: spell_name(nodes[k].name) for k in shown if k != i}
            uses = tuple(number[k] for k in sorted(reach(nodes, i, atoms)) if k in atoms)
            line += " = " + write_root(nodes, i, atoms, number=show_constant)
        value = f"= {show(p.values[name])}" if p else ""
        slope = f"{shortened(spell_name(derivative_name(name)))} = {show(p.d[name])}" if p else ""
        told.append(Box(kind, line, value, slope, uses))
    return told


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
