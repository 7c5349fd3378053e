"""What a table's columns are asked for: names, globs, `-name`, `hour(date)`, `category(zip)`, `a:b`.

A derived column is named by how it is made, and made again from any table by that name: nothing more is written into a
model. A column of the table that bears such a name itself goes first; backticks surround a name with signs in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import product as pairs
from typing import Any

import numpy as np

from ..errors import DvarError, UsageError, nearest
from . import table as tables
from .codes import dictionary
from .numerals import as_amount
from .times import DAYS, of_time

CALL = re.compile(r"\s*(\w+)\((.*)\)\s*", re.DOTALL)
DEEP = re.compile(r"(\s*\w+\(){21}")  # calls within one another, beyond which no one means them


def chosen(wanted: Sequence[str] | None, names: Sequence[str], target: Iterable[str], weight: str | None = None) -> list[str]:
    """The features asked for, by name, in order; all columns but those of the target, and the weight's, where none is.

    Raises UsageError for a name that is not there, and where the weight or what makes the target is asked for."""
    if wanted is not None and not wanted:
        raise UsageError("--features names no column", "leave it out, or name columns by commas")
    own, known = {*target, *([] if weight is None else [weight])}, frozenset(names)
    kept: dict[str, None] = {}
    left: dict[tuple[str, ...], str] = {}  # what is left out, by its factors, and the item that says so
    for item in wanted or ():
        if item.startswith("-") and item not in names:
            left |= {alike(name, known): item for name in expanded(item[1:].strip(), names)}
        else:
            taken = expanded(item, names)
            if len(taken) > 1 or item not in taken:
                one = len(taken) == 1  # a glob may pass over the target
                taken = [t for t in taken if one or own.isdisjoint(bases(t, known))]
            kept |= dict.fromkeys(taken)
    once: dict[tuple[str, ...], str] = {}  # of a:b and b:a the first
    for name in kept or (n for n in names if n not in own):
        once.setdefault(alike(name, known), name)
    if idle := [item for made, item in left.items() if made not in once and (made[1:] or made[0] not in known)]:
        raise UsageError(f"{idle[0]!r} leaves nothing out: it is not among the features", "name what is, as --features '-COLUMN'")
    found = [name for made, name in once.items() if made not in left]
    for name in found:
        if not own.isdisjoint(bases(name, known)):
            what = "weight" if weight in bases(name, known) else "target"
            raise UsageError(f"{name!r} is {'' if name in own else 'made of '}the {what} and cannot be a feature",
                             "leave it out of --features")
    if wanted is None and not found:
        beside = f"what makes the target{'' if weight is None else ' and the weight'} ({', '.join(n for n in names if n in own)})"
        raise DvarError(f"there is no column beside {beside}", "a table needs one to learn from")
    if wanted is not None and not found:
        raise UsageError("--features leaves no column", "name at least one")
    return found


def split(text: str | None) -> list[str] | None:
    """What stands between commas that are in no parenthesis and no backticks; None of None."""
    return None if text is None else [part for part in (p.strip() for p in parted(text, ",")) if part]


def parted(text: str, sign: str) -> list[str]:
    parts, depth, quoted = [""], 0, False
    for c in text:
        quoted ^= c == "`"
        depth += (c == "(") - (c == ")") if not quoted else 0
        if c == sign and depth <= 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def expanded(item: str, names: Sequence[str]) -> list[str]:
    """The columns, of the table or derived from it, that one item of --features stands for."""
    if item in names:
        return [item]
    if DEEP.match(item):
        raise UsageError(f"{item[:40]!r}… asks for functions of functions, more than 20 deep",
                         "columns are made by one or two")
    if len(item) > 2 and item[0] == item[-1] == "`" and "`" not in item[1:-1]:
        if item[1:-1] in names:
            return [item[1:-1]]
        raise absent(item[1:-1], names)
    if len(factors := parted(item, ":")) > 1:
        found = [[quoted(n) for n in expanded(f.strip(), names)] for f in factors]
        return [":".join(each) for each in pairs(*found)]
    if (call := CALL.fullmatch(item)) and call[1] in FUNCTIONS:
        return [f"{call[1]}({inner})" for inner in expanded(call[2].strip(), names)]
    if call and call[1].isidentifier() and f"{call[1]}({call[2]})" == item:
        raise UsageError(f"there is no function {call[1]!r} of a column{nearest(call[1], FUNCTIONS)}",
                         "write e.g. hour(date) or category(zip)")
    if any(c in item for c in "*?["):
        if found_by := [n for n in names if fnmatchcase(n, item)]:
            return found_by
        raise UsageError(f"no column is called like {item!r}{nearest(item, names)}", "name columns of the table in --features")
    raise absent(item, names)


def absent(name: str, names: Sequence[str]) -> UsageError:
    return UsageError(f"there is no column {name!r}{nearest(name, names)}", "name columns of the table in --features")


def quoted(name: str) -> str:
    return f"`{name}`" if ":" in name and "`" not in name and not CALL.fullmatch(name) else name


def unquoted(name: str) -> str:
    name = name.strip()
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] == "`" else name


def factors(name: str, names: Collection[str]) -> list[str]:
    """The factors of a product a:b; none where the name is not one."""
    parts = [] if name in names else parted(name, ":")
    return [unquoted(p) for p in parts] if len(parts) > 1 else []


def alike(name: str, names: Collection[str]) -> tuple[str, ...]:
    """The same for names of one feature: a:b is b:a."""
    return tuple(sorted(factors(name, names))) or (name,)


def bases(name: str, names: Collection[str] = ()) -> list[str]:
    """The columns of a table that a column is made of."""
    if found := factors(name, names):
        return [b for f in found for b in bases(f, names)]
    call = CALL.fullmatch(name)
    return bases(call[2], names) if call and call[1] in FUNCTIONS and name not in names else [name]


def column(table: Any, name: str) -> Any:
    """A column of the table or derived from it, as a ChunkedArray; a product is of numbers, or of categories.

    Raises UsageError where there is none of that name, DvarError where it cannot be made."""
    if table.schema.get_all_field_indices(name):
        return tables.column(table, name)
    if parts := factors(name, ()):
        return product([column(table, p) for p in parts])
    call = CALL.fullmatch(name)
    if call and call[1] in FUNCTIONS:
        return FUNCTIONS[call[1]](name, column(table, call[2]))
    return tables.column(table, name)


def sides(table: Any, name: str) -> tuple[str, str]:
    """The factors of a product that are numbers, and those that are categories, each as one name; "" where there are none."""
    found: tuple[list[str], list[str]] = [], []
    for factor in [] if table.schema.get_all_field_indices(name) else factors(name, ()):
        if tables.kind((made := column(table, factor)).type) in ("time", "other"):
            raise DvarError(f"{name}: the column {factor} is of type {tables.called(made.type)}, neither number nor category",
                            "of a date take year(…), month(…), weekday(…) or hour(…); or leave it out")
        found[is_category(made)].append(factor)
    number, category = (side[0] if len(side) == 1 else ":".join(map(quoted, side)) for side in found)
    return number, category


def is_category(made: Any) -> bool:
    return tables.kind(made.type) == "category"


# ---------------------------------------------------------------- how columns are made of others


def product(parts: list[Any]) -> Any:
    """Numbers multiplied, missing where any is; categories side by side, a level for each combination."""
    import pyarrow as pa

    if not any(is_category(p) for p in parts):
        values, gaps = np.ones(len(parts[0])), np.zeros(len(parts[0]), bool)
        for part in parts:
            x, missing = tables.numbers(part) if tables.kind(part.type) == "number" else (np.zeros(len(part)), True)
            with np.errstate(all="ignore"):
                values = values * x
            gaps |= False if missing is None else missing
        return pa.chunked_array([pa.array(values, mask=gaps)])
    found = [tables.levels(p) for p in parts]
    codes = found[0].codes.astype(np.int64)
    texts, gaps = list(found[0].texts), codes < 0
    for one in found[1:]:
        gaps |= one.codes < 0
        codes, used = codes * len(one.texts) + one.codes, None
        used, codes = np.unique(np.where(gaps, -1, codes), return_inverse=True)
        codes = np.where(gaps, -1, codes - (used[:1] < 0).sum())
        texts = [f"{texts[u // len(one.texts)]}:{one.texts[u % len(one.texts)]}" for u in used.tolist() if u >= 0]
    return dictionary(codes, gaps, texts, ordered=False)


def as_category(name: str, made: Any) -> Any:
    """A column's values as levels, numbers in their order."""
    import pyarrow as pa

    match tables.kind(made.type):
        case "number":
            x, missing = tables.numbers(made)
            gaps = np.zeros(len(x), bool) if missing is None else missing
            found, codes = np.unique(x[~gaps], return_inverse=True)
            every = np.zeros(len(x), np.int64)
            every[~gaps] = codes
            return dictionary(every, gaps, [tables.as_text(v) for v in found])
        case "time":
            return made.cast(pa.string())
        case "other":
            raise DvarError(f"{name}: the column is of type {tables.called(made.type)}", "take numbers, text or dates")
    return made


def as_number(name: str, made: Any) -> Any:
    """A column's values as numbers: text that is one, or codes of levels that are."""
    match tables.kind(made.type):
        case "category":
            found = tables.text_as_numbers(made, amounts=True)
            if isinstance(found, str):
                why = "not a number" if as_amount(found)[0] is None else "of another sign than other numbers in the column"
                raise DvarError(f"{name}: {found!r} is {why}", "without number(…) it is read as levels; or --missing that text")
            return found
        case "number" | "nothing":
            return made
    raise DvarError(f"{name}: the column is of type {tables.called(made.type)}",
                    "of a date take year(…), month(…), weekday(…) or hour(…)")


FUNCTIONS: dict[str, Callable[[str, Any], Any]] = {
    "hour": lambda name, made: of_time(name, made, "hour", [str(h) for h in range(24)]),
    "weekday": lambda name, made: of_time(name, made, "day_of_week", DAYS),
    "month": lambda name, made: of_time(name, made, "month", [str(m + 1) for m in range(12)]),
    "year": lambda name, made: of_time(name, made, "year", None),
    "category": as_category,
    "number": as_number,
}
