"""The C library trains on the device what Python trains there."""

import hashlib
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from kvae.export import runtime
from kvae.export.runtime import Model, RecentThreshold
from tests.clients.c_project import compiled, litert_folder
from tests.helpers import ROOT
from tests.sensor import WINDOW, machine

pytestmark = pytest.mark.slow

FILE = "model-float32.tflite"

LEARN = """
#include <kvae.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell(size_t step, double loss, void *context) {
  (void)context;
  printf("loss %zu %.9g\\n", step, loss);
}

/* MODEL ROWS STEPS GUARD SAVED: trains on the doubles in ROWS; RESTORED in the place of ROWS takes
 * what was saved, RESET puts the shipped weights back. Prints scores of the rows in SCORED. */
int main(int count, char **arguments) {
  kvae_error error = {""};
  kvae_model *model;
  kvae_adaptation done;
  static double rows[1 << 16];
  if (kvae_open(arguments[1], &model, &error) != KVAE_OK) goto failed;
  for (int i = 2; i + 1 < count; i += 2) {
    const char *what = arguments[i], *value = arguments[i + 1];
    kvae_status status = KVAE_OK;
    size_t numbers = 0;
    if (strcmp(what, "learn") == 0 || strcmp(what, "score") == 0) {
      FILE *file = fopen(value, "rb");
      numbers = fread(rows, sizeof(double), 1 << 16, file);
      fclose(file);
    }
    kvae_input x = {"x", rows, numbers};
    if (strcmp(what, "learn") == 0) {
      kvae_training how = KVAE_TRAINING;
      how.steps = (size_t)atoi(arguments[i + 2]);
      how.seed = atoi(arguments[i + 3]);
      how.learning_rate = atof(arguments[i + 4]);
      how.guard_nats = atof(arguments[i + 5]);
      how.progress = tell;
      i += 4;
      status = kvae_adapt(model, &x, 1, &how, &done, &error);
      printf("done %zu %zu %.9g %.9g %.9g %d\\n", done.steps, done.skipped, done.first_loss,
             done.last_loss, done.guard, done.stopped);
    } else if (strcmp(what, "score") == 0) {
      double scores[64];
      status = kvae_score(model, &x, 1, scores, numbers / 32, &error);
      for (size_t j = 0; status == KVAE_OK && j < numbers / 32; j++)
        printf("score %.9g\\n", scores[j]);
    } else if (strcmp(what, "save") == 0) {
      status = kvae_save(model, value, &error);
    } else if (strcmp(what, "replace") == 0) {
      if (rename(value, arguments[1]) != 0) goto failed;
    } else if (strcmp(what, "restore") == 0) {
      status = kvae_restore(model, value, &error);
    } else {
      status = kvae_reset(model, &error);
    }
    if (status != KVAE_OK) printf("status %d %s\\n", status, error.message);
  }
  kvae_close(model);
  return 0;
failed:
  printf("status %s\\n", error.message);
  return 1;
}
"""

RECENT = """
#include <kvae.h>
#include <stdio.h>
#include <stdlib.h>

/* RATE SIZE TWO_SIDED SCORES: decides on each score before it is added. */
int main(int count, char **arguments) {
  kvae_error error = {""};
  kvae_recent *recent;
  kvae_decision decision;
  double score;
  (void)count;
  if (kvae_recent_open(atof(arguments[1]), (size_t)atoi(arguments[2]), atoi(arguments[3]), &recent,
                       &error) != KVAE_OK) {
    printf("%d %s\\n", recent == NULL, error.message);
    return 0;
  }
  FILE *file = fopen(arguments[4], "rb");
  while (fread(&score, sizeof score, 1, file) == 1) {
    kvae_status status = kvae_recent_decide(recent, &score, &decision, 1, &error);
    if (status == KVAE_OK) printf("%.17g %d\\n", decision.p_value, decision.is_anomaly);
    else printf("%d %s\\n", status, error.message);
    if (kvae_recent_push(recent, &score, 1, &error) != KVAE_OK) printf("%s\\n", error.message);
  }
  fclose(file);
  kvae_recent_close(recent);
  kvae_recent_close(NULL);
  return 0;
}
"""


@pytest.fixture(scope="module")
def learn(c_project, tmp_path_factory):
    """The program that trains, built with sanitizers: arguments -> the lines that it prints."""
    program = built(c_project, tmp_path_factory.mktemp("learn"), LEARN)

    def run(bundle, *arguments, preset="float32"):
        return lines(program, bundle / f"model-{preset}.tflite", *arguments)

    return run


def built(c_project, folder, text):
    litert = litert_folder()
    (folder / "program.c").write_text(text)
    library = next(c_project.rglob("libkvae.a"))
    return compiled(
        folder / "program.c", library, f"-L{litert}", "-lLiteRt", f"-Wl,-rpath,{litert}"
    )


def lines(program, *arguments):
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done.stdout.splitlines()


def numbers(found, name):
    """The last number of each line of a name."""
    return np.array([line.split()[-1] for line in found if line.startswith(name)], "float64")


@pytest.fixture
def rows(tmp_path):
    """Windows of another machine, as an array and as a file of doubles."""
    x = machine(np.random.default_rng(1), 50, gain=1.2, offset=0.2)
    x.astype("float64").tofile(tmp_path / "rows")
    x[:20].astype("float64").tofile(tmp_path / "few")
    return x


def test_one_seed_learns_in_c_what_it_learns_in_python(learner, learn, rows, tmp_path):
    model = Model(learner)
    found = learn(
        learner,
        *("score", tmp_path / "few", "learn", tmp_path / "rows", 60, -7, 0.003, "inf"),
        *("score", tmp_path / "few", "save", tmp_path / "learned", "reset", "-"),
        *("score", tmp_path / "few", "restore", tmp_path / "learned", "score", tmp_path / "few"),
    )
    before, after, reset, restored = numbers(found, "score").reshape(4, 20)
    shipped = model.score(rows[:20])
    np.testing.assert_allclose(before, shipped, rtol=1e-5)
    done = model.adapt(rows, steps=60, seed=-7, learning_rate=3e-3, guard_nats=np.inf)
    np.testing.assert_allclose(numbers(found, "loss"), done.losses, rtol=1e-4)
    np.testing.assert_allclose(after, model.score(rows[:20]), rtol=1e-4)
    assert np.mean(before - after) > 1.0
    np.testing.assert_array_equal(reset, before)
    np.testing.assert_array_equal(restored, after)
    (last,) = [line.split()[1:] for line in found if line.startswith("done")]
    assert last[:2] == ["60", "0"]
    assert (last[4], last[5]) == ("nan", "0")


def test_c_and_python_read_what_the_other_saves(learner, learn, rows, tmp_path):
    learn(learner, "learn", tmp_path / "rows", 30, 1, 0.003, "inf", "save", tmp_path / "of_c")
    model = Model(learner)
    model.restore(tmp_path / "of_c")
    found = learn(learner, "restore", tmp_path / "of_c", "score", tmp_path / "few")
    np.testing.assert_allclose(model.score(rows[:20]), numbers(found, "score"), rtol=1e-5)
    model.save(tmp_path / "of_python")
    assert (tmp_path / "of_python").read_bytes() == (tmp_path / "of_c").read_bytes()
    assert (tmp_path / "of_c").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "of_c", "of_python", "rows"]


@pytest.mark.parametrize("guard_nats", [4.0, -1.0])
def test_the_guard_stops_where_pythons_does(learner, learn, rows, tmp_path, guard_nats):
    """-1 is the default, 0.1 for each of the 32 numbers of a window."""
    found = learn(
        learner,
        *("learn", tmp_path / "rows", 300, 3, 0.01, guard_nats, "score", tmp_path / "few"),
    )
    (steps, _, _, _, worse, stopped) = found[-21].split()[1:]
    model = Model(learner)
    guard = {"guard_nats": guard_nats} if guard_nats > 0 else {}
    done = model.adapt(rows, steps=300, seed=3, learning_rate=0.01, **guard)
    assert stopped == "1"
    assert done.stopped
    assert int(steps) == len(done.losses) < 300
    np.testing.assert_allclose(float(worse), done.guard, rtol=1e-3)
    np.testing.assert_allclose(numbers(found, "score"), model.score(rows[:20]), rtol=1e-4)


def test_the_guard_counts_from_the_scores_of_the_file(learner, learn, rows, tmp_path):
    """Those of Keras differ by rounding, which large scores make larger than what is learned."""
    other = shutil.copytree(learner, tmp_path / "other")
    (other / "SHA256SUMS").unlink()
    golden = Model(learner).golden()
    golden["expected/score/score"] -= 50.0
    np.savez(other / "golden.npz", **golden)
    how = ("learn", tmp_path / "rows", 30, 3, 0.003, -1, "save", tmp_path / "learned")
    told = [line for line in learn(learner, *how) if line.startswith("done")]
    assert [line for line in learn(other, *how) if line.startswith("done")] == told
    again = ("restore", tmp_path / "learned", "learn", tmp_path / "rows", 1, 3, 1e-6, 1e9)
    (worse,) = [line.split()[5] for line in learn(other, *again) if line.startswith("done")]
    model = Model(learner)
    model.restore(tmp_path / "learned")
    assert float(worse) == pytest.approx(model.forgotten(), rel=1e-2)
    assert abs(float(worse)) > 0.01


def test_a_step_that_is_not_finite_changes_nothing(learner, learn, rows, tmp_path):
    np.full((20, *WINDOW), 1e30).tofile(tmp_path / "huge")
    found = learn(
        learner,
        *("score", tmp_path / "few", "learn", tmp_path / "huge", 5, 0, 0.01, "inf"),
        *("score", tmp_path / "few"),
    )
    (steps, skipped, *_) = found[25].split()[1:]
    assert (steps, skipped) == ("5", "5")
    before, after = numbers(found, "score").reshape(2, 20)
    np.testing.assert_array_equal(before, after)


def test_a_damaged_or_foreign_file_is_refused_and_changes_nothing(learner, learn, rows, tmp_path):
    learn(learner, "learn", tmp_path / "rows", 5, 0, 0.003, "inf", "save", tmp_path / "learned")
    content = (tmp_path / "learned").read_bytes()
    (tmp_path / "cut").write_bytes(content[:-1])
    (tmp_path / "flipped").write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    (tmp_path / "long").write_bytes(content + b"\0")
    (tmp_path / "empty").write_bytes(b"")
    other = shutil.copytree(learner, tmp_path / "other")
    (other / "SHA256SUMS").unlink()
    with (other / FILE).open("ab") as file:
        file.write(bytes(16))  # LiteRT ignores it, and the digest is another one
    found = learn(
        learner,
        *("score", tmp_path / "few"),
        *[
            part
            for name in ("cut", "flipped", "long", "empty")
            for part in ("restore", tmp_path / name)
        ],
        *("restore", tmp_path / "absent", "score", tmp_path / "few"),
    )
    told = [line for line in found if line.startswith("status")]
    assert len(told) == 5
    assert all("is damaged, or is not what kvae_save wrote" in line for line in told[:4])
    assert "absent cannot be opened" in told[4]
    before, after = numbers(found, "score").reshape(2, 20)
    np.testing.assert_array_equal(before, after)
    (line,) = learn(other, "restore", tmp_path / "learned")
    assert "learned belongs to another model file" in line


def test_what_is_restored_is_a_file(learner, learn, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = learn(learner, *("restore", tmp_path / "pipe", "restore", tmp_path))
    told = [f"{tmp_path / 'pipe'} is no regular file", f"{tmp_path} is a folder"]
    assert found == [f"status 2 {sentence}" for sentence in told]


def test_what_is_learned_belongs_to_the_file_that_was_opened(learner, learn, rows, tmp_path):
    """Another file lies at its path before the save."""
    copy = shutil.copytree(learner, tmp_path / "copy")
    (copy / "SHA256SUMS").unlink()
    other = tmp_path / "other"
    other.write_bytes((copy / FILE).read_bytes() + bytes(16))
    found = learn(
        copy,
        *("learn", tmp_path / "rows", 5, 0, 0.003, "inf"),
        *("replace", other, "save", tmp_path / "learned"),
    )
    assert not [line for line in found if line.startswith("status")]
    assert (copy / FILE).stat().st_size == (learner / FILE).stat().st_size + 16
    Model(learner).restore(tmp_path / "learned")


def test_nan_in_a_saved_file_is_refused(learner, learn, tmp_path):
    model = Model(learner)
    state = model._state()
    state[3] = np.nan
    body = model._header() + state.astype("<f4").tobytes()
    (tmp_path / "nan").write_bytes(body + hashlib.sha256(body).digest())
    (line,) = learn(learner, "restore", tmp_path / "nan")
    assert line.endswith("nan holds NaN or infinity")


def test_a_save_that_fails_leaves_the_old_file(learner, learn, rows, tmp_path):
    (tmp_path / "folder").mkdir()
    (line,) = learn(learner, "save", tmp_path / "folder")
    assert line.endswith("folder cannot be written: it is a folder")
    (line,) = learn(learner, "save", tmp_path / "no such folder" / "learned")
    assert line.endswith("learned cannot be written")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "folder", "rows"]


def test_several_processes_may_save_to_one_path(learner, c_project, tmp_path):
    program, path = built(c_project, tmp_path, LEARN), tmp_path / "learned"
    command = [program, learner / FILE, *["save", path] * 100]
    running = [
        subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [each.communicate(timeout=120)[0] for each in running] == ["", "", ""]
    Model(learner).restore(path)
    assert not (tmp_path / "learned.part").exists()


def test_a_save_follows_no_link_and_is_private(learner, learn, tmp_path):
    """Somebody else has put something there before."""
    other, path = tmp_path / "other", tmp_path / "learned"
    other.write_text("precious")
    (tmp_path / "learned.part").symlink_to(other)
    assert learn(learner, "save", path) == []
    assert other.read_text() == "precious"
    assert not path.is_symlink()
    (tmp_path / "learned.part").touch(0o644)
    assert learn(learner, "save", path) == []
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_save_writes_to_what_a_link_leads_to(learner, learn, tmp_path):
    (tmp_path / "store").mkdir()
    target, link, far = tmp_path / "store" / "kept", tmp_path / "link", tmp_path / "store" / "far"
    link.symlink_to("store/far")
    far.symlink_to(target)
    for _ in range(2):  # at first there is nothing at the target
        assert learn(learner, "save", link) == []
        assert link.is_symlink()
        assert far.is_symlink()
        Model(learner).restore(target)
    assert sorted(path.name for path in target.parent.iterdir()) == ["far", "kept"]


def test_a_save_replaces_nothing_but_files(learner, learn, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    (tmp_path / "to pipe").symlink_to("pipe")
    (tmp_path / "itself").symlink_to("itself")
    reasons = {
        "pipe": "it is no regular file",
        "to pipe": "it is no regular file",
        "empty": "it is a folder",
        "itself": "its links lead nowhere",
    }
    for name, reason in reasons.items():
        (line,) = learn(learner, "save", tmp_path / name)
        assert line.endswith(f"{name} cannot be written: {reason}")
    assert (tmp_path / "pipe").is_fifo()
    assert {path.name for path in tmp_path.iterdir()} == set(reasons)


def test_a_save_does_not_replace_the_model_file(learner, learn, tmp_path):
    bundle = shutil.copytree(learner, tmp_path / "bundle")
    file = bundle / FILE
    old = file.read_bytes()
    (tmp_path / "soft").symlink_to(file)
    (tmp_path / "hard").hardlink_to(file)
    for path in (file, tmp_path / "soft", tmp_path / "hard"):
        (line,) = learn(bundle, "save", path)
        assert line == f"status 3 {path} is the file of the model itself"
    assert file.read_bytes() == old
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bundle", "hard", "soft"]


# LINK FILE: follows a link, and writes a file, where something that the system gives is refused.
REFUSING = """
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

static int blocks = 1000, streams = 1000; /* that are still given */
static void *block_of(size_t size) { return blocks-- > 0 ? malloc(size) : NULL; }
static FILE *stream_of(int descriptor, const char *mode) {
  return streams-- > 0 ? fdopen(descriptor, mode) : NULL;
}

#define malloc block_of
#define fdopen stream_of
#include "learned.c"

static int next_descriptor(void) {
  int descriptor = open("/dev/null", O_RDONLY);
  close(descriptor);
  return descriptor;
}

int main(int count, char **arguments) {
  static const char header[HEADER + 1];
  kvae_error error = {""};
  char *file;
  double state = 1.0;
  int next = next_descriptor();
  (void)count;
  streams = 0;
  printf("%d", write_file(arguments[2], header, &state, 1, &error));
  printf(" %s, %d left open\\n", error.message, next_descriptor() - next);
  streams = 1000;
  blocks = 1;
  printf("%d", resolve(arguments[1], &file, &error));
  printf(" %s\\n", error.message);
  free(file);
  blocks = 1;
  printf("%d", write_file(arguments[2], header, &state, 1, &error));
  printf(" %s\\n", error.message);
  return 0;
}
"""


def test_a_save_without_memory_leaves_nothing_and_says_so(c_project, tmp_path):
    program, saves = built(c_project, tmp_path, REFUSING), tmp_path / "saves"
    saves.mkdir()
    (saves / "link").symlink_to("learned")
    assert lines(program, saves / "link", saves / "learned") == [
        f"2 {saves / 'learned'} cannot be written, 0 left open",
        "1 there is not enough memory",
        "1 there is not enough memory",
    ]
    assert [path.name for path in saves.iterdir()] == ["link"]


def test_what_adapt_expects_is_said(learner, learn, rows, tmp_path):
    wrong = {
        ("rows", 0, 0, 0.01, -1): "expected steps and check_every of at least 1",
        ("rows", 5, 0, -0.5, -1): "expected a positive learning_rate: -0.5",
        ("rows", 5, 0, "nan", -1): "expected a positive learning_rate",
        ("rows", 5, 0, "1e39", -1): "expected a positive learning_rate: 1e+39",
        ("rows", 5, 0, "1e-50", -1): "expected a positive learning_rate: 1e-50",
        ("rows", 5, 0, 0.01, -2): "expected guard_nats of at least 0: -2",
        ("short", 5, 0, 0.01, -1): "expected a whole number of rows of 32 numbers: x has 33",
        ("nan", 5, 0, 0.01, -1): "expected finite numbers: x",
    }
    np.zeros(33).tofile(tmp_path / "short")
    np.full(32, np.nan).tofile(tmp_path / "nan")
    for (file, *how), sentence in wrong.items():
        found = learn(learner, "learn", tmp_path / file, *how)
        assert sentence in found[-1], found
    refused = learn(learner, "learn", tmp_path / "rows", 1, 0, 0.01, -1, preset="int8-weights")
    assert refused[-1].endswith(
        "expected a file that trains its weights, exported with trainable=..."
    )


def test_the_guard_needs_the_golden_rows(learner, learn, rows, tmp_path):
    lone = shutil.copytree(learner, tmp_path / "lone")
    for name in ("golden.npz", "SHA256SUMS"):
        (lone / name).unlink()
    found = learn(lone, "learn", tmp_path / "rows", 5, 0, 0.01, -1)
    assert found[-1].endswith("golden.npz is missing, which the guard scores")
    found = learn(lone, "learn", tmp_path / "rows", 5, 0, 0.01, "inf")
    assert found[-1].startswith("done 5 0 ")
    (lone / "golden.npz").write_bytes((learner / "golden.npz").read_bytes()[:-7])
    found = learn(lone, "learn", tmp_path / "rows", 5, 0, 0.01, -1)
    assert found[-1].endswith("golden.npz is damaged")


GOLDEN = """
#include "golden.h"
#include <stdio.h>

/* Prints an array, or reads every shortened and every altered copy of the archive. */
int main(int count, char **arguments) {
  static uint8_t bytes[1 << 16];
  FILE *file = fopen(arguments[1], "rb");
  size_t size = fread(bytes, 1, sizeof bytes, file), read = 0;
  Numbers numbers;
  fclose(file);
  if (count > 3) {
    for (size_t i = 0; i < size; i++) {
      uint8_t *exact = malloc(size), *cut = malloc(i + 1);
      memcpy(exact, bytes, size);
      memcpy(cut, bytes, i);
      for (int bit = 0; bit < 8; bit += 7) {
        exact[i] = bytes[i] ^ (uint8_t)(1 << bit);
        read += read_golden(exact, size, arguments[2], &numbers) == FOUND;
        free(numbers.values);
      }
      read += read_golden(cut, i, arguments[2], &numbers) == FOUND;
      free(numbers.values);
      free(exact);
      free(cut);
    }
    printf("%zu\\n", read);
    return 0;
  }
  int found = read_golden(bytes, size, arguments[2], &numbers);
  printf("%d\\n", found);
  for (size_t i = 0; i < numbers.count; i++) printf("%.17g\\n", numbers.values[i]);
  free(numbers.values);
  return 0;
}
"""


def test_golden_numbers_are_those_that_numpy_wrote(tmp_path):
    (tmp_path / "golden.c").write_text(GOLDEN)
    program = compiled(tmp_path / "golden.c")
    rng = np.random.default_rng(0)
    arrays = {
        "inputs/score/x": rng.normal(size=(3, 4)).astype("float32"),
        "inputs/sample/seed": np.array([[-(2**31), 2**31 - 1]], "int32"),
        "inputs/encode/x": rng.integers(0, 256, size=(2, 5), dtype="uint8"),
    }
    np.savez(tmp_path / "golden.npz", **arrays)
    for name, values in arrays.items():
        status, *found = lines(program, tmp_path / "golden.npz", name)
        assert status == "0"
        np.testing.assert_array_equal(np.array(found, "float64"), values.reshape(-1))
    assert lines(program, tmp_path / "golden.npz", "inputs/score/y") == ["1"]
    np.savez_compressed(tmp_path / "small.npz", **arrays)
    assert lines(program, tmp_path / "small.npz", "inputs/score/x") == ["2"]
    np.savez(tmp_path / "wide.npz", x=np.zeros(3))  # float64
    assert lines(program, tmp_path / "wide.npz", "x") == ["2"]
    (read,) = lines(program, tmp_path / "golden.npz", "inputs/encode/x", "mutate")
    assert int(read) > 0  # and the sanitizers found nothing


@pytest.mark.parametrize(
    ("rate", "size", "two_sided"), [(0.1, 30, False), (0.1, 30, True), (0.29, 100, False)]
)
def test_recent_scores_decide_as_in_python(c_project, tmp_path, rate, size, two_sided):
    scores = np.random.default_rng(2).normal(size=120).astype("float32").astype("float64")
    scores[50:60] = scores[40:50]  # ties
    scores.tofile(tmp_path / "scores")
    recent = RecentThreshold(rate, size, two_sided)
    program = built(c_project, tmp_path, RECENT)
    found = lines(program, rate, size, int(two_sided), tmp_path / "scores")
    assert len(found) == len(scores)
    for line, score in zip(found, scores, strict=True):
        try:
            low, high = recent.limits()
        except ValueError:
            least = f"expected at least {recent.least} scores, for a rate of {rate}: {recent.count}"
            assert line == f"5 {least}"
        else:
            p, decided = line.split()
            assert float(p) == recent.p_values([score])[0]
            assert int(decided) == (score < low or score > high)
        recent.push([score])


def test_a_recent_threshold_says_what_it_expects(c_project, tmp_path):
    program = built(c_project, tmp_path, RECENT)
    (line,) = lines(program, 1.5, 10, 0, "-")
    assert line == "1 expected a rate in (0, 1): 1.5"
    (line,) = lines(program, 0.1, 5, 0, "-")
    assert line == "1 expected a size of at least 9, for a rate of 0.1: 5"
    np.array([1.0, np.nan]).tofile(tmp_path / "scores")
    found = lines(program, 0.5, 10, 0, tmp_path / "scores")
    assert found[-1] == "expected scores to be finite"


def test_nothing_is_decided_about_nan(c_project, tmp_path):
    """It is above every limit by its p-value, and within them by a comparison."""
    program = built(c_project, tmp_path, RECENT)
    np.array([1.0, 2.0, 3.0, np.nan, 4.0, np.inf]).tofile(tmp_path / "scores")
    found = lines(program, 0.5, 3, 0, tmp_path / "scores")
    assert found[3:5] == ["3 expected scores to be numbers: NaN", "expected scores to be finite"]
    assert found[5:7] == ["0.25 1", "0.25 1"]


FEW_BITS = """
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define size_t uint16_t
#include "recent.c"

/* Pushes 200,000 scores, and compares with the last three each time. */
int main(void) {
  kvae_recent *recent;
  if (kvae_recent_open(0.5, 3, 0, &recent, NULL) != KVAE_OK) return 1;
  for (int i = 0; i < 200000; i++) {
    double score = i, beyond = i - 1;
    kvae_decision decision;
    kvae_recent_push(recent, &score, 1, NULL);
    if (i < 2) continue;
    if (kvae_recent_decide(recent, &beyond, &decision, 1, NULL) != KVAE_OK) return 2;
    if (decision.p_value != 0.75 || recent->sorted.scores[0] != (float)(i - 2)) return 3;
  }
  kvae_recent_close(recent);
  return 0;
}
"""


def test_scores_may_be_pushed_for_ever(tmp_path):
    """On a device of 32 bits a count of them ends after some months; here it has 16 bits."""
    (tmp_path / "few_bits.c").write_text(FEW_BITS)
    assert lines(compiled(tmp_path / "few_bits.c", "-w")) == []


def test_the_batches_are_those_of_the_formula():
    """lowbias32 in Python's whole numbers."""

    def mixed(word):
        word = ((word ^ word >> 16) * 0x7FEB352D) % 2**32
        word = ((word ^ word >> 15) * 0x846CA68B) % 2**32
        return word ^ word >> 16

    for seed, step, count in ((0, 0, 1), (-1, 3, 1000), (2**31 - 1, 999, 2**31 - 1)):
        word = mixed((mixed((seed + 0x9E3779B9) % 2**32) + step) % 2**32)
        expected = [mixed((word + i * 0x9E3779B9) % 2**32) * count >> 32 for i in range(16)]
        found = runtime.rows_of_step(seed, step, count, 16)
        assert found.tolist() == expected
    every = np.concatenate([runtime.rows_of_step(5, step, 50, 16) for step in range(2000)])
    shares = np.bincount(every, minlength=50) / len(every)
    assert 0.8 / 50 < shares.min() <= shares.max() < 1.2 / 50


def test_the_documented_program_learns_and_decides(c_project, learner, tmp_path):
    """docs/on_device_learning.md, on windows of 64 samples of three channels."""
    text = (ROOT / "docs" / "on_device_learning.md").read_text("utf-8")
    (code,) = re.findall(r"```c\n(.*?)```", text, re.DOTALL)
    program = built(c_project, tmp_path, code.replace("64 * 3", "16 * 2"))
    rng = np.random.default_rng(3)
    x = machine(rng, 300, gain=1.1, offset=0.1)
    np.savetxt(tmp_path / "rows.txt", x.reshape(300, -1), fmt="%.9g")
    command = [program, learner / FILE, tmp_path / "rows.txt", 150, 100]
    done = subprocess.run(
        list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, last, alarms = re.fullmatch(
        r"loss (\S+) to (\S+), (\d+) alarms on 50 rows\n", done.stdout
    ).groups()
    assert float(last) < float(first)
    assert int(alarms) <= 5
    Model(learner).restore(tmp_path / "learned.bin")
    mistakes = {
        (): "usage: learn MODEL ROWS.txt LEARN THRESHOLD",
        (learner / FILE, "absent.txt", 1, 1): "absent.txt: No such file or directory",
        (learner / FILE, "rows.txt", 200, 100): "expected more than LEARN + THRESHOLD windows: 300",
    }
    for arguments, sentence in mistakes.items():
        command = list(map(str, [program, *arguments]))
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{sentence}\n")
