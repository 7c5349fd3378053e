"""How the features of linear maps are stored, as a fused program sees it: arguments, and lines for the two halves of a map and
for second derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

LINES = 8  # categories looked up in one loop over rows
PAIRED = 12  # categories of which each pair has a line of its own; of more there is a loop
Name = Callable[[str], str]  # gives a name that is free in the program: the data's own for "", else one that ends so


@dataclass(frozen=True)
class Inline:
    """Dense features that are few: {part} of a block, one array or one for each feature {j} of {width}, and the number there that
    stands in row {i}."""

    part: str
    element: str


@dataclass(frozen=True)
class Store:
    """Lines call kernels, or are Python; they are told the first row {at} and number of rows {n} of a block. `views` come before
    all others. The halves of a map have the weights {w} of a result, their derivatives {g}, and a block's row {z} of results or
    slopes; `gram` adds Σ d·x·xᵀ to {h} for a row {d} of second derivatives, with scratch {t}, after the lines in `before`.
    `turn` makes a block's numbers columns, the rows of {block}."""

    arguments: tuple[str, ...]
    forward: tuple[str, ...]
    backward: tuple[str, ...]
    before: tuple[str, ...]
    gram: tuple[str, ...]
    views: tuple[str, ...] = ()
    inline: Inline | None = None
    turn: str = ""


def rows_store(name: Name) -> Store:
    """Features (m, n) stored row by row."""
    x = name("")
    return dense_store(x, "rows", Inline(f"{{part}} = flat_rows({x}, {{at}}, {{n}})", "{part}[{width} * {i} + {j}]"))


def columns_store(name: Name) -> Store:
    """Features (m, n) stored column by column."""
    x = name("")
    return dense_store(x, "columns", Inline(f"{{part}} = flat_column({x}, {{j}}, {{at}}, {{n}})", "{part}[{i}]"))


def dense_store(x: str, by: str, inline: Inline) -> Store:
    forward, backward = f"dot_{by}({x}, {{w}}, {{z}}, {{at}}, {{n}})", f"add_{by}({x}, {{z}}, {{g}}, {{at}}, {{n}})"
    gram = f"gram_{by}({x}, {{d}}, {{t}}, {{h}}, {{at}}, {{n}})"
    return Store((x,), (forward,), (backward,), (), (gram,), (), inline, f"turn_{by}({x}, {{block}}, {{at}}, {{n}})")


def sparse_store(name: Name) -> Store:
    """Features in rows of entries that are not 0: numbers, places, where rows start."""
    arguments = tuple(map(name, ("data", "indices", "starts")))
    forward, backward, gram = (f"{kernel}({', '.join(arguments)}, {rest}, {{at}}, {{n}})" for kernel, rest in
                               (("dot_sparse", "{w}, {z}"), ("add_sparse", "{z}, {g}"), ("gram_sparse", "{d}, {h}")))
    return Store(arguments, (forward,), (backward,), (), (gram,))


class Categories:
    """The lines for categories, each an array of codes whose coefficients begin somewhere: loops over a block's rows, as one
    would write them, for several categories at a time. What one level adds up must wait for what it added before, and levels
    often come in long runs: of four rows each adds to sums of its own where these are `apart`, the width of one."""

    def __init__(self, name: Name, columns: Sequence[tuple[str, int]], apart: int = 0) -> None:
        self.i, self.d, self.four, self.of_four, self.apart = name("row"), name("d"), name("four"), name("of_four"), apart
        self.codes = [(name(f"codes{k}"), column, first) for k, (column, first) in enumerate(columns)]
        self.places = [plus(first, f"{codes}[{self.i}]") for codes, _, first in self.codes]

    def views(self) -> list[str]:
        return [f"{codes} = {column}[{{at}}:{{at}} + {{n}}]" for codes, column, _ in self.codes]

    def loop(self, lines: Sequence[str]) -> list[str]:
        return [f"for {self.i} in range({{n}}):", *indented(lines)]

    def forward(self) -> Iterator[str]:
        """z = the sum of the coefficients."""
        for k in range(0, len(self.places), LINES):
            terms = [f"{{z}}[{self.i}]"] * (k > 0) + [f"{{w}}[{place}]" for place in self.places[k : k + LINES]]
            yield from self.loop([f"{{z}}[{self.i}] = {' + '.join(terms)}"])

    def backward(self) -> Iterator[str]:
        """Four rows at a time, each with lines of its own: of one line for all rows every addition waits for the one before."""
        first, four, k = "{n} - {n} % 4", self.four, self.of_four
        own = f" + {self.apart} * {k}" if self.apart else ""
        for at in range(0, len(self.places), LINES):
            places = self.places[at : at + LINES]
            lines = [f"{self.d} = {{z}}[{self.i}]", *(f"{{g}}[{place}] += {self.d}" for place in places)]
            yield f"for {four} in range(0, {first}, 4):"
            yield f"    for {k} in range(4):"
            yield f"        {self.i} = {four} + {k}"
            yield f"        {self.d} = {{z}}[{self.i}]"
            yield from (f"        {{g}}[{place}{own}] += {self.d}" for place in places)
            yield from [f"for {self.i} in range({first}, {{n}}):", *indented(lines)]

    def gram(self, name: Name, block: str, numbers: int) -> list[str]:
        """Every pair of categories, and each with numbers, which stand in `block` and whose weights come first; two levels of one
        category never meet."""
        if len(self.codes) > PAIRED:
            return self.gram_of_many(name, block, numbers)
        places = [name(f"place{k}") for k in range(len(self.codes))]
        lines = [f"{self.d} = {{d}}[{self.i}]", *(f"{a} = {place}" for a, place in zip(places, self.places))]
        lines += [f"{{h}}[{a}, {b}] += {self.d}" for k, a in enumerate(places) for b in places[: k + 1]]
        for j in range(numbers):
            lines += [f"{{h}}[{a}, {j}] += {self.d} * {block}[{j}, {self.i}]" for a in places]
        return self.loop(lines) if places else []

    def gram_of_many(self, name: Name, block: str, numbers: int) -> list[str]:
        """The same by loops over pairs, not a line for each: a row's places stand in scratch, which holds floats."""
        one, other, place, d = name("one"), name("other"), name("place"), self.d
        lines = [f"{d} = {{d}}[{self.i}]", *(f"{{t}}[0, {k}] = {told}" for k, told in enumerate(self.places))]
        pairs = [f"for {other} in range({one} + 1):", f"    {{h}}[{place}, int({{t}}[0, {other}])] += {d}"]
        if numbers:
            pairs += [f"for {other} in range({numbers}):",
                      f"    {{h}}[{place}, {other}] += {d} * {block}[{other}, {self.i}]"]
        inner = [f"{place} = int({{t}}[0, {one}])", *pairs]
        return self.loop([*lines, f"for {one} in range({len(self.codes)}):", *indented(inner)])


def indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def plus(first: int, place: str) -> str:
    return f"{first} + {place}" if first else place
