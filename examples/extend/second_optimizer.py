"""A critic with an optimizer of its own: python second_optimizer.py FOLDER [EPOCHS]"""

import sys

import keras

import kvae


@keras.saving.register_keras_serializable(package="second_optimizer")
class FactorVAE(kvae.VAE):
    """The critic tells codes from codes whose dimensions are shuffled; the encoder pays for it."""

    def build(self, input_shape):
        self.critic = kvae.networks.mlp_encoder((4,), 1)
        self.critic_optimizer = keras.optimizers.Adam()
        super().build(input_shape)

    def update_groups(self):
        critic = self.critic.trainable_variables
        others = [v for v in self.trainable_variables if all(v is not c for c in critic)]
        return {"model": (self.optimizer, others), "critic": (self.critic_optimizer, critic)}

    def penalties(self, inputs, latents, batch):
        z = latents["z"].value
        shuffled = keras.ops.stack([keras.ops.roll(z[:, d], d) for d in range(4)], axis=1)
        real, fake = (self.critic(keras.ops.stop_gradient(codes)) for codes in (z, shuffled))
        error = keras.ops.softplus(-real) + keras.ops.softplus(fake)
        return [
            *super().penalties(inputs, latents, batch),
            kvae.contract.Term("density_ratio", self.critic(z)[:, 0]),
            kvae.contract.Term("critic_error", error[:, 0], group="critic"),
        ]


def main(folder, epochs=30):
    keras.utils.set_random_seed(0)
    x, x_test = kvae.data.digits()
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(4))
    posterior = kvae.layers.MultivariateNormalDiag(4, activity_regularizer=kl)
    encoder = kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size)
    decoder = kvae.networks.mlp_decoder(4, (8, 8, 1))
    vae = FactorVAE(encoder, posterior, decoder, kvae.layers.IndependentBernoulli((8, 8, 1)))
    vae.compile("adam")
    vae.fit(x, epochs=int(epochs), callbacks=[kvae.callbacks.Checkpoint(f"{folder}/run", 5)])
    vae.save(f"{folder}/model.keras")
    print(kvae.diagnose(vae, x_test))


if __name__ == "__main__":
    main(*sys.argv[1:])
