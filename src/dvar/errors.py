"""What dvar says when it cannot go on: what, why (with the actual names and numbers), and one line of help.

A `DvarError` is a `ValueError`, so that plain Python code catches it as it would any wrong value. `status` is the exit
status of the command line: 1 where the data or the numbers do not allow it, 2 where the question itself was wrong.
"""

from __future__ import annotations


class DvarError(ValueError):
    """The data or the numbers do not allow it."""

    status = 1

    def __init__(self, what: str, help: str = "") -> None:
        super().__init__(what + (f"\nhelp: {help}" if help else ""))
        self.what = what
        self.help = help


class UsageError(DvarError):
    """The question was wrong: a name that is not there, shapes that do not match, text that does not parse."""

    status = 2


class DvarWarning(UserWarning):
    """The answer is there, and something about it should be known."""


def many(count: int, what: str) -> str:
    """How many of what: "1 row", "2,000 rows", "3 passes"."""
    return f"{count:,} {what}" + ("" if count == 1 else "es" if what.endswith(("s", "h")) else "s")


def nearest(name: object, known: object) -> str:
    """The names a reader may have meant, as the tail of a sentence: "; did you mean 'late'?" or "; known: a, b"."""
    import difflib

    names = [str(k) for k in known]  # type: ignore[attr-defined]
    close = [n for n in names if n.casefold() == str(name).casefold()] or difflib.get_close_matches(str(name), names, 3, 0.6)
    if close:
        return "; did you mean " + " or ".join(repr(c) for c in close) + "?"
    shown = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
    return f"; known: {shown}" if names else ""
