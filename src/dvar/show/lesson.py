"""A lesson in one file: the picture with sliders, the chain rule step by step, nudging, predicting.

The page computes for itself: the graph writes its own JavaScript, so that values and derivatives follow a slider, and the story's
formulas get their numbers put in there. Nothing is fetched; it opens from disk.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..derive.backprop import Contribution
from ..derive.derivation import derivative_name
from ..derive.passes import Pass, show
from ..expression.graph import CONST, INPUT
from ..expression.op import elementwise
from ..expression.ops import OPS
from ..vectorize.unrolled import NotUnrolled
from ..vectorize.write_javascript import Script, form, script, spell
from .boxes import AHEAD, Box, Lines
from .chain import with_lines
from .folding import Folded
from .messages import LANGUAGES, messages, of_page
from .page import Content, fill, framed, part, running
from .page import told as said
from .picture import caption_of, title, xml
from .steps import Teller, steps
from .unfolding import pictures
from .wording import CUT, FEW, reach, told_name, write_root

SCRIPTS = ("common.js", "fold.js", "lesson.js", "moves.js")
PAGE = 150_000  # bytes that a lesson stays under
LINES = 200  # of a graph that is tried as a lesson: the story of more fills a page
LAST = 3  # lines whose room the sentence takes that tells how many more there are
CODE = 1000  # characters of one formula; a page has as many as edges
SLIDERS = 100  # numbers that can be moved; a page with more is a wall of them


def html(p: Pass, language: str | None = None) -> str:
    """The page of a pass, one self-contained text; a lesson is in the language of the browser where none is named."""
    return framed(content(p, language), part("page.css"), language or "en")


def content(p: Pass, asked: str | None = None, most: int = PAGE) -> Content:
    """A lesson; where the inputs are more numbers than one would move, vectors are long, or there would be more than so many
    bytes, the picture and the steps without sliders."""
    language = asked or "en"
    if sum(int(np.size(p.given[n])) for n in p.graph.inputs) > SLIDERS or len(with_lines(p.graph.nodes)) > LINES:
        return still(p, language, most)
    try:
        moved = lesson(p, language, most, asked is not None)
    except NotUnrolled:
        return still(p, language, most)
    return moved if left(most, moved.body, moved.code) >= 0 else still(p, language, most)


def left(most: int, *parts: str) -> int:
    """The bytes that a page has for more beside these parts and its style."""
    return most - sum(len(text.encode()) for text in (*parts, part("page.css"), part("frame.html"), part("lesson.html")))


def still(p: Pass, language: str = "en", most: int = PAGE) -> Content:
    """What has no sliders."""
    named, story = title(p.graph, language), steps(p, language)
    lines = Lines(p.graph, p, {}, language, story)
    drawn = pictures(lines, max(left(most, story.text), most // 3), language)
    code = "\n".join([said(drawn.told()), part("fold.js")]) if drawn.packed else ""
    caption = caption_of(p.graph, lines.boxes([Folded("", (lines.shown[0],))])[0], language)
    told = as_far_as(xml(story.text).split("\n"), left(most, drawn.first, code), language)
    return Content(named, fill("still.html", title=xml(named), svg=drawn.first, caption=xml(caption), steps=told), code)


def as_far_as(lines: list[str], room: int, language: str) -> str:
    """The first lines of a story, as many as there is room for, in bytes; and that there are more."""
    for k, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            return "\n".join([*lines[: max(k - LAST, 0)], messages(language)["more"].format(count=len(lines) - max(k - LAST, 0))])
    return "\n".join(lines)


def lesson(p: Pass, language: str = "en", most: int = PAGE, fixed: bool = True) -> Content:
    """What has sliders; unless its language is fixed, it opens in that of the browser. Raises NotUnrolled where vectors are too
    long, or there is no room to unfold what is folded."""
    lines = Lines(p.graph, p, {}, language)
    told = lines.boxes([Folded("", (i,)) for i in lines.shown])
    teller = Teller(p)
    wanted = list(teller.shown)
    one = script(p.derivation, wanted)
    edges = [[edge(teller, one, wanted[k], wanted[n]) for k in box.uses] for n, box in enumerate(told)]
    answers = {
        "v": arrays([one.values[i] for i in wanted]),
        "d": arrays([one.slopes[i] for i in wanted]),
        "e": arrays(edges),
        "c": arrays([forks(teller, one, i) for i in wanted]),
    }
    data = {
        "output": told_name(p.graph.output),
        "inputs": [{"name": told_name(n), "shape": np.shape(p.given[n]), "at": np.ravel(p.given[n]).tolist(),
                    "box": [b.name for b in told].index(n), "last": last_picked(p, n)} for n in p.graph.inputs],
        "boxes": [story(teller, box, i, wanted) for box, i in zip(told, wanted)],
        "messages": of_page(part("lesson.html"), *map(part, SCRIPTS)),
        "languages": LANGUAGES,
        "language": language if fixed else "",
    }
    named, noscript = title(p.graph, language), messages(language)["noscript"]
    formula = xml("\n".join(b.line for b in told if b.kind not in ("parameter", "data")))
    drawn = pictures(lines, left(most, running(one, answers, data, *SCRIPTS), formula), language)
    if drawn.stuck:
        raise NotUnrolled("what is folded could not be unfolded")
    body = fill("lesson.html", title=xml(named), svg=drawn.first, formula=formula, noscript=noscript)
    return Content(named, body, running(one, answers, data | drawn.told(), *SCRIPTS))


def last_picked(p: Pass, name: str) -> int | None:
    """Of an input that picks, a[y], the last number it can be; None of any other."""
    graph, i = p.graph, p.graph.index(name)
    sizes = [p.derivation.told.shapes[node.operands[0]][0] for node in graph.nodes
             if node.op in OPS and OPS[node.op].brackets and node.operands[1] == i]
    return min(sizes) - 1 if sizes else None


def arrays(lists: list[tuple[str, ...]] | list[list[str]]) -> str:
    return f"[{', '.join('[' + ', '.join(items) + ']' for items in lists)}]"


def story(teller: Teller, box: Box, i: int, wanted: list[int]) -> dict[str, Any]:
    """What a box says: its formula, and with places ⟦v3⟧, ⟦d3⟧ what is put into it; the same of its derivative."""
    node, place = teller.nodes[i], {k: n for n, k in enumerate(wanted)}
    names = {k: marked("v", n, teller.nodes[k].name, teller.tape.shapes[k]) for k, n in place.items()}
    names |= {teller.symbol[k]: marked("d", n, derivative_name(teller.nodes[k].name), teller.tape.shapes[k])
              for k, n in place.items() if k in teller.symbol}
    told: dict[str, Any] = {"name": told_name(box.name), "uses": box.uses, "shape": teller.tape.shapes[i]}
    told["derivative"] = told_name(derivative_name(box.name))
    if node.op != INPUT:
        atoms = {k: name for k, name in teller.few.names.items() if k != i}
        told["formula"] = show(teller.value[i]) if isinstance(node.value, tuple) else write_root(teller.tape.nodes, i, atoms)
        told["numbers"] = write_root(teller.tape.nodes, i, {k: v for k, v in names.items() if k != i})
    if i in teller.symbol and i != teller.last:
        found = [k for k in teller.formulas(i) if k is not None]
        told["steps"] = teller.told_formulas(i)
        if found[-1] not in names:
            told["put"] = write_root(teller.tape.nodes, found[-1], names)
    if told["derivative"] == f"d{told['name']}":
        del told["derivative"]
    return {key: value for key, value in told.items() if value}  # what is left out the page takes to be empty


def marked(kind: str, n: int, name: str, shape: tuple[int, ...]) -> str:
    return f"⟦{kind}{n}⟧" if prod(shape) <= FEW else told_name(name)


def expression(teller: Teller, one: Script, root: int, at: int = 0) -> str | None:
    """A formula of the story in JavaScript, of a vector or matrix its element `at`; None where it is not made element by
    element, or is too long for a page."""
    nodes, shapes = teller.tape.nodes, teller.tape.shapes
    shape = shapes[root]
    elements = one.values | {teller.symbol[i]: texts for i, texts in one.slopes.items() if i in teller.symbol}
    known = {i: texts[at if shapes[i] == shape else 0] for i, texts in elements.items() if shapes[i] == shape or len(texts) == 1}
    if root in known:
        return known[root]
    for k in reach(nodes, root, known):
        node = nodes[k]
        if isinstance(node.value, tuple) and shapes[k] == shape:
            known[k] = spell(float(np.ravel(node.value)[at]))
            continue
        mixed = bool(shape) and node.op in OPS and OPS[node.op].shape is not elementwise
        if shapes[k] not in ((), shape) or (k not in known and (mixed or node.op == INPUT or (node.op == CONST and shapes[k]))):
            return None
    written = known.get(root) or write_root(nodes, root, known, form, spell, CODE)
    return None if CUT in written else written


def sent(teller: Teller, i: int) -> list[Contribution]:
    return teller.sent.get(i, [])


def edge(teller: Teller, one: Script, node: int, consumer: int) -> str:
    """The local derivative along an edge, several ways added up, of a vector the first elements; "null" where it is a map."""
    ways: list[list[str]] = []
    shapes = set[tuple[int, ...]]()
    for c in sent(teller, node):
        owner = teller.owner[c.consumer]
        if owner != consumer:
            continue
        symbol = teller.symbol[owner]
        told = teller.folded.told(c.product)
        product = c.product if told is None else told
        beside = product if owner == teller.last else teller.folded.beside(product, symbol)
        if beside is None:
            return "null"
        shapes.add(shape := teller.tape.shapes[beside])
        texts = [expression(teller, one, beside, at) for at in range(min(prod(shape), AHEAD + 1))]
        if len(shapes) > 1 or None in texts:
            return "null"
        ways.append([f"({text})" for text in texts])
    added = [" + ".join(texts) for texts in zip(*ways)]
    return "null" if not added else f"[{', '.join(added)}]" if shapes != {()} else added[0]


def forks(teller: Teller, one: Script, node: int) -> list[str]:
    """What came along each way at a fork; nothing where there is one way, or a vector."""
    found = []
    for c in sent(teller, node):
        told = teller.folded.told(c.product)
        product = c.product if told is None else told
        text = None if teller.tape.shapes[product] else expression(teller, one, product)
        if text is None:
            return []
        found.append(text)
    return found if len(found) > 1 else []
