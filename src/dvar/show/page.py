"""A page in one file: the parts it is made of, and what may stand inside a script of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from ..vectorize.write_javascript import Script, functions, program
from .picture import xml


class Content(NamedTuple):
    """What a page shows and what it runs."""

    title: str
    body: str
    code: str = ""


@cache
def part(name: str) -> str:
    return (Path(__file__).parent / "web" / name).read_text(encoding="utf-8")


def fill(name: str, **put: str) -> str:
    return Template(part(name)).substitute(put)


def running(one: Script, answers: Mapping[str, str], data: Any, *scripts: str) -> str:
    """What a page with a graph runs: the graph's own program `run`, its data, its scripts."""
    return "\n".join([functions(), program(one, answers), told(data), *map(part, scripts)])


def told(data: Any) -> str:
    """What the scripts of a page know: its words and numbers."""
    return f"const PAGE = {json_for_script(data)};"


def framed(content: Content, style: str, lang: str = "en", before: str = "") -> str:
    """The whole page, self-contained."""
    script = f"<script>\n{content.code}\n</script>\n" if content.code else ""
    return fill("frame.html", title=xml(content.title), before=before, body=content.body, script=script, style=style, lang=lang)


def json_for_script(value: Any) -> str:
    """JSON that may stand inside a <script>: no tag can end it."""
    told = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return told.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
