"""kvae: `compile(optimizer)` and `fit(x)` with default settings; variant bfloat16."""

from worker import LATENT, LEARNING_RATE, serve


def make(net, x, batch_size, variant):
    import keras
    from keras_networks import networks, shape

    import kvae

    if variant == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    latent, event = LATENT[net], shape(net)
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent))
    posterior = kvae.layers.MultivariateNormalDiag(latent, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(event)
    encoder, decoder = networks(keras, net, posterior.params_size)
    vae = kvae.VAE(
        encoder=keras.Sequential([keras.Input(event), *encoder]),
        posterior=posterior,
        decoder=keras.Sequential([keras.Input((latent,)), *decoder]),
        likelihood=likelihood,
    )
    vae.compile(keras.optimizers.Adam(LEARNING_RATE))
    x = x.reshape(-1, *event)
    if net == "mlp":
        # Long enough that kvae chooses XLA; later epochs reuse the compiled function.
        vae.fit(x, batch_size=batch_size, epochs=1 + 500 * batch_size // len(x))
    return lambda: vae.fit(x, batch_size=batch_size)


if __name__ == "__main__":
    serve(make)
