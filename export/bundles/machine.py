"""What times were measured on."""

import os
import platform
import re
from pathlib import Path

__all__ = ["machine"]


def machine() -> str:
    """Return the processor, its cores and the operating system in one line.

    Example:
        >>> from kvae.export.bundles.machine import machine
        >>> "cores" in machine()
        True
    """
    name = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")  # Linux; elsewhere platform knows the name
    if described.is_file():
        found = re.search(r"model name\s*: (.+)", described.read_text())
        name = found[1] if found else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
