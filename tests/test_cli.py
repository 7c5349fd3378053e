"""The command line as a person meets it: published figures, both streams, exit statuses, and files that survive mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dvar import cli

SPECTOR = Path(__file__).with_name("data") / "spector.csv"
BLACKBOARD = ("u = b*c; v = a + u; J = 3*v", "a=5", "b=3", "c=2")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def dvar(capsys, *tokens: str, status: int = 0) -> tuple[str, str]:
    if tokens[0] == "fit" and "--out" not in tokens:  # tests fit again and again
        tokens = (*tokens, "--overwrite")
    assert cli.main([str(t) for t in tokens]) == status, capsys.readouterr().err
    return capsys.readouterr()


# Greene, Econometric Analysis: coefficient and standard error, to the digits published
GREENE = {"intercept": (-13.021, 4.931), "GPA": (2.826, 1.263), "TUCE": (0.095, 0.142), "PSI": (2.379, 1.065)}


def test_spector_as_published(capsys):
    out, _ = dvar(capsys, "fit", SPECTOR, "--target", "GRADE", "--holdout", "0", "--json")
    said = json.loads(out)
    for name, (coefficient, error) in GREENE.items():
        found = said["intercept"] if name == "intercept" else said["coefficients"][name]
        assert round(found, 3) == coefficient
        assert round(said["standard_errors"][name], 3) == error
    assert round(said["log_likelihood"], 3) == -12.890
    assert (said["m"], said["n"], said["holdout"], said["positive"]) == (32, 3, {}, "1")
    assert said["converged"] is True


def test_spector_in_words(capsys):
    out, err = dvar(capsys, "fit", SPECTOR, "--target", "GRADE", "--holdout", "0")
    assert "log-likelihood -12.890" in out
    assert "-13.0213" in out
    assert "dvar predict GRADE.json" in err
    assert "standardised" in err


@pytest.mark.parametrize(("options", "close"), [
    (["--method", "newton"], 1e-9),
    (["--method", "gradient-descent", "--steps", "4000"], 1e-3),
    (["--method", "gradient-descent", "--rate", "1", "--steps", "4000"], 1e-3),
])
def test_methods_reach_the_same_coefficients(capsys, options, close):
    best = json.loads(dvar(capsys, "fit", SPECTOR, "--target", "GRADE", "--holdout", "0", "--json")[0])
    said = json.loads(dvar(capsys, "fit", SPECTOR, "--target", "GRADE", "--holdout", "0", "--json", *options)[0])
    assert said["coefficients"] == pytest.approx(best["coefficients"], rel=close)


def test_gradient_descent_equals_the_loop_by_hand_on_standardised_features(capsys):
    said = json.loads(dvar(capsys, "fit", SPECTOR, "--target", "GRADE", "--holdout", "0", "--json",
                           "--method", "gradient-descent", "--rate", "0.5", "--steps", "7")[0])
    data = np.loadtxt(SPECTOR, delimiter=",", skiprows=1)
    X, y = data[:, :3], data[:, 3]
    Z, w, b = (X - X.mean(0)) / X.std(0), np.zeros(3), 0.0
    for _ in range(7):
        d = 1 / (1 + np.exp(-(Z @ w + b))) - y
        w, b = w - 0.5 * (d @ Z / 32), b - 0.5 * d.mean()
    assert list(said["coefficients"].values()) == pytest.approx(w / X.std(0), rel=1e-12)
    assert said["intercept"] == pytest.approx(b - (w / X.std(0)) @ X.mean(0), rel=1e-12)
    assert (said["passes"], said["converged"]) == (8, False)
    assert json.loads(Path("GRADE.json").read_text())["reached"] == said["message"]


def test_a_loss_of_ones_own_is_least_squares(capsys):
    said = json.loads(dvar(capsys, "fit", SPECTOR, "--target", "GPA", "--holdout", "0", "--json",
                           "--loss", "z = w@x + b; L = (z - y)**2")[0])
    data = np.loadtxt(SPECTOR, delimiter=",", skiprows=1)
    solution = np.linalg.lstsq(np.column_stack([np.ones(32), data[:, 1:]]), data[:, 0])[0]
    assert [said["intercept"], *said["coefficients"].values()] == pytest.approx(solution, rel=1e-10)
    assert (said["model"], said["log_likelihood"]) == ("custom", None)


def test_columns_by_name_are_in_their_own_units(capsys):
    out, err = dvar(capsys, "fit", SPECTOR, "--target", "GRADE", "--holdout", "0", "--json", "--out", "g.json",
                    "--loss", "p = c + k*GPA; L = (p - y)**2")
    data = np.loadtxt(SPECTOR, delimiter=",", skiprows=1)
    k, c = np.polyfit(data[:, 0], data[:, 3], 1)
    assert json.loads(out)["coefficients"] == pytest.approx({"c": c, "k": k}, rel=1e-9)
    assert "columns in the loss: GPA; parameters: c, k; predicts: p" in err


def test_predictions(capsys):
    dvar(capsys, "fit", SPECTOR, "--target", "GRADE", "--holdout", "0")
    out, _ = dvar(capsys, "predict", "GRADE.json", SPECTOR)
    rows = out.splitlines()
    assert rows[0] == '"probability","prediction"'
    data = np.loadtxt(SPECTOR, delimiter=",", skiprows=1)
    z = -13.02134686 + data[:, :3] @ [2.82611259, 0.09515766, 2.37868766]  # statsmodels' documented estimates
    assert [float(r.split(",")[0]) for r in rows[1:]] == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-6)
    dvar(capsys, "predict", "GRADE.json", SPECTOR, "-o", "p.parquet")
    assert pq.read_table("p.parquet").column_names == ["probability", "prediction"]


def test_traps_of_a_table(capsys):
    rng = np.random.default_rng(3)
    m = 400
    carrier = rng.choice(["AA", "UA", None], m, p=[0.5, 0.4, 0.1])
    gap = rng.random(m) < 0.2
    x = np.where(gap, np.nan, rng.normal(size=m))
    table = pa.table({
        "late": pa.array([None if k < 5 else bool(v) for k, v in enumerate(rng.random(m) < 0.4)]),
        "x": pa.array(x, from_pandas=True),
        "x2": pa.array(x * 2 + rng.normal(size=m), from_pandas=True),
        "carrier": pa.array(carrier.tolist()).dictionary_encode(),
        "constant": pa.array(np.full(m, 7, np.int8)),
        "name": pa.array([f"row {k}" for k in range(m)]),
        "when": pa.array(np.arange(m), pa.timestamp("s")),
    })
    pq.write_table(table, "t.parquet")
    said = json.loads(dvar(capsys, "fit", "t.parquet", "--target", "late", "--json")[0])
    assert set(said["dropped"]) == {"constant", "name", "when", "x2 missing"}
    assert set(said["coefficients"]) == {"x", "x2", "x missing", "carrier=UA", "carrier=(missing)"}
    assert said["m"] + said["holdout"]["m"] == m - 5
    penalised = json.loads(dvar(capsys, "fit", "t.parquet", "--target", "late", "--json", "--l2", "0.01")[0])
    assert "carrier=AA" in penalised["coefficients"]  # with a penalty all levels are kept
    assert penalised["standard_errors"] == {}


REFUSED = [  # tokens, exit status, what is said, what help says
    (["fit", "none.csv", "--target", "y"], 2, "there is no file none.csv", ""),
    (["fit", SPECTOR], 2, "--target", "dvar fit --help"),
    (["fit", SPECTOR, "--target", "GRADES"], 2, "did you mean 'GRADE'", ""),
    (["fit", SPECTOR, "--target", "GPA"], 1, "target `GPA` has", "--loss"),
    (["fit", SPECTOR, "--target", "GRADE", "--features", "GPA,TUCEE"], 2, "did you mean 'TUCE'", "--features"),
    (["fit", SPECTOR, "--target", "GRADE", "--features", "GRADE"], 2, "is the target", "--features"),
    (["fit", SPECTOR, "--target", "GRADE", "--holdout", "1"], 2, "hold-out of 1.0", "0.2"),
    (["fit", SPECTOR, "--target", "GRADE", "--rate", "-1", "--method", "gradient-descent"], 2, "the rate is -1.0", "0.1"),
    (["fit", SPECTOR, "--target", "GRADE", "--rate", "fast"], 2, "'fast' is not a number", ""),
    (["fit", SPECTOR, "--target", "GRADE", "--steps", "0"], 2, "steps is 0", "at least 1"),
    (["fit", SPECTOR, "--target", "GRADE", "--l2", "-1"], 2, "l2 is -1.0", ""),
    (["fit", SPECTOR, "--target", "GRADE", "--method", "newtn"], 2, "did you mean 'newton'", ""),
    (["fit", SPECTOR, "--target", "GRADE", "--loss", "z = w@x + b; L = (z - t)**2"], 2, "does not use the target y", "y"),
    (["fit", SPECTOR, "--target", "GRADE", "--loss", "z = w@x +; L = (z - y)**2"], 2, "^", ""),
    (["fit", SPECTOR, "--target", "GRADE", "--loss", "L = (w@x + b - y)**2"], 2, "no line of the loss predicts", "z = w@x + b"),
    (["fit", SPECTOR, "--target", "GRADE", "--loss", "z = v*tanh(w@x); L = (z - y)**2"], 2, "v and w are multiplied", "seed"),
    (["fit", SPECTOR, "--target", "GRADE", "--positive", "2"], 2, "'2' is not a value", "'0', '1'"),
    (["predict", "none.json", SPECTOR], 2, "there is no model file", "dvar fit"),
    (["explain", "u = b*", "b=1"], 2, "^", ""),
    (["explain", "u = b*c", "b=1"], 2, "no value was given for c", "c=1.0"),
    (["explain", "u = b*c", "b=1", "c=x"], 2, "'x' is not a number", ""),
    (["explain", "u = sum(W)", "W=[[1,2],[3,4]"], 2, "is not a number", "a matrix [[1,2],[3,4]]"),
    (["explain", "u = sum(W)", "W=[[1,2],[3]]"], 2, "its rows differ in length", "rows of one length"),
    (["explain", "u = b*c", "b"], 2, "'b' gives no value", "a=5"),
    (["derivatives", "lgo"], 2, "did you mean 'log'", "the whole table"),
    (["explain", "3*v", "v=1", "--json", "--latex"], 2, "--json prints no steps, which --latex asks for", "one of them"),
    (["explain", "3*v", "v=1", "--unfold", "--json"], 2, "--json prints no steps, which --unfold asks for", "one of them"),
    (["explain", "3v", "v=1"], 2, "an operation is missing", "3*v"),
    (["slope", "a*b", "a=1", "b=2"], 2, "there are 2 inputs", "of="),
    (["slope", "5"], 2, "there is no input to nudge", "a=2"),
    (["explain", "u = b*c", "b=1", "c=auto"], 2, "c: 'auto' is not a number", "0.1"),
    (["fit", SPECTOR, "--target", "GRADE", "--steps", "auto"], 2, "--steps: 'auto' is not a number", ""),
    (["derivatives", "frobnicate"], 2, "no row of the table", ""),
    (["fits"], 2, "fits", "--help"),
    (["fit", SPECTOR, "--target", "GRADE", "--nonsense"], 2, "nonsense", "--help"),
]


@pytest.mark.parametrize(("tokens", "status", "what", "help"), REFUSED, ids=lambda v: None)
def test_refused(capsys, tokens, status, what, help):
    out, err = dvar(capsys, *tokens, status=status)
    assert out == ""
    assert what in err
    assert err.startswith("error: ")
    assert "Traceback" not in err
    if help:
        assert help in err.partition("help:")[2]
    assert os.listdir() == []  # nothing half-written


def test_nothing_of_somebody_elses_is_overwritten(capsys):
    Path("GRADE.json").write_text('{"my": "thesis"}')
    assert cli.main(["fit", str(SPECTOR), "--target", "GRADE"]) == 2
    assert "would be lost" in capsys.readouterr().err
    assert Path("GRADE.json").read_text() == '{"my": "thesis"}'
    dvar(capsys, "fit", SPECTOR, "--target", "GRADE", "--out", "m.json")
    dvar(capsys, "fit", SPECTOR, "--target", "GRADE", "--out", "m.json")  # its own model it may replace


DAMAGE = [  # how a model file is changed, what is said
    (lambda m: m.replace('"format"', '"fromat"'), "format"),
    (lambda m: m[: len(m) // 2], "not a model"),
    (lambda m: "[]", "format"),
    (lambda m: "[" * 100_000, "not a model"),
    (lambda m: m.replace("model 1", "model 99"), "model 99"),
    (lambda m: json.dumps(json.loads(m) | {"formula": "__import__('os').system('echo hacked')"}), "damaged"),
    (lambda m: json.dumps(json.loads(m) | {"parameters": {"w": [1, 2, "x"], "b": 0}}), "finite"),
    (lambda m: json.dumps(json.loads(m) | {"parameters": {"w": [float("nan")] * 3, "b": 0}}), "finite"),
    (lambda m: json.dumps(json.loads(m) | {"parameters": {"w": [1, 2], "b": 0}}), "shapes do not match"),
    (lambda m: json.dumps(json.loads(m) | {"parameters": {"b": 0}}), "formula"),
    (lambda m: json.dumps(json.loads(m) | {"predicts": "L"}), "predicts"),
    (lambda m: json.dumps(json.loads(m) | {"encoding": {"rows": 1}}), "encoding"),
    (lambda m: json.dumps(json.loads(m) | {"encoding": None}), "formula"),
    (lambda m: json.dumps(json.loads(m) | {"extra": 1}), "extra"),
]


@pytest.mark.parametrize(("change", "what"), DAMAGE, ids=range(len(DAMAGE)))
def test_a_damaged_model_file_is_named(capsys, change, what):
    dvar(capsys, "fit", SPECTOR, "--target", "GRADE")
    model = Path("GRADE.json")
    model.write_text(change(model.read_text()))
    out, err = dvar(capsys, "predict", "GRADE.json", SPECTOR, status=1)
    assert out == ""
    assert what in err


def test_predict_on_another_table(capsys):
    dvar(capsys, "fit", SPECTOR, "--target", "GRADE")
    Path("other.csv").write_text("GPA,PSI\n3.0,1\n")
    _, err = dvar(capsys, "predict", "GRADE.json", "other.csv", status=1)
    assert "`TUCE` is lacking" in err


def test_explain_takes_matrices(capsys):
    said, _ = dvar(capsys, "explain", "h = W @ x; L = sum(h)", "W=[[1, 2], [3,-4], [5,6]]", "x=[1,1]", "--json")
    assert json.loads(said)["values"]["h"] == [3.0, -1.0, 11.0]


def test_explain(capsys):
    out, _ = dvar(capsys, "explain", *BLACKBOARD)
    for line in ("u = b * c = 3 * 2 = 6", "J = 3 * v = 3 * 11 = 33", "dv = 3", "db = du * c = 3 * 2 = 6", "dc = du * b = 3 * 3 = 9"):
        assert line in out
    said = json.loads(dvar(capsys, "explain", *BLACKBOARD, "--json")[0])
    assert said["value"] == 33.0
    assert said["values"] == {"a": 5.0, "b": 3.0, "c": 2.0, "u": 6.0, "v": 11.0, "J": 33.0}
    assert said["derivatives"] == {"a": 3.0, "b": 6.0, "c": 9.0, "u": 3.0, "v": 3.0, "J": 1.0}
    assert said["check"]["ok"] is True
    dvar(capsys, "explain", *BLACKBOARD, "--svg", "J.svg", "--html", "J.html")
    assert Path("J.svg").read_text().startswith("<svg")
    assert Path("J.html").read_text().startswith("<!DOCTYPE html>")
    assert "derivative" in Path("J.svg").read_text()
    dvar(capsys, "explain", *BLACKBOARD, "--svg", "J.svg", "--html", "J.html", "--lang", "ko")
    assert "J의 계산 그래프" in Path("J.svg").read_text()
    assert "derivative" not in Path("J.svg").read_text()
    assert '<html lang="ko">' in Path("J.html").read_text()
    assert dvar(capsys, "explain", *BLACKBOARD, "--latex")[0].startswith("\\begin{align*}")
    assert json.loads(dvar(capsys, "explain", "log(a)", "a=0", "--json")[0])["value"] == "-inf"


def test_slope_and_the_table(capsys):
    out, _ = dvar(capsys, "slope", "a**2", "a=2", "--nudge", "0.001")
    assert out.splitlines()[:4] == ["at a = 2:  f = 4", "nudge a by 0.001:  f = 4.004001",
                                    "slope = (f after − f before) / nudge = 4.001", "derivative = 4"]
    assert dvar(capsys, "derivatives", "log")[0].startswith("log(a) → 1/a")
    assert "sigmoid(a)*(1 - sigmoid(a))" in dvar(capsys, "derivatives")[0]


@pytest.mark.parametrize("command", ["", "fit", "predict", "explain", "slope", "derivatives"])
def test_help(capsys, command):
    out, err = dvar(capsys, *([command] if command else []), "--help")
    assert "dvar" in out
    assert err == ""


def process(*tokens: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "dvar.cli", *map(str, tokens)], capture_output=True, text=True, timeout=120, **options)


def test_pipes():
    done = process("fit", SPECTOR, "--target", "GRADE")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr  # nothing animated or coloured without a terminal
    first = subprocess.run(f"{sys.executable} -m dvar.cli predict GRADE.json {SPECTOR} | head -n 1", shell=True, capture_output=True,
                           text=True, timeout=120)
    assert (first.stdout, first.stderr) == ('"probability","prediction"\n', "")


def test_import_is_light():
    code = "import dvar, sys; dvar.graph('a*b').at(1, 2).db; print([m for m in ('numba', 'scipy', 'sklearn', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_debugging_user_sees_the_traceback():
    done = process("slope", "a*", "a=1", "--debug")
    assert "Traceback" in done.stderr


def said_of(capsys, csv: str, *tokens: str) -> dict:
    Path("t.csv").write_text(csv)
    return json.loads(dvar(capsys, "fit", "t.csv", "--holdout", "0", "--json", *tokens)[0])


def test_named_columns_are_taken_by_name(capsys):
    rows = "".join(f"{k},{3 * k + 1},{k * k}\n" for k in range(9))
    said = said_of(capsys, "zed,price,age\n" + rows, "--target", "price", "--loss", "p = k*zed + c; L = (p - y)**2")
    assert said["coefficients"] == pytest.approx({"k": 3.0, "c": 1.0})
    both = said_of(capsys, "dist km,price,age\n" + rows, "--target", "price", "--loss", "z = k*`dist km` + w@x + b; L = (z - y)**2",
                   "--features", "age")
    assert both["coefficients"] == pytest.approx({"age": 0.0, "k": 3.0}, abs=1e-9)


def test_a_column_called_intercept(capsys):
    rows = "".join(f"{k},{k % 3},{int(k in (2, 3, 5, 8, 9))}\n" for k in range(12))
    said = said_of(capsys, "intercept,b,t\n" + rows, "--target", "t")
    plain = said_of(capsys, "first,second,t\n" + rows, "--target", "t")
    assert said["intercept"] == plain["intercept"]
    assert list(said["coefficients"]) == ["intercept (column)", "b"]
    assert list(said["coefficients"].values()) == list(plain["coefficients"].values())


@pytest.mark.parametrize(("loss", "told"), [
    ("z = w@x; L = (z - y)**2", {"a": 2.0}),
    ("z = w@x + c; L = (z - y)**2", {"a": 2.0}),
    ("z = 2*(w@x) + c; L = (z - y)**2", {"a": 1.0, "c": 0.0}),
    ("z = w@x + b; L = (z - y)**2 + 0*b", {"a": 2.0, "b": 0.0}),
])
def test_own_units_are_what_the_model_computes(capsys, loss, told):
    said = said_of(capsys, "a,y1\n" + "".join(f"{100 + k / 7},{200 + 2 * k / 7}\n" for k in range(20)), "--target", "y1", "--loss", loss)
    assert said["cost"] == pytest.approx(0.0, abs=1e-12)
    assert said["coefficients"] == pytest.approx(told, abs=1e-6)


def test_a_start_with_vectors(capsys):
    rows = "a,c,t\n" + "".join(f"{k},{k % 3},{2 * k}\n" for k in range(9))
    loss = "z = w@x + b; L = (z - y)**2"
    said = said_of(capsys, rows, "--target", "t", "--loss", loss, "--start", "w=1,2,b=0.5", "--method", "gradient-descent", "--steps", "1")
    Z, y = np.array([[k, k % 3] for k in range(9)], float), 2.0 * np.arange(9)
    Z = (Z - Z.mean(0)) / Z.std(0)
    assert said["passes"] == 2
    assert said["cost"] <= np.mean((Z @ [1, 2] + 0.5 - y) ** 2) + 1e-12
    assert said_of(capsys, "a,t\n1,2\n2,4\n3,7\n", "--target", "t", "--loss", loss, "--start", "w=[1],b=0.5")["converged"]


def test_blank_lines_of_one_column_are_rows(capsys):
    said_of(capsys, "a,t\n" + "".join(f"{k},{2 * k}\n" for k in range(9)), "--target", "t", "--loss", "z = w@x + b; L = (z - y)**2",
            "--out", "m.json")
    Path("one.csv").write_text("a\n1\n\n3\n")
    assert len(dvar(capsys, "predict", "m.json", "one.csv")[0].splitlines()) == 1 + 3


def test_the_target_is_no_feature_of_itself(capsys):
    Path("t.csv").write_text("a,t\n1,2\n2,4\n3,7\n")
    _, err = dvar(capsys, "fit", "t.csv", "--target", "t", "--loss", "z = k*a + t*b; L = (z - y)**2", status=2)
    assert "names the target" in err


def test_json_holds_no_infinity(capsys):
    rows = "".join(f"{k % 7},{k % 4}\n" for k in range(40)) + "1e6,3\n" * 10
    Path("t.csv").write_text("a,t\n" + rows)
    out, _ = dvar(capsys, "fit", "t.csv", "--target", "t", "--json", "--loss", "m = exp(w@x + b); L = m - y*log(m)")
    json.loads(out, parse_constant=pytest.fail)


def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "dvar.cli", "derivatives"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr


def test_a_parameter_with_the_name_of_a_column_is_told(capsys):
    Path("t.csv").write_text("w,b,c,t\n" + "".join(f"{k},{k % 3},{k * k},{2 * k}\n" for k in range(9)))
    _, err = dvar(capsys, "fit", "t.csv", "--target", "t", "--loss", "z = w@x + b; L = (z - y)**2", status=2)
    assert "in the loss b, w are columns of the table" in err
