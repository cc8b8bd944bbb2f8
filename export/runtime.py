"""Open a bundle and run its model on a device: numpy and ai-edge-litert alone.

This file imports nothing of kvae, and a copy of it is part of every bundle. As a script,
`python runtime.py [SEED]` beside the bundle's other files decodes a draw from the prior. To import
it, copy it out of the bundle first: what Python would leave beside it is not listed, and refused.

Nothing in a bundle is parsed before its digest is checked: SHA256SUMS lists every file, in one
canonical form, and a file that is missing, unlisted, altered or a link is refused. Files are read
when they are needed. That guards against damage and against mixing up files; it is no signature,
so take bundles from where you trust.
"""

import copy
import hashlib
import io
import json
import math
import os
import re
import stat
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "Adaptation",
    "Bundle",
    "BundleError",
    "Model",
    "NotFiniteError",
    "RecentThreshold",
    "Stream",
    "check_domain",
    "check_finite",
    "check_schema",
    "limits",
    "p_values",
    "rows_of_step",
    "smallest_rate",
    "sums_of",
]

SUMS = "SHA256SUMS"
SCHEMA = 2
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
DIGEST = re.compile(r"[0-9a-f]{64}")
LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)")
# Bounds in bytes of what is read as a whole, before anything is allocated.
SUMS_BYTES, MANIFEST_BYTES, GOLDEN_BYTES = 2**20, 2**22, 2**26
CHUNK_BYTES = 2**20
WINDOWS = 1024  # of a stream that are scored at a time
# Odd, near 2^32 divided by the golden ratio: multiples of it are far from each other.
GOLDEN_RATIO = np.uint32(0x9E3779B9)


class BundleError(ValueError):
    """A bundle that is damaged, incomplete or not a bundle at all."""


class NotFiniteError(RuntimeError):
    """An output that is NaN or infinite."""


def sums_of(files: dict[str, bytes]) -> str:
    """Return the canonical text of SHA256SUMS for files by their relative path.

    Example:
        >>> from kvae.export import runtime
        >>> runtime.sums_of({"a": b""})[:16]
        'e3b0c44298fc1c14'
    """
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(files))


# -- files ---------------------------------------------------------------------------------------


class Bundle:
    """The files of a bundle. Their names are checked at once, a file's digest when it is read.

    Args:
        path: folder of the bundle, or a link to it.

    Raises:
        BundleError: If a file is missing, unlisted, listed twice, a link, or outside the folder,
            or if SHA256SUMS is not in canonical form; when it is read, if the manifest is damaged.

    Example:
        >>> from kvae.export import runtime
        >>> opened = runtime.Bundle(bundle)
        >>> opened.names[0]
        'README.md'
        >>> opened.check()
    """

    def __init__(self, path: Any):
        self.root = Path(path).resolve()
        if not self.root.is_dir():
            raise BundleError(f"Expected a folder that holds a bundle. Received: {str(path)!r}")
        found = set(_plain_files(self.root))
        if SUMS not in found:
            raise BundleError(f"The folder {str(path)!r} holds no {SUMS}: it is not a bundle.")
        self._digests = _parse_sums(b"".join(self._chunks(SUMS, SUMS_BYTES)))
        missing = sorted(self._digests.keys() - found)
        unknown = sorted(found - self._digests.keys() - {SUMS})
        if missing or unknown:
            raise BundleError(f"Files missing from the bundle: {missing}; not listed: {unknown}")

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The content of manifest.json, as docs/bundle.md describes it."""
        return _parse_manifest(self.read("manifest.json", MANIFEST_BYTES))

    @property
    def names(self) -> list[str]:
        """The relative paths of the files, SHA256SUMS aside."""
        return sorted(self._digests)

    def read(self, name: str, most: int) -> bytes:
        """Return the content of a listed file, after its digest was checked.

        Args:
            name: relative path.
            most: bytes that it may have.

        Raises:
            BundleError: If it was altered, or is larger.
        """
        if name not in self._digests:
            raise BundleError(f"The bundle holds no {name}.")
        content = b"".join(self._chunks(name, most))
        self._compare(name, hashlib.sha256(content).hexdigest())
        return content

    def check(self) -> None:
        """Compare the digests of all files, in bounded memory.

        Raises:
            BundleError: If a file was altered.
        """
        for name in self.names:
            digest = hashlib.sha256()
            for chunk in self._chunks(name, sys.maxsize):
                digest.update(chunk)
            self._compare(name, digest.hexdigest())

    def artefact(self, preset: str | None = None) -> dict[str, Any]:
        """Return the manifest's entry of a preset; by default of the one the manifest names.

        Raises:
            BundleError: If there is no such preset.
        """
        found = {each["preset"]: each for each in self.manifest["artefacts"]}
        wanted = self.manifest["default_preset"] if preset is None else preset
        if wanted not in found:
            raise BundleError(f"Expected preset to be one of {sorted(found)}. Received: {wanted!r}")
        return found[wanted]

    def model(self, preset: str | None = None) -> bytes:
        """Return the content of the `.tflite` file of a preset."""
        artefact = self.artefact(preset)
        content = self.read(artefact["file"], artefact["size_bytes"])
        if len(content) != artefact["size_bytes"]:
            raise BundleError(f"{artefact['file']} does not have the size that the manifest says.")
        return content

    def golden(self) -> dict[str, np.ndarray]:
        """Return the golden vectors: arrays under `inputs/...` and `expected/...`."""
        content = self.read("golden.npz", GOLDEN_BYTES)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                # What is compressed, or shorter than its header says, could take more memory than
                # it has bytes.
                for entry in archive.infolist():
                    if entry.file_size != entry.compress_size:
                        raise BundleError("golden.npz is damaged: an array is compressed.")
                    with archive.open(entry) as file:
                        if _npy_bytes(file) != entry.file_size:
                            raise BundleError("golden.npz is damaged: an array is cut off.")
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                golden = dict(arrays)
        except BundleError:
            raise
        except Exception as error:  # of zip, of NumPy's format, or of memory
            raise BundleError(f"golden.npz is damaged: {error}") from None
        if not all(isinstance(a, np.ndarray) and a.dtype.kind in "iuf" for a in golden.values()):
            raise BundleError("golden.npz is damaged: it holds something else than numbers.")
        return golden

    def _chunks(self, name: str, most: int) -> Iterator[bytes]:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            # Without O_NONBLOCK a pipe in the place of the file would be waited for.
            descriptor = os.open(self.root / name, flags | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            raise BundleError(f"{name} cannot be read: {error.strerror}") from None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"The bundle holds something that is no plain file: {name}")
            if status.st_size > most:
                raise BundleError(f"{name} has {status.st_size} bytes; at most {most} are read.")
            left = status.st_size
            while left:
                chunk = file.read(min(left, CHUNK_BYTES))
                if not chunk:
                    raise BundleError(f"{name} changed while it was read.")
                left -= len(chunk)
                yield chunk

    def _compare(self, name: str, digest: str) -> None:
        if digest != self._digests[name]:
            raise BundleError(f"Files altered since the bundle was made: {[name]}")


def _npy_bytes(file: Any) -> int:
    """Return the size of an .npy file in bytes, as its header says; a ValueError if it has none."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"a header of version {version}")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return file.tell() + math.prod(shape) * dtype.itemsize


def _plain_files(root: Path) -> Iterator[str]:
    """Yield the relative paths of the files in a folder; raise where something else lies there."""
    for folder, folders, files in os.walk(root):
        for entry in [*folders, *files]:
            path = Path(folder, entry)
            name, mode = path.relative_to(root).as_posix(), path.lstat().st_mode
            if stat.S_ISLNK(mode):
                raise BundleError(
                    f"The bundle holds a link, {name}: a bundle is made of plain files."
                )
            if stat.S_ISREG(mode):
                yield name
            elif not stat.S_ISDIR(mode):
                raise BundleError(f"The bundle holds something that is no plain file: {name}")


def _parse_sums(text: bytes) -> dict[str, str]:
    """Return the digest of each file by its path."""
    try:
        lines = text.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise BundleError(f"{SUMS} is damaged: it is not ASCII text.") from None
    digests: list[tuple[str, str]] = []
    for line in lines[:-1]:
        match = LINE.fullmatch(line)
        if match is None or {".", ".."} & set(match[2].split("/")):
            raise BundleError(f"{SUMS} is damaged: a line is not of the form 'digest  path'.")
        digests.append((match[2], match[1]))
    names = [name for name, _ in digests]
    if lines[-1] or names != sorted(set(names)) or SUMS in names:
        raise BundleError(f"{SUMS} is damaged: its lines are not sorted, or one stands twice.")
    return dict(digests)


# -- the manifest --------------------------------------------------------------------------------

# What clients, the model card and `kvae bench` read of the manifest. A string names a kind of
# value, a list has one element for all entries of a list, a dict with the key "*" one for all
# values of a table. Other keys may be there.
PORT = {"shape": ["count"], "dtype": "dtype"}
LAYERS = {"posterior": "text or null", "prior": "text or null"}
DOMAIN = {
    "text": "text",
    "low": "number or null",
    "high": "number or null",
    "integer": "flag",
    "categories": "count or null",
    "one_hot": "flag",
    "hint": "text",
}
MEASURED = {
    "psnr": "number",
    "rms": "number",
    "bias": "number",
    "stddevs": "number or null",
    "false_alarms": "number or null",
    "equal": "number or null",
}
TOLERANCE = dict.fromkeys(("error", "psnr", "score", "codes", "equal"), "bound or null")
MANIFEST = {
    "schema": "count",
    "kvae": "text",
    "default_preset": "text",
    "description": "line",
    "author": "line",
    "licence": "line",
    "training_data": "line",
    "preprocessing": "text",
    "date": "date",
    "versions": {"*": "line"},
    "model": {
        "name": "text",
        "sha256": "digest",
        "likelihood": "text",
        "latents": {"*": {"shape": ["count"], "kind": "text", **LAYERS}},
        "latent_dim": "count or null",
        "event_shape": ["count"],
        "decoded": "center",
        "inputs": {"*": {**PORT, "domain": {**DOMAIN, "columns": [{**DOMAIN, "name": "text"}]}}},
    },
    "artefacts": [
        {
            "file": "text",
            "format": "text",
            "preset": "text",
            "size_bytes": "count",
            "signatures": {"*": {"inputs": {"*": PORT}, "outputs": {"*": PORT}}},
            "measured": {"*": {"*": MEASURED}},
            "tolerance": TOLERANCE,
        }
    ],
    "refused": {"*": "text"},
    "axes": [
        {"index": "index", "kl": "number", "share": "number", "low": "number", "high": "number"}
    ],
    "examples": {
        "count": "count",
        "source": "text",
        "ranges": {"*": [{"low": "number or null", "high": "number or null"}]},
    },
    "devices": [
        {
            "name": "line",
            "machine": "line",
            "date": "date",
            "versions": {"*": "line"},
            "files": [
                {
                    "preset": "text",
                    "base_bytes": "bytes or null",
                    "peak_bytes": "bytes or null",
                    "latency": [
                        {
                            "signature": "text",
                            "threads": "count",
                            "calls": "count",
                            "p50_ms": "number",
                            "p95_ms": "number",
                        }
                    ],
                }
            ],
        }
    ],
}
# Of an artefact of a calibrated bundle; others have no such entry.
CALIBRATION = {
    "scores": ["number"],
    "two_sided": "flag",
    "false_alarm_rate": "number",
    "low": "number or null",
    "high": "number",
}
# Of an artefact that trains its weights; others have no such entry.
TRAINING = {
    "trainable": "text",
    "batch_size": "count",
    "state_size": "count",
    "signatures": {
        name: {"inputs": {"*": PORT}, "outputs": {"*": PORT}}
        for name in ("train", "save", "restore", "reset")
    },
    "optimizer": {"method": "text"},
    "weights": [{"name": "text", "shape": ["count"]}],
    "measured": {"steps": "count", "loss_error": "number", "weight_error": "number"},
}
KINDS: dict[str, Any] = {
    "text": lambda value: isinstance(value, str),
    "line": lambda value: isinstance(value, str) and value.isprintable(),
    "date": lambda value: isinstance(value, str) and DATE.fullmatch(value) is not None,
    "digest": lambda value: isinstance(value, str) and DIGEST.fullmatch(value) is not None,
    "dtype": lambda value: value in ("float32", "int32", "uint8"),
    "center": lambda value: value in ("mean", "median", "center"),
    "flag": lambda value: isinstance(value, bool),
    "count": lambda value: type(value) is int and 0 < value < 2**31,
    "bytes": lambda value: type(value) is int and 0 < value < 2**53,
    "index": lambda value: type(value) is int and 0 <= value < 2**31,
    "number": lambda value: type(value) in (int, float) and abs(value) <= sys.float_info.max,
    "bound": lambda value: type(value) in (int, float) and 0 <= value <= sys.float_info.max,
}


def _parse_manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(
            content.decode("utf-8"), parse_constant=_refused, object_pairs_hook=_table
        )
    except (ValueError, RecursionError) as error:
        raise BundleError(f"manifest.json is damaged: {error}") from None
    if isinstance(manifest, dict):
        check_schema(manifest, "a manifest")
    _validate(manifest, MANIFEST, "the manifest")
    for name, described in manifest["model"]["inputs"].items():
        columns, shape = described["domain"]["columns"], described["shape"]
        widths = [span(column) for column in columns]
        if widths and (not shape or sum(widths) != shape[-1]):
            raise BundleError(f"manifest.json is damaged: the columns do not make up {name!r:.80}.")
        if len(manifest["examples"]["ranges"].get(name, [])) != max(1, len(widths)):
            raise BundleError("manifest.json is damaged: the ranges of the examples do not fit.")
    channels, shape = manifest.get("channels"), manifest["model"]["event_shape"]
    if channels is not None:
        _validate(channels, ["line"], "channels")
        if len(channels) != shape[-1]:
            raise BundleError("manifest.json is damaged: the channels do not fit the examples.")
    for artefact in manifest["artefacts"]:
        _validate_calibration(artefact.get("calibration"))
        if artefact.get("training") is not None:
            _validate(artefact["training"], TRAINING, "training")
    return manifest


def check_schema(described: dict[str, Any], what: str) -> None:
    """Raise a BundleError unless a description is of the schema that this file reads.

    Args:
        described: what was read, with the key "schema".
        what: what the error calls it.

    Example:
        >>> from kvae.export import runtime
        >>> runtime.check_schema({"schema": 3}, "a manifest")
        Traceback (most recent call last):
        kvae.export.runtime.BundleError: Expected a manifest of schema 2. Received: 3
    """
    if described.get("schema") != SCHEMA:
        raise BundleError(
            f"Expected {what} of schema {SCHEMA}. Received: {described.get('schema')!r:.80}"
        )


def _validate_calibration(found: Any) -> None:
    if found is None:
        return
    _validate(found, CALIBRATION, "calibration")
    scores, rate = found["scores"], found["false_alarm_rate"]
    if not scores or scores != sorted(scores) or not 0.0 < rate < 1.0:
        raise BundleError("manifest.json is damaged: the calibration is not one.")
    low, high = limits(scores, rate, found["two_sided"])
    if (found["low"], found["high"]) != (low if found["two_sided"] else None, high):
        raise BundleError("manifest.json is damaged: the limits are not those of the calibration.")


def _refused(constant: str) -> None:
    raise ValueError(f"it holds {constant}")


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key stands twice")
    return table


def _validate(value: Any, expected: Any, where: str) -> None:
    """Raise a BundleError unless a part of the manifest is of the expected form."""
    if isinstance(expected, str):
        kind, _, null = expected.partition(" or ")
        if not ((null and value is None) or KINDS[kind](value)):
            raise _not(expected, where, value)
    elif isinstance(expected, list):
        if not isinstance(value, list):
            raise _not("list", where, value)
        for index, part in enumerate(value):
            _validate(part, expected[0], f"{where}[{index}]")
    else:
        if not isinstance(value, dict):
            raise _not("table", where, value)
        every = expected.get("*")
        for key in value if every is not None else expected:
            if key not in value:
                raise BundleError(f"manifest.json is damaged: {where} lacks {key!r}.")
            _validate(value[key], every or expected[key], f"{where}[{key!r:.80}]")


def _not(expected: str, where: str, value: Any) -> BundleError:
    return BundleError(
        f"manifest.json is damaged: expected {where} to be a {expected}. Received: {value!r:.80}"
    )


# -- the model -----------------------------------------------------------------------------------


class Model:
    """The model of a bundle, ready to run: it encodes, decodes, scores and samples.

    It may be called from several threads, which take turns. In a process forked from the one that
    opened it, it starts LiteRT anew.

    Args:
        bundle: folder of the bundle.
        preset: which file to run; by default the one that the manifest names.
        num_threads: threads that LiteRT may use, at least one.

    Attributes:
        manifest: the bundle's manifest.
        preset: the file that runs.
        signatures: shapes and dtypes of the inputs and outputs by signature.
        training: how the file trains its weights, docs/bundle.md; None where it does not.

    Raises:
        BundleError: If the bundle is damaged, of a later schema, or has no such preset.
        ValueError: If `num_threads` is not a positive integer.

    Example:
        >>> from kvae.export import runtime
        >>> model = runtime.Model(bundle)
        >>> model.preset, model.decode(np.zeros((3, 2), np.float32)).shape
        ('float32', (3, 8, 8, 1))
    """

    def __init__(self, bundle: Any, preset: str | None = None, num_threads: int = 1):
        _check_count("num_threads", num_threads)
        self.bundle = Bundle(bundle)
        self.manifest = self.bundle.manifest
        artefact = self.bundle.artefact(preset)
        self.preset: str = artefact["preset"]
        self.signatures: dict[str, Any] = artefact["signatures"]
        self.training: dict[str, Any] | None = artefact.get("training")
        self._content, self._num_threads = self.bundle.model(self.preset), num_threads
        self._learned: np.ndarray | None = None  # the state that `adapt` or `restore` left
        self._learning = _Lock()
        self._engine = self._new_engine()

    def run(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Run a signature on arrays with a leading batch axis; return its outputs.

        Where the file also holds the signature for larger batches (`decode_256`), rows are run in
        those first.

        Raises:
            ValueError: If there is no such signature, or an input is missing, unknown, of the
                wrong shape, empty, not finite, or outside its domain. NaN is valid where the
                domain says that elements may be missing.
            NotFiniteError: If an output is NaN or infinite.
        """
        if signature not in self.signatures:
            raise ValueError(
                f"Expected signature to be one of {sorted(self.signatures)}. Received: "
                f"{signature!r}"
            )
        expected = self.signatures[signature]["inputs"]
        if inputs.keys() != expected.keys():
            raise ValueError(f"Expected the inputs {sorted(expected)}. Received: {sorted(inputs)}")
        domains = {n: told["domain"] for n, told in self.manifest["model"]["inputs"].items()}
        arrays = {
            name: _checked(name, inputs[name], expected[name], domains.get(name))
            for name in expected
        }
        lengths = {name: len(value) for name, value in arrays.items()}
        least = self._batch(signature)
        if len(set(lengths.values())) != 1 or next(iter(lengths.values())) % least:
            raise ValueError(
                f"Expected inputs with the same number of rows, a multiple of {least}. Received: "
                f"{lengths}"
            )
        parts = list(self._parts(signature, arrays, next(iter(lengths.values()))))
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for name, value in outputs.items():
            if not np.all(np.isfinite(value)):
                raise NotFiniteError(
                    f"The output {name} of {signature} is NaN or infinite: the inputs are beyond "
                    f"what the preset {self.preset!r} can compute."
                )
        return outputs

    def decode(self, z: Any = None, **others: Any) -> np.ndarray:
        """Return the likelihood's mean at `z` (rows, latent_dim), shape (rows, *event_shape).

        Where a transform leaves no mean it is the median, as in `kvae.VAE.decode`.

        Args:
            z: values of the one latent group, vectors or codes; None where there are several, which
                are given by their names.
            **others: the signature's other inputs by name, such as `condition`, with as many rows;
                as for the next four.
        """
        if z is not None:
            (name, *several) = self.manifest["model"]["latents"]
            others[name if not several else "z"] = z
        return self._decoded(self.run("decode", **others))

    def encode(self, x: Any, **others: Any) -> Any:
        """Return the posterior's mean and standard deviation, each (rows, latent_dim).

        The codes where these are the latent variables, and the outputs by name where the model has
        several latent groups.
        """
        found = self.run("encode", x=x, **others)
        if list(found) == ["codes"]:
            return found["codes"]
        return (found["mean"], found["stddev"]) if "mean" in found else found

    def reconstruct(self, x: Any, **others: Any) -> np.ndarray:
        """Return what the model makes of `x`, (rows, *event_shape)."""
        return self._decoded(self.run("reconstruct", x=x, **others))

    def score(self, x: Any, **others: Any) -> np.ndarray:
        """Return the anomaly score of each row of `x` in nats, (rows,), as `kvae.VAE.score`."""
        return self.run("score", x=x, **others)["score"]

    def detect(self, x: Any, **others: Any) -> dict[str, np.ndarray]:
        """Return `score`, `p_value` and `is_anomaly` of each row of `x`, each (rows,).

        The threshold is that of the preset, set by the scores that its own file gives calibration
        rows: `limits` and `p_values` have the formulas.

        Args:
            x: raw rows.
            **others: as for `decode`.

        Raises:
            ValueError: If the bundle was written without calibration rows; else as for `run`.
        """
        found = self.bundle.artefact(self.preset).get("calibration")
        if found is None:
            raise _no_thresholds()
        scores = self.score(x, **others)
        low = -np.inf if found["low"] is None else found["low"]
        return {
            "score": scores,
            "p_value": p_values(scores, found["scores"], found["two_sided"]),
            "is_anomaly": (scores < np.float32(low)) | (scores > np.float32(found["high"])),
        }

    def sample(self, n: int, seed: int = 0, **others: Any) -> np.ndarray:
        """Return `n` decoded draws from the prior, the same on every device, (n, *event_shape).

        Args:
            n: number of draws, at least one.
            seed: int of 32 bits.
            **others: as for `decode`.

        Raises:
            ValueError: If an argument is not of the form above; else as for `run`.
        """
        if not (_is_whole(n, 1) and _is_whole(seed, -(2**31)) and seed < 2**31):
            raise ValueError(
                "Expected whole numbers, n of at least 1 and a seed of 32 bits. Received: "
                f"n={n!r}, seed={seed!r}"
            )
        seeds = np.stack([np.arange(n), np.full(n, seed)], axis=1).astype("int32")
        return self._decoded(self.run("sample", seed=seeds, **others))

    def golden(self) -> dict[str, np.ndarray]:
        """Return the golden vectors: arrays under `inputs/...` and `expected/...`."""
        return self.bundle.golden()

    # -- learning ------------------------------------------------------------------------------

    def adapt(
        self,
        x: Any,
        steps: int,
        seed: int = 0,
        learning_rate: float = 1e-3,
        guard_nats: float | None = None,
        check_every: int = 25,
        progress: Callable[[int, float], None] | None = None,
        **others: Any,
    ) -> "Adaptation":
        """Train the weights that the file trains on rows of this device; `save` keeps them.

        A step takes rows of `x` at random, by `seed` and in every client the same (`rows_of_step`),
        and changes nothing where its loss or a gradient is not finite. The guard against forgetting
        scores the bundle's golden rows: where their mean score is worse than with the shipped
        weights by more than `guard_nats`, the weights of the last check are put back and training
        stops. So they are where an error or Ctrl-C ends it.

        Other threads may call the model meanwhile; what they get is of the weights at that moment.

        Args:
            x: raw rows that are known to be normal: what is learned is no anomaly afterwards.
            steps: number of steps, at least one.
            seed: int of 32 bits, chooses rows and noise.
            learning_rate: a positive number of float32.
            guard_nats: by how much the mean score of the golden rows may worsen, in nats; by
                default 0.1 for each element of an example. `math.inf` turns the guard off.
            check_every: steps from one check to the next.
            progress: called after each step with its number, from 1 on, and the loss before it.
            **others: the model's other inputs by name, such as `condition`, with as many rows.

        Raises:
            ValueError: If the file does not train, or an argument is not of the form above.
            RuntimeError: If another thread adapts, restores or resets the model.
        """
        training = self._training()
        expected = training["signatures"]["train"]["inputs"]
        given = {"x": x, **others}
        if given.keys() != expected.keys() - {"seed", "learning_rate"}:
            raise ValueError(f"Expected the inputs {sorted(expected)}. Received: {sorted(given)}")
        domains = {n: told["domain"] for n, told in self.manifest["model"]["inputs"].items()}
        rows = {n: _checked(n, v, expected[n], domains.get(n)) for n, v in given.items()}
        count = len(rows["x"])
        if any(len(value) != count for value in rows.values()):
            raise ValueError("Expected inputs with the same number of rows.")
        if guard_nats is None:
            guard_nats = 0.1 * math.prod(self.manifest["model"]["event_shape"])
        numbers = {"steps": steps, "check_every": check_every, "seed": seed}
        least = {"steps": 1, "check_every": 1, "seed": -(2**31)}
        integers = all(_is_whole(number, least[name]) for name, number in numbers.items())
        with np.errstate(over="ignore"):
            rate = float(np.float32(learning_rate))  # what the file takes
        if not integers or seed >= 2**31 or not 0.0 < rate < math.inf or not guard_nats >= 0.0:
            raise ValueError(
                "Expected whole numbers, steps and check_every of at least 1 and a seed of 32 "
                "bits, a positive learning_rate, and guard_nats of at least 0. Received: "
                f"{numbers}, learning_rate={learning_rate}, guard_nats={guard_nats}"
            )
        with self._alone():
            return self._adapted(rows, steps, seed, rate, guard_nats, check_every, progress)

    def _adapted(
        self,
        rows: dict[str, np.ndarray],
        steps: int,
        seed: int,
        learning_rate: float,
        guard_nats: float,
        check_every: int,
        progress: Callable[[int, float], None] | None,
    ) -> "Adaptation":
        """Take the steps; the weights are those of the last check afterwards, come what may."""
        count, batch = len(rows["x"]), self._training()["batch_size"]
        losses: list[float] = []
        skipped, kept = 0, self._state()
        guarded = guard_nats < math.inf
        worse = self.forgotten() if guarded else math.nan
        try:
            while len(losses) < steps and not worse > guard_nats:
                for _ in range(min(check_every, steps - len(losses))):
                    picked = rows_of_step(seed, len(losses), count, batch)
                    outputs = self._started().run(
                        "train",
                        {
                            **{name: value[picked] for name, value in rows.items()},
                            "seed": np.array([len(losses), seed], "int32"),
                            "learning_rate": np.array(learning_rate, "float32"),
                        },
                    )
                    losses.append(float(outputs["loss"]))
                    skipped += int(outputs["applied"]) == 0
                    if progress is not None:
                        progress(len(losses), losses[-1])
                worse = self.forgotten() if guarded else worse
                if not worse > guard_nats:
                    kept = self._state()
        finally:
            self._take(kept)
        return Adaptation(np.asarray(losses), skipped, worse, worse > guard_nats)

    def save(self, path: Any) -> None:
        """Write what was learned to a file; a crash leaves the old file or the new one.

        Beside it `path` with ".part" behind is written first. Where several processes or threads
        save to one path, the last one's file stays.

        The file names the model file it belongs to by its digest and ends in its own. It says
        something of the rows that were learned: keep it as private as them.

        Args:
            path: the file; one that is there is replaced.

        Raises:
            ValueError: If `path` is the file of the model itself, also by a link.
        """
        self._training()
        own = self.bundle.root / self.bundle.artefact(self.preset)["file"]
        if os.path.exists(path) and own.exists() and os.path.samefile(path, own):
            raise ValueError(f"Expected another path than that of the model file: {str(path)!r}")
        content = self._header() + self._state().astype("<f4").tobytes()
        content += hashlib.sha256(content).digest()
        target = Path(path)
        # One name: what a crash leaves is replaced by the next call.
        temporary = Path(f"{target}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with _one_writer(target.parent):
            # Removed, not emptied: it may be a link, or readable by others.
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, flags, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def restore(self, path: Any) -> None:
        """Take what `save` wrote.

        Args:
            path: the file.

        Raises:
            BundleError: If the file is damaged, belongs to another model file, or holds NaN.
        """
        size = 4 * self._training()["state_size"]
        header = self._header()
        with open(path, "rb") as file:
            content = file.read(len(header) + size + 33)
        body, digest = content[:-32], content[-32:]
        if hashlib.sha256(body).digest() != digest:
            raise BundleError(
                f"{str(path)!r} is damaged, or is not what save wrote for this model."
            )
        if not body.startswith(header) or len(body) != len(header) + size:
            raise BundleError(f"{str(path)!r} belongs to another model file.")
        state = np.frombuffer(body[len(header) :], "<f4").astype("float32")
        if not np.all(np.isfinite(state)):
            raise BundleError(f"{str(path)!r} holds NaN or infinity.")
        with self._alone():
            self._take(state)

    def reset(self) -> None:
        """Put the shipped weights back."""
        self._training()
        with self._alone():
            self._started().run("reset", {})
            self._learned = None

    def forgotten(self) -> float:
        """Return by how much the golden rows score worse than with the shipped weights, in nats.

        Both are scores of this file: the difference is of what was learned, not of rounding. The
        mean over the rows; infinity where a score is not finite.
        """
        shipped = self._shipped_score
        try:
            return self._golden_score() - shipped
        except NotFiniteError:
            return math.inf

    @cached_property
    def _shipped_score(self) -> float:
        """The mean score of the golden rows with the shipped weights."""
        shipped = copy.copy(self)
        shipped._learned = None
        shipped._engine = shipped._new_engine()  # other threads go on with what was learned
        return shipped._golden_score()

    def _golden_score(self) -> float:
        place = "inputs/score/"
        golden = self.golden()
        rows = {key[len(place) :]: v for key, v in golden.items() if key.startswith(place)}
        if "score" not in self.signatures or not rows:
            raise ValueError(
                "Expected a bundle with the signature 'score', for the guard against forgetting. "
                "guard_nats=math.inf adapts without it. Received: one without"
            )
        return float(np.mean(self.score(**rows), dtype="float64"))

    def _training(self) -> dict[str, Any]:
        if self.training is None:
            trains = [a["preset"] for a in self.manifest["artefacts"] if a.get("training")]
            raise ValueError(
                "Expected a file that trains its weights, exported with trainable=.... Received: "
                f"the preset {self.preset!r}; presets of this bundle that train: {trains}"
            )
        return self.training

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Change what was learned, or raise if another thread does."""
        learning = self._learning.here
        if not learning.acquire(blocking=False):
            raise RuntimeError(
                "Expected one adapt, restore or reset of a model at a time. Received: another one "
                "while a thread adapts it"
            )
        try:
            yield
        finally:
            learning.release()

    def _header(self) -> bytes:
        return f"kvae learned 1 {hashlib.sha256(self._content).hexdigest()}\n".encode()

    def _state(self) -> np.ndarray:
        return self._started().run("save", {})["state"].copy()

    def _take(self, state: np.ndarray) -> None:
        self._started().run("restore", {"state": state})
        self._learned = state

    def _decoded(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        return outputs[self.manifest["model"]["decoded"]]

    def _batch(self, signature: str) -> int:
        inputs = self.signatures[signature]["inputs"]
        return int(next(iter(inputs.values()))["shape"][0])

    def _named(self, signature: str) -> list[str]:
        """Return the names of a signature for each batch size, the largest first."""
        larger = re.compile(re.escape(signature) + r"_\d+")
        names = [signature, *filter(larger.fullmatch, self.signatures)]
        return sorted(names, key=self._batch, reverse=True)

    def _parts(
        self, signature: str, arrays: dict[str, np.ndarray], rows: int
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yield the outputs of batches of rows, the largest batches first."""
        start = 0
        for name in self._named(signature):
            batch = self._batch(name)
            while start + batch <= rows:
                chunk = {key: value[start : start + batch] for key, value in arrays.items()}
                yield self._started().run(name, chunk)
                start += batch

    def _started(self) -> "_Engine":
        """Return LiteRT as this process started it."""
        if self._engine.process != os.getpid():
            # LiteRT's threads do not live on in a forked process, and ending them would wait for
            # them: the engine of the parent is kept as it is.
            _of_parents.append(self._engine)
            self._engine = self._new_engine()
        return self._engine

    def _new_engine(self) -> "_Engine":
        trains = {} if self.training is None else self.training["signatures"]
        engine = _Engine(self._content, self._num_threads, {**self.signatures, **trains})
        if self._learned is not None:
            engine.run("restore", {"state": self._learned})
        return engine


@contextmanager
def _one_writer(folder: Path) -> Iterator[None]:
    """Let one thread of one process at a time write to a folder, where the system locks folders.

    What was renamed in it is on the disk afterwards.
    """
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        with suppress(OSError):  # closing leaves it locked for what was forked meanwhile
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@dataclass(frozen=True)
class Adaptation:
    """What `Model.adapt` did.

    Attributes:
        losses: the loss before each step, in nats.
        skipped: steps that changed nothing, because something was not finite.
        guard: by how much the golden rows scored worse at the last check than with the shipped
            weights, in nats; NaN without a guard.
        stopped: whether the guard stopped the training and put the weights of its last check back.
    """

    losses: np.ndarray
    skipped: int
    guard: float
    stopped: bool


_of_parents: list["_Engine"] = []


class _Lock:
    """A lock of which a forked process has one of its own: its parent's may be held for ever."""

    def __init__(self) -> None:
        self._of: dict[int, threading.Lock] = {}

    @property
    def here(self) -> threading.Lock:
        """The lock of this process."""
        process = os.getpid()
        held = self._of.get(process)
        return self._of.setdefault(process, threading.Lock()) if held is None else held


class _Engine:
    """LiteRT's interpreter of one process, with a lock: it would mix up the results of threads."""

    def __init__(self, content: bytes, num_threads: int, signatures: dict[str, Any]):
        from ai_edge_litert.interpreter import Interpreter

        self.process = os.getpid()
        self._lock = threading.Lock()
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
            runners = self._interpreter.get_signature_list()
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"LiteRT cannot read the model: {error}") from None
        for name, described in signatures.items():
            found = runners.get(name, {"inputs": [], "outputs": []})
            sides = [sorted(described["inputs"]), sorted(described["outputs"])]
            if [sorted(found["inputs"]), sorted(found["outputs"])] != sides:
                raise BundleError(
                    f"The model file does not have the signature {name!r} of the manifest."
                )
        self._signatures = signatures
        self._runners: dict[str, Any] = {}

    def run(self, name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run one batch."""
        with self._lock:
            if name not in self._runners:
                self._runners[name] = self._runner(name)
            return self._runners[name](**inputs)

    def _runner(self, name: str) -> Any:
        runner = self._interpreter.get_signature_runner(name)
        details = {"inputs": runner.get_input_details(), "outputs": runner.get_output_details()}
        for side, ports in details.items():
            for port, detail in ports.items():
                told = self._signatures[name][side][port]
                shape, dtype = [int(size) for size in detail["shape"]], np.dtype(detail["dtype"])
                if shape != told["shape"] or dtype.name != told["dtype"]:
                    raise BundleError(
                        f"{port} of {name} is {dtype.name} of shape {shape} in the model file. "
                        f"The manifest says: {told['dtype']} of shape {told['shape']}"
                    )
        return runner


def rows_of_step(seed: int, step: int, count: int, batch: int) -> np.ndarray:
    """Return which of `count` rows a step of `adapt` trains with, int64 (batch,).

    A hash of (seed, step, place in the batch), scaled to [0, count): the clients in C and
    JavaScript choose the same rows, so that one seed learns the same everywhere.

    Args:
        seed: int of 32 bits.
        step: number of the step, from 0 on.
        count: rows to choose from, below 2^31.
        batch: rows to be chosen.

    Example:
        >>> from kvae.export import runtime
        >>> runtime.rows_of_step(seed=7, step=0, count=100, batch=4)
        array([36, 91,  0, 15])

    References:
        Wellons: hash-prospector, the function lowbias32,
        https://github.com/skeeto/hash-prospector
    """
    with np.errstate(over="ignore"):
        word = _mixed(_mixed(np.array([seed % 2**32], "uint32") + GOLDEN_RATIO) + np.uint32(step))
        words = _mixed(word + np.arange(batch, dtype="uint32") * GOLDEN_RATIO)
    return (words.astype("uint64") * np.uint64(count) >> np.uint64(32)).astype("int64")


def _mixed(words: np.ndarray) -> np.ndarray:
    """Return lowbias32 of 32-bit words."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        words = (words ^ (words >> np.uint32(shift))) * np.uint32(factor)
    return words ^ (words >> np.uint32(16))


# -- the decision ----------------------------------------------------------------------------------


def p_values(scores: Any, calibration: Any, two_sided: bool = False) -> np.ndarray:
    """Return the conformal p-value of each score, float64 in [1 / (n + 1), 1].

    p = (1 + number of calibration scores >= score) / (n + 1). Two-sided it is twice the smaller of
    this one and that of low scores, at most 1.

    Args:
        scores: anomaly scores, of any shape.
        calibration: scores of n normal rows, sorted.
        two_sided: whether a score that is too low is an anomaly too.

    Raises:
        ValueError: If a score is NaN, which is neither high nor low, or scores have a mask.

    Example:
        >>> from kvae.export import runtime
        >>> runtime.p_values([200.0, 97.0, -5.0], np.arange(99.0))
        array([0.01, 0.03, 1.  ])
    """
    scores, calibration = _float32(scores), np.asarray(calibration, "float32")
    if np.isnan(scores).any():
        raise ValueError("Expected scores to be numbers. Received: NaN")
    n = len(calibration)
    high = (1 + n - np.searchsorted(calibration, scores, "left")) / (n + 1)
    if not two_sided:
        return high
    low = (1 + np.searchsorted(calibration, scores, "right")) / (n + 1)
    return np.minimum(1.0, 2.0 * np.minimum(high, low))


def _float32(scores: Any) -> np.ndarray:
    """Return scores in float32, infinite where that ends."""
    with np.errstate(over="ignore"):
        return _array("scores", scores).astype("float32")


def limits(calibration: Any, rate: float, two_sided: bool = False) -> tuple[float, float]:
    """Return the lowest and the highest score that is no anomaly at a rate of false alarms.

    A score is outside exactly if its p-value is at most `rate`, where so small a p-value is
    possible, and otherwise if it is the smallest possible one. The limits are calibration scores,
    and thus float32 numbers: all devices compare with the same ones.

    Args:
        calibration: scores of n normal rows, sorted.
        rate: in (0, 1).
        two_sided: see `p_values`.

    Example:
        >>> from kvae.export import runtime
        >>> runtime.limits(np.arange(99.0), 0.05)
        (-inf, 94.0)
    """
    n = len(calibration)
    share = 0.5 * rate if two_sided else rate
    # The addition keeps 0.29 * 100 = 28.999... at 29.
    k = min(n, max(1, math.floor(share * (n + 1) + 1e-9)))
    low = float(calibration[k - 1]) if two_sided else -math.inf
    return low, float(calibration[n - k])


def smallest_rate(count: int, two_sided: bool = False) -> float:
    """Return the smallest rate of false alarms that so many calibration scores can guarantee.

    Args:
        count: calibration scores.
        two_sided: see `p_values`.

    Example:
        >>> from kvae.export import runtime
        >>> runtime.smallest_rate(99)
        0.01
    """
    return (2 if two_sided else 1) / (count + 1)


class RecentThreshold:
    """The conformal threshold of the most recent normal scores, in fixed memory.

    It keeps the last `size` scores, 4 bytes each, and its threshold is exactly that of `limits` for
    these: by it the decisions before and after `Model.adapt` are comparable. For a normal row that
    is exchangeable with them, the probability of a false alarm is at most `rate` once there are
    1 / rate - 1 of them, as a mean; around it the rate of one threshold varies by about
    sqrt(rate (1 - rate) / size).

    Several threads may add scores and ask for the threshold; those of one call stay together. A
    forked process goes on with the scores that it inherits.

    Args:
        rate: wanted rate of false alarms, in (0, 1).
        size: scores that are kept, at least 1 / rate - 1.
        two_sided: whether a score that is too low is an anomaly too; then at least 2 / rate - 1.

    Raises:
        ValueError: If an argument is not of the form above.

    Example:
        >>> from kvae.export import runtime
        >>> recent = runtime.RecentThreshold(rate=0.1, size=50)
        >>> recent.push(np.arange(100.0))
        >>> recent.limits(), recent.p_values([200.0])
        ((-inf, 95.0), array([0.01960784]))
    """

    def __init__(self, rate: float = 0.01, size: int = 1000, two_sided: bool = False):
        if not 0.0 < rate < 1.0:
            raise ValueError(f"Expected rate in (0, 1). Received: rate={rate}")
        self.rate, self.two_sided = rate, bool(two_sided)
        self.least = max(1, math.ceil((1 + self.two_sided) / rate - 1e-9) - 1)
        _check_count("size", size)
        if size < self.least:
            raise ValueError(
                f"Expected size of at least {self.least}, for a rate of {rate}. Received: "
                f"size={size}"
            )
        self._scores = np.zeros(size, "float32")
        self._pushed = 0
        self._lock = _Lock()

    @property
    def count(self) -> int:
        """How many scores are kept."""
        return min(self._pushed, len(self._scores))

    def __getstate__(self) -> dict[str, Any]:
        with self._lock.here:
            held = {name: value for name, value in vars(self).items() if name != "_lock"}
            return {**held, "_scores": self._scores.copy()}

    def __setstate__(self, held: dict[str, Any]) -> None:
        vars(self).update(held, _lock=_Lock())

    def push(self, scores: Any) -> None:
        """Add the scores of rows that are known to be normal, in their order.

        Leave none out because it is high: without the highest ones the threshold falls with every
        push.

        Raises:
            ValueError: If a score is not finite, or scores have a mask; nothing is added then.
        """
        scores = _float32(scores).reshape(-1)
        if not np.all(np.isfinite(scores)):
            raise ValueError("Expected scores to be finite. Received: NaN or infinity")
        last = scores[-len(self._scores) :]
        with self._lock.here:
            first = self._pushed + len(scores) - len(last)
            self._scores[(first + np.arange(len(last))) % len(self._scores)] = last
            self._pushed += len(scores)

    def limits(self) -> tuple[float, float]:
        """Return the lowest and the highest score that is no anomaly, see `limits`.

        Raises:
            ValueError: If there are too few scores for the rate.
        """
        return limits(self._sorted(), self.rate, self.two_sided)

    def p_values(self, scores: Any) -> np.ndarray:
        """Return the conformal p-value of each score, see `p_values`."""
        return p_values(scores, self._sorted(), self.two_sided)

    def _sorted(self) -> np.ndarray:
        with self._lock.here:
            held = self._scores[: self.count].copy()
        if len(held) < self.least:
            raise ValueError(
                f"Expected at least {self.least} scores, for a rate of {self.rate}. Received: "
                f"{len(held)}"
            )
        return np.sort(held)


class Stream:
    """Score a signal in overlapping windows, as its samples come in, or decide on them.

    Several threads may add samples; those of one call stay together. A forked process goes on with
    the samples that it inherits.

    Args:
        model: a `Model` whose events have the shape (window, *channels).
        hop: samples from the start of one window to the start of the next.
        **others: the other inputs of `score`, such as `condition`: one row that every window gets.

    Raises:
        ValueError: If `hop` is not a positive integer, or the model has no `score` or no windows.

    Example:
        >>> from kvae.export import runtime
        >>> stream = runtime.Stream(runtime.Model(bundle), hop=4)
        >>> starts, nats = stream.push(np.zeros((17, 8, 1)))  # windows of 8 samples
        >>> starts.tolist(), nats.shape
        ([0, 4, 8], (3,))
    """

    def __init__(self, model: Model, hop: int, **others: Any):
        shape = model.manifest["model"]["event_shape"]
        if not shape:
            raise ValueError(
                "Expected a model whose examples are windows, of shape (window, *channels). "
                "Received: examples of shape ()"
            )
        self.model, self._others = model, others
        self.window, *channels = shape
        _check_count("hop", hop)
        if "score" not in model.signatures:
            raise ValueError(
                f"Expected a model with the signature 'score'. Received: {sorted(model.signatures)}"
            )
        self.hop = int(hop)
        self._start = 0  # of the next window, counted from the first sample
        self._kept = np.zeros((0, *channels))
        self._first = 0  # the sample that is kept first
        self._lock = _Lock()

    def push(self, samples: Any) -> tuple[np.ndarray, np.ndarray]:
        """Add samples and return the windows that they complete.

        Args:
            samples: array (samples, *channels), the next of the signal. Nothing is kept of it
                where it is refused.

        Returns:
            (start of each window, score of each window in nats); starts count samples from the
            first one pushed.

        Raises:
            ValueError: If the samples do not have the shape or the domain of the model's data.
            NotFiniteError: If a score is NaN or infinite. The samples are kept and the windows
                that they complete left out, so that the stream goes on once the sample at fault,
                3.4e38 of a broken sensor, say, is in no window any more.
        """
        starts, found = self._completed(samples, partial(self.model.run, "score"))
        return starts, found.get("score", np.zeros(0, "float32"))

    def detect(self, samples: Any) -> dict[str, np.ndarray]:
        """Add samples and decide on the windows that they complete.

        Args:
            samples: as for `push`.

        Returns:
            `start` of each window, and its `score`, `p_value` and `is_anomaly` as `Model.detect`
            returns them.

        Raises:
            ValueError: If the bundle was written without calibration rows; else as for `push`.
        """
        if self.model.bundle.artefact(self.model.preset).get("calibration") is None:
            raise _no_thresholds()
        starts, found = self._completed(samples, self.model.detect)
        none = {"score": "float32", "p_value": "float64", "is_anomaly": "bool"}
        return {"start": starts, **(found or {n: np.zeros(0, of) for n, of in none.items()})}

    def _completed(self, samples: Any, call: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return starts of the windows that samples complete, and what `call` makes of them.

        Nothing where there are no such windows. Samples that are refused are not kept; those with
        which a score is not finite are.
        """
        samples = _array("samples", samples)
        if samples.shape[1:] != self._kept.shape[1:] or samples.ndim != self._kept.ndim:
            shape = ", ".join(["samples", *map(str, self._kept.shape[1:])])
            raise ValueError(
                f"Expected samples of shape ({shape}). Received: shape {samples.shape}"
            )
        if len(samples):  # here, since they may complete no window before others have come
            _checked("samples", samples, *self._expected())
        with self._lock.here:  # the samples of one call stay together
            kept = np.concatenate([self._kept, samples])
            end = self._first + len(kept)
            starts = np.arange(self._start, end - self.window + 1, self.hop)
            try:
                parts = [self._called(call, kept, part) for part in self._pieces(starts)]
            except NotFiniteError as error:
                self._keep(kept, starts)
                raise NotFiniteError(
                    f"{error} The windows from sample {starts[0]} to {starts[-1] + self.window - 1}"
                    " are left out."
                ) from error
            self._keep(kept, starts)
        names = parts[0] if parts else ()
        return starts, {name: np.concatenate([part[name] for part in parts]) for name in names}

    def _keep(self, kept: np.ndarray, starts: np.ndarray) -> None:
        """Go on behind the windows of `starts`: keep of the samples what later ones need."""
        if len(starts):
            self._start = int(starts[-1]) + self.hop
        skipped = min(max(self._start - self._first, 0), len(kept))
        self._kept, self._first = kept[skipped:], self._first + skipped

    def _expected(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return shape and dtype of samples, and the domain where it holds for each sample."""
        port = self.model.signatures["score"]["inputs"]["x"]
        domain = self.model.manifest["model"]["inputs"]["x"]["domain"]
        if self._kept.ndim == 1 and (domain["columns"] or domain["one_hot"]):
            # Of a whole window: a sample need only be finite, or missing.
            free = {"columns": [], "one_hot": False, "integer": False, "low": None, "high": None}
            domain = {**domain, **free}
        return {**port, "shape": [1, *port["shape"][2:]]}, domain

    def _pieces(self, starts: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the starts in pieces: all windows take many times the memory of the signal."""
        batch = self.model._batch(self.model._named("score")[0])
        size = batch * max(1, WINDOWS // batch)
        for first in range(0, len(starts), size):
            yield starts[first : first + size]

    def _called(self, call: Any, kept: np.ndarray, starts: np.ndarray) -> dict[str, np.ndarray]:
        windows = [kept[s - self._first : s - self._first + self.window] for s in starts]
        others = {name: np.stack([value] * len(starts)) for name, value in self._others.items()}
        return call(x=np.stack(windows), **others)


def _no_thresholds() -> ValueError:
    return ValueError(
        "Expected a bundle with thresholds, written with calibration rows. Received: one without"
    )


def _is_whole(value: Any, least: int) -> bool:
    """Return whether an argument is an integer, of Python or NumPy, of at least `least`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and bool(value >= least)


def _check_count(name: str, value: Any) -> None:
    if not _is_whole(value, 1):
        raise ValueError(f"Expected {name} to be a positive integer. Received: {name}={value!r}")


def _checked(
    name: str, value: Any, expected: dict[str, Any], domain: dict[str, Any] | None
) -> np.ndarray:
    given = _array(name, value)
    with np.errstate(all="ignore"):  # what does not fit is refused below
        array = given.astype(expected["dtype"])
    shape = tuple(expected["shape"][1:])
    if array.shape[1:] != shape or array.ndim != len(shape) + 1 or not len(array):
        raise ValueError(
            f"Expected {name} to have shape (rows, {', '.join(map(str, shape))}) with at least one "
            f"row. Received: {array.shape}"
        )
    check_finite(given, name, domain is not None and domain.get("missing") is True)
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise ValueError(
            f"Expected {name} to be finite in {array.dtype}. Received: values in "
            f"[{np.nanmin(given):g}, {np.nanmax(given):g}]"
        )
    if domain is not None:
        check_domain(given, domain, name)
    if array.dtype.kind in "iu" and not np.array_equal(array, given):
        raise ValueError(f"Expected {name} to hold whole numbers of {array.dtype}.")
    return array


def _array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(
            f"Expected {name} without a mask, which would be lost. Received: a masked array. Put "
            "NaN where values are missing: x.filled(np.nan)."
        )
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"Expected {name} to be an array of numbers. Received: {value!r:.80}")
    return array


def check_finite(array: np.ndarray, name: str, missing: bool = False) -> None:
    """Raise a ValueError where an array holds infinity, or NaN that does not stand for missing.

    Args:
        array: numbers.
        name: what the error calls the array.
        missing: whether elements may be missing, which NaN says.

    Example:
        >>> from kvae.export import runtime
        >>> runtime.check_finite(np.array([0.5, np.nan]), "z")
        Traceback (most recent call last):
        ValueError: Expected z to be finite. Received: NaN or infinity
    """
    if not (np.isfinite(array) | (missing & np.isnan(array))).all():
        raise ValueError(f"Expected {name} to be finite. Received: NaN or infinity")


def span(column: dict[str, Any]) -> int:
    """Return the numbers of a row that a column of a domain takes."""
    return (column["categories"] or 1) if column["one_hot"] else 1


def column_label(index: int, column: dict[str, Any]) -> str:
    """Return how messages name a column of a domain."""
    return f", column {index} ({column['name']}),"


def check_domain(array: np.ndarray, domain: dict[str, Any], name: str) -> None:
    """Raise the ValueError that a Keras model raises for data outside its domain.

    Args:
        array: rows of events.
        domain: that of an input in `model.inputs` of the manifest.
        name: what the error calls the array.

    Example:
        >>> from kvae.export import runtime
        >>> domain = runtime.Bundle(bundle).manifest["model"]["inputs"]["x"]["domain"]
        >>> runtime.check_domain(np.array([[0.0, 255.0]]), domain, "x")
        Traceback (most recent call last):
        ValueError: Expected x to hold numbers in [0, 1]. Received: values in [0, 255]. Divide \
8-bit pixels by 255.
    """
    missing = domain.get("missing") is True
    check_finite(array, name, missing)
    columns = domain["columns"]
    start = 0
    for index, part in enumerate(columns or [domain]):
        width = span(part) if columns else 1
        values = array[..., start : start + width] if columns else array
        start += width
        unknown = np.isnan(values) & missing
        if unknown.all():
            continue
        # Of a one-hot vector all elements are missing, or none is.
        sums = np.where(unknown.all(axis=-1), 1, values.sum(axis=-1)) if part["one_hot"] else 1
        values = values[~unknown]
        low, high = float(values.min()), float(values.max())
        whole = not part["integer"] or bool(np.all(values == np.floor(values)))
        single = bool(np.all(sums == 1))
        with np.errstate(over="ignore"):  # float32 is what the model reads
            below = part["low"] is not None and np.float32(low) < np.float32(part["low"])
            above = part["high"] is not None and np.float32(high) > np.float32(part["high"])
        if below or above or not whole or not single:
            remark = ", not one-hot" if not single else "" if whole else ", not all whole"
            label = column_label(index, part) if columns else ""
            message = (
                f"Expected {name}{label} to hold {part['text']}. Received: values in [{low:g}, "
                f"{high:g}]{remark}. {part['hint']}"
            )
            raise ValueError(message.rstrip())


def main(arguments: list[str]) -> int:
    """Decode one draw from the prior of the bundle around this file, and describe it."""
    if len(arguments) > 1 or not all(re.fullmatch(r"-?\d+", seed) for seed in arguments):
        print("usage: python runtime.py [SEED]", main.__doc__, sep="\n")
        return 0 if {"-h", "--help"} & set(arguments) else 2
    try:
        model, place = Model(Path(__file__).parent), "inputs/sample/"
        if "sample" not in model.signatures:
            raise ValueError(
                "Expected a bundle with the signature sample, to draw from. Received: one with "
                f"{', '.join(model.signatures)}; README.md says how to use it"
            )
        golden = {k[len(place) :]: v[:1] for k, v in model.golden().items() if k.startswith(place)}
        others = {name: value for name, value in golden.items() if name != "seed"}
        picture = model.sample(1, seed=int(arguments[0]) if arguments else 0, **others)[0]
    except (ValueError, RuntimeError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"one draw, shape {picture.shape}, from {picture.min():.3f} to {picture.max():.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
