"""What the user's variables call the nodes: read from the bytecode and the frames of the function while it is traced.

The instruction after an operation mostly says it: STORE_FAST z. A value that a function returns, that is unpacked from a tuple
or that `sum` returns is stored only later; the variables it may end in are kept until the next operation, when they are looked
up. No `sys.settrace`, which would blind debuggers and coverage. Names inside a function that the traced one calls are qualified
by it, layer.z, and in its second call layer_2.z: by the innermost function that has a name, since network.layer.z says little
more and recursion would never end.
What such a function returns is called what its caller calls it: after h = layer(x) the node is h, whatever it was inside.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from functools import lru_cache
from inspect import CO_GENERATOR
from types import CodeType, FrameType
from typing import Any, NamedTuple

from .graph import Builder

SKIPPED = (__name__.partition(".")[0] + ".", "numpy.")  # modules whose frames are not the user's
STORES = ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF")
MOVES = ("UNPACK_", "SWAP", "COPY", "BUILD_TUPLE")  # may stand between a value and its variable
SEVERAL = ("CALL", "FOR_ITER", "UNPACK_")  # one instruction, several operations: sum(values), a, b = x
OF_US = 4  # frames of ours at least between an operation in the user's function and `user_frame`: note, value, apply, operator
BY_PYTHON = ("operator", "__getitem__")  # methods of a traced value that such an instruction calls by itself


class Stored(NamedTuple):
    """The variables that the result of one instruction goes to: at once, or one after the other by unpacking."""

    now: str
    names: tuple[str, ...]
    several: bool


class Level(NamedTuple):
    """A function that is running, its caller first in the list of levels."""

    frame: FrameType
    stored: dict[int, Stored]
    prefix: str = ""  # of the names in it: "layer."
    depth: int = 0  # the level whose prefix that is


class Names:
    """Names the nodes of one function being traced. `index_of` tells which node a variable holds, None where it holds another
    thing; `base` is the frame that calls the function, `code` the function's own."""

    def __init__(
        self, builder: Builder, index_of: Callable[[Any], int | None], base: FrameType, code: CodeType | None
    ) -> None:
        self.builder, self.index_of, self.base, self.code = builder, index_of, base, code
        self.home: FrameType | None = None  # the traced function's frame
        self.levels: list[Level] = []  # what was running at the last operation
        self.returns: list[tuple[str, ...]] = []  # per call from one level to the next: the variables of its result
        self.depth: dict[int, int] = {}  # the level of a node's name, where it is not the traced function's
        self.pending: tuple[str, ...] = ()  # variables of the last level that may hold a node without a name
        self.read: dict[int, tuple[CodeType, dict[int, Stored]]] = {}
        self.calls: dict[str, int] = {}  # of functions by their names
        self.generators: dict[FrameType, str] = {}  # left and entered again: the prefix of one call

    def note(self, index: int) -> None:
        """Name the node that was just made, or remember where its name will be found."""
        below, frame = user_frame(OF_US)
        if frame is None:
            return
        if not self.levels or frame is not self.levels[-1].frame or frame.f_code.co_flags & CO_GENERATOR:
            self.enter(frame)
        elif self.pending:
            self.look_up(len(self.levels) - 1, self.pending)
        self.pending = ()
        level = self.levels[-1]
        found = level.stored.get(frame.f_lasti)
        if found is None:
            return
        if found.several and below.f_code.co_name in BY_PYTHON:
            self.pending = found.names
            return
        if found.now:
            self.give(index, found.now, len(self.levels) - 1)
        self.pending = found.names[1:] if found.now else found.names

    def give(self, index: int, name: str, at: int) -> None:
        level = self.levels[at]
        self.builder.give(index, level.prefix + name)
        if level.depth or index in self.depth:
            self.depth[index] = level.depth

    def enter(self, frame: FrameType) -> None:
        """Another function is running: what was returned meanwhile is stored by now, and is looked up."""
        frames = self.frames(frame)
        same = 0
        for level, other in zip(self.levels, frames):
            if level.frame is not other:
                break
            same += 1
        self.leave(min(same, len(frames) - 1) if frame.f_code.co_flags & CO_GENERATOR else same)
        for k in range(len(self.levels), len(frames)):
            if k:
                caller = self.levels[-1]
                found = caller.stored.get(caller.frame.f_lasti)
                self.returns.append(found.names if found else ())
            self.levels.append(self.level(frames[k]))
            if self.home is None or self.home.f_code is not frames[k].f_code is self.code:
                self.home = frames[k]  # the outermost, where it calls itself; not a decorator's around it

    def leave(self, same: int) -> None:
        """Forget all but the first `same` levels, the innermost first; the names that they wait for are looked up."""
        if self.pending:
            self.look_up(len(self.levels) - 1, self.pending)
            self.pending = ()
        while len(self.levels) > same:
            self.levels.pop()
            if self.returns:
                names = self.returns.pop()
                if names:
                    self.look_up(len(self.levels) - 1, names)

    def look_up(self, at: int, names: tuple[str, ...]) -> None:
        """Give the names of these variables to the nodes they hold, where these have none or one of a function called here."""
        variables = self.levels[at].frame.f_locals
        for name in names:
            index = self.index_of(variables.get(name))
            if index is not None and (not self.builder.nodes[index].name or self.depth.get(index, 0) > self.levels[at].depth):
                self.give(index, name, at)

    def close(self) -> None:
        """The function has returned: look up what is left."""
        self.leave(0)
        if self.home is not None:
            self.levels.append(Level(self.home, {}))
            self.look_up(0, tuple(self.home.f_locals))

    def frames(self, frame: FrameType) -> list[FrameType]:
        """The user's frames from the traced function to this one."""
        found, caller = [frame], frame.f_back
        while caller is not None and caller is not self.base:
            if not is_ours(caller):
                found.append(caller)
            caller = caller.f_back
        return found[::-1]

    def level(self, frame: FrameType) -> Level:
        """A new last level. A lambda and a comprehension are as what they run in; a method __call__ is called by its class."""
        code, stored = frame.f_code, self.stored(frame.f_code)
        if not self.levels or code is self.code:
            return Level(frame, stored)
        if code.co_name.startswith("<"):
            return Level(frame, stored, *self.levels[-1][2:])
        owner = code.co_qualname.split(".")[-2:-1]
        name = owner[0] if code.co_name.startswith("__") and owner else code.co_name
        return Level(frame, stored, self.generators.get(frame) or self.prefix(name, frame), len(self.levels))

    def prefix(self, name: str, frame: FrameType) -> str:
        """Of the names in one more call of a function: "layer.", then "layer_2."."""
        self.calls[name] = count = self.calls.get(name, 0) + 1
        made = f"{name}_{count}." if count > 1 else f"{name}."
        if frame.f_code.co_flags & CO_GENERATOR:
            self.generators[frame] = made
        return made

    def stored(self, code: CodeType) -> dict[int, Stored]:
        """As `stored_names`; to look a code object up by itself would hash all of it."""
        if id(code) not in self.read:
            self.read[id(code)] = code, stored_names(code)
        return self.read[id(code)][1]


def is_ours(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return isinstance(name, str) and name.startswith(SKIPPED)


def user_frame(above: int = 1) -> tuple[FrameType, FrameType | None]:
    """The nearest calling frame that is neither dvar's nor NumPy's, after the one that it called; looked for from `above`."""
    below = sys._getframe(above)
    frame = below.f_back
    while frame is not None and is_ours(frame):
        below, frame = frame, frame.f_back
    return below, frame


@lru_cache(maxsize=4096)
def stored_names(code: CodeType) -> dict[int, Stored]:
    """Offset of an instruction → the variables that its result is stored in by those that follow."""
    found: dict[int, Stored] = {}
    steps = [s for s in dis.get_instructions(code) if s.opname not in ("EXTENDED_ARG", "CACHE")]
    for i, step in enumerate(steps):
        if step.opname.startswith(STORES) or i + 1 == len(steps) or not steps[i + 1].opname.startswith((*STORES, *MOVES)):
            continue
        names: list[str] = []
        apart = step.opname.startswith("UNPACK_")
        for following in (steps[k] for k in range(i + 1, len(steps))):
            if following.opname.startswith(STORES):
                both = following.argval if isinstance(following.argval, tuple) else (following.argval,)
                names += both[: 1 if following.opname.endswith("LOAD_FAST") else None]
            elif following.opname.startswith(MOVES):
                apart = apart or not (following.opname == "COPY" or names)
            else:
                break
        if names:
            stored = Stored("" if apart else names[0], tuple(names), step.opname.startswith(SEVERAL))
            found |= dict.fromkeys(range(step.offset, steps[i + 1].offset, 2), stored)  # a call waits behind its inline cache
    return found
