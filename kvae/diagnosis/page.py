"""A report as one HTML file, with its figure inside."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kvae import files

__all__ = ["write_page"]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .75rem; text-align: left }
pre { background: #f5f5f5; padding: .75rem; overflow-x: auto }
img { max-width: 100% }
.state { border-left: .4rem solid #d90; padding: .1rem 1rem } .healthy { border-color: #292 }
"""


def write_page(report: Any, path: Any) -> None:
    """Write a `LatentReport` to `path`; a file that is there is replaced as a whole.

    Args:
        report: the `LatentReport`.
        path: name of the file, ending in .html.
    """
    path = Path(path)
    files.check_name(path, "path", (".html", ".htm"))
    with files.replacing(path) as temporary:
        Path(temporary).write_text(_page(report), encoding="utf-8")


def _page(report: Any) -> str:
    verdict, text = report.verdict, html.escape
    doubt = "" if verdict.certain else " (not certain)"
    kind = "state healthy" if verdict.state == "healthy" else "state"
    parts = [
        f'<div class="{kind}"><h1>{text(verdict.state)}{doubt}</h1><p>{text(verdict.advice)}</p>',
        _items([*verdict.evidence, *report.settings.sentences()]),
        "</div>",
    ]
    if report.findings:
        parts += ["<h2>Findings</h2>", _items(str(finding) for finding in report.findings)]
    if verdict.next_step:
        parts += ["<h2>Next</h2>", f"<pre>{text(verdict.next_step)}</pre>"]
    parts.append(f'<img alt="figure of the report" src="data:image/png;base64,{_figure(report)}">')
    parts += ["<h2>Notes</h2>", _items(report.notes)] if report.notes else []
    rows = [
        (name, str(found), f"{found.low:.3g} .. {found.high:.3g}")
        for name, found in report.estimates().items()
        if found.measured
    ]
    if rows:
        parts += ["<h2>Estimates</h2>", _table(("estimate", "value", "95% interval"), rows)]
    dimensions = [
        (
            f"z{d.index}",
            str(d.information),
            f"{d.kl.value:.2f}",
            f"{d.share:.0%}",
            f"{d.mean_stddev.value:.2f}",
            f"{d.low:.2f} .. {d.high:.2f}",
            f"{d.output_variance.value:.1%}",
        )
        for d in report.dimensions
    ]
    if dimensions:
        head = ("dimension", "information, nats", "KL, nats", "share", "stddev", "safe range")
        parts += ["<h2>Dimensions</h2>", _table((*head, "output variance"), dimensions)]
    title = f"kvae diagnosis: {verdict.state}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _figure(report: Any) -> str:
    buffer = io.BytesIO()
    report.plot().savefig(buffer, format="png", dpi=110)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _items(sentences: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in sentences) + "</ul>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
