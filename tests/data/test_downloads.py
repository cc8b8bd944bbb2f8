"""MNIST and Fashion-MNIST without a network: from a file, or an error with the path."""

import keras
import numpy as np
import pytest

import kvae

LOADERS = {"mnist": kvae.data.mnist, "fashion_mnist": kvae.data.fashion_mnist}
each_loader = pytest.mark.parametrize("name", LOADERS)


@pytest.fixture
def file(tmp_path, rng):
    arrays = {
        "x_train": rng.integers(0, 256, size=(6, 28, 28)).astype("uint8"),
        "y_train": np.arange(6).astype("uint8"),
        "x_test": rng.integers(0, 256, size=(3, 28, 28)).astype("uint8"),
        "y_test": np.arange(3).astype("uint8"),
    }
    np.savez(tmp_path / "data.npz", **arrays)
    return tmp_path / "data.npz", arrays


@each_loader
def test_a_file_gives_images_in_zero_to_one_and_labels(name, file):
    path, arrays = file
    x_train, x_test = LOADERS[name](path)
    assert x_train.shape == (6, 28, 28, 1)
    assert x_train.dtype == np.float32
    np.testing.assert_allclose(x_test[..., 0], arrays["x_test"] / 255.0, rtol=1e-6)
    (again, labels), (_, test_labels) = LOADERS[name](str(path), labels=True)
    np.testing.assert_array_equal(again, x_train)
    np.testing.assert_array_equal(labels, arrays["y_train"])
    np.testing.assert_array_equal(test_labels, arrays["y_test"])


@each_loader
def test_keras_own_copy_is_used_without_a_path(name, file, monkeypatch):
    _, arrays = file
    pairs = ((arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"]))
    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: pairs)
    x_train, x_test = LOADERS[name]()
    assert x_train.shape == (6, 28, 28, 1)
    assert x_test.max() <= 1.0


@each_loader
def test_a_failed_download_says_where_to_put_the_file(name, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", "/home/of/keras")

    def offline():
        raise Exception("URL fetch failure: None -- Name or service not known")

    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", offline)
    with pytest.raises(FileNotFoundError) as caught:
        LOADERS[name]()
    message = str(caught.value)
    for word in (name, "URL fetch failure", "/home/of/keras/datasets", "path="):
        assert word in message


@each_loader
def test_a_missing_or_foreign_file_is_named(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Expected path .* Received: path='.*none.npz'"):
        LOADERS[name](tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", x_train=np.zeros(3), x_test=np.zeros(3))
    with pytest.raises(ValueError, match=r"Expected .*other.npz.*Missing: y_train, y_test"):
        LOADERS[name](tmp_path / "other.npz")
