"""A training told: as text for a person, as one object for a program, and what happened to columns and rows on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import many
from .diagnostics import diagnose
from .summary import places, summary
from .telling import NO_OPTIMUM, coefficients
from .training import Trained
from .words import finite, listed, past


def notes(trained: Trained) -> list[str]:
    """What happened to columns and rows, a sentence each."""
    model = trained.model
    said = [f"left out: {many(trained.unknown, 'row')} without a known {model.target}"] if trained.unknown else []
    if model.encoding is not None:
        reasons: dict[str, list[str]] = {}
        for name, reason in model.encoding.dropped.items():
            reasons.setdefault(reason, []).append(name)
        said += [f"left out: {listed(names)}: {reason}" for reason, names in reasons.items()]
        maps = [model.params[name] for name in model.linear_maps[0]]
        scale = "reported in their own units" if maps and all(np.ndim(w) == 1 for w in maps) else "reported on that scale"
        said.append(f"numbers are standardised inside (method and penalty work on that scale) and {scale}")
    if model.name == "custom":
        own, parameters = ", ".join(model.own) or "none by name", ", ".join(model.params)
        said.append(f"columns in the loss: {own}; parameters: {parameters}; predicts: {model.predicts}")
    return said + list(trained.notes)


def told(trained: Trained) -> str:
    """The coefficient table and the figures, as text."""
    model, fit, table = trained.model, trained.fit, summary(trained)
    kind = f"a loss of {model.target}"
    if model.name == "logistic":
        kind = f"logistic regression of {model.target} = {model.positive}"
    lines = [f"{kind}, learned from {many(model.rows, 'row')}", "", coefficients(table), ""]
    if table.separated:
        lines.append(f"{NO_OPTIMUM}, the last finite value is shown: {listed(table.separated)}")
    lines += past({line.name: line.coefficient for line in table.lines})
    lines += [said for said in findings(trained) if said != fit.message]
    if left := zeros(trained):
        lines.append(f"exactly 0 by l1 = {trained.l1:g}: {listed(left)}")
    lines.append(f"cost {fit.cost:.10g} by {fit.method} in {many(fit.passes, 'pass')} over the data, {fit.seconds:.2f} s")
    if table.log_likelihood is not None:
        criteria = f", AIC {table.aic:.3f}, BIC {table.bic:.3f}" if table.aic is not None else ""
        below = "of a penalised fit" if trained.penalised else "" if fit.converged else "of a fit that has not converged"
        criteria = f", {below}: it is not the highest, so there is no AIC or BIC" if below else criteria
        lines.append(f"log-likelihood {table.log_likelihood:.3f}{criteria}")
    lines.append(fit.message)
    if trained.holdout:
        lines.append(held_out(trained.holdout))
    return "\n".join(lines)


def findings(trained: Trained) -> tuple[str, ...]:
    """What to know before trusting the fit, a sentence each."""
    at = places(trained)
    return diagnose(trained.cost, trained.fit, sorted(at, key=at.__getitem__), l2=float(trained.penalised))


def zeros(trained: Trained) -> list[str]:
    """The coefficients that a penalty l1 made exactly 0."""
    return [name for name, value in summary(trained).coefficients.items() if value == 0] if trained.l1 else []


def held_out(worth: dict[str, float]) -> str:
    line = f"held out: {many(int(worth['m']), 'row')}, cost {worth['cost']:.6g}"
    if "auc" in worth:
        line += f", accuracy {worth['accuracy']:.4f}, AUC {worth['auc']:.4f}, base rate {worth['base_rate']:.4f}"
    return line


def as_json(trained: Trained) -> dict[str, Any]:
    """The training as plain values; what JSON has no number for (nan, inf) is None."""
    model, fit, table = trained.model, trained.fit, summary(trained)
    return {
        "model": model.name,
        "target": model.target,
        "positive": model.positive or None,
        "m": model.rows,
        "n": len(model.encoding.names) if model.encoding else 0,
        "method": fit.method,
        "cost": fit.cost,
        "converged": fit.converged,
        "message": fit.message,
        "passes": fit.passes,
        "seconds": fit.seconds,
        "log_likelihood": table.log_likelihood,
        **finite({"intercept": table.intercept}),
        "coefficients": finite(table.coefficients),
        "l1": trained.l1,
        "l2": trained.l2,
        "zero": zeros(trained),
        "standard_errors": finite({line.name: line.error for line in table.lines if line.error is not None}),
        "holdout": finite(trained.holdout),
        "dropped": model.encoding.dropped if model.encoding else {},
        "separated": list(table.separated),
    }
