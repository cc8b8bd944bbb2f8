"""The domain of the data as lines of text, for clients that read no JSON."""

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["domain_table"]


def domain_table(domain: dict[str, Any], event_shape: Sequence[int]) -> str:
    r"""Return domain.tsv, see docs/bundle.md: a line for each part of the last axis of an event.

    Args:
        domain: `model.domain` of the manifest.
        event_shape: `model.event_shape` of the manifest.

    Example:
        >>> from kvae.export.bundles.domain_table import domain_table
        >>> domain = kvae.layers.Domain(0.0, 1.0, hint="Divide by 255.").describe()
        >>> domain_table(domain, (8, 8, 1))
        '0\t1\t1\t0\t1\t0\t0\t\tnumbers in [0, 1]\tDivide by 255.\n'
    """
    row = event_shape[-1] if event_shape else 1
    lines, start = [], 0
    for index, part in enumerate(domain["columns"] or [domain]):
        label, span = "", row
        if domain["columns"]:
            label = f", column {index} ({part['name']}),"
            span = (part["categories"] or 1) if part["one_hot"] else 1
        fields = (start, span, row, _bound(part["low"]), _bound(part["high"]))
        flags = (int(part["integer"]), int(part["one_hot"]))
        texts = (re.sub(r"[\t\r\n]+", " ", text) for text in (label, part["text"], part["hint"]))
        lines.append("\t".join(map(str, (*fields, *flags, *texts))) + "\n")
        start += span
    return "".join(lines)


def _bound(value: float | None) -> str:
    return "-" if value is None else f"{value:.17g}"
