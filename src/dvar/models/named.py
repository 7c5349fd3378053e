"""Models are graphs with names: one example's loss as text, and what is known of it beyond the graph."""

from __future__ import annotations

from collections.abc import Collection
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


def linear_maps(graph: Graph, data: Collection[str]) -> tuple[list[str], str]:
    """The parameters that meet x as w @ x, and the free intercept of the one such sum; "" where there is none.

    The intercept is a parameter that is added to the sum and used nowhere else: only there may features be shifted.
    """
    nodes = graph.nodes
    uses = [k for n in nodes for k in n.operands]
    maps = [(i, k) for i, n in enumerate(nodes) if n.op == "dot" and any(nodes[j].name == "x" for j in n.operands)
            for k in n.operands if nodes[k].op == INPUT and nodes[k].name != "x"]
    names = list(dict.fromkeys(nodes[k].name for _, k in maps))
    if len(maps) != 1:
        return names, ""
    [(at, weights)] = maps
    if uses.count(weights) != 1:
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
