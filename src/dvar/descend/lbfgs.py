"""L-BFGS, with bounds: SciPy's L-BFGS-B (Byrd, Lu, Nocedal & Zhu, SIAM J. Scientific Computing 16, 1995; Morales & Nocedal 2011).

It learns the curvature from the last gradients, so that a step costs one pass and memory for some vectors only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .objective import Options, Problem
from .run import Outcome, Run

PAIRS = 20  # of the last steps and gradients that stand for the curvature


def lbfgs(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    from scipy.optimize import minimize

    last, done = theta, list[Outcome]()
    bounds = list(zip(problem.lower, problem.upper)) if problem.bounded else None

    def value_gradient(at: Any) -> tuple[float, Any]:
        nonlocal last
        cost, gradient = problem.smooth.value_gradient(at)
        norm = run.record(at, cost, problem.slope(at, gradient), 1.0, float(np.linalg.norm(at - last)))
        last = at.copy()
        if norm <= options.tol * run.small and cost <= run.best_cost + run.rounding:
            done.append(Outcome(last, cost, True, f"converged: the gradient's norm is {norm:.1e}"))
            raise Enough
        if run.stopped:
            raise Enough
        return cost, gradient

    iterations, start = 0, theta
    try:
        for _ in range(3):  # where rounding ends a line search, learning the curvature anew may still find a way
            left = {"maxiter": options.steps - iterations, "maxfun": 20 * options.steps}
            found = minimize(value_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds,
                             options={**left, "maxcor": PAIRS, "ftol": 0.0, "gtol": 0.0})
            iterations += max(int(found.nit), 1)
            if iterations >= options.steps or np.array_equal(found.x, start):
                break
            start = found.x
    except Enough:
        return done[0] if done else run.on_request()
    best = min(run.history, key=lambda row: row.cost if np.isfinite(row.cost) else np.inf)
    asked = f", {options.tol * run.small:.1e} was asked"
    ended = iterations >= options.steps
    return run.out_of_steps(options.steps, best.gradient, more=asked) if ended else run.no_step(best.gradient, more=asked)


class Enough(Exception):
    """Ends SciPy's loop from inside a pass."""
