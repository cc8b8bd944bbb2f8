"""What an export returns, and what it raises."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvae.outputs import decoded

if TYPE_CHECKING:
    from .verification.compare import Measured

__all__ = ["ExportError", "ExportResult", "ToleranceError"]


class ExportError(RuntimeError):
    """An artefact could not be made, or does not say what the Keras model says.

    Example:
        >>> issubclass(kvae.export.ExportError, RuntimeError)
        True
    """


class ToleranceError(ExportError):
    """An artefact is farther from the Keras model than its tolerance allows.

    Example:
        >>> from kvae.export.result import ToleranceError
        >>> issubclass(ToleranceError, kvae.export.ExportError)
        True
    """


@dataclass(frozen=True)
class ExportResult:
    """An artefact on disk and what was measured on it before it was handed over.

    Attributes:
        format: "tflite", "saved_model" or "onnx".
        preset: the precision it was exported in.
        path: where it stands.
        size_bytes: size of the file, or of all files of the folder.
        weight_bytes: size of the weights it needs, in float32.
        signatures: shapes and dtypes of the inputs and outputs of each signature.
        measured: how each output of each signature compares with Keras.
        latency_ms: median time of one call of each signature, batch of one where the batch is
            open, on one thread of this machine, in milliseconds.
        runtimes: where the artefact was loaded and compared.
        training: how the file trains its weights, as the manifest of a bundle has it, and how that
            compares with Keras; None where it does not.

    Example:
        >>> result = kvae.export.tflite(vae, folder / "result.tflite")
        >>> result.signatures["decode"]["inputs"]
        {'z': {'shape': [1, 2], 'dtype': 'float32'}}
    """

    format: str
    preset: str
    path: Path
    size_bytes: int
    weight_bytes: int
    signatures: dict[str, dict[str, Any]]
    measured: dict[str, dict[str, Measured]]
    latency_ms: dict[str, float]
    runtimes: tuple[str, ...]
    training: dict[str, Any] | None = None

    @property
    def max_error(self) -> float:
        """The largest error of any output of any signature."""
        return max(m.error for outputs in self.measured.values() for m in outputs.values())

    @property
    def error_prior(self) -> float | None:
        """The error of what is decoded from z drawn from the prior; None without `decode`."""
        return None if self._decoded is None else self._decoded.error_prior

    @property
    def error_posterior(self) -> float | None:
        """The error of what is decoded from z drawn from posteriors; None without `decode`."""
        return None if self._decoded is None else self._decoded.error_posterior

    @property
    def _decoded(self) -> Measured | None:
        return decoded(self.measured["decode"]) if "decode" in self.measured else None

    @property
    def elbo_change(self) -> float | None:
        """Change of the ELBO against Keras in nats per example; None without `score`."""
        score = self.measured.get("score")
        return None if score is None else -score["score"].bias

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.format} {self.preset}, {self.size_bytes / 1e6:.2f} MB, checked in "
            + ", ".join(self.runtimes)
        ]
        for name, outputs in self.measured.items():
            worst = max(outputs.values(), key=_error)
            lines.append(
                f"  {name}: largest error against Keras {worst.error:.1e}, "
                f"{self.latency_ms[name]:.3f} ms"
            )
        if self.elbo_change is not None:
            lines.append(f"  change of the ELBO: {self.elbo_change:+.4f} nats")
        if self.training is not None:
            found = self.training["measured"]
            lines.append(
                f"  train ({self.training['trainable']}): after {found['steps']} steps the losses "
                f"differ from Keras by {found['loss_error']:.1e}, the weights by "
                f"{found['weight_error']:.1e}, {self.latency_ms['train']:.3f} ms a step"
            )
        return "\n".join(lines)


def _error(measured: Measured) -> float:
    return measured.error
