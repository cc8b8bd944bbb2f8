"""The direction of an attribute in the latent space."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kvae.exploration.codes import as_codes

__all__ = ["AttributeVector", "attribute_vector"]


@dataclass(frozen=True, eq=False)
class AttributeVector:
    """A direction in the latent space.

    Attributes:
        vector: mean of the codes with the attribute minus mean of those without, (latent_dim,).
        stderr: its standard error in each dimension, (latent_dim,).
        examples: number of examples with the attribute, and without it.

    Example:
        >>> bright = x_test.mean(axis=(1, 2, 3)) > 0.3
        >>> found = kvae.attribute_vector(vae, x_test, bright)
        >>> sum(found.examples) == len(x_test), found.stderr.shape
        (True, (2,))
    """

    vector: np.ndarray
    stderr: np.ndarray
    examples: tuple[int, int]


def attribute_vector(
    vae: Any, x: Any, labels: Any, *, encoded: bool | None = None
) -> AttributeVector:
    """Return the mean code of the examples with an attribute minus that of the others.

        v = mean z(x | with) - mean z(x | without),    stderr^2 = s^2_with / n + s^2_without / m.

    `z + strength * result.vector` strengthens the attribute of an example. The vector also
    contains every other mean difference between the two groups.

    Args:
        vae: a `kvae.VAE`.
        x: examples (n, *event_shape), represented by their posterior means, or codes
            (n, latent_dim).
        labels: whether each example has the attribute: booleans, or 0 and 1, (n,).
        encoded: whether `x` holds codes; by default this is inferred from its shape.

    Returns:
        An `AttributeVector`.

    Raises:
        ValueError: If `x` or `labels` have another form, or a group has fewer than two examples.

    Example:
        >>> bright = x_test.mean(axis=(1, 2, 3)) > 0.3
        >>> kvae.attribute_vector(vae, x_test, bright).vector.shape
        (2,)

    References:
        Larsen, Sonderby, Larochelle, Winther: Autoencoding beyond Pixels Using a Learned
        Similarity Metric, 2016, https://arxiv.org/abs/1512.09300, section 4
    """
    codes = as_codes(vae, "x", x, encoded).astype("float64")
    labels = np.asarray(labels)
    if labels.shape != (len(codes),) or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"Expected labels to hold {len(codes)} booleans, or 0 and 1, one for each example. "
            f"Received: labels of shape {labels.shape} with values such as {labels.ravel()[:5]}"
        )
    groups = codes[labels.astype(bool)], codes[~labels.astype(bool)]
    sizes = len(groups[0]), len(groups[1])
    if min(sizes) < 2:
        raise ValueError(
            "Expected labels with at least two examples in each group. Received: "
            f"{sizes[0]} with the attribute and {sizes[1]} without"
        )
    (with_mean, without_mean) = (group.mean(axis=0) for group in groups)
    squares = (group.var(axis=0, ddof=1) / len(group) for group in groups)
    return AttributeVector(with_mean - without_mean, np.sqrt(sum(squares)), sizes)
