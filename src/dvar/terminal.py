"""What the commands share: how they read what is typed, speak to a person, and end.

Data go to standard output, everything else to standard error. Exit status 0: done; 1: the data or the numbers do not allow it;
2: the command was wrong; 130: stopped by Ctrl-C; 128 and the number of another signal that ended it.
"""

from __future__ import annotations

import _thread
import math
import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .errors import DvarError, UsageError, nearest

if TYPE_CHECKING:
    from cyclopts import CycloptsError

    from .descend.run import Row

STOPPED = 130
MATRIX = re.compile(r"\[\s*\[[^][]*\](\s*,\s*\[[^][]*\])*\s*\]")
UNSEEN = {k: "\ufffd" for k in (*range(32), *range(127, 160)) if k != 10}  # a name from a file moves no cursor


class Stopped(Exception):
    """Ctrl-C while there was something to keep; it has been said."""


def say(line: object) -> None:
    """One line to a person."""
    print(str(line).translate(UNSEEN), file=sys.stderr)


def in_unicode() -> bool:
    """Whether standard output takes any letter."""
    return (getattr(sys.stdout, "encoding", None) or "ascii").lower().startswith("utf")


def answer(value: object) -> None:
    """One JSON object to a program."""
    import json

    print(json.dumps(value, ensure_ascii=not in_unicode()))


class Progress:
    """Called after every pass: keeps a line on a terminal up to date, and says nothing elsewhere."""

    def __init__(self) -> None:
        self.status: Any = None
        if sys.stderr.isatty():
            from rich.console import Console

            self.status = Console(stderr=True, highlight=False).status("reading the data")
            self.status.start()

    def __call__(self, row: Row, rows: int) -> None:
        if self.status is not None:
            speed = f"{row.passes * rows / row.seconds:,.0f} rows/s" if row.seconds > 0 else ""
            self.status.update(f"pass {row.passes:,}  cost {row.cost:.10f}  gradient {row.gradient:.1e}  {speed}")

    def close(self) -> None:
        if self.status is not None:
            self.status.stop()


def assignments(tokens: Iterable[str]) -> dict[str, Any]:
    """["a=5", "w=1,2", "W=[[1,2],[3,4]]"] as values by name; [1] is a vector of one number."""
    found: dict[str, Any] = {}
    for token in tokens:
        name, sign, value = token.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"{token!r} gives no value to a name", "write a=5, or w=1,2,3 for a vector")
        if name.strip() in found:
            raise UsageError(f"{name.strip()!r} is given twice", "give each input one value")
        found[name.strip()] = numbers(value.strip(), name)
    return found


def numbers(text: str, what: str) -> Any:
    if MATRIX.fullmatch(text):
        return [numbers(row, what) for row in re.findall(r"\[[^][]*\]", text[1:-1])]
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    parts = [number(v.strip(), what) for v in inner.split(",")]
    return parts if "," in text or inner is not text else parts[0]


def number(text: str, what: str) -> Any:
    try:
        value = float(text)
    except ValueError:
        help = "write it as 0.1 or 1e-3"
        if not {"[", "]", ";"}.isdisjoint(text):
            help = "a vector is written 1,2,3, a matrix [[1,2],[3,4]]"
        raise UsageError(f"{what}: {text!r} is not a number", help) from None
    if math.isinf(value) and "inf" not in text.lower():
        raise UsageError(f"{what}: {text!r} is past the largest float64 (1.8e308)", "write inf where infinity is meant")
    return value


def jsonable(value: Any) -> Any:
    """Numbers and lists; what JSON has no number for (nan, inf) as text."""
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return [jsonable(v) for v in value.tolist()] if hasattr(value, "tolist") else [jsonable(v) for v in value]


def columns(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows of texts below one another, the first column to the left, the others to the right."""
    rows = list(rows)
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ("  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def next_command(*words: str) -> str:
    return "next: dvar " + shlex.join(words)


def heard_again(given: Any) -> None:
    """Ctrl-C, or being asked to end, within what Python itself calls, where nothing can be raised, is heard once that is over."""
    if given.exc_type is KeyboardInterrupt:
        threading.Timer(0.01, _thread.interrupt_main).start()
    elif given.exc_type is SystemExit:
        threading.Timer(0.01, _thread.interrupt_main, [given.exc_value.code - 128]).start()
    else:
        sys.__unraisablehook__(given)


def run(app: Any, arguments: list[str], usage: Callable[..., str]) -> int:
    """Run one command; the exit status. Mistakes are told in two lines, with `--debug` by a traceback."""
    from cyclopts import CycloptsError

    sys.unraisablehook = heard_again
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # closed by the caller: there is nobody to read it
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115
    if not in_unicode() and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error has it
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return 0
    except CycloptsError as error:
        return mistake(mistyped(error, arguments, app), usage(arguments), 2)
    except DvarError as error:
        if debug:
            raise
        return mistake(error.what, error.help or usage(arguments), error.status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if debug:
            raise
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 – what is left in the buffer has nowhere to go
        return mistake(f"the answer cannot be written: {error.strerror or error}", "is there room where standard output goes?", 1)
    except MemoryError:
        return mistake("there is not enough memory for this table", "take fewer --features, or a part of the rows", 1)
    except Stopped:
        return STOPPED
    except Exception as error:
        if debug:
            raise
        first = (str(error).splitlines() or [""])[0]
        return mistake(f"dvar itself went wrong: {type(error).__name__}: {first}", "--debug shows where; please report it", 1)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one line is enough
        say("stopped")
        return STOPPED


def mistyped(error: CycloptsError, arguments: list[str], app: Any) -> str:
    """What is wrong with the words of a command."""
    from cyclopts import CoercionError, MissingArgumentError, RepeatArgumentError, UnknownCommandError, UnusedCliTokensError

    unused = error.unused_tokens or []
    match error:
        case UnusedCliTokensError() | UnknownCommandError() if unused and unused[0] == arguments[0]:
            return f"there is no command {unused[0]!r}{nearest(unused[0], [name for name in app if not name.startswith('-')])}"
        case UnusedCliTokensError():
            return f"{unused[0]!r} is one word too many"
        case MissingArgumentError(argument=argument) if argument is not None:
            name = argument.name
            if said := next((word for word in argument.names if word in arguments), ""):
                after = "".join(arguments[arguments.index(said) + 1 :][:1])
                piped = after == "-" and said in ("-o", "--out") and arguments[0] == "predict"
                more = "leave it out for standard output" if piped else (
                    f"of one that begins with -, write {said}={shlex.quote(after)}" if after else "")
                return f"{said} needs a value after it" + (f"; {more}" if more else "")
            options = [word for word in unused if word.startswith("-") and word not in ("-", "--")]
            if name.startswith("-") and options:
                return f"dvar {arguments[0]} needs {name}; it has no {options[0]}"
            return f"dvar {arguments[0]} needs {'' if name.startswith('-') else 'a '}{name}"
        case RepeatArgumentError(token=token):
            return f"{token.keyword} is given twice"
        case CoercionError(token=token, target_type=type_) if token is not None and type_ in (int, int | None, float):
            return f"{token.keyword}: {token.value!r} is not a {'whole ' * (type_ is not float)}number"
    return str(error).strip()


def mistake(what: str, help: str, status: int) -> int:
    say(f"error: {what}")
    say(f"help: {help}")
    return status
