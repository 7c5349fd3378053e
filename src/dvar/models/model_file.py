"""The model file: one JSON object that a person can read and that holds no code: formula, parameters, how columns are read.

`FIELDS` is what a file must hold, field by field; `model_schema.json` beside this module says the same to other programs.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..data.encoding import Encoding
from ..errors import DvarError, UsageError
from ..expression.formula import parse
from ..expression.values import shapes
from ..expression.writing import text
from ..files import save
from .named import MODELS, prediction
from .training import Model

VERSION = 1
FORMAT = f"dvar model {VERSION}"
LARGEST = 64 << 20  # bytes; a model with a million coefficients is smaller
LONGEST = 100_000  # characters of a formula
DAMAGED = "the file was changed or is not a model of dvar's; fit again"
MADE = ("file", "date", "command", "run", "python", "numpy")  # texts; what `made` may hold


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _made(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= set(MADE) and all(map(_text, value.values()))


FIELDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "format": ("text", _text),
    "dvar": ("a version", _text),
    "name": ("one of " + ", ".join(MODELS), lambda v: isinstance(v, str) and v in MODELS),
    "target": ("text", _text),
    "positive": ("text", _text),
    "weight": ("text", _text),
    "predicts": ("the name of a node", _text),
    "rows": ("a count", _count),
    "reached": ("text", _text),
    "made": ("texts: " + ", ".join(MADE), _made),
    "formula": (f"text of at most {LONGEST:,} characters", lambda v: isinstance(v, str) and len(v) <= LONGEST),
    "parameters": ("numbers by name", lambda v: isinstance(v, dict)),
    "own": ("a list of names", lambda v: isinstance(v, list) and all(map(_text, v))),
    "encoding": ("an encoding or null", lambda v: v is None or isinstance(v, dict)),
}


def made_by(file: str, command: str, arguments: Mapping[str, Any]) -> dict[str, str]:
    """Where a model comes from: the file's name without folders, and `run`, by which the same command knows its own model."""
    where = "-" if file == "-" else str(Path(file).resolve())
    run = json.dumps([where, {k: arguments[k] for k in sorted(arguments)}], default=str)
    return {
        "file": "standard input" if file == "-" else Path(file).name,
        "date": datetime.now().astimezone().isoformat("T", "seconds"),
        "command": command,
        "run": hashlib.sha256(run.encode()).hexdigest()[:16],
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def write(model: Model, path: str | Path) -> None:
    """Write the model whole or not at all. Raises DvarError where it cannot be written."""
    content = {
        "format": FORMAT,
        "dvar": __version__,
        "name": model.name,
        "target": model.target,
        "positive": model.positive,
        "weight": model.weight,
        "predicts": model.predicts,
        "rows": model.rows,
        "reached": model.reached,
        "made": dict(model.made),
        "formula": text(model.graph),
        "parameters": {k: np.asarray(v).tolist() for k, v in model.params.items()},
        "own": list(model.own),
        "encoding": None if model.encoding is None else model.encoding.to_json(),
    }
    try:
        save(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", path)
    except OSError as error:
        raise DvarError(f"{path} cannot be written: {error.strerror}", "name another file with --out") from None


def check_place(path: str | Path, overwrite: bool, run: str) -> str:
    """What is to be said of a place that a model goes to: that it replaces the model of the same command, or nothing.

    Raises UsageError where it cannot go there: no such folder, or a file that would be lost."""
    path = Path(path)
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", "make it, or name another file with --out")
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder", "name a file with --out")
        if overwrite or not path.is_file():  # to a pipe or a device it goes as it is
            return ""
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "name another file with --out") from None
    try:
        there = loaded(path)
    except DvarError:
        raise UsageError(f"{path} exists and is not a model; it would be lost",
                         "name another file with --out, or --overwrite it") from None
    made = there.get("made")
    if isinstance(made, dict) and made.get("run") == run:
        return f"{path}: the model that the same command made is replaced"
    before = f": {made['command']}" if isinstance(made, dict) and _made(made) and made.get("command") else ""
    raise UsageError(f"{path} exists, the model of another command{before}", "name another file with --out, or --overwrite it")


def loaded(path: Path) -> dict[str, Any]:
    """The object in a model file whose format is this one. Raises DvarError for any other."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except PermissionError:
        raise DvarError(f"{path} may not be read: no permission", "ask its owner, or copy it where you may read") from None
    if len(content) > LARGEST:
        raise DvarError(f"{path} has more than {LARGEST:,} bytes, too many for a model", DAMAGED)
    if not content:
        raise DvarError(f"{path} is empty (0 bytes)", DAMAGED)
    try:
        value = json.loads(content.decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode()  # half a letter ("\\ud800") is no text
    except (ValueError, RecursionError) as error:
        help = DAMAGED if path.suffix == ".json" else f"{DAMAGED}; the model comes first, the table after it"
        why = "it is no text" if isinstance(error, UnicodeDecodeError) else str(error).splitlines()[0][:200]
        raise DvarError(f"{path} is not a model: {why}", help) from None
    found = value.get("format") if isinstance(value, dict) else type(value).__name__
    if found != FORMAT:
        known = re.fullmatch(r"dvar model (\d{1,9})", found) if isinstance(found, str) else None
        newer = known is not None and int(known[1]) > VERSION
        help = "it was written by a newer dvar: pip install --upgrade dvar" if newer else "fit again with this version of dvar"
        raise DvarError(f"{path} has the format {str(found)[:40]!r}, not {FORMAT!r}", help)
    assert isinstance(value, dict)
    return value


def read(path: str | Path) -> Model:
    """The model in a file. Raises UsageError where there is none, DvarError naming what is wrong with it; runs nothing."""
    path = Path(path)
    if not path.exists() or path.is_dir():
        raise UsageError(f"there is no model file {path}", "dvar fit writes one: TARGET.json")
    value = loaded(path)
    if set(value) != set(FIELDS):
        wrong = ", ".join(sorted(map(str, set(value) ^ set(FIELDS))))
        raise DvarError(f"{path} lacks or has too much: {wrong[:200]}", DAMAGED)
    for name, (words, holds) in FIELDS.items():
        if not holds(value[name]):
            raise DvarError(f"{path} is damaged: {name} is {str(value[name])[:60]!r}, not {words}", DAMAGED)
    try:
        return checked(value)
    except DvarError as error:
        raise DvarError(f"{path} is damaged: {error.what.splitlines()[0][:300]}", DAMAGED) from None
    except (TypeError, AttributeError, ArithmeticError, LookupError, RecursionError, MemoryError, ValueError) as error:
        raise DvarError(f"{path} is damaged: {(str(error).splitlines() or [type(error).__name__])[0][:200]}", DAMAGED) from None


def checked(value: dict[str, Any]) -> Model:
    """The model, what its fields say of one another looked at."""
    own = value["own"]
    graph = parse(value["formula"])
    encoding = None if value["encoding"] is None else Encoding.from_json(value["encoding"])
    data = {"y", *own} | ({"x"} if encoding else set())
    if not set(own) <= set(graph.inputs):
        raise DvarError("own names columns that the formula does not", DAMAGED)
    if prediction(graph, data) != value["predicts"] or set(graph.inputs) - data != set(value["parameters"]):
        raise DvarError("the formula does not go with the parameters or with what it predicts", DAMAGED)
    named = MODELS[value["name"]]
    if named.formula and (text(named.graph) != value["formula"] or (named.target == "yes/no") != bool(value["positive"])):
        raise DvarError(f"the formula, or what counts as yes, is not that of a {named.name} model", DAMAGED)
    params = {name: numbers(name, part) for name, part in value["parameters"].items()}
    sizes = {name: np.shape(part) for name, part in params.items()}
    width = {"x": (len(encoding.names),)} if encoding else {}
    found = shapes(graph, {name: (sizes | width).get(name, ()) for name in graph.inputs})
    most = 1000 * (sum(map(math.prod, sizes.values())) + (len(encoding.names) if encoding else 0) + 1000)
    if any(math.prod(shape) > most for shape in found):
        raise DvarError("the formula makes an array far larger than what goes into it", DAMAGED)
    return Model(value["name"], graph, params, encoding, tuple(own), value["target"], value["positive"],
                 value["predicts"], value["rows"], value["reached"], value["weight"], value["made"])


def numbers(name: str, value: Any) -> Any:
    """A parameter: a finite number, or an array of them."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.array(math.nan)
    if array.ndim > 2 or not np.isfinite(array).all() or holds_other(value):
        raise DvarError(f"the parameter {name[:40]!r} is not a finite number or an array of them", DAMAGED)
    return array.item() if array.ndim == 0 else array


def holds_other(value: Any) -> bool:
    """Whether there is anything but numbers in lists: NumPy takes "1" and true for 1."""
    if isinstance(value, list):
        return any(map(holds_other, value))
    return isinstance(value, bool) or not isinstance(value, (int, float))
