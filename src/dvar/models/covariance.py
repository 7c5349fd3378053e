"""How sure the parameters of a fit are: covariances from the curvature of the loss, classical and robust.

Classical: the inverse of the observed information, the Hessian of Σ L. Robust: the sandwich H⁻¹ (Σ s sᵀ) H⁻¹ of the scores s
(Huber 1967; White 1980), with corrections for few rows as MacKinnon & White (1985), "Some heteroskedasticity-consistent
covariance matrix estimators with improved finite sample properties", Journal of Econometrics 29: HC1 by n/(n − p), HC2 and HC3
by 1/(1 − h) and its square, h the leverage of the row in the hat matrix weighted by the curvature. Clustered: scores are added
up within a group before they are squared, times G/(G − 1) · (n − 1)/(n − p) (Liang & Zeger 1986; Stata's correction). A weight
is a count: an example of weight 3 is three equal examples.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..descend.curvature import narrow
from ..errors import DvarError, UsageError, nearest
from ..vectorize.by_example import ByExample, by_example
from ..vectorize.cost import Cost

KINDS = {
    "classical": "classical (the inverse of the observed information)",
    "HC0": "HC0, robust (White)",
    "HC1": "HC1, robust (White), times n/(n − p)",
    "HC2": "HC2, robust, by leverage (MacKinnon & White)",
    "HC3": "HC3, robust, by leverage squared (MacKinnon & White)",
    "cluster": "by cluster, times G/(G − 1) · (n − 1)/(n − p)",
}
NOTHING = ("NoneType", "NAType", "NaTType")  # types of what is missing
NULL = 1e-11  # of the largest curvature, in coordinates of unit diagonal: below, a direction has none


class Inverse(NamedTuple):
    """The inverse of an information matrix on the directions with curvature; the others have none."""

    matrix: Any  # (P, P)
    seen: Any  # (P, r): an orthonormal basis of the directions with curvature, in units of each parameter
    units: Any  # (P,): how large a change of each parameter is, by its own curvature

    @property
    def rank(self) -> int:
        return self.seen.shape[1]  # type: ignore[no-any-return]

    @property
    def blind(self) -> Any:
        """A basis (P, k) of the directions without curvature."""
        return np.linalg.qr(self.seen, mode="complete")[0][:, self.rank :] * self.units[:, None]

    def known(self, turn: Any) -> Any:
        """Which rows of `turn` (R, P) are sums of parameters that the data tell: no blind direction changes them."""
        with np.errstate(all="ignore"):  # what is past the largest float is not known
            moved = turn * self.units
            unseen = moved - (moved @ self.seen) @ self.seen.T
            return np.linalg.norm(unseen, axis=1) <= 1e-6 * np.abs(moved).sum(axis=1)


def inverse(information: Any) -> Inverse:
    """The inverse of a positive semidefinite matrix (P, P), in coordinates where its diagonal is 1."""
    diagonal = np.diag(information)
    scale = np.where(diagonal > 0, 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 1.0)
    scaled = information * scale[:, None] * scale
    values, vectors = narrow(scaled) or np.linalg.eigh((scaled + scaled.T) / 2)
    seen = values > NULL * np.max(values, initial=0.0)
    if seen.all() and len(seen) == len(scaled):
        found = np.linalg.inv(scaled)
    else:
        values, vectors = values[seen], vectors[:, seen]
        found = (vectors / values) @ vectors.T
    return Inverse((found + found.T) / 2 * scale[:, None] * scale, vectors, scale)


def information(cost: Cost, theta: Any) -> Any:
    """The observed information at a flat vector, (P, P): one pass over the data."""
    return observed(by_example(cost, theta))


def observed(each: ByExample) -> Any:
    """The observed information: the Hessian of the sum of losses, (P, P)."""
    weight = weights(each.cost)
    return each.gram(lambda a, b: weight * each.curves[a, b])


def is_straight(cost: Cost, curvature: Any) -> bool:
    """Whether the loss is made of straight pieces, which have no curvature (P, P)."""
    return not np.any(curvature) and bool(cost.kinks())


def told_apart(cost: Cost, theta: Any) -> int:
    """How many parameters of a loss of straight pieces the data tell apart at a flat vector: by the curvature of the loss with
    its kinks rounded off."""
    if cost.rounded is None:
        return cost.size
    size = abs(cost.value_gradient(theta)[0]) or 1.0
    return inverse(cost.rounded.value_gradient_hessian(np.append(theta, size))[2][:-1, :-1]).rank


def weights(cost: Cost) -> Any:
    """How often each example counts, (m,)."""
    return np.asarray(cost.data[cost.weight], dtype=np.float64) if cost.weight else np.ones(cost.m)


def robust(each: ByExample, bread: Any, kind: str, groups: Any, weight: Any, n: float, p: int) -> tuple[Any, int]:
    """The sandwich (P, P) around the `bread`, the inverse information; and the number of groups (0 where there are none)."""
    if kind == "cluster":
        codes, count = coded(groups, weight)
        meat = clustered(each, codes, weight) * (count / (count - 1) * (n - 1) / (n - p))
        return bread @ meat @ bread, count
    factor = weight
    if kind in ("HC2", "HC3"):
        h = leverage(each, bread)
        factor = weight / (1.0 - h) ** (1 if kind == "HC2" else 2)
    meat = each.gram(lambda a, b: factor * each.slopes[a] * each.slopes[b])
    return bread @ meat @ bread * (n / (n - p) if kind == "HC1" else 1.0), 0


def leverage(each: ByExample, bread: Any) -> Any:
    """h (m,): the diagonal of the hat matrix, each row weighted by its curvature.

    Raises UsageError where an example's loss depends on more than one number z: there a leverage is a matrix.
    Raises DvarError where a leverage is 1: that row alone tells some coefficient.
    """
    diagonal = np.einsum("aam->am", each.curves)
    square = np.abs(each.curves**2 - diagonal[:, None] * diagonal).max(initial=0.0)
    if square > 1e-9 * np.max(diagonal**2, initial=0.0) or (diagonal < 0).any():
        raise UsageError("HC2 and HC3 go by leverage, a number only where an example's loss depends on one sum such "
                         "as w @ x + b", 'ask for kind="HC1"')
    size = np.sqrt(np.maximum(np.diag(bread), 1e-300))
    values, vectors = np.linalg.eigh(bread / size[:, None] / size)
    root = size[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
    share = np.sqrt(diagonal)
    first = np.argmax(diagonal, axis=0)
    sign = np.sign(np.take_along_axis(each.curves, first[None, None], axis=0)[0])
    h = np.empty(each.cost.m)
    for rows in each.blocks():
        moved = each.spread(rows, share * np.where(sign == 0, 1.0, sign)) @ root
        h[rows] = np.einsum("ij,ij->i", moved, moved)
    h[weights(each.cost) == 0] = 0.0  # which tell no coefficient
    full = np.flatnonzero(h > 1.0 - 1e-10)
    if len(full):
        raise DvarError(f"{len(full):,} of {len(h):,} rows have leverage 1 (the first is row {full[0]}): each alone tells a "
                        "coefficient, so its residual says nothing of the error", 'ask for kind="HC1", or merge rare levels')
    return h


def clustered(each: ByExample, codes: Any, weight: Any) -> Any:
    """Σ over groups of (Σ w s)(Σ w s)ᵀ, (P, P)."""
    from scipy.sparse import csr_matrix

    total = np.zeros((np.max(codes) + 1, each.cost.size))
    for rows in each.blocks():
        size = rows.stop - rows.start
        member = csr_matrix((weight[rows], (codes[rows], np.arange(size))), shape=(len(total), size))
        total += member @ each.scores(rows)
    return total.T @ total


def coded(groups: Any, weight: Any) -> tuple[Any, int]:
    """Groups as codes 0 … (m,), and how many of them count, by the rows' weights (m,). Raises UsageError for another length,
    DvarError for missing ones or fewer than two."""
    if groups is None:
        raise UsageError('kind="cluster" needs groups', "give the group of every row, groups=[…]")
    values = np.asarray(groups)
    if values.shape != weight.shape:
        raise UsageError(f"groups has shape {values.shape}, the fit has {len(weight):,} rows", "give one group a row")
    if values.dtype.hasobject:  # of any kinds, which may have no order among them
        missing = sum(type(v).__name__ in NOTHING or v != v for v in values)
        values = values.astype(str)
    else:
        missing = int(np.sum(values != values))  # nan alone is not itself
    if missing:
        raise DvarError(f"{missing:,} rows have no group", "give them a group of their own, or leave these rows out")
    found, codes = np.unique(values, return_inverse=True)
    counts = np.bincount(codes, weight > 0) > 0
    if counts.sum() < 2:
        raise DvarError(f"all rows are of one group, {found[counts].tolist()[0]!r}",
                        "errors by cluster need two groups at least, and many")
    return codes, int(counts.sum())


def checked_kind(kind: str, groups: Any) -> None:
    if kind not in KINDS:
        raise UsageError(f"there are no standard errors of kind {kind!r}{nearest(kind, KINDS)}")
    if groups is not None and kind != "cluster":
        raise UsageError(f"groups are given, but the standard errors are {kind}", 'ask for kind="cluster"')

