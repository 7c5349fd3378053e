"""Newton's method with l1 and bounds: proximal Newton (Lee, Sun & Saunders, SIAM J. Optimization 24, 2014).

Each pass gives a parabola; the step goes to the minimum of parabola + l1·|θ| within the bounds, in which zeros are exact, and is
shortened until the cost falls. That minimum is found by guessing which parameters are at a kink (zero, or a bound), solving for
the others and mending the guess: a few factorisations, exact to rounding. Where guesses go round in circles the kinks are met
one by one, as in any active-set method for parabolas (Nocedal & Wright, Numerical Optimization, 2006, 16.5).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .objective import ALMOST, Options, Outcome, Problem, Run

GUESSES = 30  # of what is free, before kinks are met one by one
RIDGE = 1e-11  # of the diagonal: makes a singular parabola one that can be solved


def proximal_newton(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    cost, gradient, hessian = whole(problem, theta)
    slope = run.record(theta, cost, problem.slope(theta, gradient), 0.0)
    size, enough = abs(cost), options.tol**2
    for _ in range(options.steps):
        if not (np.isfinite(cost) and np.isfinite(hessian).all()):
            return run.kept(False, f"stopped: the cost is {cost} or its derivatives are not finite")
        move = minimum(problem, theta, gradient, definite(hessian)) - theta
        bent = problem.bends(theta + move) - problem.bends(theta)
        downhill = float(gradient @ move) + bent  # at most −moveᵀ·H·move: what a short step is judged by
        promised = -(downhill + 0.5 * float(move @ hessian @ move))
        if max(promised, -0.5 * downhill) <= enough * max(size, abs(cost)):
            return finished(problem, theta, cost, gradient, hessian, promised)
        if run.stopped:
            return run.kept(False, "stopped on request", hessian)
        share = 1.0
        while True:
            tried = problem.inside(theta + share * move) if share < 1 else theta + move
            new = whole(problem, tried)
            slope = run.record(tried, new[0], problem.slope(tried, new[1]), share, share * float(np.linalg.norm(move)))
            if new[0] <= cost + 1e-4 * share * downhill or (-downhill < 1e-12 * abs(cost) and new[0] <= cost + 1e-15 * abs(cost)):
                break
            if promised <= ALMOST * abs(cost) and share < 1e-3 and not run.stopped:  # what is left is rounding of the cost
                return finished(problem, theta, cost, gradient, hessian, promised)
            if share < 1e-10 or run.stopped:
                return run.kept(False, "stopped on request" if run.stopped else
                                f"stopped: no step lowers the cost any more; the gradient's norm is {slope:.1e}", hessian)
            share /= 2
        theta, (cost, gradient, hessian) = tried, new
    return run.kept(False, f"did {options.steps:,} steps; the gradient's norm is {slope:.1e}", hessian)


def whole(problem: Problem, theta: Any) -> tuple[float, Any, Any]:
    cost, gradient, hessian = problem.smooth.value_gradient_hessian(theta)
    return cost + problem.bends(theta), gradient, hessian


def finished(problem: Problem, theta: Any, cost: float, gradient: Any, hessian: Any, promised: float) -> Outcome:
    norm = np.linalg.norm(problem.slope(theta, gradient))
    said = f"converged: the gradient's norm is {norm:.1e}, the cost can fall by at most {max(promised, 0.0):.0e} more"
    zeros = int(np.sum((theta == 0) & (problem.l1 > 0)))
    if problem.sparse:
        said += f"; {zeros:,} of {int(np.sum(problem.l1 > 0)):,} penalised parameters are zero"
    at_bound = int(np.sum((theta <= problem.lower) | (theta >= problem.upper)))
    if problem.bounded:
        said += f"; {at_bound:,} at a bound"
    return Outcome(theta, cost, True, said, hessian)


def definite(hessian: Any) -> Any:
    """The Hessian, its negative curvature taken with its sign changed, and enough on the diagonal to be solved."""
    from scipy.linalg.lapack import dpotrf

    diagonal = np.diag(hessian)
    lifted = hessian + np.diag(RIDGE * np.abs(diagonal) + RIDGE * RIDGE * np.max(np.abs(diagonal), initial=1e-300))
    if not dpotrf(lifted, lower=1)[1]:
        return lifted
    values, vectors = np.linalg.eigh(hessian)
    return (vectors * np.maximum(np.abs(values), RIDGE * np.max(np.abs(values), initial=1e-300))) @ vectors.T


def minimum(problem: Problem, theta: Any, gradient: Any, hessian: Any) -> Any:
    """argmin over u of gradient·(u − θ) + ½(u − θ)ᵀH(u − θ) + l1·|u| within the bounds; H positive definite."""
    linear = gradient - hessian @ theta  # the parabola is linear·u + ½uᵀHu
    u = problem.nearest(theta - gradient / np.diag(hessian), 1.0 / np.diag(hessian))
    l1, kinks = problem.l1, problem.l1 > 0
    seen: set[bytes] = set()
    for _ in range(GUESSES):
        slope = linear + hessian @ u
        fixed = (u <= problem.lower) & (slope + l1 * np.sign(u) >= 0) | (u >= problem.upper) & (slope + l1 * np.sign(u) <= 0)
        fixed |= kinks & (u == 0) & (np.abs(slope) <= l1)
        sign = np.where(u != 0, np.sign(u), -np.sign(slope)) * kinks
        guess = fixed.tobytes() + sign.tobytes()
        if guess in seen:
            break
        seen.add(guess)
        solved = solved_for(~fixed, sign * l1 + linear, hessian, u)
        crossed = kinks & ~fixed & (np.sign(solved) != sign) & (sign != 0)
        u = problem.inside(np.where(crossed, 0.0, solved))
        if optimal(problem, u, linear + hessian @ u, hessian):
            return u
    return one_by_one(problem, linear, hessian, u)


def solved_for(free: Any, linear: Any, hessian: Any, u: Any) -> Any:
    """The minimum of linear·u + ½uᵀHu along what is free, the others as they are."""
    from scipy.linalg import cho_factor, cho_solve

    at, solved = np.flatnonzero(free), np.where(free, 0.0, u)
    if len(at):
        factor = cho_factor(hessian[np.ix_(at, at)], lower=True, check_finite=False)
        solved[at] = cho_solve(factor, -(linear[at] + hessian[at] @ solved), check_finite=False)
    return solved


def optimal(problem: Problem, u: Any, slope: Any, hessian: Any) -> bool:
    """Whether no coordinate wants to move, to rounding."""
    diagonal = np.diag(hessian)
    wanted = problem.nearest(u - slope / diagonal, 1.0 / diagonal) - u
    roots = np.sqrt(diagonal)
    return bool(np.max(np.abs(wanted) * roots, initial=0.0) <= 1e-11 * max(np.max(np.abs(u) * roots, initial=0.0), 1e-300))


def one_by_one(problem: Problem, linear: Any, hessian: Any, u: Any) -> Any:
    """The same minimum: towards that of what is free, up to the first kink or bound on the way, which then holds; at the minimum
    the one that is held hardest against its slope is let go."""
    l1, kinks, roots = problem.l1, problem.l1 > 0, np.sqrt(np.diag(hessian))
    free = ~(kinks & (u == 0) | (u <= problem.lower) | (u >= problem.upper))
    sign = np.sign(u) * kinks
    for _ in range(20 * len(u) + 20):
        solved = solved_for(free, sign * l1 + linear, hessian, u)
        ends = np.clip(np.where(kinks & (solved * sign < 0), 0.0, solved), problem.lower, problem.upper)
        stopped = free & (ends != solved)
        if stopped.any():
            shares = np.where(stopped, (ends - u) / np.where(stopped, solved - u, 1.0), np.inf)
            share = np.min(shares)
            first = shares <= share
            u = np.where(first, ends, u + share * (solved - u))
            free = free & ~first
            sign = np.where(first, np.sign(u), sign) * kinks
            continue
        u = solved
        held = np.where(free, 0.0, problem.slope(u, linear + hessian @ u) / roots)
        j = int(np.argmax(np.abs(held)))
        if free.all() or abs(held[j]) <= 1e-12 * np.max((np.abs(linear) + np.abs(hessian) @ np.abs(u)) / roots):
            break
        free[j], sign[j] = True, kinks[j] * (np.sign(u[j]) or -np.sign(held[j]))
    return u
