"""Steps near an optimum by gradients alone: the Hessian is kept, corrected by what the gradients show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .curvature import Curvature, norm
from .objective import EPSILON, Point, Problem
from .run import Outcome, Run

PATIENT = 10  # steps by gradients alone that may be left; where there are more, a Hessian costs less
FINE = 1e-3  # of what is asked for: steps by gradients alone cost little, and the kept Hessian tells what is left by some digits


class Kept(NamedTuple):
    """Where steps by gradients alone ended."""

    theta: Any
    cost: float
    gradient: Any
    left: float  # what the cost can fall by
    done: bool  # that is as little as asked


def kept_curvature(problem: Problem, now: Point, curved: Curvature, run: Run, enough: float, steps: Iterator[int]) -> Kept:
    """Steps near the optimum by gradients alone: the Hessian stays, corrected by what the gradients show (L-BFGS), while few are
    left to go at the pace of the last, and `steps` are."""
    theta, cost, gradient = now.theta, now.cost, now.gradient
    pairs: list[tuple[Any, Any]] = []
    left = curved.left(gradient)
    while left > enough and not run.stopped and next(steps, None) is not None:
        move = -quasi(curved, pairs, gradient)
        new_cost, new_gradient = problem.smooth.value_gradient(theta + move)
        run.record(theta + move, new_cost, new_gradient, 1.0, norm(move))
        turned = new_gradient - gradient
        rest, rounding = curved.left(new_gradient), max(EPSILON * abs(cost), run.rounding if left <= run.rounding else 0.0)
        if not new_cost <= cost + rounding or not rest < left or not float(move @ turned) > 0:
            break
        theta, cost, gradient, before, left = theta + move, new_cost, new_gradient, left, rest
        if slow(left, before, enough, PATIENT):
            break
        pairs.append((move, turned))
    return Kept(theta, cost, gradient, left, left <= enough)


def slow(left: float, before: float, enough: float, patient: float) -> bool:
    """Whether more steps than that are left, at the pace of the last, until the cost can fall by as little as is enough."""
    return left > enough and bool(np.log(left / enough) > patient * np.log(before / left))


def ended(kept: Kept) -> Outcome:
    """An optimum that gradients tell; the Hessian, which was near enough to go there by, is not that of this place."""
    said = f"converged: the gradient's norm is {norm(kept.gradient):.1e}, the cost can fall by at most {abs(kept.left):.0e} more"
    return Outcome(kept.theta, kept.cost, True, said, regular=True)


def quasi(curved: Curvature, pairs: list[tuple[Any, Any]], gradient: Any) -> Any:
    """The inverse Hessian times the gradient, corrected by pairs of moves and turns of the gradient (Nocedal & Wright, 7.4)."""
    shares = []
    for move, turned in reversed(pairs):
        share = float(move @ gradient) / float(move @ turned)
        gradient = gradient - share * turned
        shares.append(share)
    found = curved.solved(gradient)
    for (move, turned), share in zip(pairs, reversed(shares)):
        found = found + (share - float(turned @ found) / float(move @ turned)) * move
    return found


def corrected(hessian: Any, move: Any, turned: Any) -> Any:
    """The Hessian itself, corrected by a move and the turn of the gradient (BFGS: Nocedal & Wright, 6.1)."""
    bent = hessian @ move
    if not (float(move @ turned) > 0 and float(move @ bent) > 0):
        return hessian
    return hessian + np.outer(turned, turned) / float(move @ turned) - np.outer(bent, bent) / float(move @ bent)
