"""`dvar play`: a page on this machine to try the four ideas: slopes, the graph, logistic regression, m examples.

Served on the loopback interface alone, to requests that name it (a foreign Host is refused: DNS rebinding). What a person
types is read by the grammar of formulas and never evaluated as code; it is bounded in size, and so is what it makes.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import secrets
import webbrowser
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import DvarError, UsageError
from . import trials
from .messages import error_in, said_in
from .play_pages import UPLOAD, examples_page, graph_page, language, logistic_page, refused, slopes_page

BODY = 200_000  # bytes of a request, without the table in it
PATIENCE = 30.0  # seconds for one answer
SLOW = f"it took more than {PATIENCE:g} s"
KEPT = 16  # trials of m examples at a time; the one longest unused goes
HOSTS = ("127.0.0.1", "localhost", "[::1]")
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
    from starlette.responses import HTMLResponse, JSONResponse
    from starlette.routing import Route

    kept: OrderedDict[str, trials.Trial] = OrderedDict()

    async def answered(make: Callable[[Any], Any], asked: Mapping[str, Any]) -> Any:
        return await asyncio.wait_for(asyncio.to_thread(make, asked), PATIENCE)

    def page(path: str, make: Callable[[Mapping[str, str]], str]) -> Any:
        async def handle(request: Any) -> Any:
            asked = dict(request.query_params)
            asked["lang"] = language(asked.get("lang", ""), request.headers.get("accept-language", ""))
            try:
                return HTMLResponse(await answered(make, asked))
            except DvarError as error:
                return HTMLResponse(refused(asked, request.url.path, error), 400)
            except TimeoutError:
                return HTMLResponse(refused(asked, request.url.path, DvarError(SLOW)), 503)
        return Route(path, handle)

    def data(path: str, make: Callable[[dict[str, Any]], Any], limit: int = BODY) -> Any:
        async def handle(request: Any) -> Any:
            lang = language("", request.headers.get("accept-language", ""))
            try:
                return JSONResponse(await answered(make, await body(request, limit)))
            except DvarError as error:
                told = error_in(lang, error)
                return JSONResponse({"error": told.what, "help": told.help}, 400)
            except TimeoutError:
                return JSONResponse({"error": said_in(lang, SLOW), "help": ""}, 503)
        return Route(path, handle, methods=["POST"])

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

    routes = [
        page("/", graph_page), page("/slopes", slopes_page), page("/logistic", logistic_page), page("/examples", examples_page),
        data("/api/begin", begin, UPLOAD * 4 // 3 + BODY), data("/api/step", step),
        data("/api/reset", lambda asked: of(asked).reset()), data("/api/race", lambda asked: of(asked).race()),
    ]
    return Guard(Starlette(routes=routes))


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
    if kind == "csv" and isinstance(asked.get("base64"), str):
        try:
            table = base64.b64decode(asked["base64"], validate=True)
        except binascii.Error:
            raise UsageError("the table was not sent in base 64") from None
        return trials.of_csv(table, str(asked.get("target") or ""), standardise)
    raise UsageError("there are flights, points and csv")


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
