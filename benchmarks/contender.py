"""A contender of `train_speed.py`: its process, told when to train an epoch, and its times."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
FOREIGN_SHARE = 0.03  # of the processor's time in an epoch
PAUSE = 0.3  # seconds before an epoch, in which the threads of the contender before come to rest


@dataclass
class Worker:
    """A contender's process and what it measured."""

    name: str
    process: subprocess.Popen
    missing: str = ""
    walls: list[float] = field(default_factory=list)
    peak: float = 0.0

    def answer(self):
        """Return the next thing that the contender says."""
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"missing": f"ended with {self.process.wait()}"}

    def epoch(self):
        """Train an epoch; return seconds, and the share of the processor that others used."""
        before, wall = busy_seconds(), time.perf_counter()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        said = self.answer()
        wall = time.perf_counter() - wall
        if "missing" in said:
            raise RuntimeError(f"{self.name} {said['missing']}")
        foreign = busy_seconds() - before - said["cpu"]
        self.peak = said["peak"]
        return said["wall"], max(foreign, 0.0) / (wall * os.cpu_count())

    def turn(self, most, accept_load=False):
        """Return the seconds of each epoch up to the first clean one, and whether it came.

        Args:
            most: epochs after which to give up.
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
        """Let the contender end."""
        self.process.stdin.close()
        self.process.wait()


def start(name, python, script, arguments):
    """Start a script of the folder `contenders` and wait until it is warm; return its `Worker`.

    Args:
        name: what the report calls it.
        python: the Python that runs it.
        script: its name, without the ending.
        arguments: dict from the names of its options to their values.
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
    said = worker.answer()
    worker.missing = said.get("missing", "")
    worker.peak = said.get("peak", 0.0)
    print(f"  {name}: {worker.missing or 'warm'}", flush=True)
    return worker


def busy_seconds():
    """Return the seconds that all processors together have worked, for whomever."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
