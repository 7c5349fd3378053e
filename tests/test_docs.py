"""The lessons and how-to pages: their code runs and answers what they say, makes the pictures they show, and their links lead somewhere."""

import doctest
import inspect
import re
import runpy
import shlex
from pathlib import Path

import pytest

import dvar as dv
from dvar import commands
from dvar.cli import main
from dvar.commands import app
from dvar.derive.rules import EXACT, STABILITY
from dvar.expression.ops import ROWS

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
BLOCK = re.compile(r"```pycon\n(.*?)```", re.S)
CONSOLE = re.compile(r"```console\n(.*?)```", re.S)
LESSONS = [page.name for page in PAGES if page.name[0].isdigit()]


def code(page):
    return [block.rstrip() for block in BLOCK.findall(page.read_text(encoding="utf-8"))]


def commands_of(page):
    """What a page types into a shell, and what it says that it answers; … stands for anything."""
    return [command for block in CONSOLE.findall(page.read_text(encoding="utf-8")) for command in re.findall(r"^\$ (.*)\n((?:[^$].*\n|\n)*)", block, re.M)]


@pytest.mark.parametrize("page", [p for p in PAGES if code(p)], ids=lambda p: p.stem)
def test_a_page_says_what_happens(page, tmp_path, monkeypatch, capsys):
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert tried
    assert not failed
    for command, told in commands_of(page):
        capsys.readouterr()
        assert main(shlex.split(command)[1:]) == 0, command
        wanted = ".*?".join(map(re.escape, told.rstrip().split("…")))
        assert re.fullmatch(wanted, capsys.readouterr().out.rstrip(), re.S), command
    for made in (tmp_path / "pictures").iterdir():
        assert made.read_bytes() == (DOCS / "pictures" / made.name).read_bytes(), f"{made.name}: python docs/make_pictures.py"


@pytest.mark.parametrize("name", LESSONS)
def test_the_lessons_are_the_same_in_korean(name):
    assert code(DOCS / "ko" / name) == code(DOCS / name)


MADE = runpy.run_path(str(DOCS / "make_reference.py"))
REFERENCE = MADE["pages"]()


@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_the_reference_is_what_the_code_says(name):
    assert (DOCS / "reference" / name).read_text(encoding="utf-8") == REFERENCE[name], "python docs/make_reference.py"


def test_the_reference_has_every_public_name_operation_rule_and_command():
    assert {p.name for p in (DOCS / "reference").iterdir()} == set(REFERENCE)
    for name in dv._HOME:
        page = next(text for text in REFERENCE.values() if f"## dv.{name}\n" in text)
        said = page.split(f"## dv.{name}\n")[1].split("\n## ")[0].replace("```", "")
        assert len(said.split()) > 5, name  # there is a docstring
    for op in ROWS:
        assert op.name == "same" or MADE["code"](op.form.format(*"abc")) in REFERENCE["operations.md"], op.name
    for rule in (*STABILITY, *EXACT):
        assert MADE["code"](rule.before) in REFERENCE["rules.md"]
    for command in app.resolved_commands():
        assert command.startswith("-") or f"## dvar {command}\n" in REFERENCE["command-line.md"], command
    options = re.findall(r"^\| `(--[a-z0-9-]+)`", REFERENCE["command-line.md"].split("## dvar fit\n")[1].split("\n## ")[0], re.M)
    given = {n.strip("_").replace("_", "-") for n in inspect.signature(commands.fit).parameters}
    assert {o.removeprefix("--") for o in options} == given - {"file"}


def test_what_is_chosen_for_the_reference_is_there():
    for thing, names in MADE["SURFACE"].items():
        told = {name for name, _ in MADE["members"](thing)} | set(getattr(thing, "__dataclass_fields__", ()))
        assert told >= set(names.split()), thing


def test_every_link_and_picture_is_there():
    assert len(LESSONS) == 4
    for page in [*PAGES, *(DOCS / "reference").glob("*.md"), *(DOCS / "ko").glob("*.md"), DOCS.parent / "README.md"]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert "://" in link or (page.parent / link).exists(), (page, link)


def test_no_picture_is_left_over():
    shown = "".join(p.read_text(encoding="utf-8") for p in PAGES)
    assert all(picture.name in shown for picture in (DOCS / "pictures").iterdir())
