"""The lessons and how-to pages: their code runs and answers what they say, makes the pictures they show, and their links lead somewhere."""

import doctest
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
BLOCK = re.compile(r"```pycon\n(.*?)```", re.S)
LESSONS = [page.name for page in PAGES if page.name[0].isdigit()]


def code(page):
    return [block.rstrip() for block in BLOCK.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", [p for p in PAGES if code(p)], ids=lambda p: p.stem)
def test_a_page_says_what_happens(page, tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert tried
    assert not failed
    for made in (tmp_path / "pictures").iterdir():
        assert made.read_bytes() == (DOCS / "pictures" / made.name).read_bytes(), f"{made.name}: python docs/make_pictures.py"


@pytest.mark.parametrize("name", LESSONS)
def test_the_lessons_are_the_same_in_korean(name):
    assert code(DOCS / "ko" / name) == code(DOCS / name)


def test_every_link_and_picture_is_there():
    assert len(LESSONS) == 4
    for page in [*PAGES, *(DOCS / "ko").glob("*.md"), DOCS.parent / "README.md"]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert "://" in link or (page.parent / link).exists(), (page, link)


def test_no_picture_is_left_over():
    shown = "".join(p.read_text(encoding="utf-8") for p in PAGES)
    assert all(picture.name in shown for picture in (DOCS / "pictures").iterdir())
