"""The losses of the layers inside networks: those that calls add, and the penalties of weights."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from kvae.seeds import one_replica
from kvae.training.keras_compat import layers_inside, losses_of_calls

__all__ = ["AddedLosses", "weight_penalties"]


class AddedLosses:
    """The losses that the calls of networks add in one pass, such as those of activities.

    Keras keeps them in the layers until a network is called again, and the replicas of one process
    share the layers. Where a replica waits for the others, these call the same networks: it takes
    what its own calls have added before, and looks past what it finds after.

    Args:
        networks: Keras layers and models. A layer that several of them share counts once a call.

    Example:
        >>> dense = keras.layers.Dense(1, activity_regularizer="l2")
        >>> added = kvae.models.added_losses.AddedLosses([dense])
        >>> outputs = dense(np.ones((4, 3)))
        >>> len(added.taken())
        1
    """

    def __init__(self, networks: Iterable[keras.layers.Layer]):
        inside = [layer for network in networks for layer in layers_inside(network)]
        self._layers = list({id(layer): layer for layer in inside}.values())
        self._taken: list[Any] = []
        self._seen = losses_of_calls(self._layers)  # of earlier passes

    def taken(self) -> list[Any]:
        """Take what was added since the last time, and return all losses of the pass, scalars.

        Raises:
            ValueError: Under several replicas, if losses were added in a network that waits inside.
        """
        seen, self._seen = {id(loss) for loss in self._seen}, losses_of_calls(self._layers)
        self._taken += [loss for loss in self._seen if id(loss) not in seen]
        if self._taken and not one_replica():
            self._check_nobody_waits_inside()
        return self._taken

    def _check_nobody_waits_inside(self) -> None:
        waiting = [layer for layer in self._layers if getattr(layer, "synchronized", False)]
        if waiting:
            raise ValueError(
                "Expected no losses of activities under several replicas in a network whose "
                "replicas wait for each other: one would take the losses of another. Received: "
                f"the layer {waiting[0].name!r} with synchronized=True. Take synchronized=False."
            )

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Within it what is added is that of other replicas."""
        self.taken()
        yield
        self._seen = losses_of_calls(self._layers)


def weight_penalties(networks: Iterable[keras.layers.Layer]) -> list[Any]:
    """Return the penalties of the weights of networks, such as weight decay, scalars.

    A weight that several networks share counts once.

    Example:
        >>> dense = keras.layers.Dense(1, kernel_regularizer="l2")
        >>> dense.build((None, 3))
        >>> len(kvae.models.added_losses.weight_penalties([dense]))
        1
    """
    found = {id(weight): weight for each in networks for weight in each.trainable_weights}
    weights = [weight for weight in found.values() if weight.regularizer is not None]
    return [weight.regularizer(weight) for weight in weights]
