"""The two pairs of networks as Keras layers, for Keras 3 and tf_keras."""

from worker import FILTERS, HIDDEN, LATENT


def networks(library, net, params_size):
    """Return the layers of encoder and decoder; the encoder ends in `params_size` units."""
    layers = library.layers
    if net == "mlp":
        encoder = [layers.Dense(units, activation="relu") for units in HIDDEN]
        decoder = [layers.Dense(units, activation="relu") for units in HIDDEN]
        return [*encoder, layers.Dense(params_size)], [*decoder, layers.Dense(784)]
    conv = {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}
    encoder = [
        *(layers.Conv2D(size, **conv) for size in FILTERS),
        layers.Flatten(),
        layers.Dense(LATENT[net], activation="relu"),
        layers.Dense(params_size),
    ]
    decoder = [
        layers.Dense(7 * 7 * FILTERS[-1], activation="relu"),
        layers.Reshape((7, 7, FILTERS[-1])),
        *(layers.Conv2DTranspose(size, **conv) for size in reversed(FILTERS)),
        layers.Conv2DTranspose(1, 3, padding="same"),
    ]
    return encoder, decoder


def shape(net):
    """Return the shape of an example."""
    return (784,) if net == "mlp" else (28, 28, 1)
