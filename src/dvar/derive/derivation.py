"""Derivation: a graph as written, and what runs — its values and derivatives, rewritten together.

As written, every node has its derivative by the chain rule: that is what is told. What runs is found in three steps:

1. the *forward* graph is rewritten by the stability rules alone, so that log(sigmoid(z)) is −softplus(−z), and by those whose
   derivative is the better one: σ(z)·σ(−z) is sech(z/2)²/4;
2. the chain rule runs on that. A derivative found this way never passes through a quotient such as −y/a that the rewriting
   has removed: dz is (1 − y)·σ(z) − y·σ(−z), finite and exact where da is not representable at all;
3. values and derivatives are rewritten once more, together, equal nodes shared.

A node that a rule looked through (a, inside log(a)) is off the rewritten path. Its derivative is found by steps 1 and 2 with
such nodes closed to the rules, and rewritten in step 3 like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..errors import UsageError
from ..expression.graph import CONST, INPUT, Builder, Graph, Node
from ..expression.op import Shape
from ..expression.values import shapes
from .backprop import Contribution, backprop
from .rewrite import Fired, Rewriter
from .rules import DIFFERENTIATED, EXACT, SAME, STABILITY, WEIGHED, Rule
from .tape import Tape, ancestors, tape_of


@dataclass(frozen=True, eq=False, repr=False)
class Derivation:
    """Nodes of the graph as written are 0 … N−1 in `graph.nodes` and on `told`; `value` and `d` place them on `run`."""

    graph: Graph
    told: Tape  # the graph as written, then its derivatives by the chain rule, as written
    contributions: dict[int, list[Contribution]]
    run: Tape  # values and derivatives as they run
    value: list[int]
    d: dict[int, int]
    fired: tuple[Fired, ...]


@lru_cache(maxsize=256)
def derive(graph: Graph, sizes: tuple[Shape, ...]) -> Derivation:
    """The derivation of a graph whose inputs have these shapes. Raises UsageError where they do not match."""
    found = shapes(graph, dict(zip(graph.inputs, sizes)))
    last = len(graph.nodes) - 1
    if found[last] != ():
        many = next((name for name, size in zip(graph.inputs, sizes) if size == found[last]), "")
        examples = f"; if each element of {many} is an example, .over({many}=…)" if many else ""
        raise UsageError(f"{graph.output} has shape {found[last]}; a derivative is asked of one number",
                         f"sum it: sum({graph.output}), or ask for .jacobian(…){examples}")
    told = tape_of(graph.nodes, found)
    slopes = backprop(told, last)

    stable = Rewriter(rules(graph, STABILITY, DIFFERENTIATED), share=False)
    place = stable.copy(graph.nodes, found, [True] * len(found))
    final = Rewriter(rules(graph, STABILITY, EXACT), share=True)
    if not (stable.fired or stable.seen_through):  # the stable graph is the graph as written
        wanted = ancestors(told.nodes, [*range(last + 1), *slopes.d.values()])
        value = final.copy(told.nodes, told.shapes, wanted)
        fired = tuple(final.fired)
        d = {i: value[k] for i, k in slopes.d.items()}
    else:
        value = final.copy(told.nodes[: last + 1], found, [True] * len(found))
        fired = tuple(final.fired)
        owner = {p: i for i, p in reversed(list(enumerate(place)))}  # the first node as written that a stable node stands for
        on_path = {i: p for i, p in enumerate(place) if p not in stable.seen_through and owner[p] == i}
        d = slopes_of(stable, on_path, place[last], final)
        off = [i for i in slopes.d if i not in on_path]
        if off:
            closed = Rewriter(rules(graph, STABILITY, WEIGHED), share=False)
            place = closed.copy(graph.nodes, found, [True] * len(found), closed=set(off))
            d |= slopes_of(closed, {i: place[i] for i in off}, place[last], final)
    fired = tuple(f for f in dict.fromkeys(fired) if f.node <= last and f.rule.why != SAME)
    return Derivation(graph, told, slopes.contributions, final.tape, value[: last + 1], d, fired)


def slopes_of(rewritten: Rewriter, of: dict[int, int], output: int, final: Rewriter) -> dict[int, int]:
    """The derivatives of a rewritten graph by these of its nodes, as the final rewriting has them."""
    tape = rewritten.tape
    tape.share = True
    d = backprop(tape, output).d
    direct = {i: p for i, p in of.items() if p in d}  # the others change nothing: x in x**0
    placed = final.copy(tape.nodes, tape.shapes, ancestors(tape.nodes, [d[p] for p in direct.values()]))
    return {i: placed[d[p]] for i, p in direct.items()}


def rules(graph: Graph, *kinds: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules of these kinds that are not switched off."""
    return tuple(rule for kind in kinds for rule in kind if rule.name not in graph.off)


@lru_cache(maxsize=256)
def runs_as(graph: Graph, sizes: tuple[Shape, ...]) -> tuple[Node, ...]:
    """The nodes of the output alone as they run, the output last."""
    found = shapes(graph, dict(zip(graph.inputs, sizes)))
    rewriter = Rewriter(rules(graph, STABILITY, EXACT), share=True)
    last = rewriter.copy(graph.nodes, found, [True] * len(found))[-1]
    return tuple(rewriter.tape.nodes[: last + 1])


def rewritten(tape: Tape, roots: Sequence[int]) -> tuple[Tape, dict[int, int]]:
    """What a tape runs as that was carried on: its inputs and what these nodes are made of; and where each of them is then."""
    rewriter = Rewriter((*STABILITY, *EXACT), share=True)
    wanted = [yes or node.op == INPUT for yes, node in zip(ancestors(tape.nodes, roots), tape.nodes)]
    place = rewriter.copy(tape.nodes, tape.shapes, wanted)
    return rewriter.tape, {k: p for k, p in enumerate(place) if p >= 0}


def derivative_name(name: str) -> str:
    """The derivative of the final output with respect to `name`, as people code it."""
    return "d" + name


def run_names(derivation: Derivation) -> dict[int, str]:
    """Nodes of `run` under the names of the graph as written, and of the derivatives with respect to these; inputs apart."""
    nodes = derivation.graph.nodes
    named = [i for i, node in enumerate(nodes) if node.given and node.op != INPUT]
    names: dict[int, str] = {}
    for i in named:
        names.setdefault(derivation.value[i], nodes[i].name)
    for i in reversed(named):  # where two are equal, the name nearer to the output; a 1 stays a 1
        if i in derivation.d and derivation.run.nodes[derivation.d[i]].op != CONST:
            names.setdefault(derivation.d[i], derivative_name(nodes[i].name))
    return names


def extract(derivation: Derivation, root: int, name: str, run: Tape | None = None) -> Graph:
    """The Graph of one node of what runs, called `name`, under the names of the graph as written, and dv, du for derivatives.

    `run` is what runs, carried on: more inputs, more nodes."""
    run, graph = run or derivation.run, derivation.graph
    needed = ancestors(run.nodes, [root])
    names = run_names(derivation)
    for i, k in derivation.d.items():
        if graph.nodes[i].op == INPUT:
            names.setdefault(k, derivative_name(graph.nodes[i].name))
    names.pop(root, None)
    builder = Builder(off=graph.off)
    place = {k: builder.input(node.name) for k, node in enumerate(run.nodes) if node.op == INPUT}
    for k, node in enumerate(run.nodes):
        if not needed[k] or node.op == INPUT:
            continue
        if node.op == CONST:
            place[k] = builder.const(node.value)
            continue
        place[k] = builder.apply(node.op, *(place[j] for j in node.operands), options=node.options)
        if k in names:
            builder.give(place[k], names[k])
    output = place[root]
    if run.nodes[root].op in (INPUT, CONST):
        output = builder.apply("same", output)
    builder.give(output, name)
    return builder.close(output)
