"""A training's coefficients in the columns' own units, and what they mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from .families import FAMILIES
from .inference import inference
from .inferred import Inference
from .named import MODELS
from .training import Trained


def summary(trained: Trained, kind: str = "classical", groups: Any = None, level: float = 0.95) -> Inference:
    """Coefficients in original units: those of x if the loss has the form w @ x + b, other parameters as they are.

    `kind`, `groups` (a group for each row learned from) and `level` as in `inference`.
    """
    names, turn = original(trained)
    name = trained.model.name
    family = name if name in FAMILIES else "likelihood" if name in MODELS and MODELS[name].likelihood else "none"
    return inference(trained.cost, trained.fit, names, family=family, turn=turn, kind=kind, groups=groups, level=level,
                     hessian=None if trained.penalised else trained.fit.hessian, l2=float(trained.penalised))


def places(trained: Trained) -> dict[str, int]:
    """Each coefficient's position in the flat vector of parameters, by the name it is told under."""
    found: dict[str, int] = {}
    maps, intercept = trained.model.linear_maps
    columns = trained.model.encoding.names if trained.model.encoding else ()
    reserved = {"intercept", *trained.fit.params} - set(maps) - ({intercept} if intercept != "intercept" else set())
    columns = tuple(f"{c} (column)" if c in reserved else c for c in columns)
    at = 0
    for name, value in trained.fit.params.items():
        size = int(np.size(value))
        if name in maps and np.ndim(value) == 1:
            told = columns if len(maps) == 1 else [f"{name}: {c}" for c in columns]
        elif name == intercept and size == 1:
            told = ["intercept"]
        else:
            told = [name] if size == 1 else [f"{name}[{k}]" for k in range(size)]
        found |= {label: at + k for k, label in enumerate(told)}
        at += size
    return found


def original(trained: Trained) -> tuple[list[str], Any]:
    """The coefficients' names, the intercept first, and the matrix that makes them of the flat parameters, (R, P)."""
    at = places(trained)
    maps, _ = trained.model.linear_maps
    names = [n for n in ("intercept",) if n in at] + [n for n in at if n != "intercept"]
    order = [at[n] for n in names]
    turn = np.eye(len(names))
    if trained.model.encoding is not None:
        to, start = trained.model.encoding.to_original(), 0
        for name, value in trained.fit.params.items():
            if name in maps and np.ndim(value) == 1:
                rows = [order.index(start + k) for k in range(np.size(value))]
                turn[np.ix_(rows, rows)] = to[1:, 1:]
                if "intercept" in at:
                    turn[0, rows] = to[0, 1:]
            start += int(np.size(value))
    return names, turn[:, np.argsort(order)]
