"""Models are graphs with names: one example's loss as text, and what is known of it beyond the graph."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError
from ..expression.formula import parse
from ..expression.graph import INPUT, Graph


@dataclass(frozen=True)
class Named:
    """One model. `likelihood`: its loss is a negative log-likelihood, so that curvature tells standard errors."""

    name: str
    formula: str
    likelihood: bool
    odds: bool  # coefficients are of log-odds, so that exp of one is an odds ratio

    @property
    def graph(self) -> Graph:
        return parse(self.formula)


LOGISTIC = Named(
    "logistic",
    "inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))",
    likelihood=True,
    odds=True,
)
CUSTOM = Named("custom", "", likelihood=False, odds=False)  # a loss of one's own, of which nothing is known
MODELS = {model.name: model for model in (LOGISTIC, CUSTOM)}


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
