"""Apache Beam is no part of kvae's own environment: what happens without it."""

import re

from tests.helpers import run_python


def test_importing_exports_does_not_load_beam(tmp_path):
    code = (
        "import sys, kvae.export, kvae.export.runtime\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'apache_beam', 'pyarrow'}))"
    )
    assert run_python(code, tmp_path).strip() == "[]"


def test_without_beam_the_error_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['apache_beam'] = None; import kvae.export.beam"
    done = run_python(code, tmp_path, check=False)
    assert done.returncode
    last = done.stderr.strip().splitlines()[-1]
    assert re.match(r"ImportError: kvae.export.beam needs Apache Beam, of which apache_beam", last)
    assert "pip install 'apache-beam>=2.77' google-crc32c" in last


def test_without_beam_the_command_says_so_in_a_sentence(tmp_path):
    code = (
        "import sys; sys.modules['apache_beam'] = None\n"
        "from kvae.cli.main import app\n"
        "app(['score', '--beam', 'bundle', 'rows.parquet', '-o', 'out'])"
    )
    done = run_python(code, tmp_path, check=False, env={"COLUMNS": "400"})
    assert done.returncode == 1
    assert "Error: kvae.export.beam needs Apache Beam" in done.stderr
    assert "Traceback" not in done.stderr
