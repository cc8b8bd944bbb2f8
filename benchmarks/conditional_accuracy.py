"""Do the draws of a conditional VAE show the class that was asked for?

    python benchmarks/conditional_accuracy.py --data mnist.npz [--epochs 14] [--picture swaps.png]

The data are pictures with ten classes in the layout of `keras.datasets.mnist` (x_train, y_train,
x_test, y_test; uint8 pixels). A classifier is trained on the real training pictures, and its
accuracy on real test pictures bounds what can be measured. A `kvae.ConditionalVAE` is trained on
the same pictures; then each class is drawn equally often (means of the likelihood at draws of the
prior), and the accuracy is the share of draws that the classifier puts into the class asked for.
The same is measured for test pictures that are reconstructed as another class: "swaps".
"""

import argparse
import time

import keras
import numpy as np

import kvae
from kvae.export.bundles.machine import machine

CLASSES = 10
BATCH_SIZE = 128


def classifier(x, y, epochs):
    """Return a convolutional network trained on real pictures."""
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(128, activation="relu"),
            layers.Dense(CLASSES),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, metrics=["accuracy"])
    network.fit(x, y, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)
    return network


def conditional_vae(shape, latent_dim, prior):
    """Return a model of pictures given their class, compiled."""
    condition = kvae.conditions.Classes(CLASSES)
    priors = {
        "standard": lambda: kvae.priors.StandardNormal(latent_dim),
        "conditional": lambda: kvae.priors.ConditionalNormal(latent_dim, condition.size),
    }
    kl = kvae.regularizers.KLDivergenceRegularizer(priors[prior]())
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(shape)
    size, params = posterior.params_size, likelihood.params_shape
    model = kvae.ConditionalVAE(
        encoder=kvae.networks.mlp_encoder(shape, size, condition_dim=CLASSES),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(latent_dim, params, condition_dim=CLASSES),
        likelihood=likelihood,
        condition=condition,
    )
    model.compile(keras.optimizers.Adam(1e-3))
    return model


def accuracy(network, x, y):
    """Return the share of pictures that the classifier puts into class y, and its error."""
    right = network.predict(x, batch_size=512, verbose=0).argmax(axis=-1) == y
    return right.mean(), right.std() / np.sqrt(len(right))


def main(argv=None):
    """Train both, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="an .npz file, see above")
    parser.add_argument("--epochs", type=int, default=14, help="of the conditional VAE")
    parser.add_argument("--classifier-epochs", type=int, default=5)
    parser.add_argument("--latent-dim", type=int, default=6)
    parser.add_argument("--prior", choices=("standard", "conditional"), default="conditional")
    parser.add_argument("--examples", type=int, help="training pictures; all by default")
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", help="where to save a picture of swaps")
    options = parser.parse_args(argv)

    with np.load(options.data) as data:
        x_train, x_test = (
            data[name][..., None].astype("float32") / 255 for name in ("x_train", "x_test")
        )
        y_train, y_test = data["y_train"], data["y_test"]
    x_train, y_train = x_train[: options.examples], y_train[: options.examples]
    keras.utils.set_random_seed(options.seed)
    network = classifier(x_train, y_train, options.classifier_epochs)
    model = conditional_vae(x_train.shape[1:], options.latent_dim, options.prior)
    begun = time.perf_counter()
    history = model.fit(
        {"x": x_train, "condition": y_train},
        batch_size=BATCH_SIZE,
        epochs=options.epochs,
        verbose=0,
    ).history
    seconds = time.perf_counter() - begun

    asked = np.arange(options.draws) % CLASSES
    draws = model.sample(options.draws, seed=options.seed, condition=asked)
    test = {"x": x_test, "condition": y_test}
    others = (y_test + 1 + np.arange(len(y_test)) % (CLASSES - 1)) % CLASSES
    swaps = model.reconstruct(test, condition=others)
    logs = model.evaluate(test, batch_size=512, verbose=0, return_dict=True, seed=options.seed)

    print(f"{machine()}")
    print(
        f"{options.prior} prior, {options.latent_dim} dimensions, {options.epochs} epochs of "
        f"{len(x_train)} pictures, {seconds:.0f} s"
    )
    print(f"ELBO: {-history['loss'][-1]:.2f} nats in training, {logs['elbo']:.2f} on test data\n")
    print("| pictures | accuracy | standard error |\n| --- | --- | --- |")
    rows = {
        "real test pictures": (x_test, y_test),
        "reconstructions of them": (model.reconstruct(test), y_test),
        "draws": (draws, asked),
        "swaps": (swaps, others),
    }
    for name, (pictures, classes) in rows.items():
        share, error = accuracy(network, pictures, classes)
        print(f"| {name} | {share:.2%} | {error:.2%} |")
    if options.picture:
        first = [int(np.flatnonzero(y_test == each)[0]) for each in range(CLASSES)]
        some = {name: values[first] for name, values in test.items()}
        columns = [
            some["x"],
            *(model.reconstruct(some, condition=each) for each in range(CLASSES)),
        ]
        title = "A test picture, and its code decoded as each class"
        kvae.pictures.grid(np.stack(columns, axis=1), title).savefig(options.picture, dpi=120)


if __name__ == "__main__":
    main()
