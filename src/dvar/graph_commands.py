"""The commands that ask a graph: its steps, a slope, the table of derivatives."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .errors import DvarError
from .terminal import answer, assignments, in_unicode, jsonable, next_command, say

if TYPE_CHECKING:
    from .derive.nudge import Check
    from .derive.passes import Pass


def explain(
    formula: str, values: Sequence[str], svg: str | None, html: str | None, unfold: bool, latex: bool, lang: str | None,
    as_json: bool,
) -> None:
    from .show.messages import error_in, messages

    words = lang or "en"
    messages(words)
    try:
        explained(formula, values, svg, html, unfold, latex, lang, as_json)
    except DvarError as error:
        told = error_in(words, error)
        raise type(error)(told.what, told.help or messages(words)["how"]) from error.__cause__


def explained(
    formula: str, values: Sequence[str], svg: str | None, html: str | None, unfold: bool, latex: bool, lang: str | None,
    as_json: bool,
) -> None:
    from .making import graph
    from .show.messages import messages

    words = lang or "en"
    said = messages(words)
    p = graph(formula).at(assignments(values))
    check = p.check()
    for path in (svg, html):
        if path is not None:
            try:
                p.save(path, lang)
            except OSError as error:
                raise DvarError(f"{path} cannot be written: {error.strerror}", "name another file") from None
            say(said["wrote"].format(path=path))
    if as_json:
        worst = check.worst
        answer({
            "value": jsonable(p.value),
            "values": {k: jsonable(v) for k, v in p.values.items()},
            "derivatives": {k: jsonable(v) for k, v in p.d.items()},
            "check": {"ok": check.ok, "worst": None if worst is None else worst.name},
        })
        return
    steps = p.steps(words).unfold() if unfold else p.steps(words)
    if latex:
        print(steps.latex)
        return
    pictured = picture(p, words)
    if pictured:
        print(f"{pictured}\n")
    print(f"{fitted(steps.text)}\n\n{said['nudged']}\n" + "\n".join("  " + line for line in nudged(check, words)))
    if not pictured and svg is None:
        say(said["wider"])
    if html is None:
        again = next_command("explain", formula, *values, "--html", "graph.html").removeprefix("next: ")
        say(said["continue"].format(command=again))


def picture(p: Pass, language: str) -> str:
    """The graph in characters that the terminal has; "" where it is wider."""
    from .show.terminal import drawn

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    return drawn(p.graph, p, shutil.get_terminal_size((100, 24)).columns, in_unicode(), colour=colour, language=language)


def fitted(text: str) -> str:
    """On a terminal the lines are broken to its width; elsewhere each stays one line, to be searched."""
    from .show.terminal import in_width

    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size((100, 24)).columns
    return "\n".join(row for line in text.split("\n") for row in in_width(line, width))


def nudged(check: Check, language: str) -> list[str]:
    """The table of a check in the words of a language."""
    from .show.messages import messages, said_in
    from .show.wording import cells

    said = messages(language)

    def right(text: str) -> str:
        return " " * (24 - cells(text)) + text

    names = [r.name.replace(", direction ", said["direction"]) for r in check.rows]
    wide = max(cells(said["input"]), *map(cells, names), 0)
    rows = [(said["input"], said["backprop"], said["nudging"], "")]
    rows += [(name, f"{r.derivative:.15g}", f"{r.nudged:.15g}", said_in(language, r.verdict))
             for name, r in zip(names, check.rows)]
    lines = [f"{name}{' ' * (wide - cells(name))}{right(told)}{right(found)}  {verdict}".rstrip()
             for name, told, found, verdict in rows]
    return [*lines, *(f"{said['note']}: {said_in(language, n)}" for n in check.notes)]


def play(port: int, browser: bool) -> None:
    from .show.play import play as serve

    serve(port, browser)


def slope(formula: str, values: Sequence[str], nudge: float, of: str | None, as_json: bool) -> None:
    from .making import slope as measured

    found = measured(formula, assignments(values), nudge=nudge, of=of)
    if as_json:
        answer({k: jsonable(getattr(found, k)) for k in ("value", "nudged", "slope", "derivative")})
        return
    print(found)
    say(next_command("explain", formula, *values))


def derivatives(name: str | None, as_json: bool) -> None:
    from .derive.formulary import derivatives as table

    found = table(name)
    if as_json:
        keys = ("name", "formula", "derivatives", "domain", "kink", "note")
        answer([{k: getattr(row, k) for k in keys} for row in found.rows])
        return
    from .show.terminal import between_words

    whole = str(found)
    width = shutil.get_terminal_size((100, 24)).columns
    fits = not sys.stdout.isatty() or max(map(len, whole.split("\n"))) <= width
    print(whole if fits else "\n".join(part for row in found for part in between_words(str(row), width)))
