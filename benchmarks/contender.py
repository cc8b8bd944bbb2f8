"""A contender of `train_speed.py`: a process that trains an epoch on request, and its times."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
FOREIGN_SHARE = 0.03  # greatest share of processor time of other programs in an epoch
PAUSE = 0.3  # seconds before an epoch; threads of the previous contender spin for a while


@dataclass
class Worker:
    """A contender's process and its measurements."""

    name: str
    process: subprocess.Popen
    missing: str = ""
    walls: list[float] = field(default_factory=list)
    peak: float = 0.0

    def answer(self):
        """Return the next message of the contender."""
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"missing": f"ended with {self.process.wait()}"}

    def epoch(self):
        """Train an epoch; return its seconds and the share of processor time of other programs."""
        before, wall = busy_seconds(), time.perf_counter()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        answer = self.answer()
        wall = time.perf_counter() - wall
        if "missing" in answer:
            raise RuntimeError(f"{self.name} {answer['missing']}")
        foreign = busy_seconds() - before - answer["cpu"]
        self.peak = answer["peak"]
        return answer["wall"], max(foreign, 0.0) / (wall * os.cpu_count())

    def turn(self, most, accept_load=False):
        """Return the seconds of the epochs up to the first clean one, and whether there was one.

        Args:
            most: greatest number of epochs.
            accept_load: whether any epoch counts as clean.
        """
        walls = []
        while len(walls) < most:
            time.sleep(PAUSE)
            wall, foreign = self.epoch()
            walls.append(wall)
            if foreign <= FOREIGN_SHARE or accept_load:
                return walls, True
        return walls, False

    def close(self):
        """End the contender's process."""
        self.process.stdin.close()
        self.process.wait()


def start(name, python, script, arguments):
    """Start a script of the folder `contenders`, wait for its warm-up, and return its `Worker`.

    Args:
        name: its name in the report.
        python: path of the Python interpreter.
        script: name of the script without suffix.
        arguments: values of its options by name.
    """
    command = [python, HERE / "contenders" / f"{script}.py"]
    for option, value in arguments.items():
        command += [f"--{option}", value]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    process = subprocess.Popen(  # noqa: S603
        list(map(str, command)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    worker = Worker(name, process)
    answer = worker.answer()
    worker.missing = answer.get("missing", "")
    worker.peak = answer.get("peak", 0.0)
    print(f"  {name}: {worker.missing or 'warm'}", flush=True)
    return worker


def busy_seconds():
    """Return the busy seconds of all processors, summed over all programs."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
