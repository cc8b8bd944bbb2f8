"""JAX: `lax.scan` over the steps of an epoch, all data on the device, optax' Adam."""

from worker import FILTERS, HIDDEN, LATENT, LEARNING_RATE, serve


def make(net, x, batch_size, variant):
    import jax
    import optax
    from jax import numpy as jnp

    latent, (first, second) = LATENT[net], FILTERS
    if net == "mlp":
        shapes = [
            [(784, HIDDEN[0]), HIDDEN, (HIDDEN[1], 2 * latent)],
            [(latent, HIDDEN[0]), HIDDEN, (HIDDEN[1], 784)],
        ]
    else:
        shapes = [
            [(3, 3, 1, first), (3, 3, first, second), (49 * second, latent), (latent, 2 * latent)],
            [
                (latent, 49 * second),
                (3, 3, second, second),
                (3, 3, second, first),
                (3, 3, first, 1),
            ],
        ]
    initial = jax.nn.initializers.glorot_uniform()
    keys = iter(jax.random.split(jax.random.key(0), 16))
    weights = [[(initial(next(keys), s), jnp.zeros(s[-1])) for s in part] for part in shapes]
    optimizer = optax.adam(LEARNING_RATE)
    layout = ("NHWC", "HWIO", "NHWC")

    def encode(layers, h):
        for index, (w, b) in enumerate(layers):
            if w.ndim == 4:
                h = jax.lax.conv_general_dilated(h, w, (2, 2), "SAME", dimension_numbers=layout)
            else:
                h = h.reshape(len(h), -1) @ w
            h = h + b if index == len(layers) - 1 else jax.nn.relu(h + b)
        return h

    def decode(layers, h):
        for index, (w, b) in enumerate(layers):
            if w.ndim == 4:
                h = h.reshape(len(h), 7, 7, second) if h.ndim == 2 else h
                stride = (1, 1) if index == len(layers) - 1 else (2, 2)
                h = jax.lax.conv_transpose(h, w, stride, "SAME", dimension_numbers=layout)
            else:
                h = h @ w
            h = h + b if index == len(layers) - 1 else jax.nn.relu(h + b)
        return h

    def loss(weights, batch, key):
        mean, log_variance = jnp.split(encode(weights[0], batch), 2, axis=-1)
        z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape)
        pixels = optax.sigmoid_binary_cross_entropy(decode(weights[1], z), batch)
        kl = 0.5 * (mean**2 + jnp.exp(log_variance) - 1.0 - log_variance)
        return (pixels.sum() + kl.sum()) / batch_size

    x = jnp.asarray(x.reshape(len(x), -1) if net == "mlp" else x.reshape(-1, 28, 28, 1))

    @jax.jit
    def scan(state, key):
        key, shuffle = jax.random.split(key)
        rows = jax.random.permutation(shuffle, len(x))[: len(x) // batch_size * batch_size]
        rows = rows.reshape(-1, batch_size)

        def step(state, inputs):
            weights, moments = state
            value, gradients = jax.value_and_grad(loss)(weights, x[inputs[0]], inputs[1])
            updates, moments = optimizer.update(gradients, moments)
            return (optax.apply_updates(weights, updates), moments), value

        return jax.lax.scan(step, state, (rows, jax.random.split(key, len(rows))))

    held = [(weights, optimizer.init(weights)), jax.random.key(1)]

    def epoch():
        held[1], key = jax.random.split(held[1])
        held[0], values = scan(held[0], key)
        return float(values[-1])

    return epoch


if __name__ == "__main__":
    serve(make)
