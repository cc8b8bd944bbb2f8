"""The conditional VAE: exact likelihoods, sources of data, swaps, missing conditions, errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.evaluation.gaussian_vector import one_encoded_vector
from tests.helpers import assert_same_in_float32, dtype_policy, run_python
from tests.models import linear_gaussian
from tests.small import make_conditional, make_vae

CLASSES = 10
both_priors = pytest.mark.parametrize("conditional", [False, True], ids=["plain", "conditional"])


@pytest.fixture(scope="module")
def data(grey):
    return {"x": grey, "condition": np.arange(len(grey)) % CLASSES}


@pytest.fixture(scope="module")
def model():
    """Read by the tests, never changed; a condition may be missing."""
    keras.utils.set_random_seed(1)
    made = make_conditional(condition=kvae.conditions.Classes(CLASSES, missing=True))
    made.condition_layer.null_token.assign(np.linspace(-1.0, 1.0, CLASSES))
    made.compile(optimizer="sgd", jit_compile=False)
    return made


# -- the bounds on log p(x|c) --------------------------------------------------------------------


@both_priors
def test_the_elbo_of_the_exact_posterior_is_the_log_likelihood(conditional):
    model, inputs = linear_gaussian.make(conditional), linear_gaussian.data(conditional)
    expected = linear_gaussian.log_likelihood(inputs, conditional)
    # The ELBO takes one draw; with the exact posterior its mean is exact and each is unbiased.
    elbo = np.mean([model.elbo(inputs, seed=seed) for seed in range(200)], axis=0)
    assert elbo.mean() == pytest.approx(expected.mean(), abs=0.02)
    bound = kvae.evaluation.log_likelihood(model, inputs, samples=2).per_example
    np.testing.assert_allclose(bound, expected, rtol=1e-4, atol=1e-4)


@both_priors
def test_a_wrong_posterior_lowers_the_elbo_by_its_kl_to_the_exact_one(conditional):
    wrong = 0.5
    model, inputs = linear_gaussian.make(conditional, wrong), linear_gaussian.data(conditional)
    expected = linear_gaussian.log_likelihood(inputs, conditional)
    _, spread = linear_gaussian.moments(conditional)
    w, s = linear_gaussian.LOADING, linear_gaussian.NOISE
    precision = 1.0 / spread**2 + w @ w / s**2
    gap = 0.5 * (wrong**2 * precision + np.exp(2.0 * wrong) - 1.0 - 2.0 * wrong)
    elbo = np.mean([model.elbo(inputs, seed=seed) for seed in range(200)], axis=0)
    assert elbo.mean() == pytest.approx(expected.mean() - gap, abs=0.05)
    bound = kvae.evaluation.log_likelihood(model, inputs, samples=5_000).per_example
    assert np.abs(bound - expected).max() < 0.05


@both_priors
@pytest.mark.parametrize("gradient", ["standard", "doubly_reparameterized"])
def test_the_importance_weighted_objective_comes_close_to_the_log_likelihood(conditional, gradient):
    model, inputs = linear_gaussian.make(conditional, 0.5), linear_gaussian.data(conditional)
    expected = linear_gaussian.log_likelihood(inputs, conditional).mean()
    logs = {}
    for draws in (1, 500):
        loss = kvae.losses.ImportanceWeightedELBO(draws, gradient)
        model.compile(optimizer=keras.optimizers.SGD(0.0), loss=loss, jit_compile=False)
        logs[draws] = model.fit(inputs, batch_size=100, verbose=0).history
    assert -logs[500]["loss"][0] == pytest.approx(expected, abs=0.02)
    assert -logs[1]["loss"][0] < expected - 0.3


@both_priors
def test_several_draws_estimate_the_same_elbo(conditional):
    model, inputs = linear_gaussian.make(conditional), linear_gaussian.data(conditional)
    model.compile(optimizer="sgd", loss=kvae.losses.NegativeELBO(draws=500), jit_compile=False)
    logs = model.evaluate(inputs, batch_size=100, verbose=0, return_dict=True, seed=0)
    expected = linear_gaussian.log_likelihood(inputs, conditional).mean()
    assert logs["elbo"] == pytest.approx(expected, abs=0.02)


@both_priors
@pytest.mark.slow
def test_training_closes_the_gap_of_a_wrong_posterior(conditional):
    model, inputs = linear_gaussian.make(conditional, 0.5), linear_gaussian.data(conditional, 2_000)
    model.compile(optimizer=keras.optimizers.Adam(5e-3))
    elbo = model.fit(inputs, batch_size=100, epochs=20, verbose=0).history["elbo"]
    expected = linear_gaussian.log_likelihood(inputs, conditional).mean()
    assert elbo[0] < expected - 0.2
    # Fitted to the data, the likelihood is a little above that of the true weights.
    assert elbo[-1] == pytest.approx(expected, abs=0.05)


# -- data ----------------------------------------------------------------------------------------


class Batches(keras.utils.PyDataset):
    def __init__(self, data):
        super().__init__()
        self.data = data

    def __len__(self):
        return 2

    def __getitem__(self, index):
        rows = slice(20 * index, 20 * index + 20)
        return ({name: values[rows] for name, values in self.data.items()},)


class Loader:
    """An iterable that is no list: a list is one array."""

    def __init__(self, data):
        self.data = data

    def __len__(self):
        return 2

    def __iter__(self):
        yield from (Batches(self.data)[index] for index in range(2))


SOURCES = {
    "arrays": lambda data: data,
    "lists": lambda data: {name: values.tolist() for name, values in data.items()},
    "tf.data": lambda data: tf.data.Dataset.from_tensor_slices(data).batch(20),
    "PyDataset": Batches,
    "generator": lambda data: (Batches(data)[index] for index in range(2)),
    "iterable": Loader,
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_of_data_trains_and_validates_alike(source, data):
    logs = []
    for make in (SOURCES["arrays"], SOURCES[source]):
        keras.utils.set_random_seed(0)
        model = make_conditional()
        model.compile(optimizer=keras.optimizers.SGD(0.0), jit_compile=False)
        fed = make(data)
        arguments = {"batch_size": 20} if isinstance(fed, dict) else {}
        arguments["validation_batch_size"] = 20
        if source == "generator" and fed is not data:
            arguments["steps_per_epoch"] = 2
        found = model.fit(fed, shuffle=False, verbose=0, validation_data=data, **arguments).history
        logs.append({name: values[0] for name, values in found.items()})
    assert logs[1] == pytest.approx(logs[0], rel=1e-5)


def test_a_data_frame_trains(rng):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(rng.normal(size=(40, 5)), columns=list("abcde"))
    model = make_conditional(
        (3,),
        condition=kvae.conditions.Numbers(2),
        likelihood=kvae.layers.IndependentNormal(3),
    )
    inputs = {"x": table[["a", "b", "c"]], "condition": table[["d", "e"]]}
    model.adapt(inputs)
    moments = model.condition_layer.transform
    np.testing.assert_allclose(moments.mean, table[["d", "e"]].mean(), atol=1e-6)
    model.compile(optimizer="adam", jit_compile=False)
    assert np.isfinite(model.fit(inputs, verbose=0).history["loss"][0])


def test_numbers_that_are_missing_have_no_part_in_adapt(rng):
    condition = rng.normal(3.0, 2.0, size=(50, 2))
    condition[:20, 0] = np.nan
    model = make_conditional(condition=kvae.conditions.Numbers(2, missing=True))
    inputs = {"x": rng.uniform(size=(50, 8, 8, 1)), "condition": condition}
    with pytest.raises(ValueError, match=r"Call vae\.adapt\(x_train\) before fit"):
        model.compile(optimizer="adam") or model.fit(inputs, verbose=0)
    model.adapt(inputs)
    moments = model.condition_layer.transform
    np.testing.assert_allclose(moments.mean, np.nanmean(condition, axis=0), rtol=1e-5)
    np.testing.assert_allclose(moments.stddev, np.nanstd(condition, axis=0), rtol=1e-5)
    assert np.all(np.isfinite(model.score(inputs)))


# -- array methods -------------------------------------------------------------------------------


def test_networks_see_the_class_as_a_one_hot_vector(model, data):
    one_hot = np.eye(CLASSES, dtype="float32")[data["condition"]]
    mean, stddev = model.encode(data)
    params = np.asarray(model.encoder([data["x"], one_hot]))
    np.testing.assert_allclose(mean, params[:, :2], atol=1e-5)
    np.testing.assert_allclose(stddev, np.logaddexp(0.0, params[:, 2:]), atol=1e-5)
    logits = np.asarray(model.decoder([mean, one_hot]), "float64")
    decoded = model.decode(mean, condition=data["condition"])
    np.testing.assert_allclose(decoded, 1.0 / (1.0 + np.exp(-logits)), atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(data), decoded, atol=1e-5)
    np.testing.assert_allclose(model(data), logits, atol=1e-5)
    np.testing.assert_allclose(model.predict(data, verbose=0), decoded, atol=1e-5)
    missing = model.decode(mean)
    token = np.repeat(np.asarray(model.condition_layer.null_token)[None], len(mean), axis=0)
    logits = np.asarray(model.decoder([mean, token]), "float64")
    np.testing.assert_allclose(missing, 1.0 / (1.0 + np.exp(-logits)), atol=1e-5)


def test_a_reconstruction_may_have_another_condition_than_the_encoder(model, data):
    mean, _ = model.encode(data)
    for other in (3, -1, (data["condition"] + 1) % CLASSES):
        swapped = model.reconstruct(data, condition=other)
        np.testing.assert_allclose(swapped, model.decode(mean, condition=other), atol=1e-5)
        assert np.abs(swapped - model.reconstruct(data)).max() > 1e-3


def test_samples_have_one_condition_for_all_or_one_each(model):
    all_same = model.sample(4, seed=2, condition=7)
    np.testing.assert_allclose(model.sample(4, seed=2, condition=[7] * 4), all_same, atol=1e-6)
    mixed = model.sample(4, seed=2, condition=[7, 1, 7, -1])
    np.testing.assert_allclose(mixed[[0, 2]], all_same[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(mixed[3], model.sample(4, seed=2)[3], atol=1e-6)
    assert np.abs(mixed[1] - all_same[1]).max() > 1e-3
    draws = model.sample(4, seed=2, condition=7, kind="draw")
    assert set(np.unique(draws)) <= {0.0, 1.0}
    in_batches = model.sample(4, seed=2, condition=[7, 1, 7, -1], batch_size=3)
    np.testing.assert_allclose(in_batches, mixed, atol=1e-6)


@both_priors
def test_samples_of_a_linear_model_have_its_moments(conditional):
    model, c = linear_gaussian.make(conditional), np.array([0.4, -1.2], "float32")
    shift, spread = linear_gaussian.moments(conditional)
    draws = model.sample(20_000, seed=0, kind="draw", condition=c)
    w, s = linear_gaussian.LOADING, linear_gaussian.NOISE
    expected = (c @ shift) * w + c @ linear_gaussian.EFFECT + linear_gaussian.OFFSET
    np.testing.assert_allclose(draws.mean(axis=0), expected, atol=0.04)
    covariance = spread**2 * np.outer(w, w) + s**2 * np.eye(3)
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.05)


def test_the_score_is_nll_plus_kl_under_the_true_condition(model, data):
    terms = model.score(data, terms=True)
    x, decoded = data["x"].astype("float64"), model.reconstruct(data).astype("float64")
    nll = -np.sum(x * np.log(decoded) + (1 - x) * np.log1p(-decoded), axis=(1, 2, 3))
    np.testing.assert_allclose(terms["nll"], nll, rtol=1e-4)
    mean, stddev = (part.astype("float64") for part in model.encode(data))
    kl = 0.5 * np.sum(mean**2 + stddev**2 - 1.0 - 2.0 * np.log(stddev), axis=1)
    np.testing.assert_allclose(terms["score"], nll + kl, rtol=1e-4)


def test_every_signature_takes_the_condition(model, data):
    signatures = {each.name: each for each in model.signatures()}
    assert set(signatures) == {each.name for each in make_vae().signatures()}
    for signature in signatures.values():
        assert signature.inputs["condition"] == ((), tf.int32)
    x = tf.constant(data["x"])
    condition = tf.constant(data["condition"], tf.int32)
    found = signatures["score"].function(x=x, condition=condition)["score"]
    np.testing.assert_allclose(found, model.score(data), rtol=1e-5)
    z = tf.constant(model.encode(data)[0])
    found = signatures["decode"].function(z=z, condition=condition)["mean"]
    np.testing.assert_allclose(found, model.decode(z, condition=condition), atol=1e-5)


# -- training ------------------------------------------------------------------------------------


def dropping(**arguments):
    return make_conditional(
        condition=kvae.conditions.Classes(CLASSES, drop=0.3),
        prior=kvae.priors.ConditionalNormal(2, CLASSES, hidden=(4,)),
        **arguments,
    )


@pytest.mark.slow
def test_the_first_epoch_is_the_same_with_and_without_xla(data):
    losses = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(0)
        model = dropping()
        model.compile(optimizer=keras.optimizers.Adam(1e-3), jit_compile=jit_compile)
        losses.append(model.fit(data, batch_size=8, verbose=0).history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_evaluation_drops_nothing(data):
    model = dropping()
    model.condition_layer.null_token.assign(np.full(CLASSES, 50.0))
    model.compile(optimizer=keras.optimizers.SGD(0.0), jit_compile=False)
    trained = model.fit(data, verbose=0).history["nll"][0]
    first, again = (
        model.evaluate(data, verbose=0, return_dict=True, seed=3)["nll"] for _ in range(2)
    )
    assert first == again
    assert trained > first + 10.0  # the null token of training is far off


def test_a_resumed_training_drops_the_same_conditions(data, tmp_path):
    def fit(epochs, *callbacks):
        model = dropping()
        model.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
        model.fit(data, batch_size=8, epochs=epochs, verbose=0, callbacks=list(callbacks))
        return model.get_weights()

    keras.utils.set_random_seed(5)
    unbroken = fit(2)
    keras.utils.set_random_seed(5)
    fit(1, kvae.callbacks.Checkpoint(tmp_path))
    keras.utils.set_random_seed(99)
    resumed = fit(2, kvae.callbacks.Checkpoint(tmp_path))
    for found, expected in zip(resumed, unbroken, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_float32_copy_of_a_half_precision_model_has_its_weights(data):
    with dtype_policy("mixed_bfloat16"):
        model = dropping()
    copy = model.float32_copy()
    assert copy is not model
    assert copy.condition_layer.compute_dtype == copy.decoder.compute_dtype == "float32"
    # bfloat16 keeps eight bits.
    np.testing.assert_allclose(copy.reconstruct(data), model.reconstruct(data), atol=0.02)
    np.testing.assert_allclose(copy.sample(5, seed=0), model.sample(5, seed=0), atol=0.02)
    full = dropping()
    assert full.float32_copy() is full


REPLICAS = """
import numpy as np
import kvae
from tests.models.replicas import train_in_both, two_replicas
from tests.small import make_conditional

x = np.random.default_rng(0).uniform(size=(50, 8, 8, 1)).astype("float32")
data = {"x": x, "condition": np.arange(50) % 10}
train_in_both(
    lambda: make_conditional(prior=kvae.priors.ConditionalNormal(2, 10)),
    data,
    epochs=2,
    validation_data=data,
)
with two_replicas().scope():
    model = make_conditional()
    model.compile("sgd", jit_compile=False)
model.fit(data, batch_size=25, verbose=0)
print("steps", model.given(1).training_steps())
"""


@pytest.mark.slow
def test_two_replicas_train_as_one_process_does(tmp_path):
    printed = run_python(REPLICAS, tmp_path, prepared=True)
    assert "same 2" in printed
    assert "steps 2" in printed, "the model at one condition has the record"


# -- the model at one condition ------------------------------------------------------------------


def test_the_model_at_one_condition_is_a_vae_that_analyses_take(model, data, digits):
    threes, rows = model.given(3), {"x": data["x"], "condition": np.full(len(data["x"]), 3)}
    assert "condition" not in threes.input_specs()
    assert all("condition" not in each.inputs for each in threes.signatures())
    assert_same_in_float32(threes.score(data["x"]), model.score(rows))
    assert_same_in_float32(threes.sample(4, seed=1), model.sample(4, seed=1, condition=3))
    assert {id(w) for w in threes.decoder.weights} == {id(w) for w in model.decoder.weights}
    report = kvae.diagnose(threes, digits[1][:100])
    assert report.verdict.state in kvae.diagnosis.STATES
    path = kvae.interpolate(threes, data["x"][:1], data["x"][1:2], steps=3)
    mean = model.encode({name: values[:1] for name, values in rows.items()})[0]
    start = np.asarray(path.decoded).reshape(-1, 8, 8, 1)[0]
    np.testing.assert_allclose(start, model.decode(mean, condition=3)[0], atol=1e-5)
    with pytest.raises(ValueError, match=r"Expected no condition: a GivenCondition takes none"):
        threes.sample(2, condition=3)


def test_the_one_condition_may_be_a_missing_one(model):
    assert_same_in_float32(model.given(None).sample(3, seed=0), model.sample(3, seed=0))


def test_a_condition_is_given_once_its_transform_has_seen_data(rng):
    """The numbers of the training data are those of the model that is given one."""
    x, numbers = rng.uniform(size=(20, 8, 8, 1)).astype("float32"), rng.normal(100.0, 3.0, 20)
    model = make_conditional(condition=kvae.conditions.Numbers())
    with pytest.raises(ValueError, match="to have seen the training data"):
        model.given(100.0)
    model.adapt({"x": x, "condition": numbers})
    drawn = model.sample(2, seed=0, condition=100.0)
    assert_same_in_float32(model.given(100.0).sample(2, seed=0), drawn)


def test_the_prior_of_one_condition_is_diagnosed(digits):
    prior = kvae.priors.ConditionalNormal(2, CLASSES, hidden=())
    model = make_conditional(prior=prior)
    kernel = np.zeros((CLASSES, 4))
    kernel[3] = [2.0, -1.0, 0.5, -0.5]
    prior.set_weights([kernel, np.zeros(4)])
    for condition in (3, 4):
        found = one_encoded_vector(model.given(condition)).prior()
        loc, scale = prior.moments(np.eye(CLASSES)[[condition]])
        np.testing.assert_allclose(found.mean(), loc[0], rtol=1e-6)
        np.testing.assert_allclose(found.stddev(), scale[0], rtol=1e-6)
    report = kvae.diagnose(model.given(3), digits[1][:100])
    assert report.verdict.state in kvae.diagnosis.STATES


@pytest.mark.parametrize("analysis", [kvae.diagnose, kvae.evaluation.latent_axes])
def test_analyses_ask_for_one_condition(analysis, model, data):
    with pytest.raises(ValueError, match=r"without a condition: .* vae\.given\(condition\)"):
        analysis(model, data)


# -- errors --------------------------------------------------------------------------------------

BAD_DATA = {
    "an array": (lambda d: d["x"], r"inputs named 'x', 'condition'.* Received: 'x'"),
    "no condition": (lambda d: {"x": d["x"]}, r"inputs named 'x', 'condition'.* Received: 'x'"),
    "another name": (lambda d: {"x": d["x"], "label": d["condition"]}, r"Received: 'x', 'label'"),
    "an unknown class": (
        lambda d: {**d, "condition": d["condition"] + 1},
        r"condition to hold whole numbers in \[0, 9\]. Received: values in \[1, 10\]",
    ),
    "a missing class": (
        lambda d: {**d, "condition": d["condition"] - 1},
        r"condition to hold whole numbers in \[0, 9\]. Received: values in \[-1, 8\]",
    ),
    "too few": (
        lambda d: {**d, "condition": d["condition"][:5]},
        r"condition to have one entry for each of the 40 examples of x. Received: shape \(5,\)",
    ),
    "fractions": (
        lambda d: {**d, "condition": d["condition"] / 2},
        r"condition to hold whole numbers .*not all whole",
    ),
    "text": (lambda d: {**d, "condition": ["a"] * 40}, r"condition to hold numbers. Received: str"),
    "one-hot vectors": (
        lambda d: {**d, "condition": np.eye(10)[d["condition"]]},
        r"condition to have shape \(batch,\)\. Received: shape \(40, 10\)",
    ),
}


@pytest.mark.parametrize("bad", BAD_DATA)
def test_bad_data_is_refused_in_one_sentence_before_training(bad, data):
    change, message = BAD_DATA[bad]
    model = make_conditional()
    model.compile(optimizer="adam")
    before = model.get_weights()
    for call in (model.fit, model.evaluate, model.score, model.encode):
        with pytest.raises(ValueError, match=f"Expected.*{message}"):
            call(change(data))
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


BAD_CALLS = {
    "sample without": (lambda m: m.sample(3), r"Expected condition, which a ConditionalVAE needs"),
    "decode without": (lambda m: m.decode(np.zeros((2, 2))), r"Expected condition, which"),
    "sample with two": (
        lambda m: m.sample(3, condition=[1, 2]),
        r"one condition for all examples or one for each of the 3. Received: shape \(2,\)",
    ),
    "sample with text": (lambda m: m.sample(3, condition="four"), r"Expected condition"),
    "an unknown class": (lambda m: m.sample(3, condition=10), r"condition to hold whole numbers"),
    "given unknown": (lambda m: m.given(10), r"condition to hold whole numbers"),
    "given several": (
        lambda m: m.given([1, 2]),
        r"to be one condition, of shape \(\). Received: shape \(2,\)",
    ),
    "given none": (lambda m: m.given(None), r"Expected condition, which a"),
}


@pytest.mark.parametrize("bad", BAD_CALLS)
def test_bad_conditions_are_refused(bad):
    call, message = BAD_CALLS[bad]
    with pytest.raises(ValueError, match=message):
        call(make_conditional())


def test_a_model_without_a_condition_refuses_one():
    with pytest.raises(ValueError, match="Expected no condition: a VAE takes none"):
        make_vae().sample(2, condition=3)


def parts(**changed):
    """Return the arguments of a conditional VAE of ten classes, some of them changed."""
    dims = {"encoder": 10, "decoder": 10, "prior": 10, **changed.pop("dims", {})}
    prior = changed.pop("prior", None) or kvae.priors.ConditionalNormal(2, dims["prior"])
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(6)
    networks = kvae.networks
    return {
        "encoder": networks.mlp_encoder(6, 4, (8,), condition_dim=dims["encoder"]),
        "posterior": posterior,
        "decoder": networks.mlp_decoder(2, 6, (8,), condition_dim=dims["decoder"]),
        "likelihood": likelihood,
        "condition": kvae.conditions.Classes(10),
        **changed,
    }


BAD_PARTS = {
    "encoder": ({"dims": {"encoder": 9}}, r"encoder to take .*\(batch, 10\).*condition_dim=10"),
    "no second input": ({"dims": {"encoder": None}}, r"encoder to take .*the condition's vector"),
    "decoder": ({"dims": {"decoder": 9}}, r"decoder to take .*\(batch, 10\).*condition_dim=10"),
    "prior": (
        {"dims": {"prior": 9}},
        r"the prior to read the condition's vector, condition_dim=10",
    ),
    "vamp": ({"prior": kvae.priors.VampPrior(2, 6, 3)}, r"a prior that does not read the encoder"),
    "condition": ({"condition": 10}, r"condition to be a layer of kvae\.conditions"),
}


@pytest.mark.parametrize("bad", BAD_PARTS)
def test_parts_that_do_not_fit_are_refused(bad):
    changed, message = BAD_PARTS[bad]
    with pytest.raises(ValueError, match=f"Expected {message}"):
        kvae.ConditionalVAE(**parts(**changed))


def test_a_vae_without_a_condition_refuses_conditional_parts():
    conditional = parts()
    del conditional["condition"]
    with pytest.raises(ValueError, match=r"prior without a condition.*kvae\.ConditionalVAE"):
        kvae.VAE(**conditional)
    conditional = parts(prior=kvae.priors.StandardNormal(2))
    del conditional["condition"]
    with pytest.raises(ValueError, match=r"encoder to take .*belongs to a kvae\.ConditionalVAE"):
        kvae.VAE(**conditional)
