"""The commands that use what was learned from a table: predict, evaluate, show."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UsageError, many
from .options import Decimal, Json, Missing, Out, Table, Yes, how, words
from .terminal import answer, columns, next_command, say

if TYPE_CHECKING:
    from .models.evaluation import Evaluation
    from .models.training import Model


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
    from .data import writing
    from .data.batching import batches
    from .models import model_file
    from .models.predictions import predictions, wanted
    from .models.training import Note
    from .threads import ahead

    text = how(decimal, missing)
    if out is not None:
        writing.form_of(out)
        for read in (model, file):
            if Path(out).exists() and Path(read).exists() and Path(out).samefile(read):
                raise UsageError(f"{out} is what is read; it would be lost", "write to another file")
    known = model_file.read(model)
    notes: list[Note] = []
    made = predictions(known, batches(file, text, wanted(known)), keep, notes)
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
        again = next_command("evaluate", model, file, *words(text))
        say(f"wrote {many(rows, 'row')} to {out}; {again} if it knows {known.target}")


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
    from .data.reading import read
    from .models import model_file
    from .models.evaluation import evaluate as measured

    known = model_file.read(model)
    found = measured(known, read(file, how(decimal, missing), say), threshold)
    for note in found.notes:
        say(note)
    if found.unknown:
        say(f"left out: {many(found.unknown, 'row')} without a known {known.target}")
    if not json_:
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


def show(model: str, /, *, json_: Json = False) -> None:
    """What is in a model file: the formula, the coefficients, how columns are read, where it came from.

    Parameters
    ----------
    model
        The file that dvar fit wrote.
    json_
        Print one JSON object.
    """
    from .models import model_file
    from .models.showing import as_json as plain
    from .models.showing import told

    known = model_file.read(model)
    if json_:
        answer(plain(known))
        return
    print(told(known))
    say(next_command("predict", model, "new.csv", "-o", "predictions.csv"))
