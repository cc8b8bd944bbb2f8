"""Sections of documentation pages that scripts write."""


def replace_section(path, name, body):
    """Replace the text of the file between the comments `name: begin` and `name: end`."""
    start, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    page = path.read_text(encoding="utf-8")
    if page.count(start) != 1 or page.count(end) != 1:
        raise ValueError(f"Expected {path} to hold one section {name!r}: {start!r}, then {end!r}")
    before, rest = page.split(start)
    path.write_text(before + start + body + end + rest.split(end)[1], encoding="utf-8")
