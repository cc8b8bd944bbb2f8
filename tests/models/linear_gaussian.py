"""A conditional model whose log-likelihood is known: everything in it is linear and Gaussian.

    z|c ~ N(M c, t^2),    x|z, c ~ N(w z + V c + b, s^2 I),

with one latent dimension. Then x|c is normal, and so is z|x, c: its precision is
1 / t^2 + |w|^2 / s^2, and its mean is linear in x and c.
"""

import numpy as np

import kvae
from tests.helpers import raw_scale
from tests.small import make_conditional

X, C = 3, 2
LOADING = np.array([0.8, -0.5, 0.3])  # w
EFFECT = np.array([[1.0, 0.0, -0.4], [0.2, 0.7, 0.5]])  # V, (C, X)
OFFSET = np.array([0.1, -0.2, 0.3])  # b
SHIFT = np.array([[1.5], [-0.6]])  # M, (C, 1)
NOISE = 0.5  # s
SPREAD = 0.7  # t, with the conditional prior


def moments(conditional):
    """Return M and t of the prior."""
    return (SHIFT, SPREAD) if conditional else (np.zeros_like(SHIFT), 1.0)


def make(conditional, wrong=0.0):
    """Return the model; its encoder is exact up to an error `wrong` of the mean and the scale.

    Args:
        conditional: whether the prior is a `ConditionalNormal`, else it is a standard normal.
        wrong: error of the posterior's mean, and of the logarithm of its scale.
    """
    prior = kvae.priors.ConditionalNormal(1, C, hidden=()) if conditional else None
    model = make_conditional(
        (X,),
        1,
        condition=kvae.conditions.Vectors(C),
        prior=prior,
        likelihood=kvae.layers.IndependentNormal(X),
        hidden=(),
    )
    shift, spread = moments(conditional)
    if conditional:
        floor = 1e-3
        raw = raw_scale(spread - floor) - raw_scale(1.0 - floor)
        prior.set_weights([np.hstack([shift, np.zeros((C, 1))]), np.array([0.0, raw])])
    # decoder: [z, c] -> means and raw scales
    kernel = np.hstack([np.vstack([LOADING, EFFECT]), np.zeros((1 + C, X))])
    bias = np.concatenate([OFFSET, np.full(X, raw_scale(NOISE))])
    model.decoder.set_weights([kernel, bias])
    # encoder: [x, c] -> mean and raw scale
    variance = 1.0 / (1.0 / spread**2 + LOADING @ LOADING / NOISE**2)
    of_x = variance * LOADING[:, None] / NOISE**2
    of_c = variance * shift / spread**2 - EFFECT @ of_x
    raw = raw_scale(np.sqrt(variance) * np.exp(wrong))
    kernel = np.hstack([np.vstack([of_x, of_c]), np.zeros((X + C, 1))])
    model.encoder.set_weights([kernel, np.array([wrong - (OFFSET @ of_x)[0], raw])])
    return model


def data(conditional, examples=200, seed=0):
    """Return draws of the model as its inputs."""
    rng = np.random.default_rng(seed)
    shift, spread = moments(conditional)
    c = rng.normal(size=(examples, C))
    z = c @ shift + spread * rng.normal(size=(examples, 1))
    x = z * LOADING + c @ EFFECT + OFFSET + NOISE * rng.normal(size=(examples, X))
    return {"x": x.astype("float32"), "condition": c.astype("float32")}


def log_likelihood(inputs, conditional):
    """Return log p(x|c) of each example in nats."""
    shift, spread = moments(conditional)
    x, c = (inputs[name].astype("float64") for name in ("x", "condition"))
    residual = x - (c @ shift) * LOADING - c @ EFFECT - OFFSET
    covariance = spread**2 * np.outer(LOADING, LOADING) + NOISE**2 * np.eye(X)
    squares = np.sum(residual @ np.linalg.inv(covariance) * residual, axis=1)
    return -0.5 * (squares + np.linalg.slogdet(2.0 * np.pi * covariance)[1])
