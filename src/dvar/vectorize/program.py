"""A graph becomes the text of a program: what every writer needs — the nodes to write, their names, and the sum over examples.

A Listing is the nodes of one program in order, each with a name that is free in it, and what the program answers: means
over the m examples (the cost and its derivatives) and, on request, numbers per example. Names the user gave are kept;
the names a writer needs for itself (m, i, exp) give way to them. Text reaches a program only as a checked identifier
or as the digits of a number.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..derive.derivation import Derivation, rewritten, run_names
from ..derive.tape import Tape, ancestors
from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.op import COMPARE, PRODUCT, Form, Op, Shape, elementwise
from ..expression.ops import OPS
from ..expression.writing import write

TOLD = 200  # characters of a line as written, told beside the line that runs
COMPARISONS = tuple(op.name for op in OPS.values() if op.binds == COMPARE)
DEEPEST, LONGEST = 12, 40  # how many unnamed operations are written into one line, inside one another and in all


class NotWritable(Exception):
    """Why a graph has no compiled program, as a sentence."""


class Names:
    """Names of one program: every one an identifier, no keyword, none twice."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.imports: dict[tuple[str, str], str] = {}

    def fresh(self, wanted: str) -> str:
        """`wanted` as an identifier, with an underscore behind where it is a keyword or taken."""
        name = wanted
        if not (name.isascii() and name.isidentifier()):
            name = re.sub(r"\W", "_", unicodedata.normalize("NFKC", wanted))
            name = name if name.isidentifier() else "_" + name
        while name in self.taken or keyword.iskeyword(name):
            name += "_"
        self.taken.add(name)
        return name

    def function(self, module: str, name: str) -> str:
        """The name under which the program calls a function; it is imported, under another name where that is taken."""
        if (module, name) not in self.imports:
            self.imports[module, name] = self.fresh(name)
        return self.imports[module, name]

    def import_lines(self) -> list[str]:
        modules: dict[str, list[str]] = {}
        for (module, name), ours in sorted(self.imports.items()):
            if (module, name) == ("builtins", ours):
                continue
            modules.setdefault(module, []).append(name if name == ours else f"{name} as {ours}")
        return [f"from {module} import {', '.join(names)}" for module, names in sorted(modules.items(), reverse=True)]


@dataclass
class Listing:
    """The nodes of one program; all indices are into `nodes`. It answers the means of `value` and `slopes`, then `rows`."""

    nodes: list[Node]
    shapes: list[Shape]  # of one example
    varies: list[bool]  # depends on an example
    value: int
    slopes: dict[str, int | None]  # parameter → its derivative per example; None where the output does not depend on it
    rows: list[int]  # answered per example, as they are
    written: dict[int, str]  # as the user wrote it, for named nodes that run as something else
    data: tuple[str, ...]  # inputs that vary by example
    parameters: tuple[str, ...]
    output: str
    total: str = ""  # the input that holds the examples' weights, where they have any
    names: Names = field(default_factory=Names)
    called: dict[int, str] = field(default_factory=dict)
    temporaries: int = 0

    def __post_init__(self) -> None:
        for i, node in enumerate(self.nodes):
            if node.name:
                self.called[i] = self.names.fresh(node.name)

    def alone(self, forced: Callable[[int, Node], Iterable[int]], answers: Iterable[int] = ()) -> Callable[[int], bool]:
        """Which nodes have a line of their own: those with a name, those used more than once, where a line grows deep or long,
        the operands (or the node itself) that `forced` names because its writing repeats them, and `answers`."""
        uses = [0] * len(self.nodes)
        for node in self.nodes:
            for k in node.operands:
                uses[k] += 1
        lines = {*answers, *(k for i, node in enumerate(self.nodes) if node.operands for k in forced(i, node))}
        lines = {k for k in lines if self.nodes[k].op not in (INPUT, CONST)}
        depth, length = [0] * len(self.nodes), [0] * len(self.nodes)
        for i, node in enumerate(self.nodes):
            if node.op in (INPUT, CONST):
                continue
            depth[i] = 1 + max([depth[k] for k in node.operands])
            length[i] = 1 + sum([length[k] for k in node.operands])
            if node.name or (uses[i] > 1 and not self.short(node)) or depth[i] > DEEPEST or length[i] > LONGEST or i in lines:
                lines.add(i)
                depth[i] = length[i] = 0
        return lines.__contains__

    def short(self, node: Node) -> bool:
        """-z, 1 - y: as easily written again as given a name."""
        below = [self.nodes[k] for k in node.operands]
        return ((node.op == "neg" or (node.op in ("plus", "minus") and any(n.op == CONST for n in below)))
                and all(n.name or not n.operands for n in below))

    def name(self, i: int) -> str:
        """What node i is called in the program: its own name, or t1, t2, … in the order of asking."""
        if i not in self.called:
            self.temporaries += 1
            self.called[i] = self.names.fresh(f"t{self.temporaries}")
        return self.called[i]


def listing(
    derivation: Derivation,
    data: Iterable[str] = (),
    rows: Sequence[int] = (),
    carried: Tape | None = None,
    derivatives: bool = True,
    at: Mapping[int, int] | None = None,
) -> Listing:
    """The Listing of value and, unless told otherwise, derivatives of a graph; `rows` are nodes answered per example.

    `carried` is what runs, carried on by more nodes, the rows among them, which are still to be rewritten; `at`: where on it what
    runs is, if not where it was.
    """
    graph, data = derivation.graph, tuple(data)
    among = set(data)
    parameters = tuple(n for n in graph.inputs if n not in among)
    index = {n.name: i for i, n in enumerate(graph.nodes) if n.op == INPUT}
    slopes = {p: derivation.d.get(index[p]) for p in parameters} if derivatives else {}
    roots = [derivation.value[-1], *(k for k in slopes.values() if k is not None)]
    tape = derivation.run
    moved = {k: k for k in range(len(tape.nodes))}
    if carried:
        at = at or moved
        tape, after = rewritten(carried, [*(at[k] for k in roots), *rows])
        moved = {k: after[p] for k, p in at.items() if p in after}
        rows = [after[k] for k in rows]
    needed = ancestors(tape.nodes, [*(moved[k] for k in roots), *rows])
    names: dict[int, str] = {}
    for k, name in run_names(derivation).items():
        if k in moved:
            names.setdefault(moved[k], name)
    kept = [k for k, yes in enumerate(needed) if yes or tape.nodes[k].op == INPUT]
    place = {k: n for n, k in enumerate(kept)}
    nodes: list[Node] = []
    varies: list[bool] = []
    for k in kept:
        node = tape.nodes[k]
        name = node.name if node.op == INPUT else "" if node.op == CONST else names.get(k, "")
        nodes.append(Node(node.op, tuple([place[j] for j in node.operands]), name, node.given, node.value, node.options))
        varies.append(node.name in among if node.op == INPUT else bool(data) and differs(nodes[-1], varies))
    return Listing(
        nodes=nodes,
        shapes=[tape.shapes[k] for k in kept],
        varies=varies,
        value=place[moved[derivation.value[-1]]],
        slopes={p: None if k is None else place[moved[k]] for p, k in slopes.items()},
        rows=[place[k] for k in rows],
        written={place[moved[k]]: line for i, line in rewritten_lines(derivation).items()
                 if moved.get(k := derivation.value[i]) in place},
        data=data,
        parameters=parameters,
        output=graph.output,
    )


def differs(node: Node, varies: Sequence[bool]) -> bool:
    """Whether a node differs by example: one of its operands does, those apart that only lend their shape."""
    likes = OPS[node.op].likes if node.op in OPS else ()
    return any(varies[k] for position, k in enumerate(node.operands) if position not in likes)


def as_numbers(nodes: Sequence[Node], answers: Iterable[int]) -> set[int]:
    """The comparisons, and choices between such and constants, that a program multiplies by 1.0. To NumPy these are True and
    False, or integers: True + True is True, exp(True) has three digits, 2**-1 is an error. They are left as they are in choices,
    and where an operator joins them with a float, which makes floats of them."""
    few: list[bool] = []  # no float, perhaps
    found = set(answers)
    for node in nodes:
        op = OPS.get(node.op)
        alike = op is not None and op.shape is elementwise
        whole = node.op == CONST and not (isinstance(node.value, float) and not node.value.is_integer())  # is written so: 1
        few.append(whole or node.op in COMPARISONS
                   or (alike and all(few[k] for k in node.operands[node.op == "where" :])))
        operator = op is not None and op.text and alike
        if not (node.op in (*COMPARISONS, "where") or (operator and not all(few[k] for k in node.operands))):
            found.update(node.operands)
    return {i for i in found if few[i] and nodes[i].op in (*COMPARISONS, "where")}


def rewritten_lines(derivation: Derivation) -> dict[int, str]:
    """The lines of the graph as written, `L = …`, in which a stability rule fired."""
    nodes = derivation.graph.nodes
    if not derivation.fired:
        return {}
    touched = {f.node for f in derivation.fired}
    for i, node in enumerate(nodes):
        if any(k in touched and not nodes[k].given for k in node.operands):
            touched.add(i)  # an unnamed node is written into the lines that use it
    lines = write(nodes, lambda i: nodes[i].given and nodes[i].op != INPUT, lambda i: nodes[i].name, longest=TOLD)
    return {i: f"{nodes[i].name} = {line}" for i, line in lines.items() if i in touched}


@dataclass(frozen=True)
class Program:
    """A program a graph wrote: `str()` is its source; called with the parameters it answers (value, *derivatives).

    Without examples, `function` is the bare function that the source defines, for tight loops: numbers by position, unchecked.
    Nothing in it changes, so a copy is itself; pickle keeps `asked`, of which graph or Cost it was asked for and for what target.
    """

    target: str
    source: str
    call: Callable[..., tuple[Any, ...]]
    asked: tuple[Any, str] = field(repr=False)
    function: Callable[..., tuple[Any, ...]] | None = None

    def __str__(self) -> str:
        return self.source

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return self.call(*args, **kwargs)

    def __copy__(self) -> Program:
        return self

    def __deepcopy__(self, _: Any) -> Program:
        return self

    def __reduce__(self) -> Any:
        return written_again, self.asked

    def _repr_html_(self) -> str:
        from ..show.notebook import program_html

        return program_html(self.target, self.source)


def written_again(of: Any, target: str) -> Program:
    return of.program(target)  # type: ignore[no-any-return]


def compiled(source: str, target: str) -> Callable[..., Any]:
    """The last function that the source defines."""
    space: dict[str, Any] = {"__name__": f"dvar_{target}_program", "__builtins__": builtins}
    exec(compile(source, f"<dvar {target} program>", "exec"), space)
    return [v for v in space.values() if callable(v)][-1]  # type: ignore[no-any-return]


def not_python(nodes: Sequence[Node]) -> set[int]:
    """The quotients and powers of constants that are inf or nan: to Python 1/0 is an error, and (-1)**0.5 a complex number."""
    values: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for i, node in enumerate(nodes):
            if node.op == CONST:
                values[i] = np.asarray(node.value, dtype=np.float64)
            elif node.operands and all(k in values for k in node.operands):
                op = OPS[node.op]
                values[i] = op.compute(*(values[k] for k in node.operands), **op.named(node.options))
    return {i for i, v in values.items() if nodes[i].op in ("over", "power") and not np.isfinite(v).all()}


def on_numpy(form: Form, float64: str) -> Form:
    """With the first operand a number of NumPy's, of `not_python`; `float64` is what that is called."""
    template, sides, binds = form
    assert isinstance(template, str)
    return Form(template.replace("{}", f"{float64}({{}})", 1), (0, *sides[1:]), binds)


def times_one(form: Form) -> Form:
    """As a number, of `as_numbers`."""
    template, sides, binds = form
    assert isinstance(template, str)
    return Form(f"{template if binds >= PRODUCT else f'({template})'} * 1.0", sides, PRODUCT)


def spell_value(value: Value) -> str:
    """A constant as Python source."""
    if isinstance(value, tuple):  # of floats: of integers [1, 2]**-1 is an error of NumPy's, and [1, 2]**100 overflows to 0
        spelt = (repr(float(v)) if not isinstance(v, tuple) and np.isfinite(v) else spell_value(v) for v in value)
        return f"[{', '.join(spelt)}]"
    if not np.isfinite(value):
        return "1e999" if value > 0 else "-1e999"
    return f"{value:g}" if value == int(value) and abs(value) < 1e6 else repr(float(value))


def call_template(names: Names, op: Op) -> str:
    return f"{names.function(*op.function)}({', '.join(['{}'] * op.arity)})"
