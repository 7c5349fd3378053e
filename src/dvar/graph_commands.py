"""The commands that ask a graph: its steps, a slope, the table of derivatives."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .errors import DvarError
from .terminal import assignments, jsonable, next_command, say


def explain(
    formula: str, values: Sequence[str], svg: str | None, html: str | None, unfold: bool, latex: bool, as_json: bool
) -> None:
    from .api import graph

    p = graph(formula).at(assignments(values))
    check = p.check()
    for path in (svg, html):
        if path is not None:
            try:
                p.save(path)
            except OSError as error:
                raise DvarError(f"{path} cannot be written: {error.strerror}", "name another file") from None
            say(f"wrote {path}")
    if as_json:
        worst = check.worst
        print(json.dumps({
            "value": jsonable(p.value),
            "values": {k: jsonable(v) for k, v in p.values.items()},
            "derivatives": {k: jsonable(v) for k, v in p.d.items()},
            "check": {"ok": check.ok, "worst": None if worst is None else worst.name},
        }))
        return
    steps = p.steps().unfold() if unfold else p.steps()
    if latex:
        print(steps.latex)
        return
    print(f"{steps.text}\n\nEvery input nudged\n" + "\n".join("  " + line for line in str(check).splitlines()))
    if html is None:
        say(next_command("explain", formula, *values, "--html", "graph.html"))


def slope(formula: str, values: Sequence[str], nudge: float, of: str | None, as_json: bool) -> None:
    from .api import slope as measured

    found = measured(formula, assignments(values), nudge=nudge, of=of)
    if as_json:
        print(json.dumps({k: jsonable(getattr(found, k)) for k in ("value", "nudged", "slope", "derivative")}))
        return
    print(found)
    say(next_command("explain", formula, *values))


def derivatives(name: str | None, as_json: bool) -> None:
    from .api import derivatives as table

    found = table(name)
    if as_json:
        keys = ("name", "formula", "derivatives", "domain", "kink", "note")
        print(json.dumps([{k: getattr(row, k) for k in keys} for row in found.rows], ensure_ascii=False))
        return
    print(found)
