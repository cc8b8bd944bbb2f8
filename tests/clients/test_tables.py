"""The clients that read domain.tsv and decision.tsv by place agree on the order of the fields."""

import re

import pytest

from kvae.contract import Domain
from kvae.export.bundles.decision import decision_table
from kvae.export.bundles.domain_table import domain_table
from tests.helpers import ROOT

CLIENTS = ROOT / "export" / "clients"
KOTLIN, SWIFT = CLIENTS / "kotlin/src/main/kotlin/io/kvae", CLIENTS / "swift/Sources/Kvae"
IN_C = r"enum \{ (NAME|FILE_NAME)(.*?), (?:DECISION_)?FIELDS \};"
IN_KOTLIN = r"enum class Field \{\s*(NAME|FILE_NAME)(.*?)\s*\}"
IN_SWIFT = r"enum Field: Int, CaseIterable \{\s*case (name|fileName)(.*?)\s*\}"


def fields(path, pattern):
    """Return the fields that a client names, in order, in small letters without _."""
    first, others = re.search(pattern, path.read_text(), re.DOTALL).groups()
    return [name.strip().replace("_", "").lower() for name in (first + others).split(",")]


@pytest.mark.parametrize(("in_c", "name"), [("domain.h", "Domain"), ("decision.h", "Decision")])
def test_every_client_has_the_order_of_the_c_client(in_c, name):
    expected = fields(CLIENTS / "c" / in_c, IN_C)
    assert fields(KOTLIN / f"{name}.kt", IN_KOTLIN) == expected
    assert fields(SWIFT / f"{name}.swift", IN_SWIFT) == expected


def test_the_tables_have_as_many_fields():
    described = {"shape": (1,), "domain": Domain(0.0, 1.0).describe()}
    line = domain_table({"x": described}).rstrip("\n")
    assert len(line.split("\t")) == len(fields(CLIENTS / "c" / "domain.h", IN_C))
    calibration = {"scores": [0.5], "two_sided": False, "low": None, "high": 1.5}
    line = decision_table([{"file": "model.tflite", "calibration": calibration}]).rstrip("\n")
    assert len(line.split("\t")) == len(fields(CLIENTS / "c" / "decision.h", IN_C))
