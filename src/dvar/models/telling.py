"""An inference told: as text for a person, as HTML for a notebook, as a DataFrame for what comes next."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from ..errors import DvarError
from .covariance import KINDS
from .tests_between import against_null
from .words import listed, number

if TYPE_CHECKING:
    from .inferred import Inference, Line

NO_OPTIMUM = "no finite optimum"


def table(found: Inference) -> list[tuple[str, ...]]:
    """The head and a row for each coefficient; columns that would be empty are left out."""
    letter = "z" if found.degrees is None else "t"
    share = f"{100 * found.level:g} %"
    interval = (f"{share} from", "to")
    head = ("", "coefficient", "std. error", letter, f"P>|{letter}|", *interval, "odds ratio", *interval)
    rows: list[tuple[str, ...]] = [head, *(cells(line) for line in found.lines)]
    kept = [k for k in range(len(rows[0])) if k < 2 or any(row[k] for row in rows[1:])]
    return [tuple(row[k] for k in kept) for row in rows]


def cells(line: Line) -> tuple[str, ...]:
    p = "" if line.p is None else "<0.001" if line.p < 0.001 else f"{line.p:.3f}"
    odds = [number(v, ".4g") for v in (line.odds, line.odds_low, line.odds_high)]
    return (line.name, number(line.coefficient), number(line.error, ".4g"), number(line.z, ".3f"), p,
            number(line.low, ".4g"), number(line.high, ".4g"), *odds)


def coefficients(found: Inference) -> str:
    """The table of coefficients as text."""
    rows = table(found)
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    out = []
    for row in rows:
        mark = f"  {NO_OPTIMUM}" if row[0] in found.separated else ""
        out.append("  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]).rstrip() + mark)
    return "\n".join(out)


def figures(found: Inference) -> list[tuple[str, str]]:
    """What the fit is worth as a likelihood: (name, value) each."""
    said = [("n", f"{found.n:,g}"), ("parameters", f"{found.parameters:,}")]
    if found.residual_variance is not None:
        said.append(("residual standard deviation", f"{found.residual_variance ** 0.5:.6g}"))
    if found.log_likelihood is None:
        return said
    said.append(("log-likelihood" + ("" if found.complete else " (up to a constant of y)"), f"{found.log_likelihood:.4f}"))
    try:
        said += null_figures(found)
    except DvarError as error:
        said.append(("null model", f"none: {error.what}"))
    if not found.highest:
        said.append(("AIC, BIC", "none: the log-likelihood is not the highest that these parameters can have"))
    for name, value in (("AIC", found.aic), ("BIC", found.bic)):
        if value is not None:
            said.append((name, f"{value:.4f}"))
    return said


def null_figures(found: Inference) -> list[tuple[str, str]]:
    said = [("null log-likelihood (intercept alone)", f"{found.null_log_likelihood:.4f}")]
    if found.deviance is not None and found.null_deviance is not None:
        said.append(("deviance, null deviance", f"{found.deviance:.6g}, {found.null_deviance:.6g}"))
    if found.pseudo_r2 is not None:
        adjusted = found.adjusted_r2
        name = "R²" + (", adjusted" if adjusted is not None else "") if found.family.scaled else "McFadden's pseudo-R²"
        said.append((name, f"{found.pseudo_r2:.5f}" + (f", {adjusted:.5f}" if adjusted is not None else "")))
    if found.parameters > found.null_parameters and not found.why:
        said.append(("against the null model", str(against_null(found))))
    return said


def endings(found: Inference) -> list[str]:
    """How errors were found and what is not known, a sentence each."""
    said = []
    if any(line.error is not None for line in found.lines):
        groups = f", {found.clusters:,} groups" if found.clusters else ""
        tested = "the normal distribution" if found.degrees is None else f"Student's t with {found.degrees:,g} degrees of freedom"
        said.append(f"standard errors: {KINDS[found.kind]}{groups}; tests by {tested}")
    if found.cost.weight:
        said.append("weights are counts: a row of weight 3 is three rows")
    if found.separated:
        said.append(f"{NO_OPTIMUM}, the last finite value is shown: {listed(found.separated)}")
    return said + list(found.notes)


def text(found: Inference) -> str:
    pairs = figures(found)
    width = max(len(name) for name, _ in pairs)
    parts = [*([found.title, ""] if found.title else []), coefficients(found), ""]
    return "\n".join([*parts, *(f"{name.ljust(width)}  {value}" for name, value in pairs), *endings(found)])


def html(found: Inference) -> str:
    left, right = (f" style='text-align:{side};padding:.1em .6em'" for side in ("left", "right"))
    head, *rows = table(found)
    made = ["<table><caption>", escape(found.title), "</caption><thead><tr>", *(f"<th{right}>{escape(c)}</th>" for c in head),
            "</tr></thead><tbody>"]
    for row in rows:
        mark = f" <em>({NO_OPTIMUM})</em>" if row[0] in found.separated else ""
        cells = "".join(f"<td{right}>{escape(c)}</td>" for c in row[1:])
        made.append(f"<tr><th scope='row'{left}>{escape(row[0])}{mark}</th>{cells}</tr>")
    made += ["</tbody></table><table>"]
    for name, value in figures(found):
        made.append(f"<tr><th scope='row'{left}>{escape(name)}</th><td{left}>{escape(value)}</td></tr>")
    return "".join([*made, "</table>", *(f"<p>{escape(said)}</p>" for said in endings(found))])


def frame(found: Inference) -> Any:
    import pandas as pd

    letter = "z" if found.degrees is None else "t"
    columns = {"coefficient": "coefficient", "std_error": "error", letter: "z", "p": "p", "low": "low", "high": "high"}
    if found.family.odds:
        columns |= {"odds_ratio": "odds", "odds_low": "odds_low", "odds_high": "odds_high"}
    data = {name: [getattr(line, field) for line in found.lines] for name, field in columns.items()}
    return pd.DataFrame(data, index=pd.Index(found.names, name="name"), dtype=float)
