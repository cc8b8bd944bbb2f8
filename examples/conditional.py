"""Draw digits of a class, and change the class of a digit but keep its style.

A conditional VAE is trained on scikit-learn's 8x8 digits. A classifier of real digits, logistic
regression, then says how many draws show the class that was asked for, and how many test digits do
after their class was changed. A picture shows test digits decoded as every class.

    python examples/conditional.py
    python examples/conditional.py --prior conditional --drop 0.1
"""

import argparse

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import kvae

CLASSES = 10


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--examples", type=int, default=1797)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--latent-dim", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--drop", type=float, default=0.0, help="share of dropped classes")
    parser.add_argument("--prior", choices=("standard", "conditional"), default="standard")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    train, test = make_data(args.examples)
    classifier = LogisticRegression(max_iter=1000).fit(flat(train["x"]), train["condition"])
    keras.utils.set_random_seed(args.seed)
    vae = make_vae(args)
    vae.compile(optimizer=keras.optimizers.Adam(2e-3))
    vae.fit(train, validation_data=test, batch_size=64, epochs=args.epochs, verbose=0)

    asked = np.arange(args.draws) % CLASSES
    others = (test["condition"] + 1) % CLASSES
    pictures = {
        "test digits": (test["x"], test["condition"]),
        "draws of each class": (vae.sample(args.draws, seed=0, condition=asked), asked),
        "test digits made the next class": (vae.reconstruct(test, condition=others), others),
    }
    print(f"ELBO of {len(test['x'])} test digits: {vae.elbo(test, seed=0).mean():.2f} nats\n")
    print(f"{'':<34}{'right class':>12}")
    for name, (x, classes) in pictures.items():
        print(f"{name:<34}{classifier.score(flat(x), classes):>12.1%}")
    save_picture(vae, test)


def make_data(examples):
    """Return digits and their classes: four fifths to train on, the rest to test."""
    x, y = load_digits(return_X_y=True)
    x = (x[:examples] / 16.0).reshape(-1, 8, 8, 1).astype("float32")
    cut = len(x) * 4 // 5
    parts = slice(None, cut), slice(cut, None)
    return [{"x": x[part], "condition": y[:examples][part]} for part in parts]


def make_vae(args):
    condition = kvae.conditions.Classes(CLASSES, drop=args.drop)
    if args.prior == "conditional":
        prior = kvae.priors.ConditionalNormal(args.latent_dim, condition.size)
    else:
        prior = kvae.priors.StandardNormal(args.latent_dim)
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    posterior = kvae.layers.MultivariateNormalDiag(args.latent_dim, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
    size = {"hidden": (args.hidden,), "condition_dim": condition.size}
    return kvae.ConditionalVAE(
        encoder=kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size, **size),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(args.latent_dim, likelihood.params_shape, **size),
        likelihood=likelihood,
        condition=condition,
    )


def flat(x):
    return x.reshape(len(x), -1)


def save_picture(vae, test):
    some = {name: values[:6] for name, values in test.items()}
    decoded = [vae.reconstruct(some, condition=each) for each in range(CLASSES)]
    images = np.stack([some["x"], *decoded], axis=1)
    title = "Test digits, and each decoded as every class"
    kvae.pictures.grid(images, title).savefig("classes.png", dpi=120)
    print("\nwrote classes.png")


if __name__ == "__main__":
    main()
