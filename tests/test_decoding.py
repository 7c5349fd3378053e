"""What is decoded once and looked up, against what is made one by one: parts of a date, codes, moments, columns on threads."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvar.data import features, learning, short_text
from dvar.data import table as tables
from dvar.data.codes import code_type, looked_up
from dvar.data.encoding import Encoding
from dvar.data.source import Source
from dvar.threads import LARGE, each

FIRST, LAST = -(2**63), 2**63 - 1
PARTS = {"hour": "hour", "weekday": "day_of_week", "month": "month", "year": "year"}
PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


@settings(max_examples=60)
@given(data=st.data(), unit=st.sampled_from([*PER_DAY]), zone=st.sampled_from([None, "UTC", "Asia/Kathmandu"]))
def test_parts_of_a_time_are_those_of_each_time(data, unit, zone) -> None:
    start = data.draw(st.integers(-9000, 9000)) * PER_DAY[unit]
    near = st.integers(start, start + 40 * PER_DAY[unit])  # enough rows that hours are looked up
    values = data.draw(st.lists(near, min_size=1, max_size=20)) * 50
    gaps = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    column = pa.chunked_array([pa.array(values, pa.timestamp(unit, zone), mask=gaps)])
    table = pa.table({"t": column, "i": range(len(values))})
    for name, part in PARTS.items():
        made = features.column(table, f"{name}(t)")
        found = [None if v is None else int({d: k for k, d in enumerate(features.DAYS)}.get(v, v)) for v in made.to_pylist()]
        assert found == getattr(pc, part)(column).to_pylist(), name


@pytest.mark.parametrize(("low", "high"), [(FIRST, FIRST + 3), (LAST - 3, LAST)])
def test_hours_at_the_ends_of_what_64_bits_hold(low, high) -> None:
    column = pa.chunked_array([pa.array([low, high], pa.timestamp("ns"))])
    assert features.column(pa.table({"t": column}), "year(t)").to_pylist() == pc.year(column).to_pylist()


@given(data=st.data(), count=st.sampled_from([1, 2, 126, 127, 128, 300, 40_000]), where=st.sampled_from(["int8", "int16", "int32"]))
def test_what_is_looked_up_is_the_entry_of_each_code(data, count, where) -> None:
    if count > np.iinfo(where).max:
        where = "int32"
    codes = np.array(data.draw(st.lists(st.integers(-1, count - 1), max_size=30)), where)
    shift, last = data.draw(st.sampled_from([0, 0, 1])), data.draw(st.sampled_from([0, -1, count]))
    entries = np.array([*((np.arange(count) + shift) % max(count, 1)), last]).astype(data.draw(st.sampled_from(["int8", "uint8", "int32"])))
    assert looked_up(entries, codes).tolist() == entries[codes].tolist()
    assert looked_up(entries, codes).dtype == entries.dtype


TEXTS = st.one_of(*(st.lists(st.text(st.sampled_from(letters), min_size=n, max_size=n), min_size=1, max_size=9)
                    for letters in ("AB", "01", "\0 Zé") for n in (1, 2, 3, 4)))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@given(data=st.data(), first=TEXTS, last=st.one_of(st.just([]), TEXTS, st.just([None]), st.just(["", "A"])), skip=st.integers(0, 2))
def test_short_text_is_what_hashing_makes_of_it(kind, data, first, last, skip) -> None:
    block = data.draw(st.sampled_from([1, 2, 7, short_text.TEXTS]))
    chunks = [pa.array(first * 2, kind)[skip:], pa.array([], kind), pa.array(last + first, kind)]
    texts = [text for chunk in chunks for text in chunk.to_pylist()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(short_text, "MANY", 1)
        patch.setattr(short_text, "TEXTS", block)
        found = short_text.of_short_text(chunks)
        same = None not in texts and len({len(text.encode()) for text in texts}) == 1 and 0 < len(texts[0].encode()) <= 3
        assert (found is not None) == same
        levels = tables.levels(pa.chunked_array(chunks))
    assert [None if code < 0 else levels.texts[code] for code in levels.codes] == texts
    assert levels.texts == tuple(sorted({*texts} - {None}))
    assert levels.all_used


def test_more_short_texts_than_codes_are_hashed(monkeypatch) -> None:
    monkeypatch.setattr(short_text, "LEVELS", 3)
    texts = ["a", "b", "c"] * short_text.MANY
    assert short_text.of_short_text([pa.array(texts)]) is None
    assert tables.levels(pa.chunked_array([texts])).codes[:5].tolist() == [0, 1, 2, 0, 1]


def test_short_text_at_the_end_of_its_memory() -> None:
    starts, letters = np.arange(0, 3 * short_text.MANY + 3, 3, dtype=np.int64), b"abcxyz" * (short_text.MANY // 2)
    exact = pa.py_buffer(letters)  # where Arrow's own buffers go on a little
    chunk = pa.Array.from_buffers(pa.large_string(), short_text.MANY, [None, pa.py_buffer(starts), exact])
    codes, texts = short_text.of_short_text([chunk])
    assert [texts[code] for code in codes[-3:]] == ["xyz", "abc", "xyz"]


@given(count=st.sampled_from([1, 3, 126, 127, 130, 300]), last=st.integers(0, 400), gap=st.booleans(), rows=st.sampled_from([5, 40_000]))
def test_levels_in_use_are_found_wherever_they_stand(count, last, gap, rows) -> None:
    codes = np.zeros(rows, code_type(count))
    codes[-1], codes[rows // 2] = min(last, count - 1), -gap
    column = tables.Levels(codes, tuple(map(str, range(count))), False)
    assert [k for k, used in enumerate(learning.used_levels(column)) if used] == sorted({0, min(last, count - 1)}) + [count] * gap


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("rows", [7, learning.STRETCH + 5])
@pytest.mark.parametrize("size", [1.0, 1e-300, 1e300])
def test_moments_are_those_of_exact_sums(rows, size, gaps) -> None:
    x = (np.arange(rows) % 7 + 1e6) * size
    missing = np.arange(rows) % 3 == 0 if gaps else None
    if gaps:
        x[missing] = np.nan
    known = [Fraction(v) for v in (x[~missing] if gaps else x).tolist()]
    mean = sum(known) / len(known)
    unit = Fraction(size)
    variance = sum(((v - mean) / unit) ** 2 for v in known) / len(known)
    low, high, found, scale = learning.moments(x, missing)
    assert (low, high) == (min(known), max(known))
    assert (found, scale) == pytest.approx((float(mean), float(variance) ** 0.5 * size), rel=1e-12)


def test_moments_of_numbers_whose_squares_overflow() -> None:
    x = np.random.default_rng(0).normal(size=1001) * 1e307
    low, high, mean, scale = learning.moments(x, None)
    assert (low, high) == (x.min(), x.max())
    assert (mean, scale) == pytest.approx(((x / 2**900).mean() * 2.0**900, (x / 2**900).std() * 2.0**900), rel=1e-12)


def test_a_source_is_decoded_once() -> None:
    table = pa.table({"x": [1.0, None, 3.0, 4.0], "c": ["a", "b", None, "a"], "t": pa.array([0, 1, 2, 3], pa.timestamp("s"))})
    source = Source(table, np.array([0, 1, 3]))
    learned = Encoding.learn(source, ["x", "c"], reference=True)
    again = Encoding.learn(table, ["x", "c"], reference=True, rows=source.rows)
    assert learned == again
    assert learned.rows == 3
    assert source.numbers("x") is source.numbers("x")
    assert source.levels("c") is source.levels("c")
    columns, other = learned.encode(source), again.encode(table, source.rows)
    assert all(a.tolist() == b.tolist() for a, b in zip(columns.data, other.data, strict=True))


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_of_several_mistakes_the_first_column_is_told(threads, monkeypatch) -> None:
    monkeypatch.setenv("DVAR_THREADS", threads)

    def wrong(column: int) -> int:
        if column in (3, 4, 9):
            raise ValueError(column)
        return -column

    for rows in (1, LARGE):
        assert each(wrong, range(3), rows) == [0, -1, -2]
        with pytest.raises(ValueError, match="3"):
            each(wrong, range(12), rows)


@pytest.mark.parametrize("reference", [True, False])
@pytest.mark.parametrize("texts", [["new"], ["new", "newer"], ["a", "new"], ["a"]])
def test_levels_that_are_new_and_rows_without_one_are_counted_apart(texts, reference) -> None:
    learned = Encoding.learn(pa.table({"c": ["a", "b", "a", "b"]}), ["c"], reference=reference)
    columns = learned.encode(pa.table({"c": [*texts, None, *texts, None, None]}))
    new = 2 * sum(text.startswith("new") for text in texts)
    assert columns.unseen == ({"c": new} if new else {})
    assert columns.missing == {"c": 3}
