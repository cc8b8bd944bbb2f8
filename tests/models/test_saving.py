"""`save` and `load_model`: whole or not at all, in any process, with training going on after it."""

import zipfile

import keras
import numpy as np
import pytest

import kvae
from tests.helpers import ROOT, assert_same_in_float32, relative, run_python
from tests.small import make_vae as small_vae
from tests.small import narrow

GO_ON = """
import sys
{imports}
import numpy as np
folder = sys.argv[1]
vae = keras.saving.load_model(folder + "/vae.keras", safe_mode=True)
x = np.load(folder + "/x.npy")
said = {{"reconstruct": vae.reconstruct(x), "elbo": vae.elbo(x, seed=3),
        "sample": vae.sample(5, seed=4)}}
history = vae.fit(x, batch_size=20, epochs=2, shuffle=False, verbose=0).history
np.savez(folder + "/said.npz", **said, loss=history["loss"],
         iterations=int(vae.optimizer.iterations),
         **{{f"weight{{n}}": weight for n, weight in enumerate(vae.get_weights())}})
"""


def trained(x):
    """A VAE on its way, with nothing left to chance in what follows."""
    vae = narrow(small_vae())
    vae.compile(optimizer=keras.optimizers.Adam(1e-3), jit_compile=False)
    vae.fit(x, batch_size=20, epochs=1, verbose=0)
    return vae


@pytest.mark.slow
@pytest.mark.parametrize("imports", ["import kvae, keras", "import keras\nimport kvae"])
def test_a_fresh_process_says_the_same_and_trains_on_the_same_way(imports, grey, tmp_path):
    """Adam's moments and step travel with the model: the next epochs end with the same weights."""
    vae = trained(grey)
    vae.save(tmp_path / "vae.keras")
    np.save(tmp_path / "x.npy", grey)
    run_python(GO_ON.format(imports=imports), tmp_path, tmp_path)
    with np.load(tmp_path / "said.npz") as there:
        assert relative(there["reconstruct"], vae.reconstruct(grey)) < 1e-6
        assert relative(there["elbo"], vae.elbo(grey, seed=3)) < 1e-6
        assert relative(there["sample"], vae.sample(5, seed=4)) < 1e-6
        history = vae.fit(grey, batch_size=20, epochs=2, shuffle=False, verbose=0).history
        assert there["loss"] == pytest.approx(history["loss"], rel=1e-5)
        assert there["iterations"] == vae.optimizer.iterations == 6
        for number, weight in enumerate(vae.get_weights()):
            assert relative(there[f"weight{number}"], weight) < 1e-5


@pytest.fixture
def vae(grey):
    """Trained for one step: Keras warns on loading an optimizer that has never stepped."""
    vae = small_vae()
    vae.compile(optimizer="adam", run_eagerly=True)
    vae.train_on_batch(grey)
    return vae


@keras.saving.register_keras_serializable(package="tests")
class Unsavable(keras.layers.Layer):
    """Passes its input on; saving fails half-way, as on a full disk, when told so."""

    broken = False

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        return inputs * self.scale

    def save_own_variables(self, store):
        super().save_own_variables(store)
        if Unsavable.broken:
            raise OSError("No space left on device")


@pytest.fixture
def fragile(monkeypatch):
    """A VAE whose decoder's save fails once `Unsavable.broken` is set."""
    likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
    decoder = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(64), Unsavable(), keras.layers.Reshape((8, 8, 1))]
    )
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder((8, 8, 1), 4, hidden=(8,)),
        posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl),
        decoder=decoder,
        likelihood=likelihood,
    )
    monkeypatch.setattr(Unsavable, "broken", False)
    return vae


@pytest.mark.parametrize("name", ["model", "model.h5", "model.tf"])
def test_another_format_is_refused_with_the_name_that_was_given(name, tmp_path):
    with pytest.raises(ValueError, match=r"Expected filepath to end in \.keras\b") as caught:
        small_vae().save(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert ".kvae-" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_previous_file_as_it_was(fragile, tmp_path, monkeypatch):
    path = tmp_path / "vae.keras"
    fragile.save(path)
    before = path.read_bytes()
    fragile.decoder.layers[0].bias.assign_add([1.0] * 64)
    monkeypatch.setattr(Unsavable, "broken", True)
    with pytest.raises(OSError, match="No space left"):
        fragile.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["vae.keras"], "no half file is left"
    keras.saving.load_model(path)


def test_a_failed_first_save_leaves_nothing(fragile, tmp_path, monkeypatch):
    monkeypatch.setattr(Unsavable, "broken", True)
    with pytest.raises(OSError, match="No space left"):
        fragile.save(tmp_path / "vae.keras")
    assert list(tmp_path.iterdir()) == []


def test_a_new_save_replaces_an_old_one_unless_told_not_to(vae, grey, tmp_path):
    path = tmp_path / "vae.keras"
    vae.save(path)
    dense = vae.encoder.get_layer("encoder_params")
    dense.bias.assign_add([1.0] * 4)
    vae.save(path)
    assert keras.saving.load_model(path).encode(grey)[0] == pytest.approx(vae.encode(grey)[0])
    with pytest.raises(FileExistsError, match=r"Expected filepath to be free. Received: filepath="):
        vae.save(path, overwrite=False)
    vae.save(tmp_path / "other.keras", overwrite=False)


def test_save_takes_a_string_and_keras_own_function_saves_too(vae, grey, tmp_path):
    vae.save(str(tmp_path / "a.keras"))
    keras.saving.save_model(vae, tmp_path / "b.keras")
    for name in ("a.keras", "b.keras"):
        loaded = keras.saving.load_model(tmp_path / name)
        assert_same_in_float32(loaded.encode(grey)[0], vae.encode(grey)[0])


def test_weights_alone_can_be_saved_and_loaded(vae, grey, make_vae, tmp_path):
    vae.save_weights(tmp_path / "vae.weights.h5")
    other = make_vae()
    other.load_weights(tmp_path / "vae.weights.h5")
    assert_same_in_float32(other.encode(grey)[0], vae.encode(grey)[0])


def test_a_saved_file_holds_no_code(vae, tmp_path):
    """safe_mode refuses lambdas; nothing of ours needs it switched off."""
    vae.save(tmp_path / "vae.keras")
    with zipfile.ZipFile(tmp_path / "vae.keras") as archive:
        names = set(archive.namelist())
        config = archive.read("config.json").decode()
    assert names == {"config.json", "metadata.json", "model.weights.h5"}
    assert "__lambda__" not in config
    assert "pickle" not in config
    assert str(ROOT) not in config
