"""The widget as VS Code shows it: through the bundle that its Jupyter extension shows widgets with, and anywidget's own module.

The bundle comes from npm: `npm install @vscode/jupyter-ipywidgets8 requirejs` in a folder, and DVAR_NODE_MODULES names its
node_modules. The kernel's end of the wire is the widget of this process.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

import dvar as dv

playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser")
anywidget = pytest.importorskip("anywidget", reason="makes the widget")
from ipywidgets.widgets.widget import _instances  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MODULES = Path(os.environ.get("DVAR_NODE_MODULES", "node_modules"))
BUNDLE = MODULES / "@vscode" / "jupyter-ipywidgets8" / "dist" / "ipywidgets.js"
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
              pytest.mark.skipif(not BUNDLE.exists(), reason="VS Code's bundle is not installed")]
FILES = {"/require.js": MODULES / "requirejs" / "require.js", "/ipywidgets.js": BUNDLE,
         "/anywidget.js": Path(anywidget.__file__).parent / "nbextension" / "index.js"}
PAGE = """<!DOCTYPE html><div id="here"></div><script src="/require.js"></script><script type="module">
import { activate } from "/ipywidgets.js";
activate();
window.vscIPyWidgets8.load();
requirejs.config({ paths: { anywidget: "/anywidget" } });
const idle = { header: { msg_type: "status" }, parent_header: {}, content: { execution_state: "idle" } };
const comm = (targetName, commId) => ({ targetName, commId, send: data => {
  const future = { msg: { header: { msg_id: "sent" } }, done: Promise.resolve() };
  heard(JSON.stringify(data)).then(() => { window.known = data.state; future.onIOPub(idle); }); // the kernel is idle again
  return future;
} });
let opened;
const signal = { connect() {} };
const kernel = { registerCommTarget: (_, open) => { opened = open; }, createComm: comm, requestCommInfo: async () => ({ content: { comms: {} } }),
                 statusChanged: signal, connectionStatusChanged: signal, iopubMessage: signal };
const loader = { widgetsRegisteredInRequireJs: new Set(), loadWidgetScript: async () => {}, successHandler() {}, errorHandler: (...why) => console.error(...why) };
const here = document.getElementById("here"), manager = new window.vscIPyWidgets.WidgetManager(kernel, here, loader, () => {});
const said = (id, data) => ({ header: {}, parent_header: {}, metadata: { version: "2.1.0" }, content: { comm_id: id, target_name: "jupyter.widget", data } });
const comms = {};
for (const [id, state] of await (await fetch("/states")).json()) {
  comms[id] = comm("jupyter.widget", id);
  await opened(comms[id], said(id, { state, buffer_paths: [] }));
  if ("page" in state) {
    await manager.display_view(undefined, await manager.create_view(await manager.get_model(id)), { node: here });
    window.update = state => comms[id].onMsg(said(id, { method: "update", state, buffer_paths: [] }));
  }
}
</script>"""


def test_in_vscode_a_slider_moves_numbers_and_python_knows():
    w = dv.graph("u = b*c; v = a + u; J = 3*v").at(a=5, b=3, c=2).widget()
    states, troubles = [(name, _instances[name].get_state()) for name in (w.layout.model_id, w.model_id)], []

    def heard(text):
        message = json.loads(text)
        if message.get("method") == "update":
            w.set_state(message["state"])

    def answer(route):
        path = "/" + route.request.url.split("/", 3)[3]
        if path == "/":
            route.fulfill(body=PAGE, content_type="text/html")
        elif path == "/states":
            route.fulfill(body=json.dumps(states), content_type="application/json")
        elif path in FILES:
            route.fulfill(path=str(FILES[path]), content_type="text/javascript")
        else:
            troubles.append(path)
            route.abort()

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda told: troubles.append(told.text) if told.type == "error" else None)
        page.route("**/*", answer)
        page.expose_function("heard", heard)
        page.goto("http://vscode.test/")
        lesson = page.frame_locator("iframe")
        lesson.locator("input[type=number][aria-label=c]").fill("4")
        playwright.expect(lesson.locator("g[data-box]", has_text="db = ").locator(".slope")).to_have_text("db = 12")
        lesson.locator("#back").click()
        playwright.expect(lesson.locator("#step")).to_have_text("Step 8 of 9")
        page.wait_for_function("known?.step === 11")
        assert (w.x, w.step) == ([5.0, 3.0, 4.0], 11)
        page.evaluate("update({ x: [5, 3, 10] })")
        playwright.expect(lesson.locator("g[data-box]", has_text="db = ").locator(".slope")).to_have_text("db = 30")
        if "DVAR_SHOTS" in os.environ:
            page.screenshot(path=Path(os.environ["DVAR_SHOTS"]) / "vscode.png")
        browser.close()
    assert not troubles
