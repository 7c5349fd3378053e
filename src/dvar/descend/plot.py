"""The cost of fits by pass, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UsageError, many


def plot(fits: Sequence[Any], ax: Any = None) -> Any:
    """How far each fit's cost is above the lowest of all, by pass; answers Matplotlib's axes."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.pyplot import subplots
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        raise UsageError("a plot is drawn by Matplotlib, which is not installed", "pip install matplotlib") from None
    if ax is None:
        figure, ax = subplots(figsize=(6.4, 4.0), layout="constrained")
        assert isinstance(figure, Figure)
    costs = [np.array([row.cost for row in fit.whole]) for fit in fits]
    finite = np.concatenate([c[np.isfinite(c)] for c in costs])
    best = float(min(finite)) if len(finite) else 0.0
    # Below the rounding of the cost there is nothing to see; passes that reached the lowest end the line there.
    floor = max(np.spacing(max(abs(best), float(np.max(np.abs(finite), initial=0.0)) * 1e-16)), 1e-300)
    for fit, cost in zip(fits, costs):
        passes = [row.passes for row in fit.whole]
        ax.plot(passes, np.maximum(cost - best, floor), marker="." if len(cost) <= 50 else "", label=label(fit))
    ax.set(xlabel="passes over the data", ylabel=f"cost − {best:.6g}, the lowest reached", yscale="log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax


def label(fit: Any) -> str:
    """The method, what it was told, and what it took."""
    told = f", {fit.told}" if fit.told else ""
    return f"{fit.method}{told}: {many(fit.passes, 'pass')}, {fit.seconds:.2g} s"
