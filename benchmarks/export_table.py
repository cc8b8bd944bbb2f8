"""Which parts of a model can be exported to TFLite: a section of docs/exports.md.

Every likelihood x prior x posterior is exported in float32, with each signature that the
combination decides, and every preset on a selection in which each pair of two parts or of a part
and a preset occurs. An export counts if it passes kvae's own verification in LiteRT's Interpreter
and CompiledModel. Results are appended to a file as they come, and a second run skips them.

    nice python benchmarks/export_table.py --output docs/exports.md --results results.jsonl
"""

import argparse
import itertools
import json
import multiprocessing
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from page import replace_section

import kvae
from kvae.cli.terminal import quiet_native_logs
from kvae.export.presets import PRESETS

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
    "Transformed": lambda: LAYERS.Transformed(
        LAYERS.IndependentNormal(WIDTH), kvae.transforms.Standardization(mean=1.0, stddev=2.0)
    ),
}
# Layers that are not likelihoods, or whose distribution is a function of the user.
NO_LIKELIHOODS = {
    "DistributionLayer": "the base class",
    "DistributionLambda": "can be exported if the user's function can",
    "InverseAutoregressiveFlow": "a posterior, whose density is computed for its own samples",
    "KLDivergenceAddLoss": "adds a loss, is not a distribution",
}
# Priors of other models than a `VAE`: those are in the table of export_models.py.
OTHER_PRIORS = {"AutoregressiveCodes", "ConditionalNormal", "GivenNormal", "UniformCodes"}
POSTERIORS = (
    "MultivariateNormalDiag",
    "IndependentNormal",
    "MultivariateNormalTriL",
    "IndependentLaplace",
    "IndependentStudentT",
    "IndependentLogistic",
    "InverseAutoregressiveFlow",
    "PowerSpherical",
)
PRIORS = {
    "Affine": lambda shape: kvae.priors.Affine(kvae.priors.StandardNormal(LATENT)),
    "Flow": lambda shape: kvae.priors.Flow(LATENT, num_steps=2, hidden=(8,)),
    "VampPrior": lambda shape: kvae.priors.VampPrior(LATENT, shape, num_components=4),
}
# A posterior on the sphere has no density against a prior of all of space, and the reverse.
ON_SPHERE = {"UniformSphere": {"PowerSpherical"}, "VampPrior": set(POSTERIORS)}
IN_SPACE = set(POSTERIORS) - {"PowerSpherical"}


class Case(NamedTuple):
    """One export: names of the parts, the preset, and the signatures of the file."""

    likelihood: str
    prior: str
    posterior: str
    preset: str
    signatures: tuple[str, ...]

    @property
    def parts(self):
        """The names of the parts in one line."""
        return f"{self.likelihood} x {self.prior} x {self.posterior}"


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
        if (
            isinstance(thing, type)
            and issubclass(thing, kvae.priors.Prior)
            and (thing is not kvae.priors.Prior and name not in OTHER_PRIORS)
        ):
            found.setdefault(name, lambda shape, thing=thing: thing(LATENT))
    return dict(sorted(found.items()))


def posteriors_of(prior):
    """Return the names of the posteriors that have a KL to a prior; the usual one first."""
    return [name for name in POSTERIORS if name in ON_SPHERE.get(prior, IN_SPACE)]


def float32_cases():
    """Yield every combination of parts, with the signatures that no simpler one decides.

    `score` depends on all three parts, `decode` and `sample` not on the posterior, `encode` on it
    alone: with the usual posterior, and with a Bernoulli likelihood, all are exported.
    """
    for likelihood, prior in itertools.product(likelihoods(), priors()):
        for posterior in posteriors_of(prior):
            usual = posterior == posteriors_of(prior)[0] or likelihood == "IndependentBernoulli"
            yield Case(likelihood, prior, posterior, "float32", SIGNATURES if usual else ("score",))


def preset_cases():
    """Yield combinations in which each preset meets each likelihood, prior and posterior."""
    pairs = [(prior, posterior) for prior in priors() for posterior in posteriors_of(prior)]
    for first, preset in enumerate(name for name in PRESETS if name != "float32"):
        names = list(likelihoods())
        for index in range(max(len(names), len(pairs))):
            prior, posterior = pairs[(index + 7 * first) % len(pairs)]
            signatures = tuple(PRESETS[preset].held(SIGNATURES))
            yield Case(names[index % len(names)], prior, posterior, preset, signatures)


def make(case):
    """Return a small VAE of a case and data in the support of its likelihood."""
    keras.utils.set_random_seed(0)
    likelihood = likelihoods()[case.likelihood]()
    prior = priors()[case.prior](likelihood.event_shape)
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    posterior = getattr(LAYERS, case.posterior)(LATENT, activity_regularizer=kl)
    shape = likelihood.event_shape
    learned = case.likelihood == LEARNED
    emitted = shape if learned else likelihood.params_shape
    decoder = kvae.networks.mlp_decoder(LATENT, emitted, hidden=(8,))
    if learned:
        decoder = keras.Sequential([decoder, LAYERS.LearnedScale()])
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(shape, posterior.params_size, hidden=(8,)),
        posterior=posterior,
        decoder=decoder,
        likelihood=likelihood,
    )
    params = np.random.default_rng(0).normal(size=(DRAWS, *likelihood.params_shape))
    drawn = likelihood.distribution(params.astype("float32")).sample(seed=[0, 1])
    return vae, np.asarray(drawn, "float32")


def attempt(vae, data, case, signatures):
    """Return None if the export succeeds, otherwise the reason in one line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.tflite")
        try:
            kvae.export.tflite(vae, path, preset=case.preset, signatures=signatures, data=data)
        except Exception as error:  # any error is listed in the table
            return " ".join(str(error).split("\n")[0].split())[:400]
    return None


def reasons(case):
    """Return why signatures of a case cannot be exported, by signature; {} if all can."""
    keras.backend.clear_session()
    with quiet_native_logs():
        try:
            vae, data = make(case)
        except (ValueError, TypeError, NotImplementedError) as error:
            return {"model": " ".join(str(error).split())[:400]}
        whole = attempt(vae, data, case, case.signatures)
        if whole is None or len(case.signatures) == 1:
            return {} if whole is None else {case.signatures[0]: whole}
        each = {name: attempt(vae, data, case, (name,)) for name in case.signatures}
        return {name: why for name, why in each.items() if why} or {"one file": whole}


def tried(case):
    """Return a case and its reasons."""
    return case, reasons(case)


def run(cases, path, processes):
    """Return the reasons of every case that was tried, and write them to `path` as they come."""
    found = {}
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            *parts, signatures, why = json.loads(line)
            found[Case(*parts, tuple(signatures))] = why
    waiting = [case for case in cases if case not in found]
    waiting.sort(key=lambda case: -len(case.signatures))
    context = multiprocessing.get_context("spawn")
    with (
        path.open("a", encoding="utf-8") as results,
        # A process keeps memory of every export; a ProcessPoolExecutor would stop at the first that
        # is replaced (python/cpython#115634).
        context.Pool(processes, maxtasksperchild=100) as pool,
    ):
        for case, why in pool.imap_unordered(tried, waiting):
            found[case] = why
            results.write(json.dumps([*case, found[case]]) + "\n")
            results.flush()
            said = found[case] or "yes"
            print(f"{len(found)} {case.preset} {case.parts}: {said}", flush=True)
    return {case: found[case] for case in cases if case in found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=Path, help="page with a section 'parts' to write; printed by default"
    )
    parser.add_argument("--results", type=Path, default=Path("exports.jsonl"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="likelihoods to export")
    arguments = parser.parse_args()
    cases = [
        case
        for case in (*float32_cases(), *preset_cases())
        if not arguments.only or case.likelihood in arguments.only
    ]
    page = "\n".join(_page(run(cases, arguments.results, arguments.processes))) + "\n"
    if arguments.output:
        replace_section(arguments.output, "parts", page)
    else:
        print(page)


def _page(found):
    float32 = {case: why for case, why in found.items() if case.preset == "float32"}
    yield from (
        "Written by `python benchmarks/export_table.py --output docs/exports.md`. Combinations of",
        "a likelihood, a prior and a posterior are exported and compared with Keras in LiteRT's",
        "Interpreter and CompiledModel. *yes*: `decode`, `encode`, `score` and `sample` can be",
        "exported in float32, and `score` with every posterior below. `reconstruct` and the two",
        "interpolations use the same parts.",
        "",
        "| likelihood | " + " | ".join(priors()) + " |",
        "| --- |" + " --- |" * len(priors()),
    )
    for likelihood in dict.fromkeys(case.likelihood for case in float32):
        words = []
        for prior in priors():
            here = {
                c: w for c, w in float32.items() if (c.likelihood, c.prior) == (likelihood, prior)
            }
            words.append(_word(here))
        yield f"| {likelihood} | " + " | ".join(words) + " |"
    yield from ("", "The posteriors that were tried with each prior:", "", "| prior | posteriors |")
    yield "| --- | --- |"
    yield from (f"| {prior} | {', '.join(posteriors_of(prior))} |" for prior in priors())
    yield from (
        "",
        f"Combinations tried: {len(float32)}; exported: {_exported(float32)}.",
        "",
        "The other presets, each with every likelihood, every prior and every posterior at least",
        "once. The networks have 8 hidden units and are not trained:",
        "",
        "| preset | signatures | tried | exported |",
        "| --- | --- | --- | --- |",
    )
    for preset in dict.fromkeys(case.preset for case in found if case.preset != "float32"):
        here = {case: why for case, why in found.items() if case.preset == preset}
        yield (
            f"| {preset} | {', '.join(PRESETS[preset].held(SIGNATURES))} | {len(here)} | "
            f"{_exported(here)} |"
        )
    yield from _reasons(found)
    yield from ("", "Not in the table:", "")
    yield from (f"- `{name}`: {why}." for name, why in NO_LIKELIHOODS.items())


def _exported(found):
    return sum(not why for why in found.values())


def _word(here):
    """Return the entry of a likelihood and a prior over all posteriors."""
    if not any(here.values()):
        return "yes" if here else "not tried"
    failed = {name: case.posterior for case, why in here.items() for name in why}
    return "without " + ", ".join(f"{name} ({posterior})" for name, posterior in failed.items())


def _reasons(found):
    """Yield a list of the reasons with the combinations that they apply to."""
    grouped = defaultdict(list)
    for case, why in found.items():
        for signature, reason in why.items():
            grouped[case.preset, signature, reason].append(case.parts)
    if grouped:
        yield from ("", "Reasons:", "")
    for (preset, signature, reason), parts in grouped.items():
        more = f" and {len(parts) - 3} more" if len(parts) > 3 else ""
        yield f"- `{signature}` in {preset} of {', '.join(parts[:3])}{more}: {reason}"


if __name__ == "__main__":
    main()
