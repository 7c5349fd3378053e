"""A model told: its formula, its coefficients in the columns' own units, how columns are read, where it came from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from ..data.columns import Category, Missing, Part
from ..data.learning import OTHER_LEVEL, Joint
from ..data.within import Slope
from ..errors import many
from ..expression.writing import text
from .summary import original
from .training import Model
from .words import finite, number, past

SHOWN = 8  # levels named in one line


def coefficients(model: Model) -> dict[str, float]:
    """The coefficients by name, the intercept first, in the columns' own units where the loss allows it."""
    fit: Any = SimpleNamespace(model=model, fit=SimpleNamespace(params=model.params))
    names, turn = original(fit)
    flat = [np.ravel(np.asarray(v, np.float64)) for v in model.params.values()]
    with np.errstate(all="ignore"):  # a coefficient may be past the largest float in units that are very small
        return dict(zip(names, (turn @ np.concatenate(flat)).tolist())) if flat else {}


def reading(part: Part) -> str:
    """How a column is read."""
    if isinstance(part, Missing):
        return "1 where it is missing" + (f", as are {', '.join(part.also)} in the same rows" if part.also else "")
    if isinstance(part, Slope):
        return f"number where {part.within} is {'missing' if part.level is None else part.level}, else 0"
    if not isinstance(part, Category):
        return f"number, mean {part.mean:.6g}, scale {part.scale:.6g}; missing counts as the mean"
    some = ", ".join(part.levels[:SHOWN]) + (", …" if len(part.levels) > SHOWN else "")
    said = f"category of {many(len(part.levels), 'level')} ({some})"
    said += f", reference {part.levels[0]}" if part.reference else ", beside its factors" if isinstance(part, Joint) else ""
    said += ", and missing" if part.missing else ""
    if OTHER_LEVEL in part.levels:
        return f"{said}; an unseen level counts as {OTHER_LEVEL}"
    return f"{said}; an unseen level counts as {'missing' if part.missing else 'the reference' if part.reference else 'none'}"


def told(model: Model) -> str:
    """The model as text."""
    logistic = model.name == "logistic"
    what = f"logistic regression of {model.target} = {model.positive}" if logistic else f"a loss of {model.target}"
    made = model.made
    lines = [f"{what}, learned from {many(model.rows, 'row')}" + (f" of {made['file']}" if made.get("file") else "")
             + (f" on {made['date'][:10]}" if made.get("date") else "")]
    lines += [f"made by: {made['command']}"] if made.get("command") else []
    lines += [f"reached: {model.reached}"] if model.reached else []
    lines += [f"weighted by: {model.weight}"] if model.weight else []
    lines += ["", "formula", *(f"  {line}" for line in text(model.graph).splitlines()), f"  predicts {model.predicts}"]
    found = coefficients(model)
    width = max(map(len, found), default=0)
    lines += ["", "coefficients in the columns' own units",
              *(f"  {k.ljust(width)}  {number(v, ' .6g')}" for k, v in found.items()), *past(found)]
    if model.own:
        lines += ["", f"columns in the formula, in their own units: {', '.join(model.own)}"]
    if model.encoding is not None:
        lines += ["", "how columns are read", *(f"  {p.column}: {reading(p)}" for p in model.encoding.parts)]
        if model.encoding.dropped:
            lines += ["", "left out", *(f"  {name}: {why}" for name, why in model.encoding.dropped.items())]
    return "\n".join(lines).translate(dict.fromkeys((*range(10), *range(11, 32), 127), "�"))


def as_json(model: Model) -> dict[str, Any]:
    found = finite(coefficients(model))
    return {
        "model": model.name, "target": model.target, "positive": model.positive or None, "weight": model.weight or None,
        "m": model.rows, "reached": model.reached, "made": dict(model.made), "formula": text(model.graph),
        "predicts": model.predicts,
        "intercept": found.get("intercept"), "coefficients": {k: v for k, v in found.items() if k != "intercept"},
        "columns": {p.names[0] if isinstance(p, (Missing, Slope)) else p.column: reading(p) for p in model.encoding.parts}
        if model.encoding else {},
        "own": list(model.own), "dropped": dict(model.encoding.dropped) if model.encoding else {},
    }
