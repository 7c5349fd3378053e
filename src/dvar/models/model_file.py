"""The model file: one JSON object that a person can read and that holds no code — formula, parameters, how columns are read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..data.encoding import Encoding
from ..errors import DvarError, UsageError
from ..expression.formula import parse
from ..expression.graph import shapes
from ..expression.writing import text
from ..files import save
from .named import MODELS, prediction
from .training import Model

FORMAT = "dvar model 1"
LARGEST = 64 << 20  # bytes; a model with a million coefficients is smaller
DAMAGED = "the file was changed or is not a model of dvar's; fit again"
FIELDS = {"format", "dvar", "name", "formula", "parameters", "predicts", "target", "positive", "own", "rows", "encoding",
          "reached"}


def write(model: Model, path: str | Path) -> None:
    """Write the model whole or not at all. Raises DvarError where the file is something else's, or cannot be written."""
    check_place(path)
    content = {
        "format": FORMAT,
        "dvar": __version__,
        "name": model.name,
        "target": model.target,
        "positive": model.positive,
        "predicts": model.predicts,
        "rows": model.rows,
        "reached": model.reached,
        "formula": text(model.graph),
        "parameters": {k: np.asarray(v).tolist() for k, v in model.params.items()},
        "own": list(model.own),
        "encoding": None if model.encoding is None else model.encoding.to_json(),
    }
    try:
        save(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", path)
    except OSError as error:
        raise DvarError(f"{path} cannot be written: {error.strerror}", "name another file with --out") from None


def check_place(path: str | Path) -> None:
    """Raises where a model cannot go to `path`: no such folder, or a file that is not a model and would be lost."""
    path = Path(path)
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", "make it, or name another file with --out")
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "name a file with --out")
    if path.exists():
        with open(path, "rb") as file:
            start = file.read(200)
        if b'"format": "dvar model' not in start:
            raise UsageError(f"{path} exists and is not a model; it would be lost", "name another file with --out")


def read(path: str | Path) -> Model:
    """The model in a file. Raises UsageError where there is none, DvarError naming what is wrong with it; runs nothing."""
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"there is no model file {path}", "dvar fit writes one: TARGET.json")
    if path.stat().st_size > LARGEST:
        raise DvarError(f"{path} has {path.stat().st_size:,} bytes, too many for a model", DAMAGED)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DvarError(f"{path} is not a model: {str(error).splitlines()[0]}", DAMAGED) from None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        found = value.get("format") if isinstance(value, dict) else type(value).__name__
        raise DvarError(f"{path} has the format {str(found)[:40]!r}, not {FORMAT!r}", "fit again with this version of dvar")
    if set(value) != FIELDS:
        wrong = ", ".join(sorted(map(str, set(value) ^ FIELDS)))
        raise DvarError(f"{path} lacks or has too much: {wrong[:200]}", DAMAGED)
    try:
        return checked(value)
    except (UsageError, TypeError, AttributeError) as error:
        raise DvarError(f"{path} is damaged: {str(error).splitlines()[0]}", DAMAGED) from None


def checked(value: dict[str, Any]) -> Model:
    """The model, every field looked at."""
    if value["name"] not in MODELS:
        raise DvarError(f"name is not one of {', '.join(MODELS)}", DAMAGED)
    for name in ("reached", "formula", "predicts", "target", "positive"):
        if not isinstance(value[name], str):
            raise DvarError(f"{name} is not text", DAMAGED)
    own = value["own"]
    if not isinstance(own, list) or not all(isinstance(o, str) for o in own):
        raise DvarError("own is not a list of names", DAMAGED)
    if not isinstance(value["rows"], int) or not isinstance(value["parameters"], dict):
        raise DvarError("rows is not a count, or parameters are not by name", DAMAGED)
    graph = parse(value["formula"])
    encoding = None if value["encoding"] is None else Encoding.from_json(value["encoding"])
    data = {"y", *own} | ({"x"} if encoding else set())
    if prediction(graph, data) != value["predicts"] or set(graph.inputs) - data != set(value["parameters"]):
        raise DvarError("the formula does not go with the parameters or with what it predicts", DAMAGED)
    params = {name: numbers(name, part) for name, part in value["parameters"].items()}
    sizes = {name: np.shape(part) for name, part in params.items()}
    shapes(graph, {name: (len(encoding.names),) if encoding and name == "x" else sizes.get(name, ()) for name in graph.inputs})
    return Model(value["name"], graph, params, encoding, tuple(own), value["target"], value["positive"],
                 value["predicts"], value["rows"], value["reached"])


def numbers(name: str, value: Any) -> Any:
    """A parameter: a finite number, or an array of them."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.array(math.nan)
    if array.ndim > 2 or not np.isfinite(array).all() or isinstance(value, (str, bool)):
        raise DvarError(f"the parameter {name[:40]!r} is not a finite number or an array of them", DAMAGED)
    return array.item() if array.ndim == 0 else array
