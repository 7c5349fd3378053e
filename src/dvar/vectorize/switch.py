"""Which program runs: compiled code where passes over the data are so long that it is soon earned back, else NumPy's."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ..data.columns import Columns
from ..data.native import Chunked
from ..data.sparse import Sparse

if TYPE_CHECKING:
    from .summed import Summed

# What a pass of the NumPy program takes on this kind of machine, per number; what it costs to compile a program, at all and for
# each character of its source, and to load one that has been kept: measured on two cores, rounded. A fit makes some PASSES.
DENSE_SECONDS, SPARSE_SECONDS, TYPED_SECONDS, EXAMPLE_SECONDS = 1.5e-9, 8e-9, 1.5e-8, 2.5e-8
PASSES, LONG, MANY = 10, 1000, 40  # with so many parameters or more, a fit works with gradients alone, and makes MANY passes
PAIR_SECONDS, HESSIANS = 7e-9, 5  # of two typed columns, which each Hessian counts together
COMPILE_SECONDS, CHARACTER_SECONDS, LOAD_SECONDS = 1.0, 2e-4, 0.1


def pays(cost: Summed, second: bool) -> bool:
    """Whether the passes of a fit are so long that a program is soon earned back: compiled or, where it is kept, loaded.

    So a job may run by NumPy once and fused later; `program=` says which, where the last bit matters."""
    passes = seconds(cost, second)
    if cost.asked == "numpy" or (not cost.asked and passes <= LOAD_SECONDS):
        return False
    program = cost.fused_second if second else cost.fused
    if isinstance(program, str):
        return False
    compiling = COMPILE_SECONDS + len(program.run.source) * CHARACTER_SECONDS
    return cost.asked == "fused" or passes > compiling or program.run.kept


def seconds(cost: Summed, second: bool) -> float:
    """What the passes of a fit take by NumPy, those for the Hessian among them if `second`."""
    typed = [len(v.data) for v in cost.data.values() if isinstance(v, Columns)]
    sparse = sum(v.stored / cost.m for v in cost.data.values() if isinstance(v, Sparse))
    dense = sum(int(np.prod(v.shape[1:])) for v in cost.data.values() if isinstance(v, np.ndarray | Chunked))
    maps = max((prod(m.shape) for m in cost.core(cost.graph).maps), default=1)
    row = maps * (dense * DENSE_SECONDS + sparse * SPARSE_SECONDS + sum(typed) * TYPED_SECONDS + EXAMPLE_SECONDS)
    passes = PASSES if cost.size < LONG else MANY
    pairs = sum(count * (count + 1) // 2 for count in typed) if second else 0
    return cost.m * (passes * row + HESSIANS * pairs * PAIR_SECONDS)
