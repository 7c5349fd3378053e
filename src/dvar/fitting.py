"""The command that learns from a table: its options, looked at before the table is read, and what it says."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from .errors import UsageError
from .options import Decimal, Features, Json, Missing, Out, Table, Whole, Yes, how, whole, words
from .terminal import Progress, Stopped, answer, assignments, next_command, number, say

if TYPE_CHECKING:
    from .data.text import How

LONGEST = 100  # letters of a target that a file is named by


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
    from dataclasses import replace

    from .data.reading import read
    from .models import model_file, report
    from .models.training import train

    asked = {"target": target, "features": features, "loss": loss, "holdout": holdout, "method": method, "rate": rate,
             "steps": steps, "l1": l1, "l2": l2, "start": start, "seed": seed, "positive": positive, "weight": weight,
             "max_levels": max_levels}
    text = how(decimal, missing)
    if out is not None and (not out or out.endswith(("/", os.sep))):
        raise UsageError(f"--out {out!r} names no file", "e.g. --out model.json, or leave it out")
    place = out or (re.sub(r"[^\w.-]+", "_", target).strip("_")[:LONGEST] or "model") + ".json"
    given = {k: v for k, v in asked.items() if v != (fit.__kwdefaults__ or {}).get(k)}
    arguments = given | {"missing": text.missing, "out": place} | ({"decimal": decimal} if decimal != "." else {})
    made = model_file.made_by(file, command(file, given, text, out), arguments)
    options = checked(asked)
    table = read(file, text, say)
    replaces = model_file.check_place(place, overwrite, made["run"])
    progress = Progress()
    try:
        trained = train(table, watch=progress, **options)
    finally:
        progress.close()
    for line in [*report.notes(trained), *([replaces] if replaces else [])]:
        say(line)
    model_file.write(replace(trained.model, made=made), place)
    if trained.fit.message.startswith("stopped on request"):
        say(f"stopped: the best so far, not converged (cost {trained.fit.cost:.6g}), is in {place}")
        raise Stopped
    try:
        answer(report.as_json(trained)) if json_ else print(report.told(trained))
    except KeyboardInterrupt:
        say(f"stopped; the model is in {place}")
        raise Stopped from None
    again = "new.csv" if file == "-" else file
    say(f"wrote the model to {place}; {next_command('predict', place, again, *words(text), '-o', 'predictions.csv')}")


def command(file: str, given: Mapping[str, Any], text: How, out: str | None) -> str:
    """The command as one would type it beside the file: no folders."""
    options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    where = ["--out", Path(out).name] if out else []
    return shlex.join(["dvar", "fit", file if file == "-" else Path(file).name, *options, *words(text), *where])


def checked(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a fit; what is no number, or out of its range, is refused before the file is read."""
    from .data.features import split

    options = dict(asked)
    if not 0 <= options["holdout"] < 1:
        raise UsageError(f"a hold-out of {options['holdout']} is not a share of the rows",
                         "give a number from 0 (none) to below 1, as 0.2")
    if options["max_levels"] < 1:
        raise UsageError(f"max-levels is {options['max_levels']}", "give a whole number of at least 1")
    for name in ("rate", "steps"):
        if options[name] is not None and (name, options[name]) != ("rate", "auto"):
            options[name] = number(options[name], f"--{name}")
    if options["rate"] != "auto" and not 0 < options["rate"] < math.inf:
        raise UsageError(f"the rate is {options['rate']!r}", 'give a positive number, such as 0.1, or "auto"')
    if options["steps"] is not None and not (options["steps"] >= 1 and options["steps"] % 1 == 0):
        raise UsageError(f"steps is {options['steps']:g}", "give a whole number of at least 1")
    if options["seed"] is not None and options["seed"] < 0:
        raise UsageError(f"the seed is {options['seed']}", "give a whole number of at least 0")
    options["features"] = split(options["features"])
    if options["start"]:
        options["start"] = assignments(re.split(r",(?=[^,\[\]]*=)", options["start"]))
    return {k: v for k, v in options.items() if v is not None or k not in ("steps", "start")}
