"""The bounds of pyproject.toml are those that CI installs, and the package map forgets nothing."""

import os
import re
import shutil
import subprocess
import tomllib

import pytest
from setuptools import find_packages

from tests.helpers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIREMENT = re.compile(r"([A-Za-z0-9-]+)(?:\[[a-z,]+\])?(?:>=([0-9.]+))?")


def bounds(requirements):
    """Lowest version by name."""
    return dict(REQUIREMENT.fullmatch(requirement).groups() for requirement in requirements)


def release(version):
    """2.3 and 2.3.0 are one version."""
    numbers = [int(part) for part in version.split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


def test_ci_installs_the_lowest_version_of_every_dependency():
    lines = (ROOT / "requirements" / "lowest.txt").read_text("utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    declared = bounds(PROJECT["dependencies"])
    assert pinned.keys() == declared.keys()
    for name, version in declared.items():
        assert release(pinned[name]) == release(version), name


def test_a_package_of_two_extras_has_one_bound():
    extras = PROJECT["optional-dependencies"]
    found = {}
    for requirements in extras.values():
        for name, version in bounds(requirements).items():
            assert found.setdefault(name, version) == version, name


def test_the_beam_environment_has_the_bounds_of_the_extra():
    script = (ROOT / ".ci" / "install-beam").read_text("utf-8")
    for requirement in PROJECT["optional-dependencies"]["beam"]:
        assert f'"{requirement}"' in script


@pytest.mark.parametrize("folder", ["kvae", "export"])
def test_every_folder_with_modules_is_a_package(folder):
    """A folder without __init__.py would be missing from every install."""
    holding = {
        path.parent.relative_to(ROOT / folder).as_posix().replace("/", ".")
        for path in (ROOT / folder).rglob("*.py")
        if not {"node_modules", "__pycache__"} & set(path.parts)
        and not (folder == "kvae" and path.relative_to(ROOT / folder).parts[0] == "export")
    }
    assert holding - {"."} <= set(find_packages(ROOT / folder))


def lines_of_make(folder, *arguments):
    """What `make` would run in a folder whose environment .venv is up to date."""
    for name in ("Makefile", "setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").mkdir()
    installed = folder / ".venv" / "installed"
    installed.touch()
    later = (folder / "setup.py").stat().st_mtime + 60
    os.utime(installed, (later, later))
    command = ["make", "--dry-run", "PYTHON=python", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_wheel_is_built_without_what_an_earlier_build_left(tmp_path):
    lines = lines_of_make(tmp_path, "wheel")
    assert re.search(r"^rm -rf build .*\n.*-m build --wheel", lines, re.M)


def test_constraints_are_installed_where_an_environment_is_there(tmp_path):
    lines = lines_of_make(tmp_path, "test", "CONSTRAINTS=requirements/lowest.txt")
    assert "--constraint requirements/lowest.txt" in lines
    assert ".venv-lowest/bin/python -m pytest" in lines
    assert ".venv/bin" not in lines


def test_git_may_read_the_checkout_in_a_container_of_ci():
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
    jobs = re.split(r"^  (?=\w+:$)", text, flags=re.M)
    inside = [job for job in jobs if "    container:" in job]
    assert inside
    for job in inside:
        assert job.index("--add safe.directory") < job.index("bash .ci/run")
