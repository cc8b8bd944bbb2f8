"""A regularizer of your own that reads x: python own_regularizer.py FOLDER [EPOCHS]"""

import sys

import keras

import kvae


@keras.saving.register_keras_serializable(package="own_regularizer")
class BrightnessFirst(kvae.regularizers.Regularizer):
    """Pull the first latent dimension to the brightness of the image."""

    def values(self, latent, batch):
        brightness = keras.ops.mean(batch.inputs["x"], axis=[1, 2, 3])
        return keras.ops.square(latent.posterior.mean()[:, 0] - 10.0 * (brightness - 0.3))


def main(folder, epochs=30):
    keras.utils.set_random_seed(0)
    x, x_test = kvae.data.digits()
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(4))
    own = kl + BrightnessFirst(weight=5.0)
    posterior = kvae.layers.MultivariateNormalDiag(4, activity_regularizer=own)
    encoder = kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size)
    decoder = kvae.networks.mlp_decoder(4, (8, 8, 1))
    vae = kvae.VAE(encoder, posterior, decoder, kvae.layers.IndependentBernoulli((8, 8, 1)))
    vae.compile("adam")
    vae.fit(x, epochs=int(epochs), callbacks=[kvae.callbacks.Checkpoint(f"{folder}/run", 5)])
    vae.save(f"{folder}/model.keras")
    print(kvae.diagnose(vae, x_test))


if __name__ == "__main__":
    main(*sys.argv[1:])
