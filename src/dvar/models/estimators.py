"""Logistic, linear and Poisson regression as estimators: each is a named graph and what y may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from ..descend.fit import Fit
from ..errors import DvarError, UsageError
from ..expression.graph import Graph
from ..vectorize.cost import Cost
from .estimator import Learner
from .named import LOGISTIC, MODELS, Named, start


def real(y: Any, help: str = "give numbers; LogisticRegression tells classes apart") -> Any:
    """y as numbers (m,), all finite. Raises DvarError for text, with this help, and what scikit-learn raises."""
    try:
        return column_or_1d(check_array(y, ensure_2d=False, dtype=np.float64, input_name="y"))
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        text = next((v for v in np.ravel(np.asarray(y, dtype=object)) if isinstance(v, str)), "")
        raise DvarError(f"y holds text, {str(text)!r}, where a number is asked", help) from None


# By what y is: the values that it may have, why not others, and what to do.
MAY_BE: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "count": (lambda y: y >= 0, "Some value(s) of y are negative, the smallest {:g}, and a count is not",
              "give counts: 0, 1, 2, …"),
    "positive": (lambda y: y > 0, "Some value(s) of y are not above 0, the smallest {:g}, as the model has them",
                 "leave these rows out, or take a loss for such numbers"),
    "yes/no": (lambda y: (y >= 0) & (y <= 1), "y holds {:g}, and the model is of 0 and 1",
               'say which labels there are: classes="auto", or classes=[no, yes]'),
    "class": (lambda y: (y == 0) | (y == 1), "y holds {:g}, and how many classes there are is not known",
              'say so: classes="auto"'),
}


def possible(y: Any, target: str) -> Any:
    """y as numbers (m,), all of which a model of such a target can have. Raises DvarError else."""
    y = real(y, 'where y are labels, say so: classes="auto", or classes=[…] in the order of 0, 1, …')
    if target in MAY_BE:
        may, what, help = MAY_BE[target]
        wrong = y[~may(y)]
        if len(wrong):
            raise DvarError(what.format(wrong.min()), help)
    return y


def labels(y: Any) -> Any:
    """y as labels (m,). Raises ValueError for what no label can be, as numbers with decimals, DvarError for labels of kinds that
    have no order, as text and None."""
    if isinstance(y, np.ndarray) and y.dtype.hasobject:
        try:
            np.unique(y)
        except TypeError:
            kinds = sorted({type(v).__name__ for v in np.ravel(y)})
            raise DvarError(f"y holds values of several kinds, {' and '.join(kinds)}",
                            "give labels of one kind, and leave out rows that have none") from None
    check_classification_targets(y)
    return column_or_1d(y)


def bounds_of(weights: str, bounds: Any) -> dict[str, Any]:
    return {} if bounds is None else {weights: bounds}


def centred(fit: Fit, weights: bool) -> Fit:
    """Of the equally good answers of softmax the one that adds up to 0 over the classes, as what is common to all predicts
    nothing; `weights`: those of the features too, which nothing else holds."""
    names = ("W", "b") if weights else ("b",)
    return replace(fit, params=fit.params | {n: v - v.mean(axis=0) for n, v in fit.params.items() if n in names})


class LogisticRegression(ClassifierMixin, Learner):  # type: ignore[misc]
    """Logistic regression of two classes, softmax regression of more.

    Penalties are none unless asked: `l2` adds l2/2·‖w‖² and `l1` l1·‖w‖₁ to the mean loss; `C`, scikit-learn's, means
    l2 = 1/(C·Σ sample_weight). The intercept is free. `bounds` are (lowest, highest) of the coefficients, numbers or (n,), as
    (0, None). `class_weight` is "balanced" or {label: weight}. `method`, `rate`, `steps`, `tol` are those of `minimize`.
    `early_stopping` is a share of the rows held out, on which the fit stops when their loss no longer falls; `watch` is called
    with a row of the history after each pass.

    Fitted: coef_ (1 or K, n), intercept_ (1 or K,), coef_names_, classes_, n_iter_, loss_curve_ (the objective by pass), fit_.
    """

    def __init__(
        self, *, l1: float = 0.0, l2: float = 0.0, C: float | None = None, class_weight: Any = None, fit_intercept: bool = True,
        bounds: Any = None, method: str = "auto", rate: float | str = "auto", steps: int | None = None, tol: float | None = None,
        early_stopping: float = 0.0, warm_start: bool = False, random_state: Any = None, watch: Callable[..., Any] | None = None,
    ) -> None:
        self.l1, self.l2, self.C, self.class_weight, self.fit_intercept = l1, l2, C, class_weight, fit_intercept
        self.bounds, self.method, self.rate, self.steps, self.tol = bounds, method, rate, steps, tol
        self.early_stopping, self.warm_start, self.random_state, self.watch = early_stopping, warm_start, random_state, watch

    @property
    def _named(self) -> Named:
        return LOGISTIC if len(self.classes_) == 2 else MODELS["softmax"]

    @property
    def _family(self) -> str:
        return self._named.name

    def _numbers(self, y: Any) -> Any:
        self.classes_, codes = np.unique(labels(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise DvarError(f"y holds one class only, {self.classes_.tolist()[0]!r}, so there is nothing to tell apart",
                            "give rows of at least two classes")
        return codes.astype(np.float64)

    def _graph(self, offset: bool) -> tuple[Graph, str]:
        if offset and len(self.classes_) > 2:
            raise UsageError(f"an offset is for two classes, y holds {len(self.classes_)}", "leave it out")
        return self._named.graph_of(self.fit_intercept, offset), self._named.predicts

    def _weights(self, y: Any, weight: Any) -> Any:
        if self.class_weight is None:
            return weight
        of_class = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_[y.astype(np.intp)],
                                        sample_weight=weight)
        each = of_class[y.astype(np.intp)]
        return each if weight is None else each * weight

    def _start(self, cost: Cost, features: int) -> dict[str, Any] | None:
        found = start(self._named, features, classes=len(self.classes_))
        return found and {n: v for n, v in found.items() if n in cost.inputs}

    def _penalized(self) -> tuple[str, ...]:
        return ("w",) if len(self.classes_) == 2 else ("W",)

    def _l2(self, total: float) -> Any:
        if self.C is None:
            return self.l2  # `minimize` says what is no number
        if self.l2:
            raise UsageError(f"both l2={self.l2} and C={self.C} are given, and C means l2 = 1/(C·Σ sample_weight)",
                             "give one of them")
        if not isinstance(self.C, Real) or not self.C > 0:
            raise UsageError(f"C is {self.C!r}", "give a positive number; the larger, the weaker the penalty")
        return float(1.0 / (self.C * total))

    def _bounds(self) -> dict[str, Any]:
        return bounds_of(self._penalized()[0], self.bounds)

    def _answer(self) -> None:
        if len(self.classes_) > 2:
            self.fit_ = centred(self.fit_, weights=not self.l1 and self.bounds is None)
        super()._answer()
        self.coef_, self.intercept_ = np.atleast_2d(self.coef_), np.atleast_1d(self.intercept_)

    def decision_function(self, X: Any, offset: Any = None) -> Any:
        """w @ x + b: the log-odds of classes_[1] (m,), or one number for each of K > 2 classes (m, K)."""
        return self._predict(X, offset, "z")

    def predict(self, X: Any, offset: Any = None) -> Any:
        """The most probable class of each row, (m,)."""
        z = self.decision_function(X, offset)
        return self.classes_[(z > 0).astype(np.intp) if z.ndim == 1 else z.argmax(axis=1)]

    def predict_proba(self, X: Any, offset: Any = None) -> Any:
        """The probability of each class, (m, K)."""
        a = self._predict(X, offset)
        return np.column_stack([1.0 - a, a]) if a.ndim == 1 else a

    def predict_log_proba(self, X: Any, offset: Any = None) -> Any:
        """The logs of the probabilities, (m, K), finite where these are too small to be told from 0."""
        z = self.decision_function(X, offset)
        if z.ndim == 1:
            return -np.column_stack([np.logaddexp(0.0, z), np.logaddexp(0.0, -z)])
        return z - np.logaddexp.reduce(z, axis=1, keepdims=True)

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """The share of rows whose class is predicted."""
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight))


class Regressor(RegressorMixin, Learner):  # type: ignore[misc]
    """A named model of a number."""

    _named: Named

    def __init__(
        self, *, l1: float = 0.0, l2: float = 0.0, fit_intercept: bool = True, bounds: Any = None, method: str = "auto",
        rate: float | str = "auto", steps: int | None = None, tol: float | None = None, early_stopping: float = 0.0,
        warm_start: bool = False, random_state: Any = None, watch: Callable[..., Any] | None = None,
    ) -> None:
        self.l1, self.l2, self.fit_intercept, self.bounds = l1, l2, fit_intercept, bounds
        self.method, self.rate, self.steps, self.tol = method, rate, steps, tol
        self.early_stopping, self.warm_start, self.random_state, self.watch = early_stopping, warm_start, random_state, watch

    @property
    def _family(self) -> str:
        return self._named.name

    def _numbers(self, y: Any) -> Any:
        return real(y)

    def _graph(self, offset: bool) -> tuple[Graph, str]:
        return self._named.graph_of(self.fit_intercept, offset), self._named.predicts

    def _penalized(self) -> tuple[str, ...]:
        return ("w",)

    def _bounds(self) -> dict[str, Any]:
        return bounds_of("w", self.bounds)

    def predict(self, X: Any, offset: Any = None) -> Any:
        """The expected y of each row, (m,)."""
        return self._predict(X, offset)

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """The share of y's deviance (of a linear model: variance) that is explained: 1 at best, 0 for the mean of y."""
        from sklearn.metrics import d2_tweedie_score, r2_score

        found = self.predict(X, offset)
        if self._named.target == "count":
            return float(d2_tweedie_score(y, found, sample_weight=sample_weight, power=1))
        return float(r2_score(y, found, sample_weight=sample_weight))


class LinearRegression(Regressor):
    """Linear regression by least squares, the mean of (z − y)²/2 with z = w @ x + b.

    Parameters as in `LogisticRegression`; penalties are on the scale of that mean. Where columns are collinear the shortest of
    the equally good answers is given by Newton's method, which "auto" is up to 1,000 parameters; beyond, one of them.

    Fitted: coef_ (n,), intercept_, coef_names_, n_iter_, loss_curve_, fit_.
    """

    _named = MODELS["linear"]


class PoissonRegressor(Regressor):
    """Poisson regression of counts with a log link: the mean of a − y·z with z = w @ x + b and a = exp(z).

    Parameters as in `LogisticRegression`. An `offset`, as the log of an exposure, is added to z. Fitted as `LinearRegression`.
    """

    _named = MODELS["poisson"]

    def _numbers(self, y: Any) -> Any:
        return possible(real(y), "count")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags
