"""What the rows of the table say of their operations is so: in which order operands may stand, what is exact, what is linear, what a
function is of -a, where it is positive."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dvar as dv
from dvar.expression.ops import ROWS

rng = np.random.default_rng(5)
V, A = rng.normal(size=3), rng.normal(size=(2, 3))
ARRAYS = {  # operands of the rows that do not take any shape
    "dot": (A, V), "outer": (V, V), "take": (V, 1.0), "place": (1.7, V), "cut": (V, A[0, :2], V[:1]), "shaped": (V, A[:1]), "spread": (1.7, A),
    "onehot": (1.0, V),
}  # fmt: skip
SAID = {"index": {"at": (0,)}, "place": {"at": (1,)}, "reshape": {"shape": (1, 3)}}
FINITE = st.floats(-1e100, 1e100)


def names(rows):
    return {"argvalues": rows, "ids": [row.name for row in rows]}


def operands(op, positive=0):
    """Some operands, the first ones positive, the others negative but where they lend their shape or number something."""
    if op.name in ARRAYS:
        given = ARRAYS[op.name]
    else:
        given = tuple(rng.normal(size=3) for _ in range(op.arity))
    numbers = set(op.numbers) | set(op.likes)
    return [np.abs(v) if k < positive else v if k in numbers else -np.abs(v) for k, v in enumerate(given)]


def computed(op, values):
    return op.compute(*values, **op.named(op.unless_said) | SAID.get(op.name, {}))


@pytest.mark.parametrize("op", **names([op for op in ROWS if op.commutes]))
@given(a=FINITE, b=FINITE)
def test_what_commutes(op, a, b):
    np.testing.assert_allclose(op.compute(a, b), op.compute(b, a), rtol=1e-15)


@pytest.mark.parametrize("op", **names([op for op in ROWS if op.exact]))
@given(a=FINITE, b=FINITE)
def test_what_is_exact_is_rounded_once(op, a, b):
    assert op.compute(a, b) == float(op.exact(Fraction(a), Fraction(b)))


@pytest.mark.parametrize("op", **names([op for op in ROWS if op.reflected]))
@given(a=st.floats(-30, 30))
def test_what_a_function_is_of_minus_a(op, a):
    other = dv.graph("J = " + op.reflected)
    np.testing.assert_allclose(op.compute(-a), other(a=a), rtol=1e-12, atol=4e-15)


@pytest.mark.parametrize("op", **names([op for op in ROWS if op.linear]))
def test_what_is_linear(op):
    values = operands(op)
    for k in op.linear:
        other = operands(op)[k]
        for factor in (-2.0, 0.5):
            scaled, moved = list(values), list(values)
            scaled[k], moved[k] = factor * values[k], factor * values[k] + other
            np.testing.assert_array_equal(computed(op, scaled), factor * computed(op, values))
            alone = [*values[:k], other, *values[k + 1 :]]
            np.testing.assert_allclose(computed(op, moved), computed(op, scaled) + computed(op, alone), rtol=1e-14)


@pytest.mark.parametrize("op", **names([op for op in ROWS if op.positive is not None]))
def test_what_is_positive(op):
    assert np.all(computed(op, operands(op, op.positive)) > 0)
