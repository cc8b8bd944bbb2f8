"""How long do `import kvae`, `kvae --help` and the import of the runtime take?

Each value is the minimum over several new processes, minus that of a process which only imports the
dependencies. With other load the processor time is more precise than the wall time.

    python benchmarks/start_up.py [--runs 7]
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

HELP = "import sys; sys.argv = ['kvae', '--help']; from kvae.cli.main import app; app()"
BASE = "import numpy, ai_edge_litert.interpreter"
# name: script, script of its dependencies, allowed seconds beyond the dependencies
CASES = {
    "import kvae": ("import kvae", "pass", 0.1),
    "kvae --help": (HELP, "", 0.5),
    "kvae.export.runtime beyond numpy and LiteRT": (
        f"{BASE}; import kvae.export.runtime",
        BASE,
        0.3,
    ),
}


def least_seconds(script, runs):
    """Return the least wall and processor time of a new Python process that runs `script`."""
    seconds = []
    for _ in range(runs):
        started, used = time.perf_counter(), children_seconds()
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)  # noqa: S603
        seconds.append((time.perf_counter() - started, children_seconds() - used))
        if run.returncode:
            raise SystemExit(run.stderr)
    return np.min(seconds, axis=0)


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args(argv)
    loaded = "import kvae, sys; print('tensorflow' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout  # noqa: S603
    print(f"import kvae loads TensorFlow: {output.strip()}")
    for name, (script, base, allowed) in CASES.items():
        taken = least_seconds(script, options.runs)
        if base:
            taken = taken - least_seconds(base, options.runs)
        wall, cpu = taken
        print(f"{name:46s} {wall:.3f} s ({cpu:.3f} s of processor), limit {allowed:.1f} s")


if __name__ == "__main__":
    main()
