"""Fused programs as machine code, kept on disk: made once by Numba, from then on loaded by LLVM alone, which takes milliseconds.

A file is named by all that its code depends on and begins with a checksum. A folder that cannot be written or is not the user's,
a damaged file, two processes at once: none of them is an error. What cannot be kept is compiled for this process alone, and the
program's text says so; a damaged file is made anew.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import os
import re
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import save
from .arguments import ENTRY, Kind, address, fits, numba_types, words

HERE = Path(__file__).parent
KERNELS = ("kernels", "block_kernels", "gram_kernels", "sparse_kernels", "intrinsics")  # modules of what a program calls
SOURCES = tuple(HERE / f"{name}.py" for name in (*KERNELS, "machine_code", "arguments", "../expression/gumbel",
                                                 "../expression/normal"))  # what machine code is made of besides
ROOT = 0  # the user whose files are as trusted as one's own
PREFIX = hashlib.sha256().digest_size  # bytes of checksum

class Compiled:
    """A program to call with arguments of the kinds given; its machine code is loaded or made when it is first needed."""

    def __init__(self, source: str, name: str, kinds: tuple[Kind, ...]) -> None:
        self.source, self.name, self.kinds = source, name, kinds
        self.note = ""  # why it is not kept, as a comment
        self.run: Callable[..., Any] | None = None
        self.lock = threading.Lock()
        self.looked = False

    @property
    def kept(self) -> bool:
        """Whether it is there, or on disk and now loaded: to run it nothing has to be compiled."""
        with self.lock:
            if self.run is None and not self.looked:
                self.looked = True
                self.run = loaded(key(self.source, self.name, self.kinds))
        return self.run is not None

    def ready(self) -> Callable[..., Any]:
        if not self.kept:
            with self.lock:
                if self.run is None:
                    self.run, self.note = made(self.source, self.name, self.kinds)
        assert self.run is not None
        return self.run

    @property
    def text(self) -> str:
        """The source, below a comment where its machine code cannot be kept; compiled now."""
        self.ready()
        return self.note + self.source

    def __call__(self, *arguments: Any) -> None:
        self.ready_for(arguments)(*arguments)

    def ready_for(self, arguments: Sequence[Any]) -> Native | Callable[..., Any]:
        """What runs. Raises TypeError for arguments of other kinds: machine code would read them as if they were its own."""
        if len(arguments) != len(self.kinds) or not all(map(fits, arguments, self.kinds)):
            raise TypeError(f"{self.name} was compiled for arguments of other types")
        return self.ready()


@lru_cache(maxsize=64)
def compiled(source: str, name: str, kinds: tuple[Kind, ...]) -> Compiled:
    return Compiled(source, name, kinds)


@lru_cache(maxsize=1)
def kernel_modules() -> dict[str, str]:
    """By function that programs may call, the module it is in, read off their text: importing them would import Numba."""
    return {name: module for module, path in zip(KERNELS, SOURCES)
            for name in re.findall(r"^def (\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)}


# on disk


def folder() -> Path:
    """DVAR_CACHE, else the user's cache folder. Raises RuntimeError where there is no home."""
    if os.environ.get("DVAR_CACHE"):
        return Path(os.environ["DVAR_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dvar"


@lru_cache(maxsize=1)
def surroundings() -> str:
    """All that machine code depends on besides its program: the kernels, the versions, the processor, what was set for Numba."""
    import llvmlite.binding as llvm

    return "\n".join([
        *(hashlib.sha256(path.read_bytes()).hexdigest() for path in SOURCES),
        __version__, *(importlib.metadata.version(name) for name in ("numba", "llvmlite")),
        llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(),
        *(f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("NUMBA_")),
    ])


def key(source: str, name: str, kinds: tuple[Kind, ...]) -> str:
    return hashlib.sha256("\n".join([surroundings(), name, repr(kinds), source]).encode()).hexdigest()


def checksum(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


def loaded(key: str) -> Native | None:
    """The program from its file, or None where there is none that can be trusted."""
    try:
        home = folder()
        path = home / f"{key}.code"
        if not path.exists() or insecure(home) or insecure(path):
            return None
        content = path.read_bytes()
        if content[:PREFIX] != checksum(key, content[PREFIX:]):
            return None
        needed, _, code = content[PREFIX:].partition(b"\n")
        return Native(code, needed.decode().split())
    except Exception:  # whatever is wrong with a file is mended by making it anew
        return None


def keep(key: str, code: bytes, needed: list[str]) -> str:
    """Why the code could not be written to its file, or ""."""
    try:
        home = folder()
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if insecure(home):
            return f"others may write to {home}"
        content = " ".join(needed).encode() + b"\n" + code
        save(checksum(key, content) + content, home / f"{key}.code")
    except (OSError, RuntimeError) as error:
        return str(error)
    return ""


def insecure(path: Path) -> bool:
    """Whether someone else put it there, or may: what is loaded is run."""
    if not hasattr(os, "getuid"):
        return False
    status = path.stat()
    return bool(status.st_mode & 0o002) or status.st_uid not in (os.getuid(), ROOT)


# in memory


def made(source: str, name: str, kinds: tuple[Kind, ...]) -> tuple[Callable[..., Any], str]:
    """The program compiled now, and a comment where it is not kept."""
    try:
        from .machine_code import object_code

        code, needed = object_code(source, name, kinds)
        run = Native(code, needed)
    except Exception as error:  # a version of Numba that works otherwise inside
        return by_numba(source, name, kinds), f"# compiled for this process alone: {error or type(error).__name__}\n"
    why = keep(key(source, name, kinds), code, needed)
    return run, f"# compiled for this process alone: {why}\n" if why else ""


def by_numba(source: str, name: str, kinds: tuple[Kind, ...]) -> Callable[..., Any]:
    """The program as Numba compiles any function: in more time, and not kept."""
    import numba

    space: dict[str, Any] = {"__name__": "dvar_fused_program"}
    exec(compile(source, "<dvar fused program>", "exec"), space)
    program = numba.njit(nogil=True, fastmath={"contract"}, error_model="numpy")(space[name])
    program.compile(numba_types(kinds))
    return program


@lru_cache(maxsize=1)
def machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


class Native:
    """The C function in object code, loaded into this process, to be called with a program's arguments or on their words.
    Python's lock is free while it runs. Raises LookupError where one of the functions it needs is not in this process: to load
    it would end it."""

    def __init__(self, code: bytes, needed: list[str]) -> None:
        llvm = machine()
        target = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(codemodel="jitdefault", jit=True)
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)  # from here on LLVM looks into this process
        for symbol in needed:
            if not llvm.address_of_symbol(symbol):
                raise LookupError(f"there is no function {symbol}")
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self.engine.finalize_object()
        self.function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(self.engine.get_function_address(ENTRY))

    def __call__(self, *arguments: Any) -> None:
        self.on(words(arguments))

    def on(self, told: Any) -> None:
        """On words: the last two are room for answers that programs do not use, the first two their addresses."""
        told[:2] = address(told[-2:])
        status = self.function(address(told))
        if status:
            raise RuntimeError(f"a compiled program answered {status}")
