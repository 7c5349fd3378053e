"""Make the pictures of the lessons anew, by running their code: python docs/make_pictures.py"""

import doctest
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent

if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("pictures").mkdir()
        for page in sorted(HERE.glob("*.md")):
            doctest.testfile(str(page), module_relative=False, encoding="utf-8")
        shutil.copytree("pictures", HERE / "pictures", dirs_exist_ok=True)
        os.chdir(HERE)
