"""The picture in a terminal: what it says, that nothing lies over anything, and what happens where it does not fit."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dvar as dv
from dvar import cli
from dvar.derive.passes import show
from dvar.show.boxes import boxes
from dvar.show.terminal import Canvas, drawn, in_width
from dvar.show.wording import cells


def first():
    p = dv.graph("u = b*c; v = a + u; J = 3*v").at(a=5, b=3, c=2)
    return drawn(p.graph, p)


def test_the_first_picture():
    told = first()
    for text in ("u = b * c", "= 6", "du = 3", "v = a + u", "= 11", "dv = 3", "J = 3 * v", "= 33", "da = 3", "db = 6", "dc = 9"):
        assert text in told
    assert told.count("▶") == 5
    assert [told.count(f"─{n}─▶") for n in (1, 2, 3)] == [2, 1, 2]  # the local derivatives
    assert told == first()


def test_plain_characters_where_the_terminal_knows_no_others():
    p = dv.graph("u = b*c; v = a + u; J = 3*v").at(a=5, b=3, c=2)
    told = drawn(p.graph, p, unicode=False)
    assert told.isascii()
    assert told.count(">") == 5


LOGISTIC = dv.graph("z = w1*x1 + w2*x2 + b; a = sigmoid(z); L = -(y*log(a) + (1-y)*log(1-a))").at(w1=0.5, w2=-0.25, x1=1, x2=2, b=0.5, y=1)


@pytest.mark.parametrize("width", [80, 90, 100, 120, 140, 200])
def test_the_picture_of_a_lesson_fits_every_usual_terminal(width):
    told = drawn(LOGISTIC.graph, LOGISTIC, width)
    assert 0 < max(map(cells, told.splitlines())) <= width
    said = told.replace("│", " ").replace("┃", " ").split()
    for name, slope in LOGISTIC.d.items():
        assert not name or not LOGISTIC.graph.nodes[LOGISTIC.graph.index(name)].given or show(slope) in said
    assert ("─1─▶" in told) == (width >= 120)  # what edges say goes last


def test_values_and_derivatives_have_colours_of_their_own():
    p = dv.graph("u = b*c; v = a + u; J = 3*v").at(a=5, b=3, c=2)
    told = drawn(p.graph, p, colour=True)
    assert "\033[36m= 11\033[0m" in told
    assert "\033[35mdv = 3\033[0m" in told
    assert "─\033[35m3\033[0m─▶" in told
    assert re.sub("\033\\[\\d+m", "", told) == drawn(p.graph, p)


def test_what_is_wider_than_the_terminal_is_not_drawn():
    p = dv.graph("u = b*c; v = a + u; J = 3*v").at(a=5, b=3, c=2)
    width = max(map(len, drawn(p.graph, p).splitlines()))
    assert drawn(p.graph, p, width + 1)
    assert drawn(p.graph, p, width - 1) != ""  # narrower, while it can be
    assert drawn(p.graph, p, 50) == ""
    large = dv.graph("; ".join(f"u{k} = x + {k}" for k in range(70)) + "; J = u1")
    assert "u0 … u9: 10 lines" in drawn(large)
    assert drawn(large, fold=False) == ""


CHAIN = dv.graph("; ".join(["h = tanh(w*x)", *["h = tanh(w*h)"] * 8, "`out.u` = h*v", "`out.o` = `out.u` + 1", "L = (`out.o` - y)**2"]))


@pytest.mark.parametrize(("width", "folded"), [
    (400, []), (300, []), (260, ["out: 2 lines"]), (105, ["h … h_9: 9 lines", "out: 2 lines"])])
def test_groups_fold_by_themselves_where_the_terminal_is_too_narrow_and_no_more_than_that(width, folded):
    p = CHAIN.at(w=1, x=1, v=2, y=0)
    told = drawn(p.graph, p, width)
    assert 0 < max(map(cells, told.splitlines())) <= width
    assert sorted(re.findall(r"[\w.]+(?: … \w+)?: \d+ lines", told)) == folded
    assert not drawn(p.graph, p, 105, fold=False)  # where it is told not to it does not
    assert not drawn(p.graph, p, 80)  # all that can be is folded


def test_without_a_pass_there_are_no_numbers():
    told = drawn(dv.graph("u = b*c; J = 3*u"))
    assert "=" in told
    assert "d" not in told


def test_wide_characters_take_two_cells():
    p = dv.graph("`기울기` = a*2; J = `기울기` + 1").at(a=1)
    lines = drawn(p.graph, p).splitlines()
    right = {cells(line[: line.rindex(c) + 1]) for line in lines for c in "┐│┘" if c in line and "┏" not in line and "┃" not in line}
    assert len(right) <= 3  # the right sides of three boxes, whatever the characters inside them


@st.composite
def graphs(draw):
    names, lines = ["a", "b"], []
    for k in range(draw(st.integers(1, 10))):
        used = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        lines.append(f"u{k} = " + " * ".join(used))
        names.append(f"u{k}")
    return dv.graph("inputs: a, b\n" + "; ".join(lines))


@given(graphs())
@settings(max_examples=150)
def test_every_number_is_there_and_no_box_lies_over_another(graph):
    p = graph.at(a=1.5, b=-2)
    told = drawn(graph, p)
    canvas = Canvas(boxes(graph, p, {}, None, 60), True)
    for i, box in enumerate(canvas.told):
        rows = range(canvas.top[i], canvas.top[i] + max(len(canvas.texts[i]), len(box.uses)) + 2)
        for k in range(i):
            apart = canvas.top[k] + max(len(canvas.texts[k]), len(canvas.told[k].uses)) + 2 <= rows.start or rows.stop <= canvas.top[k]
            assert apart or not any(i in column and k in column for column in canvas.columns)
    for name in (node.name for node in graph.nodes if node.given):
        assert f"= {show(p.values[name])}" in told
        assert show(p.d[name]) in told
    assert told.count("▶") == sum(len(box.uses) for box in canvas.told)


@pytest.mark.parametrize("unicode", [True, False])
def test_constants_and_outputs_have_frames_of_their_own(unicode):
    told = drawn(dv.graph("k = 2; J = k*a"), unicode=unicode)
    frames = [told.count(c) for c in ("╭", "┄", "━")] if unicode else [told.count(c) for c in ("/", "#")]
    assert all(frames)


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_steps_are_broken_before_their_equals_signs_and_say_the_same(width, language):
    for line in LOGISTIC.steps(language).unfold().text.split("\n"):
        rows = in_width(line, width)
        assert max(map(cells, rows)) <= width
        assert " ".join(" ".join(rows).split()) == " ".join(line.split())
        assert all(row.lstrip() for row in rows[1:])
    assert in_width("  da = 1 + 2 = 3", width) == ["  da = 1 + 2 = 3"]
    [_, two] = in_width(f"  L = {'a + ' * 13}b = {'1 + ' * 13}2", 70)
    assert two.lstrip().startswith("= 1 + 1")


def test_on_a_narrow_terminal_every_line_fits_and_in_a_pipe_it_stays_whole(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for command in (["explain", "z = w*x + b; L = softplus(-z) + (1 - y)*z + w**2 / (1 + w**2)", "w=0.5", "x=1", "b=0.1", "y=1"], ["derivatives"]):
        assert cli.main(command) == 0
        whole = capsys.readouterr().out
        assert max(map(cells, whole.splitlines())) > 80
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        assert cli.main(command) == 0
        assert max(map(cells, re.sub(r"\x1b\[\d+m", "", capsys.readouterr().out).splitlines())) <= 80
        monkeypatch.undo()
        monkeypatch.setenv("COLUMNS", "80")
