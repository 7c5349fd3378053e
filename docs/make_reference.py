"""Make the reference anew, from signatures, docstrings and tables: python docs/make_reference.py

Nothing is written here but what belongs together; a test compares the pages with what this makes.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import dvar as dv
from dvar import commands
from dvar.derive.nudge import Check
from dvar.derive.nudge import Row as Nudged
from dvar.derive.rules import EXACT, STABILITY, Rule
from dvar.derive.slope import Slope
from dvar.descend.minimize import minimize
from dvar.descend.run import Row
from dvar.expression.ops import ROWS
from dvar.models.inferred import Inference, Line
from dvar.models.tests_between import Tested
from dvar.show.story import Step, Steps
from dvar.vectorize.program import Program

FOLDER = Path(__file__).parent / "reference"
WIDE = 100  # characters of a signature in one line
TOPICS: dict[str, tuple[str, tuple[Any, ...]]] = {  # page → title, what it tells
    "slopes": ("Slopes", (dv.slope, Slope, dv.derivatives)),
    "graph": ("A graph and its pass", (dv.graph, dv.Graph, dv.Pass, Steps, Step, Check, Nudged)),
    "cost": ("m examples: the cost and its fit", (dv.Cost, minimize, dv.Fit, Row, Program)),
    "estimators": ("Estimators", (dv.LogisticRegression, dv.LinearRegression, dv.PoissonRegressor, dv.Estimator)),
    "inference": ("What a fit means", (
        dv.inference, Inference, Line, dv.diagnose, dv.lr_test, dv.score_test, dv.wald_test, Tested)),
    "errors": ("What dvar says when it cannot go on", (dv.UsageError, dv.DvarError, dv.DvarWarning)),
}
SURFACE: dict[Any, str] = {  # of classes that hold more than is for others: what is
    dv.Graph: "inputs output __call__ at over d jacobian hessian hvp fix shaped simplified without program svg",
    dv.Cost: "size runs at minimize hessian hvp unrolled program svg",
    Steps: "forward backward notes language text latex html unfold fold",
    Step: "kind node name formulas numbers result parts inside where line text latex",
    Program: "target source",
    Inference: "lines covariance kind level degrees n parameters clusters separated why notes residual_variance deviance "
               "pseudo_r2 adjusted_r2 aic bic coefficients plot frame",
}
TABLES = {"operations": "Operations and their derivatives", "rules": "Rules of rewriting", "command-line": "The command line"}
FIELD = re.compile(r"^    (\w+): ([^=#\n]+?)(?: = [^#\n]*?)?(?:  # (.*))?$", re.M)


def pages() -> dict[str, str]:
    """Every page of the reference, by its file's name."""
    made = {f"{name}.md": topic(title, things) for name, (title, things) in TOPICS.items()}
    made |= {"operations.md": operations(), "rules.md": rules(), "command-line.md": command_line()}
    listed = [f"* [{title}]({name}.md): {', '.join(f'`{called(t)}`' for t in things)}"
              for name, (title, things) in TOPICS.items()]
    listed += [f"* [{title}]({name}.md)" for name, title in TABLES.items()]
    told = "Made from signatures, docstrings and tables by `python docs/make_reference.py`; `help(dvar.graph)` says the same."
    made["README.md"] = page("Reference", [told, "\n".join(listed)])
    return made


def page(title: str, parts: Iterable[str]) -> str:
    return "\n\n".join([f"# {title}", *filter(None, parts)]) + "\n"


def topic(title: str, things: Iterable[Any]) -> str:
    seen = dict[Any, str]()
    return page(title, [part for thing in things for part in told(thing, seen)])


# what is called, and what it holds


def called(thing: Any) -> str:
    return f"dv.{thing.__name__}" if getattr(dv, thing.__name__, None) is thing else thing.__name__


def told(thing: Any, seen: dict[Any, str]) -> list[str]:
    """A function, or a class with what it holds; methods that were told of another class before are only named."""
    if not inspect.isclass(thing):
        return [f"## {called(thing)}", signature(called(thing), thing), prose(inspect.getdoc(thing))]
    held = [*fields(thing), *properties(thing)]
    made = is_dataclass(thing) or issubclass(thing, (Exception, dv.Graph, dv.Pass, dv.Cost, Program, tuple))
    again: dict[str, list[str]] = {}
    new = []
    for name, member in members(thing):
        if inspect.isfunction(member):
            if member in seen:
                again.setdefault(seen[member], []).append(f"`.{name}`")
            else:
                new += method(name, member)
                seen[member] = called(thing)
    return [f"## {called(thing)}", "" if made else signature(called(thing), thing), prose(inspect.getdoc(thing)), "\n".join(held),
            *new, *(f"{', '.join(names)}: as of `{of}`." for of, names in again.items())]


def fields(thing: type) -> list[str]:
    """The fields of a dataclass or a named tuple, with what their comments say."""
    if not is_dataclass(thing) and not issubclass(thing, tuple):
        return []
    found = {name: (kind, said) for name, kind, said in FIELD.findall(inspect.getsource(thing))}
    names = [n for n in getattr(thing, "__dataclass_fields__", None) or thing._fields if not n.startswith("_")]  # type: ignore[attr-defined]
    return [f"* `.{n}`: `{found[n][0].strip()}`{escaped(f' – {found[n][1]}') if found[n][1] else ''}"
            for n in names if n in found and shown(thing, n)]


def properties(thing: type) -> list[str]:
    held = [(n, m) for n, m in members(thing) if isinstance(m, property) or hasattr(m, "func")]
    return [f"* `.{name}`{escaped(f': {documented(m)}') if documented(m) else ''}" for name, m in held]


def documented(member: Any) -> str:
    return " ".join((inspect.getdoc(member) or "").split())


def members(thing: type) -> list[tuple[str, Any]]:
    """What dvar wrote into a class that is for others, in the order in which it is written or, where it is chosen, named."""
    found: dict[str, Any] = {}
    for home in reversed(thing.__mro__):
        if home.__module__.startswith("dvar"):
            for name, member in vars(home).items():
                member = getattr(member, "fn", member)  # of scikit-learn's available_if
                if shown(thing, name) and (inspect.isfunction(member) or isinstance(member, property) or hasattr(member, "func")):
                    found.pop(name, None)
                    found[name] = member
    order = SURFACE[thing].split() if thing in SURFACE else list(found)
    return [(n, found[n]) for n in order if n in found and inspect.getdoc(found[n])]


def shown(thing: type, name: str) -> bool:
    return name in SURFACE[thing].split() if thing in SURFACE else not name.startswith("_") and name != "get_params"


def method(name: str, member: Callable[..., Any]) -> list[str]:
    written = "" if name == "__call__" else f".{name}"
    return [f"### {written or 'Called'}", signature(written, member, skip=1), prose(inspect.getdoc(member))]


def signature(name: str, thing: Callable[..., Any], skip: int = 0) -> str:
    """As it is written, types as their text: the same under every version of Python."""
    given = list(inspect.signature(inspect.unwrap(thing) if not inspect.isclass(thing) else thing).parameters.values())[skip:]
    shown, keyword = [], False
    for n, p in enumerate(given):
        if p.kind is p.KEYWORD_ONLY and not keyword and not any(q.kind is p.VAR_POSITIONAL for q in given):
            shown.append("*")
        keyword = keyword or p.kind is p.KEYWORD_ONLY
        stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        kind = "" if p.annotation in (p.empty, "Any") else f": {p.annotation}"
        start = "" if p.default is p.empty else f" = {p.default!r}" if kind else f"={p.default!r}"
        shown.append(f"{stars}{p.name}{kind}{start}")
        if p.kind is p.POSITIONAL_ONLY and (n + 1 == len(given) or given[n + 1].kind is not p.POSITIONAL_ONLY):
            shown.append("/")
    line = f"{name}({', '.join(shown)})"
    if len(line) > WIDE:
        line = f"{name}(\n" + "".join(f"    {part},\n" for part in shown) + ")"
    return f"```python\n{line}\n```"


# docstrings as Markdown


def prose(text: str | None) -> str:
    """A docstring: paragraphs, and code where it is indented."""
    parts = re.split(r"\n\s*\n", text or "")
    return "\n\n".join(part if part.startswith("    ") else escaped(part) for part in parts)


def escaped(text: str) -> str:
    """Nothing but what stands between backticks is code, and nothing is emphasis."""
    spans = re.split(r"(`[^`]*`)", text)
    return "".join(span if n % 2 else re.sub(r"([*_<|])", r"\\\1", span) for n, span in enumerate(spans))


# tables


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head)]
    lines += [["---"] * len(lines[0]), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`" if text else ""


def operations() -> str:
    rows = [r for r in dv.derivatives() if r.op in ROWS]
    body = table(("operation", "derivatives by a, b, …", "defined for", "at a kink, and how exact"),
                 ((code(r.formula), ", ".join(map(code, r.derivatives)), escaped(r.domain),
                   escaped("; ".join(filter(None, (r.kink, r.note))))) for r in rows))
    said = ("Every operation is one row; tracing, the grammar of formulas, back-propagation and every program read it there. "
            "`g` is what comes from the right, where a derivative is no single number. `dvar derivatives NAME` prints a row.")
    return page(TABLES["operations"], [said, body])


def rules() -> str:
    def listed(rows: Iterable[Rule]) -> str:
        return table(("rule", "as written", "as it runs", "why"), (
            (escaped(r.name), code(r.before), code(r.after), escaped(r.why + (f" ({r.only})" if r.only else ""))) for r in rows))

    said = ("A graph is drawn as written and run as rewritten. `graph.simplified().rules` lists which rules fired and where; "
            '`graph.without("log sigmoid")` switches one off.')
    return page(TABLES["rules"], [
        said, "## Stability", "They change a value by rounding only, over the whole domain, and keep it finite and exact.",
        listed(STABILITY), "## Exact",
        "The same value bit for bit or, for like terms, up to rounding without any new cancellation.", listed(EXACT)])


def command_line() -> str:
    parts = [f"```console\n{commands.USAGE['']}\n```"]
    for name, usage in commands.USAGE.items():
        if name:
            parts += command(name, usage)
    return page(TABLES["command-line"], parts)


def command(name: str, usage: str) -> list[str]:
    function = getattr(commands, name)
    said, _, rest = (inspect.getdoc(function) or "").partition("\n\nParameters\n----------\n")
    given = inspect.signature(function).parameters
    rows = []
    for argument, told in re.findall(r"^(\w+)\n((?:    .*\n?)+)", rest, re.M):
        p = given[argument]
        placed = p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)
        shown = argument.upper() if placed else "--" + argument.strip("_").replace("_", "-")
        default = "" if p.default in (p.empty, None, False, True) or placed else f" Default: `{p.default}`."
        rows.append((code(shown), escaped(" ".join(told.split()) + (default if "Default:" not in told else ""))))
    return [f"## dvar {name}", f"```console\n{usage}\n```", prose(said), table(("", ""), rows)]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in pages().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
