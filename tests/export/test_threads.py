"""One model of a bundle used from several threads, and from a forked process."""

import multiprocessing
import threading

import numpy as np
import pytest

import kvae
from kvae.export import runtime
from tests.small import make_vae

CALLS = 6000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("threads") / "bundle"
    vae = make_vae((6,), 2)
    kvae.export.bundle(
        vae, path, presets=["float32"], signatures=["decode", "score"], measure=False
    )
    return path


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_no_call_returns_what_another_thread_asked_for(path, threads):
    model, rng = runtime.Model(path), np.random.default_rng(0)
    z = rng.normal(size=(50, 1, 2)).astype("float32")
    x = rng.uniform(size=(50, 1, 6)).astype("float32")
    decoded, scores = [model.decode(row) for row in z], [model.score(row) for row in x]
    wrong, start = [], threading.Barrier(threads)

    def work(first):
        start.wait()
        for call in range(first, first + CALLS // threads):
            row = call % 50
            if not np.array_equal(model.decode(z[row]), decoded[row]):
                wrong.append(("decode", row))
            if not np.array_equal(model.score(x[row]), scores[row]):
                wrong.append(("score", row))

    workers = [threading.Thread(target=work, args=(7 * n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def _push_in_child(stream, recent, answers):
    answers.put((stream.push(np.zeros((8, 1)))[0].tolist(), recent.count))
    recent.push([3.0])
    answers.put(recent.limits())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_waits_for_no_thread_of_its_parent(tmp_path):
    """A thread of the parent may hold a lock at the moment of the fork, which none lets go of."""
    kvae.export.bundle(
        make_vae((4, 1), 2),
        tmp_path / "b",
        presets=["float32"],
        signatures=["score"],
        measure=False,
    )
    stream = runtime.Stream(runtime.Model(tmp_path / "b"), hop=4)
    recent = runtime.RecentThreshold(rate=0.5, size=4)
    recent.push([1.0, 2.0])
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    with stream._lock.here, recent._lock.here:
        child = context.Process(target=_push_in_child, args=(stream, recent, answers))
        child.start()
        try:
            assert answers.get(timeout=60) == ([0, 4], 2)
            assert answers.get(timeout=60) == (-np.inf, 2.0)
        finally:
            child.kill()
            child.join()


def _decode_in_child(model, z, answers):
    answers.put(model.decode(z))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("num_threads", [1, 2])
def test_a_forked_process_uses_the_model_it_inherited(path, num_threads):
    model, z = runtime.Model(path, num_threads=num_threads), np.ones((3, 2))
    expected = model.decode(z)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    children = [
        context.Process(target=_decode_in_child, args=(model, z, answers)) for _ in range(2)
    ]
    for child in children:
        child.start()
    found = [answers.get(timeout=60) for _ in children]
    for child in children:
        child.join(timeout=60)
        assert child.exitcode == 0
    for decoded in (*found, model.decode(z)):
        np.testing.assert_allclose(decoded, expected, atol=1e-6)
