"""Tables, their encoding, and the three products of a block, against matrices built here by hand."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvar.data import columns as columns_module
from dvar.data import table as tables
from dvar.data.columns import Category, Columns, Missing, Number
from dvar.data.encoding import Encoding
from dvar.errors import DvarError, UsageError

DATA = Path(__file__).parents[2] / "shared" / "data"  # beside the repository where it is developed
FLIGHTS = Path(__file__).parents[1] / "examples" / "flights.parquet"


def learn(table: pa.Table, reference: bool = True, centre: bool = True) -> Encoding:
    return Encoding.learn(table, table.column_names, reference=reference, centre=centre)


def refused(error: type[DvarError], *words: str):
    """Expects that error, these words in what it says, and a help."""

    class Refused:
        def __enter__(self):
            self.raises = pytest.raises(error)
            self.info = self.raises.__enter__()

        def __exit__(self, *exc):
            done = self.raises.__exit__(*exc)
            text = str(self.info.value)
            assert self.info.type is error
            assert "\nhelp: " in text
            assert not [w for w in words if w not in text], text
            return done

    return Refused()


# ---------------------------------------------------------------- reading


CSV = 'n,text,flag,when\n1,"a, b",true,2024-01-01\n?,NA,false,2024-01-02\n3.5,"",,null\n4,c,true,2024-01-03\n'


@pytest.mark.parametrize(
    ("suffix", "text"),
    [(".csv", CSV), (".tsv", CSV.replace('"a, b"', "a~b").replace(",", "\t").replace("a~b", "a, b"))],
)
def test_text_tables(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_text(text)
    table = tables.read(path)
    assert table.column("n").to_pylist() == [1, None, 3.5, 4]
    assert table.column("text").to_pylist() == ["a, b", None, None, "c"]
    assert table.column("flag").to_pylist() == [True, False, None, True]
    assert [tables.kind(c.type) for c in table.columns] == ["number", "category", "number", "time"]


def test_text_of_another_type_far_down(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("x,y\n" + "1,2\n" * 3_000_000 + "0.5,many\n")
    table = tables.read(path)
    assert table.column("x")[-1].as_py() == 0.5
    assert table.column("y")[-1].as_py() == "many"


def test_parquet_text_comes_as_dictionaries(tmp_path: Path) -> None:
    table = pa.table({"t": ["a", None, "b"], "l": pa.array(["x", "y", "x"], pa.large_string()), "i": [1, 2, None]})
    pq.write_table(table, tmp_path / "t.pq", row_group_size=2)
    back = tables.read(str(tmp_path / "t.pq"))
    assert back.to_pydict() == table.to_pydict()
    assert pa.types.is_dictionary(back.column("t").type)


def write(path: Path, content: bytes | pa.Table) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(content, path)
    return path


REFUSED_FILES = [
    ("a.parquet", b"", DvarError, ["empty", "0 bytes"]),
    ("a.csv", b"", DvarError, ["empty"]),
    ("a.csv", b"x,y\n", DvarError, ["2 columns", "no rows"]),
    ("a.csv", b"x,y\n1,2\n1,2,3\n", DvarError, ["line 3 has 3 fields, the header 2"]),
    ("a.csv", b"x,x\n1,2\n", DvarError, ["more than one column", "'x'"]),
    ("a.parquet", b"PAR1 not at all", DvarError, ["cannot be read", "Parquet"]),
    ("a.parquet", pa.table({"x": pa.array([], pa.int8())}), DvarError, ["1 column", "no rows"]),
    ("a.parquet", pa.table([pa.array([1]), pa.array([2])], names=["x", "x"]), DvarError, ["more than one column"]),
    ("a.xlsx", b"x", UsageError, ["'.xlsx'", ".parquet", ".csv, .tsv"]),
    ("a", b"x", UsageError, ["no suffix", ".csv"]),
    ("a.json", b"[]", UsageError, ["'.json'", "one object a line"]),
]


@pytest.mark.parametrize(("name", "content", "error", "words"), REFUSED_FILES)
def test_refused_files(
    tmp_path: Path, name: str, content: bytes | pa.Table, error: type[DvarError], words: list[str]
) -> None:
    path = write(tmp_path / name, content)
    with refused(error, str(path), *words):
        tables.read(path)


def test_damaged_file(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"x": np.arange(10_000), "t": ["abc"] * 10_000}), buffer)
    whole = buffer.getvalue()
    for content in (whole[: len(whole) // 2], b"\0" * 200 + whole[200:]):
        with refused(DvarError, "cannot be read"):
            tables.read(write(tmp_path / "a.parquet", content))


def test_no_such_file(tmp_path: Path) -> None:
    write(tmp_path / "flights.csv", b"x\n1\n")
    with refused(UsageError, "no file", "flights.csv"):
        tables.read(tmp_path / "flight.csv")
    with refused(UsageError, "no file"):
        tables.read(tmp_path / "nowhere" / "flight.csv")
    with refused(UsageError, "is a folder", ".parquet"):
        tables.read(tmp_path)


# ---------------------------------------------------------------- decoding


NUMBER_TYPES = [f"{u}int{b}" for u in ("", "u") for b in (8, 16, 32, 64)] + ["float16", "float32", "float64", "bool"]


@pytest.mark.parametrize("name", NUMBER_TYPES)
def test_numbers_keep_their_type(name: str) -> None:
    type_ = pa.bool_() if name == "bool" else pa.from_numpy_dtype(name)
    values = [np.dtype(name).type(v) for v in (1, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1)]
    array = pa.array([v.item() if name != "float16" else v for v in values], type_)
    gaps = pa.array([None, *array.to_pylist()[1:]] if name != "float16" else [None, *values[1:]], type_)
    x, missing = tables.numbers(pa.chunked_array([array.slice(3), gaps.slice(0, 9), array.slice(2, 0)], type_))
    assert x.dtype == name
    expected = [*values[3:], 0, *values[1:9]]
    known = np.arange(17) != 8
    assert np.array_equal(missing, ~known)
    assert np.array_equal(x[known], np.array(expected, name)[known])
    assert tables.numbers(pa.chunked_array([array]))[1] is None
    assert len(tables.numbers(pa.chunked_array([], type_))[0]) == 0


def test_one_chunk_is_not_copied() -> None:
    array = pa.array(np.arange(1000, dtype=np.int16))
    x, _ = tables.numbers(pa.chunked_array([array.slice(10)]))
    assert x.__array_interface__["data"][0] == array.buffers()[1].address + 20


def test_not_finite_is_missing() -> None:
    _, missing = tables.numbers(pa.chunked_array([pa.array([1.0, math.nan, math.inf, -math.inf, None, 2])]))
    assert missing.tolist() == [False, True, True, True, True, False]


def texts(column: pa.ChunkedArray, rows: np.ndarray | None = None) -> list[str | None]:
    codes, names, *_ = tables.levels(column, rows)
    assert len(set(names)) == len(names)
    return [names[c] if c >= 0 else None for c in codes]


def dictionary(indices: list[int | None], values: list, ordered: bool = False) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), pa.array(values), ordered=ordered)


def test_dictionaries_are_united() -> None:
    chunks = [dictionary([0, 1, None], ["a", "b"]), dictionary([1, 2, 0], ["b", None, "c"]), dictionary([], ["z"])]
    assert texts(pa.chunked_array(chunks)) == ["a", "b", None, None, "c", "b"]
    assert texts(pa.chunked_array([chunks[0].slice(1), chunks[1].slice(2)])) == ["b", None, "b"]
    assert texts(pa.chunked_array(chunks), np.array([4, 0])) == ["c", "a"]
    assert texts(pa.chunked_array([dictionary([0, 1, 1], ["a", "a"])])) == ["a", "a", "a"]
    assert texts(pa.chunked_array([dictionary([0, 1, 2], [1.5, math.nan, 2.0])])) == ["1.5", None, "2.0"]


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_types(type_: pa.DataType) -> None:
    chunks = [pa.array(["é", None, "", "a much longer text than twelve bytes"], type_), pa.array(["é", "b"], type_)]
    expected = ["é", None, "", "a much longer text than twelve bytes", "é", "b"]
    assert texts(pa.chunked_array(chunks, type_)) == expected
    assert texts(pa.chunked_array([], type_)) == []


# ---------------------------------------------------------------- targets and rows


N = None
TARGETS = [
    (pa.array([True, False, N]), None, [1, 0, N], "true"),
    (pa.array([True, False, N]), "False", [0, 1, N], "false"),
    (pa.array([0, 1, 1], pa.int8()), None, [0, 1, 1], "1"),
    (pa.array([0.0, 1.0, math.nan]), "0", [1, 0, N], "0"),
    (pa.array([2, 7, 2], pa.uint64()), None, [0, 1, 0], "7"),
    (pa.array([0.5, -1.5, 0.5]), None, [1, 0, 1], "0.5"),
    (pa.array([2**64 - 1, 2**64 - 2], pa.uint64()), None, [1, 0], str(2**64 - 1)),
    (pa.array(["no", "yes", N, "yes"]), None, [0, 1, N, 1], "yes"),
    (pa.array(["no", "yes", N, "yes"]), "no", [1, 0, N, 0], "no"),
    (dictionary([0, 1, N, 0], ["b", "a", "unused"]), None, [1, 0, N, 1], "b"),
    (dictionary([0, 1, N, 0], ["b", "a", "unused"], ordered=True), None, [0, 1, N, 0], "a"),
]


@pytest.mark.parametrize(("array", "positive", "expected", "label"), TARGETS)
def test_target(array: pa.Array, positive: str | None, expected: list, label: str) -> None:
    y, known, found = tables.target(pa.table({"y": array}), "y", positive)
    assert y.dtype == np.float64
    assert [None if math.isnan(v) else v for v in y.tolist()] == expected
    assert known.tolist() == [v is not None for v in expected]
    assert found == label


REFUSED_TARGETS = [
    ({"late": [True, False]}, "lat", None, UsageError, ["'lat'", "did you mean 'late'"]),
    ({"y": [True, False]}, "y", "maybe", UsageError, ["'maybe'", "'false', 'true'"]),
    ({"y": [True, True]}, "y", None, DvarError, ["always true"]),
    ({"y": ["a", "a", None]}, "y", None, DvarError, ["always a"]),
    ({"y": [1, 2, 3]}, "y", None, DvarError, ["3 values (1, 2, 3)", "--loss"]),
    ({"y": list("abcdefgh")}, "y", None, DvarError, ["8 values (a, b, c, d, e, …)"]),
    ({"y": ["02139", "00501", "94110"]}, "y", None, DvarError, ["3 values (00501, 02139, 94110)", "take a column of two values"]),
    ({"y": pa.array([None, None], pa.float32())}, "y", None, DvarError, ["missing in all 2 rows"]),
    ({"y": [None, None]}, "y", None, DvarError, ["missing in all 2 rows"]),
    ({"y": pa.array([1, 2], pa.timestamp("s"))}, "y", None, DvarError, ["timestamp[s]"]),
]


@pytest.mark.parametrize(("data", "name", "positive", "error", "words"), REFUSED_TARGETS)
def test_refused_targets(data: dict, name: str, positive: str | None, error: type[DvarError], words: list[str]) -> None:
    with refused(error, *words):
        tables.target(pa.table(data), name, positive)


def test_number_target() -> None:
    table = pa.table({"y": [1, None, 3], "t": ["a", "b", "c"], "e": [None, None, None], "f": [math.inf, 0.5, 1]})
    y, known = tables.number_target(table, "y")
    assert np.array_equal(y, [1, math.nan, 3], equal_nan=True)
    assert known.tolist() == [True, False, True]
    assert tables.number_target(table, "f")[1].tolist() == [False, True, True]
    for name, error, word in (("t", DvarError, "of type text"), ("e", DvarError, "all 3 rows"), ("x", UsageError, "'x'")):
        with refused(error, word):
            tables.number_target(table, name)


@pytest.mark.parametrize(
    ("m", "holdout", "held"), [(327_346, 0.2, 65_469), (10, 0, 0), (10, 0.25, 2), (1, 0.4, 0), (3, 0.5, 2)]
)
def test_split(m: int, holdout: float, held: int) -> None:
    known = np.random.default_rng(1).random(2 * m) < 0.5
    known[np.random.default_rng(2).permutation(2 * m)] = np.arange(2 * m) < m
    train, test = tables.split(known, holdout, 0)
    assert (len(train), len(test)) == (m - held, held)
    assert train.dtype == test.dtype == np.int64
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.flatnonzero(known))
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()
    again = tables.split(known, holdout, 0)
    assert np.array_equal(train, again[0])


@pytest.mark.parametrize("holdout", [-0.1, 1, 2, math.nan])
def test_refused_split(holdout: float) -> None:
    with refused(UsageError, str(holdout)):
        tables.split(np.ones(3, bool), holdout, 0)


def test_nothing_left_to_learn_from() -> None:
    with refused(DvarError, "1 row of 1 held out"):
        tables.split(np.ones(1, bool), 0.9, 0)


# ---------------------------------------------------------------- learning


LEARNED = [
    ([1, 2, 3], [Number("x", 2.0, math.sqrt(2 / 3), 2.0)], {}),
    ([1, None, 3], [Number("x", 2.0, 1.0, 2.0), Missing("x")], {}),
    ([True, False, False, True], [Number("x", 0.5, 0.5, 0.5)], {}),
    ([1e9 + 1, 1e9 - 1], [Number("x", 1e9, 1.0, 1e9)], {}),
    ([3e300, -1e300], [Number("x", 1e300, 2e300, 1e300)], {}),
    ([3 * 2.0**-1000, -(2.0**-1000)], [Number("x", 2.0**-1000, 2.0**-999, 2.0**-1000)], {}),
    (pa.array([2**64 - 4096, 2**64 - 8192], pa.uint64()), [Number("x", 2.0**64 - 6144, 2048.0, 2.0**64 - 6144)], {}),
    (["b", "a", "b"], [Category("x", ("a", "b"), False, True)], {}),
    (["b", "a", "b", None], [Category("x", ("a", "b"), True, True)], {}),
    (["b", "b", None], [Category("x", ("b",), True, True)], {}),
    (dictionary([0, 1, 1], ["b", "a"]), [Category("x", ("a", "b"), False, True)], {}),
    (dictionary([0, 1, 1], ["b", "a", "z"], ordered=True), [Category("x", ("b", "a"), False, True)], {}),
    (dictionary([0, 1, 1], [10, 9]), [Category("x", ("10", "9"), False, True)], {}),
    ([5, None, 5], [Missing("x")], {"x": "always 5 where it is known"}),
    ([5, 5], [], {"x": "always 5"}),
    (["a", "a"], [], {"x": "always 'a'"}),
    ([True, True], [], {"x": "always True"}),
    ([math.nan, None], [], {"x": "all missing"}),
    ([None, None], [], {"x": "all missing"}),
    (pa.array([None, None], pa.string()), [], {"x": "all missing"}),
    (["a", "b", "c"], [], {"x": "3 levels in 3 rows: it looks like an identifier"}),
    ([None] + [f"id{i}" for i in range(101)], [], {"x": "101 levels in 102 rows: it looks like an identifier"}),
    (pa.array([1, 2], pa.timestamp("ms")), [], {"x": "a date or time (timestamp[ms]), neither number nor category; ask for hour(x), weekday(x), month(x) or year(x)"}),
    (pa.array([1, 2], pa.date32()), [], {"x": "a date (date32[day]), neither number nor category; ask for weekday(x), month(x) or year(x)"}),
    (pa.array([1, 2], pa.time32("s")), [], {"x": "a time of day (time32[s]), neither number nor category; ask for hour(x)"}),
    (pa.array([1, 2], pa.duration("s")), [], {"x": "of type duration[s], neither number nor category"}),
    ([[1], [2]], [], {"x": "of type list<item: int64>, neither number nor category"}),
    (pa.array([2**60, 2**60 + 1]), [], {"x": f"always from {2**60} to {2**60 + 1}, one number in float64"}),
]


@pytest.mark.parametrize(("values", "parts", "dropped"), LEARNED)
def test_learned(values: list | pa.Array, parts: list, dropped: dict[str, str]) -> None:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    table = pa.table({"x": array, "other": np.arange(len(array))})
    encoding = learn(table)
    assert encoding.parts[:-1] == tuple(parts)
    assert encoding.dropped == dropped
    assert encoding.rows == len(array)
    if not parts:
        with refused(DvarError, "no column can be a feature", *dropped.values()):
            Encoding.learn(table, ["x"], reference=True)


def test_learns_from_the_rows_it_is_given() -> None:
    table = pa.table({"c": ["a", "b", "c", "a", "b"], "x": [1.0, 3.0, None, 100.0, 1.0]})
    rows = np.array([0, 1, 4])
    encoding = Encoding.learn(table, ["c", "x"], reference=True, rows=rows)
    assert encoding == learn(table.take(rows))
    assert encoding.parts[0].levels == ("a", "b")
    assert encoding.rows == 3
    columns = encoding.encode(table, rows=np.array([2, 3]))
    assert (columns.unseen, columns.missing) == ({"c": 1}, {"x": 1})


def test_no_features() -> None:
    table = pa.table({"x": [1, 2]})
    with refused(DvarError, "none was given"):
        Encoding.learn(table, [], reference=True)
    with refused(UsageError, "'X'", "did you mean 'x'?"):
        Encoding.learn(table, ["X"], reference=True)
    with refused(DvarError, "all missing"):
        learn(table.slice(0, 0))
    with refused(DvarError, "more than one column named 'x'"):
        Encoding.learn(pa.table([[1, 2], [2, 3]], names=["x", "x"]), ["x"], reference=True)


def test_names() -> None:
    table = pa.table({"x": [1, None, 3, 4], "c": ["b", "a", "b", None], "x missing": [1, 2, 3, 5]})
    assert learn(table).names == ("x", "x missing", "c=b", "c=(missing)", "x missing (2)")
    assert learn(table, reference=False).names == ("x", "x missing", "c=a", "c=b", "c=(missing)", "x missing (2)")


def test_same_gaps_are_one_indicator() -> None:
    table = pa.table({"a": [1, None, 3, 4], "b": [2, None, 3, 5], "c": [None, 1, 2, 3], "d": [7, None, 7, 7]})
    encoding = learn(table)
    assert encoding.names == ("a", "a missing", "b", "c", "c missing")
    assert encoding.parts[1] == Missing("a", also=("b", "d"))
    assert encoding.dropped["b missing"] == "the same rows as `a missing`"
    assert encoding.encode(table).missing == {}
    other = pa.table({"a": [1, 2, None], "b": [None, 2, None], "c": [1, 1, 1], "d": [7, 7, 7]})
    assert encoding.encode(other).missing == {"b": 1}


# ---------------------------------------------------------------- encoding


def test_unseen_and_missing() -> None:
    train = pa.table({"full": ["a", "b", "a", "b"], "gaps": ["a", "b", None, "a"], "x": [1.0, 3.0, 1.0, 3.0]})
    new = pa.table({"full": ["c", None, "b", "c"], "gaps": ["c", None, "b", "a"], "x": [None, math.inf, 2.0, 3.0]})
    for reference in (True, False):
        encoding = learn(train, reference)
        columns = encoding.encode(new)
        assert columns.unseen == {"full": 2, "gaps": 1}
        assert columns.missing == {"full": 1, "x": 2}
        rows = [dict(zip(encoding.names, row)) for row in np.eye(4) @ columns @ np.eye(columns.shape[1])]
        assert [r["full=b"] for r in rows] == [0, 0, 1, 0]
        assert [r.get("full=a", 0) for r in rows] == [0, 0, 0, 0]
        assert [r["gaps=(missing)"] for r in rows] == [1, 1, 0, 0]
        assert [r["x"] for r in rows] == [0, 0, 0, 1]


def test_a_table_that_is_not_the_one() -> None:
    encoding = learn(pa.table({"x": [1, 2], "y": [1, 3], "c": ["a", "b"], "d": ["a", "a"]}).take([0, 1, 1]))
    with refused(DvarError, "`x` is lacking", "`y` is of type text", "`c` is of type int64 where a category"):
        encoding.encode(pa.table({"y": ["a"], "c": [1]}))
    empty = pa.table({"x": [None], "y": [None], "c": [None]})
    columns = encoding.encode(empty)
    assert columns.missing == {"x": 1, "y": 1, "c": 1}
    assert np.array_equal(columns @ np.ones(3), [0])


def test_codes_are_small() -> None:
    values = [f"v{i % 300:03}" for i in range(700)]
    columns = learn(pa.table({"c": values, "d": ["a", "b"] * 350})).encode(
        pa.table({"c": values, "d": ["a", "b"] * 350})
    )
    assert [x.dtype for x in columns.data] == [np.uint16, np.uint8]


def numbers_types() -> Columns:
    table = pa.table({"i": pa.array([1, 2, None], pa.int8()), "f": pa.array([1, None, 2], pa.float32())})
    return learn(table).encode(table)


def test_types_are_kept() -> None:
    assert [x.dtype for x in numbers_types().data] == [np.int8, bool, np.float32, bool]


def test_slices_are_views() -> None:
    columns = numbers_types()
    part = columns[1:]
    assert part.shape == (2, 4)
    assert all(np.shares_memory(a, b) for a, b in zip(part.data, columns.data))
    assert columns[2:1].shape == (0, 4)
    for rows in (slice(None, None, 2), 1, [0]):
        with refused(UsageError, "columns["):
            columns[rows]


def test_dense() -> None:
    columns = numbers_types()
    assert np.array_equal(columns.dense(), [[-1, 0, -1, 0], [1, 0, 0, 1], [0, 1, 1, 0]])
    table = pa.table({"c": ["a", "b", "a"], "x": [1, 2, 3]})
    with refused(DvarError, "categories", "`c`"):
        learn(table).encode(table).dense()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda c: c @ np.ones(3),
        lambda c: c @ np.ones((1, 4)),
        lambda c: np.ones(4) @ c,
        lambda c: np.ones((3, 2)) @ c,
        lambda c: c.gram(np.ones(4)),
        lambda c: c.gram(np.ones((1, 3))),
    ],
)
def test_refused_shapes(wrong) -> None:
    with refused(UsageError, "3 rows × 4 features", "shape ("):
        wrong(numbers_types())


# ---------------------------------------------------------------- random tables


def column_strategy(m: int) -> st.SearchStrategy[pa.ChunkedArray]:
    def of(values: st.SearchStrategy, type_: pa.DataType) -> st.SearchStrategy[pa.Array]:
        gaps = st.one_of(values, values, st.none()) if type_ != pa.bool_() else values
        return st.one_of(*(st.lists(v, min_size=m, max_size=m) for v in (values, gaps))).map(
            lambda v: pa.array(v, type_)
        )

    # No tiny ones: 1 in a table whose scale was learned from 1e-291 is rightly past the largest float when squared.
    floats = st.floats(-1e6, 1e6).filter(lambda v: v == 0 or abs(v) > 1e-100) | st.sampled_from([math.nan, math.inf, 0.0])
    text = st.sampled_from(["a", "b", "c", "déjà", ""])
    kinds = st.one_of(
        of(st.integers(-128, 127), pa.int8()),
        of(st.integers(2**63, 2**64 - 1), pa.uint64()),
        of(st.integers(-(2**31), 2**31 - 1), pa.int32()),
        of(floats, pa.float64()),
        of(floats, pa.float32()),
        of(st.booleans(), pa.bool_()),
        of(text, pa.string()),
        of(text, pa.large_string()),
        of(text, pa.dictionary(pa.int8(), pa.string())),
        of(st.integers(0, 9), pa.dictionary(pa.uint16(), pa.int64())),
    )
    cut = st.integers(0, m)
    return st.tuples(kinds, cut).map(lambda p: pa.chunked_array([p[0].slice(0, p[1]), p[0].slice(p[1])], p[0].type))


@st.composite
def typed_tables(draw: st.DrawFn) -> tuple[pa.Table, pa.Table]:
    """A table to learn from and, of the same columns, one to encode."""
    m, extra, n = draw(st.integers(2, 20)), draw(st.integers(0, 8)), draw(st.integers(1, 6))
    whole = pa.table([draw(column_strategy(m + extra)) for _ in range(n)], names=[f"c{i}" for i in range(n)])
    return whole.slice(0, m), whole.slice(extra // 2)


def by_hand(encoding: Encoding, table: pa.Table) -> np.ndarray:
    """The matrix (m, n) cell by cell, by way of Python values."""
    X = []
    for part in encoding.parts:
        values = [
            None if v is None or (isinstance(v, float) and not math.isfinite(v)) else v
            for v in table.column(part.column).to_pylist()
        ]
        match part:
            case Number():
                X.append([((part.mean if v is None else float(v)) - part.shift) / part.scale for v in values])
            case Missing():
                X.append([float(v is None) for v in values])
            case Category():
                level = [None if v is None else str(v) for v in values]
                if part.missing:
                    level = [v if v in part.levels else None for v in level]
                X += [[float(v == wanted) for v in level] for wanted in part.levels[part.reference :]]
                X += [[float(v is None) for v in level]] if part.missing else []
    return np.array(X).reshape(len(X), table.num_rows).T


def close(a: np.ndarray, b: np.ndarray, size: np.ndarray) -> None:
    """Equal but for the rounding of sums of terms of that size."""
    assert a.shape == b.shape
    assert (np.abs(a - b) <= 1e-13 * (size + 1)).all()


@settings(max_examples=150)
@given(typed_tables(), st.booleans(), st.booleans(), st.data())
def test_products_equal_those_of_a_matrix(
    pair: tuple[pa.Table, pa.Table], reference: bool, centre: bool, data: st.DataObject
) -> None:
    train, table = pair
    try:
        encoding = learn(train, reference, centre)
    except DvarError:
        return
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding
    columns, X = encoding.encode(table), by_hand(encoding, table)
    lo = data.draw(st.integers(0, len(columns)))
    hi = data.draw(st.integers(lo, len(columns)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    for block, Xb in ((columns, X), (columns[lo:hi], X[lo:hi])):
        m, n = Xb.shape
        assert block.shape == (m, n)
        assert block.names == encoding.names
        w, W, d, D = rng.normal(size=n), rng.normal(size=(3, n)).T, rng.normal(size=2 * m)[::2], rng.normal(size=(2, m))
        close(block @ w, Xb @ w, np.abs(Xb) @ np.abs(w))
        close(block @ W, Xb @ W, np.abs(Xb) @ np.abs(W))
        close(d @ block, d @ Xb, np.abs(d) @ np.abs(Xb))
        close(D @ block, D @ Xb, np.abs(D) @ np.abs(Xb))
        gram = block.gram(d)
        close(gram, (Xb * d[:, None]).T @ Xb, np.abs(Xb * d[:, None]).T @ np.abs(Xb))
        assert np.array_equal(gram, gram.T)
        for j in range(n):
            close(block.feature(j), Xb[:, j], np.abs(Xb[:, j]))


@settings(max_examples=50)
@given(typed_tables())
def test_standardised(pair: tuple[pa.Table, pa.Table]) -> None:
    try:
        encoding = learn(pair[0])
    except DvarError:
        return
    columns = encoding.encode(pair[0])
    assert not columns.unseen
    assert not columns.missing
    for z, i in zip(columns.numbers.T, encoding.singles):
        if isinstance(encoding.parts[i], Number):
            known = z if columns.gaps[i] is None else z[~columns.gaps[i]]
            assert abs(known.mean()) < 1e-9
            assert abs(known.std() - 1) < 1e-9


@pytest.mark.parametrize(
    "values", [[1e9 + 1, 1e9 - 1], [2e300, -2e300], [2e-300, 1e-300], [5e-324, 0.0], [1e9 + 1, 1e9 - 1, None]]
)
def test_extremes_are_standardised(values: list[float]) -> None:
    table = pa.table({"x": values})
    z = learn(table).encode(table).numbers[:2, 0]
    assert np.isfinite(z).all()
    if values[0] > 1e-320:
        assert np.allclose(z, [1, -1], rtol=1e-14)


def test_many_blocks_and_wide_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    m = 3000
    table = pa.table(
        {
            "wide": [f"w{i}" for i in rng.integers(0, 1100, m)],
            "a": [f"a{i}" for i in rng.integers(0, 16, m)],
            "x": rng.normal(size=m),
            "b": [f"b{i}" for i in rng.integers(0, 15, m)],
            "c": pa.array(rng.integers(0, 40, m)).dictionary_encode(),
        }
    )
    for reference in (True, False):
        encoding = Encoding.learn(table, table.column_names, reference=reference, max_levels=2000)
        columns, X = encoding.encode(table), by_hand(encoding, table)
        w, d = rng.normal(size=X.shape[1]), rng.normal(size=m)
        whole = columns @ w, d @ columns, columns.gram(d)
        monkeypatch.setattr(columns_module, "BLOCK", 700)
        blocks = columns @ w, d @ columns, columns.gram(d)
        monkeypatch.undo()
        assert sorted(len(group.parts) for group in encoding.groups) == [1, 1, 2]
        for a, b, expected in zip(whole, blocks, (X @ w, d @ X, (X * d[:, None]).T @ X)):
            assert np.allclose(a, expected, rtol=1e-11, atol=1e-11)
            assert np.allclose(b, expected, rtol=1e-11, atol=1e-11)


def test_overflow_stays_out_of_what_is_known() -> None:
    """What Arrow leaves under a null may be anything."""
    values, bits = pa.py_buffer(np.array([1.0, 1e308, -1e308, 2.0])), pa.py_buffer(np.array([0b1001], np.uint8))
    table = pa.table({"x": pa.Array.from_buffers(pa.float64(), 4, [bits, values])})
    encoding = learn(table)
    assert encoding.parts == (Number("x", 1.5, 0.5, 1.5), Missing("x"))
    assert encoding.encode(table).dense().tolist() == [[-1, 0], [0, 1], [0, 1], [1, 0]]


# ---------------------------------------------------------------- original units and files


def test_original_units() -> None:
    rng = np.random.default_rng(3)
    x, i = rng.normal(5, 3, 50), rng.integers(0, 9, 50)
    table = pa.table({"x": x, "c": [["a", "b", None][k % 3] for k in i], "i": i.astype(np.int8)})
    encoding = learn(table)
    assert encoding.names == ("x", "c=b", "c=(missing)", "i")
    b, w = 0.3, rng.normal(size=4)
    intercept, *own = encoding.to_original() @ [b, *w]
    raw = np.column_stack([x, i % 3 == 1, i % 3 == 2, i])
    assert np.allclose(intercept + raw @ own, b + encoding.encode(table) @ w, rtol=1e-13)


def sample() -> dict:
    table = pa.table({"x": [0.1, None, 3], "c": ["b", "a", "b"], "k": [1, 1, 1]})
    return json.loads(json.dumps(learn(table).to_json()))


def test_json() -> None:
    value = sample()
    assert value["parts"][0] == {"kind": "number", "column": "x", "mean": 1.55, "scale": 1.45, "shift": 1.55}
    assert value["dropped"] == {"k": "always 1"}
    assert Encoding.from_json(value).to_json() == value


REFUSED_JSON = [
    (lambda v: [], "encoding has list"),
    (lambda v: v.pop("rows"), "parts"),
    (lambda v: v.update(rows="3"), "encoding.rows is '3', not a count"),
    (lambda v: v.update(parts=[]), "encoding.parts is []"),
    (lambda v: v.update(dropped={"k": 1}), "encoding.dropped"),
    (lambda v: v["parts"].append(3), "encoding.parts[3].kind is None"),
    (
        lambda v: v["parts"][0].update(kind="spline"),
        "encoding.parts[0].kind is 'spline', not one of number, missing, category, slope, rest, joint",
    ),
    (lambda v: v["parts"][0].update(kind=[]), "encoding.parts[0].kind is []"),
    (lambda v: v["parts"][0].update(extra=1), "extra"),
    (lambda v: v["parts"][0].pop("scale"), "encoding.parts[0] has kind, column, mean, shift, not"),
    (lambda v: v["parts"][0].update(scale=0), "encoding.parts[0].scale is 0, not a positive number"),
    (lambda v: v["parts"][0].update(mean=math.nan), "mean is nan, not a finite number"),
    (lambda v: v["parts"][0].update(mean=True), "mean is True"),
    (lambda v: v["parts"][1].update(also="y"), "also is 'y'"),
    (lambda v: v["parts"][2].update(levels=["a", "a"]), "levels is ['a', 'a'], not a list of different texts"),
    (lambda v: v["parts"][2].update(levels=[1]), "levels is [1]"),
    (lambda v: v["parts"][2].update(reference=1), "reference is 1, not true or false"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED_JSON)
def test_refused_json(change, words: str) -> None:
    value = sample()
    value = value if change(value) != [] else []
    with refused(DvarError, words):
        Encoding.from_json(value)


# ---------------------------------------------------------------- the flights


def test_flights() -> None:
    table = tables.read(FLIGHTS)
    assert table.num_rows == 336_776
    _, known, label = tables.target(table, "late")
    assert (int(known.sum()), label) == (327_346, "true")
    train, test = tables.split(known, 0.2, 0)
    assert (len(train), len(test)) == (261_877, 65_469)
    features = [name for name in table.column_names if name != "late"]
    encoding = Encoding.learn(table, features, reference=True, rows=train)
    assert encoding.dropped["humid missing"] == "the same rows as `temp missing`"
    assert encoding.dropped["visib missing"] == "the same rows as `precip missing`"
    assert "wind_gust missing" in encoding.names
    columns = encoding.encode(table, rows=test)
    assert columns.missing == {}
    lo, hi = 1000, 3000
    X = by_hand(encoding, table.take(test[lo:hi]))
    block, d = columns[lo:hi], np.random.default_rng(0).normal(size=hi - lo)
    assert np.allclose(block @ np.ones(X.shape[1]), X.sum(axis=1), rtol=1e-12, atol=1e-12)
    assert np.allclose(d @ block, d @ X, rtol=1e-10, atol=1e-10)
    assert np.allclose(block.gram(d), (X * d[:, None]).T @ X, rtol=1e-9, atol=1e-9)


@pytest.mark.skipif(not DATA.exists(), reason="the data folder is not beside the repository")
def test_census_as_text_and_as_parquet() -> None:
    table = tables.read(DATA / "census_income_10k.csv")
    assert table.num_rows == 10_000
    assert tables.target(table, "income_gt_50k")[2] == "50000+"
    assert table.column("migration_code_change_in_msa").null_count > 0
    features = [name for name in table.column_names if name != "income_gt_50k"]
    columns = Encoding.learn(table, features, reference=True).encode(tables.read(DATA / "census_income_test.parquet"))
    assert len(columns) == 99_762
