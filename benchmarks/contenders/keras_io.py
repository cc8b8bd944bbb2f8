"""Keras 3, the VAE example of keras.io: a subclass with a train_step, default settings."""

from worker import LATENT, LEARNING_RATE, serve


def make(net, x, batch_size, variant):
    import keras
    import tensorflow as tf
    from keras_networks import networks, shape

    latent, event = LATENT[net], shape(net)
    encoder, decoder = networks(keras, net, 2 * latent)

    class VAE(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential([keras.Input(event), *encoder])
            self.decoder = keras.Sequential([keras.Input((latent,)), *decoder])
            self.seed = keras.random.SeedGenerator()
            self.trackers = [keras.metrics.Mean(name=name) for name in ("loss", "nll", "kl")]

        @property
        def metrics(self):
            return self.trackers

        def train_step(self, data):
            with tf.GradientTape() as tape:
                mean, log_variance = tf.split(self.encoder(data), 2, axis=-1)
                noise = keras.random.normal(tf.shape(mean), seed=self.seed)
                logits = self.decoder(mean + tf.exp(0.5 * log_variance) * noise)
                pixels = keras.losses.binary_crossentropy(data, logits, from_logits=True)
                axes = tuple(range(1, len(pixels.shape)))
                pixels *= event[-1]
                nll = tf.reduce_mean(tf.reduce_sum(pixels, axes) if axes else pixels)
                kl = 0.5 * (mean**2 + tf.exp(log_variance) - 1.0 - log_variance)
                kl = tf.reduce_mean(tf.reduce_sum(kl, axis=-1))
                loss = nll + kl
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            for tracker, value in zip(self.trackers, (loss, nll, kl), strict=True):
                tracker.update_state(value)
            return {tracker.name: tracker.result() for tracker in self.trackers}

    vae = VAE()
    settings = {"jit_compile": True} if variant == "xla" else {}
    vae.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), **settings)
    x = x.reshape(-1, *event)
    return lambda: vae.fit(x, batch_size=batch_size)


if __name__ == "__main__":
    serve(make)
