"""The pages of `dvar play`: what a person asked for → HTML. Formulas are read by their own grammar and bounded in size."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from ..api import Graph, Pass
from ..errors import DvarError, UsageError
from ..expression.graph import INPUT
from ..expression.writing import spell_name
from ..making import graph as made
from ..vectorize.unrolled import NotUnrolled
from ..vectorize.write_javascript import script
from .lesson import content
from .messages import LANGUAGES, error_in, messages
from .page import Content, framed, part, running, told
from .picture import xml
from .steps import Teller
from .wording import write_root

FORMULA = 4_000  # characters
UPLOAD = 20_000_000  # bytes of a table; in base 64 it takes a third more
NODES = 200  # of a graph that is drawn
PAGE = 1_000_000  # bytes: this machine sends them to itself
LESSON = "z = w1*x1 + w2*x2 + b\na = sigmoid(z)\nL = -(y*log(a) + (1 - y)*log(1 - a))"
FIRST = "u = b*c\nv = a + u\nJ = 3*v"
PAGES = {"/slopes": "page_slopes", "/": "page_graph", "/logistic": "page_logistic", "/examples": "page_examples"}  # messages


def graph_page(asked: Mapping[str, str]) -> str:
    return lesson_page("/", asked, FIRST, {"a": 5.0, "b": 3.0, "c": 2.0})


def logistic_page(asked: Mapping[str, str]) -> str:
    return lesson_page("/logistic", asked, LESSON, {"w1": 0.5, "w2": -0.25, "x1": 1.0, "x2": 2.0, "b": 0.1, "y": 1.0})


def lesson_page(path: str, asked: Mapping[str, str], formula: str, start: Mapping[str, float]) -> str:
    formula = asked.get("f", formula)
    graph = read(formula)
    return page_of(path, asked, formula, content(graph.at({n: start.get(n, 1.0) for n in graph.inputs}), asked["lang"], PAGE))


def read(formula: str) -> Graph:
    """The graph of a formula of numbers. Raises UsageError where it is too long, or too large to draw."""
    if len(formula) > FORMULA:
        raise UsageError(f"the formula has {len(formula):,} characters; a page takes {FORMULA:,}")
    graph = made(formula)
    if len(graph.nodes) > NODES:
        raise UsageError(f"the graph has {len(graph.nodes):,} nodes; a page draws up to {NODES}")
    return graph


def slopes_page(asked: Mapping[str, str]) -> str:
    """A function of one number: its curve, a point to drag, the nudge and the derivative."""
    formula = asked.get("f", "f = a**2")
    graph = read(formula)
    if len(graph.inputs) != 1:
        raise UsageError(f"a slope is asked of a function of one number; here are {', '.join(graph.inputs) or 'none'}",
                         'e.g. f = a**2 ; for several take the graph')
    p = graph.at({graph.inputs[0]: 2.0})
    wanted = [next(i for i, n in enumerate(graph.nodes) if n.op == INPUT), len(graph.nodes) - 1]
    try:
        one = script(p.derivation, wanted)
    except NotUnrolled as why:
        raise UsageError(str(why)) from None
    answers = {"v": one.values[wanted[1]][0], "d": one.slopes[wanted[0]][0]}
    data = {"input": spell_name(graph.inputs[0]), "output": spell_name(graph.output),
            "derivative": derivative_told(graph, p), "messages": {k: messages(k) for k in LANGUAGES}}
    code = running(one, answers, data, "common.js", "plot.js", "slopes.js")
    return page_of("/slopes", asked, formula, Content(messages(asked["lang"])["page_slopes"], part("slopes.html"), code))


def derivative_told(graph: Graph, p: Pass) -> str:
    """The derivative of a function of one number as a formula in it: as the steps tell it, where the function is one line."""
    teller, i = Teller(p), graph.index(graph.inputs[0])
    if len(teller.shown) > 2:
        slope = graph.d(graph.inputs[0]).nodes
        told = [write_root(slope, len(slope) - 1, {k: spell_name(n.name) for k, n in enumerate(slope) if n.op == INPUT})]
    else:
        told = teller.told_formulas(i) or ["0"]
    return " = ".join([teller.label[i], *told])


def examples_page(asked: Mapping[str, str]) -> str:
    data = {"messages": {k: messages(k) for k in LANGUAGES}, "upload": UPLOAD}
    code = "\n".join([told(data), *map(part, ("common.js", "plot.js", "examples.js"))])
    return page_of("/examples", asked, None, Content(messages(asked["lang"])["page_examples"], part("examples.html"), code))


def refused(asked: Mapping[str, str], path: str, error: DvarError) -> str:
    """The same page with what was wrong: the formula stays, to be mended."""
    error = error_in(asked["lang"], error)
    told = error.what + (f"\n→ {error.help}" if error.help else "")
    text = f'<h1>{xml(messages(asked["lang"])[PAGES[path]])}</h1><pre class="refused" role="alert">{xml(told)}</pre>'
    return page_of(path, asked, asked.get("f", "")[:FORMULA], Content("dvar", text))


def page_of(path: str, asked: Mapping[str, str], formula: str | None, inside: Content) -> str:
    """The whole page: the way between the pages, the formula to change, and what is inside."""
    whole = inside._replace(title=f"{inside.title} – dvar play")
    return framed(whole, part("page.css") + part("play.css"), asked["lang"], top(path, asked, formula))


def language(asked: str, accepted: str) -> str:
    """The language that was asked for, else the first that the browser names and there is."""
    return next((tag for tag in (asked, *(part.strip()[:2].lower() for part in accepted.split(","))) if tag in LANGUAGES), "en")


def top(path: str, asked: Mapping[str, str], formula: str | None) -> str:
    lang = asked["lang"]
    said = messages(lang)
    here = {path: " aria-current=page"}
    links = "".join(f'<a href="{to}?lang={lang}" data-say="{key}"{here.get(to, "")}>{xml(said[key])}</a>'
                    for to, key in PAGES.items())
    kept = {"f": asked["f"]} if "f" in asked else {}
    links += "".join(f'<a class="language" href="{path}?{xml(urlencode({**kept, "lang": key}))}" lang="{key}">{name}</a>'
                     for key, name in LANGUAGES.items() if key != lang)
    form, named = "", xml(said["formula"])
    if formula is not None:
        form = (f'<form class="row ask" action="{path}" aria-label="{named}">'
                f'<textarea name="f" rows="{min(8, formula.count(chr(10)) + 1)}" cols="60" '
                f'spellcheck="false" maxlength="{FORMULA}" aria-label="{named}">{xml(formula)}</textarea>'
                f'<input type="hidden" name="lang" value="{lang}"><button data-say="draw">{xml(said["draw"])}</button></form>')
    return f'<nav class="pages" aria-label="dvar">{links}</nav>{form}'
