"""Rows multiplied with weights each by itself: a prediction is the same to the last bit in whatever batch its row comes."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from .columns import Columns


class RowByRow(Columns):
    """Columns whose `columns @ w` adds up a row's numbers in the order of the columns: BLAS rounds the last rows of a block in
    another way than those before them."""

    def times(self, dense: np.ndarray, z: np.ndarray) -> None:
        z[:] = 0
        term = np.empty_like(z)
        for number, weight in zip(self.numbers.T, dense):
            np.multiply(number.reshape(-1, *[1] * (z.ndim - 1)), weight, out=term)
            z += term


def row_by_row(columns: Columns) -> Columns:
    """The same rows, each by itself."""
    return RowByRow(*(getattr(columns, field.name) for field in fields(columns)))
