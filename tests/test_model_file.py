"""The model file: what it holds, that it is read again bit for bit, and that nothing hostile in it does more than an error."""

from __future__ import annotations

import copy
import json
import math
import os
import threading
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dvar
from dvar import cli
from dvar.errors import DvarError, UsageError
from dvar.models import model_file
from dvar.models.training import train

SCHEMA = json.loads((Path(dvar.__file__).parent / "models" / "model_schema.json").read_text())


def table(m: int = 300) -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table({
        "y": rng.random(m) < 0.4, "x": pa.array(rng.normal(size=m), mask=rng.random(m) < 0.1), "z": rng.normal(size=m) * 1e-3,
        "c": rng.choice(["a", "b", "é"], m), "d": rng.choice(["p", "q"], m), "s": rng.random(m), "when": pa.array(rng.integers(0, 10**9, m), pa.timestamp("s")),
    })


FITS = [
    {"features": ["x", "z", "c"]},
    {"features": ["c", "d", "c:d", "x:c", "x:z", "hour(when)", "category(z)"], "l2": 0.1, "max_levels": 5},
    {"features": ["x", "c"], "weight": "s"},
    {"target": "z", "loss": "p = w@x + b; L = (p - y)**2", "features": ["x", "c"]},
    {"target": "d", "loss": "p = w@x + b; L = (p - y)**2", "features": ["x", "c"]},
    {"target": "z", "loss": "p = k*s + c0; L = (p - y)**2", "start": {"k": 0.1, "c0": 0.0}},
    {"target": "s > 0.5", "features": ["x"]},
    {"target": "z", "loss": "h = tanh(W@x + c0); p = v@h; L = (p - y)**2", "features": ["x", "s"], "steps": 3, "method": "gradient-descent",
     "start": {"W": np.ones((2, 3)) / 3, "c0": np.zeros(2), "v": np.ones(2)}},
]


def saved(tmp_path: Path, options: dict) -> tuple[Path, object]:
    trained = train(table(), **({"target": "y"} | options))
    model_file.write(trained.model, tmp_path / "m.json")
    return tmp_path / "m.json", trained.model


@pytest.mark.parametrize("options", FITS, ids=range(len(FITS)))
def test_a_model_is_read_again_bit_for_bit(tmp_path, options):
    path, model = saved(tmp_path, options)
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    again = model_file.read(path)
    for name, value in model.params.items():
        assert np.asarray(again.params[name]).tobytes() == np.asarray(value, np.float64).tobytes()
    assert (again.encoding, again.target, again.positive, again.weight, again.own) == (
        model.encoding, model.target, model.positive, model.weight, model.own)
    assert again.predict(table())[0].tobytes() == model.predict(table())[0].tobytes()
    assert os.listdir(tmp_path) == ["m.json"]


def test_the_schema_says_what_is_looked_at():
    assert set(SCHEMA["properties"]) == set(SCHEMA["required"]) == set(model_file.FIELDS)
    assert set(SCHEMA["properties"]["made"]["properties"]) == set(model_file.MADE)
    assert SCHEMA["properties"]["format"]["const"] == model_file.FORMAT


def whole(tmp_path_factory) -> dict:
    path, _ = saved(tmp_path_factory.mktemp("m"), FITS[0])
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict:
    return whole(tmp_path_factory)


def part(value: dict, k: int, **change) -> dict:
    value["encoding"]["parts"][k] |= change
    return value


HOSTILE = [  # what is changed, what is said
    (lambda v: v | {"format": "dvar model 2"}, "dvar model 2"),
    (lambda v: v | {"format": 1}, "format"),
    (lambda v: v | {"formula": "import os; os.system('rm -rf /')"}, "damaged"),
    (lambda v: v | {"formula": "__import__('os').system('rm')"}, "damaged"),
    (lambda v: v | {"formula": "z = w@x + b; L = y*log(z) + " + "1 + " * 300_000 + "1"}, "formula"),
    (lambda v: v | {"formula": "("*50_000}, "damaged"),
    (lambda v: v | {"formula": "inputs: w, b, x, y\nz = w @ x + b; L = sum(broadcast(z, shape=(1000000, 1000000))) - y"}, "damaged"),
    (lambda v: v | {"formula": 3}, "formula is '3'"),
    (lambda v: v | {"rows": -1}, "rows is '-1'"),
    (lambda v: v | {"rows": True}, "rows"),
    (lambda v: v | {"rows": 10**400}, "rows"),
    (lambda v: v | {"name": "nobody"}, "name"),
    (lambda v: v | {"name": ["logistic"]}, "name"),
    (lambda v: v | {"target": None}, "target"),
    (lambda v: v | {"positive": ""}, "what counts as yes, is not that of a logistic model"),
    (lambda v: v | {"name": "linear"}, "what counts as yes, is not that of a linear model"),
    (lambda v: v | {"formula": "inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = (a - y)**2"}, "is not that of a logistic model"),
    (lambda v: v | {"made": {"file": 3}}, "made"),
    (lambda v: v | {"made": {"exec": "x"}}, "made"),
    (lambda v: v | {"own": ["x; y"]}, "damaged"),
    (lambda v: v | {"own": "x"}, "own"),
    (lambda v: v | {"predicts": "L"}, "predicts"),
    (lambda v: v | {"positive": "\ud800"}, "not a model"),
    (lambda v: v | {"parameters": {}}, "damaged"),
    (lambda v: v | {"parameters": v["parameters"] | {"w": []}}, "shapes do not match"),
    (lambda v: v | {"parameters": v["parameters"] | {"b": math.nan}}, "'b' is not a finite number"),
    (lambda v: v | {"parameters": v["parameters"] | {"b": math.inf}}, "finite"),
    (lambda v: v | {"parameters": v["parameters"] | {"b": 10**400}}, "finite"),
    (lambda v: v | {"parameters": v["parameters"] | {"b": True}}, "finite"),
    (lambda v: v | {"parameters": v["parameters"] | {"b": "1"}}, "finite"),
    (lambda v: v | {"parameters": v["parameters"] | {"b": {"__class__": "os"}}}, "finite"),
    (lambda v: v | {"parameters": v["parameters"] | {"w": [[1], [2, 3]]}}, "finite"),
    (lambda v: v | {"parameters": v["parameters"] | {"w": [[[1.0]]]}}, "finite"),
    (lambda v: v | {"parameters": v["parameters"] | {"os.system": 1}}, "formula does not go"),
    (lambda v: part(v, 0, scale=0), "scale is 0"),
    (lambda v: part(v, 0, scale=10**400), "scale"),
    (lambda v: part(v, 0, mean=math.nan), "mean"),
    (lambda v: part(v, 0, column=None), "column"),
    (lambda v: part(v, 0, kind="pickle"), "kind"),
    (lambda v: part(v, 0, kind={}), "kind"),
    (lambda v: v | {"encoding": {"parts": 5}}, "encoding"),
    (lambda v: v | {"encoding": []}, "encoding"),
    (lambda v: v | {"encoding": None}, "damaged"),
    (lambda v: {k: v[k] for k in v if k != "rows"}, "rows"),
    (lambda v: v | {"more": 1}, "more"),
    (lambda v: [v], "list"),
    (lambda v: None, "NoneType"),
]


@pytest.mark.parametrize(("change", "what"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_file_is_an_error(tmp_path, good, change, what):
    path = tmp_path / "m.json"
    path.write_text(json.dumps(change(copy.deepcopy(good))))
    with pytest.raises(DvarError) as error:
        model_file.read(path)
    assert what in error.value.what
    assert error.value.help
    assert len(str(error.value)) < 1000


def test_bytes_that_are_no_model(tmp_path):
    for content in (b"", b"{", b"\xff\xfe", b"[" * 200_000, b'{"format": ' + b"9" * 5000 + b"}", b"\x00" * 99):
        (tmp_path / "m.json").write_bytes(content)
        with pytest.raises(DvarError, match=r"is not a model|has the format"):
            model_file.read(tmp_path / "m.json")
    with open(tmp_path / "m.json", "wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(DvarError, match="too many for a model"):
        model_file.read(tmp_path / "m.json")
    for nothing in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(UsageError, match="no model file"):
            model_file.read(nothing)


LEAVES = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=9)


def leaves(value: object, path: tuple = ()) -> list[tuple]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for k, inner in items:
        found += leaves(inner, (*path, k))
    return found


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_anywhere_is_an_error_or_a_model(tmp_path, good, data):
    value = copy.deepcopy(good)
    where = data.draw(st.sampled_from(leaves(value)[1:]))
    inner = value
    for k in where[:-1]:
        inner = inner[k]
    inner[where[-1]] = data.draw(st.recursive(LEAVES, lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=5), s, max_size=3)))
    path = tmp_path / "m.json"
    path.write_text(json.dumps(value))
    try:
        model = model_file.read(path)
        model.predict(table(5))
    except DvarError as error:
        assert len(str(error)) < 2000


# ---------------------------------------------------------------- where it is written


@pytest.fixture
def csv(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    Path("t.csv").write_text("a,t\n" + "".join(f"{v:.3f},{int(v + w > 0)}\n" for v, w in rng.normal(size=(60, 2))))
    return "t.csv"


def fit(capsys, *tokens: str, status: int = 0) -> str:
    assert cli.main(["fit", *tokens]) == status
    return capsys.readouterr().err


def test_only_the_same_command_replaces_its_model(csv, capsys):
    assert "replaced" not in fit(capsys, csv, "--target", "t")
    first = Path("t.json").read_text()
    assert "the model that the same command made is replaced" in fit(capsys, csv, "--target", "t")
    for other in (["--l2", "0.1"], ["--holdout", "0"], ["--missing", "-"], ["--loss", "z = w@x + b; L = (z - y)**2"]):
        said = fit(capsys, csv, "--target", "t", *other, status=2)
        assert "t.json exists, the model of another command: dvar fit t.csv --target t\n" in said
        assert "--overwrite" in said
    assert json.loads(Path("t.json").read_text())["parameters"] == json.loads(first)["parameters"]
    fit(capsys, csv, "--target", "t", "--l2", "0.1", "--overwrite")
    Path("folder").mkdir()
    Path("folder/t.csv").write_text(Path(csv).read_text())
    assert "another command" in fit(capsys, "folder/t.csv", "--target", "t", "--l2", "0.1", status=2)


def test_models_through_pipes(csv, capsys):
    os.mkfifo("pipe.json")
    heard: list[str] = []
    for told in (["fit", csv, "--target", "t", "--out", "pipe.json"], ["show", "pipe.json"]):
        other = (lambda: heard.append(Path("pipe.json").read_text())) if told[0] == "fit" else lambda: Path("pipe.json").write_text(heard[0])
        beside = threading.Thread(target=other)
        beside.start()
        assert cli.main(told) == 0
        beside.join()
    assert "made by: dvar fit t.csv --target t --out pipe.json" in capsys.readouterr().out
    assert sorted(os.listdir()) == ["pipe.json", "t.csv"]
    assert Path("pipe.json").is_fifo()


def test_where_it_came_from_without_folders(csv, capsys, tmp_path):
    fit(capsys, str(tmp_path / csv), "--target", "t", "--features", "a", "--out", str(tmp_path / "m.json"))
    made = json.loads(Path("m.json").read_text())["made"]
    assert made["file"] == "t.csv"
    assert made["command"] == "dvar fit t.csv --target t --features a --out m.json"
    assert str(tmp_path) not in Path("m.json").read_text()


PLACES = [
    (["--out", "nowhere/m.json"], "there is no folder nowhere", "--out"),
    (["--out", "."], "is a folder", "--out"),
    (["--out", "t.csv"], "t.csv exists and is not a model; it would be lost", "--out"),
]


@pytest.mark.parametrize(("tokens", "what", "help"), PLACES)
def test_places_where_it_cannot_go(csv, capsys, tokens, what, help):
    before = Path("t.csv").read_text()
    said = fit(capsys, csv, "--target", "t", *tokens, status=2)
    assert what in said
    assert help in said.partition("help:")[2]
    assert Path("t.csv").read_text() == before
    assert os.listdir() == ["t.csv"]


def test_a_disk_that_is_full_leaves_what_was_there(csv, capsys, monkeypatch):
    fit(capsys, csv, "--target", "t")
    before = Path("t.json").read_text()

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in fit(capsys, csv, "--target", "t", status=1)
    assert cli.main(["predict", "t.json", csv, "-o", "p.csv"]) == 1
    assert "p.csv cannot be written: No space left" in capsys.readouterr().err
    assert Path("t.json").read_text() == before
    assert sorted(os.listdir()) == ["t.csv", "t.json"]
