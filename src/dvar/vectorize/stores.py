"""How the features of linear maps are stored, as a fused program sees it: arguments, and lines for the two halves of a map and
for second derivatives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Inline:
    """Dense features that are few: {part} of a block, one array or one for each feature {j} of {width}, and the number there that
    stands in row {i}."""

    part: str
    element: str


@dataclass(frozen=True)
class Store:
    """The lines are told the weights {w} of a map's result, their derivatives {g}, a block's row {z} of results or slopes; and
    the sum Σ d·x·xᵀ in {h} for a row {d} of second derivatives, with scratch {t}, after the lines in `before`. `turn` makes a
    block's numbers columns, the rows of {block}."""

    arguments: tuple[str, ...]
    forward: tuple[str, ...]
    backward: tuple[str, ...]
    before: tuple[str, ...]
    gram: tuple[str, ...]
    inline: Inline | None = None
    turn: str = ""


def rows_store(name: str) -> Store:
    """Features (m, n) stored row by row."""
    inline = Inline(f"{{part}} = flat_rows({name}, {{at}}, {{n}})", "{part}[{width} * {i} + {j}]")
    return dense_store(name, "rows", inline)


def columns_store(name: str) -> Store:
    """Features (m, n) stored column by column."""
    inline = Inline(f"{{part}} = flat_column({name}, {{j}}, {{at}}, {{n}})", "{part}[{i}]")
    return dense_store(name, "columns", inline)


def dense_store(name: str, by: str, inline: Inline) -> Store:
    forward, backward = f"dot_{by}({name}, {{w}}, {{z}}, {{at}}, {{n}})", f"add_{by}({name}, {{z}}, {{g}}, {{at}}, {{n}})"
    scratch = "" if by == "rows" else "{t}, "
    gram = f"gram_{by}({name}, {{d}}, {scratch}{{h}}, {{at}}, {{n}})"
    return Store((name,), (forward,), (backward,), (), (gram,), inline, f"turn_{by}({name}, {{block}}, {{at}}, {{n}})")
