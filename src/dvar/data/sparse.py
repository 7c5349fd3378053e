"""Sparse features: the numbers that are there, row by row (CSR), and what a linear map asks of a block of them.

A number that is not stored is 0 and is never touched. What SciPy holds in another format, in another byte order, or with places
given twice is brought into this form once, in a copy, and that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DvarError, UsageError
from .native import native, told

BLOCK = 65_536  # rows looked at for places that are given twice


@dataclass(frozen=True, eq=False, repr=False)
class Sparse:
    """m rows × n features: row i has `data[k]` in column `indices[k]` for k from `starts[i]` up to `starts[i + 1]`."""

    data: np.ndarray
    indices: np.ndarray
    starts: np.ndarray
    width: int

    __array_ufunc__ = None  # so that NumPy leaves `d @ sparse` to __rmatmul__

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), self.width

    ndim = 2

    @property
    def stored(self) -> int:
        """How many numbers are stored."""
        return int(self.starts[-1] - self.starts[0])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, rows: Any) -> Sparse:
        """A view of consecutive rows; a copy of those that a mask (m,) keeps."""
        if isinstance(rows, np.ndarray) and rows.dtype == bool:
            some = self.scipy[rows]
            return Sparse(some.data, some.indices, some.indptr, self.width)
        lo, hi, step = rows.indices(len(self))
        if step != 1:
            raise UsageError(f"sparse[{rows!r}] is not a run of rows", "write sparse[lo:hi]")
        return Sparse(self.data, self.indices, self.starts[lo : max(lo, hi) + 1], self.width)

    def take(self, columns: Any, axis: int = 1) -> Sparse:
        """Some of the columns, in a copy; named as NumPy names it."""
        found = self.scipy[:, columns]
        return Sparse(found.data, found.indices, found.indptr, len(columns))

    @property
    def scipy(self) -> Any:
        """These rows as SciPy's array; the stored numbers are not copied."""
        from scipy.sparse import csr_array

        part = slice(self.starts[0], self.starts[-1])
        return csr_array((self.data[part], self.indices[part], self.starts - self.starts[0]), shape=self.shape)

    def __matmul__(self, w: Any) -> Any:
        """w (n,) → (m,); w (n, h) → (m, h)."""
        return self.scipy @ np.asarray(w, np.float64)

    def __rmatmul__(self, d: Any) -> Any:
        """d (m,) → (n,); d (h, m) → (h, n)."""
        return np.asarray(d, np.float64) @ self.scipy

    def gram(self, d: Any) -> Any:
        """Σ_i d_i x_i x_iᵀ over the rows, (n, n)."""
        x = self.scipy.astype(np.float64)
        return (x.T @ x.multiply(np.asarray(d, np.float64)[:, None]).tocsr()).toarray()

    def finite(self) -> Any:
        """Which rows hold finite numbers only, (m,)."""
        found = np.ones(len(self), bool)
        bad = self.starts[0] + np.flatnonzero(~np.isfinite(self.data[self.starts[0] : self.starts[-1]]))
        found[np.searchsorted(self.starts, bad, "right") - 1] = False
        return found

    def dense(self) -> Any:
        """All rows as one float64 matrix (m, n)."""
        return self.scipy.astype(np.float64).toarray()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.dense().astype(dtype or np.float64, copy=False)


def is_sparse(value: Any) -> bool:
    """Whether a value is one of SciPy's sparse matrices or arrays; SciPy is not imported for it."""
    return type(value).__module__.startswith("scipy.sparse")


def sparse(name: str, value: Any, axis: int, notes: list[str]) -> Sparse:
    """A SciPy matrix or array with examples along an axis; what had to be copied for it is noted. CSR is not copied.

    Raises UsageError where it does not hold real numbers in two dimensions, DvarError where its indices are out of range.
    """
    if value.ndim != 2 or value.dtype.kind not in "biuf":
        raise UsageError(f"{name} is a sparse array of {value.dtype} with shape {value.shape}",
                         "give real numbers of shape (m, n)")
    by_rows = value.T if axis == 1 else value
    if by_rows.format != "csr":
        notes.append(f"{name}: {value.format.upper()}{' along axis 1' * axis} was copied into CSR, "
                     f"{size(by_rows.nnz * (value.dtype.itemsize + 4))}; CSR of rows that are examples is used as it is")
    x = by_rows.tocsr()
    try:
        x.check_format(full_check=True)
    except ValueError as error:
        raise DvarError(f"{name} is not a sound sparse matrix: {error}") from None
    if not x.has_canonical_format and twice(x):
        x = x.copy()
        x.sum_duplicates()
        notes.append(f"{name}: places that are given twice were added up, in a copy; .sum_duplicates() does so once for all")
    data = native(x.data)
    if data is not x.data:
        notes.append(f"{name}: {told(x.data.dtype)} was converted to {data.dtype}, {size(data.nbytes)} once")
    return Sparse(data, x.indices, x.indptr, x.shape[1])


def twice(x: Any) -> bool:
    """Whether a row of a CSR matrix has two numbers in one place; where its indices are in no order, a run of rows is sorted
    at a time."""
    for lo in range(0, x.shape[0], BLOCK):
        part = x[lo : lo + BLOCK]
        stored = part.nnz
        part.sum_duplicates()
        if part.nnz < stored:
            return True
    return False


def size(count: float) -> str:
    """Bytes as text."""
    return f"{count / 2**20:,.0f} MB" if count >= 2**20 else f"{count / 1024:,.0f} kB"
