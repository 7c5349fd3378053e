"""What a solver sees: an objective to be minimised, with its penalties and its bounds, over a flat vector of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from .curvature import NARROW, norm

ALMOST = 1e-10  # of the cost: what may be left to gain where rounding ends the steps
EPSILON = 1e-15  # of the cost is rounding
Rows = Sequence[slice] | None  # runs of examples to take the mean over; None: all of them


class Point(NamedTuple):
    """A place, and what was seen there."""

    theta: Any  # (P,)
    cost: float
    gradient: Any  # (P,)
    hessian: Any  # (P, P)

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.cost) and np.isfinite(self.gradient).all() and np.isfinite(self.hessian).all())


class Objective(Protocol):
    """Means over the examples, asked for at a vector (P,); each call is one pass over them."""

    @property
    def convex(self) -> bool: ...  # it is known to be
    @property
    def rounded(self) -> Objective | None: ...  # its kinks rounded off, as convex, by a parameter more, the last; None: cannot

    def value_gradient(self, theta: Any, rows: Rows = None) -> tuple[float, Any]: ...

    def value_gradient_hessian(self, theta: Any, rows: Rows = None) -> tuple[float, Any, Any]: ...

    def hessian_times(self, theta: Any, v: Any, rows: Rows = None) -> Any: ...

    def gauss_newton(self, theta: Any) -> Any: ...  # (P, P), never negative; None where the loss is no square

    def among(self, kept: Any) -> Objective | None: ...  # of the parameters that a mask (P,) keeps, the others 0; None: cannot


class Sums(Objective, Protocol):
    """What is minimised: an Objective that knows its parameters by name."""

    inputs: tuple[str, ...]
    sizes: dict[str, tuple[int, ...]]
    m: int

    @property
    def ran(self) -> str: ...
    @property
    def met(self) -> dict[str, str]: ...
    @property
    def places(self) -> dict[str, slice]: ...
    @property
    def size(self) -> int: ...
    def sized(self, parameters: Mapping[str, Any]) -> Sums: ...
    def flat(self, parameters: Mapping[str, Any]) -> Any: ...
    def named(self, theta: Any) -> dict[str, Any]: ...
    def has_hessian(self) -> bool: ...
    def bends(self) -> bool: ...  # the Hessian is not 0 everywhere, as that of a loss made of straight pieces
    def has_curves(self) -> bool: ...
    def has_products(self) -> bool: ...
    def zero_is_saddle(self) -> str: ...
    def bad_rows(self) -> str: ...
    def kinks(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Penalised:
    """An objective plus ½ Σ l2_j (θ_j − about_j)²; `l2` is a vector (P,) on the scale of the mean loss."""

    inner: Objective
    l2: Any
    about: Any = 0.0

    @property
    def convex(self) -> bool:
        return self.inner.convex

    @property
    def rounded(self) -> Objective | None:
        found = self.inner.rounded
        l2, about = (np.append(v, 0.0) for v in np.broadcast_arrays(self.l2, self.about))
        return None if found is None else Penalised(found, l2, about)

    def value_gradient(self, theta: Any, rows: Rows = None) -> tuple[float, Any]:
        value, gradient = self.inner.value_gradient(theta, rows)
        return value + self.value(theta), gradient + self.l2 * (theta - self.about)

    def value_gradient_hessian(self, theta: Any, rows: Rows = None) -> tuple[float, Any, Any]:
        value, gradient, hessian = self.inner.value_gradient_hessian(theta, rows)
        return value + self.value(theta), gradient + self.l2 * (theta - self.about), raised(hessian, self.l2)

    def hessian_times(self, theta: Any, v: Any, rows: Rows = None) -> Any:
        return self.inner.hessian_times(theta, v, rows) + self.l2 * v

    def gauss_newton(self, theta: Any) -> Any:
        found = self.inner.gauss_newton(theta)
        return None if found is None else raised(found, self.l2)

    def among(self, kept: Any) -> Objective | None:
        found = self.inner.among(kept)
        return None if found is None or np.any(self.about) else Penalised(found, self.l2[kept])

    def seen(self, inner: Point, share: float = 1.0) -> Point:
        """What is seen where the inner objective shows `inner`; with the share −1 the other way round."""
        theta, cost, gradient, hessian = inner
        return Point(theta, cost + share * self.value(theta), gradient + share * self.l2 * (theta - self.about),
                     raised(hessian, share * self.l2))

    def value(self, theta: Any) -> float:
        return 0.5 * float(np.sum(self.l2 * (theta - self.about) ** 2))


def raised(hessian: Any, diagonal: Any) -> Any:
    """The sum of a matrix (P, P) and a diagonal (P,)."""
    found = hessian.copy()
    found.flat[:: len(found) + 1] += diagonal
    return found


@dataclass(frozen=True)
class Part:
    """An objective over some runs of its rows alone."""

    inner: Objective
    rows: Sequence[slice]

    @property
    def convex(self) -> bool:
        return self.inner.convex

    @property
    def rounded(self) -> Objective | None:
        return None

    def value_gradient(self, theta: Any, rows: Rows = None) -> tuple[float, Any]:
        return self.inner.value_gradient(theta, self.rows)

    def value_gradient_hessian(self, theta: Any, rows: Rows = None) -> tuple[float, Any, Any]:
        return self.inner.value_gradient_hessian(theta, self.rows)

    def hessian_times(self, theta: Any, v: Any, rows: Rows = None) -> Any:
        return self.inner.hessian_times(theta, v, self.rows)

    def gauss_newton(self, theta: Any) -> Any:
        return None  # of all rows only

    def among(self, kept: Any) -> Objective | None:
        return None


@dataclass(frozen=True)
class Problem:
    """Minimise smooth(θ) + Σ l1_j |θ_j| over lower ≤ θ ≤ upper, all vectors (P,).

    What is not smooth stays apart: solvers that know how to meet it read `l1` and the bounds, the others are not given any.
    """

    smooth: Objective
    l1: Any
    lower: Any
    upper: Any
    examples: int = 1

    def among(self, kept: Any) -> Problem | None:
        """The problem of the parameters that a mask (P,) keeps, the others being 0; None where the objective cannot be cut."""
        smooth = self.smooth.among(kept)
        return None if smooth is None else Problem(smooth, self.l1[kept], self.lower[kept], self.upper[kept], self.examples)

    @property
    def held(self) -> Any:
        """l2 (P,), where parameters are so many more than examples that the Hessian is of small rank but for it; else None."""
        few = NARROW * self.examples <= len(self.l1)
        return self.smooth.l2 if few and isinstance(self.smooth, Penalised) else None

    @property
    def bounded(self) -> bool:
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @property
    def sparse(self) -> bool:
        return bool(np.any(self.l1))

    def bends(self, theta: Any) -> float:
        """The part that is not smooth."""
        return float(self.l1 @ np.abs(theta))

    @property
    def zero(self) -> Any:
        """All parameters 0, or as near to that as the bounds let them be."""
        return self.inside(np.zeros_like(self.l1))

    def at_zero(self) -> tuple[float, float]:
        """The cost there, and the norm of its slope."""
        cost, _, slope = self.at(self.zero)
        return cost, norm(slope)

    def at(self, theta: Any) -> tuple[float, Any, Any]:
        """The cost of the whole, the gradient of the smooth part (P,) and the slope of the whole (P,)."""
        cost, gradient = self.smooth.value_gradient(theta)
        return cost + self.bends(theta), gradient, self.slope(theta, gradient)

    def inside(self, theta: Any) -> Any:
        return np.clip(theta, self.lower, self.upper)

    def nearest(self, theta: Any, rate: Any) -> Any:
        """argmin over u of ½(u − θ)²/rate + l1·|u| within the bounds: shrunk by rate·l1 towards an exact zero, then clipped."""
        return self.inside(np.sign(theta) * np.maximum(np.abs(theta) - rate * self.l1, 0.0))

    def slope(self, theta: Any, gradient: Any) -> Any:
        """The shortest subgradient (P,) of the whole: zero where θ is optimal, and there alone if the cost is convex."""
        kinked = np.sign(gradient) * np.maximum(np.abs(gradient) - self.l1, 0.0)
        slope = np.where(theta == 0, kinked, gradient + self.l1 * np.sign(theta))
        slope = np.where(theta <= self.lower, np.minimum(slope, 0.0), slope)
        return np.where(theta >= self.upper, np.maximum(slope, 0.0), slope)


class Options(NamedTuple):
    """What a solver is told beside the problem; each reads what concerns it."""

    steps: int
    tol: float
    rate: float | None = None  # None: found
    momentum: float = 0.0
    nesterov: bool = False
    batch: int = 256
    seed: int = 0
    known: Point | None = None  # the start, as a fit before this one saw it; its curvature may be that of a place nearby
