"""Numbers written as text: with spaces or signs, as codes led by a 0, or as something that only looks like them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from ..errors import many


def is_code(text: str) -> bool:
    """Whether a text is digits led by 0: a name made of digits."""
    return text[:1] == "0" and text[1:].isdigit()


def is_date(text: str) -> bool:
    """Whether a text is a day of the calendar as it is written here, 2024-01-31."""
    try:
        return bool(date.fromisoformat(text[:10]))
    except ValueError:
        return False


DIGIT = re.compile(r"\d")  # without one, text is no number, nor looks like one
GROUPED = re.compile(r"([+-]?)\s*((?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d+)?)")
POINTS = re.compile(r"[+-]?\s*\d{1,3}(?:\.\d{3})+(?:,\d*)?")  # 1.000.000,5, where a comma stands before decimals
FEWEST = 0.5  # of a column's texts, and more, are numbers where it is one of numbers with something else in it


def as_number(text: str, decimal: str = ".") -> float | None:
    """A number written with spaces or signs (" 5", "+5", "- 5", "1 000"); None where the text is none."""
    text = text.strip().replace("−", "-")
    if decimal == ",":
        text = (text.replace(".", "") if POINTS.fullmatch(text) else text).replace(",", ".")
    match = GROUPED.fullmatch(text)
    try:
        return float(match[1] + "".join(match[2].split())) if match else None
    except ValueError:  # a sign, a point or an exponent without digits
        return None


CURRENCIES = "$€£¥₩₹"
SIGNS = re.compile(rf"(?<![^+−-])\s*([{CURRENCIES}])\s*|\s*([%{CURRENCIES}])$")  # before the digits, or behind them
THOUSANDS = re.compile(r"[+−-]?\s*\d{1,3}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})")  # where no comma may be that before decimals


def as_amount(text: str) -> tuple[float | None, str]:
    """A number that may be written with a percent sign or a currency, and with commas between thousands where these can be
    nothing else, as in $1,051.50; and that sign. The number of 5 % is 5."""
    text = text.strip()
    found = SIGNS.search(text)
    bare = text if found is None else text[: found.start()] + text[found.end() :]
    value = as_number(bare.replace(",", "") if THOUSANDS.fullmatch(bare) else bare)
    return value, "" if found is None else found[1] or found[2]


def are_amounts(texts: Sequence[str]) -> bool:
    values, signs = zip(*map(as_amount, texts))
    return None not in values and len({*signs} - {""}) < 2


LOOKS = (  # what text that is no number looks like, and what is said of it
    (re.compile(r"[+-]?\d{1,3}(?:,\d{3})+"),
     "numbers with commas between thousands, and is read as levels: leave these out; --decimal , takes them for decimals"),
    (re.compile(r"[+-]?\d+,\d+"), "numbers with a decimal comma; --decimal , reads them so"),
    (re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}(?:[ T].*)?"), "dates, and is read as levels: a date is written 2024-01-31"),
    (re.compile(r"[+-]?\s*[$€£¥]?\s*[+-]?\d[\d,.' ]*\s*[%$€£¥]?"),
     "numbers, and is read as levels: a number is written with digits, a sign and a point"),
)


def numbered(table: Any, decimal: str, say: Callable[[str], None]) -> Any:
    """The table with the columns of text that are all numbers made so; and a word where text looks meant as something else."""
    import pyarrow as pa

    for k, field in enumerate(table.schema):
        if not is_text(field.type):
            continue
        column = table.column(k)
        some = different(column)
        if not DIGIT.search(" ".join(some)) or any(map(is_code, some)):
            continue
        numeric = sum(as_number(v, decimal) is not None for v in some)
        if numeric == len(some) and pa.types.is_dictionary(field.type):
            made = [decoded(chunk, decimal) for chunk in column.chunks]
            if all(chunk is not None for chunk in made):
                say(f"{field.name}: text such as {some[0]!r} is read as numbers; category({field.name}) reads it as levels")
                table = table.set_column(k, field.name, pa.chunked_array(made))
                continue
        looks = next((words for form, words in LOOKS if all(map(form.fullmatch, some))), "") if numeric < len(some) else ""
        same = decimal == "." or "." not in "".join(some)  # to number(…), which takes a point for that before decimals
        if looks and same and "dates" not in looks and are_amounts(some):
            one = next(v for v in some if as_number(v, decimal) is None)
            say(f"{field.name}: text such as {one!r} is read as levels; number({field.name}) reads the number in it")
        elif looks:
            others = [v for v in some if as_number(v, decimal) is None]
            one = next((v for v in others if not is_date(v)), others[0])
            say(f"{field.name}: text such as {one!r} looks like {looks}")
        elif numeric > FEWEST * len(some):
            tell_others(field.name, column, decimal, say)
    return table


def different(column: Any) -> list[str]:
    """Some different texts of a column: those of the first of its dictionaries, or of its first rows."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        return [] if not column.num_chunks else [v for v in column.chunk(0).dictionary[:100].to_pylist() if v is not None]
    return [v for v in column[:100].to_pylist() if v is not None]


def tell_others(name: str, column: Any, decimal: str, say: Callable[[str], None]) -> None:
    """What stands in a column of numbers so that it is one of text."""
    from pyarrow import compute

    counts = {v["values"]: v["counts"] for v in compute.value_counts(column.cast("string")).to_pylist()}
    others = {text: count for text, count in counts.items() if text is not None and as_number(text, decimal) is None}
    if not others or sum(others.values()) > (1 - FEWEST) * len(column):
        return
    first = sorted(others, key=lambda text: -others[text])
    some = ", ".join(map(repr, first[:5])) + (", …" if len(first) > 5 else "")
    hold = "holds" if sum(others.values()) == 1 else "hold"
    say(f"{name}: read as levels, since {sum(others.values()):,} of {many(len(column), 'row')} {hold} no number ({some}); "
        f"--missing {shlex.quote(first[0])} {'and so on ' if len(first) > 1 else ''}makes them missing, and the others numbers")


def decoded(chunk: Any, decimal: str) -> Any:
    """A dictionary of text as numbers; None where some text is no number, or a code."""
    import pyarrow as pa

    texts = chunk.dictionary.to_pylist()
    values = [None if text is None or is_code(text) else as_number(text, decimal) for text in texts]
    if any(v is None for v in values):
        return None
    return pa.array(values, pa.float64()).take(chunk.indices)


def is_text(type_: Any) -> bool:
    import pyarrow as pa

    of = type_.value_type if pa.types.is_dictionary(type_) else type_
    return bool(pa.types.is_string(of) or pa.types.is_large_string(of))
