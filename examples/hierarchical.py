"""A hierarchy of latent variables on the digits of scikit-learn: what does each layer encode?

    python examples/hierarchical.py
    python examples/hierarchical.py --latent-dims 4 4 4 4 4 4 4 4 4 4 4 4     # twelve layers

It prints the KL of each layer, and how well test images are reconstructed from the first layers
alone, the lower ones being at the means of their priors.
"""

import argparse

import keras
import numpy as np

import kvae


def make(event_shape, options):
    """Return a compiled hierarchy with free bits and a warm-up of the KL in each layer."""
    priors = [kvae.priors.StandardNormal(options.latent_dims[0])]
    priors += [kvae.priors.GivenNormal(dim) for dim in options.latent_dims[1:]]
    steps = max(1, options.examples // options.batch_size * options.epochs // 4)
    warm_up = kvae.regularizers.schedules.Linear(steps, 0.1, 1.0)
    likelihood = kvae.layers.IndependentBernoulli(event_shape)
    model = kvae.HierarchicalVAE(
        posteriors=[
            kvae.layers.MultivariateNormalDiag(
                prior.latent_dim,
                activity_regularizer=kvae.regularizers.FreeBits(prior, 0.02, weight=warm_up),
            )
            for prior in priors
        ],
        likelihood=likelihood,
        **kvae.networks.ladder_mlp(
            event_shape, options.latent_dims, likelihood.params_shape, width=options.width
        ),
    )
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=100.0))
    return model


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latent-dims", type=int, nargs="+", default=[4, 8, 8])
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--examples", type=int, default=1400)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    x_train, x_test = kvae.data.digits()
    x_train = x_train[: options.examples]
    model = make(x_train.shape[1:], options)
    model.fit(x_train, batch_size=options.batch_size, epochs=options.epochs, verbose=0)

    latents = model.infer({"x": x_test}, None)
    print(f"ELBO of the test images: {model.elbo(x_test, seed=0).mean():.2f} nats\n")
    print("| layer | dimensions | KL, nats | RMS error with this layer and those above |")
    print("| --- | ---: | ---: | ---: |")
    for level, (name, latent) in enumerate(latents.items(), 1):
        error = np.sqrt(np.mean((model.reconstruct(x_test, levels=level) - x_test) ** 2))
        kl = np.mean(latent.kl())
        print(f"| {name} | {options.latent_dims[level - 1]} | {kl:.2f} | {error:.3f} |")


if __name__ == "__main__":
    main()
