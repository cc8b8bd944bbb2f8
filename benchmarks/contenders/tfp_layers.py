"""tf_keras with tfp.layers, after TFP's recipe; variants diagonal and tril."""

from worker import LATENT, LEARNING_RATE, serve


def make(net, x, batch_size, variant):
    import tensorflow as tf
    import tensorflow_probability as tfp
    import tf_keras
    from keras_networks import networks, shape

    tfd, tfpl = tfp.distributions, tfp.layers
    latent, event = LATENT[net], shape(net)
    kind = tfpl.MultivariateNormalTriL if variant == "tril" else tfpl.IndependentNormal
    encoder, decoder = networks(tf_keras, net, int(kind.params_size(latent)))
    prior = tfd.MultivariateNormalDiag(tf.zeros(latent), tf.ones(latent))
    if variant != "tril":
        prior = tfd.Independent(tfd.Normal(tf.zeros(latent), 1.0), 1)
    kl = tfpl.KLDivergenceRegularizer(prior)
    encoder = tf_keras.Sequential(
        [tf_keras.layers.InputLayer(event), *encoder, kind(latent, activity_regularizer=kl)]
    )
    decoder = tf_keras.Sequential(
        [
            tf_keras.layers.InputLayer((latent,)),
            *decoder,
            tf_keras.layers.Flatten(),
            tfpl.IndependentBernoulli(event, tfd.Bernoulli.logits),
        ]
    )
    vae = tf_keras.Model(encoder.inputs, decoder(encoder.outputs[0]))
    optimizer = tf_keras.optimizers.Adam(LEARNING_RATE)
    vae.compile(optimizer, loss=lambda data, likelihood: -likelihood.log_prob(data))
    x = x.reshape(-1, *event)
    return lambda: vae.fit(x, x, batch_size=batch_size)


if __name__ == "__main__":
    serve(make)
