"""Processes forked from one that has imported what takes seconds to import.

A new process spends five seconds of processor time on importing TensorFlow and Keras. Where a test
needs a process of its own but not that its imports are made anew, it starts one here: a server
imports the modules once, runs nothing, and forks for each request. A forked process has its own
memory, files, environment, threads and signals like any other; of the server it has only the
imported modules and the seed of Python's string hashes.

Tests of what is imported, or of the order of imports, start a new process: `helpers.run_python`
with `prepared=False`.
"""

import functools
import gc
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

__all__ = ["Process", "verifying"]

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    "tensorflow": ["tensorflow"],
    "kvae": [
        "tensorflow", "tensorflow_probability", "keras", "sklearn.datasets",
        "kvae.callbacks", "kvae.data", "kvae.diagnosis", "kvae.export", "kvae.models",
        "kvae.networks", "kvae.regularizers", "tests.helpers", "tests.small",
    ],
}  # fmt: skip


class Server:
    """The parent's end of a server: one request, one answer, a line of JSON each."""

    def __init__(self, modules):
        command = [sys.executable, "-c", "import sys; from tests import prepared; prepared.serve()"]
        self.process = subprocess.Popen(
            [*command, *MODULES[modules]],
            cwd=ROOT,
            # A thread that runs before the fork would be missing after it: no pool of OpenBLAS, no
            # thread of pyarrow's allocator (TensorFlow imports pandas where there is one).
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "OPENBLAS_NUM_THREADS": "1",
                "JE_ARROW_MALLOC_CONF": "background_thread:false",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.folder = json.loads(self.process.stdout.readline())
        self.files = 0

    def new_file(self):
        """Return a path in a folder that the server removes when it ends."""
        self.files += 1
        return Path(self.folder, str(self.files))

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@functools.cache
def server(modules):
    """Return the server with these modules; it ends when this process does."""
    return Server(modules)


class Process:
    """A forked process, with what tests use of `subprocess.Popen`.

    Args:
        program: `{"code": text}` or `{"module": name}`, as `python -c` and `python -m` take it.
        arguments: what stands in `sys.argv[1:]`.
        cwd, env: working folder and environment.
        modules: a key of `MODULES`.
        stdout, stderr: files that it writes to; its own by default, for `communicate`.
    """

    def __init__(
        self,
        program,
        arguments=(),
        *,
        cwd=None,
        env=None,
        modules="kvae",
        stdout=None,
        stderr=None,
    ):
        self.server = server(modules)
        self.stdout = Path(stdout or self.server.new_file())
        self.stderr = Path(stderr or self.server.new_file())
        self.returncode = None
        self.pid = self.server.ask(
            **program,
            arguments=[str(argument) for argument in arguments],
            cwd=str(cwd or Path.cwd()),
            env=dict(os.environ if env is None else env),
            stdout=str(self.stdout),
            stderr=str(self.stderr),
        )

    def poll(self):
        if self.returncode is None:
            self.returncode = self.server.ask(ended=self.pid)
        return self.returncode

    def wait(self, timeout=None):
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        return self.returncode

    def output(self):
        """Return what it has printed so far."""
        return self.stdout.read_text(errors="replace") if self.stdout.exists() else ""

    def communicate(self, timeout=None):
        self.wait(timeout)
        return self.output(), self.stderr.read_text(errors="replace")

    def finished(self):
        """Wait, and return what `subprocess.run` returns."""
        output, error = self.communicate()
        return subprocess.CompletedProcess([], self.returncode, output, error)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.wait()

    def kill(self):
        if self.poll() is None:  # the server keeps the number until it is asked
            os.kill(self.pid, 9)


RUN_PATH = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def verifying(command, **settings):
    """Stand in for `subprocess.Popen` where `saved_model` tries its file without Keras.

    The script makes any import of Keras and kvae fail, here as well; the server for it has imported
    neither. Tests of the command line and of the README verify in new processes.
    """
    *_, script, file, source, target = command
    if Path(script).stem != "fresh_process":
        return subprocess.Popen(command, **settings)
    arguments = [script, file, source, target]
    log = f"/proc/{os.getpid()}/fd/{settings['stderr'].fileno()}"  # the file has no name
    return Process({"code": RUN_PATH}, arguments, modules="tensorflow", stdout=log, stderr=log)


def serve():
    """Import the modules of the command line, then fork for each request; the server's main."""
    for name in sys.argv[1:]:
        __import__(name)
    gc.freeze()  # a collection in a child would copy every page of what is imported
    threads = len(os.listdir("/proc/self/task"))
    assert threads == 1, f"{threads} threads: a fork would lose all but one"
    answers = os.fdopen(os.dup(1), "w")
    folder = tempfile.mkdtemp()
    print(json.dumps(folder), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                answers.close()
                run(request)
                return
        print(json.dumps(answer), file=answers, flush=True)
    shutil.rmtree(folder)


def run(request):
    """Be the process of a request: set up what a new process would have, then run the program."""
    for name, file in (("stdout", 1), ("stderr", 2)):
        handle = os.open(request[name], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(handle, file)
        os.close(handle)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    if (
        "numpy" in sys.modules
    ):  # a new process draws its seed from the system; Python does so itself
        sys.modules["numpy"].random.seed()
    path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    sys.path[:] = ["", *path, *(part for part in sys.path if part not in ("", str(ROOT), *path))]
    if "module" in request:
        sys.argv = [request["module"], *request["arguments"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        return
    sys.argv = ["-c", *request["arguments"]]
    sys.modules["__main__"] = main = ModuleType("__main__")
    exec(compile(request["code"], "<string>", "exec"), main.__dict__)
