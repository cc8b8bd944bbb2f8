"""Bundles whose digests agree and whose content does not: each is refused by a BundleError."""

import io
import json
import pickle
import shutil
import tracemalloc
import zipfile

import numpy as np
import pytest

import kvae
from kvae.export import runtime
from kvae.export.runtime import BundleError
from tests.helpers import sign
from tests.small import make_vae

MEMORY = 100 * 2**20  # bytes that a refusal may take


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("crafted") / "bundle"
    data = np.random.default_rng(0).uniform(size=(64, 6)).astype("float32")
    kvae.export.bundle(
        make_vae((6,), 2), path, data=data, presets=["float32"], signatures=["decode", "score"]
    )
    return path


@pytest.fixture
def copy(small, tmp_path):
    return shutil.copytree(small, tmp_path / "bundle")


def everything(root):
    """Open a bundle and read all of it."""
    model = runtime.Model(root)
    model.decode(np.zeros((2, 2)))
    model.score(np.full((2, 6), 0.5))
    return model.golden()


# -- the manifest --------------------------------------------------------------------------------

PLACES = {
    "schema": ("schema",),
    "default_preset": ("default_preset",),
    "model": ("model",),
    "latent_dim": ("model", "latent_dim"),
    "event_shape": ("model", "event_shape"),
    "a size": ("model", "event_shape", 0),
    "decoded": ("model", "decoded"),
    "latents": ("model", "latents"),
    "the shape of a latent": ("model", "latents", "z", "shape"),
    "the inputs of the model": ("model", "inputs"),
    "domain": ("model", "inputs", "x", "domain"),
    "low": ("model", "inputs", "x", "domain", "low"),
    "columns": ("model", "inputs", "x", "domain", "columns"),
    "artefacts": ("artefacts",),
    "an artefact": ("artefacts", 0),
    "file": ("artefacts", 0, "file"),
    "size_bytes": ("artefacts", 0, "size_bytes"),
    "signatures": ("artefacts", 0, "signatures"),
    "a signature": ("artefacts", 0, "signatures", "decode"),
    "inputs": ("artefacts", 0, "signatures", "decode", "inputs"),
    "shape": ("artefacts", 0, "signatures", "decode", "inputs", "z", "shape"),
    "dtype": ("artefacts", 0, "signatures", "decode", "inputs", "z", "dtype"),
    "an axis": ("axes", 0),
    "the share of an axis": ("axes", 0, "share"),
    "description": ("description",),
    "author": ("author",),
    "licence": ("licence",),
    "training_data": ("training_data",),
    "date": ("date",),
    "versions": ("versions",),
    "a version": ("versions", "keras"),
    "sha256": ("model", "sha256"),
    "measured": ("artefacts", 0, "measured"),
    "psnr": ("artefacts", 0, "measured", "decode", "mean", "psnr"),
    "tolerance": ("artefacts", 0, "tolerance"),
    "a tolerance": ("artefacts", 0, "tolerance", "score"),
    "refused": ("refused",),
    "examples": ("examples",),
    "ranges": ("examples", "ranges"),
    "a range": ("examples", "ranges", "x", 0),
    "devices": ("devices",),
    "a device": ("devices", 0),
    "the name of a device": ("devices", 0, "name"),
    "files": ("devices", 0, "files"),
    "peak_bytes": ("devices", 0, "files", 0, "peak_bytes"),
    "latency": ("devices", 0, "files", 0, "latency"),
    "p50_ms": ("devices", 0, "files", 0, "latency", 0, "p50_ms"),
}
WRONG = {
    "null": None,
    "a flag": True,
    "a negative number": -1,
    "a huge number": 10**400,
    "text": "\x1b[31mred",
    "nested lists": [[[[]]]],
    "a table": {"a": {"b": {}}},
}
# What happens to be valid where it stands.
VALID = {
    ("latent_dim", "null"),
    ("low", "null"),
    ("low", "a negative number"),
    ("the share of an axis", "a negative number"),
    ("a tolerance", "null"),
    ("psnr", "a negative number"),
    ("peak_bytes", "null"),
    ("p50_ms", "a negative number"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_manifest_with_a_wrong_value_is_refused(copy, place):
    file = copy / "manifest.json"
    original = json.loads(file.read_text())
    *way, last = PLACES[place]
    for name, wrong in WRONG.items():
        manifest = json.loads(json.dumps(original))
        part = manifest
        for step in way:
            part = part[step]
        part[last] = wrong
        file.write_text(json.dumps(manifest))
        sign(copy)
        if (place, name) in VALID:
            everything(copy)
            kvae.export.verify(copy)
            continue
        with pytest.raises(BundleError):
            everything(copy)


# Of lists and tables of any length: what is left is a manifest too.
SHORTER = ("an axis", "a signature", "a device", "a version")


def lack(root, place):
    """Take an entry out of the manifest of a bundle."""
    file = root / "manifest.json"
    manifest = json.loads(file.read_text())
    *way, last = PLACES[place]
    part = manifest
    for step in way:
        part = part[step]
    del part[last]
    file.write_text(json.dumps(manifest))
    sign(root)


@pytest.mark.parametrize("place", [each for each in PLACES if each not in (*SHORTER, "a size")])
def test_a_manifest_that_lacks_something_is_refused(copy, place):
    lack(copy, place)
    with pytest.raises(BundleError):
        everything(copy)


@pytest.mark.parametrize("place", SHORTER)
def test_a_manifest_with_a_shorter_list_is_one(copy, place):
    lack(copy, place)
    if place == "a signature":
        with pytest.raises(ValueError, match=r"one of \['score'\]\. Received: 'decode'"):
            everything(copy)
    else:
        everything(copy)
    kvae.export.verify(copy)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{",
        b'{"schema": 2',
        b'{"schema": 2, "schema": 2}',
        b'{"schema": NaN}',
        b'{"schema": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"schema": ' + b"9" * 100_000 + b"}",
    ],
    ids=range(10),
)
def test_a_manifest_that_is_not_plain_json_is_refused(copy, text):
    (copy / "manifest.json").write_bytes(text)
    sign(copy)
    with pytest.raises(BundleError):
        everything(copy)


def test_a_huge_manifest_is_not_read(copy):
    with open(copy / "manifest.json", "ab") as file:
        file.write(b" " * (runtime.MANIFEST_BYTES + 1))
    sign(copy)
    with pytest.raises(BundleError, match="at most 4194304 are read"):
        everything(copy)


# -- the model file ------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"TFL3" * 8, b"\x18\0\0\0TFL3", b"not a model" * 1000])
def test_a_file_that_is_no_model_is_refused(copy, content):
    (copy / "model-float32.tflite").write_bytes(content)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["artefacts"][0]["size_bytes"] = max(len(content), 1)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    sign(copy)
    with pytest.raises(BundleError):
        everything(copy)


def test_a_file_with_other_signatures_is_refused(copy, tmp_path):
    kvae.export.tflite(make_vae((6,), 2), tmp_path / "other.tflite", signatures=["encode"])
    content = (tmp_path / "other.tflite").read_bytes()
    (copy / "model-float32.tflite").write_bytes(content)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["artefacts"][0]["size_bytes"] = len(content)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    sign(copy)
    with pytest.raises(BundleError, match="does not have the signature"):
        everything(copy)


def test_a_file_of_another_size_than_the_manifest_says_is_not_read(copy):
    with open(copy / "model-float32.tflite", "ab") as file:
        file.write(b"\0")
    sign(copy)
    with pytest.raises(BundleError, match="at most"):
        everything(copy)


# -- the golden vectors --------------------------------------------------------------------------


def npz(compression, **arrays):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in arrays.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def bomb():
    """Return a small archive whose one entry takes more than the memory that is allowed."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a", "w") as entry,
    ):
        for _ in range(2 * MEMORY // 2**20):
            entry.write(bytes(2**20))
    return buffer.getvalue()


def npy(header):
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def object_array():
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    return buffer.getvalue()


GOLDEN = {
    "empty": b"",
    "not a zip": b"PK" * 100,
    "a bomb": bomb(),
    "a pickle": npz(zipfile.ZIP_STORED, a=pickle.dumps(print)),
    "an array of objects": npz(zipfile.ZIP_STORED, **{"a.npy": object_array()}),
    "a shape beyond the memory": npz(
        zipfile.ZIP_STORED,
        **{"a.npy": npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,)}\n")},
    ),
    "a header that is code": npz(
        zipfile.ZIP_STORED, **{"a.npy": npy(b"__import__('os').system('true')\n")}
    ),
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_golden_vectors_that_are_no_plain_arrays_are_refused(copy, kind):
    (copy / "golden.npz").write_bytes(GOLDEN[kind])
    sign(copy)
    tracemalloc.start()  # which NumPy tells of its arrays
    with pytest.raises(BundleError, match=r"golden\.npz"):
        everything(copy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY
    with pytest.raises(BundleError, match=r"golden\.npz"):
        kvae.export.verify(copy)


def test_golden_vectors_without_a_signature_are_refused(copy):
    buffer = io.BytesIO()
    np.savez(buffer, **{"inputs/decode/z": np.zeros((2, 2), "float32")})
    (copy / "golden.npz").write_bytes(buffer.getvalue())
    sign(copy)
    with pytest.raises(BundleError, match=r"golden\.npz lacks the signatures \['score'\]"):
        kvae.export.verify(copy)


def test_the_bundle_as_it_was_is_taken(copy):
    sign(copy)
    assert "inputs/decode/z" in everything(copy)
