"""The table of methods, and which of them "auto" stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import UsageError, nearest
from .accelerated import accelerated
from .gradient_descent import gradient_descent
from .lbfgs import lbfgs
from .newton import newton
from .newton_cg import newton_cg
from .objective import Options, Problem, Sums
from .part import has_part
from .proximal import proximal_newton
from .run import Outcome, Run
from .smoothed import smoothed_newton
from .stochastic import adam, sgd
from .subsampled import subsampled_newton
from .working_set import working_set

Solver = Callable[[Problem, Any, Run, Options], Outcome]
MANY = 1000  # parameters: beyond, a Hessian of P² numbers costs more than it saves
CURVED = 200  # parameters: up to here one Hessian, example by example, costs no more than the gradients that it spares
STOCHASTIC = ("sgd", "adam")


class Method(NamedTuple):
    """A row of the table of methods: what it runs, what it needs of a cost and what it can be told."""

    solve: Solver
    steps: int  # unless told
    tol: float  # unless told
    takes: tuple[str, ...] = ()  # options beside steps, tol and l2
    hessian: bool = False
    by_gradients: bool = True  # the gradient's norm alone tells its end


METHODS = {
    "gradient-descent": Method(gradient_descent, 1000, 1e-7, ("rate", "momentum", "nesterov")),
    "newton": Method(newton, 300, 1e-9, (), True, False),
    "proximal-newton": Method(proximal_newton, 100, 1e-9, ("l1", "bounds"), True, False),
    "smoothed-newton": Method(smoothed_newton, 300, 1e-6, ("l1", "bounds"), True, False),
    "newton-cg": Method(newton_cg, 200, 1e-8, ("l1", "bounds")),
    "working-set": Method(working_set, 50, 1e-8, ("l1",), by_gradients=False),
    "subsampled-newton": Method(subsampled_newton, 5000, 1e-8, by_gradients=False),
    "l-bfgs": Method(lbfgs, 5000, 1e-7, ("bounds",)),
    "fista": Method(accelerated, 5000, 1e-7, ("l1", "bounds")),
    "sgd": Method(sgd, 20, 1e-7, ("rate", "momentum", "nesterov", "batch")),
    "adam": Method(adam, 20, 1e-7, ("rate", "batch")),
}


def sees_gradients(method: str, convex: bool) -> bool:
    """Whether a method sees of its end the gradient alone; of a convex cost a Hessian of a part of the rows tells enough."""
    return METHODS[method].by_gradients or (method == "subsampled-newton" and not convex)


def known(method: str) -> None:
    """Raises UsageError for a method that there is not."""
    if method != "auto" and method not in METHODS:
        raise UsageError(f"there is no method {method!r}{nearest(method, ('auto', *METHODS))}",
                         f"there are auto, {', '.join(METHODS)}")


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
    if method == "smoothed-newton" and cost.rounded is None:
        raise UsageError("smoothed-newton needs a loss known to be convex, with kinks such as those of abs, relu and maximum",
                         "take the method newton where there are none, l-bfgs where it is not convex")
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
    if second and cost.kinks() and not cost.bends():  # no Hessian tells of what bends at kinks alone
        if cost.rounded is not None:
            return "smoothed-newton"
        if not told:
            return "l-bfgs"
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
