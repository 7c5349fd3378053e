"""What kernels tell LLVM that Python has no words for: bits as numbers, how freely sums may be added up, how long vectors may be,
parts of arrays whose places are known to be there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once_value, for_range, get_or_insert_function
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

SUMS = {"contract", "reassoc", "nsz"}  # freedom to add up in any order; nan and inf keep their meaning
EXACT = {"contract"}
LINE = 64  # bytes that come from memory together


def reinterpreted(typing: Any) -> Any:
    """An @intrinsic; a caller does not see its first argument."""
    return intrinsic(typing)


@reinterpreted
def as_float(context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@reinterpreted
def as_bits(context: Any, number: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@reinterpreted
def wide(context: Any) -> Any:
    """Lets the function that calls it use the longest vectors the processor has; by itself LLVM stops at 256 bits of 512."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # the set knows only attributes without a value
        return context.get_dummy_value()

    return types.void(), generate


@reinterpreted
def added(context: Any, total: Any, term: Any) -> Any:
    """total + term, where terms may be added up in any order."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments, flags=["contract", "reassoc", "nsz"])

    return types.float64(types.float64, types.float64), generate


@reinterpreted
def add_each(context: Any, g: Any, row: Any, at: Any, terms: Any) -> Any:
    """g[row, at + j] += terms[j] for g stored row by row: as statements of their own they took a tenth of a compilation."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, row, at, terms = arguments
        whole = context.make_array(g)(context, builder, value)
        first = builder.add(builder.mul(row, builder.extract_value(whole.shape, 1)), at)
        for j in range(len(signature.args[3])):
            place = builder.gep(whole.data, [builder.add(first, context.get_constant(types.int64, j))])
            builder.store(builder.fadd(builder.load(place), builder.extract_value(terms, j)), place)
        return context.get_dummy_value()

    return types.void(g, types.int64, types.int64, terms), generate


@reinterpreted
def flat_rows(context: Any, x: Any, at: Any, n: Any) -> Any:
    """Rows at … at + n − 1 of x (m, k), stored row by row, one behind the other."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, at, n = arguments
        return part_of(context, builder, signature, value, lambda m, k: (builder.mul(at, k), builder.mul(n, k)))

    return vector_of(x)(x, types.int64, types.int64), generate


@reinterpreted
def flat_column(context: Any, x: Any, j: Any, at: Any, n: Any) -> Any:
    """Rows at … at + n − 1 of column j of x (m, k), stored column by column."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, j, at, n = arguments
        return part_of(context, builder, signature, value, lambda m, k: (builder.add(builder.mul(j, m), at), n))

    return vector_of(x)(x, types.int64, types.int64, types.int64), generate


def vector_of(x: Any) -> Any:
    """The type of numbers of x one behind the other."""
    return types.Array(x.dtype, 1, "C", readonly=not x.mutable, aligned=x.aligned)


def part_of(context: Any, builder: Any, signature: Any, value: Any, where: Callable[[Any, Any], tuple[Any, Any]]) -> Any:
    """A vector that lies in an array x (m, k); `where` tells its first place and its length from m and k."""
    x, vector = signature.args[0], signature.return_type
    whole, found = context.make_array(x)(context, builder, value), context.make_array(vector)(context, builder)
    first, count = where(*(builder.extract_value(whole.shape, axis) for axis in range(2)))
    size, data = whole.itemsize, builder.gep(whole.data, [first])
    populate_array(found, data, [count], [size], size, whole.meminfo, whole.parent)  # type: ignore[no-untyped-call]
    return impl_ret_borrowed(context, builder, vector, found._getvalue())  # type: ignore[no-untyped-call]


def tell_of_loop(module: Any, last: Any, *told: Any) -> None:
    """Tells LLVM how to take the loop that goes back at the end of this block."""
    how = module.add_metadata(list(told))
    loop = module.add_metadata([how, str(last.name)])
    loop.operands = (loop, how)  # a loop's name is a node that names itself
    last.terminator.set_metadata("llvm.loop", loop)


@reinterpreted
def fetch(context: Any, x: Any, i: Any, n: Any) -> Any:
    """Asks for rows i … i + n − 1 of x (m, k), stored row by row, to be brought near; there may be fewer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, i, n = arguments
        whole, byte, flag = context.make_array(x)(context, builder, value), ir.IntType(8).as_pointer(), ir.IntType(32)
        asked = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        prefetch = get_or_insert_function(builder.module, asked, "llvm.prefetch.p0")  # type: ignore[no-untyped-call]
        row = builder.mul(builder.extract_value(whole.shape, 1), whole.itemsize)
        start = builder.gep(builder.bitcast(whole.data, byte), [builder.mul(i, row)])
        line = context.get_constant(types.int64, LINE)
        lines = builder.udiv(builder.add(builder.mul(n, row), context.get_constant(types.int64, LINE - 1)), line)
        with for_range(builder, lines) as loop:
            place = builder.gep(start, [builder.mul(loop.index, line)])
            builder.call(prefetch, [place, *(ir.Constant(flag, k) for k in (0, 3, 1))])  # to read, as near as can be, as data
            last = builder.block
        tell_of_loop(builder.module, last, "llvm.loop.unroll.disable")  # LLVM made hundreds of calls of this one
        return context.get_dummy_value()

    return types.void(x, types.int64, types.int64), generate


@reinterpreted
def tile(context: Any, t: Any, left: Any, at: Any, right: Any, n: Any, found: Any) -> Any:
    """found[8·a + b] = Σ t[left, 8·i + at + a]·t[right, 8·i + b] over i < n, for a < 4 and b < 8: said in vectors, of which eight
    are added to by every row and none leaves its register."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, left, at, right, n, _ = arguments
        whole, made = (context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 5))
        number, place, size = ir.DoubleType(), ir.IntType(64), builder.extract_value(whole.shape, 1)
        eight, lanes = ir.VectorType(number, 8), ir.VectorType(ir.IntType(32), 8)
        first, second = (builder.gep(whole.data, [builder.mul(row, size)]) for row in (left, right))
        first = builder.gep(first, [at])
        zeros = ir.Constant(eight, [0.0] * 8)
        sums = [alloca_once_value(builder, zeros) for _ in range(4)]  # type: ignore[no-untyped-call]
        with for_range(builder, n) as loop:
            i = builder.mul(loop.index, ir.Constant(place, 8))
            row = builder.load(builder.bitcast(builder.gep(second, [i]), eight.as_pointer()), align=8)
            for a, total in enumerate(sums):
                v = builder.load(builder.gep(first, [builder.add(i, ir.Constant(place, a))]))
                v = builder.insert_element(ir.Constant(eight, ir.Undefined), v, ir.Constant(ir.IntType(32), 0))
                v = builder.shuffle_vector(v, ir.Constant(eight, ir.Undefined), ir.Constant(lanes, [0] * 8))
                product = builder.fmul(v, row, flags=["contract"])
                builder.store(builder.fadd(builder.load(total), product, flags=["contract"]), total)
        for a, total in enumerate(sums):
            out = builder.gep(made.data, [ir.Constant(place, 8 * a)])
            builder.store(builder.load(total), builder.bitcast(out, eight.as_pointer()), align=8)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(t, whole, whole, whole, whole, found), generate
