"""Pictures: the geometry on random graphs, what is written and what is not, hostile names, and files written whole."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from golden.make import PASSES, picture
from hypothesis import given, settings
from hypothesis import strategies as st

import dvar as dv
from dvar import files
from dvar.derive.passes import Pass, show
from dvar.errors import UsageError
from dvar.expression.formula import parse
from dvar.expression.graph import Builder, Graph
from dvar.expression.values import bind
from dvar.expression.writing import spell_name
from dvar.files import save
from dvar.show.boxes import boxes
from dvar.show.layout import crossings, lanes, layers, layout, untangled
from dvar.show.lesson import content, html, still
from dvar.show.page import framed, part
from dvar.show.picture import COLOURS, LONGEST, MOST, svg

FIRST = "u = b*c; v = a + u; J = 3*v"
LOGISTIC = "z = w1*x1 + w2*x2 + b; a = sigmoid(z); L = -(y*log(a) + (1-y)*log(1-a))"
HOSTILE = "`a<b` = `x&y` * `\"q\"`; `it's` = `a<b` + `]]>`**2; f = `it's` - exp(`<!--`) + `</svg>`"
SVG = "{http://www.w3.org/2000/svg}"


def passed(graph: Graph, **values: object) -> Pass:
    numbers = values or {name: 0.3 + 0.1 * i for i, name in enumerate(graph.inputs)}
    return Pass(graph, bind(graph, (), numbers))


def drawn(picture: str) -> list[str]:
    """The lines of text in the boxes and below, as a reader sees them."""
    return [t.text or "" for t in ET.fromstring(picture).iter(f"{SVG}text")]


def named(graph: Graph) -> list[str]:
    return [n.name for n in graph.nodes if n.given]


# geometry


@st.composite
def uses(draw: st.DrawFn) -> list[list[int]]:
    count = draw(st.integers(1, 24))
    few = draw(st.integers(0, 4))
    return [draw(st.lists(st.integers(0, i - 1), max_size=few, unique=True)) if i else [] for i in range(count)]


@st.composite
def laid_out(draw: st.DrawFn):
    used = draw(uses())
    size = st.tuples(st.sampled_from([40.0, 75.5, 400.0]), st.sampled_from([41.0, 87.0]))
    return used, *layout(draw(st.lists(size, min_size=len(used), max_size=len(used))), used)


@given(laid_out())
def test_no_boxes_overlap_and_none_lies_outside(case):
    _, rects, _ = case
    for a, b in combinations(rects, 2):
        beside = a.x + a.width + 20 <= b.x or b.x + b.width + 20 <= a.x
        above = a.y + a.height + 20 <= b.y or b.y + b.height + 20 <= a.y
        assert beside or above
    assert all(r.x >= -1e-9 and r.y >= -1e-9 for r in rects)


@given(laid_out())
def test_no_edge_runs_through_a_box(case):
    _, rects, wires = case
    for w in wires:
        assert w.x0 <= w.leave + 1e-9
        assert w.leave < w.arrive <= w.x1
        for r in rects:  # straight parts at their height; curves stay between the columns, where no box is
            for x0, x1, y in ((w.x0, w.leave, w.y0), (w.arrive, w.x1, w.y1)):
                assert not (r.y < y < r.y + r.height and max(r.x, x0) < min(r.x + r.width, x1))
            assert r.x + r.width <= w.leave + 1e-9 or r.x >= w.arrive - 1e-9


@given(laid_out())
def test_wires_lead_from_each_box_to_all_that_use_it(case):
    used, rects, wires = case
    for w in wires:
        if w.target is not None:
            r = rects[w.target]
            assert w.x1 == r.x
            assert r.y - 1e-9 <= w.y1 <= r.y + r.height + 1e-9
    for i, r in enumerate(rects):
        reached, front = set(), [(r.x + r.width, r.y + r.height / 2)]
        while front:
            here = front.pop()
            for w in wires:
                if (w.x0, w.y0) == pytest.approx(here, abs=1e-6):
                    if w.target is not None:
                        reached.add(w.target)
                        assert w.source == i
                    else:
                        front.append((w.x1, w.y1))
        assert reached == {k for k, ks in enumerate(used) if i in ks}


@given(uses())
def test_every_edge_goes_to_the_right_and_sweeps_never_add_crossings(used):
    layer = layers(used)
    assert all(layer[k] < layer[i] for i, ks in enumerate(used) for k in ks)
    columns, links, _ = lanes(layer, used)
    better = untangled(columns, links)
    assert [sorted(c) for c in better] == [sorted(c) for c in columns]
    assert crossings(better, links) <= crossings(columns, links)


def test_crossings_are_counted():
    assert crossings([[0, 1], [2, 3]], [(0, 3), (1, 2)]) == 1
    assert crossings([[0, 1], [2, 3]], [(0, 2), (1, 3), (0, 3)]) == 0
    assert crossings([[0, 1, 2], [3, 4, 5]], [(0, 5), (1, 4), (2, 3)]) == 3
    columns = untangled([[0, 1, 2], [3, 4, 5]], [(0, 5), (1, 4), (2, 3)])
    assert crossings(columns, [(0, 5), (1, 4), (2, 3)]) == 0


def test_an_input_stands_next_to_its_first_use():
    assert layers([[], [], [], [1, 2], [0, 3], [4]]) == [1, 0, 0, 1, 2, 3]  # a, b, c, u = b*c, v = a + u, J = 3*v
    assert layers([[], []]) == [0, 0]  # unused


# what is written


@pytest.mark.parametrize("text", [FIRST, LOGISTIC, HOSTILE, "k = 2; J = k*x", "3", "inputs: x, unused; J = x"])
def test_every_name_value_and_derivative_is_there_with_a_pass_and_no_number_without(text):
    graph = parse(text)
    p = passed(graph)
    with_pass, without = drawn(svg(graph, p)), drawn(svg(graph))
    for name in named(graph):
        assert any(line.split(" = ")[0] == spell_name(name) for line in without)
        place = next(n for n, line in enumerate(with_pass) if line.split(" = ")[0] == spell_name(name))
        assert with_pass[place] in without
        if graph.nodes[graph.index(name)].op == "const":  # its line has the value
            assert with_pass[place] == f"{name} = {show(p.values[name])}"
        else:
            place += 1
            assert with_pass[place] == f"= {show(p.values[name])}"
        assert with_pass[place + 1].startswith(f"{spell_name('d' + name)} = ")
        assert with_pass[place + 1].split(" = ")[-1] == show(p.d[name])
    assert len(without) == len(named(graph))
    assert "derivative" not in svg(graph)


def test_the_first_picture():
    graph = parse(FIRST)
    picture = svg(graph, passed(graph, a=5, b=3, c=2))
    root = ET.fromstring(picture)
    assert root.get("role") == "img"
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == "Computation graph of J"
    assert root[1].text.split("\n") == [
        "a = 5, da = 3", "b = 3, db = 6", "c = 2, dc = 9", "u = b * c = 6, du = 3", "v = a + u = 11, dv = 3",
        "J = 3 * v = 33, dJ = 1",
        "∂u/∂b = 2", "∂u/∂c = 3", "∂v/∂a = 1", "∂v/∂u = 1", "∂J/∂v = 3",
    ]
    assert picture == svg(parse(FIRST), passed(graph, a=5, b=3, c=2))
    assert len(root.findall(f".//{SVG}g[@class='edge']/{SVG}path")) == 5  # b, c → u; a, u → v; v → J
    [heads] = root.findall(f".//{SVG}path[@class='head']")
    assert heads.get("d").count("M") == 5


def test_parameters_data_and_constants_have_shapes_of_their_own():
    root = ET.fromstring(svg(parse("k = 2; z = k*w*x; L = z**2"), data={"x": (1000,)}))
    rects = [r for r in root.iter(f"{SVG}rect") if r.get("rx")]
    round_by = {r.get("class"): float(r.get("rx")) for r in rects}
    assert round_by["box parameter"] > 4 * round_by["box"]
    assert round_by["box output"] == round_by["box data"] == round_by["box"]
    assert [r.get("class") for r in rects].count("box data") == 3  # sheets one behind the other
    assert [path.get("class") for path in root.iter(f"{SVG}path")].count("box constant") == 1
    assert "x: m = 1,000 examples" in drawn(svg(parse("L = w*x"), data={"x": (1000,)}))


# edges and forks


def test_at_each_edge_stands_the_local_derivative():
    graph = parse(FIRST)
    p = passed(graph, a=5, b=3, c=2)
    along = [t.text for t in ET.fromstring(svg(graph, p)).iter(f"{SVG}text") if t.get("data-edge")]
    assert sorted(along) == ["1", "1", "2", "3", "3"]


def test_a_fork_shows_what_came_along_each_edge_and_the_sum():
    graph = parse("u = 2*a; J = u*a")
    lines = drawn(svg(graph, passed(graph, a=3)))
    assert "da = 6 + 6 = 12" in lines


def test_several_ways_inside_one_line_are_one_edge():
    graph = parse("u = 2*a; J = u*a + u**2")
    edges = {(b.name, boxes(graph, None, {}, None, MOST)[k].name): text
             for b in boxes(graph, passed(graph, a=3), {}, None, MOST) for k, text in zip(b.uses, b.edges)}
    assert edges == {("u", "a"): "2", ("J", "u"): "15", ("J", "a"): "6"}  # J = u·a + u²: a + 2u = 15


# what is said


def test_an_element_is_written_as_it_was_typed():
    graph = parse("z = W @ x; a = softmax(z); L = -log(a[y])")
    p = passed(graph, W=np.ones((3, 2)), x=np.ones(2), y=1)
    assert "L = -log(a[y])" in drawn(svg(graph, p))


def test_a_matrix_is_shown_by_as_many_elements_as_leave_room_for_its_shape():
    graph = parse("inputs: W, x\nz = W @ x; J = z @ z")
    W = np.array([[0.123456, -0.234567], [0.345678, -0.456789], [0.5, 0.6]])
    lines = drawn(svg(graph, passed(graph, W=W, x=np.ones(2))))
    assert "= [[0.123456, -0.234567], …] (3, 2)" in lines
    assert all(len(line) <= LONGEST for line in lines if " means: " not in line)


def test_a_long_formula_is_shortened_and_told_in_full_beside():
    graph = parse("J = " + " + ".join(f"name{i}*{i}.5" for i in range(12)))
    root = ET.fromstring(svg(graph))
    full = next(line for line in root[1].text.split("\n") if line.startswith("J = "))
    short = next(line for line in drawn(svg(graph)) if line.startswith("J = "))
    assert len(short) == LONGEST
    assert short.endswith("…")
    assert full.startswith(short[:-1])
    assert [t.text for t in root.iter(f"{SVG}title")] == ["Computation graph of J", full]


def test_vectors_are_shown_by_shape_and_first_elements():
    graph = parse("z = dot(w, x) + sum([1, 2, 3, 4, 5]*1.23456789); J = z*z")
    lines = drawn(svg(graph, passed(graph, w=np.arange(5.0), x=np.ones(5))))
    assert "= [0, 1, 2, 3, …] (5,)" in lines
    assert any(line.startswith("z = w @ x + sum([1, 2, 3, 4, …] (5,) * 1.2") for line in lines)


def test_what_cannot_be_represented_is_told():
    graph = parse("a = sigmoid(z); L = -log(1 - a)")
    p = passed(graph, z=800.0)
    assert p.notes
    assert p.notes[0] in ET.fromstring(svg(graph, p))[1].text


@given(st.text(st.characters(exclude_characters="`\n", exclude_categories=[]), min_size=1, max_size=60))
@settings(max_examples=60)
def test_any_name_is_escaped(name):
    builder = Builder()
    x = builder.input(name)
    builder.give(y := builder.apply("exp", x), name + "&")
    graph = builder.close(y)
    for drawing in (svg(graph), svg(graph, passed(graph))):
        assert ET.fromstring(drawing).tag == f"{SVG}svg"
        drawing.encode()


def test_hostile_names_stay_text():
    graph = parse(HOSTILE)
    p = passed(graph)
    assert {e.tag.removeprefix(SVG) for e in ET.fromstring(svg(graph, p)).iter()} == {
        "svg", "title", "desc", "style", "g", "rect", "path", "text",
    }
    assert "`d</svg>`" in " ".join(drawn(svg(graph, p)))


def test_parts_nobody_named_are_never_written_out_without_end():
    builder = Builder()
    node = builder.input("x")
    for _ in range(60):  # x + x, that + that, …: as one formula 2**60 terms
        node = builder.apply("plus", node, node)
    builder.give(node, "J")
    assert len(svg(builder.close(node))) < 100_000


def test_a_deep_graph_is_drawn_without_recursion():
    builder = Builder()
    node = builder.input("x")
    for _ in range(2000):
        node = builder.apply("sin", node)
    builder.give(node, "J")
    graph = builder.close(node)
    assert len(drawn(svg(graph))) > 2


def test_a_pass_of_another_graph_is_refused():
    with pytest.raises(UsageError, match="another graph"):
        svg(parse(LOGISTIC), passed(parse(FIRST)))


# colours


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [2, 3], ids=["light", "dark"])
def test_contrast_meets_wcag_aa(theme):
    colour = {(row[0], row[1]): row[theme] for row in COLOURS}
    for back in ("box", "parameter", "data", "constant", "paper"):
        assert all(contrast(colour[text, "fill"], colour[back, "fill"]) >= 4.5 for text in ("line", "value", "slope"))
    assert all(contrast(colour[line, "stroke"], colour["paper", "fill"]) >= 3 for line in ("box", "output", "edge"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast_of_the_pages_meets_wcag_aa(dark):
    light_colours, dark_colours = re.findall(r":root{([^}]*)}", part("page.css"))
    named = dict(re.findall(r"--(\w+):(#\w+)", dark_colours if dark else light_colours))
    assert {f"var(--{name})" for name in named} >= set(re.findall(r"var\(--[^,)]*\)", part("page.css") + part("play.css"))) - {"var(--wide)"}
    for ink in ("ink", "value", "slope"):
        assert all(contrast(named[ink], named[ground]) >= 4.5 for ground in ("paper", "now")), ink
    assert all(contrast(named[border], named["paper"]) >= 3 for border in ("edge", "value", "slope", "right"))


# pages and files


def unmoved(p: Pass) -> str:
    return framed(still(p), part("page.css"))


@pytest.mark.parametrize("page", [html, unmoved])
def test_the_page_stands_alone(page):
    graph = parse(HOSTILE)
    text = page(passed(graph))
    found: list[str] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attrs: found.append(tag) or found.extend(k for k, _ in attrs)  # type: ignore[method-assign]
    reader.feed(text)
    assert {"svg", "pre", "h1", "html", "meta"} <= set(found)
    assert not {"link", "img", "iframe", "src", "href", "onload"} & set(found)
    assert found.count("script") == (page is html)  # its own, inline
    assert "url(" not in text
    assert "@import" not in text
    assert svg(graph, passed(graph)) in text
    assert text == page(passed(graph))


def test_many_numbers_make_a_page_that_does_not_move():
    graph = parse("J = w @ x")
    p = passed(graph, w=np.arange(60.0), x=np.ones(60))
    assert content(p) == still(p)
    assert "Right to left: derivatives of the final output" in html(p)


def test_save_writes_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "graph.svg"
    save("before", file)
    with pytest.raises(UnicodeEncodeError):
        save("half \ud800", file)

    def fails(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "replace", fails)
    with pytest.raises(OSError, match="no space"):
        save("after", file)
    assert file.read_text() == "before"
    assert os.listdir(tmp_path) == ["graph.svg"]
    monkeypatch.undo()
    save("σ", str(file))
    assert file.read_bytes() == "σ".encode()
    assert os.listdir(tmp_path) == ["graph.svg"]


@pytest.mark.parametrize(("name", "what"), [
    ("J.SVG", lambda p: p.svg()), ("J.Html", lambda p: p.html()), ("J.svg", lambda p: p.svg()),
    ("J.tex", lambda p: p.steps().latex + "\n"),
])
def test_the_ending_says_what_is_saved_in_any_case(tmp_path, name, what):
    p = dv.graph("J = 3*v").at(v=2)
    p.save(tmp_path / name)
    assert (tmp_path / name).read_text() == what(p)
    with pytest.raises(UsageError, match="does not end in .svg, .html, .tex"):
        p.save(tmp_path / "J.png")


def test_steps_are_saved_as_latex_in_a_language(tmp_path):
    dv.graph("u = 2*a; J = u*a").at(a=3).save(tmp_path / "J.tex", lang="ko")
    assert r"\quad \text{경로 } J &= u = 6" in (tmp_path / "J.tex").read_text()


def test_along_an_edge_to_what_is_not_defined_stands_no_number():
    drawn = dv.graph("g = x*y; f = log(-x) + g").at(x=1, y=2).svg()
    assert sorted(re.findall('data-edge="[^>]*>([^<]*)<', drawn)) == ["1", "2", "nan", "nan"]
    assert "dx = nan" in drawn


def test_save_keeps_a_link(tmp_path):
    (tmp_path / "link.svg").symlink_to(tmp_path / "real.svg")
    save("text", tmp_path / "link.svg")
    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "real.svg").read_text() == "text"


# golden files


@pytest.mark.parametrize("name", list(PASSES))
def test_the_picture_is_the_one_that_was_looked_at(name):
    kept = Path(__file__).parent / "golden" / f"{name}.svg"
    assert picture(name) == kept.read_text(encoding="utf-8"), "look at it, then: python tests/golden/make.py"
