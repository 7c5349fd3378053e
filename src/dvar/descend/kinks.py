"""The minimum of a parabola with kinks of l1 and bounds: what is free is guessed, swept, and in the end met kink by kink."""

from __future__ import annotations

from typing import Any

import numpy as np

from .objective import Problem

GUESSES, SWEEPS, ROUNDS = 3, 20, 20  # guesses of what is free; sweeps along coordinates where they fail; times both are tried
EASY, MET = 1, 100  # rounds before some kinks are met one by one, too, and how many
COLLINEAR = 1e-8  # of its curvature is left to a parameter that is let go: then the inverse is found anew
REFINED = 2  # times a step is taken by an inverse that was kept up to date


def minimum(problem: Problem, theta: Any, gradient: Any, hessian: Any) -> Any:
    """argmin over u of gradient·(u − θ) + ½(u − θ)ᵀH(u − θ) + l1·|u| within the bounds; H positive definite."""
    linear = gradient - hessian @ theta  # the parabola is linear·u + ½uᵀHu
    u = problem.nearest(theta - gradient / np.diag(hessian), 1.0 / np.diag(hessian))
    for k in range(ROUNDS):
        found, done = guessed(problem, linear, hessian, u)
        if done:
            return found
        u = swept(problem, linear, hessian, u)
        if k >= EASY:
            u, done = one_by_one(problem, linear, hessian, u, MET)
            if done:
                return u
    return one_by_one(problem, linear, hessian, u, 20 * len(u) + 20)[0]


def swept(problem: Problem, linear: Any, hessian: Any, u: Any) -> Any:
    """Lower along each coordinate in turn, some times over (Friedman, Hastie & Tibshirani, J. Statistical Software 33, 2010): not
    to the minimum, but to where it is easier to guess."""
    u, slope, diagonal, l1 = u.copy(), linear + hessian @ u, np.diag(hessian).tolist(), problem.l1.tolist()
    lower, upper = problem.lower.tolist(), problem.upper.tolist()
    for _ in range(SWEEPS):
        for j, bend in enumerate(diagonal):
            before = float(u[j])
            aim = bend * before - float(slope[j])
            new = (aim - l1[j] if aim > l1[j] else aim + l1[j] if aim < -l1[j] else 0.0) / bend
            new = min(max(new, lower[j]), upper[j])
            if new != before:
                slope += (new - before) * hessian[j]
                u[j] = new
    return u


def nearer(problem: Problem, theta: Any, gradient: Any, hessian: Any) -> Any:
    """Towards that minimum, as far as sweeps lead."""
    return swept(problem, gradient - hessian @ theta, hessian, theta)


def guessed(problem: Problem, linear: Any, hessian: Any, u: Any) -> tuple[Any, bool]:
    """Guesses of what is at a kink, each mended by the last, until one is right or has been made before; whether it is right."""
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
            return u, True
    return u, False


def solved_for(free: Any, linear: Any, hessian: Any, u: Any) -> Any:
    """The minimum of linear·u + ½uᵀHu along what is free, the others as they are."""
    at, solved = np.flatnonzero(free), np.where(free, 0.0, u)
    if len(at):
        solved[at] = np.linalg.solve(hessian[np.ix_(at, at)], -(linear[at] + hessian[at] @ solved))
    return solved


def optimal(problem: Problem, u: Any, slope: Any, hessian: Any) -> bool:
    """Whether no coordinate wants to move, to rounding."""
    diagonal = np.diag(hessian)
    wanted = problem.nearest(u - slope / diagonal, 1.0 / diagonal) - u
    roots = np.sqrt(diagonal)
    return bool(np.max(np.abs(wanted) * roots, initial=0.0) <= 1e-11 * max(np.max(np.abs(u) * roots, initial=0.0), 1e-300))


def one_by_one(problem: Problem, linear: Any, hessian: Any, u: Any, most: int) -> tuple[Any, bool]:
    """The same minimum, and whether it was reached by meeting so many kinks at the most: towards that of what is free, up to the
    first kink or bound on the way, which then holds; at the minimum the one that is held hardest against its slope is let go."""
    l1, kinks, roots = problem.l1, problem.l1 > 0, np.sqrt(np.diag(hessian))
    free = Free(hessian, ~(kinks & (u == 0) | (u <= problem.lower) | (u >= problem.upper)))
    sign = np.sign(u) * kinks
    for _ in range(most):
        solved = free.solved(linear + sign * l1, u)
        ends = np.clip(np.where(kinks & (solved * sign < 0), 0.0, solved), problem.lower, problem.upper)
        stopped = free.mask & (ends != solved)
        if stopped.any():
            shares = np.where(stopped, (ends - u) / np.where(stopped, solved - u, 1.0), np.inf)
            share = np.min(shares)
            first = shares <= share
            u = np.where(first, ends, u + share * (solved - u))
            for k in np.flatnonzero(first).tolist():
                free.holds(k)
            sign = np.where(first, np.sign(u), sign) * kinks
            continue
        u = solved
        slope = linear + hessian @ u
        held = np.where(free.mask, 0.0, problem.slope(u, slope) / roots)
        j = int(np.argmax(np.abs(held)))
        if free.mask.all() or abs(held[j]) <= 1e-12 * np.max((np.abs(linear) + np.abs(hessian) @ np.abs(u)) / roots):
            return u, True
        free.lets_go(j)
        sign[j] = kinks[j] * (np.sign(u[j]) or -np.sign(held[j]))
    return u, False


class Free:
    """Which parameters are free (`mask`), and the inverse of their curvature, kept up to date as one is let go or held (Golub &
    Van Loan, Matrix Computations, 2013, 2.1.4): a step costs k² in place of k³."""

    def __init__(self, hessian: Any, mask: Any) -> None:
        self.hessian, self.mask = hessian, mask
        self.at = np.flatnonzero(mask).tolist()
        self.buffer = np.empty_like(hessian)
        self.renew()

    def renew(self) -> None:
        self.inverse[:] = np.linalg.inv(self.hessian[np.ix_(self.at, self.at)])

    @property
    def inverse(self) -> Any:
        return self.buffer[: len(self.at), : len(self.at)]

    def solved(self, linear: Any, u: Any) -> Any:
        """The minimum of linear·u + ½uᵀHu along what is free, the others as they are; from u, so that what rounding has left of
        the inverse is corrected."""
        u = u.copy()
        for _ in range(REFINED):
            u[self.at] -= self.inverse @ (linear + self.hessian @ u)[self.at]
        return u

    def lets_go(self, j: int) -> None:
        beside = self.hessian[j, self.at]
        turned = self.inverse @ beside
        left = float(self.hessian[j, j] - beside @ turned)
        self.at.append(j)
        self.mask[j] = True
        inner = self.inverse
        if left <= COLLINEAR * self.hessian[j, j]:
            self.renew()
            return
        bend = 1.0 / left
        inner[:-1, :-1] += np.outer(bend * turned, turned)
        inner[-1, :-1] = inner[:-1, -1] = -bend * turned
        inner[-1, -1] = bend

    def holds(self, j: int) -> None:
        k, inner = self.at.index(j), self.inverse
        inner[[k, -1]] = inner[[-1, k]]
        inner[:, [k, -1]] = inner[:, [-1, k]]
        beside, bend = inner[:-1, -1].copy(), inner[-1, -1]
        self.at[k] = self.at[-1]
        self.at.pop()
        self.mask[j] = False
        inner = self.inverse
        inner -= np.outer(beside / bend, beside)
