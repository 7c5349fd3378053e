"""The command that lets the programs of one graph race."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .errors import UsageError, many
from .options import Features, Json, Whole
from .terminal import answer, columns, next_command, say

if TYPE_CHECKING:
    from .models.race import Race
    from .vectorize.cost import Cost


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
    from .models.race import made_up, of_table, raced

    if (file is None) != (target is None):
        raise UsageError("a race on a table needs its target" if target is None else "a target needs a table",
                         "dvar race FILE --target COLUMN, or dvar race alone")
    if rows < 1:
        raise UsageError(f"rows is {rows}", "give a whole number of at least 1")
    cost, what = made_up(rows) if file is None else of_table(file, str(target), features, rows, say)
    found = raced(cost)
    if json_:
        answer({"m": cost.m, "n": int(cost.size), "seconds": found.seconds, "first_call": found.first, "apart": found.apart})
        return
    print(told(cost, what, found))
    say(next_command("fit", file, "--target", str(target)) if file else
        next_command("race", "examples/flights.parquet", "--target", "late"))


def told(cost: Cost, what: str, race: Race) -> str:
    from .models.race import PROGRAMS

    loop = race.seconds["loop"]
    table = [("program", "one gradient", "rows/s", "times the loop", "first call"),
             *((name, f"{s * 1e3:,.3g} ms", f"{cost.m / s:,.0f}", f"{loop / s:,.1f}", f"{race.first[name]:.2f} s")
               for name, s in race.seconds.items())]
    fastest, best = min(race.seconds.items(), key=lambda item: item[1])
    lines = [f"{what}: {many(cost.m, 'row')}, {many(cost.size, 'parameter')}; the cost and all its derivatives, once", "",
             columns(table), "", *(f"{name}: {words}" for name, words in PROGRAMS.items()), "",
             f"The three agree to {race.apart:.1g} of the largest derivative; they add in another order."]
    if fastest == "loop":
        lines.append("On so few rows the loop is as fast as any.")
    else:
        lines.append(f"On this machine {fastest} does in one second what the loop does in {loop / best:,.0f}.")
    return "\n".join(lines)
