"""Folding: which lines are one box, in pictures as they are made and as a click changes them; on random graphs too."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_picture import SVG, drawn, passed

import dvar as dv
from dvar.derive.passes import show
from dvar.errors import UsageError
from dvar.expression.formula import parse
from dvar.expression.graph import Graph
from dvar.show.boxes import Lines, boxes
from dvar.show.folding import folded, groups
from dvar.show.picture import MOST, figure, svg
from dvar.show.unfolding import Views


def layered(depth: int) -> Graph:
    statements = ["`net.h1.z` = w*x", "`net.h1.a` = tanh(`net.h1.z`)", "s = `net.h1.a`"]
    statements += [f"s_{k} = {f's_{k - 1}' if k > 2 else 's'}*x" for k in range(2, depth)]
    return parse("; ".join([*statements, f"J = s_{depth - 1} + w"]))


@pytest.mark.parametrize(("fold", "names"), [
    (False, ["w", "x", "net.h1.z", "net.h1.a", "s", "s_2", "s_3", "J"]),
    (None, ["w", "x", "net.h1.z", "net.h1.a", "s", "s_2", "s_3", "J"]),
    (["net"], ["w", "x", "net", "s", "s_2", "s_3", "J"]),
    ("s … s_3", ["w", "x", "net.h1.z", "net.h1.a", "s … s_3", "J"]),
    (True, ["w", "x", "net", "s … s_3", "J"]),
])
def test_functions_and_variables_bound_again_fold_into_one_box(fold, names):
    graph = layered(4)
    assert [b.name for b in boxes(graph, passed(graph), {}, fold, MOST)] == names


def test_a_folded_box_shows_its_result():
    graph = layered(4)
    p = passed(graph)
    lines = drawn(svg(graph, p, fold=True))
    at = lines.index("s … s_3: 3 lines")
    assert lines[at + 1 : at + 3] == [f"s_3 = {show(p.values['s_3'])}", f"ds_3 = {show(p.d['s_3'])}"]


def test_what_is_folded_has_a_double_frame_and_a_sign():
    graph = layered(4)
    for fold, count in ((False, 0), (["net"], 1), (True, 2)):
        root = ET.fromstring(svg(graph, passed(graph), fold=fold))
        boxes_of = [g for g in root.iter(f"{SVG}g") if g.get("data-fold")]
        assert len(boxes_of) == len([p for p in root.iter(f"{SVG}path") if p.get("class") == "sign"]) == count
        for g in boxes_of:
            outer, inner = ({k: float(r.get(k)) for k in ("x", "y", "width", "height")} for r in g.iter(f"{SVG}rect"))
            assert outer["x"] < inner["x"] < inner["x"] + inner["width"] < outer["x"] + outer["width"]
            assert outer["y"] < inner["y"] < inner["y"] + inner["height"] < outer["y"] + outer["height"]
    assert [g.get("data-lines") for g in root.iter(f"{SVG}g") if g.get("data-fold")] == ["2-3", "4-6"]


def test_many_features_fold_by_their_numbers():
    graph = parse("z = " + " + ".join(f"w{k}*x{k}" for k in range(1, 41)) + " + b; J = z**2")
    p = passed(graph)
    told = boxes(graph, p, {}, True, MOST)
    assert [b.line for b in told if b.kind == "folded"] == ["w1 … w40: 40 inputs", "x1 … x40: 40 inputs"]
    assert next(b for b in told if b.name == "w1 … w40").value == f"w40 = {show(p.values['w40'])}"
    assert len(re.findall("data-box", svg(graph, p))) <= MOST
    with pytest.raises(UsageError, match="at most 60"):
        svg(graph, p, fold=False)
    few = parse("z = w1*x1 + w2*x2 + w3*x3 + w4*x4; J = z**2")
    assert [b.kind for b in boxes(few, None, {}, True, MOST)].count("folded") == 0


def test_of_a_long_loop_the_parts_are_groups_too():
    graph = layered(200)
    names = ["s … s_20", "s_21 … s_40", "s_181 … s_199", "s … s_10", "s_191 … s_199"]
    lines = Lines(graph, None, {})
    assert set(names) <= set(groups(graph, lines.shown, lines.operands))
    told = [b.line for b in boxes(graph, None, {}, names, MOST + 200)]
    assert "s_21 … s_40: 20 lines" in told
    assert "s_41 = s_40 * x" in told


def test_large_graphs_fold_by_themselves():
    graph = layered(200)
    assert len(boxes(graph, None, {}, None, MOST)) < 10
    assert "s … s_199: 199 lines" in drawn(svg(graph, passed(graph)))


def test_a_loop_folds_with_all_that_lies_between():
    @dv.graph
    def layer(x):
        s = dv.tanh(x)
        return s + 0.1*x

    @dv.graph
    def deep(x, w):
        h = x
        for _ in range(30):
            h = layer(h*w)
        L = (h - 1)**2
        return L

    lines = [(b.kind, b.line) for b in boxes(deep, None, {}, None, MOST)]
    assert lines == [("parameter", "x"), ("parameter", "w"), ("line", "x_times_w = x * w"), ("line", "layer.s = tanh(x_times_w)"), ("folded", "h … h_30: 88 lines"),
                     ("output", "L = (h_30 - 1)**2")]


def test_each_call_of_a_function_is_a_box_of_its_own():
    def layer(x, w, b):
        z = w*x
        z = z + b
        return dv.tanh(z)

    @dv.graph
    def twice(x, w, v, b):
        h = layer(x, w, b)
        k = layer(h, v, b)
        return k**2

    assert [b.line for b in boxes(twice, None, {}, True, MOST)] == [
        "x", "w", "v", "b", "layer: 2 lines", "h = tanh(layer.z_2)", "layer_2: 2 lines", "k = tanh(layer_2.z_2)", "twice = k**2"]
    assert [b.name for b in boxes(twice, None, {}, "layer_2", MOST)][4:] == ["layer.z", "layer.z_2", "h", "layer_2", "k", "twice"]


def test_of_a_large_graph_only_as_much_folds_as_is_needed():
    loops = "; ".join([*(f"{'a' if k == 1 else f'a_{k}'} = {'x' if k == 1 else 'a' if k == 2 else f'a_{k - 1}'}*2" for k in range(1, 50)),
                       *(f"{'c' if k == 1 else f'c_{k}'} = {'a_49' if k == 1 else 'c' if k == 2 else f'c_{k - 1}'}*2" for k in range(1, 30)), "J = c_29"])
    names = [b.name for b in boxes(parse(loops), None, {}, None, MOST)]
    assert "a … a_49" in names
    assert "c_7" in names
    assert "a … a_49" in (names := [b.name for b in boxes(parse(loops), None, {}, True, MOST)])
    assert "c … c_29" in names


def test_what_comes_back_to_a_group_keeps_it_open():
    graph = parse("`f.z` = w*x; h = `f.z`**2; `f.a` = h*`f.z`; J = `f.a`")
    assert "f" not in [b.name for b in boxes(graph, None, {}, True, MOST)]  # f.z → h → f.a: h would come before and after f


def test_a_group_that_there_is_not_is_refused():
    with pytest.raises(UsageError, match="there is no group 'nett' to fold") as error:
        svg(layered(4), fold=["nett"])
    assert "net" in error.value.what


@pytest.mark.parametrize(("count", "boxes_drawn"), [(MOST - 1, 60), (MOST, 52), (300, None)])
def test_beyond_sixty_boxes_neighbours_fold_and_unfolded_text_is_advised(count, boxes_drawn):
    graph = parse("; ".join([f"u{i} = x**{i}" for i in range(count - 1)]) + f"; J = u1*u{count - 2}")
    told = boxes(graph, None, {}, None, MOST)
    assert len(told) == boxes_drawn or (boxes_drawn is None and len(told) <= MOST)
    assert (told[1].name == "u0 … u9") == (count == MOST)
    assert sum(len(b.inside) for b in told) == count + 1
    if count >= MOST:
        with pytest.raises(UsageError, match=rf"{count + 1} inputs and named lines(.|\n)*print\(graph\)"):
            svg(graph, fold=False)


def test_of_very_many_functions_neighbours_fold_too():
    @dv.graph
    def wide(x):
        def f(v, k):
            s = v*k
            t = dv.sin(s) + s
            return t*t

        parts = [f(x, float(k)) for k in range(80)]
        total = parts[0]
        for each in parts[1:]:
            total = total + each
        return total

    told = boxes(wide, None, {}, None, MOST)
    assert len(told) <= MOST
    assert "folded" in {b.kind for b in told}
    assert sum(len(b.inside) for b in told) == len(Lines(wide, None, {}).shown)


def test_many_inputs_of_all_kinds_of_names_fold():
    names = [f"{a}{b}" for a in "abcdefgh" for b in "klmnopqrst"]
    graph = parse(f"J = {' + '.join(names)}")
    assert next(b.name for b in boxes(graph, None, {}, True, MOST) if b.kind == "folded") == "ak … at"
    assert len(boxes(graph, passed(graph), {}, None, MOST)) <= MOST


def test_a_click_leads_to_a_picture_in_which_that_group_is_the_other_way():
    """From every picture, and from each back; open groups have their sign over a box of theirs, one box one sign."""
    for graph in (layered(4), layered(40), layered(200), parse("z = " + " + ".join(f"w{k}*x{k}" for k in range(1, 41)) + "; J = z**2")):
        lines = Lines(graph, None, {})
        views = Views(lines, MOST)
        held = [view for _, view in zip(range(40), views)]
        assert len({view.boxes for view in held}) == len(held)
        assert held[0].boxes == tuple(folded(graph, lines.shown, lines.operands, None, MOST))
        for view, leads in zip(held, views.links(held)):
            assert len(view.boxes) <= MOST
            assert sorted(i for box in view.boxes for i in box.lines) == lines.shown
            assert len(set(view.open.values())) == len(view.open)
            assert not set(view.open) & set(view.folded)
            for name, box in view.open.items():
                assert views.lines_of[name] & set(view.boxes[box].lines)
            for name, to in leads.items():
                assert name in (held[to].open if name in view.folded else held[to].folded)
        assert set(views.links(held)[0]) == {*held[0].folded, *held[0].open}


@pytest.mark.parametrize("graph", [layered(4), layered(40), layered(200), parse("z = " + " + ".join(f"w{k}*x{k}" for k in range(1, 41)) + "; J = z**2")])
def test_no_sign_of_an_open_group_lies_over_a_box(graph):
    lines = Lines(graph, passed(graph), {})
    for _, view in zip(range(12), Views(lines, MOST)):
        root = ET.fromstring(f"<svg>{figure(lines.boxes(view.boxes), '', view.open).inside}</svg>")
        groups_drawn = [g for g in root.iter("g") if g.get("data-box") or g.get("data-fold")]
        assert len(groups_drawn) == len(view.boxes) + len(view.open)
        for one, two in combinations(map(place, groups_drawn), 2):
            apart = one[0] + one[2] <= two[0] + 0.2 or two[0] + two[2] <= one[0] + 0.2 or one[1] + one[3] <= two[1] or two[1] + two[3] <= one[1]
            assert apart, (one, two)


def place(g):
    """x, y, width and height of a box, or of a sign with its name, whose characters are 7.83 pixels wide."""
    frame = g.find("rect")
    if frame is not None:
        return tuple(float(frame.get(key)) for key in ("x", "y", "width", "height"))
    text = g.find("text")
    return float(text.get("x")) - 16, float(text.get("y")) - 11, 16 + 7.83 * len(text.text), 13


def test_a_group_that_has_too_many_lines_opens_into_its_parts():
    views = Views(Lines(layered(200), None, {}), MOST)
    held = [view for _, view in zip(range(40), views)]
    [links, *_] = views.links(held)
    opened = held[links["s … s_199"]]
    assert opened.folded == ["net", *(f"{'s' if k == 0 else f's_{20 * k + 1}'} … s_{min(20 * k + 20, 199)}" for k in range(10))]


@st.composite
def named_graphs(draw: st.DrawFn) -> Graph:
    """Graphs whose lines go by names of calls and of variables bound again, in any order."""
    count = draw(st.integers(2, 80))
    names = draw(st.lists(st.sampled_from([f"{call}{name}" for call in ("", "f.", "f.g.", "f_2.", "h.") for name in
                                           ("s", "u", "z", *(f"s_{k}" for k in range(2, 30)), *(f"u_{k}" for k in range(2, 9)))]),
                          min_size=count, max_size=count, unique=True))
    known, told = [f"x{k}" for k in range(draw(st.integers(1, 7)))], []
    for name in names:
        used = draw(st.lists(st.sampled_from(known[-6:]), min_size=1, max_size=3))
        told.append(f"`{name}` = {' + '.join(f'2*`{k}`' for k in used)}")
        known.append(name)
    return parse("; ".join([*told, f"J = `{known[-1]}`*`{known[0]}`"]))


@given(named_graphs())
@settings(max_examples=30)
def test_however_it_is_folded_each_line_is_in_one_box_after_those_it_uses(graph):
    lines = Lines(graph, None, {})
    views = Views(lines, MOST)
    held = list(islice(views, 12))
    for view, leads in zip(held, views.links(held)):
        told = lines.boxes(view.boxes)
        assert len(told) <= MOST
        assert sorted(k for box in told for k in box.inside) == list(range(len(lines.shown)))
        assert all(k < n for n, box in enumerate(told) for k in box.uses)
        for name, to in leads.items():
            assert name in (held[to].open if name in view.folded else held[to].folded)
        assert figure(told, "", view.open).inside
