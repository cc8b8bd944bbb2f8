"""Bundles: what is in them, and that a damaged one is refused before anything is parsed."""

import collections
import contextlib
import hashlib
import json
import os
import shutil

import ai_edge_litert.interpreter
import numpy as np
import pandas as pd
import pytest

import kvae
from kvae.export import runtime
from kvae.export.bundles.codes import CODES_BYTES, codes_of
from kvae.export.formats import tflite
from kvae.export.runtime import SUMS, BundleError
from tests.helpers import run_python, sign
from tests.small import make_vae

MUTATIONS = 2000
SIGNATURES = ("decode", "sample")
EXTRA = (
    *("extra.bin", ".hidden", "model-int4.tflite", "sub/deep/x", SUMS.lower(), "a b", "\u00fc"),
    *("line\nbreak", "__pycache__/other.pyc", "__pycache__/runtime.txt"),
    *("sub/__pycache__/runtime.cpython-311.pyc", "__pycache__/runtime.cpython-311.pyc/x"),
)
OUTSIDE = (
    *("../outside", "/outside", "./manifest.json", "a/../manifest.json", "..", "sub/../../outside"),
    *("//outside", "C:\\outside", "..\\outside", "a//b", "a/./b", "~/outside"),
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A bundle of some kilobytes: one preset, no pictures."""
    vae = make_vae((6,), 2)
    data = np.random.default_rng(0).uniform(size=(64, 6)).astype("float32")
    path = tmp_path_factory.mktemp("small") / "bundle"
    kvae.export.bundle(
        vae, path, data=data, presets=["float32"], signatures=SIGNATURES, measure=False
    )
    return path


@pytest.fixture(scope="module")
def pictured(conv_vae, digits, tmp_path_factory):
    """A bundle as `kvae export` makes them."""
    path = tmp_path_factory.mktemp("pictured") / "bundle"
    results = kvae.export.bundle(
        conv_vae,
        path,
        data=digits[1],
        presets=["float32", "int8", "int8-full"],
        preprocessing="Divide pixels by 16.",
    )
    return path, results


def test_a_bundle_may_hold_several_batch_sizes(tmp_path, rng):
    vae, path = make_vae((6,), 2), tmp_path / "bundle"
    with pytest.raises(ValueError, match=r"Expected 1 among batch_sizes.*batch_sizes=\[8\]"):
        kvae.export.bundle(vae, path, batch_sizes=[8])
    kvae.export.bundle(
        vae,
        path,
        presets=["float32"],
        signatures=["decode", "score"],
        batch_sizes=(1, 8),
        measure=False,
    )
    measured = kvae.export.verify(path)["float32"]
    assert sorted(measured) == ["decode", "decode_8", "score", "score_8"]
    decoder = runtime.Model(path)
    z = rng.normal(size=(16, 2)).astype("float32")
    found = decoder.run("decode_8", z=z)["mean"]
    np.testing.assert_allclose(found, vae.decode(z), atol=1e-5)
    np.testing.assert_allclose(found, decoder.decode(z), atol=1e-6)


@pytest.fixture
def copy(small, tmp_path):
    return shutil.copytree(small, tmp_path / "bundle")


@pytest.fixture
def unparsed(monkeypatch):
    """Make every parser of a bundle's content record that it was called, and fail."""
    called = []

    def forbidden(name):
        def parse(*_, **__):
            called.append(name)
            raise AssertionError(f"{name} saw an unchecked byte")

        return parse

    monkeypatch.setattr(json, "loads", forbidden("json.loads"))
    monkeypatch.setattr(json, "load", forbidden("json.load"))
    monkeypatch.setattr(np, "load", forbidden("np.load"))
    monkeypatch.setattr(ai_edge_litert.interpreter, "Interpreter", forbidden("Interpreter"))
    return called


def plain_files(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


# -- mutations: each changes the bundle at `root` in a way that has to be refused ---------------


def pick(rng, options):
    return options[rng.integers(len(options))]


def flip_a_bit(root, rng):
    path = pick(rng, plain_files(root))
    content = bytearray(path.read_bytes())
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    path.write_bytes(content)


def flip_a_bit_of_the_sums(root, rng):
    content = bytearray((root / SUMS).read_bytes())
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    (root / SUMS).write_bytes(content)


def flip_a_bit_of_the_manifest(root, rng):
    content = bytearray((root / "manifest.json").read_bytes())
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)
    (root / "manifest.json").write_bytes(content)


def overwrite_a_run(root, rng):
    path = pick(rng, plain_files(root))
    content = bytearray(path.read_bytes())
    start = rng.integers(len(content))
    run = content[start : start + 16]
    content[start : start + 16] = bytes(255 - byte for byte in run)
    path.write_bytes(content)


def truncate(root, rng):
    path = pick(rng, plain_files(root))
    os.truncate(path, rng.integers(path.stat().st_size))


def append(root, rng):
    path = pick(rng, plain_files(root))
    with open(path, "ab") as file:
        file.write(pick(rng, [b"\0", b"\n", b" ", b"\r\n", rng.bytes(20)]))


def swap_two_files(root, rng):
    first, second = rng.permutation(len(paths := plain_files(root)))[:2]
    first, second = paths[first], paths[second]
    content = first.read_bytes(), second.read_bytes()
    assert content[0] != content[1]
    second.write_bytes(content[0])
    first.write_bytes(content[1])


def drop_a_file(root, rng):
    pick(rng, plain_files(root)).unlink()


def add_a_file(root, rng):
    path = root / pick(rng, EXTRA)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(rng.bytes(rng.integers(30)))


def rename_a_file(root, rng):
    path = pick(rng, plain_files(root))
    path.rename(path.with_name(pick(rng, [path.name + "~", path.name.upper() + "x", "other"])))


def move_a_file_into_a_folder(root, rng):
    path = pick(rng, plain_files(root))
    (root / "folder").mkdir()
    path.rename(root / "folder" / path.name)


def replace_by_a_folder(root, rng):
    path = pick(rng, plain_files(root))
    path.unlink()
    path.mkdir()


def replace_by_a_link(root, rng):
    """The link leads to the very same bytes, in or outside the bundle."""
    path = pick(rng, plain_files(root))
    kept = root.parent / "kept"
    path.replace(kept)
    path.symlink_to(pick(rng, [str(kept), f"../{kept.name}"]))


def replace_by_a_pipe(root, rng):
    path = pick(rng, plain_files(root))
    path.unlink()
    os.mkfifo(path)


def add_a_link(root, rng):
    target = pick(rng, [".", "..", "manifest.json", "/", "nowhere", SUMS])
    (root / "link").symlink_to(target)


def lines_of(root):
    return (root / SUMS).read_text("ascii").splitlines()


def write_lines(root, lines, end="\n"):
    (root / SUMS).write_bytes("".join(line + end for line in lines).encode())


def escape_the_folder(root, rng):
    """List a file outside the bundle, in place, with its true digest."""
    lines = lines_of(root)
    name = pick(rng, OUTSIDE)
    (root.parent / "outside").write_bytes(b"")
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    write_lines(root, sorted([*lines, f"{digest}  {name}"], key=lambda line: line[66:]))


def list_a_file_twice(root, rng):
    lines = lines_of(root)
    line = pick(rng, lines)
    place = lines.index(line)
    other = pick(rng, [line, "0" * 64 + line[64:]])
    write_lines(root, [*lines[: place + 1], other, *lines[place + 1 :]])


def drop_a_line(root, rng):
    lines = lines_of(root)
    lines.pop(rng.integers(len(lines)))
    write_lines(root, lines)


def shuffle_the_lines(root, rng):
    lines = lines_of(root)
    first, second = sorted(rng.choice(len(lines), 2, replace=False))
    lines[first], lines[second] = lines[second], lines[first]
    write_lines(root, lines)


def rewrite_the_lines(root, rng):
    """The same facts in another form than the canonical one."""
    lines = lines_of(root)
    forms = (
        lambda: write_lines(root, lines, "\r\n"),
        lambda: write_lines(root, [line.upper() for line in lines]),
        lambda: write_lines(root, [line.replace("  ", " *") for line in lines]),
        lambda: write_lines(root, [line.replace("  ", " ") for line in lines]),
        lambda: write_lines(root, [line + " " for line in lines]),
        lambda: write_lines(root, ["", *lines]),
        lambda: write_lines(root, ["\ufeff" + lines[0], *lines[1:]]),
        lambda: write_lines(root, ["# comment", *lines]),
        lambda: (root / SUMS).write_text("\n".join(lines)),
        lambda: (root / SUMS).write_bytes(b""),
    )
    pick(rng, forms)()


def list_the_sums_itself(root, rng):
    lines = [*lines_of(root), f"{rng.bytes(32).hex()}  {SUMS}"]
    write_lines(root, sorted(lines, key=lambda line: line[66:]))


def swap_two_digests(root, rng):
    lines = lines_of(root)
    first, second = rng.choice(len(lines), 2, replace=False)
    lines[first], lines[second] = (
        lines[second][:64] + lines[first][64:],
        lines[first][:64] + lines[second][64:],
    )
    write_lines(root, lines)


KINDS = (
    flip_a_bit,
    flip_a_bit_of_the_sums,
    flip_a_bit_of_the_manifest,
    overwrite_a_run,
    truncate,
    append,
    swap_two_files,
    drop_a_file,
    add_a_file,
    rename_a_file,
    move_a_file_into_a_folder,
    replace_by_a_folder,
    replace_by_a_link,
    replace_by_a_pipe,
    add_a_link,
    escape_the_folder,
    list_a_file_twice,
    drop_a_line,
    shuffle_the_lines,
    rewrite_the_lines,
    list_the_sums_itself,
    swap_two_digests,
)


@contextlib.contextmanager
def restored(root, content):
    """Give `root` for changes; put the files of `content` back afterwards."""
    try:
        yield root
    finally:
        shutil.rmtree(root)
        root.mkdir()
        for name, value in content.items():
            (root / name).write_bytes(value)


@pytest.mark.slow
def test_every_mutated_bundle_is_refused_before_a_byte_is_parsed(copy, unparsed):
    content = {path.name: path.read_bytes() for path in plain_files(copy)}
    rng = np.random.default_rng(0)
    refused = collections.Counter()
    for round_ in range(MUTATIONS):
        mutate = KINDS[round_ % len(KINDS)]
        with restored(copy, content) as root:
            mutate(root, rng)
            with pytest.raises(BundleError):
                runtime.Bundle(root).check()
            refused[mutate.__name__] += 1
        assert unparsed == [], (round_, mutate.__name__)
    assert refused.total() == MUTATIONS
    assert len(refused) == len(KINDS)


def test_the_unmutated_bundle_reaches_the_parsers(copy, unparsed):
    """Else the test above would prove nothing."""
    with pytest.raises(AssertionError, match=r"json\.loads saw"):
        runtime.Model(copy)
    assert unparsed == ["json.loads"]


def test_verify_refuses_a_damaged_bundle_too(copy, unparsed):
    flip_a_bit(copy, np.random.default_rng(1))
    with pytest.raises(BundleError):
        kvae.export.verify(copy)
    assert unparsed == []


def test_an_empty_folder_does_no_harm(copy):
    (copy / "empty").mkdir()
    runtime.Model(copy)


def test_a_compiled_module_is_refused_unread(copy):
    """It would run code, although all digests agree."""
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__/runtime.cpython-311.pyc").write_bytes(b"planted")
    with pytest.raises(BundleError, match=r"not listed: \['__pycache__/runtime.cpython-311.pyc'\]"):
        runtime.Model(copy)


def test_a_large_file_that_is_not_listed_is_not_read(copy):
    with open(copy / "extra.bin", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(BundleError, match=r"not listed: \['extra.bin'\]"):
        runtime.Model(copy)


def test_what_is_no_bundle_is_refused_in_words(tmp_path):
    with pytest.raises(BundleError, match="Expected a folder that holds a bundle"):
        runtime.Bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=f"holds no {SUMS}"):
        runtime.Bundle(tmp_path)


def test_a_bundle_may_be_reached_through_a_link_to_its_folder(tmp_path, small):
    link = tmp_path / "link"
    link.symlink_to(small)
    z = np.zeros((1, 2))
    np.testing.assert_array_equal(runtime.Model(link).decode(z), runtime.Model(small).decode(z))


@pytest.mark.parametrize(
    ("channels", "said"),
    [
        (["a", "b"], "the channels do not fit the examples"),
        ("ab", "channels to be a list"),
        (["a\n"], r"channels\[0\] to be a line"),
    ],
)
def test_damaged_names_of_channels_are_refused(copy, channels, said):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "channels": channels}))
    sign(copy)
    with pytest.raises(BundleError, match=said):
        runtime.Model(copy)


def test_a_later_schema_is_refused(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "schema": 3}))
    sign(copy)
    with pytest.raises(BundleError, match=r"schema 2. Received: 3"):
        runtime.Model(copy)


def test_an_unknown_preset_is_refused(small):
    with pytest.raises(BundleError, match=r"one of \['float32'\]. Received: 'int8'"):
        runtime.Model(small, preset="int8")


@pytest.mark.slow
def test_manifest_says_what_is_there(pictured, conv_vae, digits):
    path, results = pictured
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    assert manifest["schema"] == 2
    assert manifest["preprocessing"] == "Divide pixels by 16."
    assert manifest["model"]["latent_dim"] == 5
    layers = {"posterior": "MultivariateNormalDiag", "prior": "StandardNormal"}
    assert manifest["model"]["latents"] == {"z": {"shape": [5], "kind": "gaussian", **layers}}
    (name, described), *none = manifest["model"]["inputs"].items()
    assert (name, described["shape"], described["dtype"], none) == ("x", [8, 8, 1], "float32", [])
    assert described["domain"] == conv_vae.likelihood_layer.domain.describe()
    assert manifest["model"]["event_shape"] == [8, 8, 1]
    assert manifest["model"]["likelihood"] == "IndependentBernoulli"
    assert {a["preset"] for a in manifest["artefacts"]} == set(results)
    for artefact in manifest["artefacts"]:
        assert artefact["size_bytes"] == (path / artefact["file"]).stat().st_size
        assert artefact["measured"].keys() == artefact["signatures"].keys()
    nats = [axis["kl"] for axis in manifest["axes"]]
    assert nats == sorted(nats, reverse=True)
    assert {axis["index"] for axis in manifest["axes"]} == set(range(5))
    assert all(axis["low"] < axis["high"] for axis in manifest["axes"])
    assert manifest["codes"] == len(digits[1])
    codes = np.load(path / "codes.npy")
    assert codes.dtype == "float32"
    np.testing.assert_array_equal(codes, conv_vae.encode(digits[1])[0])
    card = (path / "README.md").read_text("utf-8")
    for name in ("samples.png", "reconstructions.png", "traversals.png"):
        assert (path / name).read_bytes().startswith(b"\x89PNG")
        assert name in card


@pytest.mark.slow
def test_the_manifest_holds_the_digest_of_every_other_file(pictured):
    path, _ = pictured
    told = json.loads((path / "manifest.json").read_text("utf-8"))["sha256"]
    found = {
        file.relative_to(path).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in plain_files(path)
    }
    assert told == {k: v for k, v in found.items() if k not in ("manifest.json", SUMS)}


def test_the_manifest_holds_what_the_diagnosis_says(pictured, conv_vae, digits):
    path, _ = pictured
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    report = kvae.diagnose(conv_vae, digits[1])
    assert manifest["examples"] == {
        "count": len(digits[1]),
        "source": "given",
        "ranges": {"x": [{"low": 0.0, "high": 1.0}]},
    }
    assert manifest["diagnosis"]["verdict"]["state"] == report.verdict.state
    names = [finding["name"] for finding in manifest["diagnosis"]["findings"]]
    assert names == [finding.name for finding in report.findings]
    kl = manifest["diagnosis"]["numbers"]["kl"]
    np.testing.assert_allclose([kl["value"], kl["stderr"]], [report.kl.value, report.kl.stderr])


def test_without_examples_draws_from_the_prior_stand_in(tmp_path):
    vae = make_vae((3,), 2, likelihood=kvae.layers.IndependentPoisson((3,)))
    path = tmp_path / "bundle"
    kvae.export.bundle(
        vae, path, presets=["float32"], signatures=("decode", "encode"), measure=False
    )
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    assert manifest["examples"]["count"] == 1000
    assert manifest["examples"]["source"] == "prior draws"
    assert manifest["diagnosis"] is None
    assert manifest["codes"] is None
    assert not (path / "codes.npy").exists()
    x = runtime.Model(path).golden()["inputs/encode/x"]
    assert np.all(x >= 0)
    np.testing.assert_array_equal(x, np.round(x))  # counts, not means of counts


def test_a_map_takes_codes_from_all_examples_in_bounded_room():
    vae, x = make_vae((6,), 500), np.random.default_rng(0).uniform(size=(300, 6))
    codes = codes_of(vae, {"x": x.astype("float32")})
    assert codes.shape == (100, 500)
    assert codes.nbytes <= CODES_BYTES
    # Up to rounding, which may depend on the number of rows.
    np.testing.assert_allclose(codes[[0, -1]], vae.encode(x[[0, -1]])[0], rtol=0.0, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [{"presets": []}, {"signatures": ()}, {"signatures": ("score",), "presets": ["int8-full"]}],
)
def test_a_bundle_needs_a_signature_and_a_preset_that_holds_it(wrong, tmp_path):
    with pytest.raises(ValueError, match="Expected at least one signature"):
        kvae.export.bundle(make_vae((3,)), tmp_path / "bundle", **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [np.zeros((9, 5)), np.full((9, 6), np.nan), np.zeros((0, 6))])
def test_rows_of_another_model_are_no_calibration(wrong, tmp_path, monkeypatch):
    """Refused before the model is converted."""
    monkeypatch.setattr("kvae.export.bundles.write.reference_of", None)
    settings = {"presets": ["float32"], "signatures": ["score"], "measure": False}
    with pytest.raises(ValueError, match="The rows of calibration are not those of the model"):
        kvae.export.bundle(make_vae((6,), 2), tmp_path / "b", calibration=wrong, **settings)
    assert not (tmp_path / "b").exists()


BEYOND = [
    (
        {"presets": ["int8-full"], "signatures": None, "calibration": np.zeros((9, 6))},
        r"Expected a preset that holds 'score', .*Received: presets=\['int8-full'\]",
    ),
    ({"calibration": np.zeros((131_073, 6))}, "at most 131072 rows of calibration for 1 presets"),
    (
        {"calibration": {"x": np.zeros((9, 6)), "observed": np.ones((9, 6), bool)}},
        r"to have the inputs of score, \['x'\]. Received: \['observed', 'x'\]",
    ),
    (
        {"calibration": np.zeros((1, 6)), "two_sided": True},
        "at least 2 rows of calibration for two_sided=True.* Received: 1",
    ),
    ({"golden_bytes": 2**26}, "Expected golden_bytes to be at most 66846720"),
    ({"tolerance": kvae.export.Tolerance(psnr=30.0)}, "a dict of kvae.export.Tolerance by preset"),
    ({"tolerance": {"float32": 35.0}}, r"tolerance\['float32'\] to be a kvae.export.Tolerance"),
]


@pytest.mark.parametrize(("wrong", "words"), BEYOND, ids=[words[:20] for _, words in BEYOND])
def test_what_no_bundle_can_hold_is_refused_before_any_work(wrong, words, tmp_path, monkeypatch):
    monkeypatch.setattr("kvae.export.bundles.write.reference_of", None)
    settings = {"presets": ["float32"], "signatures": ["score"], "measure": False}
    with pytest.raises(ValueError, match=words):
        kvae.export.bundle(make_vae((6,), 2), tmp_path / "b", **(settings | wrong))
    assert list(tmp_path.iterdir()) == []


def test_golden_vectors_that_nothing_would_read_are_refused_before_the_conversion(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("kvae.export.bundles.write.MOST_GOLDEN", 1000)
    monkeypatch.setattr("kvae.export.bundles.write._graphs", None)
    with pytest.raises(ValueError, match=r"at most 1000 bytes.*signatures \['decode'.* fewer"):
        kvae.export.bundle(
            make_vae((20,), 2), tmp_path / "b", presets=["float32"], golden_bytes=1000
        )
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_score_has_no_threshold(tmp_path, rng):
    vae, path, x = make_vae((6,), 2), tmp_path / "bundle", rng.uniform(size=(99, 6))
    settings = {"presets": ["float32", "int8-full"], "signatures": ["decode", "score"]}
    kvae.export.bundle(vae, path, **settings, calibration=x, measure=False)
    assert runtime.Model(path, "float32").detect(x[:1])["score"].shape == (1,)
    with pytest.raises(ValueError, match="Expected a bundle with thresholds"):
        runtime.Model(path, "int8-full").detect(x[:1])


def test_a_bundle_that_nothing_could_open_is_not_left(tmp_path, monkeypatch):
    monkeypatch.setattr("kvae.export.runtime.MANIFEST_BYTES", 1000)
    settings = {"presets": ["float32"], "signatures": ["score"], "measure": False}
    with pytest.raises(runtime.BundleError, match=r"manifest.json has \d+ bytes; at most 1000"):
        kvae.export.bundle(make_vae((6,), 2), tmp_path / "b", **settings)
    assert list(tmp_path.iterdir()) == []


def test_golden_vectors_are_what_keras_says(pictured, conv_vae):
    golden = runtime.Model(pictured[0]).golden()
    np.testing.assert_allclose(
        golden["expected/decode/mean"], conv_vae.decode(golden["inputs/decode/z"]), atol=1e-6
    )
    mean, _ = conv_vae.encode(golden["inputs/encode/x"])
    np.testing.assert_allclose(golden["expected/encode/mean"], mean, atol=1e-5)


@pytest.mark.slow
def test_verify_repeats_the_check_from_the_bundle_alone(pictured):
    path, results = pictured
    measured = kvae.export.verify(path)
    assert measured.keys() == results.keys()
    for preset, signatures in measured.items():
        for signature, outputs in signatures.items():
            first = results[preset].measured[signature]
            assert outputs.keys() == first.keys()
            for output, value in outputs.items():  # of the same rows: all fit into a megabyte
                assert value.error == pytest.approx(first[output].error, rel=1e-3, abs=1e-7)


@pytest.mark.slow
def test_verify_refuses_a_file_that_strays_from_the_golden_vectors(copy):
    """Digests hold here: it is the numbers that are wrong."""
    with np.load(copy / "golden.npz") as arrays:
        golden = dict(arrays)
    golden["expected/decode/mean"] = golden["expected/decode/mean"] - 0.02  # and all below one
    np.savez(copy / "golden.npz", **golden)
    sign(copy)
    with pytest.raises(kvae.export.ExportError, match=r"mean of decode .* by 2\.00e-02"):
        kvae.export.verify(copy)


@pytest.mark.slow
def test_a_bundle_may_only_score(tmp_path, rng):
    vae, path = make_vae((6,), 2), tmp_path / "bundle"
    kvae.export.bundle(
        vae, path, presets=["float32", "int8", "int8-full"], signatures=["score"], measure=False
    )
    x = rng.uniform(size=(5, 6)).astype("float32")
    model = runtime.Model(path)
    assert model.preset == "float32"
    assert list(model.signatures) == ["score"]
    np.testing.assert_allclose(model.score(x), vae.score(x), rtol=1e-5)
    assert "nats = model.score(x)" in (path / "README.md").read_text()


@pytest.mark.slow
def test_a_preset_that_is_too_far_off_is_left_out_and_named(tmp_path):
    vae, path = make_vae((6,), 2), tmp_path / "bundle"
    tolerance = {"int8": kvae.export.Tolerance(psnr=500.0)}
    with pytest.warns(UserWarning, match=r"without the preset 'int8'.*500 dB.*tolerance={'int8'"):
        results = kvae.export.bundle(
            vae, path, signatures=["decode"], tolerance=tolerance, measure=False
        )
    assert list(results) == ["float32"]
    manifest = runtime.Bundle(path).manifest
    assert [artefact["preset"] for artefact in manifest["artefacts"]] == ["float32"]
    assert "500 dB are required" in manifest["refused"]["int8"]
    assert "Left out: int8." in (path / "README.md").read_text()


def test_no_tolerance_is_advised_for_a_preset_that_does_not_convert(tmp_path, monkeypatch):
    def write_checked(graph, reference, preset, *args, **kwargs):
        if preset.name == "int8":
            raise kvae.export.ExportError("It does not convert.")
        return tflite.write_checked(graph, reference, preset, *args, **kwargs)

    monkeypatch.setattr("kvae.export.bundles.write.write_checked", write_checked)
    settings = {"signatures": ["decode"], "measure": False}
    with pytest.warns(UserWarning, match=r"without the preset 'int8'\. It does not convert\.$"):
        kvae.export.bundle(make_vae((6,), 2), tmp_path / "bundle", **settings)


def test_verify_allows_what_was_allowed_when_the_bundle_was_made(tmp_path):
    """And no more: a tighter tolerance than the preset's is kept as well."""
    vae, path = make_vae((6,), 2), tmp_path / "bundle"
    wide = kvae.export.Tolerance(error=0.5)
    arguments = {"presets": ["float32"], "signatures": ["decode"], "measure": False}
    kvae.export.bundle(vae, path, tolerance={"float32": wide}, **arguments)
    assert runtime.Bundle(path).artefact()["tolerance"]["error"] == 0.5
    with np.load(path / "golden.npz") as arrays:
        golden = dict(arrays)
    golden["expected/decode/mean"] = golden["expected/decode/mean"] - 0.02  # float32 allows 1e-5
    np.savez(path / "golden.npz", **golden)
    sign(path)
    assert kvae.export.verify(path)["float32"]["decode"]["mean"].error > 0.01
    kvae.export.bundle(vae, path, overwrite=True, **arguments)
    np.savez(path / "golden.npz", **golden)
    sign(path)
    with pytest.raises(kvae.export.ExportError, match="mean of decode"):
        kvae.export.verify(path)


def test_golden_vectors_of_a_large_event_take_a_megabyte_at_most(tmp_path):
    vae, path = make_vae((40, 40, 3), 2), tmp_path / "bundle"
    kvae.export.bundle(vae, path, presets=["float32"], measure=False)
    largest = max((path / "model-float32.tflite").stat().st_size // 10, 2**20)
    assert (path / "golden.npz").stat().st_size < largest + 20_000  # names and headers
    assert kvae.export.verify(path)["float32"].keys() == runtime.Model(path).signatures.keys()


def test_verify_needs_no_tensorflow(small, tmp_path):
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'tf_keras', 'tensorflow_probability'):\n"
        "    sys.modules[name] = None\n"
        "import kvae.export\n"
        "print(sorted(kvae.export.verify(sys.argv[1])['float32']))\n"
    )
    assert run_python(code, tmp_path, small).strip() == "['decode', 'sample']"


DRAWN = {"samples.png", "reconstructions.png", "traversals.png"}


@pytest.mark.parametrize(
    ("event_shape", "drawn"), [((24, 3), DRAWN), ((24,), DRAWN), ((6,), set()), ((3, 4, 5), set())]
)
def test_images_and_series_are_drawn_and_nothing_else(event_shape, drawn, tmp_path, monkeypatch):
    called = []
    lines = kvae.pictures.lines
    monkeypatch.setattr(kvae.pictures, "lines", lambda *a: called.append(1) or lines(*a))
    path = tmp_path / "bundle"
    kvae.export.bundle(
        make_vae(event_shape, 2), path, presets=["float32"], signatures=["decode"], measure=False
    )
    assert {file.name for file in path.glob("*.png")} == drawn
    assert len(called) == len(drawn)
    card = (path / "README.md").read_text("utf-8")
    assert all(name in card for name in drawn)


def test_rows_of_a_table_are_not_drawn_as_series(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 16))
    schema = kvae.data.TableSchema.infer(pd.DataFrame({f"n{n}": v for n, v in enumerate(rows.T)}))
    settings = {"presets": ["float32"], "signatures": ["decode"], "measure": False}
    kvae.export.bundle(make_vae((16,), 2), tmp_path / "bundle", schema=schema, **settings)
    assert not list((tmp_path / "bundle").glob("*.png"))
