"""A likelihood of your own, normals on [0, 1]: python own_likelihood.py FOLDER [EPOCHS]"""

import sys

import keras
from tensorflow_probability import distributions as tfd

import kvae


@keras.saving.register_keras_serializable(package="own_likelihood")
class UnitNormal(kvae.layers.DistributionLayer):
    """Independent normals of scale 0.3, truncated to [0, 1]."""

    domain = kvae.layers.Domain(0.0, 1.0)

    def make_distribution(self, params):
        (loc,) = self.blocks(params)
        return tfd.Independent(tfd.TruncatedNormal(loc, 0.3, 0.0, 1.0), len(self.event_shape))


def main(folder, epochs=30):
    keras.utils.set_random_seed(0)
    x, x_test = kvae.data.digits()
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(4))
    posterior = kvae.layers.MultivariateNormalDiag(4, activity_regularizer=kl)
    encoder = kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size)
    decoder = kvae.networks.mlp_decoder(4, (8, 8, 1))
    vae = kvae.VAE(encoder, posterior, decoder, UnitNormal((8, 8, 1)))
    vae.compile("adam")
    vae.fit(x, epochs=int(epochs), callbacks=[kvae.callbacks.Checkpoint(f"{folder}/run", 5)])
    vae.save(f"{folder}/model.keras")
    print(kvae.diagnose(vae, x_test))


if __name__ == "__main__":
    main(*sys.argv[1:])
