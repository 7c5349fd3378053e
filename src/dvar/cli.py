"""The command line: a thin shell. Data go to standard output, everything else to standard error.

Exit status 0: done; 1: the data or the numbers do not allow it; 2: the command was wrong.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from . import __version__
from .errors import DvarError, UsageError

if TYPE_CHECKING:
    from .descend.objective import Row

app = App(
    name="dvar",
    version=__version__,
    help="Write one example's loss as plain mathematics; the computation graph does the rest.\n\n"
    "dvar fit examples/flights.parquet --target late",
    help_format="plaintext",
)


@app.command
def fit(
    file: str,
    /,
    *,
    target: str,
    loss: str | None = None,
    features: str | None = None,
    holdout: float = 0.2,
    method: str = "auto",
    rate: str = "auto",
    steps: str | None = None,
    l2: float = 0.0,
    start: str | None = None,
    seed: int | None = None,
    positive: str | None = None,
    out: str | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Learn from a table: logistic regression of a yes/no target, or any loss of one example as text.

    dvar fit examples/flights.parquet --target late

    dvar fit data.csv --target y --loss "z = w@x + b; L = (z - y)**2"

    Numbers are standardised inside (--l2 and gradient descent work on that scale) and reported in their own units.

    Parameters
    ----------
    file
        A table: Parquet, CSV or TSV.
    target
        The column to learn: two values, or numbers with --loss.
    loss
        One example's loss. y is the target, x all encoded features, a column's name that column, other names parameters.
    features
        The columns to learn from, separated by commas. Default: all others.
    holdout
        The share of rows kept to judge the model on; 0 for none.
    method
        auto, newton or gradient-descent.
    rate
        The learning rate of gradient descent, or auto.
    steps
        How many steps at most.
    l2
        The penalty l2/2·‖w‖² on the scale of the mean loss.
    start
        Where parameters start: "k=1,w=[0,0.5]". Default: all zero.
    seed
        Draw the start at random instead.
    positive
        The value of the target that counts as yes.
    out
        The model file. Default: TARGET.json.
    json_
        Print one JSON object instead of tables.
    """
    from .data.table import read
    from .models import model_file, report
    from .models.training import train

    place = out or "".join(c if c.isalnum() or c in "-_. " else "_" for c in target) + ".json"
    model_file.check_place(place)
    options: dict[str, Any] = {"method": method, "rate": number(rate, "--rate"), "seed": seed}
    options |= {"steps": number(steps, "--steps")} if steps is not None else {}
    options |= {"start": assignments(re.split(r",(?=[^,\[\]]*=)", start))} if start else {}
    wanted = [name.strip() for name in features.split(",")] if features is not None else None
    table = read(file)
    progress = Progress()
    try:
        trained = train(table, target, loss=loss, features=wanted, holdout=holdout, positive=positive, l2=l2,
                        watch=progress, **options)
    finally:
        progress.close()
    for line in report.notes(trained):
        say(line)
    model_file.write(trained.model, place)
    print(json.dumps(report.as_json(trained), ensure_ascii=False) if json_ else report.told(trained))
    say(f"wrote the model to {place}; next: dvar predict {quoted(place)} {quoted(file)} -o predictions.csv")


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


def say(line: str) -> None:
    print(line, file=sys.stderr)


@app.command
def predict(model: str, file: str, /, *, out: Annotated[str | None, Parameter(name=["--out", "-o"])] = None) -> None:
    """Predict with a model file for the rows of a table.

    dvar predict late.json new.csv -o out.csv

    Parameters
    ----------
    model
        The file that dvar fit wrote.
    file
        A table with the columns learned from.
    out
        A .csv or .parquet file. Default: CSV on standard output.
    """
    from .data.table import read
    from .models import model_file
    from .models.predictions import predictions

    learned = model_file.read(model)
    written, notes = predictions(learned, read(file), out)
    for note in notes:
        say(note)
    if out is None:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
    else:
        say(f"wrote {out}")


@app.command
def explain(
    formula: str,
    /,
    *values: str,
    svg: str | None = None,
    html: str | None = None,
    unfold: Annotated[bool, Parameter(negative="")] = False,
    latex: Annotated[bool, Parameter(negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Values left to right, derivatives right to left, step by step.

    dvar explain "u = b*c; v = a + u; J = 3*v" a=5 b=3 c=2

    Parameters
    ----------
    formula
        Named lines; the last one is the output.
    values
        A value for every input: a=5, or w=1,2,3 for a vector.
    svg
        Write the picture to this file.
    html
        Write the picture and the steps to this page.
    unfold
        Tell every step in parts: what came from the right, the local derivative, their product.
    latex
        Print the steps as LaTeX.
    json_
        Print one JSON object.
    """
    from .api import graph

    made = graph(formula)
    p = made.at(assignments(values))
    check = p.check()
    for path in (svg, html):
        if path is not None:
            try:
                p.save(path)
            except OSError as error:
                raise DvarError(f"{path} cannot be written: {error.strerror}", "name another file") from None
            say(f"wrote {path}")
    if json_:
        worst = check.worst
        print(json.dumps({
            "value": jsonable(p.value),
            "values": {k: jsonable(v) for k, v in p.values.items()},
            "derivatives": {k: jsonable(v) for k, v in p.d.items()},
            "check": {"ok": check.ok, "worst": None if worst is None else worst.name},
        }))
        return
    steps = p.steps().unfold() if unfold else p.steps()
    if latex:
        print(steps.latex)
    else:
        print(f"{steps.text}\n\nEvery input nudged\n" + "\n".join("  " + line for line in str(check).splitlines()))


@app.command
def slope(formula: str, /, *values: str, nudge: float = 0.001, of: str | None = None) -> None:
    """How far f moves when an input is nudged, beside the derivative.

    dvar slope "a**2" a=2 --nudge 0.001

    Parameters
    ----------
    formula
        A formula.
    values
        A value for every input: a=2.
    nudge
        How far the input is moved.
    of
        Which input, where there are several.
    """
    from .api import slope as measured

    print(measured(formula, assignments(values), nudge=nudge, of=of))


@app.command
def derivatives(name: str | None = None, /) -> None:
    """The table of operations and their derivatives, or one row of it.

    dvar derivatives log

    Parameters
    ----------
    name
        An operation, or a part of a row.
    """
    from .api import derivatives as table

    print(table(name))


def assignments(tokens: Any) -> dict[str, Any]:
    """["a=5", "w=1,2"] as values by name; [1] is a vector of one number."""
    found: dict[str, Any] = {}
    for token in tokens:
        name, sign, value = token.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"{token!r} gives no value to a name", "write a=5, or w=1,2,3 for a vector")
        parts = [number(v, name) for v in value.strip("[] ").split(",")]
        if name.strip() in found:
            raise UsageError(f"{name.strip()!r} is given twice", "give each input one value")
        found[name.strip()] = parts if "," in value or value.startswith("[") else parts[0]
    return found


def number(text: str, what: str) -> Any:
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{what}: {text!r} is not a number", "write it as 0.1 or 1e-3") from None


def jsonable(value: Any) -> Any:
    """Numbers and lists; what JSON has no number for (nan, inf) as text."""
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return [jsonable(v) for v in value.tolist()] if hasattr(value, "tolist") else [jsonable(v) for v in value]


def quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)


def main(tokens: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    arguments = list(sys.argv[1:] if tokens is None else tokens)
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    if sys.stdout is None:  # closed by the caller: there is nobody to read the answer
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return 0
    except CycloptsError as error:
        say(f"error: {str(error).strip()}")
        known = arguments and arguments[0] in ("fit", "predict", "explain", "slope", "derivatives")
        say(f"help: dvar {arguments[0] + ' ' if known else ''}--help shows how")
        return 2
    except DvarError as error:
        if debug:
            raise
        say(f"error: {error.what}")
        say(f"help: {error.help or f'dvar {arguments[0]} --help shows how'}")
        return error.status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if debug:
            raise
        say(f"error: the answer cannot be written: {error.strerror or error}")
        say("help: is there room where standard output goes?")
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 – what is left in the buffer has nowhere to go
        return 1
    except KeyboardInterrupt:
        say("stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
