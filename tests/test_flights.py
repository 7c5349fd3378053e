"""The main job on real flights: every training row's model beside scikit-learn's on an independently expanded matrix."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from dvar import cli
from dvar.data import table as tables
from dvar.models import model_file
from dvar.models.summary import summary
from dvar.models.training import SEED, train

FLIGHTS = Path(__file__).parents[1] / "examples" / "flights.parquet"


@pytest.fixture(scope="module")
def table():
    return tables.read(FLIGHTS)


def expanded(frame: pd.DataFrame) -> pd.DataFrame:
    """The design matrix as a textbook makes it: means for missing numbers, indicators, dummies without the first level."""
    parts = []
    for name in frame:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object:
            levels = sorted(column.dropna().astype(str).unique())
            text = column.astype(str).where(column.notna(), "(missing)")
            names = [*levels[1:], *(["(missing)"] if column.isna().any() else [])]
            parts.append(pd.DataFrame({f"{name}={v}": (text == v).astype(float) for v in names}))
            continue
        x = column.astype(float)
        if x.nunique() > 1:
            filled = x.fillna(x.mean())
            parts.append(((filled - x.mean()) / x.std(ddof=0)).rename(name).to_frame())
        if x.isna().any() and not x.isna().all():
            parts.append(x.isna().astype(float).rename(f"{name} missing").to_frame())
    return pd.concat(parts, axis=1)


def test_all_rows_beside_scikit_learn(table):
    trained = train(table, "late", holdout=0.0)
    frame = pd.read_parquet(FLIGHTS)
    frame = frame[frame["late"].notna()].reset_index(drop=True)
    y = frame.pop("late").astype(bool).to_numpy()
    names = list(trained.model.encoding.names)
    X = expanded(frame)
    assert set(X) - set(names) == {"humid missing", "visib missing"}  # identical to others: merged
    X = np.ascontiguousarray(X[names].to_numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = LogisticRegression(C=1e12, solver="newton-cholesky", tol=1e-12, max_iter=100).fit(X, y)
    theirs = peer.predict_proba(X)[:, 1]
    ours, _ = trained.model.predict(table)
    known = np.flatnonzero(tables.target(table, "late")[1])
    assert trained.model.rows == len(y) == 327_346
    assert abs(trained.fit.cost - log_loss(y, theirs)) < 1e-8
    lex = X[:, names.index("dest=LEX")] == 1  # one flight, on time: its probability goes to 0, solvers stop where they stop
    assert lex.sum() == 1
    assert ours[known][lex] < 1e-8
    assert np.abs(ours[known] - theirs)[~lex].max() < 1e-8
    at = {name: k for k, name in enumerate(names)}
    identified = [k for name, k in at.items() if name != "dest=LEX"]
    np.testing.assert_allclose(trained.fit.params["w"][identified], peer.coef_[0][identified], rtol=1e-6, atol=1e-9)
    assert summary(trained).separated == ("dest=LEX",)


def test_the_command(table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["fit", str(FLIGHTS), "--target", "late", "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert {"model", "target", "positive", "m", "n", "method", "cost", "converged", "passes", "seconds", "intercept",
            "coefficients", "holdout", "dropped", "separated"} <= set(said)
    assert (said["m"], said["holdout"]["m"]) == (261_877, 65_469)
    assert said["converged"] is True
    assert said["separated"] == ["dest=LEX"]
    assert np.isfinite(said["coefficients"]["dest=LEX"])
    assert said["dropped"] == {"humid missing": "the same rows as `temp missing`", "visib missing": "the same rows as `precip missing`"}
    assert "left out: 9,430 rows without a known late" in err

    y, known, _ = tables.target(table, "late")
    rows = tables.split(known, 0.2, SEED)[1]
    guess, _ = model_file.read("late.json").predict(table, rows)
    assert said["holdout"]["cost"] == pytest.approx(log_loss(y[rows], guess), abs=1e-12)
    assert said["holdout"]["auc"] == pytest.approx(roc_auc_score(y[rows], guess), abs=1e-12)
    assert said["holdout"]["accuracy"] == pytest.approx(np.mean((guess >= 0.5) == y[rows]), abs=0)
    assert said["holdout"]["base_rate"] == pytest.approx(y[rows].mean(), abs=0)

    raw = pd.read_parquet(FLIGHTS).iloc[[rows[0]]]  # by hand, in original units, from the printed coefficients
    z = said["intercept"]
    means = {p.column: p.mean for p in model_file.read("late.json").encoding.parts if hasattr(p, "mean")}
    for name, coefficient in said["coefficients"].items():
        column, sign, level = name.partition("=")
        if sign:
            value = float(raw[column].isna().item() if level == "(missing)" else str(raw[column].item()) == level)
        elif column.endswith(" missing"):
            value = float(raw[column.removesuffix(" missing")].isna().item())
        else:
            value = means[column] if raw[column].isna().item() else float(raw[column].item())
        z += coefficient * value
    assert guess[0] == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-9)


def test_the_number_of_threads_does_not_change_a_bit(table):
    fits = []
    for threads in ("1", "2", "5"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DVAR_THREADS", threads)
            fits.append(train(table, "late", features=["hour", "carrier", "origin", "wind_speed"]))
    assert len({f.fit.params["w"].tobytes() for f in fits}) == 1
