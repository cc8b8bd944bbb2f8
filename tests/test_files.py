"""Files and folders that are there whole or not at all."""

import errno
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from kvae import files
from tests.helpers import ROOT


def write(path, text="new"):
    path.write_text(text)


def write_folder(path, text="new"):
    (path / "sub").mkdir(parents=True)
    (path / "sub" / "file").write_text(text)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_finished_block_puts_it_in_place(kind, tmp_path):
    target = tmp_path / "target.bin"
    for _ in range(2):  # new, then in place of the old one
        with files.replacing(target) as temporary:
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".bin"
            (write if kind == "file" else write_folder)(temporary)
        content = target if kind == "file" else target / "sub" / "file"
        assert content.read_text() == "new"
        assert os.listdir(tmp_path) == ["target.bin"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_error_leaves_the_old_one_and_nothing_else(kind, tmp_path):
    target = tmp_path / "target"
    make = write if kind == "file" else write_folder
    make(target, "old")
    with pytest.raises(RuntimeError), files.replacing(target) as temporary:  # noqa: PT012
        make(temporary)
        raise RuntimeError
    content = target if kind == "file" else target / "sub" / "file"
    assert content.read_text() == "old"
    assert os.listdir(tmp_path) == ["target"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No such file"), files.replacing(tmp_path / "target"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_vacant_path_is_free_in_a_folder_that_exists(tmp_path):
    assert files.vacant(str(tmp_path / "new")) == tmp_path / "new"
    (tmp_path / "taken").write_text("")
    with pytest.raises(FileExistsError, match=r"Expected out to be free\. Received: out='.*taken'"):
        files.vacant(tmp_path / "taken", "out")
    for name, option in (("path", "overwrite=True"), ("--output", "--overwrite")):
        with pytest.raises(FileExistsError, match=f"remove it first or pass {option}"):
            files.destination(tmp_path / "taken", False, name)
    with pytest.raises(FileNotFoundError, match=r"Expected the folder of path to exist.*'.*a/b'"):
        files.vacant(tmp_path / "a" / "b")
    with pytest.raises(NotADirectoryError, match=r"Expected the parent of path to be a folder"):
        files.vacant(tmp_path / "taken" / "b")


@pytest.mark.parametrize("path", ["", ".", "/", "..", "sub/..", "a\0b", 256 * "a"])
def test_what_nothing_can_be_renamed_to_is_refused(path, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    message = "to end in a name of at most 255 bytes without NUL, other than"
    with pytest.raises(ValueError, match=f"Expected out {message}"):
        files.destination(path, True, "out")
    with pytest.raises(ValueError, match=f"Expected path {message}"), files.replacing(path):
        pass
    assert os.listdir(tmp_path) == ["sub"]


def test_a_dangling_link_is_not_vacant(tmp_path):
    link = tmp_path / "link"
    try:
        link.symlink_to(tmp_path / "nowhere")
    except OSError:
        pytest.skip("no symbolic links here")
    with pytest.raises(FileExistsError):
        files.vacant(link)


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from kvae import files
target, version = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
while True:
    version += 1
    with files.replacing(target) as temporary:
        temporary.mkdir()
        for number in range(8):
            (temporary / f"{number}.txt").write_text(str(version))
"""


def versions(folder):
    return {int(file.read_text()) for file in folder.iterdir()}


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_survives_a_kill_at_any_point_of_its_replacement(tmp_path, exchange):
    """With one renaming; and with two, where the system has no exchange."""
    code = (
        CHILD
        if exchange
        else CHILD.replace(
            "from kvae import files", "from kvae import files; files._renameat2 = lambda *_: False"
        )
    )
    target, rng, version = tmp_path / "target", np.random.default_rng(0), 0
    for _ in range(30):
        command = [sys.executable, "-c", code, target, str(version), str(ROOT)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0.0, 0.05))
            child.kill()
        files.destination(target, overwrite=True)  # what the next run begins with
        assert set(os.listdir(tmp_path)) <= {"target"}
        if target.exists():  # not yet, where the first run was killed early
            assert len(os.listdir(target)) == 8
            (version,) = versions(target)
    assert version > 1


def test_what_a_running_process_writes_is_left_alone(tmp_path):
    target = tmp_path / "target"
    with files.replacing(target) as outer:
        outer.mkdir()
        with files.replacing(target) as inner:
            write_folder(inner, "inner")
        assert outer.is_dir()
        write_folder(outer / "more", "outer")
    assert (target / "more" / "sub" / "file").read_text() == "outer"
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("exchange", [True, False])
def test_what_another_process_puts_there_meanwhile_is_kept(tmp_path, monkeypatch, kind, exchange):
    if not exchange:
        monkeypatch.setattr(files, "_renameat2", lambda *_: False)
    target, make = tmp_path / "target", write if kind == "file" else write_folder

    def work():
        with files.replacing(target, overwrite=False) as temporary:
            make(temporary, "mine")
            make(target, "theirs")

    with pytest.raises(FileExistsError, match="Expected path to be free"):
        work()
    content = target if kind == "file" else target / "sub" / "file"
    assert content.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["target"]


def test_without_hard_links_a_vacant_path_is_filled_and_a_taken_one_kept(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(files, "_renameat2", lambda *_: False)
    monkeypatch.setattr(os, "link", refused)
    target = tmp_path / "target"
    with files.replacing(target, overwrite=False) as temporary:
        write(temporary)
    with (
        pytest.raises(FileExistsError, match="Expected path to be free"),
        files.replacing(target, overwrite=False) as temporary,
    ):
        write(temporary, "other")
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_without_renameat2_a_vacant_path_is_filled(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(files, "_renameat2", lambda *_: False)
    target, make = tmp_path / "target", write if kind == "file" else write_folder
    with files.replacing(target, overwrite=False) as temporary:
        make(temporary)
    content = target if kind == "file" else target / "sub" / "file"
    assert content.read_text() == "new"
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize(
    "name", ["a" * 255, "ü" * 127, "line\nbreak", "with space.keras", "-dash", ".hidden"]
)
def test_unusual_names_work(tmp_path, name):
    for text in ("old", "new"):
        target = files.destination(tmp_path / name, overwrite=True, folder=False)
        with files.replacing(target) as temporary:
            write(temporary, text)
    assert (tmp_path / name).read_text() == "new"
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a" * 256, "ü" * 128, "nul\0byte"])
def test_impossible_names_are_refused_before_any_work(tmp_path, name):
    with pytest.raises(ValueError, match="a name of at most 255 bytes without NUL"):
        files.destination(tmp_path / name, overwrite=True)


def test_a_file_does_not_replace_a_folder(tmp_path):
    write_folder(tmp_path / "project", "thesis")
    (tmp_path / "link").symlink_to("project")
    for name in ("project", "link"):
        with pytest.raises(IsADirectoryError, match=rf"Expected out to be a file\. .*{name}'"):
            files.destination(tmp_path / name, True, "out", folder=False)
        with pytest.raises(IsADirectoryError), files.replacing(tmp_path / name) as temporary:
            write(temporary)
    assert sorted(os.listdir(tmp_path)) == ["link", "project"]
    assert (tmp_path / "link/sub/file").read_text() == "thesis"


def test_a_folder_does_not_replace_a_file(tmp_path):
    write(tmp_path / "thesis", "old")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("thesis", "dangling"):
        with pytest.raises(NotADirectoryError, match=rf"Expected out to be a folder\. .*{name}'"):
            files.destination(tmp_path / name, True, "out")
        with pytest.raises(NotADirectoryError, match="to be a folder"):  # noqa: SIM117
            with files.replacing(tmp_path / name) as temporary:
                write_folder(temporary)
    assert sorted(os.listdir(tmp_path)) == ["dangling", "thesis"]
    assert (tmp_path / "thesis").read_text() == "old"


@pytest.mark.parametrize("exchange", [True, False])
def test_through_a_link_the_folder_it_points_to_is_replaced(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(files, "_renameat2", lambda *_: False)
    write_folder(tmp_path / "versions" / "1", "old")
    (tmp_path / "current").symlink_to("versions/1")
    assert files.destination(tmp_path / "current", True) == tmp_path / "current"
    with files.replacing(tmp_path / "current") as temporary:
        assert temporary.parent == tmp_path / "versions"
        write_folder(temporary)
    assert os.readlink(tmp_path / "current") == "versions/1"
    assert (tmp_path / "current/sub/file").read_text() == "new"
    assert os.listdir(tmp_path / "versions") == ["1"]
