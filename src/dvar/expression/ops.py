"""THE table: every operation is one row, and the rows are everything the rest of dvar knows of operations.

To add an operation, add a row (`elementwise.py`, or `arrays.py` for one on vectors and matrices; what a row holds, `op.py`
says): the tracer, the parser, back-propagation, the writers, the tests and the printed table of derivatives all read this
table.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import arrays, elementwise
from .op import Op

ROWS: list[Op] = [*elementwise.ROWS, *arrays.ROWS]
OPS: dict[str, Op] = {op.name: op for op in ROWS}

# Other names people type for a row.
ALIASES = {"matmul": "dot", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}
# Calls that mean another row with two operands: max(v) is the largest of v, max(a, b) the larger of two.
OF_TWO = {"max": "maximum", "min": "minimum"}

# What a call in text or from Python may say: every row that is written as a call, dot, and the other names.
CALLS: dict[str, Op] = {op.name: op for op in ROWS if not op.text or op.name == "dot"}
CALLS |= {other: OPS[name] for other, name in ALIASES.items()}

# The NumPy and math functions of the same meaning.
NUMPY: dict[Any, Op] = {op.compute: op for op in ROWS if isinstance(op.compute, np.ufunc)}
NUMPY |= {np.dot: OPS["dot"], np.sum: OPS["sum"], np.where: OPS["where"], np.outer: OPS["outer"], np.mean: OPS["mean"],
          np.max: OPS["max"], np.min: OPS["min"], np.amax: OPS["max"], np.amin: OPS["min"],
          np.transpose: OPS["transpose"], np.fabs: OPS["abs"], np.clip: OPS["clip"],
          np.float_power: OPS["power"], np.linalg.norm: OPS["norm"], np.round: OPS["round"], np.reshape: OPS["reshape"],
          np.stack: OPS["stack"], np.concatenate: OPS["concatenate"], np.take: OPS["take"], np.greater: OPS["greater"],
          np.greater_equal: OPS["at_least"], np.less: OPS["less"], np.less_equal: OPS["at_most"], np.equal: OPS["equal"],
          np.not_equal: OPS["differs"]}
MATH = {name: OPS[name] for name in ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh",
                                     "tanh", "hypot", "erf", "erfc", "lgamma", "floor", "ceil")}
MATH |= {"pow": OPS["power"], "fabs": OPS["abs"], "asin": OPS["arcsin"], "acos": OPS["arccos"], "atan": OPS["arctan"],
         "atan2": OPS["arctan2"]}
