"""An objective of your own, nats per pixel: python own_objective.py FOLDER [EPOCHS]"""

import sys

import keras

import kvae


@keras.saving.register_keras_serializable(package="own_objective")
class PerPixel(kvae.losses.Objective):
    """The negative ELBO divided by the number of pixels."""

    def terms(self, model, inputs, latents, batch):
        likelihood = self.likelihood(model, inputs, latents, batch)
        nll, kl = self.nll(likelihood, inputs), latents["z"].kl()
        return [kvae.contract.Term("nll", nll / 64.0), kvae.contract.Term("kl", kl / 64.0)]


def main(folder, epochs=30):
    keras.utils.set_random_seed(0)
    x, x_test = kvae.data.digits()
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(4))
    posterior = kvae.layers.MultivariateNormalDiag(4, activity_regularizer=kl)
    encoder = kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size)
    decoder = kvae.networks.mlp_decoder(4, (8, 8, 1))
    vae = kvae.VAE(encoder, posterior, decoder, kvae.layers.IndependentBernoulli((8, 8, 1)))
    vae.compile("adam", loss=PerPixel())
    vae.fit(x, epochs=int(epochs), callbacks=[kvae.callbacks.Checkpoint(f"{folder}/run", 5)])
    vae.save(f"{folder}/model.keras")
    print(kvae.diagnose(vae, x_test))


if __name__ == "__main__":
    main(*sys.argv[1:])
