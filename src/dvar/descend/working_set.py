"""l1 with many parameters, most of which end at zero: proximal Newton among the few that matter, until no other would move.

The working set is what is not zero and what is held least: those whose slopes exceed l1 the most, at most as many again each
time. While many are missing, sweeps along the parabola of the set do; its exact minimum is found where few are. One pass over
all columns tells what is missing (Johnson & Guestrin, Blitz, ICML 2015; Massias, Gramfort & Salmon, Celer, ICML 2018). The answer
is that of all parameters: it ends when the gradient of the whole is as small as asked.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .kinks import nearer
from .newton_cg import newton_cg, zeros
from .objective import Options, Point, Problem
from .proximal import BEFORE, definite, proximal_newton
from .run import Outcome, Run

FIRST = 128  # parameters at first, beside those that are not zero or not penalised
SETTLED, ROUGH = 0.05, 12  # of the working set: where fewer are missing, its exact minimum is found; and after so many rounds
SHORTEST = 1e-3  # step by sweeps
MOST = 1500  # beyond, a Hessian of the working set costs more than products with it


def working_set(problem: Problem, theta: Any, run: Run, options: Options) -> Outcome:
    kept, more = (theta != 0) | (problem.l1 == 0), FIRST
    cost, _, slope = problem.at(theta)
    norm = run.record(theta, cost, slope, 0.0)
    for k in range(options.steps):
        if not np.isfinite(cost):
            return run.kept(f"stopped: the cost is {cost}")
        if norm <= options.tol * run.small:
            return Outcome(theta, cost, True, f"converged: the gradient's norm is {norm:.1e}{zeros(problem, theta)}")
        if run.stopped:
            return run.on_request()
        outside = np.flatnonzero(~kept & (slope != 0))
        room = max(MOST - int(np.sum(kept)), FIRST)
        kept[outside[np.argsort(-np.abs(slope[outside]), kind="stable")[: min(more, room)]]] = True
        more = max(more, int(np.sum(kept)))
        among = problem.among(kept)
        if among is None or np.sum(kept) > MOST:
            other = newton_cg(problem, theta, run, options)
            return other._replace(message=f"{other.message}; as newton-cg, for more than {MOST:,} parameters are not zero")
        within, known = Run(), Point(theta[kept], *among.smooth.value_gradient_hessian(theta[kept]))
        run.beside += 1
        grows = k < ROUGH and len(outside) > SETTLED * np.sum(kept) and known.finite
        near = roughly(among, known, within) if grows else None
        found = None
        if near is None:
            inner = options._replace(steps=100, tol=min(options.tol, 1e-9), known=known)
            found = proximal_newton(among, theta[kept], within, inner)
        new = np.zeros_like(theta)
        new[kept] = near if found is None else found.theta
        run.beside += len(within.history)
        moved, theta = float(np.linalg.norm(new - theta)), new
        cost, _, slope = problem.at(theta)
        norm = run.record(theta, cost, slope, 1.0, moved)
        if found and not np.any(slope[~kept]) and norm > options.tol * run.small:  # this set is the whole's, and its end was told
            return Outcome(theta, cost, found.converged, found.message.removesuffix(BEFORE))
        kept &= (theta != 0) | (problem.l1 == 0)
    return run.out_of_steps(options.steps, norm)


def roughly(problem: Problem, now: Point, run: Run) -> Any:
    """Lower by sweeps along the parabola: while the set grows, its exact minimum would be left again. None where these do not
    lower the cost."""
    before = now.cost + problem.bends(now.theta)
    move, share = nearer(problem, now.theta, now.gradient, definite(now.hessian)) - now.theta, 1.0
    while share > SHORTEST and not run.stopped:
        theta = now.theta + share * move
        cost, _, slope = problem.at(theta)
        run.record(theta, cost, slope, share, share * float(np.linalg.norm(move)))
        if cost < before:
            return theta
        share /= 4
    return None
