"""Test inputs of an exported model with Keras' outputs; no TensorFlow here."""

from dataclasses import dataclass

import numpy as np

__all__ = ["ROWS", "Reference"]

ROWS = 64  # rows of x, of draws from the prior, and of draws from posteriors


@dataclass(frozen=True)
class Reference:
    """Inputs for every signature, and Keras' outputs.

    Attributes:
        inputs: arrays (rows, ...) by signature and input. Of latent vectors the first half are
            draws from the prior, the second half draws from posteriors.
        expected: arrays (rows, ...) by signature and output.
    """

    inputs: dict[str, dict[str, np.ndarray]]
    expected: dict[str, dict[str, np.ndarray]]

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Reference":
        """Return the reference whose `arrays()` these are.

        Raises:
            ValueError: If a key is not of the form `side/signature/name`.
        """
        sides: dict[str, dict[str, dict[str, np.ndarray]]] = {"inputs": {}, "expected": {}}
        for key, value in arrays.items():
            side, _, rest = key.partition("/")
            signature, _, name = rest.partition("/")
            if side not in sides or not signature or not name or "/" in name:
                raise ValueError(
                    f"Expected arrays named inputs/... and expected/.... Received: {key!r}"
                )
            sides[side].setdefault(signature, {})[name] = value
        return cls(**sides)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by keys `inputs/SIGNATURE/INPUT` and `expected/SIGNATURE/OUTPUT`."""
        return {
            f"{side}/{signature}/{name}": value
            for side, table in (("inputs", self.inputs), ("expected", self.expected))
            for signature, values in table.items()
            for name, value in values.items()
        }

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays().values())

    def thinned(self, most_bytes: int) -> "Reference":
        """Return the reference with as many rows as fit into `most_bytes`, at least two.

        As many are kept of the first half, draws from the prior, as of the second.
        """
        share = min(1.0, most_bytes / max(self.nbytes, 1))

        def kept(array: np.ndarray) -> np.ndarray:
            half = max(1, int(share * len(array) / 2))
            return (
                array if 2 * half >= len(array) else np.concatenate([array[:half], array[-half:]])
            )

        return Reference(
            *(
                {
                    signature: {name: kept(value) for name, value in values.items()}
                    for signature, values in table.items()
                }
                for table in (self.inputs, self.expected)
            )
        )
