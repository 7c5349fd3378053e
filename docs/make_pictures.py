"""Make the pictures of the lessons anew, by running their code: python docs/make_pictures.py"""

import doctest
import os
from pathlib import Path

if __name__ == "__main__":
    os.chdir(Path(__file__).parent)
    for page in sorted(Path().glob("*.md")):
        doctest.testfile(page.name, module_relative=False, encoding="utf-8")
