"""The widget where people meet it: in a real JupyterLab and a real marimo, driven in a browser. A slider moves, and Python knows."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser")
pytest.importorskip("anywidget", reason="makes the widget")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
PATIENCE = 120_000  # milliseconds until a page, a kernel or a cell has answered
SHOTS = os.environ.get("DVAR_SHOTS")  # a folder for screenshots, to look at
LESSON = 'import dvar as dv\np = dv.graph("u = b*c; v = a + u; J = 3*v").at(a=5, b=3, c=2)'


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1300, "height": 1400}, locale="en-US")
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    yield opened
    shot(opened, "last")
    context.close()


@pytest.fixture
def served(tmp_path):
    """Starts a server in a folder of its own, and ends it with all that it has started."""
    started = []

    def serves(command, port):
        home = {"HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_DATA_DIR": str(tmp_path / "data"),
                "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "IPYTHONDIR": str(tmp_path / "ipython")}
        with (tmp_path / "log").open("w") as log:
            started.append(subprocess.Popen(command, cwd=tmp_path, env=os.environ | home, stdout=log, stderr=log, start_new_session=True))
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=10).close()
                return address
            except OSError:
                try:
                    started[-1].wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
                raise AssertionError((tmp_path / "log").read_text()) from None
        raise AssertionError(f"{command} does not answer")

    yield serves
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def needs(*modules):
    return pytest.mark.skipif(not all(map(importlib.util.find_spec, modules)), reason=f"{' and '.join(modules)} not installed")


def shot(page, name):
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def moves(lesson):
    """Moves c from 2 to 4 in a lesson, as a person does, and sees values and derivatives follow."""
    assert lesson.locator("g[data-box]", has_text="J = 3 * v").locator(".value").text_content() == "= 33"
    lesson.locator("input[type=number][aria-label=c]").fill("4")
    playwright.expect(lesson.locator("g[data-box]", has_text="J = 3 * v").locator(".value")).to_have_text("= 51")
    playwright.expect(lesson.locator("g[data-box]", has_text="db = ").locator(".slope")).to_have_text("db = 12")


@needs("jupyterlab", "ipykernel")
def test_in_jupyterlab_a_slider_moves_numbers_and_python_knows(served, page, tmp_path):
    cells = [f"{LESSON}\nw = p.widget()\nw", "print('x is', w.x, 'at step', w.step)", "w.x = [5, 3, 10]", "p"]
    (tmp_path / "lesson.ipynb").write_text(json.dumps({
        "cells": [{"cell_type": "code", "id": f"c{k}", "metadata": {}, "outputs": [], "execution_count": None, "source": cell}
                  for k, cell in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4, "nbformat_minor": 5}))
    port = free_port()
    address = served([sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--LabApp.news_url=None",
                      "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={tmp_path}"], port)
    page.goto(f"{address}/lab/tree/lesson.ipynb")
    cell = page.locator(".jp-Notebook .jp-Cell")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # a cell that is run before is not run at all
    cell.nth(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    lesson = cell.nth(0).frame_locator("iframe")
    lesson.locator("#step").wait_for()
    moves(lesson)
    shot(page, "jupyterlab")
    cell.nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    playwright.expect(cell.nth(1).locator(".jp-OutputArea-output")).to_have_text("x is [5.0, 3.0, 4.0] at step 9\n", timeout=PATIENCE)
    cell.nth(2).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")  # Python moves the sliders, too
    playwright.expect(lesson.locator("g[data-box]", has_text="db = ").locator(".slope")).to_have_text("db = 30", timeout=PATIENCE)
    cell.nth(3).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")  # the pass itself, shown without being asked for a widget
    moves(cell.nth(3).frame_locator("iframe"))
    shot(page, "jupyterlab-pass")


@needs("marimo")
def test_in_marimo_a_slider_moves_numbers_and_python_knows(served, page, tmp_path):
    (tmp_path / "lesson.py").write_text(f"""import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    {LESSON.replace(chr(10), chr(10) + '    ')}
    w = mo.ui.anywidget(p.widget())
    w
    return mo, p, w

@app.cell
def _(mo, w):
    mo.md(f"x is {{w.value['x']}} at step {{w.value['step']}}")
    return

@app.cell
def _(p):
    p
    return
""")
    port = free_port()
    address = served([sys.executable, "-m", "marimo", "run", "lesson.py", "--headless", "--no-token", "--host", "127.0.0.1", "--port", str(port)], port)
    page.goto(address)
    lesson = page.frame_locator("iframe").first
    lesson.locator("#step").wait_for()
    moves(lesson)
    page.get_by_text("x is [5.0, 3.0, 4.0] at step 9").wait_for()
    shot(page, "marimo")
    moves(page.frame_locator("iframe").nth(1))  # the pass itself
