"""A discretized logistic VAE on 8-bit images, evaluated in bits per dimension.

The likelihood is a probability over the levels of a pixel, so -log2 p(x) is the length of a code
for the image. Two baselines: the uniform code, and the best code of independent pixels, from the
frequencies of the levels of each pixel in the training images.

    python examples/bits_per_dim.py                       # patches of scikit-learn's photos
    python examples/bits_per_dim.py --data digits         # 8x8 digits with 17 levels
    python examples/bits_per_dim.py --data faces.npy      # uint8, (images, height, width, channels)
"""

import argparse

import keras
import numpy as np

import kvae


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", default="photos", help="photos, digits or an .npy file of uint8")
    parser.add_argument("--patch", type=int, default=8, help="size of the patches of photos")
    parser.add_argument("--images", type=int, default=8000, help="greatest number of images")
    parser.add_argument("--components", type=int, default=1, help="logistic components per pixel")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--latent-dim", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(args.seed)

    pixels, levels = load(args.data, args.patch)
    pixels = np.random.default_rng(args.seed).permutation(pixels)[: args.images]
    x = (pixels / (levels - 1)).astype("float32")
    cut = len(x) * 4 // 5
    vae = make_vae(x.shape[1:], levels, args)
    vae.compile(optimizer=keras.optimizers.Adam(1e-3))
    vae.fit(x[:cut], epochs=args.epochs, batch_size=64, verbose=0)

    shape = x.shape[1:]
    codes = {
        "uniform": np.log2(levels),
        "independent pixels": independent_pixels(pixels[:cut], pixels[cut:], levels),
        "VAE (ELBO, an upper bound)": kvae.layers.bits_per_dimension(
            -vae.elbo(x[cut:], seed=args.seed).mean(), shape
        ),
    }
    print(f"{cut} training images {shape} with {levels} levels, {len(x) - cut} held-out images.\n")
    print(f"{'code':<30}{'bits per dimension':>20}{'bytes per image':>18}")
    for name, bits in codes.items():
        print(f"{name:<30}{bits:>20.3f}{bits * np.prod(shape) / 8:>18.1f}")


def load(data, patch):
    """Return integer levels, (images, height, width, channels), and the number of levels."""
    if data == "digits":
        digits = np.concatenate(kvae.data.digits())
        return np.round(16 * digits).astype(int), 17
    if data == "photos":
        from sklearn.datasets import load_sample_images

        photos = np.stack(load_sample_images().images)  # two of 427 x 640 pixels, RGB
        count, height, width, channels = photos.shape
        rows, columns = height // patch, width // patch
        grid = photos[:, : rows * patch, : columns * patch].reshape(
            count, rows, patch, columns, patch, channels
        )
        return grid.swapaxes(2, 3).reshape(-1, patch, patch, channels).astype(int), 256
    images = np.load(data, allow_pickle=False)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise SystemExit(
            "Expected --data to hold uint8 images (images, height, width, channels). Received: "
            f"{images.dtype} {images.shape}"
        )
    return (images if images.ndim == 4 else images[..., None]).astype(int), 256


def make_vae(event_shape, levels, args):
    """Return a VAE over pixels with `levels` levels."""
    if args.components == 1:
        likelihood = kvae.layers.DiscretizedLogistic(event_shape, levels)
    else:
        likelihood = kvae.layers.MixtureDiscretizedLogistic(args.components, event_shape, levels)
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(args.latent_dim))
    posterior = kvae.layers.MultivariateNormalDiag(args.latent_dim, activity_regularizer=kl)
    hidden = (args.hidden, args.hidden)
    return kvae.VAE(
        encoder=kvae.networks.mlp_encoder(event_shape, posterior.params_size, hidden),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(args.latent_dim, likelihood.params_shape, hidden),
        likelihood=likelihood,
    )


def independent_pixels(train, test, levels):
    """Return the bits per dimension of `test` under the frequencies of each pixel in `train`."""
    train, test = train.reshape(len(train), -1), test.reshape(len(test), -1)
    bits = 0.0
    for before, after in zip(train.T, test.T, strict=True):
        counts = np.bincount(before, minlength=levels) + 1.0  # one is added for unseen levels
        bits -= np.log2(counts / counts.sum())[after].mean()
    return bits / train.shape[1]


if __name__ == "__main__":
    main()
