"""What one value of text in a .csv file looks like: a number, a date, or neither."""

import re
from collections.abc import Collection

__all__ = ["are_dates", "are_numbers", "is_iso_date", "is_missing", "is_number"]

# Dates of ISO 8601 have one meaning: 1/2/2024 stays text.
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T].*)?")
TIME = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?( ?(Z|[+-]\d{2}:?\d{2}))?"
DAYS = (
    r"\d{4}(?P<a>[-/.])\d{1,2}((?P=a)\d{1,2})?",  # 2024/3/1, 2024-03
    r"\d{1,2}(?P<b>[-/.])\d{1,2}(?P=b)(\d{4}|\d{2})",  # 3/1/2024, 1.3.24
    r"\d{1,2}[ -][A-Za-z]{3,9}\.?[ -](\d{4}|\d{2})",  # 1 Mar 2024
    r"[A-Za-z]{3,9}\.? \d{1,2},? \d{4}",  # March 1, 2024
)
DATE = re.compile(rf"({'|'.join(DAYS)})([ T,]+{TIME})?")
# A number with a unit or a currency around it, or with separators: $1,234.50 and 12 % and 3,5.
DIGITS = r"(\d{1,3}([,.' \u00a0]\d{3})+|\d+)([.,]\d+)?"
NUMBER = re.compile(
    rf"[-+(]?(?P<before>[$€£¥₹]|[A-Z]{{2,3}}\$?)? ?[-+]?{DIGITS}\)?(?P<after>[^\d.,]{{0,10}})"
)
MISSING = frozenset({"?", "-", "--", ".", "*", "missing", "unknown", "na", "n.a.", "not available"})


def is_number(text: str) -> bool:
    """Return whether Python reads a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_iso_date(text: str) -> bool:
    """Return whether it is a date of ISO 8601, perhaps with a time."""
    return ISO_DATE.fullmatch(text.strip()) is not None


def is_missing(text: str) -> bool:
    """Return whether it is a common mark of a missing value, other than those of pandas."""
    return text.strip().casefold() in MISSING


def are_dates(values: Collection[str]) -> bool:
    """Return whether all values look like dates of any form.

    Example:
        >>> from kvae.cli.text_values import are_dates
        >>> are_dates(["3/1/2024", "12/24/2024 3:05 PM"]), are_dates(["10.0.0.1"])
        (True, False)
    """
    return all(DATE.fullmatch(value.strip()) for value in values)


def are_numbers(values: Collection[str]) -> bool:
    """Return whether all values look like numbers with separators, or with one and the same unit.

    Example:
        >>> from kvae.cli.text_values import are_numbers
        >>> are_numbers(["$1,234.50", "$7"]), are_numbers(["1a", "2b"])
        (True, False)
    """
    units = set()
    for value in values:
        found = NUMBER.fullmatch(value.strip())
        if found is None:
            return False
        units.add((found["before"], found["after"].strip()))
    return len(units) == 1
