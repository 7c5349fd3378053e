"""The commands that learn from tables and use what was learned: fit, predict, evaluate, show."""

from __future__ import annotations

import math
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UsageError, many
from .terminal import Progress, Stopped, answer, assignments, columns, next_command, number, say

if TYPE_CHECKING:
    from .data.text import How
    from .models.evaluation import Evaluation
    from .models.training import Model, Trained

LONGEST = 100  # letters of a target that a file is named by
DEFAULTS = {"holdout": 0.2, "method": "auto", "rate": "auto", "l1": 0.0, "l2": 0.0, "max_levels": 1000}


def fit(file: str, out: str | None, overwrite: bool, as_json: bool, how: How, asked: Mapping[str, Any]) -> None:
    """`asked` are the options of the command by name."""
    from .data.reading import read
    from .models import model_file, report

    target = asked["target"]
    if out is not None and (not out or out.endswith(("/", os.sep))):
        raise UsageError(f"--out {out!r} names no file", "e.g. --out model.json, or leave it out")
    place = out or (re.sub(r"[^\w.-]+", "_", target).strip("_")[:LONGEST] or "model") + ".json"
    given = {k: v for k, v in asked.items() if v is not None and v != DEFAULTS.get(k)}
    arguments = given | {"missing": how.missing, "out": place} | ({"decimal": how.decimal} if how.decimal != "." else {})
    made = model_file.made_by(file, command(file, given, how, out), arguments)
    options = checked(asked)
    table = read(file, how, say)
    replaces = model_file.check_place(place, overwrite, made["run"])
    progress = Progress()
    try:
        trained = learned(table, options, progress)
    finally:
        progress.close()
    for line in [*report.notes(trained), *([replaces] if replaces else [])]:
        say(line)
    from dataclasses import replace

    model_file.write(replace(trained.model, made=made), place)
    if trained.fit.message.startswith("stopped on request"):
        say(f"stopped: the best so far, not converged (cost {trained.fit.cost:.6g}), is in {place}")
        raise Stopped
    try:
        answer(report.as_json(trained)) if as_json else print(report.told(trained))
    except KeyboardInterrupt:
        say(f"stopped; the model is in {place}")
        raise Stopped from None
    again = "new.csv" if file == "-" else file
    say(f"wrote the model to {place}; {next_command('predict', place, again, *words(how), '-o', 'predictions.csv')}")


def command(file: str, given: Mapping[str, Any], how: How, out: str | None) -> str:
    """The command as one would type it beside the file: no folders."""
    options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    where = ["--out", Path(out).name] if out else []
    return shlex.join(["dvar", "fit", file if file == "-" else Path(file).name, *options, *words(how), *where])


def words(how: How) -> list[str]:
    """How text is read, as options of a command."""
    return [*(["--decimal", how.decimal] if how.decimal != "." else []), *(w for v in how.missing for w in ("--missing", v))]


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


def learned(table: Any, options: dict[str, Any], progress: Progress) -> Trained:
    from .models.training import train

    return train(table, watch=progress, **options)


def predict(model: str, file: str, keep: bool, how: How, out: str | None) -> None:
    from .data import writing
    from .data.batching import batches
    from .models import model_file
    from .models.predictions import predictions, wanted
    from .models.training import Note
    from .threads import ahead

    if out is not None:
        writing.form_of(out)
        for read in (model, file):
            if Path(out).exists() and Path(read).exists() and Path(out).samefile(read):
                raise UsageError(f"{out} is what is read; it would be lost", "write to another file")
    known = model_file.read(model)
    notes: list[Note] = []
    made = predictions(known, batches(file, how, wanted(known)), keep, notes)
    if Path(file).is_file():  # which no one waits for, as for a pipe that Ctrl-C is to leave at once
        made = ahead(made)
    if out is None:
        writing.stream(sys.stdout.buffer, "csv", made)
        sys.stdout.buffer.flush()
    else:
        rows = writing.write(out, made)
    for note in notes:
        say(note)
    if out is not None:
        again = next_command("evaluate", model, file, *words(how))
        say(f"wrote {many(rows, 'row')} to {out}; {again} if it knows {known.target}")


def evaluate(model: str, file: str, threshold: float, how: How, as_json: bool) -> None:
    from .data.reading import read
    from .models import model_file
    from .models.evaluation import evaluate as measured

    known = model_file.read(model)
    found = measured(known, read(file, how, say), threshold)
    for note in found.notes:
        say(note)
    if found.unknown:
        say(f"left out: {many(found.unknown, 'row')} without a known {known.target}")
    if not as_json:
        print(evaluation(known, found))
        say(next_command("show", model))
        return
    answer({
        "model": known.name, "target": known.target, "positive": known.positive or None, "m": found.rows,
        **{k: v if math.isfinite(v) else None for k, v in found.figures.items()},
        "calibration": [vars(b) for b in found.calibration], "threshold": found.threshold, "confusion": found.confusion,
    })


def evaluation(model: Model, found: Evaluation) -> str:
    """Figures, calibration and answers as text."""
    what = f"{model.target} = {model.positive}" if model.positive else model.target
    figures = [(name.replace("_", " ").replace("auc", "AUC"), f"{value:.6g}") for name, value in found.figures.items()]
    lines = [f"{what}, {many(found.rows, 'row')}", "", columns(figures)]
    if found.calibration:
        rows = [("probability", "rows", "predicted", "observed")]
        rows += [(f"{b.low:.1f} – {b.high:.1f}", f"{b.rows:,}", f"{b.predicted:.4f}", f"{b.observed:.4f}")
                 for b in found.calibration]
        lines += ["", "calibration: the mean probability and the share that was so", columns(rows)]
    if found.confusion:
        n = {k: f"{v:,}" for k, v in found.confusion.items()}
        lines += ["", f"told {model.positive} from probability {found.threshold:g} on", columns([
            ("", "told yes", "told no"),
            (f"{model.positive}", n["yes, told yes"], n["yes, told no"]),
            ("other", n["no, told yes"], n["no, told no"]),
        ])]
    return "\n".join(lines)


def show(model: str, as_json: bool) -> None:
    from .models import model_file
    from .models.showing import as_json as plain
    from .models.showing import told

    known = model_file.read(model)
    if as_json:
        answer(plain(known))
        return
    print(told(known))
    say(next_command("predict", model, "new.csv", "-o", "predictions.csv"))
