"""The domains of a model's inputs as lines of text, for clients that read no JSON."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..runtime import column_label, span

__all__ = ["domain_table"]


def domain_table(inputs: Mapping[str, Any]) -> str:
    r"""Return domain.tsv, see docs/bundle.md: a line for each part of the last axis of an input.

    Args:
        inputs: `model.inputs` of the manifest.

    Example:
        >>> from kvae.export.bundles.domain_table import domain_table
        >>> domain = kvae.layers.Domain(0.0, 1.0, hint="Divide by 255.").describe()
        >>> domain_table({"x": {"shape": [8, 8, 1], "domain": domain}})
        'x\t0\t1\t1\t0\t1\t0\t0\t0\t\tnumbers in [0, 1]\tDivide by 255.\n'
    """
    lines = (
        "\t".join(map(str, (name, *fields))) + "\n"
        for name, described in inputs.items()
        for fields in _parts(described["domain"], (described["shape"] or [1])[-1])
    )
    return "".join(lines)


def _parts(domain: dict[str, Any], row: int) -> Iterator[tuple[Any, ...]]:
    """Yield the fields of each part of a row of numbers."""
    start = 0
    missing = domain.get("missing", False)
    for index, part in enumerate(domain["columns"] or [domain]):
        label, width = "", row
        if domain["columns"]:
            label, width = column_label(index, part), span(part)
        bounds = (_bound(part["low"]), _bound(part["high"]))
        flags = (int(part["integer"]), int(part["one_hot"]), int(missing))
        texts = (re.sub(r"[\t\r\n]+", " ", text) for text in (label, part["text"], part["hint"]))
        yield (start, width, row, *bounds, *flags, *texts)
        start += width


def _bound(value: float | None) -> str:
    return "-" if value is None else f"{value:.17g}"
