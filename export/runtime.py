"""Open a bundle and run its decoder on a device: numpy and ai-edge-litert alone.

This file imports nothing of kvae, and a copy of it travels in every bundle. As a script,
`python runtime.py [SEED]` beside the bundle's other files decodes a draw from the prior.

Nothing in a bundle is parsed before its digest is checked: SHA256SUMS lists every file, in one
canonical form, and a file that is missing, unlisted, altered or a link is refused. That guards
against damage and against mixing up files; it is no signature, so take bundles from where you
trust. The one file it passes over, unread, is what Python itself leaves in `__pycache__` when this
file is imported from inside a bundle.
"""

import hashlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["BundleError", "Decoder", "open_bundle", "sums_of"]

SUMS = "SHA256SUMS"
SCHEMA = 1
LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)")
COMPILED = re.compile(r"__pycache__/runtime\.[A-Za-z0-9.-]+\.pyc")
PREFERRED = ("int8", "float32", "float16", "int8-weights", "int8-full")


class BundleError(ValueError):
    """A bundle that is damaged, incomplete or not a bundle at all."""


def sums_of(files: dict[str, bytes]) -> str:
    """Return the canonical text of SHA256SUMS for files by their relative path.

    Example:
        >>> from kvae.export import runtime
        >>> runtime.sums_of({"a": b""})[:16]
        'e3b0c44298fc1c14'
    """
    return "".join(f"{_digest(files[name])}  {name}\n" for name in sorted(files))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def open_bundle(path: Any) -> dict[str, bytes]:
    """Return the content of every file of a bundle by its relative path, all digests checked.

    Args:
        path: folder of the bundle.

    Raises:
        BundleError: If a file is missing, unlisted, listed twice, altered, a link, or outside the
            folder, or if SHA256SUMS is not in canonical form.

    Example:
        >>> from kvae.export import runtime
        >>> sorted(runtime.open_bundle(bundle))[:2]
        ['README.md', 'SHA256SUMS']
    """
    root = Path(path)
    if root.is_symlink() or not root.is_dir():
        raise BundleError(f"Expected a folder that holds a bundle. Received: {str(path)!r}")
    files = {}
    for entry in sorted(root.rglob("*")):
        name = entry.relative_to(root).as_posix()
        if entry.is_symlink():
            raise BundleError(f"The bundle holds a link, {name}: a bundle is made of plain files.")
        if entry.is_file() and COMPILED.fullmatch(name):
            continue
        if entry.is_file():
            files[name] = entry.read_bytes()
        elif not entry.is_dir():
            raise BundleError(f"The bundle holds something that is no plain file: {name}")
    if SUMS not in files:
        raise BundleError(f"The folder {str(path)!r} holds no {SUMS}: it is not a bundle.")
    listed = _parse_sums(files[SUMS])
    missing = sorted(listed.keys() - files.keys())
    unknown = sorted(files.keys() - listed.keys() - {SUMS})
    if missing or unknown:
        raise BundleError(f"Files missing from the bundle: {missing}; not listed: {unknown}")
    altered = [name for name, digest in listed.items() if _digest(files[name]) != digest]
    if altered:
        raise BundleError(f"Files altered since the bundle was made: {altered}")
    return files


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


class Decoder:
    """A bundle's `.tflite` file, ready to run.

    Args:
        bundle: folder of the bundle.
        preset: which file to run; by default int8 if the bundle has it, then float32.
        num_threads: threads that LiteRT may use.

    Attributes:
        manifest: the bundle's manifest.
        signatures: shapes and dtypes of the inputs and outputs by signature.

    Raises:
        BundleError: If the bundle is damaged, of a later schema, or has no such preset.

    Example:
        >>> from kvae.export import runtime
        >>> decoder = runtime.Decoder(bundle, preset="float32")
        >>> decoder.decode(np.zeros((3, 2), np.float32)).shape
        (3, 8, 8, 1)
    """

    def __init__(self, bundle: Any, preset: str | None = None, num_threads: int = 1):
        files = open_bundle(bundle)
        self.manifest = json.loads(files["manifest.json"])
        if self.manifest.get("schema") != SCHEMA:
            raise BundleError(
                f"Expected a manifest of schema {SCHEMA}. Received: {self.manifest.get('schema')}"
            )
        found = {
            artefact["preset"]: artefact
            for artefact in self.manifest["artefacts"]
            if artefact["format"] == "tflite"
        }
        order = [preset] if preset else [name for name in PREFERRED if name in found]
        if not order or order[0] not in found:
            raise BundleError(f"Expected preset to be one of {sorted(found)}. Received: {preset!r}")
        artefact = found[order[0]]
        self.signatures = artefact["signatures"]
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(
            model_content=files[artefact["file"]], num_threads=num_threads
        )
        self._golden = files["golden.npz"]

    def run(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Run a signature on arrays with a leading batch axis, row by row; return its outputs.

        Raises:
            ValueError: If there is no such signature, or an input is missing, unknown, of the
                wrong shape, empty or not finite.
        """
        if signature not in self.signatures:
            raise ValueError(
                f"Expected signature to be one of {sorted(self.signatures)}. Received: "
                f"{signature!r}"
            )
        expected = self.signatures[signature]["inputs"]
        if inputs.keys() != expected.keys():
            raise ValueError(f"Expected the inputs {sorted(expected)}. Received: {sorted(inputs)}")
        arrays = {name: _checked(name, inputs[name], expected[name]) for name in expected}
        rows = {len(value) for value in arrays.values()}
        batch = next(iter(expected.values()))["shape"][0]
        if len(rows) != 1 or rows.pop() % batch:
            raise ValueError(
                f"Expected inputs with the same number of rows, a multiple of {batch}. Received: "
                f"{ {name: len(value) for name, value in arrays.items()} }"
            )
        runner = self._interpreter.get_signature_runner(signature)
        parts = [
            runner(**{name: value[start : start + batch] for name, value in arrays.items()})
            for start in range(0, len(next(iter(arrays.values()))), batch)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def decode(self, z: Any) -> np.ndarray:
        """Return the likelihood's mean at `z` (rows, latent_dim), shape (rows, *event_shape).

        Where a transform leaves no mean it is the median, as in `kvae.VAE.decode`.
        """
        return self.run("decode", z=z)[self.manifest["model"]["decoded"]]

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """Return `n` decoded draws from the prior, the same on every device, (n, *event_shape).

        Args:
            n: number of draws, at least one.
            seed: int of 32 bits.
        """
        if n < 1 or not -(2**31) <= seed < 2**31:
            raise ValueError(
                f"Expected n of at least 1 and a seed of 32 bits. Received: n={n}, seed={seed}"
            )
        seeds = np.stack([np.arange(n), np.full(n, seed)], axis=1).astype("int32")
        return self.run("sample", seed=seeds)[self.manifest["model"]["decoded"]]

    def golden(self) -> dict[str, np.ndarray]:
        """Return the golden vectors: arrays under `inputs/...` and `expected/...`."""
        with np.load(io.BytesIO(self._golden), allow_pickle=False) as arrays:
            return dict(arrays)


def _checked(name: str, value: Any, expected: dict[str, Any]) -> np.ndarray:
    given = _array(name, value)
    with np.errstate(all="ignore"):  # what does not fit is refused below, in words
        array = given.astype(expected["dtype"])
    shape = tuple(expected["shape"][1:])
    if array.shape[1:] != shape or array.ndim != len(shape) + 1 or not len(array):
        raise ValueError(
            f"Expected {name} to have shape (rows, {', '.join(map(str, shape))}) with at least one "
            f"row. Received: {array.shape}"
        )
    if not (np.isfinite(given).all() and np.isfinite(array).all()):
        raise ValueError(f"Expected {name} to be finite. Received: NaN or infinity")
    if array.dtype.kind == "i" and not np.array_equal(array, given):
        raise ValueError(f"Expected {name} to hold whole numbers of {array.dtype}.")
    return array


def _array(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"Expected {name} to be an array of numbers. Received: {value!r:.80}")
    return array


def main(arguments: list[str]) -> int:
    """Decode one draw from the prior of the bundle around this file, and describe it."""
    try:
        decoder = Decoder(Path(__file__).parent)
        picture = decoder.sample(1, seed=int(arguments[0]) if arguments else 0)[0]
    except (BundleError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"one draw, shape {picture.shape}, from {picture.min():.3f} to {picture.max():.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
