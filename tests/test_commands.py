"""Commands as people type them: any format in and out, formulas as targets, refusals, interruptions, terminals, pipes."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import statsmodels.api as sm
from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score
from statsmodels.genmod.families import Binomial

import dvar as dv
from dvar import cli
from dvar.data import batching, reading, writing
from dvar.data import table as tables
from dvar.errors import DvarError
from dvar.models import model_file, race
from dvar.models.evaluation import evaluate
from dvar.models.training import auc, train

SHARED = Path(__file__).parents[2] / "shared" / "data"  # beside the repository where it is developed
FORMS = ["csv", "tsv", "csv.gz", "csv.bz2", "csv.zst", "parquet", "arrow", "feather", "jsonl", "jsonl.gz"]
COMMANDS = ["fit", "predict", "evaluate", "show", "race", "explain", "slope", "derivatives", "completion"]


def made(m: int = 600) -> pa.Table:
    rng = np.random.default_rng(5)
    x, c = rng.normal(size=m), rng.choice(["a", "b", "c"], m)
    yes = x + (c == "b") + rng.logistic(size=m) > 0
    return pa.table({
        "y": np.where(yes, "yes", "no"), "x": pa.array(x, mask=rng.random(m) < 0.05), "c": c, "n": rng.integers(0, 40, m),
        "wt": rng.integers(1, 4, m), "when": pa.array(rng.integers(0, 10**9, m), pa.timestamp("s")), "one": np.ones(m, int),
        "id": [f"id{k}" for k in range(m)],
    })


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table() -> pa.Table:
    whole = made()
    pq.write_table(whole, "t.parquet")
    return whole


def dvar(capsys, *tokens: object, status: int = 0) -> tuple[str, str]:
    assert cli.main([str(t) for t in tokens]) == status, capsys.readouterr().err
    return capsys.readouterr()


def fitted(capsys, *tokens: object) -> dict:
    return json.loads(dvar(capsys, "fit", "t.parquet", "--json", "--overwrite", *tokens)[0])


def test_any_format_in_and_out(capsys, table):
    fitted(capsys, "--target", "y", "--features", "x,c,n")
    models, answers = [], []
    for form in FORMS:
        writing.write(f"in.{form}", iter([table]))
        said = json.loads(dvar(capsys, "fit", f"in.{form}", "--target", "y", "--features", "x,c,n", "--json", "--overwrite", "--out", "m.json")[0])
        models.append({k: said[k] for k in ("coefficients", "cost", "holdout", "m", "positive")})
        dvar(capsys, "predict", "y.json", f"in.{form}", "-o", f"out.{form}")
        answers.append(reading.read(f"out.{form}"))
        dvar(capsys, "predict", "y.json", f"in.{form}", "--keep", "-o", f"kept.{form}")
        kept = reading.read(f"kept.{form}")
        assert kept.column_names == [*table.column_names, "probability", "prediction"]
        assert kept.column("id").to_pylist() == table.column("id").to_pylist()
        assert pa.types.is_integer(kept.column("wt").type)
    for model, answer in zip(models, answers):
        assert model == models[0]
        assert answer.to_pydict() == answers[0].to_pydict()
    shown = json.loads(dvar(capsys, "show", "y.json", "--json")[0])
    assert shown["coefficients"] == pytest.approx(models[0]["coefficients"], rel=1e-12)


def test_predicting_a_batch_at_a_time_is_predicting_at_once(capsys, table, monkeypatch):
    fitted(capsys, "--target", "y", "--features", "x,c,n,c:n,hour(when)")
    writing.write("t.csv", iter([table]))
    whole, _ = dvar(capsys, "predict", "y.json", "t.parquet")
    assert dvar(capsys, "predict", "y.json", "t.csv")[0] == whole
    monkeypatch.setattr(batching, "ROWS", 7)
    assert dvar(capsys, "predict", "y.json", "t.parquet")[0] == whole


@pytest.mark.parametrize("features", ["x,n,wt,n:c", "x:c,c"])
def test_a_prediction_is_the_same_to_the_last_bit_in_any_batch(capsys, table, features):
    dvar(capsys, *FIT, "y", "--features", features, "--out", "m.json")
    found = []
    for rows in (1, 3, 50, 600):
        with pa.ipc.new_file("t.arrow", table.schema) as file:
            file.write_table(table, max_chunksize=rows)
        dvar(capsys, "predict", "m.json", "t.arrow", "-o", "p.parquet")
        found.append(pq.read_table("p.parquet").column("probability").to_numpy().tobytes())
    assert len(set(found)) == 1


SAID_OF_TEXT = [  # a column of a Parquet file, features, what is said of it
    (["1.5", "-2", "1 000"], "c,x", "c: text such as '-2' is read as levels, and all of it is numbers; number(c) reads them"),
    (["2024-01-31", "2024-02-01"], "c,x", "c: text such as '2024-01-31' is read as levels, and all of it is dates; ask for weekday(c)"),
    (["2024-01-31T03:00Z", "2024-01-31T04:00Z"], "hour(c),x", "hour(c) is that of UTC, in which c is read"),
    ([*[None] * 120, *["2024-01-31T03:00Z", "2024-01-31T04:00Z"] * 60], "hour(c),x", "hour(c) is that of UTC, in which c is read"),
    (["2024-01-31T03:00Z", "2024-01-31T04:00Z"], "x:hour(c),x", "hour(c) is that of UTC, in which c is read"),
    (["2024-01-31T03:00", "2024-01-31T04:00"], "hour(c),x", ""),
    (["2024-01-31 A", "2024-02-01 B"], "c,x", ""),
    (["01067", "10115"], "c,x", ""),
    (["East", "West", "East "], "c,x", "c: 'East' and 'East ' are two levels, which differ in spaces or capitals alone"),
    (["EAST", "West", "East"], "c,x", "c: 'EAST' and 'East' are two levels"),
    (["1.5", "-2"], "category(c),x", ""),
    (["1.5", "-2"], "number(c),x", ""),
    (["1.5", "b"], "c,x", ""),
    (["(other)", "(other)", "b"], "c,x", ""),
]


@pytest.mark.parametrize(("texts", "features", "said"), SAID_OF_TEXT, ids=range(len(SAID_OF_TEXT)))
def test_text_written_as_something_else_is_said(capsys, table, texts, features, said):
    pq.write_table(table.set_column(2, "c", [[texts[k % len(texts)] for k in range(len(table))]]), "t.parquet")
    _, err = dvar(capsys, *FIT, "y", "--features", features, "--out", "m.json", *(["--max-levels", "1"] if "(other)" in texts else []))
    assert said in err
    assert ("\nc: " in "\n" + err or "UTC" in err) == bool(said)


def test_a_table_without_the_weight_is_refused_by_name(capsys, table):
    pq.write_table(table.append_column("my-w", table.column("wt")), "t.parquet")
    dvar(capsys, *FIT, "y", "--features", "x", "--weight", "my-w", "--out", "m.json")
    pq.write_table(table, "t.parquet")
    assert "there is no column 'my-w', the weight of the rows" in dvar(capsys, "evaluate", "m.json", "t.parquet", status=2)[1]
    dvar(capsys, "predict", "m.json", "t.parquet")


def test_an_amount_is_no_number_unless_it_is_asked_for(capsys, table):
    dvar(capsys, *FIT, "y", "--features", "x", "--out", "m.json")
    Path("t.csv").write_text("x\n$1\n$2\n")
    assert "`x` is of type text (as '$1')" in dvar(capsys, "predict", "m.json", "t.csv", status=1)[1]


LATE = [  # a column of a long file of JSON lines: at first, in the last line, in which it is kept
    (1, 2.5, [1.0, 2.5]), (None, "late", [None, "late"]), ("2024-01-31", "never", ["2024-01-31", "never"]), (0, None, [0, None]),
    ("2024-01-31", "2024-01-31T10:00:00.5", [datetime(2024, 1, 31), datetime(2024, 1, 31, 10, 0, 0, 500_000)]),
    ("2024-01-31T12:00:00+02:00", "2024-01-31T10:00:00.5Z", [datetime(2024, 1, 31, 10, 0, 0, k, UTC) for k in (0, 500_000)]),
]


@pytest.mark.parametrize(("first", "last", "kept"), LATE)
@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_what_changes_late_in_a_long_file_is_kept(capsys, table, first, last, kept, form):
    fitted(capsys, "--target", "y", "--features", "n")
    lines = [json.dumps({"n": k % 40, "fill": "-" * 90, "k": first}) + "\n" for k in range(80_000)]
    Path("long.jsonl").write_text("".join([*lines, json.dumps({"n": 1, "fill": "-", "k": last}) + "\n"]))
    dvar(capsys, "predict", "y.json", "long.jsonl", "--keep", "-o", f"p.{form}")
    found = reading.read(f"p.{form}").column("k")
    assert [found[0].as_py(), found[80_000].as_py()] == kept
    lines[-1] = '{"n": }\n'
    Path("long.jsonl").write_text("".join(lines))
    assert "long.jsonl line 80000 cannot be read" in dvar(capsys, "predict", "y.json", "long.jsonl", "-o", f"p.{form}", status=1)[1]


def test_a_stream_whose_columns_change_is_told(capsys, table, monkeypatch):
    fitted(capsys, "--target", "y", "--features", "n")
    rows = "".join(json.dumps({"n": k % 40, "fill": "-" * 90} | ({} if k < 80_000 else {"late": 1})) + "\n" for k in range(90_000))
    for form in ("csv", "parquet"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(rows.encode())))
        _, err = dvar(capsys, "predict", "y.json", "-", "--keep", "-o", f"p.{form}", status=1)
        assert re.search(r"from row [\d,]+ on the table has other columns or types: .*late", err)
        assert "leave out --keep" in err
    assert sorted(os.listdir()) == ["t.parquet", "y.json"]


def test_what_was_not_learned_is_counted(capsys, table, monkeypatch):
    fitted(capsys, "--target", "y", "--features", "c,n")
    monkeypatch.setattr(batching, "ROWS", 2)
    pq.write_table(pa.table({"c": ["a", "zz", None, "zz", "zz"], "n": [1, None, 3, 4, 5]}), "new.parquet")
    out, err = dvar(capsys, "predict", "y.json", "new.parquet")
    assert len(out.splitlines()) == 6
    assert "c: 3 rows of a level not seen in training, taken as 'a'" in err
    assert "c: 1 row missing, though none was in training" in err
    assert "n: 1 row missing, though none was in training, taken as the mean" in err


STRANGE = [  # features learned from, what is said of c: a, zz, nothing, zz and n: 1, nothing, 3, 4
    ("n,c", ["c: 2 rows of a level not seen in training, taken as 'a'", "c: 1 row missing, though none was in training, taken as 'a'",
             "n: 1 row missing, though none was in training, taken as the mean"]),
    ("n:c", ["c: 2 rows of a level not seen in training, taken as no level", "c: 1 row missing, though none was in training, taken as no level",
             "n: 1 row missing, though none was in training, taken as the mean"]),
    ("c:two", ["c:two: 2 rows of a level not seen in training, taken as 'a:p'", "c:two: 1 row missing, though none was in training, taken as 'a:p'"]),
]


@pytest.mark.parametrize(("features", "said"), STRANGE)
def test_rows_unlike_those_learned_from_are_counted(capsys, table, features, said):
    pq.write_table(table.append_column("two", pa.array(["p", "q"] * 300)), "t.parquet")
    fitted(capsys, "--target", "y", "--features", features)
    pq.write_table(pa.table({"c": ["a", "zz", None, "zz"], "n": [1, None, 3, 4], "two": ["p"] * 4}), "new.parquet")
    _, err = dvar(capsys, "predict", "y.json", "new.parquet", "-o", "p.csv")
    assert sorted(err.splitlines()[:-1]) == sorted(said)


def test_evaluate_beside_scikit_learn(capsys, table):
    fitted(capsys, "--target", "y", "--features", "x,c,n", "--holdout", "0.5")
    said = json.loads(dvar(capsys, "evaluate", "y.json", "t.parquet", "--threshold", "0.3", "--json")[0])
    guess = reading.read(_predicted(capsys)).column("probability").to_numpy()
    y = np.array(table.column("y").to_pylist()) == "yes"
    assert said["cost"] == pytest.approx(log_loss(y, guess), rel=1e-12)
    assert said["auc"] == pytest.approx(roc_auc_score(y, guess), rel=1e-12)
    (tn, fp), (fn, tp) = confusion_matrix(y, guess >= 0.3)
    assert said["confusion"] == {"yes, told yes": tp, "yes, told no": fn, "no, told yes": fp, "no, told no": tn}
    assert sum(b["rows"] for b in said["calibration"]) == len(y)
    for b in said["calibration"]:
        inside = (guess >= b["low"]) & (guess < b["high"])
        assert (b["rows"], b["predicted"], b["observed"]) == (inside.sum(), pytest.approx(guess[inside].mean()), pytest.approx(y[inside].mean()))
    text, err = dvar(capsys, "evaluate", "y.json", "t.parquet")
    assert "calibration" in text
    assert "next: dvar show y.json" in err


def _predicted(capsys) -> str:
    dvar(capsys, "predict", "y.json", "t.parquet", "-o", "p.parquet")
    return "p.parquet"


def test_evaluate_a_numeric_target(capsys, table):
    fitted(capsys, "--target", "n", "--loss", "z = w@x + b; L = (z - y)**2", "--features", "x,c", "--out", "n.json")
    said = json.loads(dvar(capsys, "evaluate", "n.json", "t.parquet", "--json")[0])
    assert said["root_mean_square_error"] ** 2 == pytest.approx(said["cost"], rel=1e-12)


def test_numbers_past_the_largest_float(capsys):
    """Squares of errors overflow, which the errors do not; a prediction that is none is counted."""
    x = np.random.default_rng(0).normal(size=200)
    pq.write_table(pa.table({"t": (2 * x + 1) * 1e150, "x": x}), "t.parquet")
    fitted(capsys, "--target", "t", "--loss", "z = w@x + b; L = (z - y)**2")
    pq.write_table(pa.table({"t": [3e200, -4e200], "x": [1.0, 1.0]}), "far.parquet")
    out, err = dvar(capsys, "evaluate", "t.json", "far.parquet", "--json")
    said = json.loads(out)
    assert (said["mean_absolute_error"], said["root_mean_square_error"]) == pytest.approx((3.5e200, 12.5**0.5 * 1e200))
    assert err == ""
    pq.write_table(pa.table({"x": [1.0, 1e200, -1e200]}), "far.parquet")
    out, err = dvar(capsys, "predict", "t.json", "far.parquet")
    assert (out.split()[2:], err) == (["inf", "-inf"], "prediction: 2 rows without a finite number\n")
    pq.write_table(pa.table({"t": [1.0, 2.0], "x": [1.0, 1e200]}), "far.parquet")
    figures = evaluate(model_file.read("t.json"), pq.read_table("far.parquet")).figures
    assert figures["mean_absolute_error"] == figures["root_mean_square_error"] == np.inf


def test_weights_are_counts(capsys, table):
    said = fitted(capsys, "--target", "y", "--features", "c,n", "--weight", "wt", "--holdout", "0")
    frame = table.to_pandas()
    X = sm.add_constant(np.column_stack([frame.c == "b", frame.c == "c", frame.n]).astype(float))
    peer = sm.GLM((frame.y == "yes").astype(float), X, family=Binomial(), freq_weights=frame.wt.to_numpy()).fit(tol=1e-14)
    assert [said["intercept"], *said["coefficients"].values()] == pytest.approx(list(peer.params), rel=1e-8)
    assert list(said["standard_errors"].values()) == pytest.approx(list(peer.bse), rel=1e-6)


@pytest.mark.parametrize(("target", "positive", "label"), [
    ("n > 15", None, "true"), ("n > 15", "false", "false"), ("(n > 15)*(wt < 3)", None, "1"), ("2*wt - 3 >= wt", None, "true"), ("y", "no", "no"),
    ("sqrt(n - 15) > 3", None, "true"),
])
def test_targets(capsys, table, target, positive, label):
    said = fitted(capsys, "--target", target, "--features", "x,c", "--out", "m.json", "--holdout", "0", *(["--positive", positive] if positive else []))
    assert said["positive"] == label
    n, w = (table.column(c).to_numpy() for c in ("n", "wt"))
    y = {"n > 15": n > 15, "(n > 15)*(wt < 3)": (n > 15) & (w < 3), "2*wt - 3 >= wt": w >= 3, "sqrt(n - 15) > 3": n[n >= 15] > 24, "y": np.array(table.column("y").to_pylist()) == "yes"}[target]
    rate = json.loads(dvar(capsys, "evaluate", "m.json", "t.parquet", "--json")[0])["base_rate"]
    assert rate == pytest.approx(np.mean(y if label in ("true", "1", "yes") else ~y))


def test_the_next_command_reads_text_in_the_same_way(capsys):
    rows = "".join(f"{k % 7},5;{'-' if k % 5 else k};{k % 3 % 2}\n" for k in range(60))
    Path("t.csv").write_text("x;z;y\n" + rows)
    _, err = dvar(capsys, "fit", "t.csv", "--target", "y", "--decimal", ",", "--missing", "-")
    assert err.endswith("next: dvar predict y.json t.csv --decimal , --missing - -o predictions.csv\n")
    _, err = dvar(capsys, *err.rpartition("next: dvar ")[2].split())
    assert "next: dvar evaluate y.json t.csv --decimal , --missing - if it knows y" in err


def test_what_makes_the_target_is_no_feature(capsys, table):
    _, err = dvar(capsys, "fit", "t.parquet", "--target", "n > 15")
    assert "left out: n: it makes the target n > 15" in err
    assert "n_15.json" in err
    assert not re.search(r"^n ", dvar(capsys, "show", "n_15.json")[0], re.MULTILINE)


def test_a_leak_is_said(capsys):
    m = 200
    rng = np.random.default_rng(0)
    y = rng.random(m) < 0.5
    pq.write_table(pa.table({"y": y, "delay": np.where(y, 30, 3) + rng.random(m), "status": np.where(y, "LATE", "OK"), "x": rng.normal(size=m),
                             "why": pa.array(np.where(y, "rain", None)), "_half": pa.array(np.where(y, 1.0, rng.normal(size=m)))}), "t.parquet")
    _, err = dvar(capsys, "fit", "t.parquet", "--target", "y", "--l2", "0.01")
    told = [line for line in err.splitlines() if "alone tells" in line]
    assert [line.split()[0] for line in told] == ["delay", "status", "why"]
    assert "--features '-delay' leaves it out" in told[0]


def test_values_that_are_no_numbers_are_counted(capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=100)
    x[:3], x[3:5] = np.nan, np.inf
    pq.write_table(pa.table({"x": x, "y": rng.random(100) < 0.5}), "t.parquet")
    assert "x: NaN or infinite in 5 rows, which counts as missing" in dvar(capsys, "fit", "t.parquet", "--target", "y")[1]


def test_a_coefficient_past_the_largest_float_is_said(capsys):
    x = np.random.default_rng(1).normal(size=(300, 2))
    pq.write_table(pa.table({"y": x.sum(axis=1) + np.random.default_rng(2).logistic(size=300) > 0, "large": x[:, 0] * 1e300,
                             "small": x[:, 1] * -1e-310}), "t.parquet")
    out, _ = dvar(capsys, "fit", "t.parquet", "--target", "y")
    assert re.search(r"small +−\(past 1.8e308\)", out)
    assert "past the largest float64 (1.8e308) in the column's units: small; " in out
    assert "−(past 1.8e308)" in dvar(capsys, "show", "y.json")[0]
    assert "inf" not in out + dvar(capsys, "show", "y.json")[0]
    assert fitted(capsys, "--target", "y")["coefficients"]["small"] is None
    assert json.loads(dvar(capsys, "show", "y.json", "--json")[0])["coefficients"]["small"] is None


def test_a_column_that_numbers_the_rows_is_said(capsys):
    rng = np.random.default_rng(0)
    pq.write_table(pa.table({"k": rng.permutation(100), "x": rng.integers(0, 100, 100), "y": rng.random(100) < 0.5}), "t.parquet")
    _, err = dvar(capsys, "fit", "t.parquet", "--target", "y")
    assert [line.split()[0] for line in err.splitlines() if "number the rows" in line] == ["k"]


def test_many_columns_left_out_are_one_line(capsys):
    rng = np.random.default_rng(0)
    pq.write_table(pa.table({"y": rng.random(60) < 0.5, "x": rng.normal(size=60)} | {f"c{k}": np.ones(60, int) for k in range(300)}), "t.parquet")
    _, err = dvar(capsys, "fit", "t.parquet", "--target", "y")
    assert "left out: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 290 more: always 1" in err
    assert len(err.splitlines()) == 3


def test_auc_of_weighted_pairs():
    rng = np.random.default_rng(0)
    score, truth, weight = rng.integers(0, 20, 300) / 20, rng.random(300) < 0.4, rng.random(300)
    assert auc(score, truth, weight) == pytest.approx(roc_auc_score(truth, score, sample_weight=weight), rel=1e-12)
    assert np.isnan(auc(score, truth & False))


def test_race(capsys, table):
    said = json.loads(dvar(capsys, "race", "t.parquet", "--target", "y", "--features", "x,c,n", "--json")[0])
    assert set(said["seconds"]) == {"loop", "numpy", "fused"}
    assert said["apart"] < 1e-12
    out, err = dvar(capsys, "race", "--rows", "300")
    assert "The three agree to" in out
    assert "next: dvar" in err


@pytest.mark.parametrize("program", race.PROGRAMS)
def test_programs_that_do_not_agree_do_not_race(monkeypatch, program):
    cost, _ = race.made_up(20)
    right = cost.program
    monkeypatch.setattr(type(cost), "program", lambda self, name: lambda *values: [
        part * (np.nan if name == program else 1.0) for part in right(name)(*values)])
    with pytest.raises(DvarError, match="the programs differ by nan"):
        race.raced(cost)


@pytest.mark.skipif(not SHARED.exists(), reason="the data folder is not beside the repository")
def test_census_as_text_and_as_parquet_is_one_model():
    text = reading.read(SHARED / "census_income_10k.csv")
    typed = reading.read(SHARED / "census_income_train.parquet").slice(0, 10_000)  # the same rows
    wanted = [*[n for n in text.column_names if not n.startswith(("detailed", "state", "country", "migration"))][:20], "migration_prev_res_in_sunbelt"]
    fits = [train(t, "income_gt_50k", features=wanted, l2=1e-3) for t in (text, typed)]
    assert fits[0].fit.cost == pytest.approx(fits[1].fit.cost, rel=1e-12)
    assert fits[0].holdout == pytest.approx(fits[1].holdout, rel=1e-9)
    np.testing.assert_allclose(fits[0].model.predict(text)[0], fits[1].model.predict(typed)[0], rtol=1e-7)


@pytest.mark.skipif(not SHARED.exists(), reason="the data folder is not beside the repository")
def test_flights_by_hour_day_and_month(capsys):
    part = reading.read(SHARED / "flights_3m.parquet")
    part = part.take(np.random.default_rng(0).choice(part.num_rows, 20_000, replace=False))
    pq.write_table(part, "f.parquet")
    said = json.loads(dvar(capsys, "fit", "f.parquet", "--target", "delay > 15", "--json", "--holdout", "0", "--l2", "1e-3", "--features",
                           'origin,destination,hour(date),weekday(date),month(date),distance')[0])
    assert {"hour(date)=7", "weekday(date)=Sun", "distance"} <= set(said["coefficients"])
    frame = part.to_pandas()
    guess, _ = _model("delay_15.json").predict(tables.read("f.parquet"))
    assert guess.mean() == pytest.approx((frame.delay > 15).mean(), rel=1e-6)  # the intercept is free
    for of in (frame.date.dt.hour, frame.date.dt.day_of_week):
        apart = [(guess[of == k].sum() - (frame.delay[of == k] > 15).sum()) / len(frame) for k in of.unique()]
        assert np.abs(apart).max() < 1e-2


def _model(path: str):
    from dvar.models import model_file

    return model_file.read(path)


# ---------------------------------------------------------------- refusals

FIT = ["fit", "t.parquet", "--target"]
LOSS = [*FIT, "n", "--loss"]
REFUSED = [  # tokens, exit status, what is said, what helps
    (["fit", "none.parquet", "--target", "y"], 2, "there is no file none.parquet; did you mean ", "path"),
    (["fit", ".", "--target", "y", "--features", "x"], 1, "the parts of . differ", "same columns"),
    (["fit", "parts", "--target", "y"], 1, "the parts of parts differ: Unable to merge: Field x has incompatible types", "of one type"),
    (["fit", "junk.csv", "--target", "y"], 1, "not text", "suffix"),
    (["fit", "empty.csv", "--target", "y"], 1, "empty.csv is empty (0 bytes)", "at least one row"),
    (["fit", "t.xlsx", "--target", "y"], 2, "suffix '.xlsx'", ".csv"),
    (["fit", "t.parquet"], 2, "dvar fit needs --target", "dvar fit --help"),
    (["fit", "t.parquet", "--target"], 2, "--target needs a value after it", "dvar fit --help"),
    (["fit", "t.parquet", "--targt", "y"], 2, "dvar fit needs --target; it has no --targt", "dvar fit --help"),
    (["fit"], 2, "dvar fit needs a FILE", "dvar fit --help"),
    (["fit", "", "--target", "y"], 2, "the name of the table is empty", "path"),
    (["fit", "https://example.com/t.csv", "--target", "y"], 2, "is an address and not a file", "curl"),
    ([*FIT, "y", "--holdout", "20%"], 2, "--holdout: '20%' is not a number", "dvar fit --help"),
    ([*FIT, "y", "--seed", "x"], 2, "--seed: 'x' is not a whole number", "dvar fit --help"),
    ([*FIT, "y", "--seed", "1.5"], 2, "--seed: '1.5' is not a whole number", "dvar fit --help"),
    ([*FIT, "y", "--max-levels", "1e3"], 2, "--max-levels: '1e3' is not a whole number", "dvar fit --help"),
    ([*FIT, "Y"], 2, "there is no column 'Y'; did you mean 'y'?", "name a column"),
    ([*FIT, "y", "--seed", "-1"], 2, "the seed is -1", "at least 0"),
    ([*FIT, "y", "--target", "n"], 2, "--target is given twice", "dvar fit --help"),
    ([*FIT, "y", "--steps", "1.5"], 2, "steps is 1.5", "whole number"),
    ([*FIT, "y", "--features", ""], 2, "--features names no column", "by commas"),
    ([*FIT, "y", "--decimal", ","], 2, "--decimal is said of text, and t.parquet is none", "leave out"),
    (["fit", "lone.parquet", "--target", "y"], 1, "no column beside what makes the target (y)", "to learn from"),
    (["predict", "m.json", "t.parquet", "-o", "t.parquet"], 2, "t.parquet is what is read; it would be lost", "another file"),
    (["predict", "t.parquet", "m.json"], 1, "t.parquet is not a model", "the model comes first"),
    (["fit", "t.parquet", "u.parquet", "--target", "y"], 2, "'u.parquet' is one word too many", "dvar fit --help"),
    (["fits", "t.parquet"], 2, "there is no command 'fits'; did you mean 'fit'?", "dvar --help"),
    ([*FIT, "y", "--features", "-zz"], 2, "no column 'zz'", "--features"),
    ([*FIT, "z"], 2, "there is no column 'z'", "name a column"),
    ([*FIT, "one"], 1, "target `one` is always 1", "two values"),
    ([*FIT, "wt"], 1, "target `wt` has 3 values (1, 2, 3), not two", "--target 'wt > 2'"),
    ([*FIT, "c"], 1, "target `c` has 3 values (a, b, c), not two", "two values"),
    ([*FIT, "n"], 1, "target `n` has 40 values", "--loss"),
    ([*FIT, "when"], 1, "not a yes/no question", "two values"),
    ([*FIT, "y > 3"], 1, "of type", "--target y --positive"),
    ([*FIT, "when > 3"], 1, "of type timestamp", "take columns of numbers"),
    ([*FIT, "nn > 3"], 2, "names 'nn', which is no column; did you mean 'n'?", "formula over columns"),
    ([*FIT, "n > "], 2, "^", ""),
    ([*FIT, "c == 'a'"], 2, "^", "of a column of two texts: --target c --positive VALUE"),
    ([*FIT, "y", "--features", "number(" * 5000 + "x" + ")" * 5000], 2, "functions of functions, more than 20 deep", "one or two"),
    ([*FIT, "1 > 0"], 2, "names no column", "formula over columns"),
    ([*FIT, "n > 99"], 1, "always false", "two values"),
    ([*FIT, "y", "--positive", "YES"], 2, "'YES' is not a value", "'no', 'yes'"),
    ([*FIT, "y", "--features", "xx"], 2, "did you mean 'x'?", "--features"),
    ([*FIT, "y", "--features", "q*"], 2, "no column is called like 'q*'", "--features"),
    ([*FIT, "y", "--features", "id,one,when"], 1, "no column can be a feature", "vary"),
    ([*FIT, "y", "--features", "x,when:c"], 1, "when:c: the column when is of type timestamp[ms], neither", "hour(…)"),
    ([*FIT, "y", "--weight", "wt", "--features", "wt,x"], 2, "'wt' is the weight and cannot be a feature", "leave it out"),
    ([*FIT, "y", "--weight", "wt", "--features", "x:wt"], 2, "'x:wt' is made of the weight", "leave it out"),
    ([*FIT, "x > 0 and n > 1"], 2, "'and' is not part of the language", "(a > 1)*(b < 2)"),
    ([*FIT, "-x > 0"], 2, "--target needs a value after it; of one that begins with -, write --target='-x > 0'", "fit --help"),
    ([*FIT, "y", "-o", "-"], 2, "-o needs a value after it; of one that begins with -, write -o=-", "fit --help"),
    (["predict", "y.json", "t.parquet", "-o", "-"], 2, "-o needs a value after it; leave it out for standard output", "predict --help"),
    ([*FIT, "y", "--features", "hour(x)"], 1, "hour(x) asks for a date or time", "dates"),
    ([*FIT, "y", "--features", "number(c)"], 1, "is not a number", "levels"),
    ([*FIT, "y", "--features", "minute(when)"], 2, "no function 'minute'", "hour(date)"),
    ([*FIT, "y", "--weight", "wtt"], 2, "did you mean 'wt'?", "column"),
    ([*FIT, "y", "--weight", "c"], 1, "the weight 'c' is of type", "weight"),
    ([*FIT, "y", "--weight", "x"], 1, "the weight 'x' is missing in", "weight"),
    (["fit", "heavy.csv", "--target", "y", "--weight", "w", "--holdout", "0"], 1, "'w' add up to more than 1.8e308", "divide"),
    ([*FIT, "y", "--max-levels", "0"], 2, "max-levels is 0", "at least 1"),
    ([*FIT, "y", "--decimal", ";"], 2, "';' does not stand before decimals", "--decimal ,"),
    ([*FIT, "y", "--rate", "0"], 2, "the rate is 0.0", "0.1"),
    ([*FIT, "y", "--holdout", "1"], 2, "hold-out of 1.0", "0.2"),
    ([*FIT, "y", "--holdout", "-0.1"], 2, "hold-out of -0.1", "0.2"),
    ([*FIT, "y", "--holdout", "nan"], 2, "hold-out of nan", "0.2"),
    ([*FIT, "y", "--steps", "0"], 2, "steps is 0", "at least 1"),
    ([*FIT, "y", "--method", "bfgs"], 2, "there is no method 'bfgs'", ""),
    ([*FIT, "y", "--out", ""], 2, "--out '' names no file", "--out model.json"),
    ([*FIT, "y", "--out", "new/"], 2, "--out 'new/' names no file", "--out model.json"),
    (["fit", "x" * 300 + ".csv", "--target", "y"], 1, "cannot be read", "whole"),
    ([*FIT, "y", "--out", "x" * 300], 2, "cannot be written: File name too long", "--out"),
    ([*FIT, "y", "--rate", "1e400"], 2, "'1e400' is past the largest float64 (1.8e308)", "inf"),
    (["explain", "J = a*b", "a=1", "b=-1e999"], 2, "b: '-1e999' is past the largest float64", "write inf"),
    ([*FIT, "y", "--out", "no/where.json"], 2, "there is no folder no", "--out"),
    ([*FIT, "y", "--out", "t.parquet"], 2, "it would be lost", "--out"),
    ([*LOSS, "z = w@x +; L = (z - y)**2"], 2, "^", ""),
    ([*LOSS, "z = v@q + b; L = (z - y)**2"], 2, "q, v", "start"),
    ([*LOSS, "z = sin(w@x; L = (z - y)**2"], 2, "^", ""),
    ([*LOSS, "z = w@x + b; L = (z - n)**2"], 2, "does not use the target y", "y"),
    ([*LOSS, "z = k*x2 + b; L = (z - y)**2", "--start", "x2"], 2, "'x2' gives no value", "a=5"),
    ([*LOSS, "z = wt@x + b; L = (z - y)**2", "--features", "x"], 2, "wt () and x (2,)", "in the loss wt is a column"),
    ([*LOSS, "z = v@x + b; L = (z - y)**2", "--start", "v=1,2,3,b=0", "--features", "x,c"], 2, "shapes do not match", "3 and 4 differ"),
    ([*LOSS, "z = k*c + b; L = (z - y)**2"], 1, "'c', which is of type", "x"),
    ([*LOSS, "z = k*x + b; p = c; L = (p - y)**2"], 1, "'c', which is of type", "x"),
    (["predict", "none.json", "t.parquet"], 2, "no model file none.json", "dvar fit"),
    (["predict", "t.parquet", "t.parquet"], 1, "is not a model", "fit again"),
    (["predict", "m.json", "lacks.parquet"], 1, "`n` is lacking", "learned from"),
    (["predict", "m.json", "other.parquet"], 1, "`n` is of type", "learned from"),
    (["fit", "hollow.parquet", "--target", "y", "--positive", ""], 2, "an empty text would count as yes", "--positive 'yes'"),
    (["evaluate", "m.json", "hollows.parquet"], 1, "has the values '', 'no ' beside 'yes'", "two values"),
    (["predict", "pairs.json", "dates.parquet"], 1, "`c` is of type date32[day] where a category", "learned from"),
    (["predict", "m.json", "t.parquet", "-o", "p.doc"], 2, "does not end in .csv", "-o out.csv"),
    (["predict", "m.json", "t.parquet", "-o", "_half"], 2, "_half is a folder", "a file in it"),
    (["predict", "m.json", "few.csv"], 1, "`n` is of type text (as 'few') where a number was learned from", "learned from"),
    (["predict", "m.json", "far.csv", "-o", "f.csv"], 1, "far.csv line 300002: 'few' in column 'n' is not a number", "--missing few"),
    (["fit", "words.txt", "--target", "y"], 2, "if spaces stand between fields, write commas or tabs", "a column of the table"),
    (["predict", "deep.json", "t.parquet"], 1, "column is 'number(number(", "fit again"),
    (["predict", "m.json", "t.parquet", "-o", "no/p.csv"], 2, "there is no folder no", "another file"),
    (["predict", "m.json", "p.parquet", "--keep", "-o", "q.csv"], 1, "a column 'prediction' already", "--keep"),
    (["evaluate", "m.json", "lacks.parquet"], 1, "`n` is lacking", "learned from"),
    (["evaluate", "m.json", "untold.parquet"], 2, "there is no column 'y'", "column"),
    (["evaluate", "m.json", "t.parquet", "--threshold", "2"], 2, "threshold of 2.0", "0.5"),
    (["show", "t.parquet"], 1, "is not a model", "fit again"),
    (["race", "t.parquet"], 2, "needs its target", "--target"),
    (["race", "t.parquet", "--target", "y", "--features", ""], 2, "--features names no column", "by commas"),
    (["race", "--rows", "0"], 2, "rows is 0", "at least 1"),
    (["completion", "csh"], 2, "no completion for 'csh'", "bash"),
    (["fit", "t.parquet", "--target", "y", "--fetures", "x"], 2, "--fetures", "dvar fit --help"),
    (["fti", "t.parquet"], 2, "fti", "dvar --help"),
    (["fit", "quote.csv", "--target", "y"], 1, "quote.csv line 2: a quotation mark is opened and never closed", "close it"),
    (["fit", "late.csv", "--target", "y"], 1, "late.csv line 3: a quotation mark is opened and never closed", "close it"),
    (["fit", "word.csv", "--target", "word"], 1, "word.csv has 1 column but no rows", "at least one row"),
    (["fit", "names.csv", "--target", "y"], 1, "names.csv has 2 columns but no rows", "at least one row"),
    (["fit", "blank.csv", "--target", "y"], 1, "blank.csv holds nothing but blank lines", "column names"),
    (["fit", "_half", "--target", "y"], 1, f"{Path('half', '2.parquet')} cannot be read", "whole"),
    (["fit", "odd.csv", "--target", "my col > 2"], 2, "^", "a formula cannot name 'my col', which is not one word: rename"),
    (["fit", "odd.csv", "--target", "a-b > 2"], 2, "names 'a', which is no column", "cannot name 'a-b'"),
    (["predict", "m.json", "list.parquet", "--keep", "-o", "k.csv"], 1, "cannot hold column `list` (list<", "a .parquet file"),
    (["show", "empty.json"], 1, "empty.json is empty (0 bytes)", "fit again"),
    (["evaluate", "count.json", "t.parquet", "--threshold", "0.3"], 2, "a threshold is a probability's", "leave it out"),
]


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> str:
    """A folder with tables good and bad, and a model."""
    folder = tmp_path_factory.mktemp("tables")
    whole = made()
    pq.write_table(whole, folder / "t.parquet")
    pq.write_table(whole.select(["y", "x"]), folder / "lacks.parquet")
    pq.write_table(whole.select(["x", "n"]), folder / "untold.parquet")
    pq.write_table(whole.select(["y"]), folder / "lone.parquet")
    pq.write_table(pa.table({"n": ["a", "b"], "x": [1.0, 2.0]}), folder / "other.parquet")
    pq.write_table(whole.append_column("prediction", whole.column("n")), folder / "p.parquet")
    (folder / "parts").mkdir()
    pq.write_table(whole.select(["y", "x"]), folder / "parts" / "1.parquet")
    pq.write_table(pa.table({"y": ["yes"], "x": [[1.0]]}), folder / "parts" / "2.parquet")
    pq.write_table(whole.append_column("list", pa.array([[1]] * len(whole))), folder / "list.parquet")
    (folder / "_half").mkdir()
    pq.write_table(whole, folder / "_half" / "1.parquet")
    (folder / "_half" / "2.parquet").write_bytes((folder / "_half" / "1.parquet").read_bytes()[:900])
    for name, text in {"quote.csv": 'a,b,y\n1,"x,0\n2,3,1\n', "late.csv": 'a,b,y\n1,x,0\n2,"3,1\n', "word.csv": "word",
                       "names.csv": "a,y\n", "blank.csv": "\n\n\n", "odd.csv": "my col,a-b,y\n1,2,0\n2,1,1\n", "empty.json": ""}.items():
        (folder / name).write_text(text)
    (folder / "heavy.csv").write_text("y,x,w\n0,1,1e308\n1,2,1e308\n0,3,1\n1,4,1\n")
    (folder / "words.txt").write_text("y x\n0 1\n1 2\n")
    (folder / "few.csv").write_text("n\n1\nfew\n")
    (folder / "far.csv").write_text("n\n" + "1234567890123456\n" * 300_000 + "few\n")
    (folder / "t.xlsx").write_bytes(b"PK")
    (folder / "empty.csv").write_bytes(b"")
    (folder / "junk.csv").write_bytes(bytes(range(256)))
    table, squared = str(folder / "t.parquet"), ["--loss", "z = w@x + b; L = (z - y)**2", "--out", str(folder / "count.json")]
    assert cli.main(["fit", table, "--target", "y", "--features", "n", "--out", str(folder / "m.json")]) == 0
    assert cli.main(["fit", table, "--target", "n", "--features", "wt", *squared]) == 0
    pq.write_table(pa.table({"y": ["yes", "", "yes", ""], "n": [1, 2, 3, 4]}), folder / "hollow.parquet")
    pq.write_table(pa.table({"y": ["yes", "", "no "], "n": [1, 2, 3]}), folder / "hollows.parquet")
    pairs = whole.append_column("two", pa.array(["p", "q"] * 300))
    pq.write_table(pairs, folder / "pairs.parquet")
    pq.write_table(pairs.set_column(2, "c", pa.array([18262] * 600, pa.date32())), folder / "dates.parquet")
    assert cli.main(["fit", str(folder / "pairs.parquet"), "--target", "y", "--features", "c:two", "--out", str(folder / "pairs.json")]) == 0
    deep = (folder / "m.json").read_text().replace('"column": "n"', f'"column": "{"number(" * 5000}n{")" * 5000}"')
    (folder / "deep.json").write_text(deep)
    return str(folder)


@pytest.mark.parametrize(("tokens", "status", "what", "help"), REFUSED, ids=range(len(REFUSED)))
def test_refused(capsys, learned, monkeypatch, tokens, status, what, help):
    monkeypatch.chdir(learned)
    before = sorted(os.listdir())
    out, err = dvar(capsys, *tokens, status=status)
    assert out == ""
    assert err.count("error: ") == 1
    assert what in err
    assert "Traceback" not in err
    _, sign, helped = err.partition("\nhelp: ")
    assert sign
    assert help in helped
    assert helped.count("\n") == 1
    assert sorted(os.listdir()) == before  # nothing half-written


# ---------------------------------------------------------------- terminals, pipes, interruptions

START = "from dvar.cli import main; import sys; sys.exit(main())"


def process(*tokens: str, **options) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", START, *map(str, tokens)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_begins_with_examples(capsys, command):
    out, err = dvar(capsys, *([command] if command else []), "--help")
    lines = out.splitlines()
    assert lines[0].startswith(f"Usage: dvar {command}".rstrip())
    assert lines[2].startswith(f"  dvar {command}".rstrip())
    assert err == ""


def test_help_imports_nothing_heavy():
    code = START.replace("sys.exit(main())", "main(); print([m for m in ('numpy', 'numba', 'scipy', 'pyarrow', 'dvar.api') if m in sys.modules])")
    for command in ("--help", "fit"):
        done = subprocess.run([sys.executable, "-c", code, command, "--help"][: None if command == "fit" else 4], capture_output=True, text=True, timeout=60)
        assert done.stdout.splitlines()[-1] == "[]"


def on_a_terminal(*tokens: str, columns: int = 80, **environment: str) -> str:
    """What a command shows on a terminal of so many columns."""
    master, slave = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")} | {"TERM": "xterm", "COLUMNS": str(columns)} | environment
    child = subprocess.Popen([sys.executable, "-c", START, *tokens], stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    shown = b""
    while True:
        try:
            more = os.read(master, 65536)
        except OSError:  # nobody holds the other end any more
            break
        if not more:
            break
        shown += more
    os.close(master)
    assert child.wait(60) == 0
    return shown.decode()


def test_a_terminal_of_40_columns(table):
    shown = on_a_terminal("fit", "--help", columns=40)
    boxes = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines() if line and line[0] in "╭│╰"]
    assert boxes
    assert max(map(len, boxes)) <= 40
    shown = on_a_terminal("fit", "t.parquet", "--target", "y", columns=40, NO_COLOR="1")
    assert "logistic regression of y = yes" in shown
    assert "\x1b[3" not in shown  # no colour
    assert "\x1b[?25h" in shown or "\x1b[?25l" not in shown  # the cursor is there again


def test_pipes_have_no_colours_and_no_progress(table):
    out, err = process("fit", "t.parquet", "--target", "y").communicate(timeout=120)
    assert "\x1b" not in out + err
    assert err.endswith("next: dvar predict y.json t.parquet -o predictions.csv\n")


def test_a_closed_pipe_is_no_mistake(capsys, table):
    fitted(capsys, "--target", "y", "--features", "n")
    for _ in range(9):
        table = pa.concat_tables([table, table])
    pq.write_table(table, "long.parquet")
    command = f'{sys.executable} -c "{START}" predict y.json long.parquet | head -n 2'
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=120)
    assert (len(done.stdout.splitlines()), done.stderr, done.returncode) == (2, "", 0)


def test_through_a_pipe(capsys, table):
    fitted(capsys, "--target", "y", "--features", "x,c,n")
    whole, _ = dvar(capsys, "predict", "y.json", "t.parquet")
    for form in ("csv", "parquet", "jsonl.gz"):
        writing.write(f"t.{form}", iter([table]))
        with open(f"t.{form}", "rb") as file:
            out, err = process("predict", "y.json", "-", stdin=file).communicate(timeout=120)
        assert (out, err) == (whole, "")
    _, err = process("predict", "y.json", "-", stdin=subprocess.PIPE).communicate("x,c,n\n1,a,2\n1,a", timeout=120)
    assert err == ("error: standard input: the row '1,a' has 2 fields, the header 3; with ',' between fields\n"
                   "help: mend the row, or was the stream cut off?\n")


@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6, 1.2])
def test_ctrl_c_is_one_line(table, seconds):
    """From the moment on that Python has started; without a table to read it would wait for ever."""
    child = process("fit", "-", "--target", "y", stdin=subprocess.PIPE)
    time.sleep(seconds)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    if "Traceback" in err and "dvar" not in err.split("Traceback")[1]:
        pytest.skip("Python itself was still starting")
    assert (child.returncode, out, err) == (130, "", "stopped\n")
    assert os.listdir() == ["t.parquet"]


INTERRUPTED = """
import os, signal, sys
from dvar.cli import main

class Interrupts:
    at, count = int(sys.argv.pop()), 0
    def find_spec(self, *_):
        Interrupts.count += 1
        if Interrupts.count == Interrupts.at:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
status = main()
print(Interrupts.count)
sys.exit(status)
"""


def interrupted(at: int) -> subprocess.CompletedProcess:
    tokens = ["fit", "t.parquet", "--target", "y", "--features", "x,c", "--overwrite", str(at)]
    return subprocess.run([sys.executable, "-c", INTERRUPTED, *tokens], capture_output=True, text=True, timeout=120)


def test_ctrl_c_at_any_import_is_one_line(table):
    """Wherever the command is, from its first import to the last that it makes, after which a model is there."""
    interrupted(0)  # what is compiled is compiled
    whole = int(interrupted(0).stdout.splitlines()[-1])
    for at in (1, 2, 3, whole // 4, whole // 2, 3 * whole // 4):
        Path("y.json").unlink(missing_ok=True)
        done = interrupted(at)
        assert (done.returncode, done.stderr.splitlines()[-1][:7]) == (130, "stopped"), (at, whole, done.stderr)
        assert "Traceback" not in done.stderr
        assert os.listdir() == ["t.parquet"]
    assert interrupted(whole).returncode == 130


def test_ctrl_c_once_the_model_is_written_says_so(capsys, table, monkeypatch):
    def stop(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("dvar.models.report.told", stop)
    _, err = dvar(capsys, "fit", "t.parquet", "--target", "y", "--features", "x", status=130)
    assert err.splitlines()[-1] == "stopped; the model is in y.json"
    assert _model("y.json").target == "y"


@pytest.mark.parametrize("l2", ["0", "0.1"])
def test_a_weight_of_k_is_a_row_k_times(capsys, table, l2):
    """Missing values, which count as the mean, and the scale, on which a penalty works, included."""
    tokens = ["--target", "y", "--features", "x,c,n,x:c", "--holdout", "0", "--l2", l2]
    wt = np.random.default_rng(1).integers(0, 4, len(table))
    weighted = table.set_column(4, "wt", pa.array(wt))
    pq.write_table(weighted, "t.parquet")
    one, err = dvar(capsys, "fit", "t.parquet", *tokens, "--weight", "wt", "--json", "--out", "one.json")
    assert f"left out: {(wt == 0).sum()} rows of weight 0" in err
    repeated = table.take(np.repeat(np.arange(len(table)), wt))
    pq.write_table(repeated, "t.parquet")
    other, _ = dvar(capsys, "fit", "t.parquet", *tokens, "--json", "--out", "other.json")
    a, b = json.loads(one), json.loads(other)
    assert a["coefficients"] == pytest.approx(b["coefficients"], rel=1e-6, abs=1e-9)
    assert a["cost"] == pytest.approx(b["cost"], rel=1e-10)
    part, same = (_model(f"{name}.json").encoding.parts[0] for name in ("one", "other"))
    assert (part.mean, part.scale) == pytest.approx((same.mean, same.scale), rel=1e-13)
    fits = []
    for frame, weight in ((weighted, wt), (repeated, None)):
        clf = dv.LogisticRegression(l2=float(l2)).fit(frame.select(["x", "c", "n"]), np.array(frame.column("y").to_pylist()), sample_weight=weight)
        fits.append([*clf.coef_.ravel(), *clf.intercept_])
    np.testing.assert_allclose(*fits, rtol=1e-6, atol=1e-9)


def test_l1_makes_exact_zeros_and_names_them(capsys, table):
    said = fitted(capsys, "--target", "y", "--features", "x,c,n", "--l1", "0.03", "--holdout", "0")
    assert said["zero"] == [name for name, value in said["coefficients"].items() if value == 0] != []
    out, _ = dvar(capsys, "fit", "t.parquet", "--target", "y", "--features", "x,c,n", "--l1", "0.03", "--overwrite")
    assert re.search(r"^exactly 0 by l1 = 0.03: x missing", out, re.MULTILINE)
    assert "so there is no AIC or BIC" in out
    assert "--l1 0.03" in dvar(capsys, "show", "y.json")[0]


def test_ctrl_c_where_nothing_can_be_raised_is_heard_afterwards():
    code = """if 1:
        import sys, weakref
        from dvar.terminal import run
        class Thing: pass
        def stop(gone): raise KeyboardInterrupt
        def app(*words, **options):
            thing = Thing()
            kept = weakref.ref(thing, stop)
            del thing
            while True: pass
        sys.exit(run(app, [], lambda words: ""))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_leaves_nothing_half_written(capsys, table, number):
    fitted(capsys, "--target", "y", "--features", "n")
    Path("p.csv").write_text("before")
    code = (f"import os, signal, sys; from dvar.cli import main; signal.signal({number}, signal.SIG_DFL); "  # nohup ignores one
            f"os.fsync = lambda _: os.kill(os.getpid(), {number}); sys.exit(main())")
    done = subprocess.run([sys.executable, "-c", code, "predict", "y.json", "t.parquet", "-o", "p.csv"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")
    assert sorted(os.listdir()) == ["p.csv", "t.parquet", "y.json"]
    assert Path("p.csv").read_text() == "before"


def test_before_ctrl_c_is_heard_nothing_is_imported():
    code = "import sys; before = set(sys.modules); import dvar.cli; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "['dvar', 'dvar.cli']\n"


def test_ctrl_c_while_learning_keeps_the_best():
    rng = np.random.default_rng(0)
    m = 200_000
    pq.write_table(pa.table({"y": rng.random(m) < 0.5, **{f"x{k}": rng.normal(size=m) for k in range(20)}}), "t.parquet")
    child = process("fit", "t.parquet", "--target", "y", "--method", "gradient-descent", "--rate", "1e-6", "--steps", "10000000")
    time.sleep(8)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, "")
    last = err.splitlines()[-1]
    assert last == "stopped" or re.fullmatch(r"stopped: the best so far, not converged \(cost .*\), is in y.json", last)
    if last != "stopped":
        assert "stopped on request" in json.loads(Path("y.json").read_text())["reached"]


WITHIN = """
import os, signal, sys
from dvar.cli import main

class Closed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(9): pass

def sync(_):
    Closed()
    while True: pass

os.fsync = sync
sys.exit(main())
"""


def test_a_command_is_ended_though_it_is_asked_where_nothing_can_be_raised(capsys, table):
    fitted(capsys, "--target", "y", "--features", "n")
    done = subprocess.run([sys.executable, "-c", WITHIN, "predict", "y.json", "t.parquet", "-o", "p.csv"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")
    assert sorted(os.listdir()) == ["t.parquet", "y.json"]


def test_letters_that_standard_output_has_not(capsys):
    table = made().rename_columns(["y", "x", "città", *made().column_names[3:]])
    pq.write_table(table, "t.parquet")
    fitted(capsys, "--target", "y", "--features", "città")
    plain = os.environ | {"PYTHONIOENCODING": "ascii"}
    for tokens, said in ((["show", "y.json"], "citt\\xe0=b"), (["show", "y.json", "--json"], '"citt\\u00e0=b"'), (["explain", "J=2*a", "a=1", "--lang", "ko"], "da = 2"),
                         (["fit", "t.parquet", "--target", "y", "--overwrite", "--features", "città"], "95 % from"), (["derivatives"], "\\u2026")):
        out, err = (child := process(*tokens, env=plain)).communicate(timeout=120)
        assert (child.returncode, said in out, "error" in err) == (0, True, False)


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2), (0, 1, 2)])
def test_streams_that_the_caller_closed(table, closed):
    for tokens, status in ((["fit", "t.parquet", "--target", "y", "--overwrite"], 0), (["fit", "none.csv", "--target", "y"], 2)):
        out, err = (child := process(*tokens, preexec_fn=lambda: [os.close(k) for k in closed])).communicate(timeout=120)
        assert child.returncode == status
        assert bool(out) == (1 not in closed and not status)
        assert bool(err) == (2 not in closed)
    assert _model("y.json").target == "y"


def test_a_full_disk(capsys, table):
    fitted(capsys, "--target", "y", "--features", "n")
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", START, "predict", "y.json", "t.parquet"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert "cannot be written: No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["csv", "csv.gz", "csv.bz2", "csv.zst", "parquet", "arrow", "jsonl"])
def test_a_file_that_grows_too_large_is_told_and_gone(capsys, table, form):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    fitted(capsys, "--target", "y", "--features", "x,n")
    _, err = (child := process("predict", "y.json", "t.parquet", "-o", f"p.{form}", preexec_fn=limited)).communicate(timeout=120)
    assert (child.returncode, err) == (1, f"error: p.{form} cannot be written: File too large\nhelp: name another file with -o\n")
    assert sorted(os.listdir()) == ["t.parquet", "y.json"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may read and write anything")
def test_no_permission(capsys, table):
    Path("t.parquet").chmod(0)
    assert "no permission" in dvar(capsys, "fit", "t.parquet", "--target", "y", status=1)[1]
    Path("t.parquet").chmod(0o600)
    Path(".").chmod(0o500)
    assert "cannot be written" in dvar(capsys, "fit", "t.parquet", "--target", "y", status=1)[1]
    Path(".").chmod(0o700)


def test_names_that_move_the_cursor_do_not(capsys):
    rng = np.random.default_rng(0)
    pq.write_table(pa.table({"y": rng.random(60) < 0.5, "x\x1b[2J": rng.normal(size=60), "k\x07": np.ones(60)}), "t.parquet")
    _, err = dvar(capsys, "fit", "t.parquet", "--target", "y")
    assert "\x1b" not in err
    assert "\x07" not in err
    assert "\x1b" not in dvar(capsys, "show", "y.json")[0]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(capsys, shell):
    out, _ = dvar(capsys, "completion", shell)
    assert all(command in out for command in COMMANDS)
    assert "max-levels" in out
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=out, text=True, timeout=20).returncode == 0
