"""The commands: what each is called, its options, and the examples its help begins with. They do their work elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter

from . import __version__

USAGE = {
    "": """dvar COMMAND …

  dvar fit examples/flights.parquet --target late
  dvar predict late.json new.csv -o out.csv
  dvar explain "u = b*c; v = a + u; J = 3*v" a=5 b=3 c=2""",
    "fit": """dvar fit FILE --target COLUMN [OPTIONS]

  dvar fit examples/flights.parquet --target late
  dvar fit flights.csv.gz --target "delay > 15" --features 'distance,origin,hour(date),-carrier'
  dvar fit data.csv --target y --loss "z = w@x + b; L = (z - y)**2"
""",
    "predict": """dvar predict MODEL FILE [OPTIONS]

  dvar predict late.json new.csv -o out.csv
  dvar predict late.json new.parquet --keep -o out.parquet
  cat new.csv | dvar predict late.json - | head""",
    "evaluate": """dvar evaluate MODEL FILE [OPTIONS]

  dvar evaluate late.json labelled.csv
  dvar evaluate late.json labelled.parquet --threshold 0.3 --json""",
    "show": """dvar show MODEL [OPTIONS]

  dvar show late.json
  dvar show late.json --json""",
    "race": """dvar race [FILE --target COLUMN] [OPTIONS]

  dvar race
  dvar race examples/flights.parquet --target late""",
    "explain": """dvar explain FORMULA NAME=VALUE… [OPTIONS]

  dvar explain "u = b*c; v = a + u; J = 3*v" a=5 b=3 c=2
  dvar explain "L = softplus(w@x)" w=1,2 x=3,4 --html L.html""",
    "play": """dvar play [OPTIONS]

  dvar play
  dvar play --port 8001 --no-browser""",
    "slope": """dvar slope FORMULA NAME=VALUE… [OPTIONS]

  dvar slope "a**2" a=2 --nudge 0.001
  dvar slope "a*b" a=2 b=3 --of a""",
    "derivatives": """dvar derivatives [NAME]

  dvar derivatives
  dvar derivatives log""",
    "completion": """dvar completion bash|zsh|fish

  dvar completion bash >> ~/.bashrc""",
}
USAGE = {name: text.strip() for name, text in USAGE.items()}

app = App(
    name="dvar",
    version=__version__,
    usage=USAGE[""],
    help="Write one example's loss as plain mathematics; the computation graph does the rest.\n\n"
    "dvar COMMAND --help tells more of each.",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # it is told in `terminal.run`
)


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


def usage(tokens: list[str]) -> str:
    """What to read after a mistake."""
    command = tokens[0] if tokens and tokens[0] in USAGE else ""
    return f"dvar {command} --help shows how" if command else "dvar --help shows how"


def how(decimal: str, missing: list[str] | None) -> Any:
    from .data.text import How

    return How(decimal, tuple(missing or ()))


@app.command(usage=USAGE["fit"])
def fit(
    file: Table,
    /,
    *,
    target: str,
    features: Features = None,
    loss: str | None = None,
    holdout: float = 0.2,
    method: str = "auto",
    rate: str = "auto",
    steps: str | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    start: str | None = None,
    seed: Annotated[int | None, Parameter(converter=whole)] = None,
    positive: str | None = None,
    weight: str | None = None,
    max_levels: Whole = 1000,
    decimal: Decimal = ".",
    missing: Missing = None,
    out: Out = None,
    overwrite: Yes = False,
    json_: Json = False,
) -> None:
    """Learn from a table: logistic regression of a yes/no target, or any loss of one example as text.

    Numbers are standardised inside (--l1, --l2 and gradient descent work on that scale) and reported in their own units.

    Parameters
    ----------
    file
        A table: Parquet (or a folder of parts), Arrow, CSV, TSV, JSON lines; text also as .gz, .zst, .bz2; - is standard input.
    target
        What to learn: a column of two values, a formula over columns ("delay > 15"), or numbers with --loss.
    features
        What to learn from, by commas: names, globs (dep_*), -name to leave one out, category(zip), number(x), hour(date),
        weekday(date), month(date), year(date), products a:b. Default: all columns but the target's.
    loss
        One example's loss. y is the target, x all encoded features, a column's name that column, other names parameters.
    holdout
        The share of rows kept to judge the model on; 0 for none.
    method
        auto, newton, l-bfgs, gradient-descent, …
    rate
        The learning rate of gradient descent, or auto.
    steps
        How many steps at most.
    l1
        The penalty l1·‖w‖₁ on the scale of the mean loss: coefficients of little use become exactly 0.
    l2
        The penalty l2/2·‖w‖² on the scale of the mean loss.
    start
        Where parameters start: "k=1,w=[0,0.5]". Default: all zero.
    seed
        Draw the start at random instead.
    positive
        The value of the target that counts as yes. Default: of the two the one that sorts last.
    weight
        A column that says how much each row counts.
    max_levels
        How many levels of a category stay themselves, the most frequent; the others become (other).
    decimal
        What stands before decimals in text: . or ,
    missing
        One more text that means missing, beside nothing, NA, null, NaN and ?; may be given several times.
    out
        The model file. Default: TARGET.json.
    overwrite
        Replace a file that is there.
    json_
        Print one JSON object instead of tables.
    """
    from .table_commands import fit as work

    work(file, out, overwrite, json_, how(decimal, missing),
         {"target": target, "features": features, "loss": loss, "holdout": holdout, "method": method, "rate": rate,
          "steps": steps, "l1": l1, "l2": l2, "start": start, "seed": seed, "positive": positive, "weight": weight,
          "max_levels": max_levels})


@app.command(usage=USAGE["predict"])
def predict(
    model: str, file: Table, /, *, keep: Yes = False, decimal: Decimal = ".", missing: Missing = None, out: Out = None
) -> None:
    """Predict with a model file for the rows of a table, a batch at a time.

    For a yes/no target the columns are probability (of the value that counts as yes) and prediction (1 or 0); else prediction.

    Parameters
    ----------
    model
        The file that dvar fit wrote.
    file
        A table with the columns learned from, of any format; - is standard input.
    keep
        Write the table's own columns too, before the predictions.
    decimal
        What stands before decimals in text: . or ,
    missing
        One more text that means missing; may be given several times.
    out
        Where to write: .csv, .tsv, .parquet, .arrow, .feather, .jsonl; text also packed. Default: CSV on standard output.
    """
    from .table_commands import predict as work

    work(model, file, keep, how(decimal, missing), out)


@app.command(usage=USAGE["evaluate"])
def evaluate(
    model: str, file: Table, /, *, threshold: float = 0.5, decimal: Decimal = ".", missing: Missing = None, json_: Json = False
) -> None:
    """What a model is worth on a table that knows the answers: cost, accuracy, AUC, calibration, who was told what.

    Parameters
    ----------
    model
        The file that dvar fit wrote.
    file
        A table with the columns learned from and the target.
    threshold
        From which probability on a row is told yes, in the table of answers.
    decimal
        What stands before decimals in text: . or ,
    missing
        One more text that means missing; may be given several times.
    json_
        Print one JSON object instead of tables.
    """
    from .table_commands import evaluate as work

    work(model, file, threshold, how(decimal, missing), json_)


@app.command(usage=USAGE["show"])
def show(model: str, /, *, json_: Json = False) -> None:
    """What is in a model file: the formula, the coefficients, how columns are read, where it came from.

    Parameters
    ----------
    model
        The file that dvar fit wrote.
    json_
        Print one JSON object.
    """
    from .table_commands import show as work

    work(model, json_)


@app.command(usage=USAGE["race"])
def race(
    file: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    target: str | None = None,
    features: Features = None,
    rows: Whole = 20_000,
    json_: Json = False,
) -> None:
    """The programs that one graph writes – a plain loop, NumPy, compiled – on the same data: the same answer, three times.

    Parameters
    ----------
    file
        A table. Default: made-up numbers.
    target
        The yes/no column of the table.
    features
        As for dvar fit.
    rows
        How many rows at most: the plain loop takes its time.
    json_
        Print one JSON object.
    """
    from .racing import race as work

    work(file, target, features, rows, json_)


@app.command(usage=USAGE["explain"])
def explain(
    formula: str,
    /,
    *values: str,
    svg: str | None = None,
    html: str | None = None,
    unfold: Yes = False,
    latex: Yes = False,
    lang: str | None = None,
    json_: Json = False,
) -> None:
    """Values left to right, derivatives right to left, step by step.

    Parameters
    ----------
    formula
        Named lines; the last one is the output.
    values
        A value for every input: a=5, w=1,2,3 for a vector, or W=[[1,2],[3,4]] for a matrix.
    svg
        Write the picture to this file.
    html
        Write the picture and the steps to this page.
    unfold
        Tell every step in parts: what came from the right, the local derivative, their product.
    latex
        Print the steps as LaTeX.
    lang
        The language: en or ko. Unless named it is English, and of a page that of the browser.
    json_
        Print one JSON object.
    """
    from .graph_commands import explain as work

    work(formula, values, svg, html, unfold, latex, lang, json_)


@app.command(usage=USAGE["play"])
def play(*, port: Whole = 8000, browser: bool = True) -> None:
    """A page on this machine: slopes, the graph, logistic regression, m examples.

    Parameters
    ----------
    port
        Where it is served, on the loopback interface alone; 0 for any that is free.
    browser
        Open it in the browser.
    """
    from .graph_commands import play as work

    work(port, browser)


@app.command(usage=USAGE["slope"])
def slope(formula: str, /, *values: str, nudge: float = 0.001, of: str | None = None, json_: Json = False) -> None:
    """How far f moves when an input is nudged, beside the derivative.

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
    json_
        Print one JSON object.
    """
    from .graph_commands import slope as work

    work(formula, values, nudge, of, json_)


@app.command(usage=USAGE["derivatives"])
def derivatives(name: str | None = None, /, *, json_: Json = False) -> None:
    """The table of operations and their derivatives, or one row of it.

    Parameters
    ----------
    name
        An operation, or a part of a row.
    json_
        Print one JSON object.
    """
    from .graph_commands import derivatives as work

    work(name, json_)


@app.command(usage=USAGE["completion"])
def completion(shell: str, /) -> None:
    """Print what makes a shell complete dvar's commands and options.

    Parameters
    ----------
    shell
        bash, zsh or fish.
    """
    from .errors import UsageError, nearest

    known = ("bash", "zsh", "fish")
    if shell not in known:
        raise UsageError(f"there is no completion for {shell!r}{nearest(shell, known)}", "name bash, zsh or fish")
    print(app.generate_completion(prog_name="dvar", shell=shell))  # type: ignore[arg-type]
