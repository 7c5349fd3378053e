"""The lesson in one file, driven in a real browser: sliders, steps, nudging, predicting, blanks, languages, links."""

import html
import re
import shutil

import pytest

import dvar as dv
from dvar.derive.passes import show
from dvar.show import lesson
from dvar.show.boxes import glimpse
from dvar.show.messages import LANGUAGES, MESSAGES, messages

playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
FIRST = dv.graph("u = b*c; v = a + u; J = 3*v")
LOGISTIC = dv.graph("z = w1*x1 + w2*x2 + b; a = sigmoid(z); L = -(y*log(a) + (1-y)*log(1-a))")
VECTORS = dv.graph("inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1-y)*log(1-a))")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the lesson of a pass from disk; no request and no error may come of it."""
    context, troubles = browser.new_context(viewport={"width": 1200, "height": 1000}, locale="en-US"), []

    def opens(p, address=""):
        path = tmp_path / "lesson.html"
        p.save(path)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        page.on("request", lambda request: troubles.append(request.url) if not request.url.startswith("file:") else None)
        page.goto(path.as_uri() + address)
        return page

    yield opens
    context.close()
    assert not troubles


def pictured(page):
    """name → (value, derivative) as the picture says them."""
    found = {}
    for group in page.query_selector_all("g[data-box]"):
        line, value, slope = (t.text_content() for t in group.query_selector_all("text"))
        found[line.split(" = ")[0]] = (value.removeprefix("= "), slope.split(" = ")[-1])
    return found


def expected(p):
    return {n.name: (glimpse("= ", p.values[n.name])[2:], glimpse(f"d{n.name} = ", p.d[n.name]).split(" = ")[-1])
            for n in p.graph.nodes if n.given}


def told(page, which):
    return [e.text_content() for e in page.query_selector_all(f"#{which} li")]


@pytest.mark.parametrize(("graph", "inputs"), [
    (FIRST, {"a": 5, "b": 3, "c": 2}),
    (LOGISTIC, {"w1": 0.5, "w2": -0.25, "x1": 1, "x2": 2, "b": 0.1, "y": 1}),
    (VECTORS, {"w": [0.5, -0.25], "b": 0.1, "x": [1, 2], "y": 0}),
    (dv.graph("L = exp(a*b) + a**3/b"), {"a": 1.5, "b": -2}),
])
def test_the_page_shows_the_numbers_of_the_pass(opened, graph, inputs):
    p = graph.at(inputs)
    page = opened(p)
    assert pictured(page) == expected(p)


def test_the_first_lesson_is_told_as_on_the_blackboard(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    assert told(page, "values")[-3:] == ["u = b * c = 3 * 2 = 6", "v = a + u = 5 + 6 = 11", "J = 3 * v = 3 * 11 = 33"]
    assert told(page, "slopes") == ["dJ = 1", "dv = 3", "du = dv = 3", "dc = du * b = 3 * 3 = 9", "db = du * c = 3 * 2 = 6", "da = dv = 3"]
    edges = sorted(e.text_content() for e in page.query_selector_all("text[data-edge]"))
    assert edges == ["1", "1", "2", "3", "3"]


@pytest.mark.parametrize(("graph", "inputs"), [
    (dv.graph("z = w @ x + b; L = exp(-z)"), {"w": [0.5, -0.25], "b": -0.1, "x": [1, 2]}),
    (dv.graph("h = W @ x; L = sum(h*h)"), {"W": [[0.5, -0.25], [1, 3]], "x": [1, -2]}),
    (dv.graph("z = w @ x; L = z**2"), {"w": [1, 2, 3, 4, 5], "x": [5, 4, 3, 2, 1]}),
])
def test_short_vectors_and_matrices_are_put_in_as_in_the_steps(opened, graph, inputs):
    steps, page = graph.at(inputs).steps(), opened(graph.at(inputs))
    assert told(page, "values")[-len(steps.forward):] == [step.line for step in steps.forward]
    assert told(page, "slopes") == [step.line for step in steps.backward]


def test_edges_of_vectors_say_their_local_derivative_or_the_map(opened):
    network = dv.graph("inputs: W, c, v, x\nh = tanh(W @ x + c)\nz = v @ h\nL = z*z")
    p = network.at(W=[[1.0, -2.0], [0.5, 3.0], [0.0, 1.0]], c=[0.0, 0.5, -1.0], v=[1.0, 2.0, -1.0], x=[0.5, 0.25])
    drawn = re.findall(r"<text data-edge[^>]*>([^<]*)<", p.svg())
    assert {"g → outer(g * (1 - h**2), x)", "g → transpose(W) @ (g * (1 - h**2))", "[1, 2, …]"} < set(drawn)
    page = opened(p)
    assert [e.text_content() for e in page.query_selector_all("text[data-edge]")] == drawn
    page.fill("input[type=number][aria-label='v[1]']", "-4")
    moved = re.findall(r"<text data-edge[^>]*>([^<]*)<", network.at(**{**p.given, "v": [1.0, -4.0, -1.0]}).svg())
    assert "[1, -4, …]" in moved
    assert [e.text_content() for e in page.query_selector_all("text[data-edge]")] == moved


def test_pointing_at_a_box_says_the_derivative_by_it(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    assert "dJ/du = 3" in [e.text_content() for e in page.query_selector_all("g[data-box] title")]
    page.keyboard.press("Home")
    assert "dJ/du = ?" in [e.text_content() for e in page.query_selector_all("g[data-box] title")]


def test_dz_is_told_as_a_minus_y(opened):
    page = opened(LOGISTIC.at(w1=0.5, w2=-0.25, x1=1, x2=2, b=0.5, y=1))
    [dz] = [line for line in told(page, "slopes") if line.startswith("dz")]
    assert dz.startswith("dz = da * a * (1 - a) = a - y = 0.622459 - 1 = -0.377541")


def test_a_slider_moves_every_number(opened):
    page = opened(LOGISTIC.at(w1=0.5, w2=-0.25, x1=1, x2=2, b=0.1, y=1))
    page.fill("input[type=number][aria-label=w1]", "2")
    assert pictured(page) == expected(LOGISTIC.at(w1=2, w2=-0.25, x1=1, x2=2, b=0.1, y=1))
    page.focus("input[type=range][aria-label=w1]")
    page.keyboard.press("ArrowLeft")
    moved = float(page.input_value("input[type=number][aria-label=w1]"))
    assert moved != 2
    assert pictured(page) == expected(LOGISTIC.at(w1=moved, w2=-0.25, x1=1, x2=2, b=0.1, y=1))
    page.click("#reset")
    assert pictured(page)["w1"][0] == "0.5"


def test_a_matrix_is_moved_element_by_element(opened):
    network = dv.graph("inputs: W, c, v, b, x, y\nh = tanh(W @ x + c)\nz = v @ h + b\nL = softplus(z) - y*z")
    given = {"W": [[0.5, -1], [0.25, 2]], "c": [0, 0.5], "v": [1, -2], "b": 0.25, "x": [1, 2], "y": 1}
    page = opened(network.at(given))
    page.fill("input[type=number][aria-label='W[1, 0]']", "-3")
    p = network.at({**given, "W": [[0.5, -1], [-3, 2]]})
    assert pictured(page) == expected(p)
    assert pictured(page)["W"][1].endswith(", …] (2, 2)")  # as many elements as leave room for the shape
    [L] = [line for line in told(page, "values") if line.startswith("L = ")]
    assert f"softplus({show(p.z)}) - 1 * ({show(p.z)})" in L  # a negative number has one pair of parentheses
    assert p.z < 0


def test_what_picks_is_a_whole_number_and_not_nudged(opened):
    page = opened(dv.graph("a = softmax(z); L = -log(a[y])").at(z=[1, 2, 3], y=1))
    slider = page.locator("input[type=range][aria-label=y]")
    assert [slider.get_attribute(k) for k in ("min", "max", "step")] == ["0", "2", "1"]
    page.focus("input[type=range][aria-label=y]")
    page.keyboard.press("ArrowRight")
    assert "L = -log(a[y]) = -log([0.0900306, 0.244728, 0.665241][2]) = 0.407606" in told(page, "values")
    page.fill("input[type=number][aria-label=y]", "3")
    assert "L = -log(a[y]) = -log([0.0900306, 0.244728, 0.665241][2]) = 0.407606" in told(page, "values")
    assert [o.text_content() for o in page.query_selector_all("#nudged option")] == ["z[0]", "z[1]", "z[2]"]


def test_a_fork_is_added_up_after_its_numbers(opened):
    page = opened(LOGISTIC.at(w1=0.5, w2=-0.25, x1=1, x2=2, b=0.5, y=1))
    [da] = [line for line in told(page, "slopes") if line.startswith("da")]
    assert da == "da = (1 - y) / (1 - a) - y / a = (1 - 1) / (1 - 0.622459) - 1 / 0.622459 = 0 + (-1.60653) = -1.60653"


def test_a_screen_reader_is_told_the_numbers_of_now(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    page.fill("input[type=number][aria-label=c]", "4")
    said = page.text_content(".picture desc").split("\n")
    assert "u = b * c = 3 * 4 = 12" in said
    assert "db = du * c = 3 * 4 = 12" in said
    page.keyboard.press("Tab")
    page.select_option("#mode", "predict")
    assert not any(line.startswith("d") for line in page.text_content(".picture desc").split("\n"))


def test_on_a_phone_nothing_lies_beside_the_page(opened):
    page = opened(LOGISTIC.at(w1=0.5, w2=-0.25, x1=1, x2=2, b=0.5, y=1))
    for width in (360, 700, 880, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cut = page.evaluate("""[...document.querySelectorAll("input, select, button")].filter(e => e.offsetParent
            && e.getBoundingClientRect().right > innerWidth).length""")
        assert cut == 0, width


def test_the_picture_follows_the_steps_where_it_is_wider_than_the_screen(opened):
    page = opened(LOGISTIC.at(w1=0.5, w2=-0.25, x1=1, x2=2, b=0.5, y=1))
    page.set_viewport_size({"width": 390, "height": 800})
    page.click("#first")
    for _ in range(9):
        page.click("#next")
    inside = page.evaluate("""(() => { const seen = document.querySelector(".picture").getBoundingClientRect();
        const now = document.querySelector(".picture .now").getBoundingClientRect();
        return now.left < seen.right && now.right > seen.left; })()""")
    assert inside


def test_steps_by_keys_and_buttons(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    page.keyboard.press("Home")
    visible = "g[data-box] .value:not(.hidden)"
    assert len(page.query_selector_all(visible)) == 3  # what is given
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert len(page.query_selector_all(visible)) == 6
    assert len(page.query_selector_all("g[data-box] .slope:not(.hidden)")) == 0
    page.click("#next")
    page.click("#next")
    assert [e.text_content() for e in page.query_selector_all("g[data-box] .slope:not(.hidden)")] == ["dv = 3", "dJ = 1"]
    assert page.text_content("#slopes li.now") == "dv = 3"
    assert page.text_content("#step") == "Step 5 of 9"
    assert page.evaluate("document.querySelector('#slopes li.now').value") == 5  # the story is numbered as the steps are
    assert page.evaluate("[...document.querySelectorAll('#values li:not(.given), #slopes li')].map(item => item.value)") == list(range(1, 10))
    page.keyboard.press("End")
    assert page.text_content("#step") == "Step 9 of 9"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("graph", "inputs"), [
    (FIRST, {"a": 5, "b": 3, "c": 2}),
    (VECTORS, {"w": [0.5, -0.25], "b": 0.1, "x": [1, 2], "y": 0}),
    (dv.graph("k = 2; s = k*3; u = k*a; J = u*s + where(a > 0, a, 0)"), {"a": 1.5}),
    (dv.graph("inputs: a, b, unused\nc = a > 0; J = where(c, b, 2) + floor(a)"), {"a": 1.5, "b": 2, "unused": 3}),
    (dv.graph("a = softmax(z); L = -log(a[y])"), {"z": [1, 2, 3], "y": 1}),
])
def test_the_buttons_count_the_steps_of_the_story(opened, graph, inputs, language):
    steps = graph.at(inputs).steps(language)
    page = opened(graph.at(inputs), f"#lang={language}")
    page.click("#first")
    for n, step in enumerate(steps, 1):
        page.click("#next")
        assert page.text_content("#step") == messages(language)["step"].format(at=n, count=len(steps))
        assert page.evaluate("document.querySelector('li.now').value") == n
        assert page.text_content("li.now").split(" = ")[0] == step.name


def test_the_nudge_comes_near_the_derivative(opened):
    page = opened(dv.graph("f = a**2").at(a=2))
    rows = [e.text_content() for e in page.query_selector_all("#nudge dt, #nudge dd")]
    assert rows[2:6] == ["slope: (4.004001 − 4) / 0.001", "4.001", "exact derivative da", "4"]
    page.focus("#h")
    page.keyboard.press("ArrowRight")
    assert page.text_content("#hshown") == "0.0001"
    assert page.query_selector_all("#nudge dd")[1].text_content() == "4.0001"


def test_predict_then_reveal(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    page.select_option("#mode", "predict")
    assert page.text_content("#asked") == "What is dJ?"
    page.fill("#guess", "1")
    page.keyboard.press("Enter")
    assert page.text_content("#judged") == "Right: dJ = 1"
    assert page.text_content("#asked") == "What is dv?"
    page.fill("#guess", "4")
    page.click("#check")
    assert page.text_content("#judged") == "Not yet: 4 is too large"
    page.click("#reveal")
    assert page.text_content("#judged") == "dv = 3"


@pytest.mark.parametrize(("inputs", "typed", "said"), [
    ({"a": 3, "b": 4}, "1/4", "Right: da = 0.25"), ({"a": 3, "b": 4}, " 0,25 ", "Right: da = 0.25"), ({"a": 3, "b": -4}, "−0.25", "Right: da = -0.25"),
    ({"a": 3, "b": 4}, "b/a", "b/a is no number"), ({"a": 3, "b": 4}, "1/", "1/ is no number"), ({"a": 3, "b": 4}, "1/3", "Not yet: 1/3 is too large"),
    ({"a": 3, "b": 0}, "inf", "Right: da = inf"), ({"a": 0, "b": 0}, "nan", "Right: da = nan"), ({"a": 0, "b": 0}, "1", None),
])
def test_what_is_typed_is_read_as_people_write_numbers(opened, inputs, typed, said):
    page = opened(dv.graph("J = a/b").at(inputs), "#mode=blank")
    page.fill("input[data-fill='0']", typed)
    page.keyboard.press("Tab")
    if said:
        assert page.text_content("#slopes li:last-child output") == said
    assert page.locator("li.right").count() == (said or "").startswith("Right")


def test_pointing_at_a_box_says_all_of_a_line_that_is_cut(opened):
    p = dv.graph("a_long_name = x*1.5; J = sin(a_long_name)*cos(a_long_name) + exp(-x**2)").at(x=1)
    titles = [e.text_content() for e in opened(p).query_selector_all("g[data-box] title")]
    assert titles[-1] == "J = sin(a_long_name) * cos(a_long_name) + exp(-x**2)\ndJ/dJ = 1"
    assert titles[1].startswith("dJ/da_long_name = ")


def test_blank_derivatives_are_filled_in(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    page.select_option("#mode", "blank")
    assert pictured(page)["c"][1] == "?"
    page.fill("input[data-fill='2']", "9")
    page.keyboard.press("Tab")
    assert pictured(page)["c"][1] == "9"
    page.fill("input[data-fill='1']", "5")
    page.keyboard.press("Tab")
    assert pictured(page)["b"][1] == "?"


def test_a_wrong_guess_stays_and_is_told_and_the_keyboard_keeps_its_place(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    page.select_option("#mode", "blank")
    page.focus("input[data-fill='2']")
    page.keyboard.type("8")
    page.keyboard.press("Tab")
    assert page.text_content("li.wrong") == "dc =  Not yet: 8 is too small"
    assert page.input_value("input[data-fill='2']") == "8"
    assert page.get_attribute("input[data-fill='2']", "aria-invalid") == "true"
    assert page.evaluate("document.activeElement.dataset.fill") == "1"
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    assert page.text_content("li.right") == "dc =  Right: dc = 9"
    assert page.text_content("text[data-edge='2-3']") == "3"  # its local derivative is seen now
    assert page.locator("text[data-edge='2-3'].hidden").count() == 0
    assert page.locator("text[data-edge='1-3'].hidden").count() == 1


@pytest.mark.parametrize("mode", ["watch", "predict", "blank"])
def test_nudging_does_not_tell_what_is_to_be_found(opened, mode):
    page = opened(FIRST.at(a=5, b=3, c=2))
    page.select_option("#mode", mode)
    def told():
        return [e.text_content() for e in page.query_selector_all("#nudge dt, #nudge dd") if e.text_content()]

    if mode == "watch":
        assert told()[1:5] == ["slope: (33.003 − 33) / 0.001", "3", "exact derivative da", "3"]
        page.click("#first")
        assert told()[1:5:3] == ["slope: (33.003 − 33) / 0.001", "?"]
    else:  # the slope would nearly be the answer
        assert told() == ["J moves from 33 to ?", "slope: (? − 33) / 0.001", "?", "exact derivative da", "?", "they differ by", "?"]
    if mode == "blank":
        page.fill("input[data-fill='0']", "3")
        page.keyboard.press("Tab")
        assert told()[:5] == ["J moves from 33 to 33.003", "slope: (33.003 − 33) / 0.001", "3", "exact derivative da", "3"]


def test_all_of_the_picture_is_on_paper_and_only_what_was_seen(opened):
    page = opened(LOGISTIC.at(w1=0.5, w2=-0.25, x1=1, x2=2, b=0.5, y=1))
    page.keyboard.press("Home")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 1000})
    assert page.evaluate("document.querySelector('.picture svg').getBoundingClientRect().right") <= 700
    assert page.evaluate("document.querySelector('.picture').scrollWidth") <= 700
    assert not page.is_visible("#sliders")
    assert not page.is_visible("#values li:not(.given)")


def test_paper_is_light_where_the_screen_is_dark(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('.paper')).fill]"
    page.emulate_media(media="screen", color_scheme="dark")
    assert page.evaluate(colours) == ["rgb(28, 37, 34)"] * 2
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(colours) == ["rgb(251, 250, 246)"] * 2


def test_what_is_no_number_is_not_asked_for(opened):
    page = opened(VECTORS.at(w=[0.5, -0.25], b=0.1, x=[1, 2], y=0))
    page.select_option("#mode", "blank")
    shown = pictured(page)
    assert (shown["b"][1], shown["z"][1]) == ("?", "?")
    assert shown["w"][1] == show(VECTORS.at(w=[0.5, -0.25], b=0.1, x=[1, 2], y=0).dw)
    assert shown["L"][1] == "1"


def test_a_link_keeps_the_state_and_the_language(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    page.fill("input[type=number][aria-label=c]", "4")
    page.select_option("#language", "ko")
    page.keyboard.press("Home")
    address = page.url[page.url.index("#"):]
    again = opened(FIRST.at(a=5, b=3, c=2), address)
    assert pictured(again)["c"][0] == "4"
    assert again.text_content("h1") == "J의 계산 그래프"
    assert again.text_content("#step") == "9단계 중 0단계" or again.text_content("#step") == page.text_content("#step")


def test_an_address_changed_by_hand_is_followed(opened):
    page = opened(FIRST.at(a=5, b=3, c=2))
    page.evaluate("location.hash = 'x=1,2,3&step=4&mode=predict&lang=ko'")
    page.wait_for_function("document.getElementById('step').textContent === '9단계 중 4단계'")
    assert pictured(page)["u"][0] == "6"
    assert page.text_content("#asked") == "dv의 값은 얼마일까요?"
    page.evaluate("location.hash = 'x=1,nan&step=99&mode=what&lang=xx'")  # what is not understood changes nothing
    page.wait_for_function("document.documentElement.lang === 'en'")
    assert pictured(page)["u"][0] == "6"
    assert page.text_content("#step") == "Step 9 of 9"
    page.evaluate("location.hash = 'x=1,2,3&step=4'; draw()")  # drawn before the new address is read
    page.wait_for_function("document.getElementById('step').textContent === 'Step 4 of 9'")


def test_a_korean_browser_sees_korean_in_every_mode(browser, tmp_path):
    VECTORS.at(w=[0.5, -0.25], b=0.1, x=[1, 2], y=0).save(tmp_path / "lesson.html")
    context = browser.new_context(locale="ko-KR")
    page = context.new_page()
    page.goto((tmp_path / "lesson.html").as_uri())
    for mode in ("watch", "predict", "blank"):
        page.select_option("#mode", mode)
        if mode == "blank":
            page.fill("input[data-fill]", "12345")
            page.keyboard.press("Tab")
        assert not re.findall(r"[a-z]{2,} [a-z]+ [a-z]{2,}", page.inner_text("body")), mode
    context.close()


def test_a_lesson_saved_in_korean_opens_in_korean(opened, tmp_path):
    page = opened(FIRST.at(a=5, b=3, c=2))
    assert page.text_content("h1") == "Computation graph of J"
    FIRST.at(a=5, b=3, c=2).save(tmp_path / "ko.html", lang="ko")
    page.goto((tmp_path / "ko.html").as_uri())
    assert page.text_content("h1") == "J의 계산 그래프"
    page.select_option("#language", "en")
    assert page.text_content("h1") == "Computation graph of J"


@pytest.mark.parametrize(("lang", "title"), [
    (None, "J의 계산 그래프"), ("en", "Computation graph of J"), ("ko", "J의 계산 그래프"),
])
def test_a_language_that_was_named_is_the_page_s_whatever_the_browser_s(browser, tmp_path, lang, title):
    FIRST.at(a=0.5, b=3000, c=2).save(tmp_path / "lesson.html", lang=lang)
    context = browser.new_context(locale="ko-KR")
    page = context.new_page()
    page.goto((tmp_path / "lesson.html").as_uri())
    assert page.text_content("h1") == page.title() == title
    assert page.text_content("#step") == messages(lang or "ko")["step"].format(at=9, count=9)
    context.close()


@pytest.mark.parametrize("locale", ["de-DE", "ar-EG", "fr-FR", "hi-IN", "en-US"])
def test_numbers_and_words_are_the_same_in_every_browser(browser, tmp_path, locale):
    p = dv.graph("k = 1234567; u = b*c; v = a + u*k; J = 3*v").at(a=0.5, b=3000, c=2)
    p.save(tmp_path / "lesson.html", lang="en")
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.goto((tmp_path / "lesson.html").as_uri())
    steps = p.steps()
    assert told(page, "values")[-len(steps.forward):] == [step.line for step in steps.forward]
    assert told(page, "slopes") == [step.line for step in steps.backward]
    assert page.text_content("#step") == "Step 11 of 11"
    page.fill("input[type=number][aria-label=a]", "0.25")
    assert "a = 0.25" in told(page, "values")
    context.close()


@pytest.mark.parametrize(("text", "inputs"), [
    ("J = floor(a) + b", {"a": 1.5, "b": 2}), ("c = a > 0; J = where(c, a, 0)*c", {"a": 2}), ("J = pi*a**2", {"a": 2}),
    ("k = [1, 2]; u = k @ x; J = u + [3, 4] @ x", {"x": [5, 6]}), ("k = pi; J = 1234567*k*`x y`", {"x y": 2}),
    ("J = log(a)*b", {"a": -1, "b": 2}), ("u = sqrt(a); J = u*a", {"a": -1}), ("J = a**b", {"a": -2, "b": 3}), ("J = a/b", {"a": 0, "b": 0}),
])
def test_a_page_tells_what_the_steps_tell(opened, text, inputs):
    p = dv.graph(text).at(inputs)
    page, steps = opened(p), p.steps()
    assert told(page, "values")[-len(steps.forward):] == [step.line for step in steps.forward]
    assert told(page, "slopes") == [step.line for step in steps.backward]
    drawn = [html.unescape(t) for t in re.findall(r"<text [^>]*>([^<]*)<", p.svg())]
    assert [e.text_content() for e in page.query_selector_all(".picture text")] == drawn
    assert "hidden" not in " ".join(g.get_attribute("class") for g in page.query_selector_all("g[data-box] .slope"))


def test_hostile_names_stay_text(opened):
    p = dv.graph("`</script><img src=x onerror=alert(1)>` = a*2; `${a}` = `</script><img src=x onerror=alert(1)>` + 1").at(a=1)
    page = opened(p)
    assert page.query_selector("img") is None
    assert pictured(page)["`${a}`"] == ("3", "1")


# folding


@dv.graph
def TWICE(x, w, v, b):
    def layer(x, w, b):
        z = w*x
        z = z + b
        return dv.tanh(z)

    h = layer(x, w, b)
    k = layer(h, v, b)
    return (k - 1)**2


@dv.graph
def LOOP(x, w):
    h = x
    for _ in range(100):
        h = dv.tanh(h*w) + 0.1*h*w + 0.01*h**2
    return (h - 1)**2


def folds(page):
    """Each sign: the name of its group and whether it is said to be open."""
    return [(g.get_attribute("data-fold"), g.get_attribute("aria-expanded")) for g in page.query_selector_all(".picture [role=button]")]


def test_a_group_is_folded_and_unfolded_by_a_click(opened):
    p = TWICE.at(x=1, w=0.5, v=2, b=0.1)
    page = opened(p)
    whole = pictured(page)
    assert folds(page) == [("layer", "true"), ("layer_2", "true")]
    page.click(".picture g.open[data-fold=layer_2]")
    assert folds(page) == [("layer_2", "false"), ("layer", "true")]
    shown = pictured(page)
    assert shown.pop("layer_2: 2 lines") == (f"layer_2.z_2 = {whole['layer_2.z_2'][0]}", whole["layer_2.z_2"][1])
    assert shown == {name: told for name, told in whole.items() if not name.startswith("layer_2")}
    page.click("g[data-fold=layer_2]")
    assert pictured(page) == whole
    assert folds(page) == [("layer", "true"), ("layer_2", "true")]


def test_by_keyboard_a_group_is_folded_and_the_focus_stays_with_it(opened):
    page = opened(TWICE.at(x=1, w=0.5, v=2, b=0.1))
    page.focus(".picture [data-fold=layer]")
    for key, wanted in (("Enter", "false"), (" ", "true"), (" ", "false"), ("Enter", "true")):
        page.keyboard.press(key)
        assert page.evaluate("[document.activeElement.dataset.fold, document.activeElement.ariaExpanded]") == ["layer", wanted]
    step = page.text_content("#step")
    page.keyboard.press("ArrowLeft")  # steps go on from there
    assert page.text_content("#step") != step
    playwright.expect(page.get_by_role("button", name="layer", exact=True, expanded=True)).to_have_count(1)
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_role("button", name="layer: 2 lines", exact=True, expanded=False)).to_be_focused()
    assert page.get_attribute(".picture svg", "role") == "group"  # in an image a screen reader would find no buttons


def test_what_is_folded_follows_sliders_steps_questions_and_the_language(opened):
    page = opened(TWICE.at(x=1, w=0.5, v=2, b=0.1))
    page.click(".picture g.open[data-fold=layer]")
    page.fill("input[type=number][aria-label=w]", "-1")
    p = TWICE.at(x=1, w=-1, v=2, b=0.1)
    box = page.locator("g[data-fold=layer] text")
    assert box.all_text_contents() == ["layer: 2 lines", f"layer.z_2 = {show(p.values['layer.z_2'])}", f"dlayer.z_2 = {show(p.d['layer.z_2'])}"]
    assert page.text_content("g[data-box] title >> nth=0")
    page.click("#first")
    page.click("#next")
    assert "now" in page.get_attribute("g[data-fold=layer]", "class")  # its first line; the box shows its last
    assert "hidden" in page.get_attribute("g[data-fold=layer] .value", "class")
    page.click("#next")
    assert "hidden" not in page.get_attribute("g[data-fold=layer] .value", "class")
    page.select_option("#language", "ko")
    assert box.first.text_content() == page.get_attribute("g[data-fold=layer]", "aria-label") == "layer: 2줄"
    page.click("g[data-fold=layer]")
    assert page.text_content("g.now text") == "layer.z_2 = layer.z + b"
    assert not re.search(r"fold=", page.url)


def test_a_link_keeps_what_is_folded(opened):
    p = TWICE.at(x=1, w=0.5, v=2, b=0.1)
    page = opened(p)
    page.click(".picture g.open[data-fold=layer_2]")
    address = page.url[page.url.index("#"):]
    again = opened(p, address)
    again.wait_for_selector("g[data-fold=layer_2][aria-expanded=false]")
    assert folds(again) == folds(page)
    assert pictured(again) == pictured(page)
    wrong = opened(p, "#fold=99")
    assert folds(wrong) == [("layer", "true"), ("layer_2", "true")]


def test_only_what_a_click_unfolds_has_a_sign(opened):
    page = opened(dv.graph("; ".join(["u0 = x", *(f"u{k} = tanh(u{k - 1}*x + {k}*y)" for k in range(1, 900))])).at(x=0.5, y=0.1))
    seen = """[...document.querySelectorAll(".picture [data-fold]")].map(g =>
        [g.role === "button", getComputedStyle(g.querySelector(".sign")).visibility === "visible"])"""
    found = set()
    for _ in range(3):
        pairs = page.evaluate(seen)
        assert all(leads == signed for leads, signed in pairs)
        found |= {leads for leads, _ in pairs}
        page.click(".picture [role=button]:not(.open)")
    assert found == {True, False}
    page.emulate_media(media="print")
    assert all(leads == signed for leads, signed in page.evaluate(seen) if not leads)


@pytest.mark.parametrize(("lang", "said"), [("en", "J is not defined here"), ("ko", "여기에서는 J의 값이 정의되지 않으므로")])
def test_a_page_says_that_its_output_is_not_defined(opened, lang, said):
    page = opened(dv.graph("J = log(a)*b").at(a=-1, b=2), f"#lang={lang}")
    assert page.text_content("#undefined").startswith(said)
    assert page.locator("#slopes li").all_text_contents() == ["dJ = 1", "db = nan", "da = nan"]
    assert page.locator("text[data-edge]").all_text_contents() == ["nan", "nan"]
    page.click("#first")
    assert page.text_content("#undefined") == ""
    page.click("#last")
    page.fill("input[type=number][aria-label=a]", "1")
    assert page.text_content("#undefined") == ""


def test_a_still_page_is_whole_on_paper_and_its_caption_in_sight(opened):
    page = opened(LOOP.at(x=1, w=0.5))
    assert page.text_content("#caption") == "dx means: the derivative of LOOP with respect to x; at an edge stands the local derivative"
    assert not page.is_visible(".picture text.caption")
    assert page.locator("#caption").bounding_box()["width"] <= 1200
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 500, "height": 1000})
    assert page.evaluate("document.querySelector('pre').scrollWidth <= document.querySelector('pre').clientWidth")


def test_a_still_page_says_the_picture_of_now(opened):
    p = LOOP.at(x=1, w=0.5)
    page = opened(p)
    assert page.query_selector("#sliders") is None
    first = page.text_content(".picture desc")
    page.click(".picture [role=button]")
    said, drawn = page.text_content(".picture desc"), page.query_selector_all("g[data-box]")
    assert said != first
    lines = said.split("\n")
    for group in drawn:
        texts = [t.text_content() for t in group.query_selector_all("text")]
        assert f"{texts[0]} {texts[1]}, {texts[2]}" in lines
    page.click(".picture g.open")
    assert page.text_content(".picture desc") == first


def test_a_constant_says_its_value_once_and_is_revealed_like_the_others(opened):
    p = dv.graph("k = 2; u = k*a; J = u*3").at(a=5)
    page = opened(p)
    [texts] = [t for g in page.query_selector_all("g[data-box]")
               if (t := [e.text_content() for e in g.query_selector_all("text")])[0].startswith("k")]
    assert texts == ["k = 2", "dk = 15"]
    page.click("#first")
    assert page.text_content("#step") == "Step 0 of 7"
    page.select_option("#mode", "blank")
    assert "dk = ?" in [e.text_content() for e in page.query_selector_all("g[data-box] .slope")]


@pytest.mark.parametrize("count", [30, 100])
def test_a_large_graph_is_opened_down_to_its_lines(opened, count):
    p = LOOP.at(x=1, w=0.5) if count == 100 else dv.graph(";".join(f"s{f'_{k}' if k > 1 else ''} = {'x' if k == 1 else 's' if k == 2 else f's_{k - 1}'}*w" for k in range(1, 86)) + "; J = s_85 + w").at(x=1, w=0.5)
    page = opened(p)
    live = page.query_selector("#sliders") is not None
    assert live == (count == 30)
    [(outer, said)] = folds(page)
    assert said == "false"
    page.click(f"g[data-fold='{outer}']")
    parts = [name for name, open_ in folds(page) if open_ == "false"]
    assert len(parts) >= 8
    for part in parts:  # one is opened instead of the other, where there is no room for both
        page.click(f".picture g[data-fold='{part}']:not(.open)")
        assert (part, "true") in folds(page)
        first = part.split(" … ")[0]
        assert first in [t.text_content().split(" = ")[0] for t in page.query_selector_all("g[data-box] .line")]
        assert len(page.query_selector_all("g[data-box]")) <= 60
    page.click(f".picture g.open[data-fold='{outer}']")
    assert folds(page) == [(outer, "false")]


def test_many_features_are_live_and_fold(opened):
    graph = dv.graph("z = " + " + ".join(f"w{k}*x{k}" for k in range(1, 41)) + " + b; L = softplus(z) - y*z")
    page = opened(graph.at(dict.fromkeys(graph.inputs, 0.1)))
    assert len(page.query_selector_all("#sliders input[type=range]")) == 82
    page.click("g[data-fold='w1 … w40']")
    page.fill("input[type=number][aria-label=w7]", "3")
    assert pictured(page)["w7"][0] == "3"
    assert "x1 … x40: 40 inputs" in pictured(page)
    assert len(page.content()) < 150_000


def test_a_lesson_is_small_also_where_the_graph_is_as_large_as_a_picture_can_be(tmp_path):
    chain = "; ".join(["u1 = tanh(w*x + b)", *(f"u{k} = tanh(w*u{k - 1} + b*x)" for k in range(2, 56)), "J = (u55 - y)**2"])
    large = dv.graph(chain).at(w=0.5, x=1, b=0.1, y=2)
    assert len([n for n in large.graph.nodes if n.given]) == 60
    for p in (LOGISTIC.at(w1=0.5, w2=-0.25, x1=1, x2=2, b=0.1, y=1), large):
        p.save(tmp_path / "l.html")
        assert "function run(x)" in (tmp_path / "l.html").read_text(encoding="utf-8")
        assert (tmp_path / "l.html").stat().st_size < 150_000


def test_what_would_be_written_again_and_again_is_left_out_and_the_page_stays_small(opened):
    nested = "a"
    for _ in range(60):
        nested = f"maximum({nested}, b)"
    page = opened(dv.graph(nested).at(a=1, b=2))
    assert pictured(page)["b"] == ("2", "1")
    assert len(page.content()) < 150_000


def test_every_message_is_there_in_every_language():
    for key, said in MESSAGES.items():
        assert len(said) == len(LANGUAGES), key
        assert all(said), key
        assert len({frozenset(re.findall(r"{(\w+)}", text)) for text in said}) == 1, key
    with pytest.raises(dv.UsageError, match="no language 'fr'"):
        messages("fr")


def test_a_page_of_a_very_long_story_stays_small_and_says_what_it_leaves_out(tmp_path):
    p = dv.graph("; ".join(["u0 = x", *(f"u{k} = tanh(u{k - 1}*x + {k}*y)" for k in range(1, 900))])).at(x=0.5, y=0.1)
    for lang, more in (("en", "more lines: .steps() has them all"), ("ko", ".steps()에 모두 있습니다")):
        page = lesson.html(p, lang)
        assert len(page.encode()) < 150_000
        assert more in page
