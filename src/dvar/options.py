"""How the options of commands are read: types that several of them share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from .data.text import How


def whole(type_: Any, tokens: Sequence[Any]) -> int:
    """A whole number as it is written: int("1.5") is refused, where cyclopts would round."""
    return int(tokens[0].value)


Whole = Annotated[int, Parameter(converter=whole)]
Table = Annotated[str, Parameter(allow_leading_hyphen=True)]  # "-" is standard input
Features = Annotated[str | None, Parameter(allow_leading_hyphen=True)]  # "-name" leaves one out
Json = Annotated[bool, Parameter(name="--json", negative="", show_default=False)]
Yes = Annotated[bool, Parameter(negative="", show_default=False)]
Out = Annotated[str | None, Parameter(name=["--out", "-o"])]
Decimal = Annotated[str, Parameter(name="--decimal")]
Missing = Annotated[list[str] | None, Parameter(name="--missing", negative="", allow_leading_hyphen=True)]


def how(decimal: str, missing: list[str] | None) -> How:
    """How text is to be read. Raises UsageError where a decimal sign is none."""
    from .data.text import How

    return How(decimal, tuple(missing or ()))


def words(how: How) -> list[str]:
    """The same as options of a command."""
    return [*(["--decimal", how.decimal] if how.decimal != "." else []), *(w for v in how.missing for w in ("--missing", v))]
