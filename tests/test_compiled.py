"""Machine code of fused programs: kept on disk, loaded without Numba, made anew where what is kept cannot be trusted, made for one
process where nothing can be kept; never an error, always the same bits."""

import errno
import json
import os
import resource
import subprocess
import sys
import threading

import numpy as np
import pytest

import dvar as dv
from dvar.vectorize import compiled, fused, machine_code, switch
from dvar.vectorize.arguments import types_of

LOSS = "inputs: w, b, x, y\nz = w @ x + b; L = softplus(z) - y*z"
rng = np.random.default_rng(11)
X, Y = rng.normal(size=(1300, 3)), (rng.random(1300) < 0.5).astype(float)
AT = {"w": np.array([0.5, -1.25, 0.1]), "b": 0.3}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DVAR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compilations(monkeypatch):
    """The programs compiled since the test began."""
    found, real = [], machine_code.object_code

    def counted(*given):
        found.append(given)
        return real(*given)

    monkeypatch.setattr(machine_code, "object_code", counted)
    return found


def started(loss=LOSS, x=X, y=Y):
    """The fused program, as a process that has just started sees it."""
    compiled.compiled.cache_clear()
    return dv.graph(loss).over(x=x, y=y).program("fused")


def bits(answer):
    return b"".join(np.float64(v).tobytes() for v in answer)


def note(program):
    first = str(program).split("\n")[0]
    return first if first.startswith("#") else ""


# kept and loaded


def test_what_is_kept_is_loaded_and_answers_the_same_bits(cache, compilations):
    first = bits(started()(AT))
    [file] = cache.iterdir()
    content, again = file.read_bytes(), started()
    assert bits(again(AT)) == first
    assert len(compilations) == 1
    assert note(again) == ""
    assert [file.read_bytes() for file in cache.iterdir()] == [content]
    assert cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("loss", ["L = (w @ x - y)**2 + b*y", LOSS.replace("softplus(z)", "log(1 + exp(z))*1.5")])
@pytest.mark.parametrize("x", [X.astype(np.float32), np.asfortranarray(X), (X * 9).astype(np.int8), X[::2]], ids=["float32", "columns", "int8", "strided"])
def test_programs_and_types_of_data_are_kept_apart(cache, compilations, loss, x):
    loss = loss if loss.startswith("inputs") else f"inputs: w, b, x, y\n{loss}"
    started()(AT)
    y = Y[: len(x)]
    answer = started(loss, x, y)(AT)
    expected = dv.graph(loss).over(x=x, y=y).program("numpy")(AT)
    for found, right in zip(answer, expected):
        np.testing.assert_allclose(found, right, rtol=1e-12)
    assert len(compilations) == 2
    assert bits(started(loss, x, y)(AT)) == bits(answer)
    assert len(compilations) == 2


def test_data_of_other_sizes_share_a_program(cache, compilations):
    for m, n in ((1300, 40), (7, 60)):
        started(x=np.ones((m, n)), y=Y[:m])(w=np.zeros(n), b=0.0)
    assert len(compilations) == 1


EVERYTHING = """
import json, sys, numpy as np, dvar as dv
x, y = np.arange(40.0).reshape(20, 2)/10, np.arange(20.0)/30 + 0.01
loss = "inputs: w, b, x, y\\nz = w @ x; L = sin(z)*cos(b) + tan(y) + erf(z)*b + hypot(z, y) + arctan2(y, b) + y**b + arcsin(y)*b + sinh(z) + floor(z)*b + sqrt(y) + log1p(y)*z + tanh(b)"
program = dv.graph(loss).over(x=x, y=y).program("fused")
answer = program(w=[0.5, -0.25], b=0.3)
print(json.dumps([program.target, str(program).count("compiled for"), "numba" in sys.modules, [float(v).hex() for v in np.hstack(answer)]]))
"""


def run(script, folder, **more):
    environment = {**os.environ, "DVAR_CACHE": str(folder), **more}
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def answered(process):
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    return json.loads(out)


LINEAR_ALGEBRA = EVERYTHING + """
import numba
told = ["scipy.linalg" in sys.modules]
a = np.arange(9.0).reshape(3, 3) + 4*np.eye(3)
for function in (lambda a: np.dot(a, a), lambda a: np.linalg.inv(a), lambda a: np.cov(a)):
    told.append(bool(np.allclose(numba.njit(function)(a), function(a))))
print(json.dumps(told))
"""


def test_what_numba_does_for_others_is_as_without_us(cache):
    out, err = run(LINEAR_ALGEBRA, cache).communicate()
    assert err == ""
    assert json.loads(out.splitlines()[-1]) == [False, True, True, True]


def test_a_process_that_finds_a_program_does_without_numba(cache):
    target, notes, with_numba, answer = answered(run(EVERYTHING, cache))
    assert (target, notes, with_numba) == ("fused", 0, True)
    assert answered(run(EVERYTHING, cache)) == ["fused", 0, False, answer]


def test_processes_that_compile_at_once_leave_one_whole_file(cache):
    both = [run(EVERYTHING, cache) for _ in range(2)]
    answers = [answered(process) for process in both]
    assert answers[0][3] == answers[1][3]
    assert len(list(cache.iterdir())) == 1
    assert not answered(run(EVERYTHING, cache))[2]


def test_a_process_killed_while_it_writes_harms_nothing(cache):
    killed = run("import os\nos.replace = lambda *paths: os._exit(9)\n" + EVERYTHING, cache)
    killed.communicate()
    assert killed.returncode == 9
    assert [path.suffix for path in cache.iterdir()] == [".part"]
    assert answered(run(EVERYTHING, cache))[2]
    assert not answered(run(EVERYTHING, cache))[2]


def test_threads_that_ask_at_once_compile_once(cache, compilations):
    started()
    compilations.clear()
    compiled.compiled.cache_clear()
    for file in cache.iterdir():
        file.unlink()
    cost = dv.graph(LOSS).over(x=X, y=Y)
    program, answers = cost.fused, []
    threads = [threading.Thread(target=lambda: answers.append(fused.Adding(program, AT)(slice(0, 1300)).tobytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert len(answers) == 4
    assert len(compilations) == 1


# what is there cannot be trusted


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


DAMAGES = {
    "empty": lambda content: b"", "garbage": lambda content: b"garbage" * 1000, "a byte": lambda content: b"\0",
    "cut short": lambda content: content[: len(content) // 2], "cut by one": lambda content: content[:-1],
    "without its checksum": lambda content: content[32:], "a bit of the code": lambda content: flipped(content, len(content) // 2),
    "a bit of the checksum": lambda content: flipped(content, 3), "something behind": lambda content: content + b"x",
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_anew(cache, compilations, damage):
    first = bits(started()(AT))
    [file] = cache.iterdir()
    content = file.read_bytes()
    file.write_bytes(DAMAGES[damage](content))
    again = started()
    assert (bits(again(AT)), note(again)) == (first, "")
    assert len(compilations) == 2
    started()
    assert len(compilations) == 2


def test_a_file_of_another_program_or_machine_is_made_anew(cache, compilations, monkeypatch):
    first = bits(started()(AT))
    [file] = cache.iterdir()
    monkeypatch.setattr(compiled, "surroundings", lambda: "another processor, other versions")
    assert bits(started()(AT)) == first
    assert len(compilations) == 2
    [other] = set(cache.iterdir()) - {file}
    other.write_bytes(file.read_bytes())  # code of one under the name of the other
    assert bits(started()(AT)) == first
    assert len(compilations) == 3


def test_a_program_that_needs_a_function_that_is_not_there_is_made_anew(cache, compilations):
    first = bits(started()(AT))
    [file] = cache.iterdir()
    needs, code = compiled.key(*of(started())), file.read_bytes()[compiled.PREFIX :].partition(b"\n")[2]
    assert compiled.keep(needs, code, ["a_function_nobody_has"]) == ""
    assert bits(started()(AT)) == first
    assert len(compilations) == 2


def of(program):
    cost = dv.graph(LOSS).over(x=X, y=Y)
    return cost.fused.run.source, cost.fused.run.name, cost.fused.run.kinds


def test_what_numba_was_told_is_part_of_the_name(monkeypatch):
    names = set()
    for value in ("", "generic", "skylake"):
        monkeypatch.setenv("NUMBA_CPU_NAME", value)
        compiled.surroundings.cache_clear()
        names.add(compiled.key("source", "name", ("int",)))
    monkeypatch.undo()
    compiled.surroundings.cache_clear()
    names |= {compiled.key("source", "name", ("float",)), compiled.key("source", "name", ("int",)), compiled.key("other", "name", ("int",))}
    assert len(names) == 6


def test_where_numba_may_not_compile_the_numpy_program_runs(cache):
    script = """import numpy as np, dvar as dv
x = np.ones((200_000, 5))
cost = dv.graph("inputs: w, x, y\\nL = (w @ x - y)**2").over(x=x, y=x[:, 0])
print(str(cost.program("fused")).splitlines()[0], cost.minimize().program)"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True).stdout
    assert "NUMBA_DISABLE_JIT is set" in said
    assert said.endswith("numpy\n")


def test_a_folder_others_may_write_to_is_not_used(cache, compilations):
    first = bits(started()(AT))
    cache.chmod(0o777)
    again = started()
    assert bits(again(AT)) == first
    assert len(compilations) == 2
    assert note(again) == f"# compiled for this process alone: others may write to {cache}"


def test_a_file_of_another_user_is_not_run(cache, compilations, monkeypatch):
    started()
    monkeypatch.setattr(compiled.os, "getuid", lambda: 12345)
    monkeypatch.setattr(compiled, "ROOT", 54321)
    assert "others may write to" in note(started())
    assert len(compilations) == 2


# nothing can be kept


def blocked_by_a_file(path, monkeypatch):
    path.write_text("")


def below_a_file(path, monkeypatch):
    path.with_name("file").write_text("")
    monkeypatch.setenv("DVAR_CACHE", str(path.with_name("file") / "deep" / "cache"))


def read_only(path, monkeypatch):
    def refuse(content, target):
        raise OSError(errno.EROFS, "Read-only file system", str(target))

    monkeypatch.setattr(compiled, "save", refuse)


def full(path, monkeypatch):
    def refuse(content, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(compiled, "save", refuse)


def homeless(path, monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DVAR_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(compiled.Path, "home", nowhere)


FAULTS = [(blocked_by_a_file, "File exists"), (below_a_file, "Not a directory"), (read_only, "Read-only file system"),
          (full, "No space left on device"), (homeless, "Could not determine home directory")]  # fmt: skip


@pytest.mark.parametrize(("fault", "why"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
def test_without_a_folder_programs_run_and_say_so(cache, compilations, monkeypatch, fault, why):
    fault(cache, monkeypatch)
    program = started()
    expected = dv.graph(LOSS).over(x=X, y=Y).program("numpy")(AT)
    assert program(AT)[0] == pytest.approx(expected[0], rel=1e-13)
    assert note(program).startswith("# compiled for this process alone: ")
    assert why in note(program)
    assert note(dv.graph(LOSS).over(x=X, y=Y).program("fused")) == note(program)
    assert len(compilations) == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission_to_write(cache, compilations):
    cache.mkdir(mode=0o500)
    assert "Permission denied" in note(started())
    assert started()(AT)[0] == pytest.approx(dv.graph(LOSS).over(x=X, y=Y).program("numpy")(AT)[0])


def test_a_file_that_does_not_fit_leaves_nothing_behind(cache):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        program = started()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in note(program)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(("variables", "place"), [
    ({"DVAR_CACHE": "/a/b"}, "/a/b"), ({"DVAR_CACHE": "", "XDG_CACHE_HOME": "/x"}, "/x/dvar"), ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/dvar"),
])  # fmt: skip
def test_the_folder(monkeypatch, variables, place):
    monkeypatch.delenv("DVAR_CACHE", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(compiled.folder()) == place


def test_where_numba_is_otherwise_inside_it_compiles_as_it_does_any_function(cache, monkeypatch):
    expected = started()(AT)

    def otherwise(*given):
        raise AttributeError("Numba has no such thing any more")

    monkeypatch.setattr(machine_code, "object_code", otherwise)
    [file] = cache.iterdir()
    file.unlink()
    program = started()
    for found, right in zip(program(AT), expected):
        np.testing.assert_allclose(found, right, rtol=1e-14)
    assert note(program) == "# compiled for this process alone: Numba has no such thing any more"
    assert list(cache.iterdir()) == []


# calls


@pytest.mark.parametrize("wrong", [
    np.ones(4, np.float32), np.ones((2, 2)), np.ones(4, ">f8"), np.ones(8)[::2], np.ones(4, complex), 1, 1.0, [1.0], None,
], ids=repr)  # fmt: skip
def test_arguments_of_other_types_are_refused(cache, wrong):
    source = "def doubled(n, scale, v):\n    for i in range(n):\n        v[i] = v[i]*scale\n"
    right = (4, 2.5, np.arange(4.0))
    program = compiled.compiled(source, "doubled", types_of(right))
    program(*right)
    np.testing.assert_array_equal(right[2], [0, 2.5, 5, 7.5])
    with pytest.raises(TypeError, match="doubled was compiled for arguments of other types"):
        program(4, 2.5, wrong)
    with pytest.raises(TypeError, match="doubled"):
        program(4, wrong if not isinstance(wrong, float) else 1, right[2])
    with pytest.raises(TypeError, match="doubled"):
        program(4, 2.5)


def test_a_program_for_any_steps_takes_them_all(cache):
    source = "def doubled(v):\n    for i in range(v.shape[0]):\n        for j in range(v.shape[1]):\n            v[i, j] *= 2.0\n"
    given = np.arange(24.0).reshape(4, 6)
    program = compiled.compiled(source, "doubled", types_of([given[::2, ::3]]))
    for v in (given[::2, ::3], given, given.T, given[::-1, ::-1], given[:0], given[1:2, 3:4]):
        expected = v * 2
        program(v)
        np.testing.assert_array_equal(v, expected)


# when it runs


def test_a_program_that_is_there_serves_smaller_jobs(cache, monkeypatch, compilations):
    monkeypatch.setattr(switch, "LOAD_SECONDS", 0.0)
    compiled.compiled.cache_clear()
    assert dv.graph(LOSS).over(x=X, y=Y).minimize().program == "numpy"
    assert compilations == []
    started()
    compiled.compiled.cache_clear()
    fit = dv.graph(LOSS).over(x=X, y=Y).minimize(method="gradient-descent", steps=3)
    assert fit.program == "fused"
    assert len(compilations) == 1


def test_the_smallest_jobs_do_not_even_look(cache, compilations):
    started()
    compiled.compiled.cache_clear()
    cost = dv.graph(LOSS).over(x=X, y=Y)
    assert cost.minimize(method="gradient-descent", steps=3).program == "numpy"
    assert "fused" not in cost.__dict__


def test_what_is_worth_compiling_is_compiled(cache, monkeypatch, compilations):
    for name in ("COMPILE_SECONDS", "CHARACTER_SECONDS", "LOAD_SECONDS"):
        monkeypatch.setattr(switch, name, 0.0)
    fit = dv.graph(LOSS).over(x=X, y=Y).minimize()
    assert fit.program == "fused"
    assert len(compilations) in (1, 2)
