"""minimize: pick a method, run it on a cost, answer a Fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol
from weakref import ref

import numpy as np

from ..errors import DvarError, UsageError, many, nearest
from ..vectorize.run import one_blas_thread
from .accelerated import accelerated
from .asked import checked, limits, penalties, starting_point
from .curvature import Curvature
from .gradient_descent import gradient_descent
from .lbfgs import lbfgs
from .newton import newton
from .newton_cg import newton_cg
from .objective import Objective, Options, Outcome, Penalised, Point, Problem, Row, Run, Solver, stoppable
from .part import has_part
from .proximal import proximal_newton
from .saddle import lower_place, lower_where_level
from .stochastic import adam, sgd
from .subsampled import subsampled_newton
from .working_set import working_set


class Method(NamedTuple):
    """A row of the table of methods: what it runs, what it needs of a cost and what it can be told."""

    solve: Solver
    steps: int  # unless told
    tol: float  # unless told
    takes: tuple[str, ...] = ()  # options beside steps, tol and l2
    hessian: bool = False


METHODS = {
    "gradient-descent": Method(gradient_descent, 1000, 1e-7, ("rate", "momentum", "nesterov")),
    "newton": Method(newton, 300, 1e-9, (), True),
    "proximal-newton": Method(proximal_newton, 100, 1e-9, ("l1", "bounds"), True),
    "newton-cg": Method(newton_cg, 200, 1e-8, ("l1", "bounds")),
    "working-set": Method(working_set, 50, 1e-8, ("l1",)),
    "subsampled-newton": Method(subsampled_newton, 5000, 1e-8),
    "l-bfgs": Method(lbfgs, 5000, 1e-7, ("bounds",)),
    "fista": Method(accelerated, 5000, 1e-7, ("l1", "bounds")),
    "sgd": Method(sgd, 20, 1e-7, ("rate", "momentum", "nesterov", "batch")),
    "adam": Method(adam, 20, 1e-7, ("rate", "batch")),
}
NO_OPTIMUM = ("stopped where the gradient is zero, but beside it the cost is lower (a saddle, a maximum or "
              "a kink): start elsewhere, with start or seed")
CRAWLS = ("stopped: the gradient's norm is {:.1e}, little beside that at the start, but the cost can fall by {:.1g} more: "
          "features are on scales too far apart for gradients alone; take the method newton, or measure them from their means, "
          "in units of their spreads")
BY_GRADIENTS = ("gradient-descent", "newton-cg", "l-bfgs", "fista", "sgd", "adam")
DOUBT = 1e-6  # of the cost at the start, or what was asked for where that is more
STOCHASTIC = ("sgd", "adam")
SADDLES = 10  # that a fit leaves at the most
MANY = 1000  # parameters: beyond, a Hessian of P² numbers costs more than it saves
CURVED = 200  # parameters: up to here one Hessian, example by example, costs no more than the gradients that it spares


class Sums(Objective, Protocol):
    """What is minimised: an Objective that knows its parameters by name."""

    inputs: tuple[str, ...]
    sizes: dict[str, tuple[int, ...]]
    m: int

    @property
    def ran(self) -> str: ...
    @property
    def met(self) -> dict[str, str]: ...
    @property
    def places(self) -> dict[str, slice]: ...
    @property
    def size(self) -> int: ...
    def sized(self, parameters: Mapping[str, Any]) -> Sums: ...
    def flat(self, parameters: Mapping[str, Any]) -> Any: ...
    def named(self, theta: Any) -> dict[str, Any]: ...
    def has_hessian(self) -> bool: ...
    def has_curves(self) -> bool: ...
    def has_products(self) -> bool: ...
    def zero_is_saddle(self) -> str: ...
    def bad_rows(self) -> str: ...


class End(NamedTuple):
    """What a fit saw of the cost, without penalties, where it ended; the curvature is as near as it took to get there."""

    cost: ref[Sums]  # so that a fit does not keep the data
    place: Point


@dataclass(frozen=True, repr=False)
class Fit:
    """What was learned, and how it was reached."""

    params: dict[str, Any]
    cost: float  # of the objective, its penalty included
    converged: bool
    message: str
    method: str
    passes: int  # over the data
    history: tuple[Row, ...]  # a row a pass; where a run begins with a part of the examples, of passes over these too
    seconds: float
    curvature: Any = None  # the Hessian at the end (P, P), or a function that asks for it; None where the method needs none
    flat: tuple[int, ...] = ()  # positions of parameters without a finite optimum
    regular: bool = False  # the cost is curved along every direction, as the method has seen
    told: str = ""  # the rate and momentum that were asked for
    program: str = ""  # that ran over the data: "numpy", or "fused" where compiling it was worth it
    end: End | None = None  # for a fit that starts here; where the method tells of it

    @cached_property
    def hessian(self) -> Any:
        """The Hessian at the end, (P, P), where the method works with it, else None; where the end was told by gradients this
        takes a pass over the data, when it is first asked for. A pickled fit has what was asked for before."""
        return self.curvature() if callable(self.curvature) else self.curvature

    @property
    def whole(self) -> tuple[Row, ...]:
        """The history of the passes over all examples, whose costs can be compared."""
        return tuple(row for row in self.history if row.share == 1.0)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"end": None} | ({"curvature": vars(self).get("hessian")} if callable(self.curvature) else {})

    def plot(self, *others: Fit, ax: Any = None) -> Any:
        """The cost above the best one reached, by pass, on a logarithmic scale; other fits of the same cost beside it.

        Answers Matplotlib's axes, drawn on `ax` where one is given. Raises UsageError where Matplotlib is not installed."""
        from .plot import plot

        return plot((self, *others), ax)

    def __repr__(self) -> str:
        passes = many(self.passes, "pass")
        return f"<Fit: cost {self.cost:.10g} by {self.method} in {passes}, {self.seconds:.3f} s; {self.message}>"

    def _repr_html_(self) -> str:
        from ..show.notebook import fit_html

        return fit_html(self)


def minimize(
    cost: Sums,
    method: str = "auto",
    *,
    rate: float | str = "auto",
    momentum: float = 0.0,
    nesterov: bool = False,
    batch: int | None = None,
    steps: int | None = None,
    tol: float | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    penalize: Iterable[str] | None = None,
    bounds: Mapping[str, Any] | None = None,
    start: Mapping[str, Any] | Fit | None = None,
    seed: int | None = None,
    watch: Callable[[Row], None] | None = None,
) -> Fit:
    """Minimise a cost over its parameters.

    `method`: "newton" (a Hessian each pass), "subsampled-newton" (one, of a part of the rows), "newton-cg" (its products with
    vectors), "l-bfgs", "gradient-descent"; "sgd" and "adam" (a step for each batch of rows); with l1 or bounds
    "proximal-newton", "newton-cg" or "fista", with l1 "working-set" (where most parameters end at zero). "auto" takes the one
    that suits, and `fit.method` says which.

    `rate`: the learning rate of gradient descent, sgd and adam, a number or "auto". `momentum`: the share of the last step that
    is taken again. `nesterov`: steps are accelerated, and start anew where that leads uphill. `batch`: the rows that a step of
    sgd or adam reads. `steps`: so many at the most; of sgd and adam, epochs. `tol`: the gradient's norm, as a share of that at
    the start, which ends it; in Newton's methods it ends where the cost can fall by no more than tol² of itself.

    `l2` adds l2/2·‖·‖² and `l1` l1·‖·‖₁ of the vectors and matrices, or of the parameters named in `penalize`. `bounds`:
    (lowest, highest) by name, as {"w": (0, inf)}. `start` gives parameters by name, or is a Fit: one of the same cost, at a
    neighbouring penalty, tells "proximal-newton" the curvature too. `seed` draws them, and the order of batches. `watch` is
    called with the Row of each pass over all rows.

    Raises UsageError for what cannot be meant, DvarError where the cost is not finite at the start.
    """
    if method != "auto" and method not in METHODS:
        raise UsageError(f"there is no method {method!r}{nearest(method, ('auto', *METHODS))}",
                         f"there are auto, {', '.join(METHODS)}")
    checked(rate=rate, momentum=momentum, nesterov=nesterov, batch=batch, steps=steps, tol=tol, l1=l1, l2=l2, seed=seed)
    end = start.end if isinstance(start, Fit) else None
    if start is not None:
        start = start.params if isinstance(start, Fit) else start
        if not isinstance(start, Mapping):
            raise UsageError(f"the start is {type(start).__name__}", f"give it by parameter: {', '.join(cost.inputs)}")
        cost = cost.sized(start)
    theta = starting_point(cost, start, seed)
    l1s, l2s = penalties(cost, l1, l2, penalize)
    lower, upper = limits(cost, bounds)
    told = {"rate": rate != "auto", "momentum": momentum != 0, "nesterov": nesterov, "batch": batch is not None, "l1": l1 != 0,
            "bounds": bool(bounds)}
    method = chosen(cost, method, {name for name, given in told.items() if given})
    problem = Problem(Penalised(cost, l2s) if l2 else cost, l1s, lower, upper, cost.m)
    theta = inside(problem, theta, start)
    one = METHODS[method]
    known = end.place if end and end.cost() is cost and np.array_equal(end.place.theta, theta) else None
    if known is not None and isinstance(problem.smooth, Penalised):
        known = problem.smooth.seen(known)
    options = Options(int(steps or one.steps), float(one.tol if tol is None else tol), None if rate == "auto" else float(rate),
                      float(momentum), nesterov, int(batch or 0), int(seed or 0), known)
    near = end is not None or np.array_equal(theta, problem.zero)  # where a fit ended is not far out
    run = Run(watch, zero=None if near else problem.at_zero)
    # A rate too high is told, not warned of.
    with stoppable(run), one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        outcome = solved(method, problem, theta, run, options)
        if outcome.converged and method in BY_GRADIENTS and cost.size <= MANY and cost.has_hessian():
            outcome = confirmed(problem, outcome, run, options)
    if not np.isfinite(run.best_cost):
        first = run.history[0].cost
        why = cost.bad_rows() or "the loss is not defined there; give another start (start=, --start)"
        raise DvarError(f"the cost is {first} at the start", why)
    return Fit(cost.named(outcome.theta), outcome.cost, outcome.converged, outcome.message, method,
               len(run.history) + run.beside, (*run.part, *run.history), run.history[-1].seconds,
               partial(hessian_at, problem.smooth, outcome.theta) if outcome.regular else outcome.hessian, outcome.flat,
               outcome.regular, told_of(rate, momentum, nesterov), cost.ran, ended_at(cost, problem.smooth, outcome.end))


def solved(method: str, problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    """How a method ends; where that is a saddle, it begins again beside it, some times."""
    outcome, left = METHODS[method].solve(problem, theta, run, options), 0
    while (beside := lower_place(problem, theta, outcome, run, method in BY_GRADIENTS)) is not None:
        if left == SADDLES or method in STOCHASTIC:
            return outcome._replace(converged=False, message=NO_OPTIMUM)
        theta, run.left_saddle, left = beside, True, left + 1
        outcome = METHODS[method].solve(problem, theta, run, options)
    return outcome


def ended_at(cost: Sums, smooth: Objective, end: Point | None) -> End | None:
    if end is None:
        return None
    return End(ref(cost), smooth.seen(end, -1.0) if isinstance(smooth, Penalised) else end)


def confirmed(problem: Problem, outcome: Outcome, run: Run, options: Options) -> Outcome:
    """An end that the gradient's norm alone told: beside the start's it is small too where one feature's numbers are large and
    the others' slopes drown in its slope. The Hessian tells, by a pass more."""
    if problem.sparse or problem.bounded:
        return outcome
    gradient, hessian = problem.smooth.value_gradient_hessian(outcome.theta)[1:]
    run.beside += 1
    if not np.isfinite(hessian).all():
        return outcome
    little = max(DOUBT, options.tol) * max(abs(run.usual[0]), abs(outcome.cost))
    now = Point(outcome.theta, outcome.cost, gradient, hessian)
    if not problem.smooth.convex and lower_where_level(problem, now, run, little) is not None:
        return outcome._replace(converged=False, message=NO_OPTIMUM)
    left = Curvature(gradient, hessian).whole().promised
    if left <= little:
        return outcome
    return outcome._replace(converged=False, message=CRAWLS.format(float(np.linalg.norm(gradient)), left))


def hessian_at(smooth: Objective, theta: Any) -> Any:
    return smooth.value_gradient_hessian(theta)[2]


def told_of(rate: float | str, momentum: float, nesterov: bool) -> str:
    told = [f"rate {rate:g}"] if rate != "auto" else []
    told += [f"momentum {momentum:g}"] if momentum else []
    return ", ".join(told + ["Nesterov"] * nesterov)


def chosen(cost: Sums, method: str, told: set[str]) -> str:
    """The method that "auto" stands for; one that was named must take what it is told and find what it needs."""
    if method == "auto":
        return automatic(cost, told)
    wrong = sorted(told - set(METHODS[method].takes))
    if wrong:
        able = [name for name, one in METHODS.items() if told <= set(one.takes)]
        raise UsageError(f"the method {method} has no {wrong[0]}",
                         f"leave it out, or take the method {' or '.join(able)}" if able else "leave it out")
    if METHODS[method].hessian and not cost.has_hessian():
        raise UsageError("Newton needs a loss whose vectors of parameters meet the data only as w @ x",
                         "take the method l-bfgs or newton-cg, which need gradients only")
    if method == "working-set" and not cost.met:
        raise UsageError("a working set needs vectors of parameters that meet columns of numbers only as w @ x",
                         "take the method newton-cg or fista")
    return method


def automatic(cost: Sums, told: set[str]) -> str:
    """Newton where the Hessian is of moderate size, else what does without one."""
    if told & {"rate", "momentum", "nesterov"}:
        return chosen(cost, "gradient-descent", told)
    if "batch" in told:
        return chosen(cost, "adam", told)
    second = cost.size <= MANY and cost.has_hessian()
    if "l1" in told:
        return "proximal-newton" if second else "newton-cg" if "bounds" in told or not cost.met else "working-set"
    if "bounds" in told:
        return "proximal-newton" if second else "l-bfgs"
    if second:
        return "newton"
    curved = cost.size <= CURVED or (cost.size <= MANY and has_part(cost.m, cost.size))
    if curved and cost.convex and cost.has_curves():
        return "subsampled-newton"
    return "newton-cg" if cost.has_products() else "l-bfgs"


def inside(problem: Problem, theta: Any, start: Any) -> Any:
    """The start within the bounds; one that was given must lie there."""
    clipped = problem.inside(theta)
    if start is not None and not np.array_equal(clipped, theta, equal_nan=True):
        raise UsageError("the start lies outside the bounds", "give a start between them, or leave it out")
    return clipped
