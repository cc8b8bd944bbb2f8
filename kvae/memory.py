"""How many draws fit into the memory: one rule for every method that takes a number of them."""

import math
import os
from pathlib import Path
from typing import Any

from kvae.contract.input_spec import target_of

__all__ = ["check_draws", "check_result", "decoded_elements", "rows_at_once"]

FLOAT32 = 4  # bytes
HIDDEN = 1024  # numbers for each draw inside a decoder, about
BATCH_BYTES = 2**28  # for the draws of a batch
UNKNOWN = 2**36  # bytes, where the system does not say how much memory it has
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_draws(model: Any, draws: int, name: str = "draws") -> None:
    """Raise a ValueError unless `draws` decoded draws of one example fit into the memory.

    Args:
        model: a `LatentModel`.
        draws: int K.
        name: what the argument is called.
    """
    _check(name, draws, _numbers_of_a_draw(model), "draws, so that those of one example fit")


def check_result(name: str, count: int, numbers: int) -> None:
    """Raise a ValueError unless an array (count, numbers) fits into the memory.

    Example:
        >>> from kvae.memory import check_result
        >>> check_result("n", 1000, 64)
    """
    _check(name, count, numbers, "draws, so that they fit")


def rows_at_once(model: Any, draws: int = 1) -> int:
    """Return how many examples with `draws` draws each are computed at once, at least one."""
    return max(1, BATCH_BYTES // (FLOAT32 * draws * _numbers_of_a_draw(model)))


def _check(name: str, count: int, numbers: int, what: str) -> None:
    most = _half_of_the_memory() // (FLOAT32 * numbers)  # batches and what is made of them
    if count > most:
        raise ValueError(
            f"Expected at most {most} {what} into the memory. Received: {name}={count}"
        )


def decoded_elements(model: Any) -> int:
    """Return the number of elements of one decoded example.

    Args:
        model: a `LatentModel`.
    """
    return math.prod(size or 1 for size in target_of(model.input_specs()).shape)


def _numbers_of_a_draw(model: Any) -> int:
    """Return how many numbers one decoded draw takes, about."""
    elements = decoded_elements(model)
    layer = getattr(model, "likelihood_layer", None)  # of a family of kvae
    params = 2 * elements if layer is None else layer.params_size
    return int(params + 2 * elements + HIDDEN)


def _half_of_the_memory() -> int:
    """Return half the bytes that this process may have."""
    try:
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, OSError, ValueError):  # Windows
        found = [UNKNOWN]
    for file in map(Path, LIMITS):
        limit = file.read_text().strip() if file.is_file() else "max"
        if limit.isdecimal():
            found.append(int(limit))
    return min(found) // 2
