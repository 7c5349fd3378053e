"""What is learned: a column, or a formula over columns such as `delay > 15`, as numbers with one for each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import table as tables
from ..errors import DvarError, UsageError, nearest
from ..expression.formula import parse
from ..expression.graph import Graph
from ..expression.op import COMPARE
from ..expression.ops import OPS
from ..vectorize.predict import predict

HELP = "a target is a column or a formula over columns, as 'delay > 15'"
SIGNS = frozenset("<>=!+-*/()")


def columns(table: Any, target: str) -> tuple[str, ...]:
    """The columns that make a target. Raises UsageError where there are none of these names, or the formula does not parse."""
    graph = formula(table, target)
    return (target,) if graph is None else graph.inputs


def column(table: Any, target: str) -> Any:
    """The target as a column, a formula evaluated."""
    graph = formula(table, target)
    return (table if graph is None else evaluated(table, target, graph)).column(target)


def read(table: Any, target: str, yes_no: bool, positive: str | None) -> tuple[Any, Any, str]:
    """y (rows,), which rows are known, and the value that counts as 1 ("" for a number).

    Raises UsageError for a column or value that is not there, DvarError for one that asks no yes/no question where `yes_no`."""
    graph = formula(table, target)
    if graph is not None:
        table = evaluated(table, target, graph)
    if yes_no or positive is not None or tables.kind(table.column(target).type) == "category":
        return tables.target(table, target, positive)
    y, known = tables.number_target(table, target)
    return y, known, ""


def formula(table: Any, target: str) -> Graph | None:
    """The graph of a target that is no column of the table; None where it is one."""
    if target in table.column_names or SIGNS.isdisjoint(target):
        tables.column(table, target)
        return None
    odd = next((c for c in table.column_names if c in target and not c.isidentifier()), None)
    help = HELP if odd is None else f"a formula cannot name {odd!r}, which is not one word: rename the column"
    try:
        graph = parse(target)
    except UsageError as error:
        text = next((c for c in table.column_names if tables.kind(table.schema.field(c).type) == "category" and c in target), "")
        help = help if odd else f"of a column of two texts: --target {text} --positive VALUE" if text else error.help
        raise UsageError(error.what, help) from None
    for name in graph.inputs:
        if name not in table.column_names:
            raise UsageError(f"the target `{target}` names {name!r}, which is no column{nearest(name, table.column_names)}", help)
    if not graph.inputs:
        raise UsageError(f"the target `{target}` names no column", HELP)
    return graph


def evaluated(table: Any, target: str, graph: Graph) -> Any:
    """A table of one column, what the formula gives for each row; missing where one of its columns is, or it is not finite."""
    import pyarrow as pa

    data, known = {}, np.ones(table.num_rows, bool)
    for name in graph.inputs:
        column = tables.column(table, name)
        if tables.kind(column.type) not in ("number", "nothing"):
            help = "take columns of numbers, or a column of two values as it is"
            if tables.kind(column.type) == "category":
                help = f"where {name} has two values: --target {name} --positive VALUE; else take columns of numbers"
            what = f"the target `{target}` computes with {name!r}, which is of type {tables.called(column.type)}, not a number"
            raise DvarError(what, help)
        x, missing = tables.number_target(table, name)
        data[name], known = np.where(missing, x, 0.0), known & missing  # `missing` is true where the value is known
    with np.errstate(all="ignore"):
        value = np.asarray(predict(graph, graph.output, {}, data))
        comparisons = [n for n in graph.nodes if n.operands and OPS[n.op].binds == COMPARE]
        compared = {k for n in comparisons for k in n.operands if graph.nodes[k].operands}
        for k in compared:  # what is no number is neither more nor less
            known &= ~np.isnan(predict(graph, graph.nodes[k].name, {}, data))
    if OPS[graph.nodes[-1].op].binds == COMPARE:
        return pa.table({target: pa.array(value != 0, mask=~known)})
    known &= np.isfinite(value)
    return pa.table({target: pa.array(np.where(known, value, 0.0), mask=~known)})
