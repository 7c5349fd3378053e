"""Newton's method with l1 and bounds: proximal Newton (Lee, Sun & Saunders, SIAM J. Optimization 24, 2014).

Each pass gives a parabola; the step goes to the minimum of parabola + l1·|θ| within the bounds, in which zeros are exact, and is
shortened until the cost falls. That minimum is found by guessing which parameters are at a kink (zero, or a bound), solving for
the others and mending the guess: a few factorisations, exact to rounding. Where guesses go round in circles, coordinates are
minimised one by one (Friedman, Hastie & Tibshirani, J. Statistical Software 33, 2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .objective import Options, Outcome, Problem, Run

GUESSES = 30  # of what is free, before coordinates are taken one by one
SWEEPS = 200
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
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    linear = gradient - hessian @ theta  # the parabola is linear·u + ½uᵀHu
    u = problem.nearest(theta - gradient / np.diag(hessian), 1.0 / np.diag(hessian))
    l1, lower, upper = problem.l1, problem.lower, problem.upper
    kinks = l1 > 0
    seen: set[bytes] = set()
    for _ in range(GUESSES):
        slope = linear + hessian @ u
        fixed = (u <= lower) & (slope + l1 * np.sign(u) >= 0) | (u >= upper) & (slope + l1 * np.sign(u) <= 0)
        fixed |= kinks & (u == 0) & (np.abs(slope) <= l1)
        sign = np.where(u != 0, np.sign(u), -np.sign(slope)) * kinks
        guess = fixed.tobytes() + sign.tobytes()
        if guess in seen:
            break
        seen.add(guess)
        free = np.flatnonzero(~fixed)
        solved = np.where(fixed, u, 0.0)
        if len(free):
            part = hessian[np.ix_(free, free)]
            right = -(linear[free] + l1[free] * sign[free] + hessian[free] @ solved)
            try:
                solved[free] = cho_solve(cho_factor(part, lower=True, check_finite=False), right, check_finite=False)
            except LinAlgError:
                break
        crossed = kinks & ~fixed & (np.sign(solved) != sign) & (sign != 0)
        solved = np.clip(np.where(crossed, 0.0, solved), lower, upper)
        if optimal(problem, solved, linear + hessian @ solved, hessian):
            return solved
        u = solved
    return by_coordinates(problem, linear, hessian, u)


def optimal(problem: Problem, u: Any, slope: Any, hessian: Any) -> bool:
    """Whether no coordinate wants to move, to rounding."""
    diagonal = np.diag(hessian)
    wanted = problem.nearest(u - slope / diagonal, 1.0 / diagonal) - u
    roots = np.sqrt(diagonal)
    return bool(np.max(np.abs(wanted) * roots, initial=0.0) <= 1e-11 * max(np.max(np.abs(u) * roots, initial=0.0), 1e-300))


def by_coordinates(problem: Problem, linear: Any, hessian: Any, u: Any) -> Any:
    u, diagonal = u.copy(), np.diag(hessian)
    slope = linear + hessian @ u
    for _ in range(SWEEPS):
        moved = 0.0
        for j in range(len(u)):
            aim = u[j] - slope[j] / diagonal[j]
            aim = np.sign(aim) * max(abs(aim) - problem.l1[j] / diagonal[j], 0.0)
            aim = min(max(aim, problem.lower[j]), problem.upper[j])
            change = aim - u[j]
            if change:
                slope += change * hessian[j]
                u[j] = aim
                moved = max(moved, abs(change) * float(np.sqrt(diagonal[j])))
        if moved <= 1e-10 * max(float(np.max(np.abs(u) * np.sqrt(diagonal))), 1e-300):
            break
    return u
