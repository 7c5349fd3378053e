"""What is said before a fit is trusted: separated, collinear, constant and degenerate data, one a line; and silence where all is well."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import dvar as dv
from dvar import cli
from dvar.models.diagnostics import diagnose
from dvar.models.inference import inference

LOGISTIC = "inputs: b, w, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))"
LINEAR = "inputs: b, w, x, y\nz = w @ x + b; L = (z - y)**2"
POISSON = "inputs: b, w, x, y\nz = w @ x + b; L = exp(z) - y*z"
SOFTMAX = "inputs: W, b, x, y\nz = W @ x + b; a = softmax(z); L = -log(a[y])"
NO_INTERCEPT = "inputs: w, x, y\nz = w @ x; L = (z - y)**2"

rng = np.random.default_rng(5)
m = 200
X = rng.normal([0.0, 4.0], size=(m, 2))
YES = (rng.random(m) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)
REAL = X @ [1.0, 2.0] + rng.normal(size=m)
COUNT = rng.poisson(2.0, m).astype(float)
LEVEL = (np.arange(m) < 9).astype(float)
ALL_YES = np.where(LEVEL == 1, 1.0, YES)
ONE_ROW = (np.arange(m) == 17).astype(float)
ABOVE = (X[:, 1] > 4.5).astype(float)
LEVELS = np.eye(3)[np.arange(m) % 3]
THIRD = np.arange(m) % 3

# formula, columns beside x0 and x1, y, options of minimize → what is said, in order
CASES = {
    "nothing": (LOGISTIC, {}, YES, {}, []),
    "a level of one answer": (LOGISTIC, {"k=d": LEVEL}, ALL_YES, {}, ["y is 1 in all 9 rows where k=d (quasi-complete separation)"]),
    "a level of one row": (LOGISTIC, {"k=d": ONE_ROW}, YES, {}, [f"y is {YES[17]:g} in the one row where k=d"]),
    "two levels": (LOGISTIC, {"k=d": LEVEL, "k=e": ONE_ROW}, ALL_YES, {}, ["all 9 rows where k=d", "the one row where k=e"]),
    "a threshold": (LOGISTIC, {}, ABOVE, {}, ["y is 1 where x1 is from 4.5"]),
    "a threshold tells all": (LOGISTIC, {}, ABOVE, {}, ["in all 200 rows (perfect separation)"]),
    "a sum": (LOGISTIC, {}, (X @ [1.0, 1.0] > 4.2).astype(float), {}, ["a sum of x0, x1 tells y in all 200 rows (perfect separation)"]),
    "a sum of some rows": (LOGISTIC, {"u": X[:, 0] * (np.arange(m) < 50), "v": np.arange(m) < 50},
                           np.where(np.arange(m) < 50, X[:, 0] > 0.3, YES).astype(float), {},
                           ["in 50 of 200 rows (quasi-complete separation)"]),
    "a level without counts": (POISSON, {"k=d": LEVEL}, np.where(LEVEL == 1, 0.0, COUNT), {}, ["y is 0 in all 9 rows where k=d"]),
    "a level with a penalty": (LOGISTIC, {"k=d": LEVEL}, ALL_YES, {"l2": 1e-4}, []),
    "a column twice": (LINEAR, {"again": X[:, 0]}, REAL, {}, ["again = x0 in every row (collinear)"]),
    "a column in other units": (LINEAR, {"again": 1.8 * X[:, 0] + 32}, REAL, {}, ["again = 1.8·x0 + 32 in every row"]),
    "a sum of columns": (LOGISTIC, {"sum": X[:, 0] - X[:, 1] / 2}, YES, {}, ["sum = x0 − 0.5·x1 in every row (collinear)"]),
    "all levels beside the intercept": (LINEAR, dict(zip(("a", "b", "c"), LEVELS.T)), REAL, {}, ["c = −a − b + 1 in every row"]),
    "all levels without one": (NO_INTERCEPT, dict(zip(("a", "b", "c"), LEVELS.T)), REAL, {}, []),
    "a constant": (LINEAR, {"five": np.full(m, 5.0)}, REAL, {}, ["five is 5 in every row, which the intercept says already"]),
    "zeros": (LINEAR, {"zero": np.zeros(m)}, REAL, {}, ["zero is 0 in every row"]),
    "twice with a penalty": (LINEAR, {"again": X[:, 0]}, REAL, {"l2": 0.1}, []),
    "twice and separated": (LOGISTIC, {"again": X[:, 0], "k=d": LEVEL}, ALL_YES, {}, ["again = x0 in every row", "all 9 rows where k=d"]),
    "one class": (LOGISTIC, {}, np.ones(m), {}, ["y is 1 in all 200 rows, so there is nothing to tell apart"]),
    "one row of a class": (LOGISTIC, {}, ONE_ROW, {}, ["y is 1 in a single row"]),
    "stopped early": (LINEAR, {}, REAL, {"method": "gradient-descent", "rate": 0.01, "steps": 3}, ["did 3 steps"]),
    "a rate too high": (LINEAR, {}, REAL, {"method": "gradient-descent", "rate": 10.0, "steps": 9}, ["the rate 10 is too high"]),
    "scales": (LINEAR, {"big": 1e5 * rng.normal(size=m)}, REAL, {"method": "gradient-descent", "rate": 1e-11, "steps": 9},
               ["did 9 steps", "gradient-descent crawls here: the curvature differs by a factor of"]),
}


def said_of(formula, columns, y, options):
    names = ["x0", "x1", *columns]
    cost = dv.graph(formula).over(x=np.column_stack([X, *columns.values()]), y=y)
    fit = cost.minimize(**options)
    return diagnose(cost, fit, names if formula is NO_INTERCEPT else ["intercept", *names], l2=options.get("l2", 0.0))


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_in_one_sentence_each(name):
    *given_, wanted = CASES[name]
    said = said_of(*given_)
    assert len(said) == len(wanted), said
    for sentence, part in zip(said, wanted):
        assert part in sentence
        assert "\n" not in sentence


@pytest.mark.parametrize("name", [n for n, row in CASES.items() if row[4] and "stopped" not in n])
def test_every_sentence_says_what_to_do(name):
    *given_, _ = CASES[name]
    for sentence in said_of(*given_):
        assert any(do in sentence.lower() for do in ("leave", "give", "add a penalty", "standardise", "more steps", "try rate"))


def test_a_column_far_from_zero_that_varies_a_little_is_not_said_to_be_constant():
    cost = dv.graph(LOGISTIC).over(x=X + 1e8, y=YES)
    said = diagnose(cost, cost.minimize(), ["intercept", "x0", "x1"])
    assert not [sentence for sentence in said if "in every row, which the intercept says" in sentence]


def test_few_rows_are_said_and_what_is_so_by_chance_is_not():
    cost = dv.graph(LOGISTIC).over(x=X[:3], y=np.array([0.0, 1.0, 1.0]))
    [*_, said] = diagnose(cost, cost.minimize(), ["intercept", "x0", "x1"])
    assert said.startswith("3 parameters are learned from 3 rows")


def test_rows_without_weight_neither_separate_nor_hold_a_relation_back():
    level = np.column_stack([X, LEVEL])
    graph = dv.graph(LOGISTIC)
    weight = np.where((LEVEL == 1) & (YES == 0), 0.0, 1.0)
    assert set(YES[LEVEL == 1]) == {0.0, 1.0}
    cost = graph.over(x=level, y=YES, weight=weight)
    [said] = diagnose(cost, cost.minimize(), ["intercept", "x0", "x1", "k=d"])
    assert f"y is 1 in all {int(YES[LEVEL == 1].sum())} rows where k=d" in said
    broken = np.column_stack([X, np.where(ONE_ROW == 1, 99.0, X[:, 0])])
    cost = graph.over(x=broken, y=YES, weight=1 - ONE_ROW)
    [said] = diagnose(cost, cost.minimize(), ["intercept", "x0", "x1", "again"])
    assert said.startswith("again = x0")


def test_a_class_that_a_level_tells_of_a_softmax():
    y = np.where(LEVEL == 1, 2, THIRD)
    cost = dv.graph(SOFTMAX).over(x=np.column_stack([X, LEVEL]), y=y)
    fit = cost.minimize("newton-cg", start={"W": np.zeros((3, 3)), "b": np.zeros(3)})
    names = [f"{column} ({k})" for k in range(3) for column in ("x0", "x1", "k=d")] + ["b0", "b1", "b2"]
    [said] = diagnose(cost, fit, names)
    assert "y is 2 in all 9 rows where k=d" in said


@settings(max_examples=20)
@given(a=st.integers(-4, 4), b=st.integers(-4, 4), c=st.integers(-4, 4), scale=st.sampled_from([1e-5, 1.0, 1e4]))
def test_a_relation_is_the_one_that_was_made(a, b, c, scale):
    made = scale * (a * X[:, 0] + b * X[:, 1] + c)
    cost = dv.graph(LINEAR).over(x=np.column_stack([X, made]), y=REAL)
    said = diagnose(cost, cost.minimize(), ["intercept", "x0", "x1", "made"])
    assert len(said) == 1
    if a or b:
        terms = f"{abs(a * scale):g}·x0" if abs(a * scale) != 1 else "x0"
        assert said[0].startswith("made = ")
        assert (terms in said[0]) == (a != 0)
        assert ("x1" in said[0].split(" in every row")[0]) == (b != 0)
    else:
        assert said[0].startswith(f"made is {c * scale:g} in every row")


def test_separated_beside_collinear_columns_alone_has_no_finite_optimum():
    cost = dv.graph(LOGISTIC).over(x=np.column_stack([X, X[:, 0], LEVEL]), y=ALL_YES)
    found = inference(cost, cost.minimize(), ["intercept", "x0", "x1", "again", "k=d"], family="logistic")
    assert found.separated == ("k=d",)
    assert [line.name for line in found.lines if line.error is None] == ["x0", "again", "k=d"]


TYPED = {  # numbers of a frame are measured from their means; what is said of them is in their own units
    "collinear": ({"x": X[:, 1], "again": 1.8 * X[:, 1] + 32}, YES, "again = 1.8·x + 32 in every row (collinear)"),
    "collinear with gaps": ({"x": (GAPS := np.where(LEVEL == 1, np.nan, X[:, 1])), "again": 2 * GAPS}, YES, "again = 2·x in every row"),
    "three columns": ({"x0": X[:, 0], "x1": X[:, 1], "sum": X[:, 0] - X[:, 1] / 2 + 3}, YES, "sum = x0 − 0.5·x1 + 3 in every row"),
    "a threshold": ({"x": X[:, 0], "x1": X[:, 1]}, ABOVE, "y is 1 where x1 is from 4.50"),
    "below it": ({"x": X[:, 0], "x1": X[:, 1]}, np.where(ABOVE, "cold", "warm"), "y is cold where x1 is from 4.50"),
    "at the mean": ({"x1": X[:, 1]}, X[:, 1] > X[:, 1].mean(), "y is True where x1 is from 3.947"),
    "yes or no": ({"told": ALL_YES == 1, "x": X[:, 0]}, np.where(ALL_YES == 1, "yes", "no"),
                  "y is yes where told is 1 and no where it is 0, in all 200 rows (perfect separation)"),
    "two numbers": ({"x": np.where(LEVEL == 1, 2.5, -1.25)}, LEVEL, "y is 1 where x is 2.5 and 0 where it is -1.25, in all 200 rows"),
}


@pytest.mark.parametrize("case", TYPED)
def test_of_a_frame_it_is_said_in_its_own_units_and_answers(case):
    columns, y, told = TYPED[case]
    with pytest.warns(dv.DvarWarning) as said:
        dv.LogisticRegression().fit(pd.DataFrame(columns), y)
    assert any(told in str(one.message) for one in said), [str(one.message) for one in said]


def test_the_command_says_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = ["x,again,k,y", *(f"{a!r},{2 * a!r},{'d' if d else 'e'},{int(y)}" for a, d, y in zip(X[:, 0].tolist(), LEVEL, ALL_YES))]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    assert cli.main(["fit", "t.csv", "--target", "y", "--holdout", "0"]) == 0
    out = capsys.readouterr().out
    assert "again = 2·x in every row (collinear)" in out
    assert "y is 1 where k=e is 0, in 9 of 200 rows (quasi-complete separation)" in out
    assert out.count("no finite optimum, the last finite value is shown") == 1
    assert cli.main(["fit", "t.csv", "--target", "y", "--holdout", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["separated"] == ["intercept", "k=e"]


@pytest.mark.parametrize("seed", range(16))
def test_separation_is_what_a_linear_program_finds(seed):
    """Konis, 2007: the direction along which no row's loss rises and as many as possible fall; some data here have none."""
    rng = np.random.default_rng(seed)
    m, n = rng.integers(15, 60), rng.integers(2, 5)
    X = rng.normal(size=(m, n))
    y = (X @ rng.normal(size=n) + (seed % 3 == 0) * 0.5 * rng.logistic(size=m) > 0).astype(int)
    if seed % 3 == 1:  # rows that stay undecided: nothing is known of them, and they are of both classes
        X[:4], y[:4] = 0.0, [0, 1, 0, 1]
    signed = np.c_[X, np.ones(len(X))] * (2 * y - 1)[:, None]
    k = n + 1
    found = linprog(np.r_[np.zeros(k), -np.ones(len(X))], A_ub=np.c_[-signed, np.eye(len(X))], b_ub=np.zeros(len(X)),
                    bounds=[(-1e5, 1e5)] * k + [(0, 1)] * len(X))
    rows = int((signed @ found.x[:k] > 1e-3).sum())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        dv.LogisticRegression().fit(X, y)
    said = " ".join(str(w.message) for w in seen)
    assert ("no finite optimum" in said) == (rows > 0)
    if rows and "rows where" not in said:  # no column alone
        told = f"all {rows} rows (perfect separation)" if rows == len(X) else f"{rows} of {len(X)} rows (quasi-complete separation)"
        assert told in said
