"""minimize: pick a method, run it on a cost, answer a Fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from weakref import ref

import numpy as np

from ..errors import DvarError, UsageError
from ..vectorize.run import one_blas_thread
from .asked import checked, limits, penalties, starting_point
from .curvature import Curvature, norm
from .fit import End, Fit
from .methods import MANY, METHODS, STOCHASTIC, chosen, known, sees_gradients
from .objective import Objective, Options, Penalised, Point, Problem, Sums
from .run import NO_STEP, Outcome, Row, Run, stoppable
from .saddle import lower_place, lower_where_level

NO_OPTIMUM = ("stopped where the gradient is zero, but beside it the cost is lower (a saddle, a maximum or "
              "a kink): start elsewhere, with start or seed")
PLATEAU = "stopped on a plateau: around the start no parameter changes the cost; start elsewhere, with start or seed"
CRAWLS = ("stopped: the gradient's norm is {:.1e}, little beside that at the start, but the cost can fall by {:.1g} more: "
          "features are on scales too far apart for gradients alone; take the method newton, or measure them from their means, "
          "in units of their spreads")
KINKED = "; the loss has kinks ({}), and no gradient tells the way along one: {}"
ROUNDED = "take the method smoothed-newton"
ROUND_OFF = "round them off, as logcosh(r) does abs(r) and t*softplus(z/t) maximum(z, 0) with a small t"
DOUBT = 1e-6  # of the cost at the start, or what was asked for where that is more
NEWTON = ("newton", "proximal-newton")  # which believe a parabola
SADDLES = 10  # that a fit leaves at the most


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
    "proximal-newton", "newton-cg" or "fista", with l1 "working-set" (where most parameters end at zero); "smoothed-newton" for
    convex losses made of straight pieces, as of quantiles and hinges, also with l1 or bounds. "auto" takes the one that suits,
    and `fit.method` says which.

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
    known(method)
    checked(rate=rate, momentum=momentum, nesterov=nesterov, batch=batch, steps=steps, tol=tol, l1=l1, l2=l2, seed=seed)
    cost, given, end = begun(cost, start)
    theta = starting_point(cost, given, seed)
    l1s, l2s = penalties(cost, l1, l2, penalize)
    lower, upper = limits(cost, bounds)
    told = {"rate": rate != "auto", "momentum": momentum != 0, "nesterov": nesterov, "batch": batch is not None, "l1": l1 != 0,
            "bounds": bool(bounds)}
    auto, method = method == "auto", chosen(cost, method, {name for name, yes in told.items() if yes})
    problem = Problem(Penalised(cost, l2s) if l2 else cost, l1s, lower, upper, cost.m)
    theta = inside(problem, theta, start)
    one = METHODS[method]
    options = Options(int(steps or one.steps), float(one.tol if tol is None else tol), None if rate == "auto" else float(rate),
                      float(momentum), nesterov, int(batch or 0), int(seed or 0), seen_before(end, cost, problem, theta))
    near = end is not None or np.array_equal(theta, problem.zero)  # where a fit ended is not far out
    run = Run(watch, zero=None if near else problem.at_zero)
    # A rate too high is told, not warned of.
    with stoppable(run), one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        outcome = solved(method, problem, theta, run, options)
        if outcome.converged and sees_gradients(method, cost.convex) and cost.size <= MANY and cost.has_hessian():
            outcome = confirmed(problem, outcome, run, options)
        if outcome.converged and cost.kinks() and beside_kink(problem, method, outcome, run):
            outcome = run.no_step(run.history[-1].gradient, outcome.hessian)
        if auto and (other := elsewise(cost, method, outcome, patient=steps is None)):
            one = METHODS[other]  # from the start, as where Newton's steps ended is no way on
            again = options._replace(steps=int(steps or one.steps), tol=float(one.tol if tol is None else tol))
            found = solved(other, problem, theta, run, again)
            if found.converged or found.cost < outcome.cost:
                method, outcome = other, found
    if not np.isfinite(run.best_cost):
        first = run.history[0].cost
        why = cost.bad_rows() or "the loss is not defined there; give another start (start=, --start)"
        raise DvarError(f"the cost is {first} at the start", why)
    message = outcome.message + at_kinks(cost, outcome, method, patient=steps is None)
    return Fit(
        cost.named(outcome.theta), outcome.cost, outcome.converged, message, method, len(run.history) + run.beside,
        history=(*run.part, *run.history), seconds=run.history[-1].seconds,
        curvature=partial(hessian_at, problem.smooth, outcome.theta) if outcome.regular else outcome.hessian,
        flat=outcome.flat, regular=outcome.regular, told=told_of(rate, momentum, nesterov), program=cost.ran,
        end=ended_at(cost, problem.smooth, outcome.end),
    )


def begun(cost: Sums, start: Mapping[str, Any] | Fit | None) -> tuple[Sums, Mapping[str, Any] | None, End | None]:
    """The cost of parameters of the start's shapes, the start by name, and the end of the fit that it may be."""
    if start is None:
        return cost, None, None
    given = start.params if isinstance(start, Fit) else start
    if not isinstance(given, Mapping):
        raise UsageError(f"the start is {type(given).__name__}", f"give it by parameter: {', '.join(cost.inputs)}")
    return cost.sized(given), given, start.end if isinstance(start, Fit) else None


def seen_before(end: End | None, cost: Sums, problem: Problem, theta: Any) -> Point | None:
    """What a fit of this cost that ended there saw, by these penalties."""
    if end is None or end.cost() is not cost or not np.array_equal(end.place.theta, theta):
        return None
    return problem.smooth.seen(end.place) if isinstance(problem.smooth, Penalised) else end.place


def beside_kink(problem: Problem, method: str, outcome: Outcome, run: Run) -> bool:
    """Whether a slope is left that Newton's parabola, steep beside a kink as of hypot, takes for an optimum's."""
    left = run.history[-1].gradient
    if method not in NEWTON or left <= DOUBT * run.small or left * norm(outcome.theta) <= DOUBT * abs(outcome.cost):
        return False
    run.beside += 1
    return left > DOUBT * problem.at_zero()[1]  # beside a start at the optimum any slope looks large


def elsewise(cost: Sums, method: str, outcome: Outcome, patient: bool) -> str:
    """The method that begins anew where Newton's steps ended short of an optimum; "" where none does."""
    if outcome.converged or method not in NEWTON:
        return ""
    if at_kinks(cost, outcome, method, patient):
        if cost.rounded is not None:
            return "smoothed-newton"
        if method == "newton":
            return "l-bfgs"  # what it takes for curvature bends at kinks, too (Lewis & Overton, Math. Programming 141, 2013)
    held = method == "proximal-newton" and patient and NO_STEP in outcome.message
    return "newton-cg" if held else ""  # whose region holds steps where few rows bend, as of Huber's loss


def at_kinks(cost: Sums, outcome: Outcome, method: str, patient: bool) -> str:
    """Why no step lowers the cost of a loss with kinks, or so many do not suffice; "" where another reason is likelier."""
    ended = NO_STEP in outcome.message or (patient and outcome.message.startswith("did "))
    kinks = cost.kinks() if not outcome.converged and ended and method != "smoothed-newton" else ()
    able = kinks and cost.has_hessian() and cost.rounded is not None
    return KINKED.format(", ".join(kinks), ROUNDED if able else ROUND_OFF) if kinks else ""


def solved(method: str, problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    """How a method ends; where that is a saddle, it begins again beside it, some times."""
    outcome, left = METHODS[method].solve(problem, theta, run, options), 0
    gradients = sees_gradients(method, problem.smooth.convex)
    while (beside := lower_place(problem, theta, outcome, run, gradients)) is not None:
        if left == SADDLES or method in STOCHASTIC:
            return outcome._replace(converged=False, message=NO_OPTIMUM)
        theta, run.left_saddle, left = beside, True, left + 1
        outcome = METHODS[method].solve(problem, theta, run, options)
    return outcome._replace(converged=False, message=PLATEAU) if run.plateau else outcome


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
    return outcome._replace(converged=False, message=CRAWLS.format(norm(gradient), left))


def hessian_at(smooth: Objective, theta: Any) -> Any:
    return smooth.value_gradient_hessian(theta)[2]


def told_of(rate: float | str, momentum: float, nesterov: bool) -> str:
    told = [f"rate {rate:g}"] if rate != "auto" else []
    told += [f"momentum {momentum:g}"] if momentum else []
    return ", ".join(told + ["Nesterov"] * nesterov)


def inside(problem: Problem, theta: Any, start: Any) -> Any:
    """The start within the bounds; one that was given must lie there."""
    clipped = problem.inside(theta)
    if start is not None and not np.array_equal(clipped, theta, equal_nan=True):
        raise UsageError("the start lies outside the bounds", "give a start between them, or leave it out")
    return clipped
