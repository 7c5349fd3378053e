"""What a notebook shows: a pass as a lesson to move, a fit with its curve, a program as code.

The lesson is a widget where anywidget is installed (Jupyter, VS Code, marimo), with the picture beside it for what shows no
widgets; without anywidget there is the picture alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..derive.passes import Pass, show
from ..descend.fit import Fit
from ..errors import UsageError, many
from .lesson import html
from .page import part
from .picture import svg, xml

WIDTH, HEIGHT, MARGIN = 420, 160, 34  # of a curve, pixels


@cache
def widget_class() -> Any:
    """The widget: the page in a frame of its own, and where its sliders stand as `x`. Raises UsageError without anywidget."""
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise UsageError("a widget needs anywidget", "pip install 'dvar[notebook]'") from None

    class Lesson(anywidget.AnyWidget):
        """`x`: all inputs, raveled in order, where the sliders stand or are to stand. `step`: None until it is seen."""

        _esm = part("widget.js")
        page = traitlets.Unicode().tag(sync=True)
        x = traitlets.List(traitlets.Float(allow_none=True)).tag(sync=True)
        step = traitlets.Int(None, allow_none=True).tag(sync=True)

        @traitlets.validate("x")
        def _fits(self, proposed: Any) -> Any:
            if self.x and len(proposed["value"]) != len(self.x):
                told = f"x is {len(proposed['value'])} numbers; the inputs are {len(self.x)}"
                raise UsageError(told, "give all inputs, raveled in order")
            return proposed["value"]

    return Lesson


def widget(p: Pass) -> Any:
    """The lesson of a pass as a widget: `.x` are the inputs where its sliders stand. Raises UsageError without anywidget."""
    return widget_class()(page=html(p), x=[float(v) for n in p.graph.inputs for v in np.ravel(p.given[n])])


def bundle(p: Pass) -> dict[str, Any]:
    """A pass in all the ways a notebook can show it."""
    told: dict[str, Any] = {"text/plain": repr(p), "image/svg+xml": svg(p.graph, p)}
    try:
        made = widget(p)._repr_mimebundle_()
    except UsageError:
        return told
    return {**(made[0] if isinstance(made, tuple) else made), **told}


def curve(costs: Sequence[float], label: str) -> str:
    """The cost by pass as a small SVG, from its highest to its lowest."""
    points = [(k, c) for k, c in enumerate(costs) if math.isfinite(c)]
    if len(points) < 2:
        return ""
    lowest, highest = min(c for _, c in points), max(c for _, c in points)
    spread = highest - lowest or 1.0
    inner, tall = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    places = [(MARGIN + inner * k / points[-1][0], HEIGHT - MARGIN - tall * (c - lowest) / spread) for k, c in points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    below = HEIGHT - MARGIN + 20
    texts = [(MARGIN, MARGIN - 10, "start", show(float(highest))), (WIDTH - MARGIN, below, "end", show(float(lowest))),
             (MARGIN, below, "start", label)]
    said = "".join(f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="12" fill="currentColor">{xml(text)}</text>'
                   for x, y, anchor, text in texts)
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
            f'<title>{xml(label)}</title><path d="M{path}" fill="none" stroke="#0b6fd0" stroke-width="2"/>{said}</svg>')


def fit_html(fit: Fit) -> str:
    """A fit as a notebook shows it: how it went, the parameters."""
    rows = "".join(f"<tr><td>{xml(name)}</td><td>{xml(show(value))}</td></tr>" for name, value in fit.params.items())
    return f"{course_html(fit)}<table>{rows}</table>"


def course_html(fit: Fit) -> str:
    """How a fit went: where it ended and the curve of its cost."""
    told = f"by {fit.method} in {many(fit.passes, 'pass')}, {fit.seconds:.3g} s; {fit.message}"
    drawn = curve([row.cost for row in fit.whole], "J by pass")
    return f"<p><b>J = {show(float(fit.cost))}</b> {xml(told)}</p>{drawn}"


def program_html(target: str, source: str) -> str:
    return f"<details open=''><summary>{xml(target)} program</summary><pre>{xml(source)}</pre></details>"
