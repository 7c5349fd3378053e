"""Newton's method with the Hessian of a part of the rows (Roosta-Khorasani & Mahoney, Mathematical Programming 174, 2019), where
one of all would cost as much as all else: the part's optimum by L-BFGS, one Hessian there, and from there steps of all rows by
gradients alone, which correct it (BFGS). What tells the optimum is the gradient, of all rows, by that Hessian.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .curvature import Curvature, norm
from .endings import GONE, lost, without_curvature
from .kept import FINE, Kept, ended, quasi
from .lbfgs import lbfgs
from .objective import Options, Point, Problem
from .part import part_of
from .region import ROUNDING
from .run import Outcome, Run

ROUGH = 1e-3  # of the gradient at the start is left at the part's optimum, which is that of all rows to a few digits only
CERTAIN = 1e-7  # as L-BFGS ends, which goes on where the steps by that Hessian do not
PAIRS = 50  # of the last steps and gradients that correct the Hessian
ENOUGH = 1e-4  # of the fall that the slope promises


def subsampled_newton(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    some = part_of(problem, len(theta))
    part, count = some or (problem.smooth, problem.examples)
    within = Run() if some else run
    rough = lbfgs(replace(problem, smooth=part, examples=count), theta, within, options._replace(tol=ROUGH))
    if run.stopped:
        return rough
    at = rough.theta
    _, slope, hessian = part.value_gradient_hessian(at)
    tells = np.isfinite(hessian).all() and (np.diag(hessian) > 0).all()  # of every parameter
    passes = len(within.history)
    if some:
        run.begun(within, count / problem.examples)
    run.beside += 1  # for the Hessian
    curved, little = Curvature(slope, hessian), GONE * abs(within.usual[0])
    kept = stepped(problem, at, curved, run, options if tells else options._replace(steps=0), little)
    flat: tuple[int, ...] = ()
    if tells and not kept.done and 0 < kept.cost <= little:
        first, now = (part.value_gradient_hessian(one)[2] for one in (theta, kept.theta))
        run.beside += 2
        end = Point(kept.theta, kept.cost, kept.gradient, now)
        flat = without_curvature(problem, end, Point(theta, within.history[0].cost, slope, first), run)[0]
        kept = kept if flat else stepped(problem, kept.theta, curved, run, options)
    if flat:
        found = lost(end, flat)._replace(hessian=None)
    elif kept.done:
        found = ended(kept)._replace(regular=False)
    else:
        share = within.small / run.small if within.small and run.small else 1.0  # a part in which no row counts has no slope
        found = lbfgs(problem, kept.theta, run, options._replace(tol=CERTAIN * share))
    said = f"; begun at the optimum of {count:,} rows, found in {passes} passes over these, with their Hessian" if some else ""
    return found._replace(message=found.message + said)


def stepped(problem: Problem, theta: Any, curved: Curvature, run: Run, options: Options, until: float = 0.0) -> Kept:
    """Steps by gradients alone, shortened until the cost falls: as far as they lead, or to a cost as low as `until`, and whether
    that is the optimum."""
    cost, gradient = problem.smooth.value_gradient(theta)
    run.record(theta, cost, gradient, 0.0)
    pairs: list[tuple[Any, Any]] = []
    if not options.steps or not np.isfinite(cost) or curved.indefinite:
        return Kept(theta, cost, gradient, np.inf, False)
    left = np.inf
    for _ in range(options.steps):
        move, left = promised(curved, pairs, gradient)
        enough = left <= FINE * options.tol**2 * abs(cost)
        if enough or 0 < cost <= until or run.stopped:
            return Kept(theta, cost, gradient, left, enough)
        slope, share = float(gradient @ move), 1.0
        while True:
            new_cost, new_gradient = problem.smooth.value_gradient(theta + share * move)
            run.record(theta + share * move, new_cost, new_gradient, share, share * norm(move))
            rounding = -share * slope < max(ROUNDING * abs(cost), run.rounding)  # then the gradient tells
            if new_cost <= cost + ENOUGH * share * slope or (rounding and promised(curved, pairs, new_gradient)[1] < left):
                break
            if rounding or run.stopped:
                return Kept(theta, cost, gradient, left, False)
            share /= 2
        move, turned = share * move, new_gradient - gradient
        theta, cost, gradient = theta + move, new_cost, new_gradient
        if float(move @ turned) > 0:
            pairs = [*pairs[-PAIRS:], (move, turned)]
    return Kept(theta, cost, gradient, left, False)


def promised(curved: Curvature, pairs: list[tuple[Any, Any]], gradient: Any) -> tuple[Any, float]:
    """The step, and what the cost can fall by: by the Hessian as it is corrected, or as it was where that tells of more."""
    move = -quasi(curved, pairs, gradient)
    return move, max(-0.5 * float(gradient @ move), curved.left(gradient))
