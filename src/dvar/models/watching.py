"""Those who watch a fit: a function of one's own, scikit-learn's callbacks, and the loss of rows held out. Each may end it.

scikit-learn has callbacks from version 1.9 on; before, `set_callbacks` is not there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..descend.fit import Fit
from ..descend.run import Row
from ..errors import many
from ..vectorize.cost import Cost

try:
    from sklearn import callback as callbacks
except ImportError:
    callbacks = None
PATIENCE = 5  # passes without a better loss on the held-out rows, after which an early stop ends the fit
Watch = Callable[[Row], None]
# What an estimator inherits.
Support: Any = type("Support", (), {}) if callbacks is None else callbacks.CallbackSupportMixin


def with_callbacks(fit: Any) -> Any:
    """The method fit, after which callbacks are sent home."""
    return fit if callbacks is None else callbacks.with_callbacks(fit)


class Enough(Exception):
    """Ends a fit from inside a pass; why, as a sentence."""


class Watched:
    """The passes of a fit under way: what `minimize` calls after each."""

    def __init__(self, seen: Any, watches: list[Watch | None]) -> None:
        self.seen, self.watches = seen, [w for w in watches if w is not None]
        self.rows: list[Row] = []

    def __call__(self, row: Row) -> None:
        self.rows.append(row)
        for watch in self.watches:
            watch(row)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the pass just done, of the data as given."""
        found: dict[str, Any] = self.seen.named(self.seen.seen)
        return found

    def fit(self, message: str, method: str = "") -> Fit:
        """A fit that ends with this pass."""
        row = self.rows[-1]
        return Fit(self.params, row.cost, False, message, method, row.passes, tuple(self.rows), row.seconds)


class Early:
    """After each pass the loss of the rows held out; `chosen` answers the parameters that were best for them."""

    def __init__(self, held: Cost) -> None:
        self.held, self.best, self.best_row = held, np.inf, 0
        self.params: dict[str, Any] = {}
        self.watched: Watched

    def __call__(self, row: Row) -> None:
        params = self.watched.params
        held = self.held.sized(params)
        loss = held.value_gradient(held.flat(params))[0]
        rows = len(self.watched.rows)
        if loss < self.best:
            self.best, self.best_row, self.params = loss, rows, params
        elif rows - self.best_row >= PATIENCE:
            raise Enough("stopped early")

    def chosen(self, fit: Fit) -> Fit:
        rows = self.watched.rows
        if self.best_row == len(rows):
            return fit
        best = rows[self.best_row - 1]
        message = (f"stopped early: on the {many(self.held.m, 'row')} held out the loss was best, {self.best:.6g}, after "
                   f"{best.passes:,} of {rows[-1].passes:,} passes; these parameters are kept")
        return replace(fit, params=self.params, cost=best.cost, converged=False, message=message,
                       curvature=None, flat=())


class Callbacks:
    """scikit-learn's callbacks of an estimator: told of the fit, and of each pass as a task of it."""

    def __init__(self, estimator: Any, X: Any, y: Any, weight: Any) -> None:
        self.estimator, self.told = estimator, {"X": X, "y": y}
        self.told["metadata"] = None if weight is None else {"sample_weight": weight}
        ready = getattr(estimator, "_init_callback_context", None)
        self.context = None if ready is None else ready(max_subtasks=None)
        self.watched: Watched
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=estimator, **self.told)

    @property
    def watch(self) -> Watch | None:
        return self if getattr(self.context, "_callbacks", None) else None

    def __call__(self, row: Row) -> None:
        assert self.context is not None
        task = self.context.subcontext(task_name="pass")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.told)
        if task.call_on_fit_task_end(estimator=self.estimator, **self.told, reconstruction_attributes=self.fitted):
            raise Enough("stopped by a callback")

    def fitted(self) -> dict[str, Any]:
        """What makes the estimator one that was fitted up to this pass."""
        made = copy.copy(self.estimator)
        made.fit_ = self.watched.fit("under way")
        made._answer()
        return {name: value for name, value in vars(made).items() if name.endswith("_")}

    def end(self) -> None:
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.estimator, **self.told, reconstruction_attributes=dict)
