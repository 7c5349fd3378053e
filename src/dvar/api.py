"""What a user holds: Graph, Pass and Cost with the methods of the contract; each hands over to the room that knows.

The rooms themselves import only from those before them. Here, at the end of the house, they are joined: a graph that can be
drawn, differentiated, run over m examples and trained.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .derive import derivation as _derivation
from .derive import higher
from .derive import passes as _passes
from .derive.assumed import assumed, derive_assumed
from .derive.nudge import Check, check
from .derive.rules import EVERY
from .derive.uses import Use, left_alone, uses
from .descend.asked import penalties
from .errors import UsageError, nearest
from .expression import writing
from .expression.functions import inline
from .expression.graph import INPUT, Builder, as_array
from .expression.graph import Graph as _Graph
from .expression.op import Shape
from .expression.traced import Traced
from .expression.values import assign, bind, check_names, check_sizes
from .expression.values import shapes as infer
from .files import save
from .vectorize.cost import Cost as _Cost
from .vectorize.program import Program

if TYPE_CHECKING:
    from .descend.fit import Fit
    from .show.story import Steps


Fold = Collection[str] | bool | None


class Graph(_Graph):
    """A computation graph: one expression as nodes, from its inputs to its output.

    Call it for its value; `.at(…)` answers the value and derivative of every node; `.over(x=X, y=Y)` makes it the mean
    over m examples. `print(graph)` is text that reads back as the same graph.
    """

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """The output, left to right. Inputs by position or by name, or one mapping of names."""
        try:
            return _passes.run(self, args, inputs)
        except UsageError:
            given = assign(self.inputs, args, inputs)
            if not any(isinstance(v, Traced) for v in given.values()):
                raise
            return inline(self, given)  # a function that is being traced calls this graph

    def bound(self, args: tuple[Any, ...], inputs: Mapping[str, Any]) -> tuple[Graph, dict[str, Any]]:
        """The graph for these inputs, and their values."""
        return self, bind(self, args, inputs)

    def at(self, *args: Any, **inputs: Any) -> Pass:
        """One forward and backward pass. Raises UsageError where an input is missing or shapes do not match."""
        return Pass(*self.bound(args, inputs))

    def over(
        self,
        data: Mapping[str, Any] | None = None,
        /,
        *,
        axis: int = 0,
        weight: Any = None,
        threads: int | None = None,
        program: str | None = None,
        **more: Any,
    ) -> Cost:
        """The cost J = 1/m Σ L over m examples; inputs not given here are its parameters.

        Arrays are (m,) or (m, n), with `axis=1` (m,), (1, m) or (n, m); `weight` (m,) makes it a weighted mean, in which a row of
        weight 0 does not count, whatever stands there. Besides arrays of any real type and layout: a sparse matrix of SciPy; a
        frame (pandas, Polars, Arrow) for x in w @ x, its columns numbers, booleans or categories; a series for one number an
        example. Rows are matched by position; an index is not looked at.
        Values stay where they are, in their own type: one array or many chunks, CSR, pandas' blocks. The exceptions – a category
        becomes small codes; bits of bool and of missing values a byte each; many short chunks one column; other sparse formats
        CSR; other byte orders, float16 and longdouble are converted a few rows at a time – are named in the Cost's `notes`.

        In a frame a category has a coefficient for each level but the first (as text, or in its declared order; missing last), a
        missing number counts as its column's mean and gets a coefficient that says so; `J.data["x"].names` names them all. In
        one number an example nothing may be missing: DvarError.

        `threads` (default: DVAR_THREADS, else all cores) changes no bit of an answer. `program` is "numpy", "fused" or, left out,
        the faster one; `J.runs` is which.
        """
        return Cost(self, merged(data, more), weight=weight, axis=axis, threads=threads, program=program)

    def d(self, name: str) -> Graph:
        """The Graph of the derivative of the output with respect to the node `name`. Inputs that stand beside @
        or in a sum are taken to be vectors, the others scalars; `shaped` says otherwise."""
        sizes, found = assumed(self), derive_assumed(self)
        tape = found.run.copy()
        slope = found.d.get(self.index(name), tape.const(0.0))  # nothing, where the output does not depend on it
        made = _derivation.extract(found, slope, _derivation.derivative_name(name), tape)
        return Graph(made.nodes, made.off, sizes if any(sizes) else None, self.exact)

    def shaped(self, **shapes: Any) -> Graph:
        """The same graph for inputs of these shapes, a number or a tuple each; those not named are scalars.

        `d`, `simplified` and `program` then need assume nothing."""
        sizes = self.all_shapes(shapes)
        infer(self, sizes)
        return Graph(self.nodes, self.off, tuple(sizes.values()), self.exact)

    def all_shapes(self, shapes: Mapping[str, Any]) -> dict[str, Shape]:
        check_names(self.inputs, shapes)
        return {n: tuple(np.atleast_1d(shapes[n]).tolist()) if n in shapes else () for n in self.inputs}

    def without(self, *rules: str) -> Graph:
        """The same graph with rules of rewriting switched off, by their names (`.simplified().rules` lists those that fired)."""
        known = [rule.name for rule in EVERY]
        for name in rules:
            if name not in known:
                raise UsageError(f"there is no rule {name!r}{nearest(name, known)}")
        return Graph(self.nodes, self.off | frozenset(rules), self.sizes, self.exact)

    def hessian(self, *args: Any, **inputs: Any) -> Any:
        """The second derivatives (P, P) at these inputs, all inputs raveled in their order; inputs as in `at`."""
        return higher.hessian(*self.bound(args, inputs))

    def hvp(self, *args: Any, direction: Mapping[str, Any], **inputs: Any) -> dict[str, Any]:
        """The Hessian times a direction, without the Hessian: {input: number or array of its shape}.

        `direction` says by name how the inputs move; those it leaves out stay."""
        return higher.times_direction(*self.bound(args, inputs), direction)

    def jacobian(self, *args: Any, **inputs: Any) -> dict[str, Any]:
        """The derivatives of a vector or matrix output: {input: array (*shape of the output, *shape of the input)}."""
        return higher.jacobian(*self.bound(args, inputs))

    def fix(self, **values: Any) -> Graph:
        """The same graph with inputs made constants."""
        check_names(self.inputs, values)
        builder = Builder(off=self.off)
        place: dict[int, int] = {}
        for i, node in enumerate(self.nodes):
            if node.op == INPUT and node.name in values:
                place[i] = builder.const(as_array(values[node.name], f"the input {node.name!r}"), node.name)
            elif node.op == INPUT:
                place[i] = builder.input(node.name)
            else:
                place[i] = builder.keep(node, place)
        sizes = self.sizes
        if sizes is not None:
            written = dict(zip(self.inputs, sizes))
            check_sizes(self, written | {n: np.shape(v) for n, v in values.items()})
            sizes = tuple(s for n, s in written.items() if n not in values)
        return Graph(builder.close(place[len(self.nodes) - 1]).nodes, self.off, sizes, self.exact)

    def simplified(self) -> Simplified:
        """The graph as it will run, shapes assumed as in `d`; `.rules` lists which rules fired where and why, `.notes` what
        was left alone."""
        found = derive_assumed(self)
        graph = _derivation.extract(found, found.value[-1], self.output)
        return Simplified(graph.nodes, self.off, self.sizes, self.exact, uses(found), left_alone(found))

    def program(self, target: str) -> Program:
        """The straight-line program of value and derivatives in the inputs' order, shapes assumed as in `d`; "fused" compiles it,
        for graphs of numbers and for shapes that were said (`shaped`)."""
        from .vectorize.alone import program

        return program(self, target)

    def svg(self, fold: Fold = None) -> str:
        """The picture, as SVG text; nothing is computed, so no values are drawn. `fold` as in a pass."""
        from .show.picture import svg

        return svg(self, fold=fold)

    def __str__(self) -> str:
        return writing.text(self)

    __repr__ = __str__

    def _repr_svg_(self) -> str:
        return self.svg()


@dataclass(frozen=True, eq=False, repr=False)
class Simplified(Graph):
    """A graph as it runs, the `rules` that made it so, and `notes` on what no rule touched."""

    rules: tuple[Use, ...] = ()
    notes: tuple[str, ...] = ()


class Pass(_passes.Pass):
    """Values left to right, then derivatives right to left: `p.value`, `p.u`, `p.du`.

    `p.values["u"]` and `p.d["u"]` answer every node, also where a name means two things. `du` is the derivative of the final
    output with respect to u. Numbers are floats, vectors and matrices NumPy arrays of the node's shape. Where the output is not
    defined, nor is a derivative of it: log has none at −1, though the formula 1/a has a value there.
    """

    def steps(self, lang: str = "en") -> Steps:
        """The chain rule, step by step: `.text`, `.latex`, `.html`; `.unfold("z")` tells a node, or all, in parts, `.fold()` in
        lines. `lang` is "en" or "ko"."""
        from .show.steps import steps

        return steps(self, lang)

    def check(self) -> Check:
        """Nudge every input and compare: `.ok`, `.worst`, a printable table."""
        return check(self)

    def svg(self, fold: Fold = None, lang: str = "en") -> str:
        """The picture with values and derivatives, as SVG text. `fold` names functions that were called, variables bound
        again and again ("x … x_9"), or numbered inputs ("w1 … w28"), to draw as one box each; True folds all, False none; None
        folds large graphs."""
        from .show.picture import svg

        return svg(self.graph, self, fold, language=lang)

    def html(self, lang: str | None = None) -> str:
        """One self-contained page, a lesson: the picture with sliders, the steps, nudging, predicting; it opens from disk, in the
        language of the browser unless `lang` names one."""
        from .show.lesson import html

        return html(self, lang)

    def save(self, path: Any, lang: str | None = None) -> None:
        """Write the picture (.svg), the page (.html) or the steps (.tex), whole or not at all. Raises UsageError for another
        ending."""
        words = lang or "en"
        endings: dict[str, Any] = {".svg": lambda: self.svg(lang=words), ".html": lambda: self.html(lang),
                                   ".tex": lambda: self.steps(words).latex + "\n"}
        made = endings.get("." + str(path).rpartition(".")[2].lower())
        if made is None:
            raise UsageError(f"{str(path)!r} does not end in {', '.join(endings)}", "name a file such as J.svg")
        save(made(), path)

    def widget(self) -> Any:
        """The lesson in a notebook: sliders for inputs, steps, nudging; `.x` says where the sliders stand. Raises UsageError
        without anywidget."""
        from .show.notebook import widget

        return widget(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        from .show.notebook import bundle

        return bundle(self)


class Cost(_Cost):
    """J(parameters) = 1/m Σ L over m examples, as `L.over(…)` makes it: values and derivatives by name, programs, training.

    `inputs` are the names of the parameters, `m` is the number of examples, `data` what is read of them, and `notes` say what
    of it is not read as it was given.
    """

    def minimize(self, method: str = "auto", **options: Any) -> Fit:
        """Minimise J over its parameters, by "auto" or a method of the table in `dvar.descend.methods`; `dvar.descend.minimize`
        tells options: rate=, momentum=, nesterov=, batch=, steps=, tol=, l1=, l2=, penalize=, bounds=, start=, seed=, watch=."""
        from .models.coordinates import minimized

        return minimized(self, method, options)

    def gap(
        self, *args: Any, l1: float = 0.0, l2: float = 0.0, penalize: Iterable[str] | None = None, **parameters: Any
    ) -> float:
        """The duality gap at given parameters: by how much J, these penalties added, lies above its lowest, at the most; inf
        where that cannot be told from here.

        Of a convex loss of one w @ x and a free intercept, every weight penalised. Raises UsageError for others."""
        from .models.named import linear_maps
        from .vectorize.gap import gap

        given = self.bound(args, parameters)
        cost = self.sized(given)
        arrays = [n for n, v in cost.data.items() if len(v.shape) == 2]
        intercept = linear_maps(cost.loss, tuple(cost.data), arrays[0])[1] if len(arrays) == 1 else ""
        return gap(cost, cost.flat(given), *penalties(cost, l1, l2, penalize), intercept)

    def unrolled(self, examples: int = 3) -> Graph:
        """J of the first few examples as one graph of the parameters, the loss once for each: `.at(…)` draws and tells how their
        derivatives add up. Raises UsageError for more than there are, or than 100."""
        from .vectorize.few_examples import unrolled

        graph = unrolled(self, examples)
        return Graph(graph.nodes, graph.off)

    def svg(self, fold: Fold = None) -> str:
        """The picture of the loss of one example, with the data told from the parameters."""
        from .show.picture import svg

        return svg(self.loss, fold=fold, data={n: np.shape(v) for n, v in self.data.items() if n != self.weight})

    def _repr_svg_(self) -> str:
        return self.svg()


def merged(data: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Data as a mapping and by name, together. Raises UsageError where one is in both."""
    twice = set(data or {}).intersection(more)
    if twice:
        raise UsageError(f"the input {min(twice)!r} was given twice, in a mapping and by name")
    return {**(data or {}), **more}
