"""Any graph over x and y as an estimator, for numbers or for classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if

from ..errors import DvarError, UsageError, nearest
from ..expression.graph import Graph
from ..vectorize.cost import Cost
from ..vectorize.predict import upto
from .estimator import Learner
from .estimators import labels, possible
from .families import FAMILIES
from .named import CUSTOM, MODELS, Named, model, ordered, picks, prediction, start


class Asked:
    """`predict`, the method, beside `predict`, the parameter that names a node: what is set is kept apart from what is called."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        self.__doc__ = method.__doc__

    def __get__(self, estimator: Any, owner: Any = None) -> Any:
        return self.method if estimator is None else self.method.__get__(estimator)

    def __set__(self, estimator: Any, value: Any) -> None:
        vars(estimator)["predict"] = value


def classifies(estimator: Estimator) -> bool:
    if estimator.classes is None:
        raise AttributeError("an Estimator without classes= predicts numbers")
    return True


class Estimator(Learner):
    """Any graph over x and y as an estimator: `dv.Estimator(L, predict="a")`.

    `loss` is one example's loss: a Graph, a function, text, or a model's name ("huber", "gamma", …); `x` are the features, `y`
    is the target, and any other input is a parameter, or a column of a frame that has a column of that name. `predict` names the
    node that predicts, which may not depend on y; by default the last that can. `features` names the columns of a frame that
    become x, `target` the one that is y where none is given. With `classes`, "auto" or the labels in the order of 0, 1, …, y are
    labels and the node that predicts is the probability of the second, or a vector of one for each. `start` gives parameters by
    name; with `random_state` they are drawn. `bounds` and penalties are as in `minimize`, the others as in `LogisticRegression`.

    Fitted: fit_ (parameters: fit_.params), coef_ and intercept_ where x enters through one linear map, n_iter_, loss_curve_.
    """

    def __init__(
        self, loss: Any = None, predict: str | None = None, *, features: Sequence[str] | None = None, target: str | None = None,
        classes: Any = None, start: Any = None, penalize: Sequence[str] | None = None, bounds: Any = None, l1: float = 0.0,
        l2: float = 0.0, method: str = "auto", rate: float | str = "auto", steps: int | None = None, tol: float | None = None,
        early_stopping: float = 0.0, warm_start: bool = False, random_state: Any = None, watch: Callable[..., Any] | None = None,
    ) -> None:
        self.loss, self.predict, self.features, self.target, self.classes = loss, predict, features, target, classes
        self.start, self.penalize, self.bounds, self.l1, self.l2 = start, penalize, bounds, l1, l2
        self.method, self.rate, self.steps, self.tol = method, rate, steps, tol
        self.early_stopping, self.warm_start, self.random_state, self.watch = early_stopping, warm_start, random_state, watch

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, as scikit-learn asks for them."""
        found: dict[str, Any] = super().get_params(deep)
        return found | {"predict": vars(self)["predict"]}

    def _named(self) -> Named:
        """The model that the loss names; CUSTOM for a loss of one's own."""
        if isinstance(self.loss, Named):
            return self.loss
        if self.loss == "ordered":
            return ordered(len(self.classes_) if hasattr(self, "classes_") else 2)
        return model(self.loss) if isinstance(self.loss, str) and self.loss in MODELS else CUSTOM

    def _made(self) -> tuple[Graph, str]:
        """The graph, and the node that predicts. Raises UsageError where there is none."""
        from ..making import graph

        if self.loss is None:
            raise UsageError("an Estimator needs a loss", 'as dv.Estimator("z = w@x + b; L = (z - y)**2", predict="z")')
        named = self._named()
        made = graph(self.loss) if named is CUSTOM else named.graph
        if made.inputs == (self.loss,):  # a lone name: of a model, misspelt
            model(self.loss)
        if "y" not in made.inputs:
            raise UsageError(f"the loss does not use the target y; it uses {', '.join(made.inputs)}",
                             "compare a prediction with y")
        node = vars(self)["predict"] or named.predicts or prediction(made, {"x", "y", "offset"})
        names = [n.name for n in made.nodes if n.name]
        if node not in names:
            raise UsageError(f"there is no node {node!r} to predict{nearest(node, names)}")
        if "y" in upto(made, node).inputs:
            raise UsageError(f"{node} depends on y, which is not known where it is to be predicted",
                             f"name another node: predict={prediction(made, {'x', 'y', 'offset'})!r}")
        return made, node

    @property
    def _family(self) -> str:
        named = self._named()
        return named.name if named.name in FAMILIES else "likelihood" if named.likelihood else "none"

    def _numbers(self, y: Any) -> Any:
        made, node = self._made()
        if self.classes is None:
            return possible(y, "" if isinstance(self.loss, Named) and self.loss.target == "class" else self._named().target)
        if isinstance(self.classes, str):
            self.classes_, codes = np.unique(labels(y), return_inverse=True)
        else:
            self.classes_, codes = np.asarray(self.classes), numbered(self.classes, labels(y))
        count = len(self.classes_)
        if count < 2:
            raise DvarError(f"y holds one class only, {self.classes_.tolist()[0]!r}", "give rows of at least two classes")
        if count > 2 and not picks(made):
            raise ValueError("Only binary classification is supported. The type of the target is multiclass: y holds "
                             f"{count} classes, and {node} is one probability")
        return codes.astype(np.float64)

    def _graph(self, offset: bool) -> tuple[Graph, str]:
        named = self._named()
        made, node = self._made()
        if offset and "offset" not in made.inputs:
            if named is CUSTOM or "b" not in made.inputs:
                raise UsageError("an offset is given, and the loss has no input of that name",
                                 "write it where it is added: z = w@x + b + offset")
            return named.graph_of(offset=True), node
        if not offset and "offset" in made.inputs and "offset" not in getattr(self, "feature_names_in_", ()):
            raise UsageError("the loss has an input called offset, and none is given", "pass offset= to fit")
        return made, node

    def _start(self, cost: Cost, features: int) -> dict[str, Any] | None:
        if self.start is not None:
            return dict(self.start)
        seed = self.random_state if isinstance(self.random_state, int) else 0
        return start(self._named(), features, seed, classes=len(getattr(self, "classes_", (0, 1))))

    def _penalized(self) -> tuple[str, ...] | None:
        if self.penalize is None:
            return {"softmax": ("W",), "network": ("W", "w"), "network-regression": ("W", "w")}.get(self._named().name)
        return (self.penalize,) if isinstance(self.penalize, str) else tuple(self.penalize)

    def _own(self) -> bool:
        return self._named() is CUSTOM

    def _bounds(self) -> dict[str, Any]:
        return dict(self.bounds or {})

    def _asked(self, X: Any, offset: Any = None) -> Any:
        """The predicting node for each row, (m,) or (m, k); with `classes` the most probable of them."""
        a = self._predict(X, offset)
        if self.classes is None:
            return a
        return self.classes_[(a > 0.5).astype(np.intp) if a.ndim == 1 else a.argmax(axis=1)]

    predict = Asked(_asked)

    @available_if(classifies)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any, offset: Any = None) -> Any:
        """The probability of each class, (m, K)."""
        a = self._predict(X, offset)
        return np.column_stack([1.0 - a, a]) if a.ndim == 1 else a

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, offset: Any = None) -> float:
        """The share of rows whose class is predicted; of numbers, the share of their variance that is explained."""
        from sklearn.metrics import accuracy_score, r2_score

        if y is None and self.target is not None:
            y = X[self.target]
        measure = r2_score if self.classes is None else accuracy_score
        return float(measure(y, self._asked(X, offset), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.classes is None:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
            tags.target_tags.positive_only = self._named().target in ("count", "positive")
            return tags
        tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        try:
            tags.classifier_tags.multi_class = self.loss == "ordered" or picks(self._made()[0])
        except ValueError:  # what is wrong with the loss is said when it is fitted
            tags.classifier_tags.multi_class = False
        return tags


def numbered(classes: Sequence[Any], y: Any) -> Any:
    """The codes of y (m,) among these classes. Raises DvarError for a value that is none of them."""
    code = {value: k for k, value in enumerate(classes)}
    unknown = [v for v in np.unique(y).tolist() if v not in code]
    if unknown:
        raise DvarError(f"y holds {unknown[0]!r}, which is not one of the classes{nearest(str(unknown[0]), code)}",
                        "name every class in classes=[…]")
    return np.array([code[v] for v in y.tolist()])
