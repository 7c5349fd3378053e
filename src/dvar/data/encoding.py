"""How a table's columns become features: learned from the training rows, applied to any table, written down as JSON.

Numbers are standardised, a missing one counts as the mean and gets an indicator; text is a category whose levels are
those of the training rows. What is left out is named, with the reason. The result is `Columns`, typed, never expanded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from ..errors import DvarError
from ..threads import each
from . import features as named
from . import table as tables
from .codes import looked_up
from .columns import Category, Columns, Group, Missing, Number, Part
from .learning import MAX_LEVELS, OTHER_LEVEL, Joint, learn, learn_slopes
from .source import Source
from .within import Rest, Slope, count_within, within

MAX = float(np.finfo(np.float64).max)
JOINT = 1024  # joint codes at most of categories that are counted together
KINDS = {"number": Number, "missing": Missing, "category": Category, "slope": Slope, "rest": Rest, "joint": Joint}


@dataclass(frozen=True)
class Encoding:
    """How a table's columns become n features: its parts in order, what is left out and why, from how many rows."""

    parts: tuple[Part, ...]
    dropped: dict[str, str]
    rows: int

    @classmethod
    def learn(
        cls, table: Any | Source, features: Sequence[str], *, reference: bool, centre: bool = True,
        rows: np.ndarray | None = None, max_levels: int = MAX_LEVELS, weight: np.ndarray | None = None,
    ) -> Encoding:
        """The encoding of these columns of a `pyarrow.Table`, learned from the rows numbered `rows` (default: all), in which a
        row counts as its `weight` (of all rows of the table, positive) says. A `Source` instead of the table, with rows of its
        own, keeps what was decoded for `encode`.

        `reference`: a category's first level has no coefficient; `centre`: numbers are shifted by their mean, which changes
        no objective only where a free intercept joins their sum. Of a category the `max_levels` most frequent levels stay
        themselves, the others become "(other)". A feature is a column, or derived from columns (see `features`).
        Raises UsageError for a name that is not there, DvarError where no column can be a feature.
        """
        parts: list[Part] = []
        dropped: dict[str, str] = {}
        indicators: dict[bytes, int] = {}  # which rows are missing → the index of the part that says so
        wanted = tuple(dict.fromkeys(features))
        source = table if isinstance(table, Source) else Source(table, rows)
        weight = weight if weight is None or source.rows is None else weight[source.rows]

        def learned_from(name: str) -> tuple[str, list[Part], np.ndarray | None, dict[str, str]]:
            numeric, levelled = named.sides(source.table, name)
            if not (numeric and levelled):
                return name, *learn(source, name, wanted, reference, centre, max_levels, weight)
            bare = reference and numeric in wanted
            return numeric, *learn_slopes(source, numeric, levelled, bare, centre, max_levels, weight)  # it has the gaps

        for name, learned, gaps, out in each(learned_from, wanted, len(source)):
            parts += learned
            dropped |= out
            if gaps is None or gaps.all():
                continue
            same = indicators.setdefault(np.packbits(gaps).tobytes(), len(parts))
            if same == len(parts):
                parts.append(Missing(name))
            elif name not in ((first := parts[same]).column, *first.also):  # type: ignore[union-attr]
                dropped[f"{name} missing"] = f"the same rows as `{first.names[0]}`"
                parts[same] = Missing(first.column, (*first.also, name))  # type: ignore[union-attr]
        if not parts:
            why = "; ".join(f"`{name}`: {reason}" for name, reason in dropped.items()) or "none was given"
            raise DvarError(f"no column can be a feature ({why})", "features are numbers or categories that vary")
        return cls(tuple(parts), dropped, len(source))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The n coefficients' names; one that has occurred before gets a number."""
        names: dict[str, None] = {}
        for name in (name for part in self.parts for name in part.names):
            unique, count = name, 1
            while unique in names:
                count += 1
                unique = f"{name} ({count})"
            names[unique] = None
        return tuple(names)

    @cached_property
    def units(self) -> tuple[np.ndarray, np.ndarray]:
        """Shift and scale (n,) of what each coefficient is multiplied with: 0 and 1 of what is no number."""
        both = [(p.shift, p.scale) if isinstance(p, Number) else (0.0, 1.0) for p in self.parts for _ in p.names]
        shift, scale = np.array(both).T
        return shift, scale

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where each part's coefficients are."""
        ends = np.cumsum([0] + [len(part.names) for part in self.parts]).tolist()
        return tuple(slice(a, b) for a, b in pairwise(ends))

    @cached_property
    def singles(self) -> tuple[int, ...]:
        """The parts, by index, that have one number a row: numbers and indicators."""
        return tuple(i for i, part in enumerate(self.parts) if not isinstance(part, Category))

    @cached_property
    def singles_at(self) -> np.ndarray:
        """Where the coefficients of these parts are."""
        return np.array([self.slices[i].start for i in self.singles], np.intp)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The categories, put together while their joint codes stay few: counted together, they are counted once."""
        groups: list[list[int]] = []
        sizes = [1 + s.stop - s.start for s in self.slices]
        for i in sorted(set(range(len(self.parts))).difference(self.singles)):
            fits = (group for group in groups if prod(sizes[j] for j in (*group, i)) <= JOINT)
            group = next(fits, None)
            if group is None:
                groups.append([i])
            else:
                group.append(i)
        return tuple(Group(tuple(g), tuple(sizes[i] for i in g), tuple(self.slices[i] for i in g)) for g in groups)

    def encode(self, table: Any | Source, rows: np.ndarray | None = None) -> Columns:
        """The columns of a `pyarrow.Table` (of its rows numbered `rows`; default: all), or of a `Source`, as this encoding reads
        them.

        Raises DvarError naming every column that is lacking or of another kind.
        """
        source = table if isinstance(table, Source) else Source(table, rows)
        self._check(source)
        m = len(source)
        single = list({self.parts[i].column: None for i in self.singles})
        read = source.each_of(source.numbers, single)
        levelled = list({c: None for p in self.parts for c in _levelled(p)})
        texts = source.each_of(source.levels, levelled)
        categories = [p for p in self.parts if isinstance(p, Category)]
        coded = dict(zip(map(id, categories), each(lambda p: _codes(texts[p.column], m, p), categories, m)))
        indicated = {c: p.column for p in self.parts if isinstance(p, Missing) for c in (p.column, *p.also)}
        data: list[np.ndarray] = []
        unseen: dict[str, int] = {}
        missing: dict[str, int] = {}
        gaps_of: list[np.ndarray | None] = []
        for part in self.parts:
            gaps_of.append(None)
            if isinstance(part, Category):
                codes, unseen[part.column], missing[part.column] = coded[id(part)]
                data.append(codes)
                continue
            x, gaps = read[part.column]
            if isinstance(part, Missing):
                data.append(np.zeros(m, bool) if gaps is None else gaps)
                continue
            if gaps is not None:
                known = read[indicated[part.column]][1] if part.column in indicated else None
                missing[part.column] = 0 if known is gaps else int(np.count_nonzero(gaps if known is None else gaps & ~known))
            if isinstance(part, Slope):
                x, gaps = within(x, gaps, texts[part.within], part)
            data.append(x)
            gaps_of[-1] = gaps
        count_within(self.parts, self.dropped, texts, m, unseen, missing)
        told = ({name: count for name, count in counts.items() if count} for counts in (unseen, missing))
        return Columns(self, tuple(data), tuple(gaps_of), *told)

    def _check(self, source: Source) -> None:
        """Raises DvarError naming every column of the parts that is lacking or of another kind."""
        wrong: dict[str, None] = {}
        names = frozenset(source.table.column_names)
        wanted = {c: "number" for p in self.parts if not isinstance(p, Category) for c in (p.column,)}
        wanted |= {c: "category" for p in self.parts for c in _levelled(p)}
        for name, kind in wanted.items():
            if lacking := [b for b in named.bases(name, names) if b not in names]:
                wrong |= {f"`{b}` is lacking": None for b in lacking}
                continue
            if kind == "number":
                source.read_as_numbers(name)
            for column in (*named.factors(name, names), name):  # a product of others may still be of the kind
                if tables.kind((made := source.column(column)).type) not in (kind, "nothing"):
                    some = kind == "number" and tables.kind(made.type) == "category" and tables.text_as_numbers(made)
                    as_in = f" (as {some!r})" if isinstance(some, str) else ""
                    wrong[f"`{column}` is of type {tables.called(made.type)}{as_in} where a {kind} was learned from"] = None
                    break
        if wrong:
            raise DvarError(f"the table is not as the encoding reads it: {', '.join(wrong)}",
                            "give it the columns that were learned from")

    @property
    def reads(self) -> dict[str, str]:
        """The columns of a table that are read: as a "number", a "category", or to derive others from (""). A column may be
        called as derived ones are."""
        wanted = {p.column: "category" if isinstance(p, Category) else "number" for p in self.parts}
        wanted |= {p.within: "category" for p in self.parts if isinstance(p, Slope)}
        found: dict[str, str] = {}
        for name, kind in wanted.items():
            for base in {name: None} | dict.fromkeys(named.bases(name)):
                plain = base == name or (":" in name and base in named.factors(name, ()))
                found[base] = kind if plain and found.get(base, kind) == kind else ""
        return found

    def to_original(self) -> np.ndarray:
        """T (n+1, n+1) such that [intercept, coefficients] for columns in their own units = T @ [b, w].

        There a missing number counts as the mean it had in training.
        """
        shift, scale = self.units
        T = np.diag(np.append(1.0, 1 / scale))
        T[0, 1:] = -shift / scale
        return T

    def to_json(self) -> dict[str, Any]:
        """The encoding as a dict of plain values; `from_json` of it, also by way of JSON text, is the same encoding."""
        parts = []
        for part in self.parts:
            values = {f.name: getattr(part, f.name) for f in fields(part)}
            kind = next(kind for kind, cls in KINDS.items() if type(part) is cls)
            parts.append({"kind": kind} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()})
        return {"rows": self.rows, "parts": parts, "dropped": dict(self.dropped)}

    @classmethod
    def from_json(cls, value: Any) -> Encoding:
        """The encoding that `to_json` gave. Raises DvarError for anything else."""
        _require(value, "encoding", {"rows", "parts", "dropped"})
        parts = []
        for i, item in enumerate(value["parts"]):
            where = f"encoding.parts[{i}]"
            kind = item.get("kind") if isinstance(item, dict) else None
            if not isinstance(kind, str) or kind not in KINDS:
                raise DvarError(f"{where}.kind is {kind!r}, not one of {', '.join(KINDS)}", DAMAGED)
            _require(item, where, {"kind"} | {f.name for f in fields(KINDS[kind])})
            values = {k: tuple(v) if isinstance(v, list) else v for k, v in item.items() if k != "kind"}
            parts.append(KINDS[kind](**values))
        return cls(tuple(parts), dict(value["dropped"]), value["rows"])


def _levelled(part: Part) -> tuple[str, ...]:
    """The columns that a part reads as levels."""
    return (part.column,) if isinstance(part, Category) else (part.within,) if isinstance(part, Slope) else ()


def _codes(levels: tables.Levels | None, m: int, part: Category) -> tuple[np.ndarray, int, int]:
    """A category's codes (see `Group`), how many rows are of an unseen level, how many are missing without a level."""
    found, texts = (np.full(m, -1, np.int8), ()) if levels is None else (levels.codes, levels.texts)
    last = len(part.levels) - part.reference + part.missing  # as many as its names
    gap = last if part.missing else 0
    code = {level: k for k, level in enumerate(part.levels, 0 if part.reference else 1)}
    if isinstance(part, Joint):
        code |= dict.fromkeys(part.base, 0)
    other = code.get(OTHER_LEVEL, gap)
    recode = np.array([code.get(text, other) for text in texts] + [gap], np.min_scalar_type(last))
    unknown = np.array([OTHER_LEVEL not in code and text not in code for text in texts] + [False], np.int8)
    unseen = int(np.count_nonzero(looked_up(unknown, found))) if unknown.any() else 0
    missing = 0 if part.missing else int(np.count_nonzero(found < 0))
    return looked_up(recode, found), unseen, missing  # of −1 the last entry: the gap


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= MAX


DAMAGED = "the model file was changed or is not one of dvar's; fit again"
FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "rows": ("a count", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0),
    "parts": ("a list of at least one part", lambda v: isinstance(v, list) and len(v) > 0),
    "dropped": ("names with reasons", lambda v: isinstance(v, dict) and _texts([*v.keys(), *v.values()])),
    "kind": ("a kind", lambda v: isinstance(v, str) and v in KINDS),
    "column": ("a name", lambda v: isinstance(v, str) and not named.DEEP.match(v)),
    "also": ("a list of names", _texts),
    "mean": ("a finite number", _number),
    "shift": ("a finite number", _number),
    "scale": ("a positive number", lambda v: _number(v) and v > 0),
    "levels": ("a list of different texts", lambda v: _texts(v) and len(v) == len(set(v)) > 0),
    "missing": ("true or false", lambda v: isinstance(v, bool)),
    "within": ("a name", lambda v: isinstance(v, str)),
    "level": ("a level", lambda v: v is None or isinstance(v, str)),
    "known": ("a list of names", _texts),
    "base": ("a list of names", _texts),
    "reference": ("true or false", lambda v: isinstance(v, bool)),
}


def _require(value: Any, where: str, names: set[str]) -> None:
    """Raises DvarError unless `value` is a dict of exactly these names, each with a value as FIELDS has it."""
    if not isinstance(value, dict) or set(value) != names:
        found = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
        raise DvarError(f"{where} has {found or 'nothing'}, not {', '.join(sorted(names))}", DAMAGED)
    for name in sorted(names):
        words, holds = FIELDS[name]
        if not holds(value[name]):
            raise DvarError(f"{where}.{name} is {repr(value[name])[:200]}, not {words}", DAMAGED)
