"""Models are graphs with names: one example's loss as text, and what is known of it beyond the graph.

`MODELS` is the table; `model("huber", delta=2)` is a row with its constants set. In every formula `x` are the features, `y` is
the target, `w` (or `W`, a row per class) meets the features, `b` is the intercept, and one node, free of `y`, predicts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from ..errors import UsageError, nearest
from ..expression.formula import parse
from ..expression.graph import INPUT, Graph
from ..expression.ops import OPS
from ..vectorize.core import linear_map


@dataclass(frozen=True)
class Named:
    """One model. `likelihood`: its loss is a negative log-likelihood but for a term of y alone, so that curvature tells standard
    errors."""

    name: str
    formula: str
    predicts: str = ""  # the node that is free of y and predicts
    target: str = "number"  # what y is: number, count (0, 1, 2, …), positive, yes/no (0 or 1), class (0, 1, …, K − 1)
    likelihood: bool = False
    odds: bool = False  # coefficients are of log-odds, so that exp of one is an odds ratio
    constants: Mapping[str, float] = field(default_factory=dict)  # that the formula names, and what they are unless said
    shares: tuple[str, ...] = ()  # those of them below 1; the others have no upper end

    @property
    def graph(self) -> Graph:
        return self.graph_of()

    def graph_of(self, intercept: bool = True, offset: bool = False) -> Graph:
        """The graph; without the intercept b, or with an input `offset` that is added where b is, if so asked."""
        text = self.formula
        if offset:
            text = text.replace("x, y", "x, y, offset").replace(" + b;", " + b + offset;")
        if not intercept:
            text = text.replace(", b,", ",").replace(" + b", "")
        return parse(text.format(**self.constants))


YES_NO = "a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))"
LINEAR_MAP = "inputs: w, b, x, y\nz = w @ x + b; "

LOGISTIC = Named("logistic", LINEAR_MAP + YES_NO, "a", "yes/no", likelihood=True, odds=True)
CUSTOM = Named("custom", "")  # a loss of one's own, of which nothing is known
TABLE = (
    LOGISTIC,
    CUSTOM,
    Named("softmax", "inputs: W, b, x, y\nz = W @ x + b; a = softmax(z); L = -log(a[y])", "a", "class", likelihood=True),
    Named("linear", LINEAR_MAP + "L = (z - y)**2/2", "z"),
    Named("poisson", LINEAR_MAP + "a = exp(z); L = a - y*z", "a", "count", likelihood=True),
    # Of the exponential distribution; a gamma distribution of any shape has the same optimum.
    Named("gamma", LINEAR_MAP + "a = exp(z); L = y*exp(-z) + z", "a", "positive"),
    # Variance a + alpha*a**2, alpha = exp(s), r = 1/alpha (Cameron & Trivedi, Regression Analysis of Count Data, 2013, 3.3).
    # d is log(r(r + 1)…(r + y - 1)/r**y), towards Poisson (r large) by Stirling's series: there lgammas cancel.
    Named("negative-binomial", "inputs: w, b, s, x, y\nz = w @ x + b; a = exp(z); r = exp(-s); "
          "d = where(r < 1000, lgamma(y + r) - lgamma(r) + y*s, (y + r - 0.5)*log1p(y/r) - y + (1/(y + r) - 1/r)/12); "
          "L = (y + r)*softplus(z + s) - y*z - d", "a", "count", likelihood=True),
    # Huber, Robust estimation of a location parameter (1964); delta in the units of y.
    Named("huber", LINEAR_MAP + "r = abs(z - y); L = where(r <= {delta}, r**2/2, {delta}*(r - {delta}/2))", "z",
          constants={"delta": 1.345}),
    # The check loss of Koenker & Bassett (1978) averaged over a logistic distribution of scale `width`, in the units of y
    # (Zheng, Gradient descent algorithms for quantile regression with smooth approximation, 2011).
    Named("quantile", LINEAR_MAP + "r = y - z; L = {level}*r + {width}*softplus(-r/{width})", "z",
          constants={"level": 0.5, "width": 0.01}, shares=("level",)),
    Named("network", "inputs: W, c, w, b, x, y\nh = tanh(W @ x + c); z = w @ h + b; " + YES_NO, "a", "yes/no", likelihood=True),
    Named("network-regression", "inputs: W, c, w, b, x, y\nh = tanh(W @ x + c); z = w @ h + b; L = (z - y)**2/2", "z"),
)
MODELS = {one.name: one for one in TABLE}


def model(name: str, **constants: float) -> Named:
    """A row of the table, its constants set. Raises UsageError for a name or a constant that is not there.

    "ordered" takes `classes`, how many the target has: model("ordered", classes=5).
    """
    if name == "ordered":
        return ordered(**constants)  # type: ignore[arg-type]
    if name not in MODELS or name == "custom":
        raise UsageError(f"there is no model {name!r}{nearest(name, [*(n for n in MODELS if n != 'custom'), 'ordered'])}")
    row = MODELS[name]
    for given in constants:
        if given not in row.constants:
            raise UsageError(f"the model {name!r} has no constant {given!r}{nearest(given, row.constants)}")
        value = constants[given]
        if not isinstance(value, Real) or not 0 < value < (1 if given in row.shares else np.inf):
            raise UsageError(f"{given} is {value!r}", f"give a number above 0{' and below 1' * (given in row.shares)}")
    return Named(**{**vars(row), "constants": {**row.constants, **{k: float(v) for k, v in constants.items()}}})


def ordered(classes: int) -> Named:
    """Ordered logit (McCullagh, Regression models for ordinal data, 1980) of y = 0, 1, …, K − 1: P(y ≤ k) = sigmoid(c_k − z).

    The cut c0 is a parameter, and so are the logs g1, g2, … of the gaps from each cut to the next, which keeps the cuts in order.
    The log of sigmoid(u) − sigmoid(v) is −softplus(−u) − softplus(v) + log(1 − exp(v − u)), without cancellation.
    """
    if not (isinstance(classes, int) and classes >= 2):
        raise UsageError(f"classes is {classes!r}", "an ordered target has at least 2 classes")
    gaps = range(1, classes - 1)
    cuts = "".join(f"c{k} = c{k - 1} + exp(g{k}); " for k in gaps)
    between = [f"l{k} = log(-expm1(-exp(g{k}))) - softplus(z - c{k}) - softplus(c{k - 1} - z); " for k in gaps]
    last = classes - 1
    lines = ["l0 = -softplus(z - c0); ", *between, f"l{last} = -softplus(c{last - 1} - z); "]
    stacked = ", ".join(f"l{k}" for k in range(classes))
    inputs = ", ".join(["w", "c0", *(f"g{k}" for k in gaps), "x", "y"])
    formula = f"inputs: {inputs}\nz = w @ x; {cuts}{''.join(lines)}l = stack({stacked}); a = exp(l); L = -l[y]"
    return Named("ordered", formula, "a", "class", likelihood=True)


def picks(graph: Graph) -> bool:
    """Whether y picks one of many: some node is element number y of a vector."""
    return any(n.op in OPS and OPS[n.op].brackets and graph.nodes[n.operands[1]].name == "y" for n in graph.nodes)


def start(named: Named, features: int, seed: int = 0, *, classes: int = 2, hidden: int = 16) -> dict[str, Any] | None:
    """Where a fit begins if zero is no start or shapes do not follow from the data; None where neither is so.

    A network's weights are drawn uniformly within ±sqrt(6/(inputs + outputs)) of a layer (Glorot & Bengio, 2010).
    """
    if named.name == "softmax":
        return {"W": np.zeros((classes, features)), "b": np.zeros(classes)}
    if not named.name.startswith("network"):
        return None
    rng = np.random.default_rng(seed)
    wide, narrow = np.sqrt(6 / (features + hidden)), np.sqrt(6 / (hidden + 1))
    return {"W": rng.uniform(-wide, wide, (hidden, features)), "c": np.zeros(hidden),
            "w": rng.uniform(-narrow, narrow, hidden), "b": 0.0}


def linear_maps(graph: Graph, data: Collection[str], x: str = "x") -> tuple[list[str], str]:
    """The parameters that meet the features x as w @ x, and the free intercept of the one such sum; "" where there is none.

    The intercept is a parameter that is added to the sum and used nowhere else: only there may features be shifted.
    """
    nodes = graph.nodes
    uses = [k for n in nodes for k in n.operands]
    maps = [(i, made[0]) for i in range(len(nodes)) if (made := linear_map(graph, i, {*data, x})) and made[1] == x]
    names = list(dict.fromkeys(name for _, name in maps))
    if len(maps) != 1:
        return names, ""
    [(at, weights)] = maps
    if uses.count(graph.index(weights)) != 1:
        return names, ""
    while uses.count(at) == 1:  # up the sum that w @ x is a term of
        user = next(i for i, n in enumerate(nodes) if at in n.operands)
        if nodes[user].op != "plus":
            break
        other = next(k for k in nodes[user].operands if k != at)
        if nodes[other].op == INPUT and nodes[other].name not in data and uses.count(other) == 1:
            return names, nodes[other].name
        at = user
    return names, ""


def by_rows(graph: Graph, parameter: str, w: Any, data: Collection[str] = ("x",)) -> Any:
    """What is of the shape of a parameter that meets the features, a row for each result: turned where that is as x @ W. Twice it
    is as it was."""
    return np.transpose(w) if is_turned(graph, parameter, data) else w


def rows_of(cost: Any, parameter: str) -> Any:
    """Where its weights stand among all parameters, (results, features)."""
    at = np.arange(cost.size)[cost.places[parameter]].reshape(cost.sizes[parameter])
    return np.atleast_2d(by_rows(cost.loss, parameter, at, cost.data))


def is_turned(graph: Graph, parameter: str, data: Collection[str]) -> bool:
    """Whether a parameter meets the features as x @ W, its columns for results, and not something else as h @ W. Of a vector that
    changes nothing."""
    maps = (linear_map(graph, i, data) for i in range(len(graph.nodes)))
    return any(made is not None and made[0] == parameter and made[2] for made in maps)


def results_of(cost: Any, parameter: str) -> tuple[int, ...]:
    """The shape of what a parameter's linear map gives."""
    size: tuple[int, ...] = cost.sizes[parameter]
    return size[1:] if is_turned(cost.loss, parameter, cost.data) else size[:-1]


def prediction(graph: Graph, data: set[str]) -> str:
    """The node that predicts: the last one with a name that needs parameters and is free of the target y.

    Raises UsageError where there is none. `data` are the inputs that vary by example, y among them.
    """
    with_target: list[bool] = []
    with_parameter: list[bool] = []
    found = ""
    for node in graph.nodes:
        given = node.op == INPUT
        with_target.append(node.name == "y" if given else any(with_target[k] for k in node.operands))
        with_parameter.append(node.name not in data if given else any(with_parameter[k] for k in node.operands))
        if node.given and not given and with_parameter[-1] and not with_target[-1]:
            found = node.name
    if not found:
        raise UsageError("no line of the loss predicts: each needs the target y",
                         'give the prediction a name of its own, as in "z = w@x + b; L = (z - y)**2"')
    return found
