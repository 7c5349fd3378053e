"""Newton's method with the Hessian of a part of the rows (Roosta-Khorasani & Mahoney, Mathematical Programming 174, 2019), where
one of all would cost as much as all else: the part's optimum by L-BFGS, one Hessian there, and from there steps of all rows by
gradients alone, which correct it. What tells the optimum is the gradient, of all rows, by that Hessian.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .curvature import Curvature
from .lbfgs import lbfgs
from .newton import FINE, Kept, ended, kept_curvature, part_of
from .objective import Options, Outcome, Part, Problem, Run
from .region import Point

ROUGH = 1e-3  # of the gradient at the start is left at the part's optimum, which is that of all rows to a few digits only
CERTAIN = 1e-7  # as L-BFGS ends, where the steps by that Hessian do not


def subsampled_newton(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    part, count = part_of(problem, len(theta)) or (Part(problem.smooth, [slice(0, problem.examples)]), problem.examples)
    within = Run()
    at = lbfgs(replace(problem, smooth=part, examples=count), theta, within, options._replace(tol=ROUGH)).theta
    curved = Curvature(*part.value_gradient_hessian(at)[1:])
    passes = len(within.history)
    run.begun(within, count / problem.examples)
    run.beside += 1  # for the Hessian
    said = f"; begun at the optimum of {count:,} rows, found in {passes} passes over these, with their Hessian"
    cost, gradient = problem.smooth.value_gradient(at)
    run.record(at, cost, gradient, 0.0)
    kept = Kept(at, cost, gradient, np.inf, False)
    if np.isfinite(cost) and not curved.indefinite:
        kept = kept_curvature(problem, Point(at, cost, gradient, None), curved, run, FINE * options.tol**2 * abs(cost))
    if kept.done:
        found = ended(kept, run)._replace(regular=False)
    else:
        found = lbfgs(problem, kept.theta, run, options._replace(tol=CERTAIN * within.small / run.small))
    return found._replace(message=found.message + said)
