"""The chain rule told step by step: what a story is made of, as data, and how it is printed.

Left to right each named node's value; right to left each derivative: what came from the right times the local derivative, at
a fork each contribution and their sum, and, where algebra makes it shorter, what it all comes to:
dz = da * a * (1 - a) = a - y. Folded, every node is one line; unfolded it is told in parts, each with its numbers.
`steps.py` finds what is told here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from ..errors import UsageError, nearest
from .messages import messages, said_in
from .wording import cells, latex_number, told_number

VALUE, DERIVATIVE, ALONG = "value", "derivative", "along"
RIGHT, LOCAL, MAP, PRODUCT, SUM, COMES_TO = "from the right", "local", "local map", "product", "sum", "comes to"
LABELS = {RIGHT: "from_right", LOCAL: "local", MAP: "local", PRODUCT: "product", SUM: "sum", COMES_TO: "comes_to"}  # messages
ENGLISH = messages("en")
LATEX_INDENT, TEXT_INDENT, MARGIN = r"\quad ", "    ", "  "  # MARGIN: on both sides of a step's number


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """One line of the story: `name` = `formulas[0]` = `formulas[1]` … = `numbers` = `result`, and what it is made of.

    `kind` says what it is. A "value" or a "derivative" is of `node`; the parts of a derivative are "from the right", "local"
    (of a linear map of vectors "local map": what it makes of g) and "product", at a fork each contribution "along" a consumer
    (its `node`) with such parts, then their "sum", and last what it "comes to". The parts of a value, and what is `inside` a
    derivative, are the operations without a name that the line of `node` is written with. `where` are conditions: what was
    cancelled must not be 0.
    """

    kind: str
    node: str
    name: str
    formulas: tuple[str, ...]
    numbers: str  # the last formula with its numbers put in
    result: Any  # None where floating point holds no such number, or there is none: a linear map
    latex_name: str
    latex_formulas: tuple[str, ...]
    latex_numbers: str
    parts: tuple[Step, ...] = ()
    inside: tuple[Step, ...] = ()
    where: tuple[str, ...] = ()
    latex_where: tuple[str, ...] = ()
    open: bool = False  # told in parts

    @property
    def line(self) -> str:
        """All of it in one line."""
        return self.told(ENGLISH)

    def told(self, say: Mapping[str, str]) -> str:
        """The line, in the words of a language."""
        chain = once(*self.formulas, self.numbers, "" if self.result is None else told_number(self.result))
        if self.kind == MAP:
            return " → ".join([self.name, *chain])
        if self.kind == ALONG:
            return say["along"].format(name=self.name) + ": " + " = ".join(chain)
        return " = ".join([self.name, *chain] if self.name else chain)

    @property
    def text(self) -> str:
        """The line and, below, what came along each edge at a fork; or its parts, where it is unfolded."""
        return "\n".join(self.lines())

    def lines(self, say: Mapping[str, str] = ENGLISH) -> list[str]:
        if not self.open:
            return [self.told(say), *("  " + s.told(say) for s in self.forks())]
        told = [self.told(say), *(TEXT_INDENT + line for s in self.parts for line in s.part(say))]
        if self.where:
            told[-1] += "   " + say["where"].format(conditions=f" {say['and']} ".join(self.where))
        inside = [say["inside"].format(name=self.node), *(TEXT_INDENT + s.told(say) for s in self.inside)] if self.inside else []
        return told + [TEXT_INDENT + line for line in inside]

    def forks(self) -> list[Step]:
        """The contributions at a fork; none where floating point cannot hold one of them: the others would not add up."""
        found = [s for s in self.parts if s.kind == ALONG]
        return found if all(s.result is not None for s in found) else []

    def part(self, say: Mapping[str, str] = ENGLISH) -> list[str]:
        """Its lines as a part of another step."""
        if self.kind == ALONG:
            return [say["along"].format(name=self.name), *(TEXT_INDENT + line for s in self.parts for line in s.part(say))]
        if self.kind not in LABELS:
            return [self.told(say)]
        wide = max(cells(say[key]) for key in LABELS.values())
        label = say[LABELS[self.kind]]
        return [label + " " * (wide - cells(label) + 2) + self.told(say)]

    @property
    def latex(self) -> str:
        r"""Its lines in an `align*` environment, joined by \\ ."""
        return " \\\\\n".join(self.latex_lines())

    def latex_lines(self, say: Mapping[str, str] = ENGLISH, indent: str = "") -> list[str]:
        chain = once(*self.latex_formulas, self.latex_numbers, "" if self.result is None else latex_number(self.result))
        sign = r"\mapsto " if self.kind == MAP else "= "
        key = ALONG if self.kind == ALONG else LABELS.get(self.kind, "")
        word = say[key].format(name="").strip() if key else ""
        label = rf"\text{{{word} }} " if word else ""
        told = [f"{indent}{label}{self.latex_name} &" + sign * bool(chain) + " = ".join(chain)]
        shown = self.parts if self.open else self.forks()
        for s in shown:
            told += replace(s, open=self.open).latex_lines(say, indent + LATEX_INDENT)
        if self.where:
            before = say["where"].format(conditions="")
            told[-1 if self.open else 0] += rf" \qquad \text{{{before}}} " + rf" \text{{ {say['and']} }} ".join(self.latex_where)
        for s in self.inside if self.open else ():
            told += s.latex_lines(say, indent + LATEX_INDENT)
        return told

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False, repr=False)
class Steps:
    """The story of a pass: a Step for every named value, in order, and for every derivative, from the right to the left."""

    forward: tuple[Step, ...]
    backward: tuple[Step, ...]
    notes: tuple[str, ...]
    language: str = "en"

    def unfold(self, *names: str) -> Steps:
        """The same story with these nodes told in parts, all of them unless said. Raises UsageError for a name it has not."""
        return self._set(names, True)

    def fold(self, *names: str) -> Steps:
        """The same story with these nodes told in one line each, all of them unless said."""
        return self._set(names, False)

    def _set(self, names: tuple[str, ...], open_: bool) -> Steps:
        known = dict.fromkeys(s.node for s in self)
        for name in names:
            if name not in known:
                raise UsageError(f"no step tells of {name!r}{nearest(name, known)}")
        chosen = set(names or known)
        forward, backward = (
            tuple(replace(s, open=open_) if s.node in chosen else s for s in told) for told in (self.forward, self.backward)
        )
        return replace(self, forward=forward, backward=backward)

    def __iter__(self) -> Iterator[Step]:
        yield from self.forward
        yield from self.backward

    def __len__(self) -> int:
        return len(self.forward) + len(self.backward)

    @property
    def text(self) -> str:
        """The story as lines, in its language; each step has its number in a margin."""
        say = messages(self.language)
        lines = [say["forward"], *self.numbered(self.forward, 1, say), ""]
        lines += [say["backward"], *self.numbered(self.backward, len(self.forward) + 1, say)]
        return "\n".join([*lines, *(f"  {say['note']}: {n}" for n in self.remarks(say))])

    def numbered(self, told: tuple[Step, ...], first: int, say: Mapping[str, str]) -> Iterator[str]:
        """The lines of these steps; further lines of a step stand below it."""
        wide = len(str(len(self))) + len(MARGIN)
        for n, step in enumerate(told, first):
            line, *more = step.lines(say)
            yield f"{n:>{wide}}{MARGIN}{line}"
            yield from (" " * wide + MARGIN + line for line in more)

    def remarks(self, say: Mapping[str, str]) -> list[str]:
        """What is to be said beside the lines: what could not be represented, and what was cancelled."""
        cancelled = [say["cancelled"].format(line=f"{s.name} = {s.formulas[-1]}", conditions=f" {say['and']} ".join(s.where))
                     for s in self.backward if s.where and not s.open]
        return [*(said_in(self.language, note) for note in self.notes), *cancelled]

    @property
    def html(self) -> str:
        """Two lists, numbered on; a step told in parts can be unfolded by a click."""
        say = messages(self.language)
        parts = []
        for heading, told, first in ((say["forward"], self.forward, 1), (say["backward"], self.backward, len(self.forward) + 1)):
            items = "".join(f"<li>{item(s, say)}</li>" for s in told)
            parts.append(f'<section><h4>{escape(heading)}</h4><ol class="steps" start="{first}">{items}</ol></section>')
        notes = "".join(f"<p>{escape(say['note'])}: {escape(n)}</p>" for n in self.remarks(say))
        return f'<div class="dvar-steps" lang="{self.language}">{"".join(parts)}{notes}</div>'

    @property
    def latex(self) -> str:
        """An `align*` environment (amsmath; in Korean with kotex), one line per step or part; each step's number is its tag."""
        say = messages(self.language)
        lines = [line + rf" \tag{{{n}}}" * (k == 0) for n, s in enumerate(self, 1) for k, line in enumerate(s.latex_lines(say))]
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html

    def _repr_latex_(self) -> str:
        return self.latex


def item(step: Step, say: Mapping[str, str]) -> str:
    """A step as HTML: its line, and its parts behind it."""
    line, *rest = replace(step, open=bool(step.parts or step.inside)).lines(say)
    if not rest:
        return f"<code>{escape(line)}</code>"
    shown = " open" if step.open else ""
    return f"<details{shown}><summary><code>{escape(line)}</code></summary><pre>{escape(chr(10).join(rest))}</pre></details>"


def once(*chain: str) -> list[str]:
    """What is said twice is said where it comes last."""
    return list(dict.fromkeys(text for text in reversed(chain) if text))[::-1]
