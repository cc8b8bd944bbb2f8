"""`for_data` chooses by the shape of an example."""

import keras
import pytest

import kvae

SHAPES = {
    (12,): None,
    (): None,
    (50, 3): keras.layers.Conv1D,
    (28, 28, 1): keras.layers.Conv2DTranspose,
    (8, 31, 3): keras.layers.Conv2DTranspose,
    (32, 8, 3): keras.layers.UpSampling2D,
    (64, 64, 3): keras.layers.UpSampling2D,
    (4, 4, 4, 2): None,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("condition_dim", [None, 3])
def test_the_networks_fit_the_shape(shape, condition_dim):
    params = (*shape[:-1], 2 * shape[-1]) if shape else (2,)
    encoder, decoder = kvae.networks.for_data(shape, 6, 2, params, condition_dim)
    assert encoder.output_shape == (None, 6)
    assert decoder.output_shape == (None, *params)
    assert len(encoder.inputs) == len(decoder.inputs) == (1 if condition_dim is None else 2)
    made = {type(layer) for layer in decoder.layers}
    if SHAPES[shape] is None:
        assert made <= {*DENSE_ONLY}
    else:
        assert SHAPES[shape] in made


DENSE_ONLY = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.Concatenate,
    keras.layers.Dense,
    keras.layers.InputLayer,
    keras.layers.LayerNormalization,
    keras.layers.Multiply,
    keras.layers.Reshape,
)


def test_parameters_of_another_shape_are_made_by_dense_networks():
    encoder, decoder = kvae.networks.for_data((8, 8, 3), 4, 2, (8, 8, 3, 5))
    assert decoder.output_shape == (None, 8, 8, 3, 5)
    assert not any(isinstance(layer, keras.layers.Conv2D) for layer in encoder.layers)


@pytest.mark.parametrize("bad", [{"params_size": 0}, {"latent_dim": 0}, {"event_shape": (0,)}])
def test_a_bad_size_is_named(bad):
    given = {"event_shape": (5,), "params_size": 4, "latent_dim": 2, "params_shape": (5,)}
    (name,) = bad
    with pytest.raises(ValueError, match=f"Received: {name}="):
        kvae.networks.for_data(**{**given, **bad})
