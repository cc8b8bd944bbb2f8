"""The classes that the battery tries: one module for each family, collected by themselves.

A module defines `CASES`, a list of cases of the classes in `tests/conformance/case.py`.
"""

import functools
import importlib
import pkgutil

import pytest


def collect(*kinds):
    """Return pytest parameters for all cases of these kinds, named by class and variant."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        for case in importlib.import_module(f"{__name__}.{module.name}").CASES:
            if isinstance(case, kinds):
                found.append(pytest.param(case, id=name(case)))
    names = [parameter.id for parameter in found]
    assert len(set(names)) == len(names), f"two cases of one name: {sorted(names)}"
    return found


@functools.cache
def name(case):
    """Return the name of a case, made of its class and variant.

    Cached: a model is made for it, and every file of the battery asks for the names of all cases.
    """
    return type(case.make()).__name__ + (f"-{case.variant}" if case.variant else "")
