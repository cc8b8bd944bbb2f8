"""The scripts of benchmarks/ start: what they import is still there."""

import pytest

from tests.helpers import ROOT
from tests.prepared import Process

PARTS = {"contender", "model_kinds", "page", "pretrained_data"}  # of other scripts
SCRIPTS = sorted({path.stem for path in (ROOT / "benchmarks").glob("*.py")} - PARTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_says_what_it_does(name):
    code = (
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(ROOT / 'benchmarks')!r})\n"
        f"sys.argv = ['{name}.py', '--help']\n"
        f"runpy.run_path({str(ROOT / 'benchmarks' / name)!r} + '.py', run_name='__main__')"
    )
    done = Process({"code": code}, cwd=ROOT).finished()
    assert done.returncode == 0, done.stderr[-2000:]
    assert "usage:" in done.stdout
