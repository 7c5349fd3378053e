"""The commands that ask a graph: its steps, a slope, the table of derivatives."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .errors import DvarError, UsageError
from .options import Json, Whole, Yes
from .terminal import answer, assignments, in_unicode, jsonable, next_command, say

if TYPE_CHECKING:
    from .derive.nudge import Check
    from .derive.passes import Pass


def explain(
    formula: str,
    /,
    *values: str,
    svg: str | None = None,
    html: str | None = None,
    unfold: Yes = False,
    latex: Yes = False,
    lang: str | None = None,
    json_: Json = False,
) -> None:
    """Values left to right, derivatives right to left, step by step.

    Parameters
    ----------
    formula
        Named lines; the last one is the output.
    values
        A value for every input: a=5, w=1,2,3 for a vector, or W=[[1,2],[3,4]] for a matrix.
    svg
        Write the picture to this file.
    html
        Write the picture and the steps to this page.
    unfold
        Tell every step in parts: what came from the right, the local derivative, their product.
    latex
        Print the steps as LaTeX.
    lang
        The language: en or ko. Unless named it is English, and of a page that of the browser.
    json_
        Print one JSON object.
    """
    from .making import graph
    from .show.messages import messages

    words = lang or "en"
    said = messages(words)
    with told_in(words):
        told = "--latex" if latex else "--unfold" if unfold else ""
        if json_ and told:
            raise UsageError(f"--json prints no steps, which {told} asks for", "give one of them")
        p = graph(formula).at(assignments(values))
        check = p.check()
        for path in (svg, html):
            if path is not None:
                try:
                    p.save(path, lang)
                except OSError as error:
                    raise DvarError(f"{path} cannot be written: {error.strerror}", "name another file") from None
                say(said["wrote"].format(path=path))
        if json_:
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


@contextmanager
def told_in(language: str) -> Iterator[None]:
    """What is wrong, in the words of a language."""
    from .show.messages import error_in, messages

    try:
        yield
    except DvarError as error:
        told = error_in(language, error)
        raise type(error)(told.what, told.help or messages(language)["how"]) from error.__cause__


def picture(p: Pass, language: str) -> str:
    """The graph in characters that the terminal has; "" where it is wider."""
    from .show.terminal import drawn

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    return drawn(p.graph, p, width(), in_unicode(), colour=colour, language=language)


def width() -> int:
    """Of the terminal, in columns."""
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def fitted(text: str) -> str:
    """On a terminal the lines are broken to its width; elsewhere each stays one line, to be searched."""
    from .show.terminal import in_width

    if not sys.stdout.isatty():
        return text
    return "\n".join(row for line in text.split("\n") for row in in_width(line, width()))


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


def play(*, port: Whole = 8000, browser: bool = True) -> None:
    """A page on this machine: slopes, the graph, logistic regression, m examples.

    Parameters
    ----------
    port
        Where it is served, on the loopback interface alone; 0 for any that is free.
    browser
        Open it in the browser.
    """
    from .show.play import play as serve

    serve(port, browser)


def slope(formula: str, /, *values: str, nudge: float = 0.001, of: str | None = None, json_: Json = False) -> None:
    """How far f moves when an input is nudged, beside the derivative.

    Parameters
    ----------
    formula
        A formula.
    values
        A value for every input: a=2.
    nudge
        How far the input is moved.
    of
        Which input, where there are several.
    json_
        Print one JSON object.
    """
    from .making import slope as measured

    found = measured(formula, assignments(values), nudge=nudge, of=of)
    if json_:
        answer({k: jsonable(getattr(found, k)) for k in ("value", "nudged", "slope", "derivative")})
        return
    print(found)
    say(next_command("explain", formula, *values))


def derivatives(name: str | None = None, /, *, json_: Json = False) -> None:
    """The table of operations and their derivatives, or one row of it.

    Parameters
    ----------
    name
        An operation, or a part of a row.
    json_
        Print one JSON object.
    """
    from .derive.formulary import derivatives as table

    found = table(name)
    if json_:
        keys = ("name", "formula", "derivatives", "domain", "kink", "note")
        answer([{k: getattr(row, k) for k in keys} for row in found.rows])
        return
    from .show.terminal import between_words

    whole = str(found)
    fits = not sys.stdout.isatty() or max(map(len, whole.split("\n"))) <= width()
    print(whole if fits else "\n".join(part for row in found for part in between_words(str(row), width())))
