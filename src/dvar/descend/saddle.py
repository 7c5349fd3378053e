"""Away from a saddle or a maximum: where the slope is nothing and curvature is negative, the cost falls along that curvature.

The step is that of a region (Moré & Sorensen, SIAM J. Scientific and Statistical Computing 4, 1983), which shrinks until the cost
falls. Curvature that a Hessian does not tell is found by Lanczos' method, from its products with vectors (Golub & Van Loan,
Matrix Computations, 2013, 10.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .curvature import SINGULAR, Curvature, norm
from .objective import Point, Problem
from .region import ROUNDING
from .run import Outcome, Run

FALLS = 0.1  # of what the parabola promised
SMALLER = 30  # times that a region shrinks to a quarter
PRODUCTS = 30  # with the Hessian: curvature that shows in no more is little beside the largest
CERTAIN = 0.1  # of the negative curvature: a direction as near as this is one
TRIES = 4  # directions by chance, at the most, each both ways
AWAY, NEARBY = 0.1, 1e-3  # how far: along level directions, by the length of the parameters; beside a start
LEVEL = 1e-12  # of the steepest slope: one that holds nothing
LEAST = 1e-9  # of the cost is no rounding
NEGATIVE = 1e-6  # of the largest curvature: less is not told from none by products


def lower_beside(problem: Problem, now: Point, run: Run) -> Any:
    """A place where the cost is lower, (P,), by the negative curvature along what is at no kink and no bound; None where there is
    no such curvature, or rounding of the cost hides what it promises."""
    free = unheld(problem, now, run)
    curved = Curvature(problem.slope(now.theta, now.gradient)[free], now.hessian[np.ix_(free, free)])
    if not curved.indefinite:
        return None
    bend = -float(curved.spectrum[0][0])
    radius = max(norm(curved.roots * now.theta[free]), np.sqrt(abs(now.cost) / bend)) or 1.0
    for _ in range(SMALLER):
        step = curved.within(radius)
        if run.stopped or not step.promised > ROUNDING * abs(now.cost):
            break
        for way in (1, -1) if problem.bounded else (1,):
            theta = now.theta.copy()
            theta[free] += way * step.move
            if lower(problem, now, problem.inside(theta), FALLS * step.promised, run):
                return problem.inside(theta)
        radius = step.length / 4
    return None


def lower_where_level(problem: Problem, now: Point, run: Run, least: float = 0.0) -> Any:
    """A place where the cost is lower, (P,), by so much at the least, along directions without curvature, where only a third
    derivative, say, tells of a way down; None where none was found."""
    free = unheld(problem, now, run)
    curved = Curvature(now.gradient[free], now.hessian[np.ix_(free, free)])
    values, vectors, _ = curved.spectrum
    level = vectors[:, np.abs(values) <= SINGULAR * np.max(np.abs(values), initial=0.0)]
    rng, move = np.random.default_rng(0), np.zeros_like(now.theta)
    far = AWAY * max(norm(curved.roots * now.theta[free]), 1.0)
    for way in rng.normal(size=(min(TRIES, level.shape[1]), level.shape[1])) @ level.T:
        move[free] = far / norm(way) * way / curved.roots
        for theta in (problem.inside(now.theta + move), problem.inside(now.theta - move)):
            if not run.stopped and lower(problem, now, theta, max(least, LEAST * abs(now.cost), run.rounding), run):
                return theta
    return None


def lower_along_products(problem: Problem, now: Point, run: Run) -> Any:
    """The same where the Hessian is known by its products alone, and nothing is held."""
    value, direction = most_negative(problem, now.theta, run)
    if not value < 0:
        return None
    direction = direction * (-np.sign(now.gradient @ direction) or 1.0)
    length = max(norm(now.theta), np.sqrt(-abs(now.cost) / value)) or 1.0
    for _ in range(SMALLER):
        promised = -0.5 * value * length**2
        if run.stopped or not promised > ROUNDING * abs(now.cost):
            break
        theta = now.theta + length * direction
        if lower(problem, now, theta, FALLS * promised, run):
            return theta
        length /= 4
    return None


def most_negative(problem: Problem, theta: Any, run: Run) -> tuple[float, Any]:
    """The most negative curvature and its direction (P,), of length 1; 0 where none shows."""
    v = np.random.default_rng(0).normal(size=theta.size)
    basis = np.empty((min(PRODUCTS, theta.size), theta.size))
    diagonal, beside = list[float](), list[float]()
    for k in range(len(basis)):
        basis[k] = v / np.linalg.norm(v)
        v = problem.smooth.hessian_times(theta, basis[k])
        run.beside += 1
        diagonal.append(float(basis[k] @ v))
        for _ in range(2):  # once more: what rounding left
            v = v - basis[: k + 1].T @ (basis[: k + 1] @ v)
        rest = norm(v)
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
        largest, near = np.max(np.abs(values)), rest * abs(vectors[-1, 0])
        if values[0] < -NEGATIVE * largest and near <= -CERTAIN * values[0]:
            return float(values[0]), vectors[:, 0] @ basis[: k + 1]
        if run.stopped or not np.isfinite(rest) or rest <= 1e-12 * largest:
            break
        beside.append(rest)
    return 0.0, v


def lower(problem: Problem, now: Point, theta: Any, least: float, run: Run) -> bool:
    """Whether the cost at theta is lower by so much."""
    cost, _, slope = problem.at(theta)
    run.record(theta, cost, slope, 1.0, norm(theta - now.theta))
    return bool(cost < now.cost - least)


def unheld(problem: Problem, now: Point, run: Run) -> Any:
    """A mask (P,): at no kink and no bound, or at one without a slope that would hold it there."""
    theta, level = now.theta, np.abs(now.gradient) <= LEVEL * run.steepest
    inside = (theta > problem.lower) & (theta < problem.upper) | level & (problem.lower < problem.upper)
    return inside & ((theta != 0) | (problem.l1 == 0))


def lower_place(problem: Problem, start: Any, end: Outcome, run: Run, by_gradients: bool) -> Any:
    """A place (P,) where the cost is lower than where a solver ended as at an optimum, as it is beside a saddle, a maximum or a
    kink: looked for where it ended at the start, or, of methods that see no curvature, along what is negative."""
    if not end.converged or run.stopped or problem.smooth.convex:
        return None
    if np.array_equal(end.theta, start):
        return lower_nearby(problem, start, end.cost, run)
    if not by_gradients or problem.sparse or problem.bounded:
        return None
    return lower_along_products(problem, Point(end.theta, *problem.smooth.value_gradient(end.theta), None), run)


def lower_nearby(problem: Problem, theta: Any, cost: float, run: Run) -> Any:
    """A place where the cost is lower beside a point without a slope, which is then no optimum; None where none was found by a
    few steps both ways, by chance: where none of them changes the cost, the run is told of a plateau."""
    rng, alike = np.random.default_rng(0), True
    for way in rng.normal(size=(TRIES, theta.size)) * NEARBY * np.maximum(np.abs(theta), 1.0):
        for at in (problem.inside(theta + way), problem.inside(theta - way)):
            run.beside += 1
            beside = problem.smooth.value_gradient(at)[0] + problem.bends(at)
            if beside < cost - LEAST * abs(cost):
                return at
            alike = alike and beside == cost and not np.array_equal(at, theta)
    run.plateau = alike
    return None
