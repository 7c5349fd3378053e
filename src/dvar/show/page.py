"""A page in one file: the parts it is made of, and what may stand inside a script of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

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


def framed(content: Content, style: str, lang: str = "en") -> str:
    """The whole page, self-contained."""
    script = f"<script>\n{content.code}\n</script>\n" if content.code else ""
    return fill("frame.html", title=xml(content.title), body=content.body, script=script, style=style, lang=lang)


def json_for_script(value: Any) -> str:
    """JSON that may stand inside a <script>: no tag can end it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
