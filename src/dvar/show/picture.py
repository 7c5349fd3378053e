"""The computation graph as a picture: SVG drawn left to right, the way it is drawn on a blackboard.

Parameters are pills, data are sheets one behind the other, constants have cut corners, lines are boxes, and what is folded has a
double frame and a ⊞; what each says is `boxes.py`'s, where they stand `layout.py`'s; here are shapes and colours. The same graph
and numbers make the same text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from ..derive.derivation import derivative_name
from ..derive.passes import Pass, show
from ..errors import UsageError
from ..expression.graph import Graph
from .boxes import LONGEST, Box, boxes
from .layout import PORT, Rect, Wire, layout
from .messages import messages, said_in
from .wording import cells, told_name

MOST = 60  # boxes; more of them nobody reads as a picture
FONT, SMALL, LINE = 15, 13, 23  # pixels: the text, the caption, from line to line
ADVANCE = 0.602 * FONT  # of a character: monospace fonts agree within a hundredth
MARGIN, PADDING = 32, 18  # around the picture, inside a box
ARROW, SHEET, CORNER = 8, 4, 10  # of an arrow's head, from sheet to sheet of data, cut off a constant
SIGN, INNER = 11, 3  # of the ⊞ of what is folded, from its outer frame to the inner one

COLOURS = (  # class, property, on light paper, on dark; written out, because many programs that show SVG know no var()
    ("paper", "fill", "#fbfaf6", "#1c2522"),
    ("box", "fill", "#ffffff", "#26312d"),
    ("box", "stroke", "#5b6761", "#a5b4ac"),
    ("parameter", "fill", "#e9f1e4", "#33463e"),
    ("data", "fill", "#fdf1d8", "#463e2c"),
    ("constant", "fill", "#eceef0", "#2e3742"),
    ("output", "stroke", "#1d2421", "#f1f4ee"),
    ("edge", "stroke", "#5b6761", "#a5b4ac"),
    ("sign", "stroke", "#1d2421", "#f1f4ee"),
    ("head", "fill", "#5b6761", "#a5b4ac"),
    ("line", "fill", "#1d2421", "#f1f4ee"),
    ("value", "fill", "#0b4f9e", "#93cbff"),
    ("slope", "fill", "#a3330a", "#ffb48c"),
    ("along", "stroke", "#fbfaf6", "#1c2522"),
    ("named", "stroke", "#fbfaf6", "#1c2522"),
)
MONOSPACE = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"
STYLE = f"""
.dvar{{max-width:100%;height:auto}}
.dvar text{{font:{FONT}px {MONOSPACE};text-anchor:middle;white-space:pre}}
.dvar .small{{font-size:{SMALL}px}}
.dvar .edge{{fill:none;stroke-width:1.6}}
.dvar .box{{stroke-width:1.4}}
.dvar .output{{stroke-width:2.8}}
.dvar .sign{{fill:none;stroke-width:1.4}}
.dvar .named{{text-anchor:start;stroke-width:4px;paint-order:stroke}}
.dvar .along text{{font-size:{SMALL}px;text-anchor:end;stroke-width:4px;paint-order:stroke}}
{"".join(f".dvar .{name}{{{what}:{light}}}" for name, what, light, _ in COLOURS)}
@media screen and (prefers-color-scheme:dark){{{"".join(f".dvar .{name}{{{what}:{dark}}}" for name, what, _, dark in COLOURS)}}}
"""


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def across(text: str) -> float:
    """The width of a line, in pixels."""
    return ADVANCE * cells(text)


def box_width(box: Box, lines: Sequence[tuple[str, str]]) -> float:
    inside = max(across(text) for _, text in lines)
    more = {"parameter": 4 * len(lines), "folded": 4 * INNER}.get(box.kind, 0)  # round ends take more, tall ones most
    return inside + 2 * PADDING + more


def svg(
    graph: Graph, p: Pass | None = None, fold: Collection[str] | bool | None = None, data: Mapping[str, Any] | None = None,
    language: str = "en",
) -> str:
    """The graph as an SVG picture; with a pass, every value and every derivative of the output in it.

    `fold` names functions that were called, or variables bound again and again, to draw as one box; True folds all, False none,
    None as is needed. `data` are inputs that vary by example, with their shapes. Raises UsageError where there are more than 60
    boxes even so, for a group that there is not, and for a pass of another graph.
    """
    if p is not None and p.graph != graph:
        raise UsageError("the pass belongs to another graph", "draw p.graph")
    return whole(boxes(graph, p, data or {}, fold, MOST, language), graph, p, language)


def whole(
    told: Sequence[Box], graph: Graph, p: Pass | None = None, language: str = "en", signs: Mapping[str, int] | None = None
) -> str:
    """The picture of these boxes."""
    if len(told) > MOST:
        raise UsageError(f"the graph has {len(told)} inputs and named lines; a picture shows at most {MOST}",
                         "print(graph) shows it as text")
    drawn = figure(told, caption_of(graph, told[0], language) if p else "", signs)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" class="dvar" role="img" {drawn.size}>',
             f"<title>{xml(title(graph, language))}</title>", described(told, p, language),
             f"<style>{STYLE}</style>", '<rect class="paper" width="100%" height="100%"/>', drawn.inside, "</svg>", ""]
    return "\n".join(parts)


class Figure(NamedTuple):
    """What is drawn: the attributes of its size, and all of it in a `<g>`."""

    size: str
    inside: str


def figure(told: Sequence[Box], caption: str, signs: Mapping[str, int] | None = None) -> Figure:
    """Boxes and wires; `signs` are open groups by name, each with the number of the box over which its ⊟ stands."""
    texts = [[(kind, shortened(text)) for kind, text in (("line", b.line), ("value", b.value), ("slope", b.slope)) if text]
             for b in told]
    signs = signs or {}
    above = {n: across(shortened(name)) * SMALL / FONT + SIGN + 5 for name, n in signs.items()}
    sizes = [(max(box_width(b, lines), above.get(n, 0)), max(PADDING + LINE * len(lines), PORT * sum(map(bool, b.edges))))
             for n, (b, lines) in enumerate(zip(told, texts))]
    room = max((across(text) * SMALL / FONT + ARROW for b in told for text in b.edges if text), default=0.0)
    rects, wires = layout(sizes, [b.uses for b in told], room)
    width = 2 * MARGIN + max(*(r.x + r.width for r in rects), across(caption) * SMALL / FONT)
    height = 2 * MARGIN + max(*(r.y + r.height for r in rects), *(w.y0 for w in wires), 0) + (2 * LINE if caption else 0)
    size = f'width="{at(width)}" height="{at(height)}" viewBox="0 0 {at(width)} {at(height)}"'
    parts = [f'<g transform="translate({MARGIN} {MARGIN})">']
    if wires:
        parts += ['<g class="edge">', *map(wire_drawn, wires), "</g>", heads_drawn([w for w in wires if w.target is not None])]
    parts += [box_drawn(b, r, lines) for b, r, lines in zip(told, rects, texts)]
    along = [along_drawn(w, told[w.source], told[w.target]) for w in wires if w.target is not None]
    if any(along):
        parts += ['<g class="slope along">', *along, "</g>"]
    parts += [sign_drawn(name, rects[n]) for name, n in signs.items()]
    if caption:
        x, y = at(width / 2 - MARGIN), at(height - 2 * MARGIN)
        parts.append(f'<text class="line small caption" x="{x}" y="{y}">{xml(caption)}</text>')
    return Figure(size, "\n".join([*filter(None, parts), "</g>"]))


def caption_of(graph: Graph, first: Box, language: str) -> str:
    """What a derivative's name means, and a number at an edge."""
    output, name, slope = (shortened(told_name(n)) for n in (graph.output, first.name, derivative_name(first.name)))
    return messages(language)["caption"].format(derivative=slope, output=output, name=name)


def described(told: Sequence[Box], p: Pass | None, language: str) -> str:
    """What a screen reader says of it."""
    notes = [said_in(language, note) for note in p.notes] if p else []
    return f"<desc>{xml(chr(10).join([*(b.said for b in told), *said_along(told), *notes]))}</desc>"


def said_along(told: Sequence[Box]) -> list[str]:
    """The local derivatives, as a screen reader says them."""
    return [f"∂{told_name(b.name)}/∂{told_name(told[k].name)} = {text}"
            for b in told for k, text in zip(b.uses, b.edges) if text]


def title(graph: Graph, language: str = "en") -> str:
    return messages(language)["title"].format(output=told_name(graph.output))


def box_drawn(box: Box, r: Rect, lines: Sequence[tuple[str, str]]) -> str:
    middle = r.x + r.width / 2
    top = r.y + (r.height - LINE * len(lines)) / 2 + LINE / 2 + FONT / 3  # a baseline lies below the middle
    full = f"<title>{xml(box.line)}</title>" if lines[0][1] != box.line else ""
    group = f' data-fold="{xml(box.name)}" data-lines="{spans(box.inside)}"' if box.kind == "folded" else ""
    drawn = [f'<g data-box="{box.inside[-1]}"{group}>{full}{outline(box.kind, r)}']
    for n, (kind, text) in enumerate(lines):
        drawn.append(f'<text class="{kind}" x="{at(middle)}" y="{at(top + n * LINE)}">{xml(text)}</text>')
    return "\n".join([*drawn, "</g>"])


def outline(kind: str, r: Rect) -> str:
    """The shape says what it is, in black and white too."""
    if kind == "constant":
        x0, x1, x2, x3 = (at(x) for x in (r.x, r.x + CORNER, r.x + r.width - CORNER, r.x + r.width))
        y0, y1, y2, y3 = (at(y) for y in (r.y, r.y + CORNER, r.y + r.height - CORNER, r.y + r.height))
        return f'<path class="box constant" d="M{x1} {y0}H{x2}L{x3} {y1}V{y2}L{x2} {y3}H{x1}L{x0} {y2}V{y1}z"/>'
    size = f'width="{at(r.width)}" height="{at(r.height)}" rx="{at(r.height / 2 if kind == "parameter" else 4)}"'
    if kind == "folded":
        inside = Rect(r.x + INNER, r.y + INNER, r.width - 2 * INNER, r.height - 2 * INNER)
        inner = f'<path class="sign" d="{sign(inside.x + INNER, inside.y + INNER, True)}"/>'
        return f'<rect class="box" x="{at(r.x)}" y="{at(r.y)}" {size}/>{outline("line", inside)}{inner}'
    styled = "box" if kind == "line" else f"box {kind}"
    sheets = (2, 1, 0) if kind == "data" else (0,)
    return "".join(f'<rect class="{styled}" x="{at(r.x + SHEET * n)}" y="{at(r.y - SHEET * n)}" {size}/>' for n in sheets)


def sign(x: float, y: float, folded: bool) -> str:
    """A square with a plus or a minus in it: ⊞ of what is folded, ⊟ of what is open."""
    square = f"M{at(x)} {at(y)}h{SIGN}v{SIGN}h-{SIGN}zm2 {SIGN / 2:g}h{SIGN - 4}"
    return square + f"m{2 - SIGN / 2:g} {2 - SIGN / 2:g}v{SIGN - 4}" * folded


def sign_drawn(name: str, r: Rect) -> str:
    """Over a box: the name of an open group it is in, and the sign by which that is folded."""
    text = f'<text class="line small named" x="{at(r.x + SIGN + 5)}" y="{at(r.y - 5)}">{xml(shortened(name))}</text>'
    return f'<g data-fold="{xml(name)}" class="open hidden"><path class="sign" d="{sign(r.x, r.y - SIGN - 5, False)}"/>{text}</g>'


def spans(numbers: Sequence[int]) -> str:
    """Numbers in order, neighbours as first-last: 2 4-9."""
    parts: list[list[int]] = []
    for n in sorted(numbers):
        if parts and parts[-1][1] == n - 1:
            parts[-1][1] = n
        else:
            parts.append([n, n])
    return " ".join(f"{a}-{b}" if a < b else str(a) for a, b in parts)


def wire_drawn(w: Wire) -> str:
    """In whole pixels: a large graph has many."""
    short = 0 if w.target is None else ARROW
    places = (w.x0, w.leave, (w.leave + w.arrive) / 2, w.arrive - short, w.x1 - short, w.y0, w.y1)
    x0, leave, bend, arrive, x1, y0, y1 = map(round, places)
    curve = f"H{leave}" * (leave != x0) + f"C{bend} {y0} {bend} {y1} {arrive} {y1}"
    return f'<path d="M{x0} {y0}{curve * (y0 != y1)}H{x1}"/>'


def heads_drawn(wires: Sequence[Wire]) -> str:
    """All arrow heads: one shape."""
    return f'<path class="head" d="{"".join(f"M{at(w.x1)} {at(w.y1)}l{-ARROW - 2} -5v10z" for w in wires)}"/>'


def along_drawn(w: Wire, source: Box, box: Box) -> str:
    """The local derivative, over the end of its edge."""
    text = box.edges[box.uses.index(w.source)]
    place = f'data-edge="{source.inside[-1]}-{box.inside[-1]}" x="{at(w.x1 - ARROW - 4)}" y="{at(w.y1 - 4)}"'
    return f"<text {place}>{xml(text)}</text>" if text else ""


def at(number: float) -> str:
    return show(round(float(number), 1))


def xml(text: str) -> str:
    """Escaped; characters that XML cannot hold at all are shown as �."""
    return escape(re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))
