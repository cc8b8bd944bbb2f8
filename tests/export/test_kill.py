"""What is replaced is the old bundle or SavedModel or the new one, wherever a kill comes."""

import os
import time

import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae import files
from kvae.export import runtime
from tests.prepared import Process

# Exports again and again, each time with other weights. It kills itself before or after the call of
# a function that names files in place, when that is called for the given time.
CHILD = """
import os, signal, sys
import numpy as np
import kvae
from kvae import files
from tests.small import make_vae

kind, target, version, name, when, count = sys.argv[1:]
left = int(count)

def killing(function):
    def call(*arguments, **settings):
        global left
        left -= 1
        if left == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **settings)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

if name:
    owner = files if hasattr(files, name) else files.shutil if name == "rmtree" else files.os
    setattr(owner, name, killing(getattr(owner, name)))
vae = make_vae((6,), 2)
version = int(version)
print("ready", flush=True)
while True:
    version += 1
    bias = vae.decoder.get_layer("decoder_params").bias
    bias.assign(np.full(bias.shape, version / 100.0))
    if kind == "bundle":
        kvae.export.bundle(
            vae, target, presets=["float32"], signatures=["decode"], measure=False,
            description=str(version), overwrite=True,
        )
    else:
        kvae.export.saved_model(vae, target, signatures=["decode"], overwrite=True)
"""
POINTS = [
    (name, when, count)
    for name, counts in (("_renameat2", (1, 2)), ("fsync", (1, 3, 9)), ("rmtree", (1, 2)))
    for when in ("before", "after")
    for count in counts
]


def bias_of_bundle(target):
    """The bias that a whole bundle says, by its description and by what it decodes."""
    model = runtime.Model(target)
    told = int(model.bundle.manifest["description"]) / 100.0
    assert kvae.export.verify(target)
    # At zero all that is left of an untrained dense decoder is the bias of its last layer.
    mean = model.decode(np.zeros((1, 2), "float32"))
    np.testing.assert_allclose(mean, 1.0 / (1.0 + np.exp(-told)), rtol=1e-5)
    return told


def bias_of_saved_model(target):
    """The bias of a whole SavedModel, which can be loaded."""
    tf.saved_model.load(str(target))
    variables = tf.train.load_checkpoint(str(target / "variables" / "variables"))
    names = [name for name, shape in variables.get_variable_to_shape_map().items() if shape == [6]]
    (bias,) = map(variables.get_tensor, names)
    assert np.all(bias == bias[0])
    return float(bias[0])


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["bundle", "saved_model"])
def test_kills_during_an_export_leave_the_old_or_the_new_one(kind, tmp_path):
    target, rng, last, found = tmp_path / "target", np.random.default_rng(0), 0, 0
    read = bias_of_bundle if kind == "bundle" else bias_of_saved_model
    for turn in range(30):
        # The points one by one, then at any time.
        point = POINTS[turn] if turn < len(POINTS) else ("", "", 0)
        child = Process({"code": CHILD}, [kind, target, str(last), *map(str, point)])
        if point[0]:
            assert child.wait(timeout=120) == -9, child.communicate()
        else:
            while "ready" not in child.output():
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 6.0))
            child.kill()
            child.wait()
        files.destination(target, overwrite=True)  # what the next run begins with
        assert set(os.listdir(tmp_path)) <= {"target"}, point
        if target.exists():
            version = round(100 * read(target))
            assert version >= last, point
            last, found = version, found + 1
    assert found > 20
    assert last > 10
