"""What all estimators share: X and y in, a graph fitted, predictions out. A subclass says which graph and what y may be."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, check_random_state

from ..data.source import Source
from ..descend.fit import Fit
from ..descend.minimize import minimize
from ..errors import UsageError
from ..expression.graph import Graph
from ..vectorize.cost import Cost
from ..vectorize.predict import predict, upto
from . import inputs
from .coordinates import Standardised, is_far, standardised
from .named import by_rows, linear_maps, rows_of
from .remarks import flat_names, new_in, remarks, say, shortest
from .watching import Callbacks, Early, Enough, Support, Watched, with_callbacks

VARY = ("x", "y", "offset")  # inputs that vary by example; columns that a loss names do too
AS_GIVEN = ("gradient-descent",)  # methods that work on the data as given


class Learner(Support, BaseEstimator):  # type: ignore[misc]
    """A graph over x and y as a scikit-learn estimator.

    Subclasses have the parameters `l1, l2, method, rate, steps, tol, early_stopping, warm_start, random_state, watch` and answer
    the methods that raise NotImplementedError here.
    """

    reader_: inputs.Reader
    fit_: Fit
    collinear_: tuple[str, ...]
    still_: tuple[str, ...]
    far_: tuple[str, ...]

    # what a subclass says

    _family: Any = "none"  # of dvar.models.families

    def _numbers(self, y: Any) -> Any:
        """y (m,) as the numbers that the graph takes; what is known of y is kept."""
        raise NotImplementedError

    def _graph(self, offset: bool) -> tuple[Graph, str]:
        """The graph, with an input `offset` if so asked, and the node that predicts."""
        raise NotImplementedError

    def _weights(self, y: Any, weight: Any) -> Any:
        return weight

    def _start(self, cost: Cost, features: int) -> dict[str, Any] | None:
        return None

    def _penalized(self) -> tuple[str, ...] | None:
        """The parameters that l1 and l2 are about; None: all vectors and matrices."""
        return None

    def _l2(self, total: float) -> Any:
        return self.l2  # `minimize` says what is no number

    def _bounds(self) -> dict[str, Any]:
        return {}

    def _own(self) -> bool:
        """Whether the graph may name columns."""
        return False

    # learning

    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, offset: Any = None) -> Any:
        """Learn from X (m, n) and y (m,). `sample_weight` (m,) says how often a row counts; `offset` (m,) is added to w @ x + b.

        X is an array, a sparse matrix or a frame. Raises DvarError, or what scikit-learn raises, where the data do not allow it.
        """
        given = X
        X, y = inputs.checked(self, given, y, fit=True, target=getattr(self, "target", None) or "")
        asked = Callbacks(self, X, y, sample_weight)
        y = self._numbers(y)
        weight = self._weights(y, inputs.checked_weight(sample_weight, X))
        offset = inputs.checked_offset(offset, len(y))
        graph, predicts = self._graph(offset is not None)
        before = (self.reader_, self.fit_) if self.warm_start and hasattr(self, "fit_") else None
        learn, hold = self._split(len(y))
        l2 = self._l2(float(len(y) if weight is None else weight.sum()))
        source = Source(X, learn) if hasattr(X, "schema") else X
        reader = inputs.learned(self, source, graph.inputs, features=getattr(self, "features", None), own=self._own(),
                                weight=weight, reference=not (l2 or self.l1), centre=bool(linear_maps(graph, VARY)[1]))
        self.reader_ = inputs.unscaled(reader) if self.method in AS_GIVEN else reader
        self.graph_, self.predicts_, self.offset_given_ = graph, predicts, offset is not None
        beside = {"y": y, "offset": offset, "weight": weight}
        cost, x = self._cost_of(source, beside, learn)
        del source  # which holds what was decoded on the way
        held = None if hold is None else self._cost_of(X, beside, hold)[0]
        self._fit(cost, x, l2, held, before, asked)
        self._answer()
        asked.end()
        for remark in [*inputs.text_read(given, X, reader.encoding), *remarks(self, self._cost)]:
            say(remark, self.fit_)
        return self

    def _cost_of(self, X: Any, beside: dict[str, Any], rows: Any) -> tuple[Cost, Any]:
        """The cost over some rows (None: all), and its x as it was given."""
        data = self.reader_.data(X, rows)
        here = {k: v if rows is None else v[rows] for k, v in beside.items() if v is not None}
        given = {k: v for k, v in (data | here).items() if k in self.graph_.inputs}
        return Cost(self.graph_, given, here.get("weight")), data.get("x")

    def _split(self, m: int) -> tuple[Any, Any]:
        """The rows to learn from and those held out to stop on; None for all and for none."""
        share = 0.1 if self.early_stopping is True else self.early_stopping
        if not isinstance(share, (float, int, np.floating)) or not 0 <= share < 1:
            raise UsageError(f"early_stopping is {self.early_stopping!r}", "give the share of rows held out to stop on, as 0.1")
        if not share:
            return None, None
        order = check_random_state(self.random_state).permutation(m)
        held = round(m * share)
        if not 0 < held < m:
            raise UsageError(f"a share of {share:g} of {m} rows holds out {held}", "hold out more, or give more rows")
        return np.sort(order[held:]), np.sort(order[:held])

    def _fit(self, cost: Cost, x: Any, l2: float, held: Cost | None, before: Any, asked: Callbacks) -> None:
        start = self._start(cost, len(self.reader_.names)) or against_offset(cost)
        if before is not None:
            start = self._warm(cost if start is None else cost.sized(start), *before) or start
        bounds, penalized = self._bounds(), self._penalized()
        tied = set(bounds)
        if l2 or self.l1:
            tied |= set(penalized or [n for n, size in cost.sizes.items() if size])
        free = linear_maps(cost.loss, tuple(cost.data))[1] not in tied
        seen: Any = cost
        if start is not None or len(cost.sizes) == len(cost.inputs):  # else minimize says which shapes are not known
            cost = cost if start is None else cost.sized(start)
            given = self.method in AS_GIVEN
            seen = Standardised(cost, (), np.ones(cost.size)) if given else standardised(cost, x, free, l2)
        early = None if held is None else Early(held)
        watched = Watched(seen, [self.watch, asked.watch, early])
        for one in (asked, early):
            if one is not None:
                one.watched = watched
        drawn = start is None and self.random_state is not None
        seed = check_random_state(self.random_state).randint(2**31 - 1) if drawn else None
        try:
            fit = minimize(seen, self.method, rate=self.rate, steps=self.steps, tol=self.tol, l1=self.l1, l2=l2,
                           penalize=penalized, bounds=bounds or None, start=start, seed=seed, watch=watched)
        except Enough as enough:
            fit = watched.fit(str(enough), self.method)
        if early is not None:
            fit = early.chosen(fit)
        self.collinear_, self.still_, self.far_ = (), (), ()
        if isinstance(seen, Standardised):
            if not (l2 or self.l1 or bounds):
                fit, self.collinear_ = shortest(fit, seen, self.reader_.names)
            fit = seen.as_given(fit)
            self.still_ = tuple(self.reader_.names[j] for one in seen.maps for j in np.flatnonzero(one.spread == 0))
            self.far_ = tuple(self.reader_.names[j] for one in seen.maps for j in np.flatnonzero(is_far(one)))
        self.fit_, self.penalised_, self._cost = fit, bool(l2 or self.l1), cost
        self.n_iter_ = max(fit.passes, 1)
        self.loss_curve_ = [row.cost for row in fit.whole]

    def _warm(self, cost: Cost, reader: inputs.Reader, fit: Fit) -> dict[str, Any] | None:
        """The parameters of the fit before, in the coordinates of this one; None where they are of other shapes or features."""
        params = dict(fit.params)
        if set(params) != set(cost.inputs) or reader.names != self.reader_.names:
            return None
        names, intercept = linear_maps(cost.loss, tuple(cost.data))
        if len(names) == 1 and intercept:
            w, b = reader.to_original(by_rows(cost.loss, names[0], params[names[0]]), params[intercept])
            w, params[intercept] = self.reader_.from_original(w, b)
            params[names[0]] = by_rows(cost.loss, names[0], w)
        if any(cost.sizes.get(n, np.shape(v)) != np.shape(v) for n, v in params.items()):
            return None
        return params

    def _answer(self) -> None:
        """coef_, intercept_ and their names, in the features' own units, where x enters the graph through one linear map."""
        names, intercept = linear_maps(self.graph_, (*VARY, *self.reader_.own))
        self.coef_names_ = np.array(self.reader_.names, dtype=object)
        if len(names) == 1:
            w = by_rows(self.graph_, names[0], self.fit_.params[names[0]])
            b = self.fit_.params[intercept] if intercept else np.zeros(np.shape(w)[:-1])
            self.coef_, self.intercept_ = self.reader_.to_original(w, b)

    # asking

    def _predict(self, X: Any, offset: Any = None, node: str = "") -> Any:
        """The predicting node, or another, for rows of X: (m,) or (m, K)."""
        check_is_fitted(self)
        X, _ = inputs.checked(self, X, fit=False, target=getattr(self, "target", None) or "")
        m = X.num_rows if hasattr(X, "schema") else X.shape[0]
        offset = inputs.checked_offset(offset, m, self.offset_given_)
        data = self.reader_.data(X)
        for remark in new_in(data.get("x")):
            say(remark)
        data |= {} if offset is None else {"offset": offset}
        needed = upto(self.graph_, node or self.predicts_).inputs
        return predict(self.graph_, node or self.predicts_, self.fit_.params, {k: v for k, v in data.items() if k in needed})

    def summary(self, **options: Any) -> Any:
        """Coefficients with standard errors, tests and intervals, and the likelihood; `options` (kind=, groups=, level=) as in
        `dvar.models.inference`.

        Asks the rows that were learned from, which a pickled estimator leaves behind. Raises UsageError where they are gone.
        """
        from .inference import inference

        check_is_fitted(self)
        if "_cost" not in self.__dict__:
            raise UsageError("the rows that were learned from are gone: they are neither pickled nor copied",
                             "ask for the summary before, or fit again")
        names, turn = coefficients(self)
        return inference(self._cost, self.fit_, names, turn=turn, family=self._family, l2=float(self.penalised_), **options)

    def plot(self, X: Any = None, y: Any = None) -> Any:
        """The coefficients with intervals, as Matplotlib's Figure; with rows held out and their two classes also the ROC curve,
        calibration and thresholds. Raises UsageError as `summary`, and for held-out rows where there are no two classes."""
        found = self.summary()
        if X is None:
            return found.plot()
        classes: Any = getattr(self, "classes_", ())
        if y is None or len(classes) != 2:
            raise UsageError(f"held-out rows are drawn with their y, of two classes; {'no y was given' if y is None else ''}"
                             f"{f'there are {len(classes)} classes' if y is not None else ''}", "leave X out, or give both")
        return found.plot(np.asarray(y) == classes[1], self.predict_proba(X)[:, 1], positive=str(classes[1]))

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {k: v for k, v in state.items() if k != "_cost"}

    def _html_repr(self) -> str:
        """scikit-learn's picture and, once fitted, the graph's and how it was fitted."""
        from sklearn.utils import estimator_html_repr

        from ..show.notebook import course_html
        from ..show.picture import svg

        page: str = estimator_html_repr(self)
        if not hasattr(self, "fit_"):
            return page
        data = dict.fromkeys(n for n in self.graph_.inputs if n not in self.fit_.params)
        return f"{page}<div>{svg(self.graph_, data=data)}</div>{course_html(self.fit_)}"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = not getattr(self, "target", None)
        return tags


def coefficients(estimator: Learner) -> tuple[list[str], Any]:
    """Names of the coefficients (R,), intercepts first, and what makes them of the flat parameters: (R, P)."""
    cost, reader = estimator._cost.sized(estimator.fit_.params), estimator.reader_
    maps, intercept = linear_maps(estimator.graph_, (*VARY, *reader.own))
    turn = np.eye(cost.size)
    rows, free = rows_of(cost, maps[0]) if len(maps) == 1 else np.empty((0, 0)), cost.places.get(intercept, slice(0, 0))
    if reader.encoding is not None and rows.size:
        to = reader.encoding.to_original()
        for k, row in enumerate(rows):
            turn[np.ix_(row, row)] = to[1:, 1:]
            if intercept:
                turn[free.start + k, row] = to[0, 1:]
    names = flat_names(estimator, cost)
    order = [*range(free.start, free.stop), *(k for k in range(cost.size) if not free.start <= k < free.stop)]
    return [names[k] for k in order], turn[order]


def against_offset(cost: Cost) -> dict[str, Any] | None:
    """A start whose intercept makes up for the offset, as far from which no optimum is seen; None for zeros."""
    intercept = linear_maps(cost.loss, tuple(cost.data))[1]
    if "offset" not in cost.data or not intercept or set(cost.sizes) != set(cost.inputs) or cost.sizes[intercept]:
        return None
    return {n: np.zeros(size) for n, size in cost.sizes.items()} | {intercept: -float(np.mean(cost.data["offset"]))}
