"""What an exported file calls a signature for one batch size; no TensorFlow here."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Key"]


@dataclass(frozen=True, order=True)
class Key:
    """A signature for one batch size: `decode`, and `decode_8` for batches of eight.

    Attributes:
        name: name of the signature.
        batch_size: rows of one call; None where it is open.

    Example:
        >>> from kvae.export.key import Key
        >>> str(Key("decode", 8)), str(Key("decode", 1)), str(Key("decode", None))
        ('decode_8', 'decode', 'decode')
    """

    name: str
    batch_size: int | None = 1

    def __str__(self) -> str:
        return self.name if self.batch_size in (1, None) else f"{self.name}_{self.batch_size}"

    @classmethod
    def of(cls, text: str, description: dict[str, Any]) -> "Key":
        """Return the key of a signature of a file.

        Args:
            text: what the file calls the signature.
            description: its inputs and outputs, as the manifest describes them.
        """
        batch = int(next(iter(description["inputs"].values()))["shape"][0])
        return cls(text.removesuffix(f"_{batch}") if batch > 1 else text, batch)
