"""The README's Python runs from top to bottom and answers what stands beside it; its two commands are the ones CI calls."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CODE = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))


def test_the_python_of_the_readme(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space: dict = {}
    checked = 0
    for statement in ast.parse(CODE).body:
        source = ast.get_source_segment(CODE, statement)
        if not isinstance(statement, ast.Expr):
            exec(source if not isinstance(statement, ast.FunctionDef) else f"@dv.graph\n{source}", space)
            continue
        value = eval(source, space)
        line = CODE.splitlines()[statement.end_lineno - 1]
        promised = re.search(r"#\s+(\([-\d., ]+\)|-?[\d.]+)(?=[,;]|$)", line)
        if promised and value is not None:
            assert value == pytest.approx(ast.literal_eval(promised[1]), rel=1e-9), line
            checked += 1
    assert checked >= 5
    assert space["fit"].converged
    assert np.isfinite(space["fit"].params["w"]).all()
    assert "dz = da * a * (1 - a) = a - y = 0.5 - 1 = -0.5" in capsys.readouterr().out
    assert (tmp_path / "J.svg").exists()


def test_the_two_commands_stand_in_the_readme():
    assert "\npip install . && dvar fit examples/flights.parquet --target late\n" in README
    assert "\npip install -e '.[test]' && pytest\n" in README
