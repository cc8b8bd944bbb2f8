"""How long do `import kvae`, `kvae --help` and the import of the runtime take?

Each value is the minimum over several new processes, minus that of a process which only imports the
dependencies. With other load the processor time is more precise than the wall time.

Keras 3.15 imports scikit-learn (for `keras.wrappers`) and matplotlib.pyplot (for
`keras.visualization`) whenever they are installed, and TensorFlow imports Keras: over a second of
processor time of each start that needs TensorFlow. Neither has an option or an environment variable
against it, and hiding the two packages would break those parts of Keras for the user. So kvae does
not avoid it; `import kvae` alone imports no Keras. The last line measures it.

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
HIDDEN = "import sys; sys.modules.update(sklearn=None, matplotlib=None); import keras"
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
    wall, cpu = least_seconds("import keras", options.runs) - least_seconds(HIDDEN, options.runs)
    name = "scikit-learn and matplotlib in import keras"
    print(f"{name:46s} {wall:.3f} s ({cpu:.3f} s of processor)")


if __name__ == "__main__":
    main()
