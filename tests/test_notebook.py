"""What a notebook shows, with anywidget and without; the widget's own script in a real browser."""

import builtins
import json
import re
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import dvar as dv
from dvar.show import notebook
from dvar.show.page import part

FIRST = dv.graph("u = b*c; v = a + u; J = 3*v")
LOGISTIC = dv.graph("inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))")


def cost():
    rng = np.random.default_rng(0)
    return LOGISTIC.over(x=rng.normal(size=(50, 2)), y=rng.integers(0, 2, 50))


@pytest.fixture
def without_anywidget(monkeypatch):
    real = builtins.__import__

    def importing(name, *rest):
        if name == "anywidget":
            raise ImportError(name)
        return real(name, *rest)

    notebook.widget_class.cache_clear()
    monkeypatch.setattr(builtins, "__import__", importing)
    yield
    notebook.widget_class.cache_clear()


def test_a_pass_is_its_picture_where_there_are_no_widgets(without_anywidget):
    p = FIRST.at(a=5, b=3, c=2)
    told = p._repr_mimebundle_()
    assert set(told) == {"text/plain", "image/svg+xml"}
    assert told["image/svg+xml"] == p.svg()
    with pytest.raises(dv.UsageError, match="needs anywidget") as error:
        p.widget()
    assert error.value.help == "pip install 'dvar[notebook]'"


def test_a_pass_is_a_widget_with_its_picture_beside():
    pytest.importorskip("anywidget")
    p = FIRST.at(a=5, b=3, c=2)
    told = p._repr_mimebundle_()
    assert {"text/plain", "image/svg+xml", "application/vnd.jupyter.widget-view+json"} <= set(told)
    made = p.widget()
    assert made.x == [5.0, 3.0, 2.0]
    made.x = [1.0, 2.0, 3.0]
    with pytest.raises(dv.UsageError, match="x is 2 numbers; the inputs are 3"):
        made.x = [1.0, 2.0]
    assert made.page == p.html()


def test_a_large_graph_is_shown_folded():
    p = dv.graph("; ".join(f"u{k} = x + {k}" for k in range(70)) + "; J = u1").at(x=1)
    assert "u0 … u9: 10 lines" in p._repr_mimebundle_()["image/svg+xml"]
    assert "u0 … u9: 10 lines" in p.graph._repr_svg_()


def test_what_else_a_notebook_shows():
    made = cost()
    fit = made.minimize()
    told = fit._repr_html_()
    ET.fromstring(f"<div>{told}</div>")
    assert fit.message in told.replace("&#x27;", "'")
    assert "<svg" in told
    ET.fromstring(made._repr_svg_())
    assert "m = 50 examples" in made._repr_svg_()
    assert "50 × 2" in made._repr_svg_()
    for target in ("loop", "numpy"):
        ET.fromstring(made.program(target)._repr_html_())
    ET.fromstring(FIRST.at(a=1, b=2, c=3).steps()._repr_html_())
    assert FIRST.at(a=1, b=2, c=3).steps()._repr_latex_().startswith(r"\begin{align*}")


def test_an_estimator_tells_data_from_parameters():
    shown = dv.LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])._repr_html_()
    kinds = re.findall(r'class="box (\w+)" [^>]*/>\n<text class="line"[^>]*>([^<]*)<', shown)
    assert ("parameter", "w") in kinds
    assert {name for kind, name in kinds if kind == "data"} == {"x", "y"}


@pytest.fixture
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        browser.expect = playwright.expect
        yield browser
        browser.close()


def as_widget(p, x):
    """A document with the widget of a pass and a model of it, `state`."""
    page_text = json.dumps(p.html()).replace("</", "<\\/")
    script = part("widget.js").replace("export default { render };", "")
    return f"""<div id="here"></div><script>{script}
      const state = {{ page: {page_text}, x: {x}, step: null }};
      const told = {{}};
      const model = {{ get: key => state[key], save_changes: () => {{}}, on: (event, tell) => {{ told[event] = tell; }},
                      set: (key, value) => {{ state[key] = value; told[`change:${{key}}`](); }} }};
      render({{ model, el: document.getElementById("here") }});</script>"""


def test_the_widgets_script_shows_the_page_and_says_where_the_sliders_stand(chromium):
    page = chromium.new_page()
    page.set_content(as_widget(FIRST.at(a=5, b=3, c=2), [5, 3, 1]))
    frame = page.frame_locator("iframe")
    page.wait_for_function("state.step === 9")
    assert frame.locator("input[type=number][aria-label=c]").input_value() == "1"  # where Python had put it
    frame.locator("input[type=number][aria-label=c]").fill("4")
    page.wait_for_function("state.x && state.x[2] === 4")
    assert page.evaluate("state.step") == 9
    page.evaluate("model.set('x', [5, 3, 10])")
    chromium.expect(frame.locator("g[data-box]", has_text="db = ").locator(".slope")).to_have_text("db = 30")
    page.evaluate("model.set('step', 3)")
    chromium.expect(frame.locator("#step")).to_have_text("Step 3 of 9")
    assert page.evaluate("state.x") == [5, 3, 10]


def test_in_the_widget_a_group_folds_by_a_click_and_unfolds_by_a_key(chromium):
    page = chromium.new_page()
    page.set_content(as_widget(dv.graph("s = a*b; s_2 = s*b; s_3 = s_2*b; J = s_3 + 1").at(a=2, b=3), [2, 3]))
    frame = page.frame_locator("iframe")
    frame.locator("g.open[data-fold='s … s_3']").click()
    chromium.expect(frame.locator("g[data-fold] text")).to_have_text(["s … s_3: 3 lines", "s_3 = 54", "ds_3 = 1"])
    frame.locator("input[type=number][aria-label=a]").fill("1")
    chromium.expect(frame.locator("g[data-fold] .value")).to_have_text("s_3 = 27")
    frame.locator("g[data-fold]").press("Enter")
    chromium.expect(frame.locator("g[data-box]")).to_have_count(6)
