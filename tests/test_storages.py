"""Every way that data can be stored: arrays of any type and layout, sparse matrices, frames and series of pandas, Polars and Arrow, in
one piece or in chunks. All programs answer the same as for the same numbers in a plain array; what lies in memory stays there; the
bits of an answer depend on the data alone, not on threads or chunks; memory beyond the data stays small."""

import math
import multiprocessing
import os
import threading
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
import threadpoolctl
from hypothesis import given, settings
from hypothesis import strategies as st

import dvar as dv
from dvar.data import native
from dvar.threads import ahead, each, thread_count
from dvar.vectorize.fused import groups
from dvar.vectorize.run import _Blas, added, group_count, one_blas_thread, partition

rng = np.random.default_rng(11)

LOSSES = {
    "logistic": "inputs: w, b, x, y\nz = w @ x + b; L = softplus(z) - y*z",
    "poisson": "inputs: w, b, x, y\nz = w @ x + b; L = exp(z) - y*z",
    "huber": "inputs: w, b, x, y\nr = w @ x + b - y; L = where(abs(r) < 1, r**2/2, abs(r) - 0.5)",
    "squared": "inputs: w, b, x, y\nL = (w @ x + b - y)**2",
    "softmax": "inputs: W, c, x, y\nz = W @ x + c; L = logsumexp(z) - z[y]",
    "two maps": "inputs: u, v, x, y\ns = v @ x; L = s/2 + (y - u @ x)**2*exp(-s)/2",
}  # fmt: skip
N = 4


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    before = os.environ.get("DVAR_CACHE")
    os.environ["DVAR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("DVAR_CACHE")
    if before is not None:
        os.environ["DVAR_CACHE"] = before


@pytest.fixture
def chunky(monkeypatch):
    """Chunks are read one by one where they are short, too."""
    monkeypatch.setattr(native, "SHORT", 64)
    monkeypatch.setattr(native, "CHUNK", 32)


def parameters(graph, n):
    draw = np.random.default_rng(5).normal
    shapes = {"b": (), "c": (3,), "W": (3, n)}
    return {p: draw(size=shapes.get(p, (n,))) * 0.4 for p in graph.inputs if p not in ("x", "y")}


def answers(cost, at, programs=("loop", "numpy", "fused")):
    found = {name: cost.sized(at).program(name) for name in programs}
    assert [p.target for p in found.values()] == list(programs), str(found["fused"])[:300]
    return {name: np.concatenate([np.ravel(v) for v in p(at)]) for name, p in found.items()}


def same(cost, plain, at, programs=("loop", "numpy", "fused")):
    """All programs of a cost answer what NumPy does for the same numbers in a plain array."""
    [expected] = answers(plain, at, ("numpy",)).values()
    for name, found in answers(cost, at, programs).items():
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * (1 + np.abs(expected).max()), err_msg=name)


def base(m):
    """Numbers that every type holds, many of them zero, a row of zeros and a column of ones among them."""
    x = rng.integers(-16, 17, (m, N)) / 8 * (rng.random((m, N)) < 0.6)
    x[m // 2] = 0.0
    x[:, 1] = 1.0
    return x, rng.integers(0, 3, m)


def mapped(x, tmp="storages.bin"):
    import tempfile

    path = os.path.join(tempfile.mkdtemp(), tmp)
    x.tofile(path)
    return np.memmap(path, x.dtype, "r", shape=x.shape)


def unaligned(x):
    packed = np.zeros(len(x), dtype=[("flag", "i1"), ("x", x.dtype, (x.shape[1],))])
    packed["x"] = x
    return packed["x"]


def shuffled(x):
    x = sp.csr_array(x)
    for lo, hi in zip(x.indptr, x.indptr[1:]):
        x.indices[lo:hi], x.data[lo:hi] = x.indices[lo:hi][::-1].copy(), x.data[lo:hi][::-1].copy()
    x.has_sorted_indices = False
    return x


def twice(x):
    x = sp.csr_array(x)
    made = sp.csr_array((np.repeat(x.data / 2, 2), np.repeat(x.indices, 2), x.indptr * 2), shape=x.shape)
    return made


def zeros_stored(x):
    m, n = x.shape
    return sp.csr_array((x.ravel().copy(), np.tile(np.arange(n), m), np.arange(m + 1) * n), shape=x.shape)


def wide(x):
    x = sp.csr_array(x)
    x.indices, x.indptr = x.indices.astype(np.int64), x.indptr.astype(np.int64)
    return x


def frame(x):
    return pd.DataFrame(x, columns=[f"c{k}" for k in range(x.shape[1])])


def mixed(x):
    return frame(x).astype({"c0": np.float32, "c1": np.int8, "c3": "Float64"})


def cut(table, at):
    return pa.concat_tables([table.slice(a, b - a) for a, b in zip([0, *at], [*at, table.num_rows])])


def uneven(x):
    """Each column in chunks of its own."""
    m = len(x)
    ends = [[m // 3], [m // 2, m // 2 + 40], [], [m - 70]]
    return pa.table({f"c{j}": pa.chunked_array([p for p in np.split(x[:, j], e) if len(p)]) for j, e in zip(range(x.shape[1]), ends)})


STORED = {
    "rows": lambda x: x,
    "columns": np.asfortranarray,
    "read-only": lambda x: np.frombuffer(x.tobytes()).reshape(x.shape),
    "memory-mapped": mapped,
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every other column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "unaligned": unaligned,
    "big-endian": lambda x: x.astype(">f8"),
    "big-endian columns": lambda x: np.asfortranarray(x.astype(">f4")),
    "big-endian whole numbers": lambda x: (x * 8).astype(">i2"),
    "float16": lambda x: x.astype(np.float16),
    "longdouble": lambda x: x.astype(np.longdouble),
    "float32": lambda x: x.astype(np.float32),
    "float32 columns": lambda x: np.asfortranarray(x.astype(np.float32)),
    "int8": lambda x: (x * 8).astype(np.int8),
    "uint64 columns": lambda x: np.asfortranarray(np.abs(x * 8).astype(np.uint64)),
    "bool": lambda x: x > 0,
    "lists": lambda x: x.tolist(),
    "csr": sp.csr_array,
    "csr matrix": sp.csr_matrix,
    "csr of int64 places": wide,
    "csr of float32": lambda x: sp.csr_array(x.astype(np.float32)),
    "csr of bool": lambda x: sp.csr_array(x > 0),
    "csr of longdouble": lambda x: sp.csr_array(x.astype(np.longdouble)),
    "csr in no order": shuffled,
    "csr with places twice": twice,
    "csr with zeros stored": zeros_stored,
    "csc": sp.csc_array,
    "coo": sp.coo_array,
    "lil": sp.lil_array,
    "bsr": sp.bsr_array,
    "sparse columns of pandas": lambda x: frame(x).astype(pd.SparseDtype(float, 0.0)),
    "pandas": frame,
    "pandas, big-endian": lambda x: frame(x).astype({"c2": ">f4"}),
    "pandas, mixed": mixed,
    "polars": lambda x: pl.DataFrame(frame(x)),
    "polars in chunks": lambda x: pl.concat([pl.DataFrame(frame(x[:300])), pl.DataFrame(frame(x[300:]))], rechunk=False),
    "arrow": lambda x: pa.table(frame(x)),
    "arrow batch": lambda x: pa.RecordBatch.from_pandas(frame(x)),
    "arrow in chunks": lambda x: cut(pa.table(frame(x)), [100, 612, 613]),
    "arrow in uneven chunks": uneven,
    "arrow of float16": lambda x: pa.table({f"c{j}": pa.chunked_array([x[:500, j].astype(np.float16), x[500:, j].astype(np.float16)])
                                            for j in range(x.shape[1])}),
}  # fmt: skip


@pytest.mark.parametrize(("stored", "loss"), [(s, list(LOSSES)[k % len(LOSSES)]) for k, s in enumerate(STORED)])
def test_all_programs_agree_for_every_storage(stored, loss, chunky):
    """m is no multiple of a block of rows; chunks end within blocks."""
    x, y = base(1300)
    x_given = STORED[stored](x)
    like = {"int8": x * 8, "bool": x > 0, "csr of bool": x > 0, "big-endian whole numbers": x * 8, "uint64 columns": np.abs(x * 8)}
    graph = dv.graph(LOSSES[loss])
    at = parameters(graph, N)
    at = {k: v / 8 for k, v in at.items()} if stored in ("int8", "uint64 columns", "big-endian whole numbers") else at
    plain = np.asarray(like.get(stored, x), dtype=np.float64)
    same(graph.over(x=x_given, y=y), graph.over(x=plain, y=y), at)
    one = graph.over(x=STORED[stored](x[:1]) if stored not in ("polars in chunks", "arrow in chunks", "arrow in uneven chunks") else x[:1], y=y[:1])
    same(one, graph.over(x=plain[:1], y=y[:1]), at, ("numpy",))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("stored", ["csr", "arrow in uneven chunks"])
def test_every_loss_of_sparse_and_of_chunked_features(loss, stored, chunky):
    x, y = base(700)
    graph = dv.graph(LOSSES[loss])
    same(graph.over(x=STORED[stored](x), y=y), graph.over(x=x, y=y), parameters(graph, N))


FORMS = ["sin({})", "sigmoid({})", "({}) + ({})", "({}) - ({})", "tanh({})*({})", "where({} > 0, {}, sin({}))", "log(1 + exp({}))"]


@settings(max_examples=3)
@given(st.lists(st.tuples(st.sampled_from(FORMS), st.randoms(use_true_random=False)), min_size=1, max_size=5),
       st.sampled_from(["csr", "pandas, mixed", "arrow in chunks", "big-endian", "every other column"]))  # fmt: skip
def test_random_losses_over_random_storages(forms, stored):
    known, lines = ["w @ x", "u @ x", "b", "y"], []
    for k, (form, random) in enumerate(forms):
        lines.append(f"u{k} = " + form.format(*(random.choice(known) for _ in range(form.count("{}")))))
        known.append(f"u{k}")
    graph = dv.graph("inputs: w, u, b, x, y\n" + "\n".join(lines) + f"\nL = {known[-1]}*0.5 + (w @ x)*{known[-2]} + u @ x")
    x, y = base(620)
    same(graph.over(x=STORED[stored](x), y=y), graph.over(x=x, y=y), parameters(graph, N))


@pytest.mark.parametrize("loss", ["inputs: W, x\nL = sum(tanh(x @ W))", "inputs: v, V, x\nL = tanh(x @ V @ v)",
                                  "inputs: W, x, y\nz = x @ W; L = sum(outer(x, z)) - z[y]"])  # fmt: skip
@pytest.mark.parametrize("stored", ["csr", "pandas, mixed", "arrow in uneven chunks"])
def test_features_before_a_matrix(loss, stored):
    x, y = base(700)
    graph, at = dv.graph(loss), {"W": rng.normal(size=(N, 3)), "V": rng.normal(size=(N, 3)), "v": rng.normal(size=3)}
    data, at = {"y": y} if "y" in graph.inputs else {}, {n: v for n, v in at.items() if n in graph.inputs}
    same(graph.over(x=STORED[stored](x), **data), graph.over(x=x, **data), at, ("loop", "numpy"))


@pytest.mark.parametrize("stored", ["csr", "pandas, mixed"])
def test_second_derivatives_beside_features_that_lend_their_shape(stored):
    x, _ = base(700)
    cost = dv.graph("inputs: b, x\nL = (spread(1, x) @ x)*b**2").over(x=STORED[stored](x))
    assert cost.hessian(b=3.0)[0, 0] == pytest.approx(2 * x.sum() / 700, rel=1e-12)


SCALARS = {
    "pandas": lambda y: pd.Series(y, index=range(5, 5 + len(y))),
    "pandas, nullable": lambda y: pd.Series(y, dtype="Int16"),
    "pandas, by arrow": lambda y: pd.Series(y, dtype="int8[pyarrow]"),
    "polars": pl.Series,
    "polars in chunks": lambda y: pl.concat([pl.Series(y[:400]), pl.Series(y[400:])], rechunk=False),
    "arrow": pa.array,
    "arrow in chunks": lambda y: pa.chunked_array([y[:7], y[7:640], y[640:]]),
    "big-endian": lambda y: y.astype(">i4"),
    "every other": lambda y: np.repeat(y, 2)[::2],
    "every other, backwards": lambda y: np.repeat(y, 2)[::-2][::-1],
    "float16": lambda y: y.astype(np.float16),
    "read-only": lambda y: np.frombuffer(y.astype(np.int8).tobytes(), np.int8),
}  # fmt: skip


@pytest.mark.parametrize("x_stored", ["rows", "columns", "csr"])
def test_every_storage_of_one_number_an_example(x_stored, chunky):
    x, y = base(1300)
    graph = dv.graph(LOSSES["squared"])
    at, plain = parameters(graph, N), graph.over(x=x, y=y, weight=1.0 + y)
    for name in SCALARS if x_stored == "rows" else ("arrow in chunks", "big-endian", "every other"):
        make = SCALARS[name]
        same(graph.over(x=STORED[x_stored](x), y=make(y), weight=make(1 + y)), plain, at, ("numpy", "fused"))


def test_examples_along_the_second_axis():
    x, y = base(600)
    graph = dv.graph(LOSSES["squared"])
    at = parameters(graph, N)
    for turned in (x.T, sp.csc_array(x.T), sp.csr_array(x.T), x.T.astype(">f4")):
        same(graph.over(x=turned, y=y[None], axis=1), graph.over(x=x, y=y), at, ("numpy", "fused"))
    assert not graph.over(x=sp.csc_array(x.T), y=y, axis=1).notes
    with pytest.raises(dv.UsageError, match="x is a frame"):
        graph.over(x=frame(x), y=y, axis=1)


# where numbers stay


def held(value):
    return value.data if hasattr(value, "encoding") or hasattr(value, "indices") else value


@pytest.mark.parametrize("kind", ["numpy", "pandas, one block", "pandas, blocks", "polars", "arrow", "arrow in chunks", "csr"])
def test_numbers_are_not_copied(kind):
    x = np.asfortranarray(rng.normal(size=(40_000, 3)))
    graph, y = dv.graph(LOSSES["squared"]), np.zeros(40_000)
    f = frame(x)
    match kind:
        case "numpy":
            assert graph.over(x=x, y=y).data["x"] is x or np.shares_memory(graph.over(x=x, y=y).data["x"], x)
        case "pandas, one block":
            assert np.shares_memory(graph.over(x=f, y=y).data["x"], f["c1"].to_numpy())
        case "pandas, blocks":
            f = f.assign(c4=np.arange(40_000), c5=rng.normal(size=40_000))
            found = graph.over(x=f, y=y).data["x"]
            assert all(np.shares_memory(a, f[c].to_numpy()) for a, c in zip(found.data, f.columns))
            f.loc[7, "c1"] = np.nan  # values under a mask stay as well
            found = graph.over(x=f, y=y).data["x"]
            assert np.shares_memory(found.data[1], f["c1"].to_numpy())
        case "polars":
            f = pl.DataFrame(f)
            found = graph.over(x=f, y=f["c0"])
            assert all(np.shares_memory(a, f[c].to_numpy()) for a, c in zip(found.data["x"].data, f.columns))
            assert np.shares_memory(found.data["y"], f["c0"].to_numpy())
        case "arrow" | "arrow in chunks":
            table = pa.table(f) if kind == "arrow" else cut(pa.table(f), [9_000, 30_000])
            found = graph.over(x=table, y=table["c2"])
            for mine, column in [*zip(found.data["x"].data, table.columns), (found.data["y"], table["c2"])]:
                parts = mine.parts if kind == "arrow in chunks" else [mine]
                assert all(np.shares_memory(a, np.asarray(c)) for a, c in zip(parts, column.chunks, strict=True))
        case "csr":
            s = wide(x * (x > 0))
            found = graph.over(x=s, y=y).data["x"]
            assert np.shares_memory(found.data, s.data)
            assert np.shares_memory(found.indices, s.indices)


def test_what_is_converted_is_said():
    x, y = base(40_000)
    graph = dv.graph(LOSSES["squared"])
    told = {
        "rows": "", "columns": "", "csr": "", "arrow": "", "csr in no order": "", "float32": "",
        "big-endian": "x: float64 of the other byte order is read as float64, converted a few rows at a time in every pass; x.astype('float64') converts once",
        "float16": "float16 is read as float32", "longdouble": "holds fewer digits", "every other column": "lie apart in memory",
        "unaligned": "cannot be read directly", "csc": "CSC was copied into CSR", "csr with places twice": "given twice were added up",
        "csr of longdouble": "was converted to float64", "pandas, big-endian": "float32 of the other byte order was converted, 1 column once",
    }  # fmt: skip
    for stored, note in told.items():
        cost = graph.over(x=STORED[stored](x), y=y)
        assert len(cost.notes) == bool(note), (stored, cost.notes)
        assert note in "".join(cost.notes)
        assert note in repr(cost)
    many = cut(pa.table(frame(x)), range(100, 40_000, 100))
    assert "stored in many short chunks and joined" in graph.over(x=many, y=y).notes[0]


# the same bits


def bits(cost, at, program):
    return [np.asarray(v).tobytes() for v in cost.program(program)(at)]


@pytest.mark.parametrize("program", ["numpy", "fused"])
def test_chunks_change_no_bit(program, chunky):
    x, y = rng.normal(size=(5000, 3)), rng.normal(size=5000)
    graph = dv.graph(LOSSES["huber"])
    at, table = parameters(graph, 3), pa.table(frame(x))
    cuts = [[2500], [1, 4999], [512, 1024, 4608], [100, 700, 701, 3000], list(range(90, 5000, 90))]
    found = [bits(graph.over(x=cut(table, c), y=pa.chunked_array(np.split(y, c[::-1][-2:][::-1]))), at, program) for c in cuts]
    whole = bits(graph.over(x=table, y=y), at, program)
    assert all(f == whole for f in found)


@pytest.fixture(scope="module")
def drawn():
    draw = np.random.default_rng(1)
    m = 60_000
    words = pa.DictionaryArray.from_arrays(draw.integers(0, 200_000, m), [f"{k:06d}" for k in range(200_000)])
    y = draw.normal(size=m)
    return y, {
        "rows": draw.normal(size=(m, 5)),
        "sparse": sp.random(m, 50, 0.1, format="csr", rng=1),
        "columns of a frame": frame(draw.normal(size=(m, 3))).assign(k=1, s=draw.choice(list("abc"), m)),
        "many categories": pa.table({"w": words, "v": y}),
        "big-endian": draw.normal(size=(m, 5)).astype(">f4"),
    }  # fmt: skip


@pytest.mark.parametrize("program", ["numpy", "fused"])
def test_threads_change_no_bit(program, drawn):
    y, stored = drawn
    graph = dv.graph(LOSSES["squared"])
    for name, x in stored.items():
        one = graph.over(x=x, y=y).data["x"]
        at = parameters(graph, one.shape[1])
        first, *others = (bits(graph.over(x=one, y=y, threads=threads), at, program) for threads in (1, 2, 3, 8))
        assert all(found == first for found in others), name


def test_partial_sums_are_few_where_they_are_large():
    for numbers in (1, 10, 10**4, 10**5, 10**6, 3 * 10**6, 10**8):
        count = group_count(numbers)
        assert 1 <= count <= 32
        assert count == 1 or count * numbers * 8 <= 32 * 2**20
        assert len(groups(10_000_000, numbers)) <= count
        assert len(partition(10_000_000, 10, count)) <= count
    assert [group_count(n) for n in (100, 10**6)] == [32, 4]


# memory


def peak(run):
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("program", ["numpy", "fused"])
@pytest.mark.parametrize("stored", ["rows", "columns", "big-endian", "every other row", "csr", "polars", "arrow in chunks"])
def test_a_gradient_needs_little_memory_beyond_the_data(program, stored):
    m = 500_000
    x = rng.normal(size=(m, 6)).astype(np.float32)
    cost = dv.graph(LOSSES["squared"]).over(x=STORED[stored](x), y=np.zeros(m, np.int8), program=program)
    at = {"w": np.ones(6), "b": 0.0}
    cost.at(at)
    assert peak(lambda: cost.at(at)) < 12


def test_a_million_categories():
    m, levels = 1_100_000, 1_000_000
    codes = np.r_[np.arange(levels), rng.integers(0, levels, m - levels)].astype(np.int32)
    words = pa.DictionaryArray.from_arrays(codes, pa.array([f"{k:07d}" for k in range(levels)]))
    y = rng.normal(size=m)
    cost = dv.graph(LOSSES["squared"]).over(x=pa.table({"k": words}), y=y, program="fused")
    assert cost.data["x"].shape == (m, levels - 1)
    assert cost.data["x"].data[0].nbytes == 4 * m
    w = rng.normal(size=levels - 1)
    found = cost.at(w=w, b=0.5)
    residual = 2 * (np.r_[0.0, w][codes] + 0.5 - y)
    np.testing.assert_allclose(found.dw, np.bincount(codes, residual, levels)[1:] / m, rtol=1e-12, atol=1e-18)
    assert found.db == pytest.approx(residual.sum() / m, rel=1e-12)
    assert peak(lambda: cost.at(w=w, b=0.5)) < 128  # a vector is 8 MB: the partial sums take 32 in all
    with pytest.raises(dv.DvarError, match="the Hessian of 1,000,000 parameters"):
        cost.hessian(w=w, b=0.5)


# accuracy


@pytest.mark.parametrize(("program", "stored"), [("numpy", "rows"), ("fused", "rows"), ("fused", "csr")])
def test_the_gradient_is_that_of_exact_sums_at_a_million_rows(program, stored):
    m = 1_000_000
    x, y = rng.normal(size=(m, 2)) * [1.0, 1e3], rng.random(m) < 0.5
    w, b = np.array([0.7, -1.3]), 0.1
    found = dv.graph(LOSSES["logistic"]).over(x=STORED[stored](x), y=y, program=program).at(w=w, b=b)
    z = x @ w + b
    d = 1 / (1 + np.exp(np.clip(-z, -700, 700))) - y
    for slope, terms in [(found.db, d), *((found.dw[j], d * x[:, j]) for j in range(2))]:
        assert abs(slope - math.fsum(terms) / m) <= 1e-12 * math.fsum(np.abs(terms)) / m
    loss = np.logaddexp(0, z) - y * z
    assert abs(found.value - math.fsum(loss) / m) <= 1e-12 * math.fsum(np.abs(loss)) / m


@pytest.mark.parametrize("stored", ["rows", "columns", "csr", "polars"])
def test_rows_far_out_are_finite_and_right(stored):
    x = np.array([[1e5, 0.0], [-1e5, 0.0], [0.0, 1.0], [0.0, -1.0]])
    y = np.array([1.0, 1.0, 0.0, 1.0])
    graph, at = dv.graph("inputs: w, x, y\nz = w @ x; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))"), {"w": np.array([1.0, 2.0])}
    for name, found in answers(graph.over(x=STORED[stored](x), y=y), at).items():
        far = [0.0, 1e5, math.log1p(math.exp(2)), math.log1p(math.exp(2))]
        s = 1 / (1 + math.exp(-2))
        np.testing.assert_allclose(found, [sum(far) / 4, (0 + 1e5) / 4, (s + s) / 4], rtol=1e-14, err_msg=name)


# sparse


def test_sparse_hessians_are_those_of_dense_features():
    x, y = base(900)
    for loss in ("logistic", "poisson", "two maps"):
        graph = dv.graph(LOSSES[loss])
        at = parameters(graph, N)
        expected = graph.over(x=x, y=y).hessian(at)
        for stored in ("csr", "csr in no order", "csr with places twice"):
            for program in ("numpy", "fused"):
                found = graph.over(x=STORED[stored](x), y=y, program=program).hessian(at)
                np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)
    graph = dv.graph("inputs: w, u, x, t, y\nL = (w @ x - y)**2 + exp(0.1*(u @ t))*(w @ x)")
    at = {"w": np.ones(N), "u": np.ones(N)}
    given = {"x": x, "t": x[::-1] + 1}
    expected = graph.over(given, y=y).hessian(at)
    for a, b in (("csr", "rows"), ("rows", "csr"), ("csr", "pandas, mixed"), ("pandas, mixed", "pandas")):
        found = graph.over(x=STORED[a](given["x"]), t=STORED[b](given["t"]), y=y).hessian(at)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)


def test_stored_values_that_are_not_finite_are_told():
    x = sp.csr_array(base(50)[0])
    x.data[x.indptr[7] : x.indptr[8]] = np.nan
    x.data[-1] = np.inf
    cost = dv.graph(LOSSES["squared"]).over(x=x, y=np.zeros(50))
    with np.errstate(all="ignore"):
        assert all(np.isnan(a[0]) for a in answers(cost, {"w": np.ones(N), "b": 0.0}).values())
    with pytest.raises(dv.DvarError, match="x holds nan or inf in 2 of 50 examples"):
        cost.minimize()


def test_sparse_features_used_otherwise_than_in_linear_maps():
    x, y = base(300)
    graph = dv.graph("inputs: w, x, y\nL = sum((w*x - 1)**2) + y")
    cost, at = graph.over(x=sp.csr_array(x), y=y), {"w": np.arange(1.0, N + 1)}
    same(cost, graph.over(x=x, y=y), at, ("loop", "numpy"))
    assert "otherwise than in w @ x" in cost.sized(at).program("fused").source


def test_many_sparse_columns():
    n, m = 300_000, 3000
    x = sp.random(m, n, 1e-4, format="csr", rng=2)
    y = rng.random(m) < 0.5
    graph, w = dv.graph(LOSSES["logistic"]), rng.normal(size=n)
    for program in ("numpy", "fused"):
        found = graph.over(x=x, y=y, program=program).at(w=w, b=0.1)
        d = 1 / (1 + np.exp(-(x @ w + 0.1))) - y
        np.testing.assert_allclose(found.dw, x.T @ d / m, rtol=1e-11, atol=1e-17)
    with pytest.raises(dv.DvarError, match="the Hessian of 300,001 parameters"):
        graph.over(x=x, y=y).hessian(w=w, b=0.1)


@pytest.mark.parametrize(
    ("x", "why"),
    [
        (sp.csr_array((2, 2), dtype=complex), "complex128"),
        (sp.csr_array((0, 3)), "no examples"),
        (sp.coo_array([1.0, 2.0]), r"shape \(2,\)"),
    ],
)  # fmt: skip
def test_sparse_arrays_that_cannot_be_meant(x, why):
    with pytest.raises(dv.DvarError, match=why):
        dv.graph(LOSSES["squared"]).over(x=x, y=np.zeros(x.shape[0]))


def test_places_out_of_range_are_refused():
    x = sp.csr_array(np.eye(3))
    x.indices[1] = 7
    with pytest.raises(dv.DvarError, match="x is not a sound sparse matrix"):
        dv.graph(LOSSES["squared"]).over(x=x, y=np.zeros(3))


# frames


def test_what_the_columns_of_a_frame_become():
    m = 640
    wind = np.where(np.arange(m) % 7 == 0, np.nan, np.arange(m) % 11)
    words = np.array(["b", "a", "c", None], dtype=object)[np.arange(m) % 4]
    flag = [None if k % 5 == 0 else k % 3 == 0 for k in range(m)]
    grade = pd.Categorical(np.array(["low", "high"])[np.arange(m) % 2], categories=["low", "mid", "high"], ordered=True)
    f = pd.DataFrame({"size": rng.normal(size=m), "wind": wind, "kind": words, "flag": pd.array(flag, "boolean"), "one": 1, "grade": grade,
                      "none": np.nan, "gust": wind + 1})  # fmt: skip
    known = np.array([np.nan if v is None else float(v) for v in flag])
    gap = np.isnan(wind).astype(float)
    expected = {
        "size": f["size"], "wind": np.nan_to_num(wind, nan=np.nanmean(wind)), "wind and gust missing": gap,
        "kind=b": words == "b", "kind=c": words == "c", "kind=(missing)": words == None,  # noqa: E711
        "flag": np.nan_to_num(known, nan=np.nanmean(known)), "flag missing": np.isnan(known), "one": np.ones(m), "grade=high": grade == "high",
        "gust": np.nan_to_num(wind + 1, nan=np.nanmean(wind + 1)),
    }  # fmt: skip
    x = np.column_stack([np.asarray(v, dtype=float) for v in expected.values()])
    y = rng.normal(size=m)
    declared = pl.from_pandas(f).with_columns(pl.col("grade").cast(pl.String).cast(pl.Enum(["low", "mid", "high"])))
    for table in (f, pa.Table.from_pandas(f), cut(pa.Table.from_pandas(f), [200, 201]), declared):
        cost = dv.graph(LOSSES["squared"]).over(x=table, y=y)
        names = cost.data["x"].names
        assert [n.replace("wind missing", "wind and gust missing") for n in names] == list(expected)
        same(cost, dv.graph(LOSSES["squared"]).over(x=x, y=y), parameters(cost.loss, x.shape[1]))
        told = repr(cost)
        for note in ("'wind' is missing or not finite in 92 of 640 rows", "'gust' is missing", "the same rows", "'kind' is a category of 3 levels and what is missing; 'a'",
                     "'low' has no coefficient", "'none' is left out"):  # fmt: skip
            assert note in told
        np.testing.assert_allclose(cost.hessian(parameters(cost.loss, x.shape[1])),
                                   dv.graph(LOSSES["squared"]).over(x=x, y=y).hessian(parameters(cost.loss, x.shape[1])), rtol=1e-10, atol=1e-12)


def test_a_fit_of_a_frame_is_that_of_its_numbers():
    x, y = base(500)
    dense = dv.graph(LOSSES["squared"]).over(x=np.delete(x, 1, 1), y=y).minimize()
    for stored in ("csr", "polars", "arrow in chunks"):
        fit = dv.graph(LOSSES["squared"]).over(x=STORED[stored](np.delete(x, 1, 1)), y=y).minimize()
        np.testing.assert_allclose(fit.params["w"], dense.params["w"], rtol=1e-8)


def test_a_frame_whose_only_level_is_the_reference_has_no_feature():
    y = np.arange(5.0)
    cost = dv.graph(LOSSES["squared"]).over(x=pd.DataFrame({"kind": ["a"] * 5}), y=y)
    same(cost, dv.graph(LOSSES["squared"]).over(x=np.zeros((5, 0)), y=y), parameters(cost.loss, 0))


def test_a_function_that_waits_for_shapes_takes_frames():
    @dv.graph
    def L(w, x, y):
        return sum(w[j] * x[j] for j in range(len(x))) - y

    x, y = base(30)
    found = L.over(x=frame(x), y=pd.Series(y)).sized({"w": np.ones(N)})
    np.testing.assert_allclose(found.at(w=np.ones(N)).value, np.mean(x.sum(axis=1) - y))


REFUSED = [
    ({"x": pd.DataFrame({"a": [1.0, 2], "t": pd.to_datetime(["2020-01-01", "2020-01-02"])}), "y": [0, 1]}, "neither numbers nor categories: 't' of type timestamp"),
    ({"x": pa.table({"a": pa.nulls(2)}), "y": [0, 1]}, "no column that can be a feature"),
    ({"x": pd.DataFrame({"a": []}), "y": []}, "no column that can be a feature: 1 column, 0 rows"),
    ({"x": np.zeros((0, 2)), "y": []}, "no examples"),
    ({"x": pl.DataFrame({"a": [1.0, 2.0]}), "y": pl.Series([1.0, None])}, "y is missing in 1 of 2 rows"),
    ({"x": np.ones((2, 1)), "y": pa.array(["yes", "no"])}, "y is a column of type string"),
    ({"x": np.ones((2, 1)), "y": pd.Series([1, None], dtype="Int8")}, "y is missing in 1 of 2 rows"),
    ({"x": np.ma.masked_invalid([[1.0], [np.nan]]), "y": [0, 1]}, "x has masked elements"),
    ({"x": pd.DataFrame({"a": [1, "b"]}), "y": [0, 1]}, "x cannot be read"),
    ({"x": pd.DataFrame([[1, 2.5]], columns=["a", "a"]), "y": [0]}, "Duplicate column names"),
    ({"x": np.array([["a"]]), "y": [0]}, "an array of <U1"),
    ({"x": pd.DataFrame({"a": [1.0, 2]}), "y": [0]}, "the number of examples differs"),
]


@pytest.mark.parametrize(("data", "why"), REFUSED, ids=[w[:30] for _, w in REFUSED])
def test_data_that_cannot_be_meant(data, why):
    with pytest.raises(dv.DvarError, match=why):
        dv.graph(LOSSES["squared"]).over(data)


# programs, threads, BLAS


def test_the_program_can_be_said_and_seen():
    x, y = base(100)
    graph, at = dv.graph(LOSSES["squared"]), {"w": np.ones(N), "b": 0.0}
    assert graph.over(x=x, y=y).runs == "numpy"
    fused, numpy = graph.over(x=x, y=y, program="fused"), graph.over(x=x, y=y, program="numpy")
    assert (fused.runs, numpy.runs) == ("fused", "numpy")
    assert fused.at(at).value == pytest.approx(numpy.at(at).value, rel=1e-14)
    assert (fused.minimize().program, numpy.minimize().program) == ("fused", "numpy")
    with pytest.raises(dv.UsageError, match="program is 'fast'"):
        graph.over(x=x, y=y, program="fast")
    with pytest.raises(dv.UsageError, match="there is no fused program: x enters the loss otherwise"):
        dv.graph("inputs: w, x\nL = sum((w*x)**2)").over(x=sp.csr_array(x), program="fused").at(w=np.ones(N))


@pytest.mark.parametrize("threads", [0, -1, 1.5, 2.0, "two", True, np.nan, [2]])
def test_threads_that_cannot_be_meant(threads):
    with pytest.raises(dv.UsageError, match="the number of threads is .*\nhelp: give a whole number of at least 1"):
        dv.graph(LOSSES["squared"]).over(x=np.ones((2, 1)), y=[0, 1], threads=threads)


def test_threads_by_the_environment(monkeypatch):
    monkeypatch.setenv("DVAR_THREADS", "3")
    assert (thread_count(None), thread_count(5), thread_count(np.int64(2))) == (3, 5, 2)
    for wrong in ("0", "-2", "many", "", "2.5"):
        monkeypatch.setenv("DVAR_THREADS", wrong)
        with pytest.raises(dv.UsageError, match=f"the environment variable DVAR_THREADS is {wrong!r}"):
            thread_count(None)
        assert thread_count(2) == 2
    monkeypatch.delenv("DVAR_THREADS")
    assert thread_count(None, 1) == 1
    assert thread_count(None) >= 1


def blas():
    return [i["num_threads"] for i in threadpoolctl.threadpool_info() if i["user_api"] == "blas"]


def test_blas_is_held_while_blocks_run_and_given_back():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before, seen = blas(), []

        def look(rows):
            seen.append(blas())
            return (1.0,)

        def fail(rows):
            raise ZeroDivisionError

        parts = [[slice(k, k + 1)] for k in range(6)]
        for threads in (1, 3):
            assert added(look, parts, threads) == [6.0]
            assert blas() == before
            with pytest.raises(ZeroDivisionError):
                added(fail, parts, threads)
            assert blas() == before
        assert {n for found in seen for n in found} == {1}


def test_blas_is_held_until_the_last_leaves():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = blas()
        inside, leave = threading.Event(), threading.Event()

        def hold():
            with one_blas_thread():
                inside.set()
                leave.wait(10)

        with one_blas_thread():
            other = threading.Thread(target=hold)
            other.start()
            inside.wait(10)
            with pytest.raises(ZeroDivisionError), one_blas_thread():
                raise ZeroDivisionError
            leave.set()
            other.join()
            assert set(blas()) == {1}
        assert blas() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_the_child_of_a_fork_beside_a_running_program_holds_blas_and_gives_it_back():
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with one_blas_thread(), _Blas.lock:
            inside.set()
            leave.wait(60)

    def child():
        for _ in range(2):
            with one_blas_thread():
                assert set(blas()) == {1}
            assert blas() == [2] * len(blas())

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        other = threading.Thread(target=hold)
        other.start()
        inside.wait(60)
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(60)
        alive = process.is_alive()
        process.kill()
        leave.set()
        other.join()
    assert not alive
    assert process.exitcode == 0


def test_nothing_runs_on_after_an_error():
    running, most = [], []

    def run(rows):
        if rows.start == 0:
            raise ZeroDivisionError
        running.append(rows)
        threading.Event().wait(0.02)
        running.remove(rows)
        return (1.0,)

    with pytest.raises(ZeroDivisionError):
        added(run, [[slice(k, k + 1)] for k in range(20)], 4)
    assert not running


def test_batches_ahead_come_in_order_and_so_do_their_mistakes():
    def batches():
        yield from range(5)
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        list(ahead(batches()))
    some = ahead(batches())
    assert [next(some), next(some)] == [0, 1]
    some.close()
    assert list(ahead(iter([None, 1]))) == [None, 1]


def test_columns_of_many_rows_are_answered_in_their_order():
    assert each(lambda k: k * k, range(50), 1 << 20) == each(lambda k: k * k, range(50), 1) == [k * k for k in range(50)]


def test_what_is_missing_counts_as_the_weighted_mean():
    loss, y = dv.graph(LOSSES["squared"]), np.array([1.0, 0.0, 2.0, 1.0])
    frame = pa.table({"a": [1.0, None, 5.0, 9.0], "b": [1.0, 2.0, None, 4.0], "c": [None, None, 7.0, None]})
    cost = loss.over(x=frame, y=y, weight=np.array([1.0, 2.0, 3.0, 0.0]))
    assert "'a' is missing or not finite in 1 of 4 rows: it counts as its mean 4 there" in cost.notes[0]
    np.testing.assert_allclose(cost.data["x"] @ np.eye(len(cost.data["x"].names))[0], [1, 4, 5, 9])
    none = loss.over(x=frame, y=y, weight=np.array([1.0, 2.0, 0.0, 1.0]))
    assert "x: 'c' is left out, as nothing of it is known" in none.notes
    with pytest.raises(dv.DvarError, match="x has 4, y has 4, weight has 3"):
        loss.over(x=frame, y=y, weight=np.ones(3))
    for wrong in (np.zeros(4), -np.ones(4), np.array([np.nan, 1, 1, 1])):
        with pytest.raises(dv.DvarError, match="weights must be finite"):
            loss.over(x=frame, y=y, weight=wrong)
