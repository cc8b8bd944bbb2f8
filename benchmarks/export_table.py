"""Which likelihoods and priors can be exported to TFLite? Writes the table of docs/exports.md.

Every likelihood is combined with every prior in a small model and exported in float32 with
`decode`, `encode`, `score` and `sample`, with the verification of every export. If the export
fails, each signature is exported separately.

    python benchmarks/export_table.py [--output docs/exports.md] [--only NAME ...]
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np

import kvae
from kvae.cli.terminal import quiet_native_logs

SIGNATURES = ("decode", "encode", "score", "sample")
LATENT, WIDTH = 3, 6
DRAWS = 64

LAYERS = kvae.layers
LEARNED = "IndependentNormal, LearnedScale"
LIKELIHOODS = {
    "CategoricalMixtureOfOneHotCategorical": lambda: LAYERS.CategoricalMixtureOfOneHotCategorical(
        WIDTH, 2
    ),
    "Columns": lambda: LAYERS.Columns(
        [LAYERS.IndependentNormal(()), LAYERS.IndependentBernoulli(()), LAYERS.IndependentPoisson()]
    ),
    "MixtureDiscretizedLogistic": lambda: LAYERS.MixtureDiscretizedLogistic(2, (4, 4, 1)),
    "MixtureLogistic": lambda: LAYERS.MixtureLogistic(2, WIDTH),
    "MixtureNormal": lambda: LAYERS.MixtureNormal(2, WIDTH),
    "MixtureSameFamily": lambda: LAYERS.MixtureSameFamily(2, LAYERS.IndependentNormal(WIDTH)),
    "IndependentCategorical": lambda: LAYERS.IndependentCategorical(WIDTH, 4),
    "NormalLikelihood": lambda: LAYERS.NormalLikelihood(WIDTH),
    "NormalLikelihood, optimal scale": lambda: LAYERS.NormalLikelihood(WIDTH, "optimal"),
    LEARNED: lambda: LAYERS.IndependentNormal(WIDTH),
}
# Layers that are not likelihoods, or whose distribution is a function of the user.
NO_LIKELIHOODS = {
    "DistributionLayer": "the base class",
    "DistributionLambda": "can be exported if the user's function can",
    "InverseAutoregressiveFlow": "a posterior, whose density is computed for its own samples",
    "KLDivergenceAddLoss": "adds a loss, is not a distribution",
}
POSTERIORS = (
    "IndependentNormal",
    "MultivariateNormalTriL",
    "IndependentLaplace",
    "IndependentStudentT",
    "IndependentLogistic",
    "InverseAutoregressiveFlow",
)
PRIORS = {
    "Flow": lambda shape: kvae.priors.Flow(LATENT, num_steps=2, hidden=(8,)),
    "VampPrior": lambda shape: kvae.priors.VampPrior(LATENT, shape, num_components=4),
}


def likelihoods():
    """Return a constructor of each likelihood by name, for every public layer that can be one."""
    found = dict(LIKELIHOODS)
    for name in LAYERS.__all__:
        thing = getattr(LAYERS, name)
        layer = isinstance(thing, type) and issubclass(thing, LAYERS.DistributionLayer)
        if layer and name not in NO_LIKELIHOODS:
            found.setdefault(name, lambda thing=thing: thing(WIDTH))
    return dict(sorted(found.items()))


def priors():
    """Return a constructor of each prior by name, a function of the shape of the data."""
    found = dict(PRIORS)
    for name in kvae.priors.__all__:
        thing = getattr(kvae.priors, name)
        if isinstance(thing, type) and thing is not kvae.priors.Prior:
            found.setdefault(name, lambda shape, thing=thing: thing(LATENT))
    return dict(sorted(found.items()))


def make(make_likelihood, make_prior, make_posterior=None, learned_scale=False):
    """Return a small VAE and data in the support of its likelihood."""
    keras.utils.set_random_seed(0)
    likelihood = make_likelihood()
    prior = make_prior(likelihood.event_shape)
    on_sphere = isinstance(prior, kvae.priors.UniformSphere)
    layer = LAYERS.PowerSpherical if on_sphere else LAYERS.MultivariateNormalDiag
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    posterior = (make_posterior or layer)(LATENT, activity_regularizer=kl)
    shape = likelihood.event_shape
    emitted = shape if learned_scale else likelihood.params_shape
    decoder = kvae.networks.mlp_decoder(LATENT, emitted, hidden=(8,))
    if learned_scale:
        decoder = keras.Sequential([decoder, LAYERS.LearnedScale()])
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(shape, posterior.params_size, hidden=(8,)),
        posterior=posterior,
        decoder=decoder,
        likelihood=likelihood,
    )
    params = np.random.default_rng(0).normal(size=(DRAWS, *likelihood.params_shape))
    if "sample" not in likelihood.conversions:  # its scale comes from the data: use any data
        return vae, np.resize(params, (DRAWS, *shape)).astype("float32")
    drawn = likelihood.distribution(params.astype("float32")).sample(seed=[0, 1])
    return vae, np.asarray(drawn, "float32")


def attempt(vae, data, folder, signatures):
    """Return None if the export succeeds, otherwise the reason in one line."""
    try:
        kvae.export.tflite(
            vae, folder / "x.tflite", signatures=signatures, data=data, overwrite=True
        )
    except Exception as error:  # any error is listed in the table
        return " ".join(str(error).split("\n")[0].split())[:400]
    return None


def cell(folder, *parts):
    """Return the entry of the table for a model, and the reasons of failures by signature."""
    try:
        vae, data = make(*parts)
    except (ValueError, TypeError, NotImplementedError) as error:
        return "not a model", {"model": " ".join(str(error).split())[:400]}
    if attempt(vae, data, folder, SIGNATURES) is None:
        return "yes", {}
    why = {name: attempt(vae, data, folder, (name,)) for name in SIGNATURES}
    failed = {name: reason for name, reason in why.items() if reason}
    left = tuple(name for name in SIGNATURES if name not in failed)
    if left and attempt(vae, data, folder, left) is not None:
        return "separate files", failed
    return "no" if not left else "without " + ", ".join(failed), failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="Markdown file to write; printed by default")
    parser.add_argument("--only", nargs="*", help="likelihoods to export")
    arguments = parser.parse_args()

    reasons = {}
    every_prior, every_likelihood = priors(), likelihoods()
    bernoulli, normal = every_likelihood["IndependentBernoulli"], every_prior["StandardNormal"]
    chosen = [name for name in every_likelihood if name in (arguments.only or every_likelihood)]
    with tempfile.TemporaryDirectory() as folder:

        def tried(name, *parts):
            with quiet_native_logs():
                said, why = cell(Path(folder), *parts)
            for signature, reason in why.items():
                reasons.setdefault((signature, reason), []).append(name)
            print(name, said, flush=True)
            return said

        rows = []
        for name in chosen:
            words = [
                tried(
                    f"{name} x {prior}", every_likelihood[name], make_prior, None, name == LEARNED
                )
                for prior, make_prior in every_prior.items()
            ]
            rows.append(f"| {name} | " + " | ".join(words) + " |")
        posteriors = [
            f"| {name} | {tried(f'posterior {name}', bernoulli, normal, getattr(LAYERS, name))} |"
            for name in POSTERIORS
        ]
    page = "\n".join(_page(rows, posteriors, list(every_prior), reasons)) + "\n"
    if arguments.output:
        arguments.output.write_text(page, "utf-8")
    else:
        print(page)


def _page(rows, posteriors, names, reasons):
    yield from (
        "# Supported TFLite exports",
        "",
        "Written by `python benchmarks/export_table.py --output docs/exports.md`: each pair is",
        f"exported in float32 with {', '.join(f'`{s}`' for s in SIGNATURES)} and compared with",
        "Keras in LiteRT's Interpreter and CompiledModel. *yes*: all of them can be exported.",
        "`reconstruct` and the two interpolations use the same parts. An unsupported signature is",
        "refused before the conversion starts, with the reason below.",
        "",
        "| likelihood | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
        *rows,
        "",
        "With `UniformSphere` the posterior is `PowerSpherical`, with the others it is",
        "`MultivariateNormalDiag`. Other posteriors, with Bernoulli and `StandardNormal`:",
        "",
        "| posterior | |",
        "| --- | --- |",
        *posteriors,
        "",
    )
    if reasons:
        yield from ("Reasons:", "")
        for (signature, reason), pairs in reasons.items():
            shown = ", ".join(pairs[:4]) + (f" and {len(pairs) - 4} more" if len(pairs) > 4 else "")
            yield f"- `{signature}` of {shown}: {reason}"
        yield ""
    yield from ("Not in the table:", "")
    yield from (f"- `{name}`: {why}." for name, why in NO_LIKELIHOODS.items())


if __name__ == "__main__":
    main()
