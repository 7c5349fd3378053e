"""The table of operations as a reader looks it up: each with its derivatives, where it is defined, what is agreed at a kink."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import UsageError, nearest
from ..expression.op import Op
from ..expression.ops import ALIASES, OPS, ROWS


def derivatives(name: str | None = None) -> Table:
    """The table of operations and their derivatives; with a name, the rows it is found in."""
    if not isinstance(name, str | None):
        raise UsageError(f"the name of an operation is text, not {type(name).__name__}", 'as dv.derivatives("log")')
    rows = tuple(Derivative(op) for op in ROWS if op.name != "same")
    if name is None:
        return Table(rows)
    exact = tuple(r for r in rows if r.op.name == ALIASES.get(name, name) or r.sign == name)
    found = exact or tuple(r for r in rows if name in str(r))
    if not found:
        raise UsageError(f"no row of the table is about {name!r}{nearest(name, OPS)}",
                         "without a name the whole table is shown")
    return Table(found)


class Derivative:
    """One row of the table: an operation, its derivatives, where it is defined, what is agreed at a kink, how exact it is."""

    def __init__(self, op: Op) -> None:
        self.op = op
        self.name = op.name
        self.formula = op.form.format(*"abc"[: op.arity])
        self.sign = op.text.replace("{}", "").strip()
        self.derivatives = tuple("–" if s is None else s for s in op.slopes)
        self.domain, self.kink, self.note = op.domain, op.kink, op.note

    def __reduce__(self) -> Any:
        """By the operation's name: what it computes with is no data."""
        return row, (self.name,)

    def __str__(self) -> str:
        told = f"{self.formula} → {', '.join(self.derivatives)}"
        domain = "" if self.domain == "all real numbers" else f"   for {self.domain}"
        return told + domain + "".join(f"   {said}" for said in (self.kink, self.note) if said)

    __repr__ = __str__


def row(name: str) -> Derivative:
    return Derivative(OPS[name])


class Table:
    """Rows of the table of derivatives; prints as one, and is read by index or iteration."""

    def __init__(self, rows: tuple[Derivative, ...]) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Derivative]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Derivative:
        return self.rows[index]

    def __str__(self) -> str:
        if len(self.rows) == 1:
            return str(self.rows[0])
        cells = [("f", "df/da, df/db, …", "defined for", "at a kink")]
        cells += [(r.formula, ", ".join(r.derivatives), r.domain, r.kink or r.note) for r in self.rows]
        widths = [max(len(c[k]) for c in cells) for k in range(4)]
        return "\n".join("  ".join(f"{c:<{w}}" for c, w in zip(row, widths)).rstrip() for row in cells)

    __repr__ = __str__
