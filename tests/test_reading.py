"""Files of every kind and cut, read as people have them; and columns derived from columns."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather

from dvar.data import batching, reading, writing
from dvar.data import features as asked
from dvar.data import table as tables
from dvar.data.cutting import led_by_zero
from dvar.data.encoding import Encoding
from dvar.data.numerals import as_number
from dvar.data.passing import Spaces
from dvar.data.text import How
from dvar.errors import DvarError, UsageError


def read(path: Path, content: bytes, **how) -> tuple[pa.Table, list[str]]:
    path.write_bytes(content)
    notes: list[str] = []
    return reading.read(path, How(**how), notes.append), notes


ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
PLAIN = b"a,b\n1,x\n2,\n"


def made(form: str, last: str | None = None) -> bytes:
    table, out = pa.table({"a": [1, 2], "b": ["x", last]}), io.BytesIO()
    if form == "parquet":
        pq.write_table(table, out)
    elif form == "arrow":
        feather.write_feather(table, out, compression="uncompressed")
    else:
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
    return out.getvalue()


TEXTS = [  # file name, its bytes, how it is read, the rows, what is said
    ("t.csv", PLAIN, {}, ROWS, ""),
    ("t.csv", PLAIN.replace(b"\n", b"\r\n"), {}, ROWS, ""),
    ("t.csv", PLAIN.rstrip(), {}, ROWS, ""),
    ("t.csv.gz", gzip.compress(PLAIN), {}, ROWS, ""),
    ("t.csv.bz2", bz2.compress(PLAIN), {}, ROWS, ""),
    ("t.csv.zst", pa.Codec("zstd").compress(PLAIN, asbytes=True), {}, ROWS, ""),
    ("t.tsv", PLAIN.replace(b",", b"\t"), {}, ROWS, ""),
    ("t.tsv", PLAIN, {}, ROWS, "separated by ','"),
    ("t.tsv", b"a\n1\n2\n", {}, [{"a": 1}, {"a": 2}], ""),
    ("t.csv", PLAIN.replace(b",", b";"), {}, ROWS, "separated by ';'"),
    ("t.csv", PLAIN.replace(b",", b"|"), {}, ROWS, "separated by '|'"),
    ("t.csv", b"\xef\xbb\xbf" + PLAIN, {}, ROWS, ""),
    ("t.csv", PLAIN.decode().encode("utf-16"), {}, ROWS, "utf-16"),
    ("t.csv", "a,b\n1,é\n2,\n".encode("latin-1"), {}, [{"a": 1, "b": "é"}, {"a": 2, "b": None}], "cp1252"),
    ("t.csv", "a,é\n1,x\n2,\n".encode("latin-1"), {}, [{"a": 1, "é": "x"}, {"a": 2, "é": None}], "cp1252"),
    ("t.csv", "a,b\n1,“€”\n2,é".encode("cp1252"), {}, [{"a": 1, "b": "“€”"}, {"a": 2, "b": "é"}], "cp1252, since it is not UTF-8"),
    ("t.csv", b"a,b\n1,\x81\n2,\xe9\n", {}, [{"a": 1, "b": "\x81"}, {"a": 2, "b": "é"}], "latin-1, since it is not UTF-8"),
    ("t.csv", b"a,b\n1,0xffffffffffffffff\n2,0X1f\n", {}, [{"a": 1, "b": "0xffffffffffffffff"}, {"a": 2, "b": "0X1f"}],
     "b: numbers written as 0x1F are read as text"),
    ("t.csv", b"a,0x1f\n1,2\n3,4\n", {}, [{"a": 1, "0x1f": 2}, {"a": 3, "0x1f": 4}], ""),
    ("t.csv", b"a;b\n1,5;x\n2,25;\n", {"decimal": ","}, [{"a": 1.5, "b": "x"}, {"a": 2.25, "b": None}], "separated"),
    ("t.csv", b"a;b\n1,5;x\n2,25;\n", {}, [{"a": "1,5", "b": "x"}, {"a": "2,25", "b": None}], "--decimal ,"),
    ("t.csv", b"a,b\n1,x\n2,-\n", {"missing": ("-",)}, ROWS, ""),
    ("t.csv", b"a,b\n1,x\n-999,?\n", {"missing": ("-999",)}, [{"a": 1, "b": "x"}, {"a": None, "b": None}], ""),
    ("t.csv", b"a,b\n+1,x\n 2 ,NA\n", {}, [{"a": 1.0, "b": "x"}, {"a": 2.0, "b": None}], ""),
    ("t.csv", b"a,b\n- 1,x\n1 000,null\n", {}, [{"a": -1.0, "b": "x"}, {"a": 1000.0, "b": None}], "read as numbers"),
    ("t.csv", b"a,b\n007,x\n12,y\n", {}, [{"a": "007", "b": "x"}, {"a": "12", "b": "y"}], "begin with 0"),
    ("t.csv", b'a,b\n1,"x\ny, ""z"""\n', {}, [{"a": 1, "b": 'x\ny, "z"'}], ""),
    ("t.csv", b'a,b\n1,5" pipe\n', {}, [{"a": 1, "b": '5" pipe'}], ""),
    ("t.csv", PLAIN.decode().encode("utf-16-le"), {}, ROWS, "every other byte is 0"),
    ("t.csv", PLAIN.decode().encode("utf-16-be"), {}, ROWS, "every other byte is 0"),
    ("t.csv", PLAIN.replace(b"\n", b"\r"), {}, ROWS, ""),
    ("t.csv", b"\n\n" + PLAIN, {}, ROWS, ""),
    ("t.txt", PLAIN.replace(b",", b"\t"), {}, ROWS, "separated by '\\t'"),
    ("t.csv", b"a , b\n1,x\n2,\n", {}, ROWS, "spaces around the names"),
    ("t.csv", b"a, b\n1, x\n2, ?\n", {}, ROWS, "the space after each ',' is left out"),
    ("t.csv", b"a; b\n1;  x\n2; \n", {}, ROWS, "the space after each ';' is left out"),
    ("t.csv", b"a, b\n1, x\n2, y\n3,z\n", {}, [{"a": 1, "b": " x"}, {"a": 2, "b": " y"}, {"a": 3, "b": "z"}], "around the names"),
    ("t.csv", b'a, b\n 1, "x, y"\n2, "5"" pipe"\n3, 5" pipe\n4, x\n', {},
     [{"a": 1, "b": "x, y"}, {"a": 2, "b": '5" pipe'}, {"a": 3, "b": '5" pipe'}, {"a": 4, "b": "x"}], "is left out"),
    ("t.csv", b"a, b\n1, 007\n2, 12\n", {}, [{"a": 1, "b": "007"}, {"a": 2, "b": "12"}], "begin with 0"),
    ("t.csv", b"\xef\xbb\xbf\xef\xbb\xbf" + PLAIN, {}, ROWS, ""),
    ("t.csv", b"a,,\nx,b,c\n1,x,3\n", {}, [{"a": "x", "column 2": "b", "column 3": "c"}, {"a": "1", "column 2": "x", "column 3": "3"}],
     "column 2, column 3; line 1 is read as the names: does a title stand above them?"),
    ("t.csv", b"a,b,\n1,x,\n2,,\n", {}, [r | {"column 3": None} for r in ROWS], "column 3"),
    ("t.csv", b"a,b,,\n1,x,3,4\n2,,3,4\n", {}, [r | {"column 3": 3, "column 4": 4} for r in ROWS], "column 3, column 4"),
    ("t.csv", b"a;b\n1.000,5;x\n2;\n", {"decimal": ","}, [{"a": 1000.5, "b": "x"}, {"a": 2.0, "b": None}], "'1.000,5' is read as numbers"),
    ("t.csv", b'a,b\n1,x\n2,"x, y"\n3,oops\n', {}, [{"a": 1, "b": "x"}, {"a": 2, "b": "x, y"}, {"a": 3, "b": "oops"}], ""),
    ("t.jsonl", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "-"}\n', {"missing": ("-",)}, ROWS, ""),
    ("t.parquet", made("parquet", "-"), {"missing": ("-", "7")}, ROWS, ""),
    ("t.arrow", made("stream", "-"), {"missing": ("-",)}, ROWS, ""),
    ("t.jsonl", b'{"a": 1, "b": "x"}\n{"a": 2}\n', {}, ROWS, ""),
    ("t.ndjson.gz", gzip.compress(b'\n{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n'), {}, ROWS, ""),
    ("t.parquet", made("parquet"), {}, ROWS, ""),
    ("t.jsonl", b'\xef\xbb\xbf{"a": 1, "b": "x"}\n{"a": 2}', {}, ROWS, ""),
    ("t.jsonl.gz", gzip.compress(b'\xef\xbb\xbf{"a": 1, "b": "x"}\n{"a": 2}'), {}, ROWS, ""),
    ("t.jsonl", b'{\n"a": 1, "b": "x"\n}\n{\n"a": 2\n}', {}, ROWS, ""),
    ("t.feather", made("arrow"), {}, ROWS, ""),
    ("t.arrow", made("stream"), {}, ROWS, ""),
]


@pytest.mark.parametrize(("name", "content", "how", "rows", "said"), TEXTS, ids=range(len(TEXTS)))
def test_a_file_as_people_have_it(tmp_path, name, content, how, rows, said):
    table, notes = read(tmp_path / name, content, **how)
    assert table.to_pylist() == rows
    assert said in "; ".join(notes)
    assert bool(notes) == bool(said)
    streamed = pa.concat_tables(list(batching.batches(tmp_path / name, How(**how), {"a": "number", "b": "category"})))
    assert streamed.num_rows == len(rows)
    if not isinstance(rows[0]["a"], str) and "1 000" not in str(content):
        assert streamed.column("a").to_pylist() == [r["a"] for r in rows]


@pytest.mark.parametrize("at", [0, 1, 7_000, 60_000, 99_999])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_digits_led_by_zero_are_text_wherever_they_stand(tmp_path, at, end):
    rows = [f"0.5,{k},{k},2024-01-0{k % 9},00:15" for k in range(100_000)]
    rows[at] = f"0.5,{at},00{at},2024-01-01,00:15"
    table, notes = read(tmp_path / "t.csv", end.join(["x,k,zip,day,time", *rows, ""]).encode())
    assert [str(t) for t in table.schema.types[:2]] == ["double", "int64"]
    assert table.column("zip")[at].as_py() == f"00{at}"
    assert [n for n in notes if "begin with 0" in n] == ["zip: digits that begin with 0 are read as text; number(zip) reads them as numbers"]


@pytest.mark.parametrize("quote", ["", '"'])
def test_one_field_led_by_0_is_found_among_many_of_other_columns(tmp_path, quote):
    rows = ["0123,5,6"] * 5000
    rows[4321] = f"0123,5,{quote}007{quote}"
    (tmp_path / "t.csv").write_text("zip,n,id\n" + "\n".join(rows) + "\n")
    table = reading.read(tmp_path / "t.csv")
    assert table.column("id")[4321].as_py() == "007"
    assert table.column("n")[0].as_py() == 5


LED = [  # rows under zip,n,id, one of them with digits led by a 0; the columns that hold some
    ([f"1,5,{'x' * 200_000}", f"007,5,{'x' * 200_000}"], ["zip"]),
    ([f'"{"1, " * 70_000}",5,007'], ["id"]),
    (['x,5,"01,02,03"'] * 9 + ['x,5,"a,007,b"'], []),
    (['5" wide,007,3" high'], ["n"]),
    (['5",6",007', '"5"",""007",6,7'], ["id"]),
    (["1,2,3", "007,2,3,4"], []),
    (['1,2,"3', '4"', "1,2,007"], ["id"]),
]


@pytest.mark.parametrize(("rows", "columns"), LED, ids=range(len(LED)))
def test_the_column_of_digits_led_by_0_is_the_one_they_stand_in(rows, columns):
    content = "\n".join(["zip,n,id", *rows, *["1,2,3"] * 30_000, ""]).encode()
    found = led_by_zero(content, ",", ("zip", "n", "id"))
    assert list(found) == columns


@given(st.lists(st.tuples(*[st.sampled_from(["7", "007", "0", "00", "0.5", "x", "", "a,007", '0"1', "01,02"])] * 3), max_size=8),
       st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["\n", "\r\n"]))
def test_digits_led_by_0_are_where_another_reader_finds_them(rows, quoting, end):
    out = io.StringIO()
    csv.writer(out, quoting=quoting, lineterminator=end).writerows([["zip", "n", "id"], *rows])
    found = led_by_zero(out.getvalue().encode(), ",", ("zip", "n", "id"))
    for name, column in zip(("zip", "n", "id"), zip(*rows, strict=True), strict=bool(rows)):
        is_text = any("," in field for field in column)  # whatever else it holds
        assert is_text or (name in found) == any(re.fullmatch(r"0\d+", field) for field in column)


NOT = "is the file whole"
DAMAGED = [  # file name, its bytes, what is said, what helps
    ("t.csv", b"", "empty (0 bytes)", "at least one row"),
    ("t.csv.gz", gzip.compress(b""), "empty once unpacked", "at least one row"),
    ("t.csv", b"a,b\n", "2 columns but no rows", "at least one row"),
    ("t.csv", b"# by me\na,b\n1,2\n", "line 2 has 2 fields, the header 1", "something above them?"),
    ("t.csv", b"# by me\n# today\na,b\n1,2\n", "line 3 has 2 fields, the header 1", "something above them?"),
    ("t.csv", b"a,b\n" + 10**6 * b"1,2\n" + b"1,\0\n", "line 1000002 holds bytes that are not text", "of the kind its suffix says?"),
    ("t.csv", b"a, b\n" + 10**6 * b"1, 2\n" + b"1, 2, 3\n", "line 1000002 has 3 fields", "mend the line"),
    ("t.csv", "a,b\n1,2\n".encode("utf-32"), "encoded as UTF-32", "UTF-8"),
    ("t.csv", b"a,b\n1,2\n3,\0\n", "line 3 holds bytes that are not text", "suffix"),
    ("t.csv", b"sep=;\na;b\n1;2\n", "line 1 is 'sep=;', which says what stands between fields", "leave that line out"),
    ("t.csv", b'\xef\xbb\xbf"sep=,"\r\na,b\r\n1,2\r\n', "which says what stands between fields", "leave that line out"),
    ("t.csv", b"a,b\n1,2\n3\n", "line 3 has 1 field, the header 2", "quote"),
    ("t.csv", b'a,b\n1,"2\n2"\n1,2,3\n', "line 4 has 3 fields, the header 2", "quote"),
    ("t.csv", b'a,b\n1,2\n1,"x\ny\n3,4\n', "line 3: a quotation mark is opened", "cut off"),
    ("t.csv", b"a,a\n1,2\n", "more than one column named 'a'", "own name"),
    ("t.csv", b"\x7fELF\x00\x01\x02,\n", "not text", "suffix"),
    ("t.csv", made("parquet"), "by its first bytes Parquet", "….parquet"),
    ("t.csv", made("arrow"), "by its first bytes Arrow", "….arrow"),
    ("t.csv", gzip.compress(PLAIN), "by its first bytes gzip", "….gz"),
    ("t.csv", b"\n <!DOCTYPE html><html>404</html>\n", "by its first bytes a web page", "the raw file"),
    ("t.tsv", b"\xef\xbb\xbf<?xml version='1.0'?><a/>", "by its first bytes a web page", "the raw file"),
    ("t.csv", b"PK\x03\x04...", "a spreadsheet", "as CSV"),
    ("t.csv", b"%PDF-1.7", "PDF", "as CSV"),
    ("t.csv.gz", PLAIN, "by its name it is gzip", NOT),
    ("t.csv.gz", gzip.compress(PLAIN * 1000)[:60], "cannot be read", NOT),
    ("t.csv.bz2", bz2.compress(PLAIN * 1000)[:60], "cannot be read", NOT),
    ("t.parquet", PLAIN, "by its name it is Parquet", NOT),
    ("t.parquet", made("parquet")[:-20], "cannot be read", NOT),
    ("t.parquet", made("parquet")[:40], "cannot be read", NOT),
    ("t.arrow", made("arrow")[:100], "cannot be read", NOT),
    ("t.arrow", made("stream")[:100], "cannot be read", NOT),
    ("t.jsonl", b'{"a": 1}\n{"a": }\n', "line 2 cannot be read", "one object a line"),
    ("t.jsonl", b'[{"a": 1}]', "by its name it is JSON, by its first bytes one JSON array", "one object a line"),
    ("t.csv", b' [ {"a": 1}]', "one JSON array", "one object a line"),
    ("t.csv", b"a,b\n" + b"1,2\n" * 20_000 + b"3,\0\n", "line 20002 holds bytes that are not text", "suffix"),
    ("t.csv", b'a,b\n1,"x,2\n3,4\n', "line 2: a quotation mark is opened", "cut off"),
    ("t.jsonl", b'{"a": 1}\n{"a": {"b": 2}}\n', "cannot be read", "one object a line"),
]


@pytest.mark.parametrize(("name", "content", "what", "help"), DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_told(tmp_path, name, content, what, help):
    with pytest.raises(DvarError) as whole:
        read(tmp_path / name, content)
    assert what in whole.value.what
    assert help in whole.value.help
    assert name in whole.value.what
    with pytest.raises(DvarError) as streamed:
        list(batching.batches(tmp_path / name))
    assert what in streamed.value.what or "no rows" in what
    assert help in streamed.value.help


@settings(max_examples=200)
@given(text=st.text(alphabet='ab ,"\n', max_size=40), at=st.lists(st.integers(0, 40), max_size=4))
def test_spaces_are_left_out_as_by_csv_of_python(text, at):
    passed, ends = Spaces(","), [0, *sorted(at), len(text)]
    found = "".join(passed(text[lo:hi].encode()).decode() for lo, hi in zip(ends, ends[1:]))
    rows = [[row for row in csv.reader(io.StringIO(of), skipinitialspace=skip) if any(row)] for of, skip in ((found, False), (text, True))]
    assert rows[0] == rows[1]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.sampled_from(["parquet", "arrow", "stream", "csv.gz", "csv", "jsonl"]), at=st.integers(0, 10_000), cut=st.booleans(), byte=st.integers(0, 255))
def test_any_damage_is_an_error_or_a_table(tmp_path, which, at, cut, byte):
    whole = {"csv": PLAIN, "csv.gz": gzip.compress(PLAIN), "jsonl": b'{"a": 1, "b": "x"}\n'}.get(which) or made(which)
    at %= len(whole)
    content = whole[:at] if cut else whole[:at] + bytes([byte]) + whole[at + 1 :]
    path = tmp_path / f"t.{'arrow' if which == 'stream' else which}"
    path.write_bytes(content)
    for way in (reading.read, lambda p: list(batching.batches(p))):
        try:
            way(path)
        except DvarError as error:
            assert error.help


LOOKS = [  # a column of text, what is said of it
    (["1,5", "2,5"], "looks like numbers with a decimal comma; --decimal ,"),
    (["1,000", "12,500", "1,250,000"], "looks like numbers with commas between thousands, and is read as levels"),
    (["1", "$1,000.50"], "'$1,000.50' is read as levels; number(a) reads the number in it"),
    (["5 %", "7 %"], "'5 %' is read as levels; number(a) reads the number in it"),
    (["$5", "€7"], "'$5' looks like numbers"),
    (["5%", "1,234 %"], "'5%' looks like numbers"),
    (["1,000", "12"], "'1,000' looks like numbers"),
    (["05/01/2024", "31/01/2024"], "looks like dates, and is read as levels: a date is written 2024-01-31"),
    (["2024-01-31", "2024-02-30"], "text such as '2024-02-30' looks like dates"),
    (["1", "2", "n.a."], "1 of 3 rows holds no number ('n.a.'); --missing n.a. makes them missing"),
    (["1", "2", "3", "4", "-", "-", "x y"], "3 of 7 rows hold no number ('-', 'x y'); --missing - and so on"),
    (["a", "b", "1"], ""),
    (["x1", "x2", "x3"], ""),
]


@pytest.mark.parametrize(("column", "said"), LOOKS, ids=range(len(LOOKS)))
def test_text_that_looks_like_something_else_is_told(tmp_path, column, said):
    table, notes = read(tmp_path / "t.csv", ("a\n" + "".join(f'"{v}"\n' for v in column)).encode())
    assert table.column("a").to_pylist() == column
    assert said in "; ".join(notes)
    assert bool(notes) == bool(said)


@pytest.mark.parametrize(("amount", "said"), [("5 %", "number(a) reads the number in it"), ("$1.000", "'$1.000' looks like numbers")])
def test_no_amount_is_read_otherwise_than_its_decimal_comma_says(tmp_path, amount, said):
    assert said in "".join(read(tmp_path / "t.csv", f"a;b\n{amount};x\n{amount};y\n".encode(), decimal=",")[1])


def test_a_first_line_of_numbers_is_told(tmp_path):
    assert "does it lack such a line?" in "".join(read(tmp_path / "t.csv", b"1,2\n3,4\n")[1])


def test_something_late_in_a_long_column_is_told(tmp_path):
    content = "a,b\n" + "".join(f"{k % 7},{k / 7}\n" for k in range(200_000)) + "oops,never\n"
    notes = read(tmp_path / "t.csv", content.encode())[1]
    assert ["1 of 200,001 rows holds no number ('oops')" in notes[0], "('never')" in notes[1], len(notes)] == [True, True, 2]


@pytest.mark.parametrize("letters", ["é", "€"])
@pytest.mark.parametrize("space", ["", " "])
def test_letters_of_windows_beyond_what_is_read_ahead(tmp_path, letters, space):
    rows = ["a,b".replace(",", f",{space}"), *[f"{k % 7},{space}x" for k in range(400_000)], *[f"5,{space}{letters * 9}"] * 99_999]
    (tmp_path / "t.csv").write_bytes("\n".join(rows).encode("cp1252"))
    whole = reading.read(tmp_path / "t.csv")
    cut = pa.concat_tables(list(batching.batches(tmp_path / "t.csv", wanted={"a": "number", "b": "category"})))
    assert cut.column("b").to_pylist() == whole.column("b").to_pylist() == ["x"] * 400_000 + [letters * 9] * 99_999
    assert cut.column("a").to_pylist() == whole.column("a").to_pylist()
    (tmp_path / "end.csv").write_bytes("\n".join([*rows[:400_001], f"5,{space}{letters}"]).encode("cp1252"))
    assert [*batching.batches(tmp_path / "end.csv")][-1].column("b")[-1].as_py() == letters
    with (tmp_path / "t.csv").open("ab") as file:
        file.write(b"\n5,\x81")
    with pytest.raises(DvarError, match=r"t\.csv is not UTF-8, and 0x81 is no letter of cp1252"):
        list(batching.batches(tmp_path / "t.csv", wanted={"a": "number", "b": "category"}))


def test_places(tmp_path):
    (tmp_path / "flights.csv").write_bytes(PLAIN)
    (tmp_path / "a.doc").write_bytes(PLAIN)
    with pytest.raises(UsageError, match=r"no file .*did you mean 'flights.csv'"):
        reading.read(tmp_path / "flight.csv")
    with pytest.raises(UsageError, match="folder without Parquet"):
        reading.read(tmp_path)
    with pytest.raises(UsageError, match="suffix '.doc'"):
        reading.read(tmp_path / "a.doc")


def test_a_folder_of_parts(tmp_path):
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        pq.write_table(pa.table({"a": [year, 1], "t": ["x", None]}), tmp_path / f"year={year}" / "part-0.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    table = reading.read(tmp_path)
    assert table.to_pydict() == {"a": [2023, 1, 2024, 1], "t": ["x", None, "x", None], "year": ["2023", "2023", "2024", "2024"]}
    assert sum(t.num_rows for t in batching.batches(tmp_path)) == 4
    pq.write_table(pa.table({"b": [1]}), tmp_path / "odd.parquet")
    with pytest.raises(DvarError, match="other columns"):
        reading.read(tmp_path)


def test_standard_input(monkeypatch):
    for content in (PLAIN, made("parquet"), made("arrow"), gzip.compress(PLAIN), b'{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n'):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert reading.read("-").to_pylist() == ROWS


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
@pytest.mark.parametrize("names", ['"a\n{}"', '"a\r\n""b"" {}"', '"{}\n"', '5" {}'])
def test_a_long_header_of_names_over_several_lines(tmp_path, names, codec):
    columns = 20_000 if codec == "utf-16" else 60_000
    header = [names.format(k) for k in range(columns)]
    content = ",".join(header) + "\n" + ("1," * columns)[:-1] + "\n" + ("2," * columns)[:-1] + "\n"
    (tmp_path / "t.csv").write_bytes(content.encode(codec))
    for table in (reading.read(tmp_path / "t.csv"), pa.concat_tables(list(batching.batches(tmp_path / "t.csv")))):
        assert table.column_names == [n.strip() for n in next(csv.reader(io.StringIO(content, newline="")))]
        assert [int(v) for v in table.column(columns - 1).to_pylist()] == [1, 2]


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("length", [1, 60])  # 64 KiB are read ahead of a whole file, 1 MiB of a stream
def test_a_header_longer_than_what_is_read_ahead(tmp_path, length, end, codec):
    columns = 20_000
    names = [f"{'a' * length}{k}" for k in range(columns)]
    rows = [["1"] * columns, [str(k % 7) for k in range(columns)]]
    (tmp_path / "t.csv").write_bytes((end.join(";".join(row) for row in [names, *rows]) + end).encode(codec))
    table = reading.read(tmp_path / "t.csv")
    assert table.column_names == names
    assert [table.column(k).to_pylist() for k in (0, columns - 1)] == [[1, 0], [1, (columns - 1) % 7]]
    streamed = pa.concat_tables(list(batching.batches(tmp_path / "t.csv")))
    assert streamed.column_names == names
    assert streamed.num_rows == 2


def test_a_header_of_one_long_name(tmp_path):
    (tmp_path / "t.csv").write_text("a" * 200_000 + ",b\n1,2\n")
    assert reading.read(tmp_path / "t.csv").to_pylist() == [{"a" * 200_000: 1, "b": 2}]


def test_thousands_of_columns(tmp_path):
    names = [f"c{k}" for k in range(3000)]
    content = ",".join(names) + "\n" + "\n".join(",".join(str(k * r) for k in range(3000)) for r in range(3))
    table, _ = read(tmp_path / "wide.csv", content.encode())
    assert table.column_names == names
    assert table.column("c2999").to_pylist() == [0, 2999, 5998]


@pytest.mark.parametrize(("text", "value"), [
    ("5", 5), (" 5 ", 5), ("+5", 5), ("- 5", -5), ("−5", -5), ("1 000", 1000), ("1\u00a0000 000", 1e6), ("2.5e-3", 0.0025), (".5", 0.5),
    ("", None), ("+", None), ("1 00", None), ("5 %", None), ("- 50000+", None), ("0x5", None), ("1_000", None), ("e5", None), ("nan", None),
])
def test_numbers_as_text(text, value):
    assert as_number(text) == value


# ---------------------------------------------------------------- written and read again

FORMS = ["csv", "tsv", "csv.gz", "csv.zst", "tsv.bz2", "parquet", "pq", "arrow", "feather", "jsonl", "jsonl.gz"]
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).map(lambda t: "w" + t + "z")
NAMES = st.lists(WORDS, min_size=2, max_size=5, unique=True)


def of_type(m: int) -> st.SearchStrategy[pa.Array]:
    def some(values: st.SearchStrategy, type_: pa.DataType) -> st.SearchStrategy[pa.Array]:
        return st.lists(values | st.none(), min_size=m, max_size=m).map(lambda v: pa.array(v, type_))

    return st.one_of(
        some(st.integers(-(2**40), 2**40), pa.int64()),
        some(st.floats(-1e300, 1e300), pa.float64()),
        some(st.booleans(), pa.bool_()),
        some(WORDS, pa.string()),
        some(st.dates(), pa.date32()),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES, m=st.integers(1, 8), form=st.sampled_from(FORMS), data=st.data())
def test_what_is_written_is_read_again(tmp_path, names, m, form, data):
    table = pa.table([data.draw(of_type(m)) for _ in names], names=names)
    path = str(tmp_path / f"t.{form}")
    assert writing.write(path, iter([table.slice(0, m // 2), table.slice(m // 2)])) == m
    back = reading.read(path)
    assert back.column_names == names
    for name in names:
        found, was = back.column(name).to_pylist(), table.column(name).to_pylist()
        if table.column(name).type == pa.date32() and form.startswith("json"):  # which has no dates, only texts that look like some
            found, was = [str(v)[:10] for v in found], [str(v) for v in was]
        assert found == was


TIMES = [  # times in JSON, the type they are read as
    (["2024-01-31T17:45:01", None], "timestamp[s]"),
    ([None, "2024-01-31T17:45:01.5", "2024-01-31 00:00:00.123456"], "timestamp[us]"),
    (["2024-01-31T17:45:01.123Z", "2024-01-31T19:45:01.5+02:00"], "timestamp[us, tz=UTC]"),
    (["2024-01-31T17:45:01.123456789"], "timestamp[ns]"),
    (["2024-01-31T17:45:01.5", "never"], "string"),
    (["2024-01-31T17:45:01.5", "2024-01-31T17:45:01.5Z"], "string"),
    (["2024-01-31", "2024-01-31 17:45:00", "2024-01-31T17:45:01.5"], "timestamp[us]"),
    (["17:45:01.5"], "string"),
]


@pytest.mark.parametrize(("times", "type_"), TIMES)
def test_times_in_json(tmp_path, times, type_):
    table, _ = read(tmp_path / "t.jsonl", "".join(json.dumps({"t": t}) + "\n" for t in times).encode())
    assert str(table.column("t").type) == type_
    one = str if type_ == "string" else pd.Timestamp
    assert [t and one(t) for t in table.column("t").to_pylist()] == [t and one(t) for t in times]


def test_json_of_times_and_decimals_is_read_again(tmp_path):
    table = pa.table({"d": pa.array([Decimal("8.96"), None]), "k": pa.array([Decimal(12345678901234567)] * 2), "t": pa.array([1, 10**15 + 1], pa.timestamp("us"))})
    writing.write(str(tmp_path / "t.jsonl"), iter([table]))
    assert reading.read(tmp_path / "t.jsonl").to_pydict() == {"d": [8.96, None], "k": [12345678901234567] * 2, "t": table.column("t").to_pylist()}


ZONES = [  # times as JSON lines have them, whether they are known to be in a zone; UTC's once read
    (["2024-01-31T03:00:00+09:00", "2024-01-31T03:00:00Z"], ["2024-01-30 18:00:00+00:00", "2024-01-31 03:00:00+00:00"]),
    (["2024-01-31 03:00-0530", None], ["2024-01-31 08:30:00+00:00", None]),
    (["2024-01-31T03:00:00", "2024-01-31T04:00:00"], ["2024-01-31 03:00:00", "2024-01-31 04:00:00"]),
    (["2024-01-31", "2024-02-01"], ["2024-01-31 00:00:00", "2024-02-01 00:00:00"]),
    ([None] * 5000 + ["2024-01-31T03:00:00Z"], [None] * 5000 + ["2024-01-31 03:00:00+00:00"]),
]


@pytest.mark.parametrize(("written", "times"), ZONES, ids=range(len(ZONES)))
def test_json_keeps_that_times_have_a_zone(tmp_path, written, times):
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"a": 1, "when": text}) + "\n" for text in written))
    for table in (reading.read(path), pa.concat_tables(batching.batches(path))):
        assert [time and str(time) for time in table.column("when").to_pylist()] == times


@pytest.mark.parametrize("rows", [2, 200_000])
def test_long_numbers_that_nothing_is_made_of_keep_their_digits(tmp_path, rows):
    ids = [str(10**19 + k) for k in range(rows)]
    (tmp_path / "t.csv").write_text("id,x,big\n" + "".join(f"{i},{k},{k}e300\n" for k, i in enumerate(ids)))
    found = pa.concat_tables(batching.batches(tmp_path / "t.csv", wanted={"x": "number"}))
    assert found.column("id").to_pylist() == ids
    assert [str(t) for t in found.schema.types[1:]] == ["double", "double"]
    found = pa.concat_tables(batching.batches(tmp_path / "t.csv", wanted={"x": "number", "id": "number"}))
    assert str(found.schema.field("id").type) == "double"


def test_the_last_line_of_a_stream_need_not_end(tmp_path, monkeypatch):
    lines = b'{"a": 0.5, "b": "x"}\n{"a": 2, "b": null}'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    [table] = batching.batches("-")
    assert [str(t) for t in table.schema.types] == ["double", "string"]


def test_json_that_is_not_long_is_one_batch_of_one_type(monkeypatch):
    lines = b'{"a": 1, "b": null}\n' * 9999 + b'{"a": 0.5, "b": "x"}'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    [table] = batching.batches("-")
    assert ([str(t) for t in table.schema.types], len(table)) == (["double", "string"], 10_000)


def test_views_of_text_are_written_as_text(tmp_path):
    table = pa.table({"s": pa.array(["a", None, "b"]).cast(pa.string_view())})
    for name in ("t.csv", "t.parquet", "t.jsonl"):
        writing.write(str(tmp_path / name), iter([table]))
        assert reading.read(tmp_path / name).column("s").to_pylist() == ["a", None, "b"]


# ---------------------------------------------------------------- columns derived from columns

FLIGHTS = ["late", "dep_delay", "dep_time", "carrier", "origin", "date", "a:b", "Weight (kg)", "-x"]


@pytest.mark.parametrize(("features", "chosen"), [
    (None, FLIGHTS[1:]),
    ("carrier,origin", ["carrier", "origin"]),
    ("dep_*", ["dep_delay", "dep_time"]),
    ("*,-dep_*,-date", ["carrier", "origin", "a:b", "Weight (kg)", "-x"]),
    ("-carrier", ["dep_delay", "dep_time", "origin", "date", "a:b", "Weight (kg)", "-x"]),
    ("hour(date),category(dep_time)", ["hour(date)", "category(dep_time)"]),
    ("carrier:origin,origin:carrier,dep_time:dep_time", ["carrier:origin", "dep_time:dep_time"]),
    ("dep_delay:`a:b`,`a:b`:dep_delay", ["dep_delay:`a:b`"]),
    ("carrier:origin,date,-origin:carrier", ["date"]),
    ("carrier:dep_*", ["carrier:dep_delay", "carrier:dep_time"]),
    ("a:b,`a:b`:origin", ["a:b", "`a:b`:origin"]),
    ("Weight (kg),`-x`", ["Weight (kg)", "-x"]),
    ("category(dep_*)", ["category(dep_delay)", "category(dep_time)"]),
    ("category([lc]a*)", ["category(carrier)"]),
    ("[lc]a*:origin", ["carrier:origin"]),
    ("carrier:origin:dep_time,carrier,carrier", ["carrier:origin:dep_time", "carrier"]),
])
def test_features_are_asked_for(features, chosen):
    wanted = asked.split(features) if features else None
    assert asked.chosen(wanted, FLIGHTS, ["late"]) == chosen


@pytest.mark.parametrize(("features", "what"), [
    ("carier", "did you mean 'carrier'"), ("nothing*", "no column is called like"), ("late", "is the target"),
    ("late:carrier", "made of the target"), ("hour(late)", "made of the target"), ("minute(date)", "no function 'minute'"),
    ("hour(dat)", "did you mean 'date'"), ("carrier:or", "'or'"), ("-carier", "did you mean 'carrier'"), ("carrier,-carrier", "no column"),
    ("*,-number(carrier)", "'-number(carrier)' leaves nothing out"), ("-hour(date)", "'-hour(date)' leaves nothing out"),
    ("*,-carrier:origin", "'-carrier:origin' leaves nothing out"),
    ("`carier`", "did you mean"),
])
def test_features_that_are_not_there(features, what):
    with pytest.raises(UsageError, match=".*") as error:
        asked.chosen(asked.split(features), FLIGHTS, ["late"])
    assert what in str(error.value)


def test_a_table_of_target_and_weight_alone_is_refused():
    with pytest.raises(DvarError, match=re.escape("no column beside what makes the target and the weight (wt, late)")):
        asked.chosen(None, ["wt", "late"], ["late"], "wt")


def derived(name: str) -> list:
    table = pa.table({
        "date": pa.array([0, 1_700_000_000, None], pa.timestamp("s")), "day": pa.array([0, 19_000, None], pa.date32()),
        "zip": pa.array([90210, None, 501], pa.int32()), "x": [1.5, 2.0, 4.0], "c": ["u", "v", None], "d": ["p", "q", "q"],
        "n": ["1", "- 2", "1 000"], "bool": [True, False, None], "price": pa.array([Decimal(1), Decimal(2), None], pa.decimal128(12, 2)),
    })
    return asked.column(table, name).to_pylist()


@pytest.mark.parametrize(("name", "values"), [
    ("hour(date)", ["0", "22", None]), ("weekday(date)", ["Thu", "Tue", None]), ("month(date)", ["1", "11", None]), ("year(date)", [1970, 2023, None]),
    ("weekday(day)", ["Thu", "Sat", None]), ("category(zip)", ["90210", None, "501"]), ("category(x)", ["1.5", "2", "4"]), ("number(n)", [1, -2, 1000]),
    ("category(bool)", ["true", "false", None]), ("x:x", [2.25, 4.0, 16.0]), ("x:zip", [135315.0, None, 2004.0]), ("c:d", ["u:p", "v:q", None]),
    ("number(hour(date))", [0, 22, None]), ("category(price)", ["1", "2", None]), ("x:price", [1.5, 4.0, None]),
    ("category(date)", ["1970-01-01 00:00:00", "2023-11-14 22:13:20", None]),
])
def test_derived_columns(name, values):
    assert derived(name) == values


@pytest.mark.parametrize(("name", "what"), [
    ("hour(x)", "of type double"), ("hour(day)", "cannot be had"), ("number(c)", "'u' is not a number"), ("number(date)", "of type timestamp"),
])
def test_derived_columns_that_cannot_be(name, what):
    with pytest.raises(DvarError) as error:
        derived(name)
    assert what in error.value.what


def mixed(rng: np.random.Generator, m: int) -> pa.Table:
    return pa.table({
        "x": pa.array(rng.normal(size=m), mask=rng.random(m) < 0.1), "z": rng.normal(size=m).astype(np.float32),
        "c": rng.choice(["a", "b", "cc"], m), "d": pa.array(rng.choice(["p", "q"], m), mask=rng.random(m) < 0.1),
        "when": pa.array(rng.integers(0, 10**9, m), pa.timestamp("s")),
    })


@pytest.mark.parametrize("reference", [True, False])
def test_products_are_products(reference):
    """Beside a matrix made here: patsy's and R's coding of interactions, a reference only where the factors are there too."""
    rng = np.random.default_rng(0)
    table, other = mixed(rng, 400), mixed(rng, 50)
    names = ["c", "d", "z", "c:d", "z:c", "x:z", "x:d", "hour(when)"]
    encoding = Encoding.learn(table, names, reference=reference, centre=False)
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding
    columns = encoding.encode(other)
    scale = {n: p.scale for p in encoding.parts if hasattr(p, "scale") for n in p.names}
    frame = other.to_pandas()
    products = {n: columns @ np.eye(len(encoding.names))[k] * scale.get(n, 1.0) for k, n in enumerate(encoding.names)}
    levels = ["a", "b", "cc"][reference:]
    for a in levels:
        np.testing.assert_allclose(products[f"z:c={a}"], frame.z * (frame.c == a), rtol=1e-6)
        for b in ["p", "q"][reference:]:
            np.testing.assert_array_equal(products[f"c:d={a}:{b}"], (frame.c == a) & (frame.d == b))
    np.testing.assert_array_equal(products["c:d=(missing)"], frame.d.isna())
    known = frame.x.notna()
    np.testing.assert_allclose(products["x:z"][known], (frame.x * frame.z)[known], rtol=1e-6)
    np.testing.assert_array_equal(products["x:z missing"], ~known)
    for b in ("p", "q"):  # x is no feature itself, so each level has its slope
        np.testing.assert_allclose(products[f"x:d={b}"][known], (frame.x * (frame.d == b))[known], rtol=1e-12)
    assert ("z:c=a" in products, "c:d=a:p" in products) == (not reference, not reference)
    np.testing.assert_array_equal(products["hour(when)=7"], frame.when.dt.hour == 7)


@pytest.mark.parametrize(("number", "category"), [("n", "c:d"), ("n:m", "c"), ("hour(x)", "c:d"), ("n:m", "c:d")])
def test_a_product_of_columns_whose_names_hold_signs(number, category):
    table = pa.table({number: [1.0, 2.0, 4.0, 8.0], category: ["a", "b", "a", "b"]})
    name = asked.chosen([f"`{number}`:`{category}`"], table.column_names, [])
    encoding = Encoding.learn(table, name, reference=True, centre=False)
    assert encoding.names == (f"{number}:{category}=a", f"{number}:{category}=b")
    scales = np.array([p.scale for p in encoding.parts])
    assert (encoding.encode(table) @ (scales * [1, 10])).tolist() == pytest.approx([1, 20, 4, 80])
    assert Encoding.from_json(encoding.to_json()).reads.items() >= {number: "number", category: "category"}.items()


def test_rare_levels_become_one():
    text = ["a"] * 9 + ["b"] * 8 + ["c"] * 3 + ["d"] * 2 + ["e"]
    encoding = Encoding.learn(pa.table({"t": text}), ["t"], reference=True, max_levels=2)
    assert encoding.names == ("t=b", "t=(other)")
    assert encoding.dropped == {"t levels": "the 3 rarest of 5 are one level, (other)"}
    columns = encoding.encode(pa.table({"t": ["a", "b", "c", "never seen"]}))
    assert (columns @ np.array([1.0, 10.0])).tolist() == [0, 1, 10, 10]
    assert columns.unseen == {}


@pytest.mark.parametrize("beside", [[], ["x"]])
def test_where_its_category_is_missing_or_rare_a_number_has_a_slope_too(beside):
    """Beside the number itself a slope is a difference from the reference's."""
    table = pa.table({"x": np.arange(1.0, 13.0), "c": [*"aaaabbb", "c", "d", None, None, None]})
    encoding = Encoding.learn(table, [*beside, "x:c"], reference=True, centre=False, max_levels=2)
    assert encoding.names == (*beside, *["x:c=a"] * (not beside), "x:c=b", "x:c=(other)", "x:c=(missing)")
    assert Encoding.from_json(json.loads(json.dumps(encoding.to_json()))) == encoding
    columns = encoding.encode(pa.table({"x": [1.0, 2.0, 3.0, 4.0, 5.0], "c": ["a", "b", "d", "new", None]}))
    scales = np.array([p.scale for p in encoding.parts])
    base = 100.0 if beside else 0.0
    of_each = np.array([100.0, base + 1, base + 10, base + 10, base + 2])
    np.testing.assert_allclose(columns @ (scales * [100.0, 1.0, 10.0, 2.0]), of_each * [1, 2, 3, 4, 5])
    assert columns.missing == {}


def test_a_category_of_slopes_that_is_missing_for_the_first_time_is_said():
    encoding = Encoding.learn(pa.table({"x": np.arange(1.0, 9.0), "c": [*"aabbaabb"]}), ["x:c"], reference=True)
    assert encoding.encode(pa.table({"x": [1.0, 2.0], "c": ["a", None]})).missing == {"c": 1}
    assert encoding.encode(pa.table({"x": [1.0, 2.0], "c": [None, None]})).missing == {"c": 2}
    told = Encoding.learn(pa.table({"x": [1.0, 2, 3, 4, 0], "c": ["a", "b", "a", "b", None]}), ["x:c"], reference=True)
    assert "x:c=(missing)" in told.dropped  # always 0: a row was missing in training all the same
    assert told.encode(pa.table({"x": [1.0, 2.0], "c": ["a", None]})).missing == {}


def test_a_number_with_too_many_slopes_is_refused():
    table = pa.table({"x": np.arange(500.0), "c": [f"l{k % 120}" for k in range(500)]})
    with pytest.raises(DvarError, match="120 columns of numbers"):
        Encoding.learn(table, ["x:c"], reference=True)
    assert len(Encoding.learn(table, ["x:c"], reference=True, max_levels=9).names) == 10


def test_text_that_is_numbers_is_read_where_numbers_were_learned():
    encoding = Encoding.learn(pa.table({"x": [1.0, 2.0, 4.0]}), ["x"], reference=True, centre=False)
    assert (encoding.encode(pa.table({"x": ["1", " 2", "- 4"]})) @ np.ones(1) * encoding.parts[0].scale).tolist() == pytest.approx([1, 2, -4])


def test_decimals_are_numbers():
    x, missing = tables.numbers(pa.chunked_array([pa.array([Decimal(1), Decimal(2), None], pa.decimal128(12, 2))]))
    assert x[:2].tolist() == [1.0, 2.0]
    assert missing.tolist() == [False, False, True]


DECIMALS = [  # type of Arrow, decimals of it: each is the float nearest to it, as Python reads them
    (pa.decimal32(9, 2), ["0.07", "-0.07", None, "1234567.89"]),
    (pa.decimal64(18, 5), ["0.00007", None, "-1234567890123.45678"]),
    (pa.decimal128(38, 37), ["0.1", "9.9999999999999999999999999999999999999", None, "-0.0000000000000000000000000000000000001"]),
    (pa.decimal128(38, 2), ["18014398509481984.01", "0.29", "-92233720368547758.08", "184467440737095516.17"]),
    (pa.decimal128(10, -2), ["1200", None, "-34500"]),
    (pa.decimal256(76, 40), ["0.3", "-123456789012345678901234567890.1"]),
]


@pytest.mark.parametrize(("type_", "texts"), DECIMALS, ids=lambda v: str(v) if isinstance(v, pa.DataType) else "")
def test_decimals_are_the_floats_nearest_to_them(type_, texts):
    array = pa.array([None, *[text and Decimal(text) for text in texts]], type_)
    x, missing = tables.numbers(pa.chunked_array([array, array[:0], array[2:]]))
    expected = [None, *[text and float(text) for text in texts]]
    assert np.where(missing, None, x).tolist() == [*expected, *expected[2:]]


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize("first", [["b", "c"], ["b", None]], ids=str)
def test_dictionaries_that_pyarrow_does_not_unite_are_read_and_kept(tmp_path, first, type_):
    pieces = [pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1], pa.int8()), pa.array(texts, type_)) for texts in (first, ["c", "a"])]
    with pa.ipc.new_stream(tmp_path / "t.arrow", pa.schema({"c": pieces[0].type})) as file:
        for piece in pieces:
            file.write_batch(pa.record_batch({"c": piece}))
    values = [*("b", first[1], None, first[1]), *("c", "a", None, "a")]
    found = reading.read(tmp_path / "t.arrow").column("c")
    assert found.to_pylist() == values
    assert tables.levels(found).texts == tuple(sorted({v for v in values if v}))
    for name in ("k.parquet", "k.arrow", "k.csv", "k.jsonl"):
        writing.write(str(tmp_path / name), batching.batches(tmp_path / "t.arrow"))
        assert reading.read(tmp_path / name).column("c").to_pylist() == values


def test_keys_of_folders_are_written_as_in_addresses(tmp_path):
    for k, folder in enumerate(["c=a%20b", "c=z%2F", "c=__HIVE_DEFAULT_PARTITION__"]):
        (tmp_path / folder).mkdir()
        pq.write_table(pa.table({"x": [k], "z": [k]} if k else {"z": [k], "x": [k]}), tmp_path / folder / "part.parquet")
    rows = [{"x": 2, "z": 2, "c": None}, {"x": 0, "z": 0, "c": "a b"}, {"x": 1, "z": 1, "c": "z/"}]
    assert reading.read(tmp_path).to_pylist() == rows
    assert tables.levels(reading.read(tmp_path).column("c")).texts == ("a b", "z/")
    streamed = [*batching.batches(tmp_path)]
    assert [row for table in streamed for row in table.to_pylist()] == rows
    assert len({tuple(table.column_names) for table in streamed}) == 1


WRITTEN = [  # text, a function of it, what is made of it
    (["2024-01-31", None, "2024-02-03"], "weekday", ["Wed", None, "Sat"]),
    (["2024-01-31T17:45", "2024-01-31 18:00:00.123456"], "hour", ["17", "18"]),
    (["2024-01-31T17:45:00.123456789", "2024-02-01"], "month", ["1", "2"]),
    (["2024-01-31T03:00:00+09:00", "2024-01-31T03:00:00Z"], "hour", ["18", "3"]),
    (["17:45", "07:15:30.5", None], "hour", ["17", "7", None]),
    (["5 %", "-7.5%", "0"], "number", [5.0, -7.5, 0.0]),
    (["$1,051.50", "-$3", "$ 4", "$1,000,000"], "number", [1051.5, -3.0, 4.0, 1e6]),
    (["5 €", None, "6€"], "number", [5.0, None, 6.0]),
]
NOT_WRITTEN = [  # the same, and what is said
    (["2024-01-31", "soon"], "weekday", "text such as 'soon'"),
    (["1/31/2024"], "month", "text such as '1/31/2024'"),
    (["2024-01-31", None, "17:45"], "hour", "'17:45' stands below '2024-01-31'"),
    ([None, "2024-01-31T03:00Z", "2024-01-31T03:00"], "hour", "'2024-01-31T03:00' stands below '2024-01-31T03:00Z'"),
    ([None, *["17:45"] * 9, "7:45", "soon"], "hour", "text such as '7:45'"),
    (["5 €", "$6"], "number", "'5 €' is of another sign"),
    (["$1,234"], "number", "'$1,234' is not a number"),
    (["1,5 %"], "number", "'1,5 %' is not a number"),
]


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())], ids=str)
@pytest.mark.parametrize(("texts", "function", "found"), WRITTEN, ids=range(len(WRITTEN)))
def test_what_is_written_in_text_is_read_where_it_is_asked_for(texts, function, found, type_):
    assert asked.column(pa.table({"a": pa.array(texts, type_)}), f"{function}(a)").to_pylist() == found


@pytest.mark.parametrize(("texts", "function", "said"), NOT_WRITTEN, ids=range(len(NOT_WRITTEN)))
def test_what_is_not_written_in_text_is_said(texts, function, said):
    with pytest.raises(DvarError, match=re.escape(said)):
        asked.column(pa.table({"a": texts}), f"{function}(a)")
