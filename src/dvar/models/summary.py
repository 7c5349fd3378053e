"""What was learned, as a table: coefficients in the columns' own units and, where the loss is a likelihood, how sure they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .named import MODELS
from .training import Trained


@dataclass(frozen=True)
class Line:
    """One coefficient. What is not known is None: no likelihood, a penalty, no optimum, or no finite one."""

    name: str
    coefficient: float
    error: float | None  # standard error
    z: float | None
    p: float | None  # two-sided, of the normal distribution
    odds: float | None  # odds ratio of one unit more

    @property
    def cells(self) -> tuple[str, ...]:
        numbers = [f"{self.coefficient:.6g}"]
        numbers += ["" if self.error is None else f"{self.error:.4g}", "" if self.z is None else f"{self.z:.3f}"]
        numbers += ["" if self.p is None else "<0.001" if self.p < 0.001 else f"{self.p:.3f}"]
        return (self.name, *numbers, "" if self.odds is None else f"{self.odds:.4g}")


HEAD = ("", "coefficient", "std. error", "z", "P>|z|", "odds ratio")


@dataclass(frozen=True)
class Summary:
    """The coefficients of a trained model; the parameters of a loss of one's own that are not coefficients of x follow."""

    intercept: float | None
    lines: tuple[Line, ...]
    separated: tuple[str, ...]
    log_likelihood: float | None

    @property
    def coefficients(self) -> dict[str, float]:
        return {line.name: line.coefficient for line in self.lines if line.name != "intercept"}

    def __str__(self) -> str:
        cells = [HEAD, *(line.cells for line in self.lines)]
        kept = [k for k in range(len(HEAD)) if k < 2 or any(row[k] for row in cells[1:])]
        widths = [max(len(row[k]) for row in cells) for k in kept]
        out = []
        for row in cells:
            parts = [row[kept[0]].ljust(widths[0]), *(row[k].rjust(w) for k, w in zip(kept[1:], widths[1:]))]
            mark = "  no finite optimum" if row[0] in self.separated else ""
            out.append("  ".join(parts).rstrip() + mark)
        return "\n".join(out)


def summary(trained: Trained) -> Summary:
    """Coefficients in original units: those of x if the loss has the form w @ x + b, other parameters as they are."""
    model, fit = trained.model, trained.fit
    names, values, covariance = original(trained)
    known_of = MODELS[model.name]
    likely = known_of.likelihood and not trained.l2
    separated = {name for name, k in places(trained).items() if k in fit.flat}
    errors = None if covariance is None or not likely or not fit.converged else np.sqrt(np.maximum(np.diag(covariance), 0.0))
    lines = []
    for k, name in enumerate(names):
        known = errors is not None and np.isfinite(errors[k]) and errors[k] > 0 and name not in separated
        error = float(errors[k]) if known and errors is not None else None
        z = float(values[k] / error) if error else None
        p = math.erfc(abs(z) / math.sqrt(2)) if z is not None else None
        ratio = known_of.odds and name != "intercept" and name not in separated and values[k] < 700
        odds = math.exp(values[k]) if ratio else None
        lines.append(Line(name, float(values[k]), error, z, p, odds))
    intercept = next((line.coefficient for line in lines if line.name == "intercept"), None)
    return Summary(intercept, tuple(lines), tuple(n for n in names if n in separated),
                   -fit.cost * model.rows if likely else None)


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


def original(trained: Trained) -> tuple[list[str], Any, Any]:
    """Names, values and covariance of the coefficients in the columns' own units, the intercept first.

    The covariance is the inverse of the observed information, m times the Hessian of the mean loss; along directions without
    curvature (collinear columns) it is not known, nan.
    """
    fit, at = trained.fit, places(trained)
    maps, _ = trained.model.linear_maps
    names = [n for n in ("intercept",) if n in at] + [n for n in at if n != "intercept"]
    order = [at[n] for n in names]
    flat = np.concatenate([np.ravel(v) for v in fit.params.values()])[order]
    turn = np.eye(len(names))
    if trained.model.encoding is not None:
        to, start = trained.model.encoding.to_original(), 0
        for name, value in fit.params.items():
            if name in maps and np.ndim(value) == 1:
                rows = [order.index(start + k) for k in range(np.size(value))]
                turn[np.ix_(rows, rows)] = to[1:, 1:]
                if "intercept" in at:
                    turn[0, rows] = to[0, 1:]
            start += int(np.size(value))
    covariance = None
    if fit.hessian is not None and MODELS[trained.model.name].likelihood:
        information = fit.hessian[np.ix_(order, order)] * trained.model.rows
        with np.errstate(all="ignore"):  # what is past the largest float is left out of the table
            covariance = turn @ inverse(information) @ turn.T
    return names, turn @ flat, covariance


def inverse(information: Any) -> Any:
    """The inverse of a positive semidefinite matrix; nan in rows and columns that take part in a direction without curvature."""
    diagonal = np.diag(information)
    scale = np.where(diagonal > 0, 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 1.0)
    values, vectors = np.linalg.eigh(information * scale[:, None] * scale)
    null = values <= 1e-11 * np.max(values, initial=0.0)
    safe = np.where(null, np.inf, values)
    found = (vectors / safe) @ vectors.T * scale[:, None] * scale
    blind = (np.abs(vectors[:, null]) > 1e-6).any(axis=1)
    found[blind], found[:, blind] = np.nan, np.nan
    return found
