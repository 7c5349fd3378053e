"""A Hessian as Newton's method uses it: scaled, factorised once, solved within a region where it is singular or indefinite."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

SINGULAR = 1e-11  # curvature below this share of the largest is rounding
LEAST = 1e-15  # of the largest: what a step within a region divides by at the least, as its length is held anyway
FEW = 100  # parameters: the eigenvalues of so few cost next to nothing
RIDGE = 1e-10  # of the largest curvature: with it a singular Hessian has a factor
REFINED = 3  # times a step is corrected for the ridge; along directions without curvature it then goes by 1e-6 of its length
STEEP = 1e-3  # of the slope: along directions without curvature more is no rounding
NEGATIVE = 1e-8  # and so is negative curvature
VANISHED = 1e-8  # curvature below this share of that at the start: the optimum is at infinity
WIDE, NARROW = 400, 4  # parameters, and how many times their rank they are, where a factor of that many columns pays
PIVOT, PROBED = 1e-13, 1e-9  # of the diagonal: what is left where a factor ends; of a product: what it may miss
SOLVED = 1e-3  # of what is solved for: it may miss so much, which steps make up for
BLOCK = 64  # rows of a triangle that is solved at once


class Step(NamedTuple):
    move: Any  # (P,)
    promised: float  # by how much the parabola falls
    length: float  # in scaled coordinates
    whole: bool  # the parabola's minimum, not where a region ends


class Factor:
    """Cholesky's lower factor of a positive definite matrix, and what it solves, a block of rows at a time: by NumPy alone, as
    importing SciPy's takes longer than most fits, and what is inverted are the blocks on the diagonal alone."""

    def __init__(self, lower: Any) -> None:
        self.lower, size = lower, len(lower)
        self.blocks = [slice(k, min(k + BLOCK, size)) for k in range(0, size, BLOCK)]
        self.corners = [np.linalg.inv(lower[block, block]) for block in self.blocks]

    def solve(self, v: Any) -> Any:
        """LLᵀx = v."""
        x = v.copy()
        for block, corner in zip(self.blocks, self.corners):
            x[block] = corner @ (x[block] - self.lower[block, : block.start] @ x[: block.start])
        for block, corner in zip(reversed(self.blocks), reversed(self.corners)):
            x[block] = (x[block] - x[block.stop :] @ self.lower[block.stop :, block]) @ corner
        return x


class Held:
    """What N + a diagonal solves, N of small rank: by Woodbury's identity (Golub & Van Loan, 2013, 2.1.4) among the parameters
    that the diagonal holds, and by what these leave of the matrix (Schur's complement) for the few others."""

    def __init__(self, matrix: Any, held: Any, at: Any, few: tuple[Any, Any]) -> None:
        self.matrix, self.held, self.at = matrix, held[at], at
        self.columns = few[1] * np.sqrt(few[0])
        self.inner = np.linalg.inv(np.eye(len(few[0])) + self.columns.T @ (self.columns / self.held[:, None]))
        self.beside = matrix[np.ix_(at, ~at)]
        self.across = self.among(self.beside.T).T
        self.rest = matrix[np.ix_(~at, ~at)] - self.beside.T @ self.across

    def among(self, v: Any) -> Any:
        """Of v (…, k), by the parameters that are held."""
        v = v / self.held
        return v - (v @ self.columns @ self.inner @ self.columns.T) / self.held

    def once(self, v: Any) -> Any:
        x = np.empty_like(v)
        x[~self.at] = np.linalg.solve(self.rest, v[~self.at] - self.across.T @ v[self.at])
        x[self.at] = self.among(v[self.at]) - self.across @ x[~self.at]
        return x

    def solve(self, v: Any) -> Any:
        x = self.once(v)
        return x + self.once(v - self.matrix @ x)


def held_up(matrix: Any, held: Any) -> Held | None:
    """What a matrix solves that is positive definite as a diagonal (P,) holds up one of small rank; None where it is not so, or
    hardly."""
    at = held > SINGULAR
    if len(held) < WIDE or np.sum(~at) > FEW:
        return None
    rest = matrix[np.ix_(at, at)]
    rest.flat[:: len(rest) + 1] -= held[at]
    few = narrow(rest)
    found = None if few is None else Held(matrix, held, at, few)
    if found is None or cholesky(found.rest - SINGULAR * np.eye(len(found.rest))) is None:
        return None
    probe = np.random.default_rng(0).normal(size=len(held))  # what Schur's complement leaves may be rounding
    missed = np.linalg.norm(matrix @ found.solve(probe) - probe)
    return found if missed <= SOLVED * np.linalg.norm(probe) else None


class Curvature:
    """The parabola gᵀp + ½pᵀHp at a point. Parameters are scaled by the Hessian's diagonal (or by `least`, where that is more,
    as it does for Moré, 1978), so that units do not matter. `held` (P,): a diagonal without which H may be of small rank."""

    def __init__(self, gradient: Any, hessian: Any, least: Any = 0.0, held: Any = None) -> None:
        roots = np.maximum(np.sqrt(np.abs(np.diag(hessian))), least)
        self.roots = np.where(roots > 0, roots, 1.0)
        self.downhill = -gradient / self.roots
        self.scaled = hessian / self.roots[:, None]
        self.scaled /= self.roots
        self.held = None if held is None else held / self.roots**2

    @cached_property
    def factor(self) -> Factor | Held | None:
        """None where the Hessian is not positive definite to rounding."""
        found = None if self.held is None else held_up(self.scaled, self.held)
        if found is not None:
            return found
        lower = cholesky(self.scaled)
        return Factor(lower) if lower is not None and np.min(np.diag(lower), initial=1.0) ** 2 > SINGULAR else None

    @cached_property
    def narrow(self) -> tuple[Any, Any] | None:
        return narrow(self.scaled)

    @cached_property
    def ridged(self) -> Factor | None:
        """The factor of H + a ridge where H is singular, as with collinear features, in a tenth of the eigenvalues' time. None
        where there are few parameters, negative curvature, or a slope along directions without curvature."""
        if len(self.scaled) <= FEW:
            return None
        ridge = RIDGE * np.max(np.abs(np.diag(self.scaled)))
        lower = cholesky(self.scaled + ridge * np.eye(len(self.scaled)))
        if lower is None:
            return None
        factor = Factor(lower)
        left = self.downhill - self.scaled @ factor.solve(self.downhill)
        return factor if np.linalg.norm(left) <= STEEP * np.linalg.norm(self.downhill) else None

    @cached_property
    def spectrum(self) -> tuple[Any, Any, Any]:
        """Eigenvalues, eigenvectors, and what of the downhill direction lies along each."""
        values, vectors = np.linalg.eigh(self.scaled)
        return values, vectors, vectors.T @ self.downhill

    @property
    def indefinite(self) -> bool:
        if self.factor is not None or self.narrow is not None or self.ridged is not None:
            return False
        values = self.spectrum[0]
        return bool(len(values)) and values[0] < -NEGATIVE * np.max(np.abs(values))

    def whole(self) -> Step:
        """−H⁻¹g; along directions without curvature −g, which is nothing but rounding where they are directions of collinear
        features; negative curvature is taken with its sign changed."""
        p = self.solve(self.downhill)
        return Step(p / self.roots, 0.5 * float(self.downhill @ p), norm(p), True)

    def solved(self, v: Any) -> Any:
        """H⁻¹v, in the same sense."""
        return self.solve(v / self.roots) / self.roots

    def left(self, gradient: Any) -> float:
        """By how much a parabola falls that has this curvature and another slope."""
        return 0.5 * float(gradient @ self.solved(gradient))

    def solve(self, v: Any) -> Any:
        """In scaled coordinates."""
        if self.factor is not None:
            return self.factor.solve(v)
        if self.narrow is not None:
            values, vectors = self.narrow
            kept = values > SINGULAR * np.max(values, initial=0.0)
            along = vectors[:, kept].T @ v
            return v + vectors[:, kept] @ (along / values[kept] - along)
        if self.ridged is not None:
            solve = self.ridged.solve
            curved = self.scaled @ solve(v)  # H times something has nothing along directions without curvature
            if np.linalg.norm(v - curved) <= STEEP * np.linalg.norm(v):
                p = self.scaled @ solve(solve(curved))
                for _ in range(REFINED):
                    p += solve(curved - self.scaled @ p)
                return p + (v - curved)
        values, vectors, _ = self.spectrum
        kept = np.abs(values) > SINGULAR * np.max(np.abs(values), initial=0.0)
        return vectors @ ((vectors.T @ v) / np.where(kept, np.abs(values), 1.0))

    def within(self, radius: float) -> Step:
        """The minimum of the parabola among steps of this length or shorter: Moré & Sorensen, SIAM J. Scientific and Statistical
        Computing 4, 1983, by the eigenvalues. Where the downhill direction has nothing along the most negative curvature, the
        step goes along it by what is left of the length."""
        values, vectors, along = self.spectrum
        largest = np.max(np.abs(values), initial=0.0)
        edge = max(0.0, -float(values[0])) if len(values) else 0.0

        def coordinates(shift: float) -> Any:
            return along / np.maximum(values + shift, LEAST * max(largest, 1e-300))

        whole = edge == 0.0 and bool(np.linalg.norm(coordinates(0.0)) <= radius)
        if whole:
            p = coordinates(0.0)
        elif not radius > 0:
            p = np.zeros_like(along)
        else:
            low = edge
            high = edge + max(norm(along) / radius, 1e-300)
            for _ in range(200):
                middle = np.sqrt(low * high) if low > 0 and high > 4 * low else (low + high) / 2
                long = norm(coordinates(middle)) > radius
                low, high = (middle, high) if long else (low, middle)
                if high - low <= 1e-3 * (high - edge) or high - low <= 1e-15 * high:
                    break
            p = coordinates(high)
            left = radius**2 - float(p @ p)
            if edge > NEGATIVE * largest and left > 0.1 * radius**2:
                p[0] += np.copysign(np.sqrt(left), along[0])
        promised = float(along @ p) - 0.5 * float(values @ p**2)
        return Step((vectors @ p) / self.roots, promised, norm(p), whole)


def cholesky(matrix: Any) -> Any:
    """The lower factor of a symmetric matrix; None where it is not positive definite."""
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None


def narrow(matrix: Any) -> tuple[Any, Any] | None:
    """Eigenvalues (r,) and eigenvectors (P, r) of a positive semidefinite matrix whose rank r is small beside P, as where
    parameters are many more than rows: Cholesky's factor with pivots (Golub & Van Loan, 2013, 4.2.8), which asks for r columns
    of the matrix only, and its singular values. None where the rank is not small or some curvature is negative."""
    size = len(matrix)
    if size < WIDE:
        return None
    most = size // NARROW
    left = np.diag(matrix).copy()
    least, factor = PIVOT * np.max(left), np.zeros((most, size))
    for k in range(most):
        j = int(np.argmax(left))
        if left[j] <= least:
            break
        factor[k] = (matrix[j] - factor[:k, j] @ factor[:k]) / np.sqrt(left[j])
        left -= factor[k] ** 2
        left[j] = 0.0
    else:
        return None
    factor = factor[:k]
    probe = np.random.default_rng(0).normal(size=size)
    product = matrix @ probe
    if not np.linalg.norm(product - factor.T @ (factor @ probe)) <= PROBED * np.linalg.norm(product):
        return None
    _, roots, vectors = np.linalg.svd(factor, full_matrices=False)
    return roots**2, vectors.T


def vanished(hessian: Any, first: Any, share: float = VANISHED, held: Any = None) -> tuple[Any, Any, int]:
    """The directions (P, k) along which the curvature has vanished since the start; the units (P,) of the coordinates in which
    they are told and orthonormal; and how many others never had any, which are taken out first, as they would mix."""
    diagonal = np.abs(np.diag(first))
    scale = np.where(diagonal > 0, 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 1.0)
    now, start = hessian * scale[:, None] * scale, first * scale[:, None] * scale
    lowered = now.copy()
    low = share * float(np.max(np.sum(np.abs(start), axis=0), initial=0.0))
    lowered.flat[:: len(now) + 1] -= low
    few = None if held is None else held_up(lowered, held * scale**2 - low)
    if few is not None or cholesky(lowered) is not None:  # no eigenvalue is as low as that
        return np.zeros((len(now), 0)), scale, 0
    few_now = narrow(now)
    few_first = few_now and narrow(start)
    values, vectors = few_first or np.linalg.eigh(start)
    curved = np.abs(values) > 1e-10 * np.max(np.abs(values), initial=0.0)
    had, never = vectors[:, curved], vectors[:, ~curved]
    left, turned = np.linalg.eigh(had.T @ now @ had)
    before = np.abs(np.einsum("ij,ij->j", turned, had.T @ start @ had @ turned))
    if not (few_first and few_now):
        still = np.abs(np.linalg.eigvalsh(never.T @ now @ never))
    else:  # most of the directions that never had any are not written out: along these there is none now, either
        beside = few_now[1] * np.sqrt(few_now[0])
        bends = np.linalg.svd(beside - had @ (had.T @ beside), compute_uv=False) ** 2
        still = np.pad(bends, (0, max(len(now) - had.shape[1] - len(bends), 0)))
    alike = int(np.sum(still <= 1e-10 * np.max(np.abs(left), initial=0.0)))
    return had @ turned[:, left < share * before], scale, alike


def directions_of(vectors: Any) -> tuple[int, ...]:
    """The parameters that these directions (P, k) are made of."""
    return tuple(np.flatnonzero((np.abs(vectors) > 0.1 * np.max(np.abs(vectors), axis=0)).any(axis=1)).tolist())


def norm(v: Any) -> float:
    return float(np.linalg.norm(v))
