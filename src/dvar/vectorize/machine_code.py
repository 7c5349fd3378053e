"""Machine code for fused programs, by Numba: a program and the kernels it calls become one module, optimised and emitted once.

Numba by itself makes machine code of every function that a program calls, and wrappers for Python around it; most of the first
call would go there. Here functions are only put into words for LLVM (`Linked`), then linked, and what comes out is object code
with a plain C function in it: it needs nothing of Numba, nor of Python, to run.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import FunctionType, SimpleNamespace
from typing import Any

import numba
from llvmlite import ir
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.runtime import rtsys  # type: ignore[attr-defined]

from ..expression import gumbel, normal
from . import block_kernels, gram_kernels, kernels, sparse_kernels
from .arguments import ENTRY, Kind, numba_types
from .intrinsics import tell_of_loop


class Linked(JITCodeLibrary):
    """A function and those it calls, linked and optimised, not made machine code. What is written into its callers anyway is
    optimised there alone."""

    inlined = False
    interleaved = False  # whether its loops take two vectors of rows at a time

    def add_ir_module(self, module: Any) -> None:
        if self.interleaved:
            interleave(module)
        super().add_ir_module(module)  # type: ignore[no-untyped-call]

    def add_linking_library(self, library: Any) -> None:
        if library is not rtsys.library:  # memory is Numba's to manage only where a program asks for some
            super().add_linking_library(library)  # type: ignore[no-untyped-call]

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout
        if not self.inlined:
            super()._optimize_functions(module)  # type: ignore[no-untyped-call]

    def _optimize_final_module(self) -> None:
        if not self.inlined:
            super()._optimize_final_module()  # type: ignore[no-untyped-call]

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    @property
    def codegen(self) -> Any:
        return SimpleNamespace(set_env=lambda name, environment: None)


class Linking(Compiler):
    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        linked = Linked(target.codegen(), "fused")  # type: ignore[no-untyped-call]
        super().__init__(typing, target, linked, *rest)  # type: ignore[no-untyped-call]
        linked.inlined = self.state.flags.forceinline
        self.state.flags.noalias = True  # nothing that is written to overlaps what else a function is given: loops need not ask


class Looping(Linking):
    """Of the program itself."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.state.library.interleaved = True


def interleave(module: Any) -> None:
    """Tells LLVM of each loop to take two vectors of rows at a time: elementary functions are long chains of steps with many
    constants, and two chains use the time in which each waits for itself, and a constant once it is loaded."""
    for function in module.functions:
        seen = set()
        for block in function.blocks:
            seen.add(block)
            if isinstance(block.terminator, ir.Branch) and block.terminator.operands[0] in seen:
                tell_of_loop(module, block, "llvm.loop.interleave.count", ir.Constant(ir.IntType(32), 2))


def linking(
    function: FunctionType, space: dict[str, Any], options: dict[str, Any], pipeline: type[Linking] = Linking
) -> Any:
    """A function to be compiled into programs only: it finds what it calls in `space` and cannot be called from Python."""
    njit: Any = numba.njit
    twin = FunctionType(function.__code__, space, function.__name__)
    spared = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "no_rewrites": True, "_nrt": False}
    return njit(pipeline_class=pipeline, **spared, **options)(twin)


@lru_cache(maxsize=1)
def linked_kernels() -> dict[Any, Any]:
    """By kernel, its twin for programs, which finds in its module's names what it calls."""
    modules = kernels, block_kernels, gram_kernels, sparse_kernels, gumbel, normal
    spaces = {module.__name__: dict(vars(module)) for module in modules}
    twins: dict[Any, Any] = {}
    for kernel in {k: None for space in spaces.values() for k in space.values() if is_compiled(k)}:
        options = {k: v for k, v in kernel.targetoptions.items() if k in ("fastmath", "error_model", "forceinline")}
        twins[kernel] = linking(kernel.py_func, spaces[kernel.py_func.__module__], options)
    for space in spaces.values():
        exchange(space, twins)
    return twins


def is_compiled(value: Any) -> bool:
    return isinstance(value, Dispatcher)


def exchange(space: dict[str, Any], twins: dict[Any, Any]) -> None:
    """Kernels for their twins, wherever they go by whatever name."""
    space.update({name: twins[value] for name, value in space.items() if is_compiled(value)})


def object_code(source: str, name: str, kinds: tuple[Kind, ...]) -> tuple[bytes, list[str]]:
    """The object code of a program, whose C function is ENTRY(int64_t words[]), and the functions it needs from elsewhere.

    The words are the program's arguments as Numba passes them (see `arguments.words`)."""
    with global_compiler_lock, without_collecting():
        load_without_blas()
        space: dict[str, Any] = {"__name__": "dvar_fused_program"}
        exec(compile(source, "<dvar fused program>", "exec"), space)
        exchange(space, linked_kernels())
        program = linking(space[name], space, {"fastmath": {"contract"}, "error_model": "numpy"}, Looping)
        program.compile(numba_types(kinds))
        [one] = program.overloads.values()
        library, module = one.library, one.library._final_module
        module.link_in(entry(one))
        library.finalize()
        needed = [f.name for f in (*module.functions, *module.global_variables)
                  if f.is_declaration and not f.name.startswith("llvm.")]
        return library._codegen._tm.emit_object(module), needed


def load_without_blas() -> None:
    """Numba's functions of arrays, loaded without a look at SciPy's BLAS, whose import takes a twentieth of a first call: it is
    there, as SciPy is, and no program calls it."""
    from numba.np import linalg

    if "numba.np.arraymath" not in sys.modules:
        look, linalg.ensure_blas = linalg.ensure_blas, lambda: None
        try:
            from numba.np import arraymath
        finally:
            linalg.ensure_blas = look
        arraymath.ensure_blas = look  # type: ignore[attr-defined]


@contextmanager
def without_collecting() -> Iterator[None]:
    """Numba makes a great many objects, and nearly all are in use to the end: looking for garbage took an eighth of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def entry(one: Any) -> Any:
    """A module with the function that takes a program's arguments from an array of words."""
    import llvmlite.binding as llvm

    context, described = one.target_context, one.fndesc
    module = context.create_module("entry")
    kind = context.call_conv.get_function_type(described.restype, described.argtypes)
    word = ir.IntType(64)
    program = ir.Function(module, kind, described.llvm_func_name)
    function = ir.Function(module, ir.FunctionType(kind.return_type, [word.as_pointer()]), ENTRY)
    builder = ir.IRBuilder(function.append_basic_block())
    arguments = []
    for k, wanted in enumerate(kind.args):
        value = builder.load(builder.gep(function.args[0], [ir.Constant(word, k)]))
        if isinstance(wanted, ir.PointerType):
            value = builder.inttoptr(value, wanted)
        elif wanted != word:
            value = builder.bitcast(value, wanted)
        arguments.append(value)
    builder.ret(builder.call(program, arguments))
    return llvm.parse_assembly(str(module))
