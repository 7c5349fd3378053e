"""Fused programs compiled by Numba, kept on disk: the source is a file named by what it depends on, its machine code beside it.

A folder that cannot be written, an entry that is damaged, two processes at once: none of them is an error. What cannot be kept is
compiled for this process alone; a damaged entry is made anew.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..files import save

Compiled = Callable[..., None]


def folder() -> Path:
    """DVAR_CACHE, else the user's cache folder."""
    if "DVAR_CACHE" in os.environ:
        return Path(os.environ["DVAR_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dvar"


@lru_cache(maxsize=1)
def kernels_digest() -> str:
    from . import kernels

    return hashlib.sha256(Path(kernels.__file__).read_bytes()).hexdigest()


@lru_cache(maxsize=64)
def compiled(source: str, name: str, signature: tuple[Any, ...]) -> Compiled:
    """The machine code of a function for arguments of these Numba types; from the disk where it is there."""
    text = "\n".join([
        "import numba", source, "",
        f"compiled = numba.njit(nogil=True, cache=CACHE, fastmath={{'contract'}}, error_model='numpy')({name})",
    ])
    key = hashlib.sha256("\n".join([text, repr(signature), __version__, kernels_digest(), sys.version]).encode()).hexdigest()[:32]
    home = folder() / key
    try:
        return kept(home, text, signature)
    except Exception:  # whatever is wrong with a file is mended by making it anew
        shutil.rmtree(home, ignore_errors=True)
    try:
        return kept(home, text, signature)
    except Exception:
        space: dict[str, Any] = {"__name__": "dvar_fused_program", "CACHE": False}
        exec(compile(text, "<dvar fused program>", "exec"), space)
        return made(space["compiled"], signature)


def kept(home: Path, text: str, signature: tuple[Any, ...]) -> Compiled:
    """The program from its folder, which is made where it is not there."""
    path = home / "program.py"
    whole = "CACHE = True\n" + text
    if not path.exists() or path.read_text() != whole:
        home.mkdir(parents=True, exist_ok=True)
        save(whole, path)
    spec = importlib.util.spec_from_file_location(f"dvar_fused_{home.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where Numba looks for what it has kept
    spec.loader.exec_module(module)
    return made(module.compiled, signature)


def made(dispatcher: Any, signature: tuple[Any, ...]) -> Compiled:
    """Compiled, or loaded, now; other types are refused later rather than compiled again."""
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher  # type: ignore[no-any-return]


def types_of(arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The Numba types of arguments; arrays that are only read may be read-only ones."""
    import numba

    return tuple(numba.typeof(a) for a in arguments)  # type: ignore[no-untyped-call]
