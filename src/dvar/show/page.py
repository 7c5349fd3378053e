"""One static page of a pass: the picture and the steps."""

from __future__ import annotations

from ..derive.passes import Pass
from .picture import MONOSPACE, svg, title, xml
from .steps import steps

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root{{color-scheme:light dark}}
body{{margin:2rem;background:#fbfaf6;color:#1d2421;font:1rem/1.5 system-ui,sans-serif}}
h1{{font-size:1.4rem;font-weight:600}}
div,pre{{overflow-x:auto}}
pre{{font:.95rem/1.6 {font}}}
@media (prefers-color-scheme:dark){{body{{background:#1c2522;color:#f1f4ee}}}}
</style>
</head>
<body>
<h1>{title}</h1>
<div tabindex="0">
{svg}</div>
<pre tabindex="0">{steps}</pre>
</body>
</html>
"""


def html(p: Pass) -> str:
    """One page that stands alone: the picture, and the pass told step by step. No scripts, nothing fetched.

    Raises UsageError where the graph is too large for a picture.
    """
    return PAGE.format(title=xml(title(p.graph)), font=MONOSPACE, svg=svg(p.graph, p), steps=xml(steps(p).text))
