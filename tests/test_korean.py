"""In Korean everything is told in Korean: pages, steps, `dvar explain`, what they refuse and what they remark."""

import ast
import base64
import html
import re
from pathlib import Path

import pytest

import dvar as dv
from dvar import cli
from dvar.show import messages
from dvar.show.messages import korean, said_in
from dvar.show.sentences import KOREAN

SOURCE = Path(dv.__file__).parent
HANGUL = re.compile("[가-힣]")
SENTENCE = re.compile(r"\b[A-Za-z]?[a-z]{2,},? [a-z]{1,}[,:;]? [a-z]{2,}\b")  # three words of a language in a row


def left_in_english(text):
    """What in a text reads as an English sentence; formulas and quoted names do not."""
    return SENTENCE.findall(re.sub(r"`[^`]*`|'[^']*'", "", text))


# Where sentences are raised that a page, steps or `dvar explain` may show, and by which calls.
RAISED = {
    "expression/formula.py": {"UsageError", "fail"}, "expression/tokens.py": {"UsageError", "fail"},
    "expression/array_shapes.py": {"ValueError"}, "expression/op.py": {"ValueError"},
    "expression/arrays.py": {"DvarError"}, "derive/nudge.py": {"unjudged"}, "derive/derivation.py": {"UsageError"},
    "vectorize/unrolled.py": {"NotUnrolled"}, "show/picture.py": {"UsageError"}, "show/messages.py": {"UsageError"},
    "show/play.py": {"UsageError"}, "show/play_pages.py": {"UsageError"}, "show/trials.py": {"UsageError"},
    "terminal.py": {"UsageError"}, "graph_commands.py": {"DvarError"}, "data/text.py": {"DvarError"}, "data/table.py": {"DvarError"},
}
ELSEWHERE = {  # what no page and no `dvar explain` asks for
    "a formula is text or a Python function, not 7", "the pass belongs to another graph", "draw p.graph",
    "the page needs Starlette and uvicorn", "pip install 'dvar[page]'", "port 7 cannot be used: 7", "name another one: --port 8001",
    "the table7 cannot be read: 7", "JSON lines hold one object a line, each column of one type", "7 cannot be read: 7",
    "7 rows of 7 held out: none is left to learn from", "hold out less", "leave out `--loss` for a yes/no target, or take a column of numbers",
    "what is cut has the shape 7", "7; with 7 between fields", "mend the row, or was the stream cut off?",
    "77: 7 in column 7 is not 7", "mend it, or --missing 7 makes it missing",
}
PUT = {  # what stands for a part of a sentence that is itself one
    "nearest": "", "many": "7 rows", "what": None, "why": "to close the parenthesis", "found": "the formula ends", "takes": "7 takes no options",
    "or more": "", "told": "one operand", "or 'none'": "none", "examples": "", "help": None, "more": None,
}


def sentences(path, calls):
    """The sentences of a module, 7 in the place of what is put in."""

    def written(node):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.JoinedStr):
            return "".join(written(v) for v in node.values)
        if isinstance(node, ast.FormattedValue):
            shown = ast.unparse(node.value)
            if path.startswith("data/") and shown == "name" and node.conversion != 114:
                return "the table"
            key = next((k for k in PUT if (shown == k or shown.startswith(k + "(") or (k in shown and " " in k))), None)
            return "7" if key is None or PUT[key] is None else PUT[key]
        return ""

    for node in ast.walk(ast.parse((SOURCE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in calls:
            yield from (told for told in map(written, node.args) if re.search("[a-z]{2}", told) and told not in ELSEWHERE)


@pytest.mark.parametrize("path", RAISED)
def test_every_sentence_that_may_be_shown_is_in_the_table(path):
    found = list(dict.fromkeys(sentences(path, RAISED[path])))
    assert found
    lacking = [s for s in found if korean(s) is None and not (path.startswith("data/") and s.replace("the table", "7") in ELSEWHERE)]
    assert lacking == []


def test_every_hint_of_formulas_is_in_the_table():
    from dvar.expression.tokens import HINTS

    assert [h for h in HINTS.values() if korean(h) is None] == []


def test_every_row_is_korean_and_puts_in_what_the_english_has():
    for english, shown in KOREAN.items():
        names = [re.findall(r"{(\w+)}", text) for text in (english, shown)]
        assert set(names[1]) <= set(names[0]), english
        lost = {n for n in set(names[0]) - set(names[1]) if n not in ("kinds", "other", "parts")}
        assert not lost, (english, lost)
        assert HANGUL.search(shown) or not re.search("[a-z]{3}", re.sub(r"{\w+}", "", english)), english


@pytest.mark.parametrize(("english", "shown"), [
    ("there is no input 'y'; known: W, x", "그런 입력이 없습니다: 'y'. 있는 이름: W, x"),
    ("there is no input 'lat'; did you mean 'late' or 'later'?", "그런 입력이 없습니다: 'lat'. 혹시 'late', 'later'?"),
    ("DIFFER: a kink, slopes -1 and 1 beside it", "다름! 꺾이는 점, 양쪽의 기울기 -1, 1"),
    ("agree, as far as nudging can tell: ±1e-05, from one side: to the other the output is not defined",
     "같음 (움직여 보아 알 수 있는 한: ±1e-05) (한쪽에서만. 다른 쪽에서는 출력이 정의되지 않음)"),
    ("'^' is not part of the language of formulas\n  u = b^2\n       ^", "수식에 쓸 수 없는 글자: '^'\n  u = b^2\n       ^"),
    ("something nobody wrote a row for", "(영어로만 있는 설명) something nobody wrote a row for"),
    ("", ""),
])
def test_a_sentence_in_korean(english, shown):
    assert said_in("ko", english) == shown
    assert said_in("en", english) == english


REFUSED = [
    "", "1+", "u = b^2", "sigmod(a)", "2a", "a b", "(a", "max(a, b, c)", "exp(a, b)", "sum(a, axis)", "sum(a, b=1)", "a = b; b", "a < b < c", "pi = 3",
    "a\nb", "u = a\n+ b", "np.exp(a)", "a.T", "a[", "a[0:1:0]", "[1, a]", "[[1], 2]", "σ(a)", "a²", "a = 1 = b", "a)", "reshape(a, shape=(x))",
    "(" * 200 + "a", "a" * 5000, "a + " * 300 + "a", "a @ b", "a[0] + b", "a[y]", "x[1.5]", "inputs: a, a\na",
]


@pytest.mark.parametrize("formula", REFUSED)
def test_a_refused_formula_is_told_in_korean(formula, capsys):
    assert cli.main(["explain", formula, "a=1", "b=2", "--lang", "ko"]) in (1, 2)
    told = capsys.readouterr().err
    what = told.split("\n")[0].removeprefix("error: ")
    assert HANGUL.search(what), told
    assert "영어로만" not in told
    assert not left_in_english(what + told.split("help: ")[-1])


@pytest.mark.parametrize(("formula", "inputs"), [
    ("J = abs(a)", ["a=0"]), ("J = log(a - b)", ["a=1", "b=2"]), ("J = sqrt(a)", ["a=0"]), ("J = floor(a)", ["a=2"]), ("J = exp(a)", ["a=800"]),
    ("J = a[y]", ["a=1,2", "y=1"]), ("J = where(a > 0, a, 2*a)", ["a=0"]), ("J = a", ["a=inf"]), ("J = 1e-30*a + 1", ["a=1"]),
    ("J = a/b*b", ["a=1", "b=0"]), ("J = a**0.5 + a/a", ["a=3"]), ("J = sum(a)", ["a=" + ",".join(["1"] * 201)]), ("J = 3", []),
    ("L = -(y*log(a) + (1-y)*log(1-a)); J = L*L", ["a=1", "y=0"]), ("J = maximum(a, b)", ["a=1", "b=1"]),
])
def test_what_is_remarked_is_told_in_korean(formula, inputs, capsys):
    assert cli.main(["explain", formula, *inputs, "--lang", "ko"]) == 0
    told = capsys.readouterr()
    assert "영어로만" not in told.out
    assert not left_in_english(told.out.replace("dvar explain", "") + told.err)


@pytest.fixture
def client():
    starlette = pytest.importorskip("starlette.testclient", reason="the page is served by Starlette")
    from dvar.show.play import app

    return starlette.TestClient(app(), base_url="http://127.0.0.1:8000")


def readable(page):
    """What a person reads of a page, its scripts apart."""
    bare = re.sub(r"(?s)<(script|style)>.*?</\1>|<textarea.*?</textarea>|<[^>]*>", " ", page)
    return html.unescape(bare)


@pytest.mark.parametrize(("path", "formula"), [
    *(("/", f) for f in REFUSED if f not in ("a @ b", "a[0] + b", "a[y]")), ("/slopes", "a*b"), ("/slopes", "3"), ("/slopes", "a[0]"),
    ("/", "J = " + " + ".join(f"log(a{k} - 1)" for k in range(30))),  # more inputs than sliders: told, not moved
    ("/", "J = sum(a) + log(b - 3)"), ("/", "J = abs(a)"), ("/logistic", "z = w*x\nL = softplus(z)"), ("/slopes", "f = a**3"),
])
def test_a_page_is_korean(client, path, formula):
    page = client.get(path, params={"f": formula, "lang": "ko"}).text
    assert "영어로만" not in readable(page)
    assert HANGUL.search(readable(page))
    assert not left_in_english(readable(page))


@pytest.mark.parametrize("asked", [
    {"kind": "points", "points": [[0, 0, 0]]}, {"kind": "points", "points": [["a", 0, 1]]}, {}, {"kind": "csv", "base64": "=a"},
    *({"kind": "csv", "base64": base64.b64encode(t).decode(), "target": "y"} for t in (
        b"", b"a,y\n", b"a,y\n1,0\n", b"a,y\n1,a\n2,b\n3,c\n", b"a,b\n1,0\n2,1\n", b"a,a,y\n1,2,0\n2,3,1\n", b"a,y\n1,0\n2,1,5\n",
        b"a,y\n1,0\n2,1\n3,1,5\n", b"a,y\n1,0\x00\n2,1\n", b'a,y\n"1,0\n2,1\n', b"a,y\n1,\n2,\n", b"a,y\n1,0\n1,1\n1,0\n", b"PAR1xxxx", b"\x1f\x8bxx",
        b"a,y\np,0\nq,1\nr,0\n", b"a,y\n1,0.5\n2,0.25\n3,0.125\n", b"d,y\n2020-01-01,0\n2020-01-02,1\n")),
])
def test_an_answer_is_korean(client, asked):
    answer = client.post("/api/begin", json=asked, headers={"accept-language": "ko"})
    assert answer.status_code == 400
    told = answer.json()
    assert HANGUL.search(told["error"]), told
    assert "영어로만" not in told["error"] + told["help"]
    assert not left_in_english(told["error"].split("\n")[0] + " " + told["help"])


def test_there_is_no_third_language():
    with pytest.raises(dv.UsageError, match="no language"):
        said_in("fr", "agree")
    assert set(messages.LANGUAGES) == {"en", "ko"}
