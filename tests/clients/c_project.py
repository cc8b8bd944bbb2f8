"""The C project and small programs in C, built by the machine's compiler with sanitizers."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

from tests.clients.needed import need
from tests.helpers import ROOT

__all__ = ["SOURCES", "build", "compiled", "litert_folder"]

SOURCES = ROOT / "export" / "clients" / "c"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
PACKAGES = "gcc libc6-dev cmake make"


def litert_folder():
    """Return the folder in which libLiteRt.so lies."""
    package = Path(importlib.util.find_spec("ai_edge_litert").origin).parent
    install = "It comes with the Python package ai-edge-litert 2.1.6 or later for Linux."
    need((package / "libLiteRt.so").exists(), "libLiteRt.so", install)
    return package


def compiled(source, *arguments):
    """Compile a program with the sanitizers beside its source; return its path."""
    compiler = _found("cc", "A C compiler")
    command = [compiler, "-std=c11", "-O1", "-g", *WARNINGS, *SANITIZERS, f"-I{SOURCES}", source]
    program = source.with_suffix("")
    _run(*command, "-o", program, *arguments, "-lm")
    return program


def build(folder, *options):
    """Build the C project and install it in `folder`, which is returned."""
    cmake = _found("cmake", "CMake")
    _found("cc", "A C compiler")
    settings = [f"-DLITERT_ROOT={litert_folder()}", f"-DCMAKE_INSTALL_PREFIX={folder}"]
    flags = f"-DCMAKE_C_FLAGS={' '.join([*WARNINGS, '-Wconversion'])}"
    _run(cmake, "-S", SOURCES, "-B", folder / "build", *settings, flags, *options)
    _run(cmake, "--build", folder / "build", "--target", "install")
    return folder


def _found(program, what):
    install = f"On Debian or Ubuntu run: apt-get install {PACKAGES}"
    return need(shutil.which(program), what, install)


def _run(*command):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
