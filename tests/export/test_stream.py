"""A signal scored in overlapping windows."""

import concurrent.futures

import numpy as np
import pytest

import kvae
from kvae.export import runtime
from tests.small import kl, make_vae

WINDOW, CHANNELS, HOP = 6, 2, 4


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("stream") / "bundle"
    likelihood = kvae.layers.IndependentNormal((WINDOW, CHANNELS))
    vae = make_vae((WINDOW, CHANNELS), 2, likelihood=likelihood)
    kvae.export.bundle(
        vae,
        path,
        presets=["float32"],
        signatures=["score"],
        batch_sizes=(1, 4),
        measure=False,
        calibration=np.random.default_rng(3).normal(size=(60, WINDOW, CHANNELS)),
        false_alarm_rate=0.1,
    )
    return runtime.Model(path)


@pytest.mark.parametrize("hop", [1, 4, 6, 9])
@pytest.mark.parametrize("sizes", [[50], [1] * 50, [3, 0, 20, 7, 20]])
def test_every_window_is_scored_once_however_the_samples_come(model, hop, sizes, rng):
    signal = rng.normal(size=(50, CHANNELS))
    stream, starts, scores = runtime.Stream(model, hop), [], []
    for part in np.split(signal, np.cumsum(sizes)[:-1]):
        found = stream.push(part)
        starts.extend(found[0])
        scores.extend(found[1])
    expected = np.arange(0, 50 - WINDOW + 1, hop)
    np.testing.assert_array_equal(starts, expected)
    windows = np.stack([signal[start : start + WINDOW] for start in expected])
    np.testing.assert_allclose(scores, model.score(windows), rtol=1e-5)


def test_refused_samples_leave_the_stream_as_it_was(model, rng):
    signal = rng.normal(size=(30, CHANNELS))
    stream, undisturbed = runtime.Stream(model, HOP), runtime.Stream(model, HOP)
    stream.push(signal[:10])
    with pytest.raises(ValueError, match="finite"):
        stream.push(np.full((10, CHANNELS), np.nan))
    with pytest.raises(
        ValueError, match=r"samples of shape \(samples, 2\). Received: shape \(3,\)"
    ):
        stream.push(np.zeros(3))
    with pytest.raises(ValueError, match="Expected samples without a mask"):
        stream.push(np.ma.masked_less(signal[10:], 0.0))
    undisturbed.push(signal[:10])
    for found, expected in zip(
        stream.push(signal[10:]), undisturbed.push(signal[10:]), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_refused_samples_that_complete_no_window_are_not_kept(model, wrong, rng):
    signal = rng.normal(size=(10, CHANNELS))
    stream = runtime.Stream(model, HOP)
    with pytest.raises(ValueError, match="Expected samples to be finite"):
        stream.push(np.full((WINDOW - 1, CHANNELS), wrong))
    starts, scores = stream.push(signal)
    np.testing.assert_array_equal(starts, [0, 4])
    windows = np.stack([signal[start : start + WINDOW] for start in starts])
    np.testing.assert_allclose(scores, model.score(windows), rtol=1e-5)


def test_a_missing_sample_is_taken_where_columns_of_a_window_may_be_missing(tmp_path, rng):
    columns = [kvae.layers.IndependentNormal(()) for _ in range(3)]
    likelihood = kvae.layers.Columns([*columns, kvae.layers.IndependentBernoulli(())])
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl())
    encoder, decoder = kvae.networks.for_data(
        4, posterior.params_size, 2, likelihood.params_size, missing=True
    )
    vae = kvae.VAE(encoder, posterior, decoder, likelihood, missing=True)
    settings = {"presets": ["float32"], "signatures": ["score"], "measure": False}
    kvae.export.bundle(vae, tmp_path / "b", **settings)
    model, samples = runtime.Model(tmp_path / "b"), np.array([0.5, np.nan, -2.0, 1.0])
    _, nats = runtime.Stream(model, hop=4).push(samples)
    np.testing.assert_array_equal(nats, model.score(samples[None]))
    with pytest.raises(ValueError, match="Expected samples to be finite"):
        runtime.Stream(model, hop=4).push([np.inf])


def test_windows_are_scored_in_pieces(model, monkeypatch, rng):
    signal = rng.normal(size=(50, CHANNELS))
    whole = runtime.Stream(model, 1).detect(signal)
    monkeypatch.setattr(runtime, "WINDOWS", 9)  # pieces of 8, of two batches of 4
    run, rows = model.run, []

    def counted(signature, **inputs):
        rows.append(len(inputs["x"]))
        return run(signature, **inputs)

    monkeypatch.setattr(model, "run", counted)
    found = runtime.Stream(model, 1).detect(signal)
    assert rows == [8] * 5 + [5]
    for name, expected in whole.items():
        np.testing.assert_array_equal(found[name], expected)


def test_a_hop_may_be_an_integer_of_numpy(model):
    assert runtime.Stream(model, np.int64(4)).push(np.zeros((10, CHANNELS)))[0].tolist() == [0, 4]


def test_a_model_of_numbers_has_no_windows(model, monkeypatch):
    monkeypatch.setitem(model.manifest["model"], "event_shape", [])
    with pytest.raises(ValueError, match=r"whose examples are windows.*examples of shape \(\)"):
        runtime.Stream(model, 1)


@pytest.mark.parametrize("hop", [0, -1, 1.5, True, None])
def test_a_hop_that_is_no_positive_integer_is_refused(model, hop):
    with pytest.raises(ValueError, match="Expected hop to be a positive integer"):
        runtime.Stream(model, hop)


def test_a_sample_beyond_what_the_model_computes_does_not_end_the_stream(model, rng):
    signal = rng.normal(size=(30, CHANNELS)).astype("float32")
    signal[3, 0] = 3e38  # finite, but its square is not
    stream = runtime.Stream(model, HOP)
    assert stream.push(signal[:5])[0].size == 0
    with pytest.raises(runtime.NotFiniteError, match="The windows from sample 0 to 5 are left out"):
        stream.push(signal[5:6])
    starts, nats = stream.push(signal[6:])
    np.testing.assert_array_equal(starts, [4, 8, 12, 16, 20, 24])
    np.testing.assert_allclose(nats[0], model.score(signal[None, 4:10])[0], rtol=1e-6)


def test_windows_are_decided_on_as_rows_are(model, rng):
    signal = rng.normal(size=(50, CHANNELS))
    signal[20:] *= 4.0
    stream, found = runtime.Stream(model, HOP), []
    for part in np.split(signal, [3, 15, 40]):  # the first completes no window
        found.append(stream.detect(part))
    joined = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    np.testing.assert_array_equal(joined["start"], np.arange(0, 50 - WINDOW + 1, HOP))
    windows = np.stack([signal[start : start + WINDOW] for start in joined["start"]])
    expected = model.detect(windows)
    np.testing.assert_allclose(joined["score"], expected["score"], rtol=1e-5)
    np.testing.assert_array_equal(joined["is_anomaly"], expected["is_anomaly"])
    np.testing.assert_array_equal(joined["p_value"], expected["p_value"])
    assert joined["is_anomaly"].any()
    assert not joined["is_anomaly"].all()


def test_a_stream_without_thresholds_does_not_decide(model, monkeypatch):
    artefact = {k: v for k, v in model.bundle.artefact("float32").items() if k != "calibration"}
    monkeypatch.setattr(model.bundle, "artefact", lambda preset: artefact)
    with pytest.raises(ValueError, match="Expected a bundle with thresholds"):
        runtime.Stream(model, HOP).detect(np.zeros((1, CHANNELS)))


def test_threads_that_push_complete_every_window_once(model):
    stream, starts = runtime.Stream(model, HOP), []

    def push(_):
        starts.extend(stream.push(np.zeros((2, CHANNELS)))[0])  # a list's extend is atomic

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(push, range(400)))
    assert sorted(starts) == list(range(0, 800 - WINDOW + 1, HOP))
