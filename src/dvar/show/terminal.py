"""The picture of a graph in a terminal: boxes and wires of box-drawing characters, or of plain ones.

Boxes are `boxes.py`'s, in the columns and the order of `layout.py`; a wire runs straight, up or down in a track of its source's
own between two columns, and straight again, with the local derivative before its head.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import permutations
from math import floor
from textwrap import wrap
from typing import NamedTuple

from ..derive.passes import Pass
from ..expression.graph import Graph
from .boxes import Box, boxes
from .layout import LINE_UNITS, Links, balanced, lanes, layers, ports, untangled
from .picture import MOST, shortened
from .wording import cells

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"  # by the directions that meet in a cell
PLAIN = " |||-++|-++|-+++"
FRAMES = {  # above: left, between, right; beside; below: left, right
    "parameter": "╭─╮│╰╯", "data": "╔═╗║╚╝", "constant": "┌┄┐┆└┘", "line": "┌─┐│└┘", "output": "┏━┓┃┗┛", "folded": "┌╌┐╎└┘"}
PLAIN_FRAMES = {"parameter": "/-\\|\\/", "output": "#=#|##"}
FEW = 6  # sources whose tracks are tried in every order
NARROWER = ((44, True), (26, True), (20, True), (15, True), (15, False), (12, False))  # characters of a line; edges say theirs
COLOURS = {"value": "\033[36m", "slope": "\033[35m"}  # cyan and magenta, which are seen on light and on dark
PLAIN_AGAIN = "\033[0m"


class Place(NamedTuple):
    x: int
    y: int
    width: int
    height: int


def drawn(graph: Graph, p: Pass | None = None, width: int = 10_000, unicode: bool = True,
          fold: Collection[str] | bool | None = None, colour: bool = False, language: str = "en") -> str:
    """The picture as lines of text, narrower where it must be: lines are broken, edges say nothing, then groups are folded one
    more at a time unless `fold` says which. "" where it is wider than `width` characters even so, or has more than 60 boxes."""
    most = MOST
    while len(told := boxes(graph, p, {}, fold, most, language)) <= most:
        canvases = (Canvas(told, unicode, longest, along) for longest, along in NARROWER)
        text = next((canvas.text_in(colour) for canvas in canvases if canvas.width <= width), "")
        if text or fold is not None:
            return text
        most = len(told) - 1
    return ""


class Canvas:
    """Cells of characters and of the directions in which wires leave them."""

    def __init__(self, told: Sequence[Box], unicode: bool, longest: int = 44, along: bool = True) -> None:
        self.told, self.unicode, self.along = told, unicode, along
        self.lines = [[(kind, part) for kind, line in (("line", b.line), ("value", b.value), ("slope", b.slope)) if line
                       for part in broken(shortened(line), longest)] for b in told]
        self.texts = [[text for _, text in lines] for lines in self.lines]
        self.colours: dict[tuple[int, int], str] = {}
        columns, links, owner = lanes(layers([b.uses for b in told]), [b.uses for b in told])
        self.columns, self.links, self.owner = untangled(columns, links), links, owner
        heights = [max(len(t) + 2, len(b.uses) + 2) for t, b in zip(self.texts, told)]
        heights = [h + 1 - h % 2 for h in heights]  # odd: a wire leaves from the middle row
        size = heights + [0] * (sum(map(len, columns)) - len(told))
        middle = balanced(self.columns, links, [h * LINE_UNITS for h in size])
        rows = [m / LINE_UNITS - h / 2 for m, h in zip(middle, size)]
        top = min(rows)
        self.top = [round(y - top) for y in rows]
        self.middle = [t + h // 2 for t, h in zip(self.top, size)]
        self.wide = [max((self.box_width(i) for i in column if i < len(told)), default=1) for column in self.columns]
        ends = ports(links, [float(m) for m in self.middle], [float(h) for h in heights], 1)
        self.ends = {link: floor(y + 1e-9) for link, y in ends.items()}  # of two, one in the middle and one above
        self.tracks, self.left = list[dict[int, int]](), [0]
        column_of = {i: c for c, column in enumerate(self.columns) for i in column}
        for c in range(len(self.columns)):
            out = [(a, b) for a, b in links if column_of[a] == c]
            self.tracks.append(self.track_order(out))
            room = max((len(self.label(a, b)) for a, b in out), default=0)
            self.left.append(self.left[-1] + self.wide[c] + (len(self.tracks[-1]) + room + 4 if out else 0))
        self.width = self.left[-1]
        self.height = max((t + h for t, h in zip(self.top, size)), default=0)
        self.text: dict[tuple[int, int], str] = {}
        self.wires: dict[tuple[int, int], int] = {}
        for a, b in links:
            self.wire(a, b, column_of)
        for i, h in enumerate(heights):
            self.box(i, Place(self.left[column_of[i]] + (self.wide[column_of[i]] - self.box_width(i)) // 2, self.top[i],
                              self.box_width(i), h))

    def box_width(self, i: int) -> int:
        return max(map(cells, self.texts[i])) + 4

    def label(self, a: int, b: int) -> str:
        if b >= len(self.told) or not self.along:
            return ""
        box = self.told[b]
        return box.edges[box.uses.index(self.owner.get(a, a))]

    def track_order(self, links: Links) -> dict[int, int]:
        """The track of each source that has to go up or down: in the order with the fewest wires laid over one another."""
        moving = list(dict.fromkeys(a for a, b in links if any(self.ends[a, k] != self.middle[a] for j, k in links if j == a)))
        orders = permutations(moving) if len(moving) <= FEW else [tuple(moving)]
        best = min(orders, key=lambda order: self.overlaps({a: n for n, a in enumerate(order)}, links))
        return {a: n for n, a in enumerate(best)}

    def overlaps(self, tracks: dict[int, int], links: Links) -> int:
        count = 0
        for a, b in links:
            for other, end in links:
                if other == a or other not in tracks:
                    continue
                at, y0, y1 = tracks[other], *sorted((self.middle[other], self.ends[other, end]))
                mine = tracks.get(a, -1)
                count += 8 * (self.ends[a, b] == self.middle[other] and mine < at)  # over the start of the other
                count += y0 <= self.middle[a] <= y1 and at < mine  # crosses it on the way to its own track
                count += y0 <= self.ends[a, b] <= y1 and at > mine
        return count

    def wire(self, a: int, b: int, column_of: dict[int, int]) -> None:
        c = column_of[a]
        start = self.left[c]
        if a < len(self.told):  # under the frame's right side
            start += (self.wide[c] - self.box_width(a)) // 2 + self.box_width(a) - 1
        end = self.left[c + 1] + ((self.wide[c + 1] - self.box_width(b)) // 2 - 1 if b < len(self.told) else 0)
        y0, y1 = self.middle[a], self.ends[a, b]
        turn = self.left[c] + self.wide[c] + 1 + self.tracks[c].get(a, 0)
        if y0 == y1:
            self.across(y0, start, end)
        else:
            self.across(y0, start, turn)
            self.across(y1, turn, end)
            low, high = sorted((y0, y1))
            for y in range(low, high):
                self.join(turn, y, DOWN)
                self.join(turn, y + 1, UP)
        if b < len(self.told):
            label = self.label(a, b)
            for n, character in enumerate(label):
                self.text[end - 1 - len(label) + n, y1] = character
                self.colours[end - 1 - len(label) + n, y1] = "slope"
            self.text[end, y1] = "▶" if self.unicode else ">"

    def across(self, y: int, x0: int, x1: int) -> None:
        for x in range(x0, x1):
            self.join(x, y, RIGHT)
            self.join(x + 1, y, LEFT)

    def join(self, x: int, y: int, direction: int) -> None:
        self.wires[x, y] = self.wires.get((x, y), 0) | direction

    def box(self, i: int, at: Place) -> None:
        frame = FRAMES[self.told[i].kind] if self.unicode else PLAIN_FRAMES.get(self.told[i].kind, "+-+|++")
        right, below = at.x + at.width - 1, at.y + at.height - 1
        for x in range(at.x, right + 1):
            for y in range(at.y, below + 1):
                self.text[x, y] = frame[1] if y in (at.y, below) else frame[3] if x in (at.x, right) else " "
        for x, y, corner in ((at.x, at.y, 0), (right, at.y, 2), (at.x, below, 4), (right, below, 5)):
            self.text[x, y] = frame[corner]
        first = at.y + (at.height - len(self.texts[i])) // 2
        for n, (kind, line) in enumerate(self.lines[i]):
            x = at.x + (at.width - cells(line)) // 2
            for character in line:
                self.text[x, first + n] = character
                self.colours[x, first + n] = kind
                x += cells(character)
                if cells(character) == 2:
                    self.text[x - 1, first + n] = ""

    def __str__(self) -> str:
        return self.text_in(False)

    def text_in(self, colour: bool) -> str:
        """The lines of text, with the colours of values and derivatives where so asked."""
        lines = LINES if self.unicode else PLAIN
        rows = []
        for y in range(self.height):
            row = [self.text.get((x, y), lines[self.wires.get((x, y), 0)]) for x in range(self.width)]
            rows.append("".join(self.coloured(row, y)) if colour else "".join(row))
        return "\n".join(row.rstrip() for row in rows)

    def coloured(self, row: Sequence[str], y: int) -> Iterable[str]:
        now = ""
        for x, character in enumerate(row):
            wanted = COLOURS.get(self.colours.get((x, y), ""), "")
            if wanted != now:
                yield wanted or PLAIN_AGAIN
            now = wanted
            yield character
        yield PLAIN_AGAIN * bool(now)


def in_width(line: str, width: int) -> list[str]:
    """A line of the story, where it is too wide broken before its equals signs, and between words, to the right of its number."""
    indent = " " * (4 + len(line) - len(line.lstrip(" 0123456789")))
    first, *chain = line.split(" = ")
    rows = [first]
    for part in chain:
        longer = f"{rows[-1]} = {part}"
        if rows[-1] == first or cells(longer) <= width:
            rows[-1] = longer
        else:
            rows.append(f"{indent}= {part}")
    return [part for row in rows for part in between_words(row, width, indent + "  ")]


def between_words(line: str, width: int, indent: str = " " * 6) -> list[str]:
    """A line in parts no wider than so many cells, but for a word that is wider; the later ones are indented."""
    rows, rest = list[str](), line
    while cells(rest) > width:
        ends = [k for k, c in enumerate(rest) if c == " " and rest[:k].strip()]
        if not ends:
            break
        end = max((k for k in ends if cells(rest[:k]) <= width), default=ends[0])
        rows.append(rest[:end].rstrip())
        rest = indent + rest[end:].lstrip()
    return [*rows, rest]


def broken(line: str, longest: int) -> list[str]:
    """The line in parts of so many characters, or more where a name or a number is longer."""
    return wrap(line, longest, break_long_words=False, break_on_hyphens=False) if len(line) > longest else [line]

