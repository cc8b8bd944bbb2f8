"""Which tests a run has: all of them, those of `--sample`, or those of `--quick`.

`--sample` (make test) leaves out the tests marked `thorough`. In the batteries, where each check
runs over many cases, it takes one case in four of each check, and other ones in the next check of
the file: where a file has four such checks, each case is tried by one of them. Every run takes the
same tests. `make test-all` leaves nothing out.

`--quick` (make check) runs each test function once, with its first parameters. It leaves out the
tests marked `slow` or `thorough`, the folders that start other programs or train whole examples,
tests that read an exported model, and the examples of docstrings.
"""

__all__ = ["cases_of", "quick", "sample"]

BATTERIES = (
    "tests/callbacks/test_non_finite.py",
    "tests/choices/",
    "tests/conformance/",
    "tests/diagnosis/test_every_model.py",
    "tests/export/test_onnx.py",
    "tests/layers/",
    "tests/models/test_missing.py",
    "tests/networks/test_kinds.py",
    "tests/test_doctests.py::test_example",  # the workflow `docs` runs them all
)
FEW = 9  # a function with fewer cases runs them all
ONE_IN = 4

SEPARATE_PROGRAMS = {"beam", "cli", "clients", "docs", "examples"}
EXPORTS = {"tflite_result", "saved_model_result", "tflite_file", "bundle", "wheel"}


def quick(items):
    """Return the items that `--quick` keeps."""
    kept = {}
    for item in items:
        if not _takes_long(item):
            kept.setdefault(item.nodeid.split("[")[0], item)
    return list(kept.values())


def sample(items):
    """Return the items that `--sample` keeps."""
    batteries = {}
    for item in items:
        file, _, rest = item.nodeid.partition("::")
        if item.nodeid.startswith(BATTERIES):
            checks = batteries.setdefault(file, {})
            checks.setdefault(rest.split("[")[0], []).append(item)
    left_out = {id(item) for item in items if item.get_closest_marker("thorough")}
    for checks in batteries.values():
        many = [cases for cases in checks.values() if len(cases) >= FEW]
        for row, cases in enumerate(many):
            left_out |= {
                id(item) for column, item in enumerate(cases) if (row + column) % ONE_IN != 0
            }
    return [item for item in items if id(item) not in left_out]


def cases_of(request, *functions):
    """Return the parameters named `case` that this run gives to test functions of the same file.

    For a fixture that prepares all cases at once. `functions` are the names of the test functions;
    cases are returned once and in order.
    """
    found = {}
    for item in request.session.items:
        if item.path == request.path and item.originalname in functions:
            case = item.callspec.params["case"]
            found[id(case)] = case
    return list(found.values())


def _takes_long(item):
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    return bool(
        item.get_closest_marker("slow")
        or item.get_closest_marker("thorough")
        or folder in SEPARATE_PROGRAMS
        or EXPORTS & set(item.fixturenames)
        or item.nodeid.startswith("tests/test_doctests.py::test_example")
    )
