"""A race: the programs that one graph writes, on the same data. They must agree before they are timed."""

from __future__ import annotations

import time
from typing import Annotated, Any

from cyclopts import Parameter

from .errors import DvarError, UsageError, many
from .options import Features, Json, Whole
from .terminal import answer, columns, next_command, say

TARGETS = {"loop": "plain Python, a for-loop over rows", "numpy": "NumPy, vectorised",
           "fused": "compiled, blocks of rows on threads"}
CLOSE = 1e-9  # how far programs may differ, relative to the largest derivative: they add in another order
SECONDS = 0.3  # a program is called again for about so long; its fastest call counts


def race(
    file: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    target: str | None = None,
    features: Features = None,
    rows: Whole = 20_000,
    json_: Json = False,
) -> None:
    """The programs that one graph writes – a plain loop, NumPy, compiled – on the same data: the same answer, three times.

    Parameters
    ----------
    file
        A table. Default: made-up numbers.
    target
        The yes/no column of the table.
    features
        As for dvar fit.
    rows
        How many rows at most: the plain loop takes its time.
    json_
        Print one JSON object.
    """
    import numpy as np

    if (file is None) != (target is None):
        raise UsageError("a race on a table needs its target" if target is None else "a target needs a table",
                         "dvar race FILE --target COLUMN, or dvar race alone")
    if rows < 1:
        raise UsageError(f"rows is {rows}", "give a whole number of at least 1")
    cost, what = made_up(rows) if file is None else of_table(file, str(target), features, rows)
    rng = np.random.default_rng(0)
    given = {name: rng.normal(size=cost.sizes[name]) * 0.1 for name in cost.inputs}
    found = [timed(cost, name, given) for name in TARGETS]
    size = max(float(np.max(np.abs(found[0][0]))), 1e-300)
    apart = max(float(np.max(np.abs(f[0] - found[0][0]))) / size for f in found)
    if not apart <= CLOSE:
        raise DvarError(f"the programs differ by {apart:.2g} of the largest derivative", "this should not be: please report it")
    seconds = {name: f[1] for name, f in zip(TARGETS, found)}
    first = {name: f[2] for name, f in zip(TARGETS, found)}
    if json_:
        answer({"m": cost.m, "n": int(cost.size), "seconds": seconds, "first_call": first, "apart": apart})
        return
    print(told(cost, what, seconds, first, apart))
    say(next_command("fit", file, "--target", str(target)) if file else
        next_command("race", "examples/flights.parquet", "--target", "late"))


def told(cost: Any, what: str, seconds: dict[str, float], first: dict[str, float], apart: float) -> str:
    table = [("program", "one gradient", "rows/s", "times the loop", "first call"),
             *((name, f"{s * 1e3:,.3g} ms", f"{cost.m / s:,.0f}", f"{seconds['loop'] / s:,.1f}", f"{first[name]:.2f} s")
               for name, s in seconds.items())]
    fastest = min(seconds, key=lambda name: seconds[name])
    lines = [f"{what}: {many(cost.m, 'row')}, {many(cost.size, 'parameter')}; the cost and all its derivatives, once", "",
             columns(table), "", *(f"{name}: {words}" for name, words in TARGETS.items()), "",
             f"The three agree to {apart:.1g} of the largest derivative; they add in another order."]
    if fastest == "loop":
        lines.append("On so few rows the loop is as fast as any.")
    else:
        times = seconds["loop"] / seconds[fastest]
        lines.append(f"On this machine {fastest} does in one second what the loop does in {times:,.0f}.")
    return "\n".join(lines)


def made_up(rows: int) -> tuple[Any, str]:
    import numpy as np

    from .models.named import LOGISTIC
    from .vectorize.cost import Cost

    rng = np.random.default_rng(1)
    X = rng.normal(size=(rows, 20))
    y = (X @ rng.normal(size=20) + rng.logistic(size=rows) > 0).astype(float)
    return Cost(LOGISTIC.graph, {"x": X, "y": y}), "logistic regression of made-up numbers"


def of_table(file: str, target: str, features: str | None, rows: int) -> tuple[Any, str]:
    import numpy as np

    from .data import features as asked
    from .data.encoding import Encoding
    from .data.reading import read
    from .data.source import Source
    from .models import target as targets
    from .models.named import LOGISTIC
    from .vectorize.cost import Cost

    table = read(file, say=say)
    y, known, label = targets.read(table, target, True, None)
    some = np.flatnonzero(known)[:rows]
    wanted = asked.chosen(asked.split(features), table.column_names, targets.columns(table, target))
    source = Source(table, some)
    x = Encoding.learn(source, wanted, reference=True).encode(source)
    if len(some) < known.sum():
        say(f"the first {len(some):,} of {many(int(known.sum()), 'row')} run; --rows takes more")
    return Cost(LOGISTIC.graph, {"x": x, "y": y[some]}), f"logistic regression of {target} = {label}"


def timed(cost: Any, name: str, given: dict[str, Any]) -> tuple[Any, float, float]:
    """What a program answers, raveled; the seconds of its fastest call, and of its first, writing and compiling included."""
    import numpy as np

    start = time.perf_counter()
    program = cost.program(name)
    values = [given[n] for n in cost.inputs]
    answer = np.concatenate([np.ravel(part) for part in program(*values)])
    first = time.perf_counter() - start
    best, spent = first, 0.0
    while spent < SECONDS:
        start = time.perf_counter()
        program(*values)
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return answer, best, first
