"""Every variable of a VAE has a path of its own, which Keras' state tree and .h5 files need."""

import keras
import numpy as np
import pytest

import kvae


@pytest.mark.parametrize("networks", ["mlp", "conv"])
def test_the_state_tree_of_a_vae_holds_every_variable(networks, make_vae, grey):
    vae = make_vae(networks=networks)
    vae.compile(optimizer="adam")
    vae.fit(grey, epochs=1, verbose=0)
    paths = [variable.path for variable in vae.variables]
    assert len(set(paths)) == len(paths)
    tree = vae.get_state_tree()
    weights = keras.tree.flatten(tree["trainable_variables"])
    assert len(weights) == len(vae.trainable_variables)
    vae.set_state_tree(tree)


def test_networks_of_one_process_and_of_another_have_the_same_paths():
    """Names do not depend on how many layers were made before."""
    paths = [
        [weight.path for weight in kvae.networks.conv_decoder(2, (8, 8, 1)).weights]
        for _ in range(2)
    ]
    assert paths[0] == paths[1]
    assert all(path.startswith("decoder_") for path in paths[0])


@pytest.mark.parametrize("networks", ["mlp", "conv"])
def test_h5_weights_make_the_round_trip(networks, make_vae, grey, tmp_path):
    vae, other = make_vae(networks=networks), make_vae(networks=networks)
    vae.save_weights(tmp_path / "vae.weights.h5")
    assert not np.array_equal(other.encode(grey)[0], vae.encode(grey)[0])
    other.load_weights(tmp_path / "vae.weights.h5")
    for found, expected in zip(other.get_weights(), vae.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(other.encode(grey)[0], vae.encode(grey)[0])


def test_h5_weights_of_a_learned_prior_and_a_schedule_make_the_round_trip(grey, tmp_path):
    def make():
        kl = kvae.regularizers.KLDivergenceRegularizer(
            kvae.priors.GaussianMixture(2, 3), weight=kvae.regularizers.schedules.Linear(2)
        )
        posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
        likelihood = kvae.layers.IndependentNormal((8, 8, 1))
        decoder = kvae.networks.mlp_decoder(2, likelihood.event_shape, hidden=(8,))
        return kvae.VAE(
            encoder=kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size, hidden=(8,)),
            posterior=posterior,
            decoder=keras.Sequential([decoder, kvae.layers.LearnedScale()]),
            likelihood=likelihood,
        )

    vae, other = make(), make()
    vae.compile(optimizer="adam")
    vae.fit(grey, epochs=1, batch_size=20, verbose=0)
    vae.save_weights(tmp_path / "vae.weights.h5")
    other.load_weights(tmp_path / "vae.weights.h5")
    assert len(vae.get_state_tree()["trainable_variables"]) > 0
    for found, expected in zip(other.get_weights(), vae.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
