"""The page of `dvar play`: what it refuses, what it answers, and a person's way through it in a real browser."""

import base64
import gzip
import json
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import dvar as dv

starlette = pytest.importorskip("starlette.testclient", reason="the page is served by Starlette")
from dvar import cli  # noqa: E402
from dvar.show import trials  # noqa: E402
from dvar.show.messages import MESSAGES  # noqa: E402
from dvar.show.play import KEPT, app, play  # noqa: E402
from dvar.show.play_pages import FORMULA  # noqa: E402

POINTS = [[-2, -1, 0], [-1.5, 1, 0], [-0.5, -2, 0], [1.2, -0.4, 0], [-0.4, 0.6, 1], [1, 0.5, 1], [1.5, 2, 1], [2.2, -0.5, 1]]


def b64(table):
    return base64.b64encode(table).decode()


@pytest.fixture
def client():
    return starlette.TestClient(app(), base_url="http://127.0.0.1:8000")


def post(client, path, **sent):
    return client.post(path, json=sent)


# who is answered


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "[::2]:80"])
def test_a_foreign_host_is_refused(client, host):
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "dvar" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1234", "[::1]:8000"])
def test_this_machine_is_answered(client, host):
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(("asked", "accepted", "shown"), [
    ("", "ko-KR,ko;q=0.9,en;q=0.8", "ko"), ("", "fr,en-US;q=0.5", "en"), ("", "", "en"), ("en", "ko", "en"), ("ko", "en", "ko"), ("xx", "ko", "ko"),
])
@pytest.mark.parametrize("path", ["/", "/slopes", "/logistic", "/examples"])
def test_the_language_is_that_of_the_browser_or_of_the_switch(client, path, asked, accepted, shown):
    answer = client.get(path, params={"lang": asked} if asked else {}, headers={"accept-language": accepted})
    assert f'<html lang="{shown}">' in answer.text
    assert all(f"lang={shown}" in link for link in re.findall(r'<a href="([^"]*)" data-say', answer.text))
    assert MESSAGES["page_slopes"][shown == "ko"] in answer.text


def test_another_site_cannot_post(client):
    assert client.post("/api/begin", json={"kind": "flights"}, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/begin", json={"kind": "flights"}, headers={"origin": "http://127.0.0.1:8000"}).status_code == 200


def test_it_listens_on_the_loopback_interface_alone_and_a_port_in_use_is_refused(monkeypatch, capsys):
    uvicorn = pytest.importorskip("uvicorn")
    heard = []

    def run(server, sockets):
        heard.extend(s.getsockname() for s in sockets)
        sockets[0].listen()
        with pytest.raises(dv.DvarError, match=f"port {heard[0][1]} cannot be used") as error:
            play(port=heard[0][1], browser=False)
        assert error.value.help == "name another one: --port 8001"

    monkeypatch.setattr(uvicorn.Server, "run", run)
    play(port=0, browser=False)
    [(host, port)] = heard
    assert host == "127.0.0.1"
    assert f"http://127.0.0.1:{port}/" in capsys.readouterr().out


def test_what_takes_too_long_is_refused_and_the_page_serves_on(client, monkeypatch):
    monkeypatch.setattr("dvar.show.play.PATIENCE", 0)
    answers = [post(client, "/api/begin", kind="flights"), client.get("/slopes"), client.get("/slopes", params={"lang": "ko"})]
    assert [a.status_code for a in answers] == [503] * 3
    assert answers[0].json()["error"] == "it took more than 30 s"
    assert all('role="alert"' in a.text for a in answers[1:])
    monkeypatch.undo()
    assert client.get("/slopes").status_code == 200


def test_nothing_is_fetched_from_elsewhere(client):
    answer = client.get("/examples")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "//" not in answer.text.replace("http://www.w3.org/2000/svg", "").replace("// ", "")


# what is asked


@pytest.mark.parametrize(("path", "formula", "said"), [
    ("/", "1+", "where a number, a name or a parenthesis is expected"),
    ("/", "u = b^2", "a power is written **"),
    ("/", "__import__('os').system('x')", "not part of the language"),
    ("/", "a" * (FORMULA + 1), "4,001 characters"),
    ("/", "(" * 2000, "nested more than 100 deep"),
    ("/", "9**9**9**9*a", "picture"),
    ("/", "a + " * 900 + "a", "nodes"),
    ("/", "a" + "/(1+a*b)" * 90, "nodes"),
    ("/", "<script>alert(1)</script>", "&lt;script&gt;"),
    ("/", "", "the text is empty"),
    ("/slopes", "a*b", "a slope is asked of a function of one number"),
    ("/slopes", "3", "one number"),
])
def test_a_formula_that_cannot_be_drawn_is_refused_on_the_page(client, path, formula, said):
    answer = client.get(path, params={"f": formula})
    if answer.status_code == 200:  # a number too large is infinity, and is drawn so
        assert formula.startswith("9**9")
        return
    assert answer.status_code == 400
    assert said in answer.text
    assert "<script>alert" not in answer.text
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(("path", "sent", "said"), [
    ("/api/begin", {}, "flights, points and csv"),
    ("/api/begin", {"kind": "points", "points": [[0, 0, 0]]}, "1 point"),
    ("/api/begin", {"kind": "points", "points": [[0, 0, 2], [1, 1, 1]]}, "0 or 1"),
    ("/api/begin", {"kind": "points", "points": [["a", 0, 1]]}, "triples"),
    ("/api/begin", {"kind": "points", "points": [[0, 0, 1]] * 6000}, "5,000"),
    ("/api/begin", {"kind": "csv", "text": "a,b\n1,2\n"}, "flights, points and csv"),
    ("/api/begin", {"kind": "csv", "base64": "=a"}, "base 64"),
    ("/api/begin", {"kind": "csv", "base64": b64(b"a,y\n1,0\n2,1\n"), "target": "z"}, "no column 'z'"),
    ("/api/step", {"id": "nobody", "rate": 1, "steps": 1}, "no longer kept"),
    ("/api/step", {"id": "nobody", "rate": "1", "steps": 1}, "a rate and a number of steps"),
])
def test_what_cannot_be_done_says_why(client, path, sent, said):
    answer = client.post(path, json=sent)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_what_is_no_json_or_too_long_is_refused(client):
    assert client.post("/api/step", content=b"{").json()["error"] == "what was sent is not JSON"
    assert client.post("/api/step", content=b"[1]").json()["error"] == "what was sent is no JSON object"
    assert "bytes were sent" in client.post("/api/step", content=b" " * 300_000).json()["error"]


def test_only_so_many_trials_are_kept(client):
    names = [post(client, "/api/begin", kind="points", points=POINTS).json()["id"] for _ in range(KEPT + 1)]
    assert post(client, "/api/step", id=names[0], rate=1, steps=1).status_code == 400
    assert post(client, "/api/step", id=names[1], rate=1, steps=1).status_code == 200


# m examples


def test_descent_reaches_what_scikit_learn_finds(client):
    points = np.array([*POINTS, [-1, 1.5, 1], [2, 1, 0]], dtype=float)
    begun = post(client, "/api/begin", kind="points", points=points.tolist()).json()
    assert begun["costs"] == [pytest.approx(np.log(2))]
    for _ in range(5):
        told = post(client, "/api/step", id=begun["id"], rate=1.0, steps=1000).json()
    reference = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(points[:, :2], points[:, 2])
    assert [*told["w"], told["b"]] == pytest.approx([*reference.coef_[0], *reference.intercept_], abs=1e-6)
    assert told["steps"] == 5000
    assert post(client, "/api/reset", id=begun["id"]).json()["w"] == [0.0, 0.0]


def test_a_rate_far_too_high_is_told_as_no_number(client):
    begun = post(client, "/api/begin", kind="flights", standardise=False).json()
    told = post(client, "/api/step", id=begun["id"], rate=1e308, steps=50).json()
    assert None in told["costs"] or told["costs"][-1] > told["costs"][0]
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("standardise", [True, False])
def test_three_programs_agree(standardise):
    rows = trials.of_flights(standardise)
    rows.descend(0.1 if standardise else 1e-6, 3)
    race = rows.race()
    assert [r["program"] for r in race] == ["loop", "numpy", "fused"]
    assert all(r["differs"] < 1e-11 * max(1, r["cost"]) for r in race)
    assert len({r["cost"] for r in race}) <= 3
    assert race[0]["cost"] == pytest.approx(race[2]["cost"], rel=1e-12)


def test_the_loop_runs_over_fewer_rows_of_a_wide_table(client):
    text = ",".join(f"a{j}" for j in range(500)) + ",y\n" + "".join(",".join(str(k * j % 7) for j in range(500)) + f",{k % 2}\n" for k in range(600))
    begun = post(client, "/api/begin", kind="csv", base64=b64(text.encode())).json()
    told = post(client, "/api/race", id=begun["id"]).json()
    assert [r["m"] for r in told] == [trials.CELLS // begun["n"], 600, 600]
    assert all(r["differs"] < 1e-11 for r in told)


def test_a_table_of_ones_own(client):
    text = "age;job;bought\n" + "\n".join(f"{20 + k};{'ab'[k % 2]};{'yes' if k % 3 else 'no'}" for k in range(30))
    told = post(client, "/api/begin", kind="csv", base64=b64(text.encode())).json()
    assert told["names"] == ["age", "job=b"]
    assert told["m"] == 30


ROWS = "a,y\n1,0\n2,1\n3,1\n4,0\n2,0\n1,1\n"


@pytest.mark.parametrize("table", [
    b"", b"a,y\n", b"a,y\n1,0\n", b"a,y\n1,a\n2,b\n3,c\n", b"a,b\n1,0\n2,1\n", b"a,a,y\n1,2,0\n2,3,1\n", b"a,y\n1,0\n2,1,5\n",
    b"a,y\n1,0\x00\n2,1\n", bytes(range(256)) * 20, b'a,y\n"1,0\n2,1\n', b"a,y\n1,\n2,\n", b"a,y\n1,0\n1,1\n1,0\n",
    gzip.compress(ROWS.encode(), mtime=0), b"PAR1xxxx",
])
def test_an_odd_table_is_refused_as_the_command_line_refuses_it(client, table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_bytes(table)
    assert cli.main(["fit", "mine.csv", "--target", "y"]) in (1, 2)
    said = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))
    answer = post(client, "/api/begin", kind="csv", base64=b64(table), target="y")
    assert answer.status_code == 400
    assert answer.json()["error"].split("\n")[0] == said.removeprefix("error: ").replace("mine.csv", "the table")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_table_is_read_as_it_is_written(client, encoding):
    table = "Größe;y\né;0\nü;1\né;1\nü;0\né;0\n".encode(encoding)
    assert post(client, "/api/begin", kind="csv", base64=b64(table)).json()["names"] == ["Größe=ü"]


def test_many_at_once_are_answered_and_no_step_is_lost(client):
    begun = post(client, "/api/begin", kind="points", points=POINTS).json()
    asked = [("/api/step", {"id": begun["id"], "rate": 0.1, "steps": 20})] * 12 + [("/api/step", {"id": "x", "rate": 0, "steps": 0})] * 6
    with ThreadPoolExecutor(8) as pool:
        pages = [pool.submit(client.get, "/", params={"f": f}) for f in ("a" * 5000, "1e308*1e308*a", "u = b^2", "sin(" * 90 + "a" + ")" * 90)]
        answers = list(pool.map(lambda one: client.post(one[0], json=one[1]), asked))
    assert sorted(page.result().status_code for page in pages) == [200, 200, 400, 400]
    assert [a.status_code for a in answers] == [200] * 12 + [400] * 6
    steps = sorted(a.json()["steps"] for a in answers[:12])
    assert steps == [20 * k for k in range(1, 13)]
    alone = post(client, "/api/begin", kind="points", points=POINTS).json()
    assert post(client, "/api/step", id=alone["id"], rate=0.1, steps=240).json()["w"] == max((a.json() for a in answers[:12]), key=lambda t: t["steps"])["w"]


# in a browser


@pytest.fixture(scope="module")
def served():
    uvicorn = pytest.importorskip("uvicorn")
    server = uvicorn.Server(uvicorn.Config(app(), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def page(served):
    playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    troubles = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=[
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"])
        opened = browser.new_page(viewport={"width": 1200, "height": 900}, base_url=served, locale="en-US")
        opened.on("pageerror", lambda error: troubles.append(str(error)))
        opened.on("request", lambda request: troubles.append(request.url) if not request.url.startswith(served) else None)
        opened.url_base = served
        yield opened
        browser.close()
    assert not troubles


def test_a_long_formula_is_drawn_folded_and_opened(page):
    names = ["s", *(f"s_{k}" for k in range(2, 81))]
    formula = ["s = a*b", *(f"{name} = {before}*b" for name, before in zip(names[1:], names)), f"J = {names[-1]} + 1"]
    page.goto("/")
    page.fill("textarea[name=f]", "\n".join(formula))
    page.click("form.ask button")
    page.click("g[data-fold='s … s_80']")
    page.click("g[data-fold='s_21 … s_30']")
    page.fill("input[type=number][aria-label=a]", "2")
    page.fill("input[type=number][aria-label=b]", "1")
    assert [t.text_content() for t in page.query_selector_all("g[data-box]:has-text('s_30 = ') text")] == ["s_30 = s_29 * b", "= 2", "ds_30 = 1"]
    assert page.query_selector("g[data-fold='s … s_10'][aria-expanded=false]")


def test_by_touch(page):
    context = page.context.browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, base_url=page.url_base, locale="ko-KR")
    phone = context.new_page()
    phone.goto("/examples")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.locator("#race tr:nth-child(3)").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390  # with all that was measured
    before = phone.locator("#plane circle").count()
    box = phone.locator("#plane").bounding_box()
    phone.touchscreen.tap(box["x"] + 100, box["y"] + 100)
    phone.locator(f"#plane circle:nth-of-type({before + 1})").wait_for()
    phone.click("#clear")
    phone.touchscreen.tap(box["x"] + 100, box["y"] + 100)
    phone.locator("#trouble", has_text="점 1개: 배우기에 모자랍니다 → 종류마다 점을 몇 개 찍으세요").wait_for()
    phone.goto("/slopes")
    assert phone.text_content("h1") == MESSAGES["page_slopes"][1]
    box = phone.locator("#plot").bounding_box()
    phone.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 100)
    assert abs(float(numbers(phone)["a"])) < 1
    context.close()


def test_rates_from_crawling_to_diverging_are_told(page):
    page.goto("/examples")
    page.select_option("#kind", "flights")
    page.locator("#race tr:nth-child(3)").wait_for()
    assert page.locator("#race td", has_text="✓").count() == 3
    page.fill("#rate", "2")  # a hundred
    page.click("#go")
    page.locator("#trouble", has_text="the rate 100 is too high").wait_for()
    page.click("#go")
    page.click("#again")
    page.locator("#state", has_text="step 0,").wait_for()
    assert page.text_content("#trouble") == ""
    page.fill("#rate", "0")
    page.click("#one")
    page.locator("#state", has_text="step 1,").wait_for()
    assert page.text_content("#trouble") == ""
    assert float(page.text_content("#state").split("= ")[1]) < np.log(2)


def test_a_step_still_on_its_way_does_not_undo_a_new_start(page):
    held = []
    page.goto("/examples")
    page.locator("#race tr:nth-child(3)").wait_for()
    page.route("**/api/step", lambda route: route.continue_() if held else held.append(route))
    page.fill("#rate", "2")
    with page.expect_request("**/api/step"):
        page.click("#go")
    for clicked in ("#go", "#go", "#again"):  # paused, on again, anew: all within the first step
        page.click(clicked)
    with page.expect_response("**/api/reset"):
        held[0].continue_()
    page.locator("#state", has_text="step 0,").wait_for()
    assert page.text_content("#trouble") == ""
    page.click("#one")
    page.locator("#state", has_text="step 1,").wait_for()  # the server stands where the page says


def test_a_step_during_measuring_leaves_it_told(page):
    held = []
    page.goto("/examples")
    page.locator("#race tr:nth-child(3)").wait_for()
    page.route("**/api/race", lambda route: held.append(route))
    with page.expect_request("**/api/race"):
        page.click("#race_again")
    page.click("#one")
    page.locator("#state", has_text="step 1,").wait_for()
    assert page.text_content("#race_again") == MESSAGES["measuring"][0]
    assert page.is_disabled("#race_again")
    held[0].continue_()
    page.locator("#race_again", has_text=MESSAGES["race_again"][0]).wait_for()
    assert page.is_enabled("#race_again")


@pytest.mark.parametrize("ended", [lambda route: route.abort(), lambda route: route.fulfill(status=200, body='{"steps": 1')], ids=["gone", "cut off"])
def test_a_server_that_has_ended_is_told(page, ended):
    page.goto("/examples")
    page.locator("#race tr:nth-child(3)").wait_for()
    page.route("**/api/step", ended)
    page.click("#go")
    page.locator("#trouble", has_text=MESSAGES["gone"][0]).wait_for()
    assert page.text_content("#go") == MESSAGES["go"][0]


def test_a_table_of_20_MB_is_read_and_a_larger_one_refused_before_it_is_sent(page, tmp_path):
    rows = b"".join(b"%d,%d,%d\n" % (k % 1000, k * k % 997, k % 2) for k in range(1_800_000))
    for name, size in (("large.csv", 19_999_990), ("larger.csv", 20_000_001)):
        content = b"a,b,y\n" + rows[: size - 6]
        (tmp_path / name).write_bytes(content[: content.rindex(b"\n") + 1].ljust(size, b"\n"))
    sent = []
    page.goto("/examples")
    page.on("request", lambda request: sent.append(request.url))
    page.select_option("#kind", "csv")
    page.set_input_files("#file", tmp_path / "large.csv")
    page.wait_for_selector("#race tr:nth-child(3)")
    assert page.text_content("#trouble") == ""
    page.click("#go")
    page.locator("#state", has_text=re.compile(r"step \d\d")).wait_for()
    page.click("#go")
    page.locator("#go", has_text=MESSAGES["go"][0]).wait_for()
    sent.clear()
    page.set_input_files("#file", tmp_path / "larger.csv")
    page.locator("#trouble", has_text="The table has 20,000,001 bytes; this page takes 20,000,000.").wait_for()
    assert not [url for url in sent if url.endswith("/api/begin")]
    assert page.is_disabled("#go")
    page.select_option("#kind", "points")
    page.wait_for_selector("#race tr:nth-child(3)")  # it serves as before


def test_a_table_larger_than_that_is_refused_by_the_server_too(client):
    answer = post(client, "/api/begin", kind="csv", base64="A" * 27_000_000)
    assert answer.status_code == 400
    assert "bytes were sent" in answer.json()["error"]
    assert client.get("/").status_code == 200


def numbers(page):
    told = [e.text_content() for e in page.query_selector_all("#numbers dt, #numbers dd")]
    return dict(zip(told[::2], told[1::2]))


DRAWN = """(plot, name) => [...plot.host.querySelectorAll(`path.${name}`)].flatMap(line => line.getAttribute("d").match(/-?[0-9.]+/g).map(Number))
    .map((v, k) => k % 2 ? plot.y0 + (plot.y(plot.y0) - v) / (plot.y(plot.y0) - plot.y(plot.y1)) * (plot.y1 - plot.y0)
                         : plot.x0 + (v - plot.x(plot.x0)) / (plot.x(plot.x1) - plot.x(plot.x0)) * (plot.x1 - plot.x0))"""


def test_what_is_drawn_is_the_triangle_of_the_nudge_the_boundary_and_the_costs(page):
    page.goto("/slopes")
    drawn = np.reshape(page.evaluate(f"({DRAWN})(plot, 'rise')"), (-1, 2))  # in pixels to a tenth, here in units of the axes
    assert drawn == pytest.approx(np.array([[2, 4], [3, 4], [3, 9]]), abs=0.02)
    said = [e.text_content() for e in page.query_selector_all("#plot .said")]
    assert said == ["h = 1", "f: +5"]
    page.goto("/examples")
    page.locator("#race tr:nth-child(3)").wait_for()
    for k in (1, 2):
        page.click("#one")
        page.locator("#state", has_text=f"step {k},").wait_for()
    (w1, w2), b = page.evaluate("[trial.w, trial.b]")
    ends = np.reshape(page.evaluate(f"({DRAWN})(plane, 'boundary')"), (2, 2))
    assert (ends @ [w1, w2] + b) / np.hypot(w1, w2) == pytest.approx(0, abs=0.02)
    assert ends[0] != pytest.approx(ends[1])
    costs = np.reshape(page.evaluate(f"({DRAWN})(curve, 'curve')"), (-1, 2))
    assert costs == pytest.approx(np.array(list(enumerate(page.evaluate("costs")))), abs=0.02)
    assert len(costs) == 3


def test_a_person_tries_the_four_ideas(page, tmp_path):
    page.goto("/slopes")
    assert numbers(page)["f(a)"] == "4"
    box = page.locator("#point").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 120, box["y"] + 10, steps=4)
    page.mouse.up()
    a = float(numbers(page)["a"])
    assert a < 1.9
    assert float(numbers(page)["━ exact derivative da"]) == pytest.approx(2 * a, rel=1e-6)
    page.fill("textarea", "g = log(t)")
    page.click("button[data-say=draw]")
    assert page.text_content("#formula") == "dt = 1 / t"

    page.click("a[data-say=page_graph]")
    assert page.text_content("#slopes li:nth-child(2)") == "dv = 3"
    page.fill("textarea", "u = x*x\nJ = u + x")
    page.click("button[data-say=draw]")
    assert "dx = " in page.text_content("#slopes")

    page.click("a[data-say=page_logistic]")
    assert "dz = da * a * (1 - a) = a - y" in page.text_content("#slopes")

    page.click("a[data-say=page_examples]")
    page.wait_for_selector("#race tr:nth-child(3)")
    page.click("#one")
    page.locator("#state", has_text="step 1,").wait_for()
    page.click("#go")
    page.locator("#state", has_text=re.compile(r"step \d\d")).wait_for()
    page.click("#go")
    before = page.locator("#plane circle").count()
    page.click("#plane", position={"x": 200, "y": 150})
    page.locator(f"#plane circle:nth-of-type({before + 1})").wait_for()
    page.focus("#plane")
    for key in ("ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    page.locator(f"#plane circle:nth-of-type({before + 2})").wait_for()
    table = tmp_path / "mine.csv"
    table.write_text("age,bought\n" + "\n".join(f"{k},{k % 2}" for k in range(20)))
    page.select_option("#kind", "csv")
    page.set_input_files("#file", table)
    page.wait_for_selector("#coefficients tr")
    assert "age" in page.text_content("#coefficients")

    page.click("a.language")
    assert page.text_content("h1") == MESSAGES["page_examples"][1]


@pytest.mark.parametrize(("formula", "told"), [
    ("arcsin(a)", "da = 1 / sqrt(1 - a**2)"), ("log(-a)", "da = 1 / a"), ("sqrt(1 - a**2)", "da = -a / f"), ("1/(a - 2)", "da = -1 / (a - 2)**2"),
    ("u = a*2; f = u**2", "da = 2 * (a * 2) * 2"), ("0*a", "da = 0"), ("floor(a)", "da = 0"), ("exp(1000*a)", "da = 1000 * f"),
])
def test_the_point_starts_where_there_is_something_to_see(page, formula, told):
    page.goto("/slopes?" + urlencode({"f": formula}))
    assert page.text_content("#formula") == told
    assert page.locator("#point").count() == 1
    assert page.text_content("#undefined") == ""
    assert all(value not in ("nan", "inf") for value in page.locator("#numbers dd").all_text_contents()[:2])


def test_outside_its_domain_nothing_is_drawn_at_the_point_and_it_is_said(page):
    page.goto("/slopes?" + urlencode({"f": "log(a)"}))
    for _ in range(30):
        page.locator("#plot").press("ArrowLeft")
    assert page.text_content("#undefined") == "f is not defined here, and so none of its derivatives is."
    assert page.locator("#point").count() == 0
    page.locator("#plot").press("PageUp")
    page.locator("#plot").press("PageUp")
    assert page.text_content("#undefined") == ""
    assert page.locator("#point").count() == 1


@pytest.mark.parametrize(("formula", "pieces"), [
    ("floor(a)", 9), ("where(a > 0.3, 1, 0)", 2), ("1/a", 2), ("tan(a)", 3), ("a**3", 1), ("sigmoid(1000*a)", 1), ("abs(a)", 1), ("exp(a)", 1),
])
def test_a_curve_has_a_gap_where_it_jumps_and_nowhere_else(page, formula, pieces):
    page.goto("/slopes?" + urlencode({"f": formula}))
    assert page.get_attribute("#plot .curve", "d").count("M") == pieces


@pytest.mark.parametrize("formula", ["log(a)", "1/a", "a**0.5", "sqrt(a)*1000000"])
def test_what_is_written_beside_the_triangle_stays_in_the_picture(page, formula):
    page.goto("/slopes?" + urlencode({"f": formula}))
    frame = page.locator("#plot").bounding_box()
    for text in page.locator("#plot .said").all():
        box = text.bounding_box()
        assert frame["x"] <= box["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
