"""The base of layers whose draws are a function of standard normal numbers."""

from typing import Any

from kvae.layers.distribution_layer import DistributionLayer

__all__ = ["FromNormal"]


class FromNormal(DistributionLayer):
    """A layer that draws by `from_normal`, which a subclass defines."""

    same_draws_with_xla = True

    def draw(self, distribution: Any, seed: Any, draws: int | None = None) -> Any:
        """Return what `from_normal` makes of noise, see `DistributionLayer.draw`."""
        return self.from_normal(distribution, self.noise(distribution, seed, draws))
