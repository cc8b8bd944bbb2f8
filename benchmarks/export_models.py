"""Which models can be exported: the table of models in docs/exports.md.

Each model of the tests' battery (tests/conformance/cases), every family among them, is exported as
a bundle of all presets with all its signatures. A preset counts if it passes kvae's verification.

    nice python benchmarks/export_models.py [--output docs/exports.md]
"""

import argparse
import json
import sys
import tempfile
import warnings
from pathlib import Path

import keras
from page import replace_section

import kvae
from kvae.cli.terminal import quiet_native_logs
from kvae.export.presets import PRESETS

ROOT = Path(__file__).parent.parent
WIDTH = 300  # characters of a reason


def cases():
    """Return the cases of the battery's models by name."""
    sys.path.insert(0, str(ROOT))
    from tests.conformance.case import ModelCase
    from tests.conformance.cases import collect

    return {parameter.id: parameter.values[0] for parameter in collect(ModelCase)}


def exported(case):
    """Return the signatures of a model, and why each preset that was left out was, by preset."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    model = case.make()
    signatures = [signature.name for signature in model.signatures()]
    held = [preset.name for preset in PRESETS.values() if preset.held(signatures)]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), quiet_native_logs():
        warnings.simplefilter("ignore")
        path = Path(folder, "bundle")
        try:
            kvae.export.bundle(model, path, data=case.arrays(), presets=held, measure=False)
        except Exception as error:  # any error is listed in the table
            return signatures, {name: _short(error) for name in held}
        manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    return signatures, {name: _short(reason) for name, reason in manifest["refused"].items()}


def _short(reason):
    return " ".join(str(reason).split())[:WIDTH]


def page(found):
    """Return the lines of the section: found is signatures and reasons by name of the model."""
    lines = [
        "Models of every family, untrained and small, each a bundle of all presets with all its",
        "signatures (`python benchmarks/export_models.py --output docs/exports.md`):",
        "",
        "| model | signatures | " + " | ".join(PRESETS) + " |",
        "| --- | --- |" + " --- |" * len(PRESETS),
    ]
    reasons = {}
    for name, (signatures, left_out) in found.items():
        words = []
        for preset in PRESETS.values():
            if not preset.held(signatures):
                words.append("")
            elif preset.name in left_out:
                number = reasons.setdefault(left_out[preset.name], len(reasons) + 1)
                words.append(f"no ({number})")
            else:
                words.append("yes")
        lines.append(f"| {name} | {', '.join(signatures)} | " + " | ".join(words) + " |")
    return [*lines, "", *(f"{number}. {reason}" for reason, number in reasons.items())]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="page with a section 'models' to write")
    parser.add_argument("--only", nargs="*", help="names of models")
    options = parser.parse_args()
    found = {}
    for name, case in cases().items():
        if not options.only or name in options.only:
            found[name] = exported(case)
            print(name, *found[name], flush=True)
    lines = page(found)
    if options.output:
        replace_section(options.output, "models", "\n".join(lines) + "\n")
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
