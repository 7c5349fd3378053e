"""`dvar play`: a page on this machine to try the four ideas: slopes, the graph, logistic regression, m examples.

Served on the loopback interface alone, to requests that name it (a foreign Host is refused: DNS rebinding). What a person
types is read by the grammar of formulas and never evaluated as code; it is bounded in size, and so is what it makes.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import webbrowser
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from .. import api
from ..errors import DvarError, UsageError
from ..expression.graph import INPUT
from ..expression.writing import spell_name
from ..vectorize.unrolled import NotUnrolled
from ..vectorize.write_javascript import functions, program, script
from . import trials
from .lesson import content
from .messages import LANGUAGES, messages
from .page import Content, framed, json_for_script, part
from .picture import MOST, xml
from .wording import write_root

FORMULA, BODY, UPLOAD = 4_000, 200_000, 20_000_000  # characters of a formula, bytes of a request, of a table
NODES = 400  # of a graph that is drawn
PATIENCE = 30.0  # seconds for one answer
KEPT = 16  # trials of m examples at a time; the one longest unused goes
HOSTS = ("127.0.0.1", "localhost", "[::1]")
LESSON = "z = w1*x1 + w2*x2 + b\na = sigmoid(z)\nL = -(y*log(a) + (1 - y)*log(1 - a))"
FIRST = "u = b*c\nv = a + u\nJ = 3*v"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
                               "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
}


def play(port: int = 8000, browser: bool = True) -> None:
    """Serve the page until Ctrl-C. Raises UsageError without Starlette and uvicorn, DvarError where the port is taken."""
    try:
        import uvicorn
    except ImportError:
        raise UsageError("the page needs Starlette and uvicorn", "pip install 'dvar[page]'") from None
    import socket

    with socket.socket() as listening:
        try:
            listening.bind(("127.0.0.1", port))
        except OSError as error:
            raise DvarError(f"port {port} cannot be used: {error.strerror}", "name another one: --port 8001") from None
        port = listening.getsockname()[1]
        print(f"http://127.0.0.1:{port}/  (Ctrl-C ends it; nothing leaves this machine)", flush=True)
        if browser:
            webbrowser.open(f"http://127.0.0.1:{port}/")
        uvicorn.Server(uvicorn.Config(app(), log_level="warning")).run(sockets=[listening])


def app() -> Any:
    """The application, for any ASGI server."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
    from starlette.routing import Route

    kept: OrderedDict[str, trials.Trial] = OrderedDict()

    async def answered(work: Callable[[], Any]) -> Any:
        return await asyncio.wait_for(asyncio.to_thread(work), PATIENCE)

    def page(make: Callable[[Mapping[str, str]], str]) -> Any:
        async def handle(request: Any) -> Any:
            asked = dict(request.query_params)
            asked["lang"] = language(asked.get("lang", ""), request.headers.get("accept-language", ""))
            try:
                return HTMLResponse(await answered(lambda: make(asked)))
            except (UsageError, DvarError) as error:
                return HTMLResponse(refused(asked, request.url.path, error), 400)
            except TimeoutError:
                return PlainTextResponse(f"it took more than {PATIENCE:g} s", 503)
        return handle

    def data(make: Callable[[dict[str, Any]], Any], limit: int = BODY) -> Any:
        async def handle(request: Any) -> Any:
            try:
                return JSONResponse(await answered(partial_of(make, await body(request, limit))))
            except (UsageError, DvarError) as error:
                return JSONResponse({"error": error.what, "help": error.help}, 400)
            except TimeoutError:
                return JSONResponse({"error": f"it took more than {PATIENCE:g} s", "help": ""}, 503)
        return handle

    def begin(asked: dict[str, Any]) -> dict[str, Any]:
        made = started(asked)
        name = secrets.token_urlsafe(9)
        kept[name] = made
        while len(kept) > KEPT:
            kept.popitem(last=False)
        return {"id": name, **made.told()}

    def of(asked: dict[str, Any]) -> trials.Trial:
        name = str(asked.get("id"))
        if name not in kept:
            raise UsageError("these examples are no longer kept", "load them again")
        kept.move_to_end(name)
        return kept[name]

    def step(asked: dict[str, Any]) -> dict[str, Any]:
        rate, steps = asked.get("rate"), asked.get("steps")
        if not isinstance(rate, (int, float)) or not isinstance(steps, int) or isinstance(rate, bool):
            raise UsageError("a step needs a rate and a number of steps")
        return of(asked).descend(float(rate), steps)

    def race(asked: dict[str, Any]) -> list[dict[str, Any]]:
        return of(asked).race()

    def reset(asked: dict[str, Any]) -> dict[str, Any]:
        of(asked).reset()
        return of(asked).told()

    routes = [
        Route("/", page(graph_page)), Route("/slopes", page(slopes_page)), Route("/logistic", page(logistic_page)),
        Route("/examples", page(examples_page)),
        Route("/api/begin", data(begin, UPLOAD), methods=["POST"]), Route("/api/step", data(step), methods=["POST"]),
        Route("/api/reset", data(reset), methods=["POST"]), Route("/api/race", data(race), methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes))


def partial_of(make: Callable[[dict[str, Any]], Any], asked: dict[str, Any]) -> Callable[[], Any]:
    return lambda: make(asked)


async def body(request: Any, limit: int) -> dict[str, Any]:
    """The JSON object of a request. Raises UsageError where it is too long, or none."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise UsageError(f"more than {limit:,} bytes were sent", "take a smaller table; dvar fit reads large ones")
    try:
        asked = json.loads(received)
    except ValueError:
        raise UsageError("what was sent is not JSON") from None
    if not isinstance(asked, dict):
        raise UsageError("what was sent is no JSON object")
    return asked


class Guard:
    """Refuses requests of another host or another site, and adds the headers."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        host = headers.get("host", "")
        foreign = host.rpartition(":")[0] not in HOSTS if ":" in host.rpartition("]")[2] else host not in HOSTS
        origin = headers.get("origin")
        if foreign or (origin is not None and origin.partition("://")[2] != host):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"this page answers this machine alone: 127.0.0.1, localhost\n"})
            return

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        await self.inner(scope, receive, sending)


# pages


def graph_page(asked: Mapping[str, str]) -> str:
    return lesson_page("/", asked, FIRST, {"a": 5.0, "b": 3.0, "c": 2.0})


def logistic_page(asked: Mapping[str, str]) -> str:
    return lesson_page("/logistic", asked, LESSON, {"w1": 0.5, "w2": -0.25, "x1": 1.0, "x2": 2.0, "b": 0.1, "y": 1.0})


def lesson_page(path: str, asked: Mapping[str, str], formula: str, start: Mapping[str, float]) -> str:
    formula = asked.get("f", formula)
    graph = read(formula)
    return page_of(path, asked, formula, content(graph.at({n: start.get(n, 1.0) for n in graph.inputs})))


def read(formula: str) -> api.Graph:
    """The graph of a formula of numbers. Raises UsageError where it is too long, or too large to draw."""
    if len(formula) > FORMULA:
        raise UsageError(f"the formula has {len(formula):,} characters; a page takes {FORMULA:,}")
    graph = api.graph(formula)
    if len(graph.nodes) > NODES:
        raise UsageError(f"the graph has {len(graph.nodes):,} nodes; a page draws up to {NODES}")
    lines = [n for n in graph.nodes if n.given]
    if len(lines) > MOST:
        raise UsageError(f"the graph has {len(lines)} named lines; a picture shows at most {MOST}")
    return graph


def slopes_page(asked: Mapping[str, str]) -> str:
    """A function of one number: its curve, a point to drag, the nudge and the derivative."""
    formula = asked.get("f", "f = a**2")
    graph = read(formula)
    if len(graph.inputs) != 1:
        raise UsageError(f"a slope is asked of a function of one number; here are {', '.join(graph.inputs) or 'none'}",
                         'e.g. f = a**2 ; for several take the graph')
    p = graph.at({graph.inputs[0]: 2.0})
    wanted = [next(i for i, n in enumerate(graph.nodes) if n.op == INPUT), len(graph.nodes) - 1]
    try:
        one = script(p.derivation, wanted)
    except NotUnrolled as why:
        raise UsageError(str(why)) from None
    answers = {"v": one.values[wanted[1]][0], "d": one.slopes[wanted[0]][0]}
    slope = graph.d(graph.inputs[0]).nodes
    told = write_root(slope, len(slope) - 1, {i: spell_name(n.name) for i, n in enumerate(slope) if n.op == INPUT})
    data = {"input": spell_name(graph.inputs[0]), "output": spell_name(graph.output),
            "derivative": f"{spell_name(slope[-1].name)} = {told}", "messages": {k: messages(k) for k in LANGUAGES}}
    given = f"const SLOPE = {json_for_script(data)};"
    code = "\n".join([functions(), program(one, answers), given, part("common.js"), part("slopes.js")])
    return page_of("/slopes", asked, formula, Content(messages(asked["lang"])["page_slopes"], part("slopes.html"), code))


def examples_page(asked: Mapping[str, str]) -> str:
    data = {"messages": {k: messages(k) for k in LANGUAGES}}
    code = "\n".join([f"const PAGE = {json_for_script(data)};", part("common.js"), part("examples.js")])
    return page_of("/examples", asked, None, Content(messages(asked["lang"])["page_examples"], part("examples.html"), code))


def refused(asked: Mapping[str, str], path: str, error: UsageError | DvarError) -> str:
    """The same page with what was wrong: the formula stays, to be mended."""
    text = f'<pre class="refused" role="alert">{xml(error.what)}{xml(chr(10) + "→ " + error.help) if error.help else ""}</pre>'
    return page_of(path, asked, asked.get("f", "")[:FORMULA], Content("dvar", text))


def page_of(path: str, asked: Mapping[str, str], formula: str | None, inside: Content) -> str:
    """The whole page: the way between the pages, the formula to change, and what is inside."""
    whole = inside._replace(title=f"{inside.title} – dvar play", body=top(path, asked, formula) + inside.body)
    return framed(whole, part("lesson.css") + part("play.css"), asked["lang"])


def language(asked: str, accepted: str) -> str:
    """The language that was asked for, else the first that the browser names and there is."""
    return next((tag for tag in (asked, *(part.strip()[:2].lower() for part in accepted.split(","))) if tag in LANGUAGES), "en")


def top(path: str, asked: Mapping[str, str], formula: str | None) -> str:
    lang = asked["lang"]
    said = messages(lang)
    pages = {"/slopes": "page_slopes", "/": "page_graph", "/logistic": "page_logistic", "/examples": "page_examples"}
    links = "".join(f'<a href="{to}?lang={lang}" data-say="{key}"{" aria-current=page" if to == path else ""}>{xml(said[key])}</a>'
                    for to, key in pages.items())
    kept = {"f": asked["f"]} if "f" in asked else {}
    links += "".join(f'<a class="language" href="{path}?{xml(urlencode({**kept, "lang": key}))}" lang="{key}">{name}</a>'
                     for key, name in LANGUAGES.items() if key != lang)
    form = ""
    if formula is not None:
        form = (f'<form class="ask" action="{path}"><textarea name="f" rows="{min(8, formula.count(chr(10)) + 1)}" cols="60" '
                f'spellcheck="false" maxlength="{FORMULA}" aria-label="{xml(said["formula"])}">{xml(formula)}</textarea>'
                f'<input type="hidden" name="lang" value="{lang}"><button data-say="draw">{xml(said["draw"])}</button></form>')
    return f'<nav class="pages" aria-label="dvar">{links}</nav>{form}'


def started(asked: dict[str, Any]) -> trials.Trial:
    """The examples a person chose."""
    standardise, kind = bool(asked.get("standardise", True)), asked.get("kind")
    if kind == "flights":
        return trials.of_flights(standardise)
    if kind == "points" and isinstance(asked.get("points"), list):
        points = asked["points"]
        if len(points) > 5000 or not all(isinstance(p, list) and len(p) == 3 and all(map(is_number, p)) for p in points):
            raise UsageError("points are up to 5,000 triples x1, x2 and 0 or 1")
        return trials.of_points(points)
    if kind == "csv" and isinstance(asked.get("text"), str):
        return trials.of_csv(asked["text"].encode(), str(asked.get("target") or ""), standardise)
    raise UsageError("there are flights, points and csv")


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
