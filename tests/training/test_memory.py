"""How much memory training takes, measured in processes of their own.

By VmHWM of the kernel's status, not by getrusage: the peak that getrusage reports begins, in a
child, with its parent's, so that it would be that of the tests before.
"""

import sys

import numpy as np
import pytest

from tests.helpers import run_python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's status is Linux's")

# {data} makes x; the network is large enough to be real and small beside the data.
CODE = """
import re
from pathlib import Path
import keras, numpy as np
import kvae

def peak():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024

{data}
kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(50))
posterior = kvae.layers.MultivariateNormalDiag(50, activity_regularizer=kl)
likelihood = kvae.layers.IndependentBernoulli((784,))
vae = kvae.VAE(
    encoder=kvae.networks.mlp_encoder((784,), posterior.params_size, ({hidden}, {hidden})),
    posterior=posterior,
    decoder=kvae.networks.mlp_decoder(50, likelihood.params_shape, ({hidden}, {hidden})),
    likelihood=likelihood,
)
vae.compile(optimizer="adam")
vae.fit(x, verbose=0, {fit})
print(peak())
"""
GIGABYTE = 1e9


@pytest.mark.slow
def test_training_takes_less_memory_than_a_copy_of_the_data(tmp_path):
    """60,000 x 784 numbers are 188 MB; TensorFlow alone takes about 650 MB."""
    data = 'x = np.random.default_rng(0).random((60_000, 784), dtype="float32")\n'
    data += "print(peak())"
    fit = "batch_size=128, epochs=2, steps_per_epoch=20"
    said = run_python(CODE.format(data=data, hidden=500, fit=fit), tmp_path)
    before, after = map(int, said.split())
    assert after - before < 60_000 * 784 * 4


@pytest.mark.soak
def test_ten_gigabytes_of_a_mapped_file_train_in_four(tmp_path):
    """One epoch through every row of a file of holes, with a check of all of it before."""
    path = tmp_path / "x.dat"
    rows = 10 * 10**9 // 784
    np.memmap(path, "uint8", "w+", shape=(rows, 784)).flush()
    try:
        data = f'x = np.memmap({str(path)!r}, "uint8", "r", shape=({rows}, 784))'
        peak = int(run_python(CODE.format(data=data, hidden=8, fit="batch_size=4096"), tmp_path))
        print(f"{rows} rows of 784 bytes, peak {peak / GIGABYTE:.2f} GB")
        assert peak <= 4.0 * GIGABYTE
    finally:
        path.unlink()
