"""The C library: its errors, threads, damaged files, and what other projects get of it."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import kvae
from kvae.export import runtime
from tests.clients.c_project import SOURCES, build, compiled, litert_folder
from tests.helpers import ROOT, relative

pytestmark = pytest.mark.slow

GOLDENS = ROOT / "tests" / "goldens" / "v1"
MODEL = "model-float32.tflite"
SENSOR = ROOT / "kvae/zoo/bundles/sensor-64/model-float16.tflite"  # with thresholds

USAGE = """
#include <kvae.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static int wrong = 0;

static void expect(kvae_status found, kvae_status wanted, kvae_error *error, const char *part) {
  if (found == wanted && strstr(error->message, part) != NULL) return;
  printf("status %d, %s: expected %d, %s\\n", found, error->message, wanted, part);
  wrong = 1;
}

int main(int count, char **arguments) {
  kvae_error error = {""};
  kvae_model *model;
  kvae_signature decode;
  kvae_decision decision;
  double z[4] = {0.0, 0.0, 1.0, 1.0}, bad[4] = {0.5, 0.5, 0.5, 7.0}, mean[8];
  double large[2] = {0.0, 1e39};
  kvae_input points = {"z", z, 4}, one = {"z", z, 2}, rows = {"x", bad, 4};
  kvae_input twice[2] = {points, points}, pair[2] = {{"z_a", z, 4}, {"z_b", z, 2}};
  kvae_output means = {"mean", mean, 8}, small = {"mean", mean, 4}, other = {"moan", mean, 8};

  (void)count;
  expect(kvae_open(arguments[2], &model, &error), KVAE_BAD_FILE, &error,
         "absent.tflite cannot be opened: No such file or directory");
  if (model != NULL || kvae_open(arguments[2], &model, NULL) != KVAE_BAD_FILE) wrong = 1;
  expect(kvae_open(arguments[1], &model, &error), KVAE_OK, &error, "");
  expect(kvae_describe(model, "decode", &decode, &error), KVAE_OK, &error, "");
  if (decode.input_count != 1 || strcmp(decode.inputs[0].name, "z") != 0) wrong = 1;
  if (decode.inputs[0].size != 2 || decode.inputs[0].type != KVAE_FLOAT32) wrong = 1;
  expect(kvae_run(model, "paint", &points, 1, &means, 1, &error), KVAE_BAD_ARGUMENT, &error,
         "no such signature: paint. It has: ");
  if (kvae_signature_name(NULL, 0) != NULL) wrong = 1;
  size_t names = 0, decodes = 0;
  for (const char *name; (name = kvae_signature_name(model, names)) != NULL; names++)
    decodes += strcmp(name, "decode") == 0;
  if (decodes != 1 || kvae_signature_name(model, names + 1) != NULL) wrong = 1;
  expect(kvae_run(model, "decode", NULL, 0, &means, 1, &error), KVAE_BAD_ARGUMENT, &error,
         "decode needs the input z");
  expect(kvae_run(model, "decode", &rows, 1, &means, 1, &error), KVAE_BAD_ARGUMENT, &error,
         "no such input: x");
  expect(kvae_run(model, "decode", twice, 2, &means, 1, &error), KVAE_BAD_ARGUMENT, &error,
         "named twice: z");
  expect(kvae_run(model, "decode", &points, 1, &other, 1, &error), KVAE_BAD_ARGUMENT, &error,
         "no such output: moan");
  expect(kvae_run(model, "decode", &points, 1, &small, 1, &error), KVAE_BAD_ARGUMENT, &error,
         "room for 2 rows of 4 numbers");
  expect(kvae_run(model, "interpolate", pair, 2, NULL, 0, &error), KVAE_BAD_ARGUMENT, &error,
         "same number of rows");
  one.count = 3;
  expect(kvae_run(model, "decode", &one, 1, NULL, 0, &error), KVAE_BAD_ARGUMENT, &error,
         "whole number of rows of 2 numbers");
  one = (kvae_input){"z", large, 2};
  expect(kvae_run(model, "decode", &one, 1, NULL, 0, &error), KVAE_BAD_ARGUMENT, &error,
         "numbers that are finite in float32: z has 1e+39");
  large[1] = INFINITY;
  expect(kvae_run(model, "decode", &one, 1, NULL, 0, &error), KVAE_BAD_ARGUMENT, &error,
         "expected finite numbers: z[1] is inf");
  expect(kvae_score(model, &rows, 1, mean, 1, &error), KVAE_OUTSIDE_DOMAIN, &error,
         "Expected x to hold numbers in [0, 1]. Received: values in [0.5, 7]");
  expect(kvae_detect(model, &rows, 1, &decision, 1, &error), KVAE_NO_THRESHOLD, &error,
         "calibration rows");
  expect(kvae_sample(model, 1, 0, NULL, 0, mean, 0, &error), KVAE_BAD_ARGUMENT, &error,
         "at least one row");
  expect(kvae_run(model, "decode", &points, 1, &means, 1, &error), KVAE_OK, &error, "");
  expect(kvae_run(model, "decode", &points, 1, NULL, 0, NULL), KVAE_OK, &error, "");
  kvae_close(model);
  kvae_close(NULL);
  return wrong;
}
"""

THREADS = """
#include <kvae.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 4, CALLS = 200, NUMBERS = 4 };
static const char *path;
static double alone[CALLS][NUMBERS];

/* Opens a model and draws; compares with what one thread drew, or keeps the draws. */
static void *draw(void *keep) {
  kvae_model *model;
  double drawn[NUMBERS];
  int same = 1;
  if (kvae_open(path, &model, NULL) != KVAE_OK) return "open";
  for (int i = 0; i < CALLS; i++) {
    if (kvae_sample(model, i, 1, NULL, 0, drawn, NUMBERS, NULL) != KVAE_OK) same = 0;
    if (keep != NULL) memcpy(alone[i], drawn, sizeof drawn);
    same = same && memcmp(alone[i], drawn, sizeof drawn) == 0;
  }
  kvae_close(model);
  return same ? NULL : "differs";
}

int main(int count, char **arguments) {
  pthread_t threads[THREADS];
  void *said = NULL;
  (void)count;
  path = arguments[1];
  if (draw(arguments) != NULL) return 1;
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, draw, NULL) != 0) return 2;
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], &said);
    if (said != NULL) return 3;
  }
  return 0;
}
"""

WORKERS = """
#include <dirent.h>
#include <kvae.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tasks(void) {
  DIR *folder = opendir("/proc/self/task");
  int count = -2; /* . and .. */
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

/* Prints the threads beside the caller's that opening and running a model takes, and the draw. */
int main(int count, char **arguments) {
  kvae_error error = {""};
  kvae_model *model;
  double drawn[4];
  int before;
  if (kvae_open(arguments[1], &model, &error) != KVAE_OK) return 1; /* what LiteRT itself starts */
  if (kvae_sample(model, 3, 1, NULL, 0, drawn, 4, &error) != KVAE_OK) return 2;
  before = tasks();
  kvae_model *own;
  kvae_status status = kvae_open_threads(arguments[1], atoi(arguments[2]), &own, &error);
  if (status != KVAE_OK) {
    printf("%d %s\\n", status == KVAE_BAD_ARGUMENT, error.message);
    kvae_close(model);
    return own != NULL;
  }
  if (kvae_sample(own, 3, 1, NULL, 0, drawn, 4, &error) != KVAE_OK) return 3;
  printf("%d", tasks() - before);
  for (int i = 0; i < 4; i++) printf(" %.9g", drawn[i]);
  printf("\\n");
  kvae_close(own);
  kvae_close(model);
  (void)count;
  return 0;
}
"""

MUTATIONS = """
#include <stdio.h>

#include "decision.h"
#include "domain.h"

/* Changes up to three bytes of a table, 20,000 times, and uses what is still read of it. */
int main(int count, char **arguments) {
  static char text[4096], changed[4096], message[4096];
  static const char bytes[] = "\\t\\n\\0 -0179.exnXi\\377";
  double values[12] = {0.0, 1.0, 2.0};
  unsigned state = 1, read = 0;
  FILE *file = fopen(arguments[1], "rb");
  size_t length = fread(text, 1, sizeof text - 1, file);
  (void)count;
  fclose(file);
  for (int i = 0; i < 20000; i++) {
    Domain domain;
    Decision decision;
    memcpy(changed, text, sizeof text);
    for (int j = 0; j <= i % 3; j++) {
      state = state * 1664525u + 1013904223u;
      changed[(state >> 8) % length] = bytes[(state >> 24) % sizeof bytes];
    }
    if (arguments[2][0] == 'd') {
      if (read_domain(changed, &domain) == 1 && ++read)
        check_domain(&domain, "x", values, 12, message, sizeof message);
      free(domain.parts);
    } else {
      if (read_decision(changed, "model.tflite", &decision) == DECISION && ++read)
        read += !(p_value(&decision, 1.0f) > 0.0) * 100000;
      free(decision.scores);
    }
  }
  printf("%u\\n", read);
  return 0;
}
"""


# MODEL: judges a row of a bundle with thresholds, with room for more rows than there is memory for.
ROOM = """
#include <kvae.h>
#include <stdint.h>
#include <stdio.h>

int main(int count, char **arguments) {
  kvae_error error = {""};
  kvae_model *model;
  kvae_decision decision;
  static double window[128], drawn[1];
  kvae_input x = {"x", window, 128};
  (void)count;
  if (kvae_open(arguments[1], &model, &error) != KVAE_OK) return 1;
  if (kvae_detect(model, &x, 1, &decision, 1, &error) != KVAE_OK) return 2;
  if (kvae_detect(model, &x, 1, &decision, SIZE_MAX / 16, &error) != KVAE_BAD_ARGUMENT) return 3;
  printf("%s\\n", error.message);
  if (kvae_sample(model, 1, INT32_MAX, NULL, 0, drawn, 1, &error) != KVAE_BAD_ARGUMENT) return 4;
  printf("%s\\n", error.message);
  kvae_close(model);
  return 0;
}
"""


# MODEL: gives NULL to every function, in each place where it is not allowed.
NULLS = """
#include <kvae.h>
#include <stdio.h>
#include <string.h>

static kvae_error error;

static int refused(kvae_status status, int line) {
  int said = status == KVAE_BAD_ARGUMENT && strstr(error.message, "expected ") != NULL &&
             strstr(error.message, ", not NULL") != NULL;
  if (!said) printf("line %d: status %d, %s\\n", line, status, error.message);
  error.message[0] = 0;
  return said;
}

#define REFUSED(call) fine = refused(call, __LINE__) && fine

int main(int count, char **arguments) {
  static double window[128], numbers[128];
  kvae_model *model, *other;
  kvae_recent *recent;
  kvae_signature found;
  kvae_decision decision;
  kvae_training how = KVAE_TRAINING;
  kvae_input x = {"x", window, 128}, nameless = {NULL, window, 128}, empty = {"x", NULL, 128};
  kvae_output score = {"score", numbers, 1}, unnamed = {NULL, numbers, 1};
  kvae_output none = {"score", NULL, 1};
  int fine = 1;
  (void)count;
  if (kvae_open(arguments[1], &model, &error) != KVAE_OK) return 2;
  if (kvae_recent_open(0.5, 10, 0, &recent, &error) != KVAE_OK) return 3;
  REFUSED(kvae_open(NULL, &other, &error));
  if (other != NULL) return 4;
  REFUSED(kvae_open(arguments[1], NULL, &error));
  REFUSED(kvae_describe(NULL, "score", &found, &error));
  REFUSED(kvae_describe(model, NULL, &found, &error));
  REFUSED(kvae_describe(model, "score", NULL, &error));
  REFUSED(kvae_run(NULL, "score", &x, 1, &score, 1, &error));
  REFUSED(kvae_run(model, NULL, &x, 1, &score, 1, &error));
  REFUSED(kvae_run(model, "score", NULL, 1, &score, 1, &error));
  REFUSED(kvae_run(model, "score", &nameless, 1, &score, 1, &error));
  REFUSED(kvae_run(model, "score", &empty, 1, &score, 1, &error));
  REFUSED(kvae_run(model, "score", &x, 1, NULL, 1, &error));
  REFUSED(kvae_run(model, "score", &x, 1, &unnamed, 1, &error));
  REFUSED(kvae_run(model, "score", &x, 1, &none, 1, &error));
  REFUSED(kvae_sample(NULL, 1, 1, NULL, 0, numbers, 128, &error));
  REFUSED(kvae_sample(model, 1, 1, NULL, 1, numbers, 128, &error));
  REFUSED(kvae_sample(model, 1, 1, NULL, 0, NULL, 128, &error));
  REFUSED(kvae_score(NULL, &x, 1, numbers, 1, &error));
  REFUSED(kvae_score(model, &x, 1, NULL, 1, &error));
  REFUSED(kvae_detect(NULL, &x, 1, &decision, 1, &error));
  REFUSED(kvae_detect(model, NULL, 1, &decision, 1, &error));
  REFUSED(kvae_detect(model, &empty, 1, &decision, 1, &error));
  REFUSED(kvae_detect(model, &x, 1, NULL, 1, &error));
  REFUSED(kvae_adapt(NULL, &x, 1, &how, NULL, &error));
  REFUSED(kvae_adapt(model, &x, 1, NULL, NULL, &error));
  REFUSED(kvae_save(NULL, "learned", &error));
  REFUSED(kvae_save(model, NULL, &error));
  REFUSED(kvae_restore(NULL, "learned", &error));
  REFUSED(kvae_restore(model, NULL, &error));
  REFUSED(kvae_reset(NULL, &error));
  REFUSED(kvae_recent_open(0.5, 10, 0, NULL, &error));
  REFUSED(kvae_recent_push(NULL, numbers, 1, &error));
  REFUSED(kvae_recent_push(recent, NULL, 1, &error));
  REFUSED(kvae_recent_decide(NULL, numbers, &decision, 1, &error));
  REFUSED(kvae_recent_decide(recent, NULL, &decision, 1, &error));
  REFUSED(kvae_recent_decide(recent, numbers, NULL, 1, &error));
  kvae_recent_close(recent);
  kvae_close(model);
  return fine ? 0 : 1;
}
"""


def program(c_project, folder, text):
    """Compile a program that uses the installed library."""
    litert = litert_folder()
    (folder / "program.c").write_text(text)
    library = next(c_project.rglob("libkvae.a"))
    linked = [library, f"-L{litert}", "-lLiteRt", f"-Wl,-rpath,{litert}", "-pthread"]
    return compiled(folder / "program.c", *linked)


def run(*command):
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=120
    )


def test_every_mistake_has_a_status_and_a_sentence(c_project, tmp_path):
    mistakes = program(c_project, tmp_path, USAGE)
    done = run(mistakes, GOLDENS / "vae" / "bundle" / MODEL, tmp_path / "absent.tflite")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]


def test_rows_are_counted_before_memory_is_taken_for_them(c_project, tmp_path):
    done = run(program(c_project, tmp_path, ROOM), SENSOR)
    assert done.returncode == 0, done.stderr[-2000:]
    most = (2**64 - 1) // 16 if sys.maxsize > 2**32 else (2**32 - 1) // 16
    detected, drawn = done.stdout.splitlines()
    assert detected == f"expected room for 1 row of 1 number: score has room for {most}"
    assert drawn == "expected room for 2147483647 rows of 128 numbers: mean has room for 1"


def test_null_is_refused_with_a_sentence(c_project, tmp_path):
    done = run(program(c_project, tmp_path, NULLS), SENSOR)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]


def test_models_in_several_threads_draw_what_one_thread_draws(c_project, tmp_path):
    done = run(program(c_project, tmp_path, THREADS), GOLDENS / "vae" / "bundle" / MODEL)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_model_has_the_threads_that_it_was_opened_with(c_project, tmp_path):
    workers = program(c_project, tmp_path, WORKERS)
    model = GOLDENS / "vae" / "bundle" / MODEL
    found = {}
    for threads in (1, 3):
        done = run(workers, model, threads)
        assert done.returncode == 0, done.stderr[-2000:]
        own, *drawn = done.stdout.split()
        found[threads] = int(own), drawn
    assert (found[1][0], found[3][0]) == (0, 2)  # the caller's is one of them
    assert found[1][1] == found[3][1]
    refused = run(workers, model, 0)
    assert (refused.returncode, refused.stdout) == (0, "1 expected at least one thread: 0\n")
    refused = run(workers, model, 257)
    assert (refused.returncode, refused.stdout) == (0, "1 expected at most 256 threads: 257\n")


@pytest.fixture
def folder(tmp_path):
    """A bundle of which a test damages a file."""
    return shutil.copytree(GOLDENS / "vae" / "bundle", tmp_path / "bundle")


@pytest.mark.parametrize("name", [MODEL, "domain.tsv"])
def test_an_altered_file_is_refused_before_it_is_parsed(c_project, folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    done = run(c_project / "bin" / "decode", folder / MODEL)
    assert (done.returncode, done.stdout) == (1, "")
    sentence = f"{name} is not the file that SHA256SUMS lists, or SHA256SUMS is damaged"
    assert f"Error: {sentence}\n" in done.stderr


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8])
def test_a_file_that_is_cut_off_is_refused(c_project, folder, share):
    content = (folder / MODEL).read_bytes()
    (folder / MODEL).write_bytes(content[: int(share * len(content))])
    done = run(c_project / "bin" / "decode", folder / MODEL)
    assert (done.returncode, done.stdout) == (1, "")
    assert "SHA256SUMS lists" in done.stderr


def test_what_is_no_model_is_said_with_its_path(c_project, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("timestamp,ax,ay,az")
    (tmp_path / "short").write_bytes(b"\x1c\0\0\0TFL")
    os.mkfifo(tmp_path / "pipe")
    told = {
        "folder": "is a folder",
        "empty": "is no TFLite model",
        "text": "is no TFLite model",
        "short": "is no TFLite model",
        "pipe": "is no regular file",
        "folder/absent": "cannot be opened: No such file or directory",
        "empty/absent": "cannot be opened: Not a directory",
    }
    for name, sentence in told.items():
        done = run(c_project / "bin" / "decode", tmp_path / name)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"Error: {tmp_path / name} {sentence}\n" in done.stderr


def test_an_empty_cell_is_no_number(c_project, tmp_path):
    """What stands behind it would move into its place."""
    decode, model = c_project / "bin" / "decode", GOLDENS / "vae" / "bundle" / MODEL
    empty = {
        "1,,2": 1,
        ",1": 1,
        "1,": 1,
        "1,2,\n3,4\n": 1,
        "1,2\n , 3": 2,
        "1,2\r\n3,\r\n": 2,
        ",": 1,
    }
    for text, line in empty.items():
        (tmp_path / "z.csv").write_bytes(text.encode())
        for values, place in ((text, ""), (f"@{tmp_path / 'z.csv'}", f" in line {line}")):
            done = run(decode, model, "decode", f"z={values}")
            assert (done.returncode, done.stdout) == (1, ""), text
            hint = "is no number; write nan where a value is missing"
            assert f"Error: z: an empty cell{place} {hint}\n" in done.stderr, text
    expected = run(decode, model, "decode", "z=1,2,3,4")
    assert expected.returncode == 0
    for text in ("1 2 3 4", " 1 , 2\r\n3,\t4\r\n\n", "\n1\n2\n3\n4"):
        (tmp_path / "z.csv").write_bytes(text.encode())
        assert run(decode, model, "decode", f"z=@{tmp_path / 'z.csv'}").stdout == expected.stdout


@pytest.mark.parametrize("content", [b"1,2\n\x003,4\n", b"1,2\n\0", b"\x001,2"])
def test_a_file_that_is_no_text_is_refused(c_project, tmp_path, content):
    (tmp_path / "z.csv").write_bytes(content)
    model = GOLDENS / "vae" / "bundle" / MODEL
    done = run(c_project / "bin" / "decode", model, "decode", f"z=@{tmp_path / 'z.csv'}")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Error: a file is no text, it holds a byte of 0: {tmp_path / 'z.csv'}\n" in done.stderr
    assert "Sanitizer" not in done.stderr


def test_a_closed_standard_output_is_an_error(c_project):
    """Otherwise a file that the program opens takes its place, and the output."""
    decode, model = c_project / "bin" / "decode", GOLDENS / "vae" / "bundle" / MODEL
    for wanted in ("decode", "list"):
        done = run("sh", "-c", 'exec "$0" "$@" >&-', decode, model, wanted)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "Error: the standard output is closed\n"


def test_a_table_that_is_missing_is_an_error(c_project, folder):
    (folder / "domain.tsv").unlink()
    done = run(c_project / "bin" / "decode", folder / MODEL)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: domain.tsv is missing\n" in done.stderr


@pytest.mark.parametrize("target", [None, "nowhere"], ids=["itself", "nowhere"])
@pytest.mark.parametrize("name", ["SHA256SUMS", "domain.tsv"])
def test_a_file_that_is_there_and_does_not_open_is_an_error(c_project, folder, name, target):
    """As one without permission is, which a test that runs as root cannot make: a link."""
    if name != "SHA256SUMS":
        (folder / "SHA256SUMS").unlink()
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target or name)
    done = run(c_project / "bin" / "decode", folder / MODEL)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Error: {name} cannot be read\n" in done.stderr


@pytest.mark.parametrize("name", ["SHA256SUMS", "domain.tsv", "decision.tsv"])
def test_a_pipe_in_the_place_of_a_table_is_an_error(c_project, folder, name):
    """Nothing waits for somebody to write into it."""
    (folder / "SHA256SUMS").unlink()
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    done = run(c_project / "bin" / "decode", folder / MODEL)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Error: {name} is no regular file\n" in done.stderr
    (folder / name).unlink()
    (folder / name).mkdir()
    done = run(c_project / "bin" / "decode", folder / MODEL)
    assert f"Error: {name} is a folder\n" in done.stderr


def test_a_link_to_the_model_is_read_with_the_tables_of_the_model(c_project, folder, tmp_path):
    decode, link, again = c_project / "bin" / "decode", tmp_path / "link", tmp_path / "again"
    link.symlink_to(folder / MODEL)
    again.symlink_to("link")
    for path in (link, again):
        done = run(decode, path, "score", "x=0.5,0.5,0.5,7")
        assert (done.returncode, done.stdout) == (1, "")
        assert "Expected x to hold numbers in [0, 1]" in done.stderr
    judged = tmp_path / "judged"
    judged.symlink_to(SENSOR)  # with thresholds
    assert run(decode, judged, "detect", f"x={','.join(['0'] * 128)}").returncode == 0
    with (folder / MODEL).open("ab") as file:
        file.write(b"\0")
    done = run(decode, again)
    assert f"Error: {MODEL} is not the file that SHA256SUMS lists" in done.stderr


def test_a_bundle_of_links_is_read_with_the_tables_beside_the_link(c_project, folder, tmp_path):
    """The cache of the Hugging Face hub is of this form."""
    (tmp_path / "blobs").mkdir()
    for number, file in enumerate([each for each in folder.iterdir() if each.is_file()]):
        file.rename(tmp_path / "blobs" / str(number))
        file.symlink_to(f"../blobs/{number}")
    done = run(c_project / "bin" / "decode", folder / MODEL, "score", "x=0.5,0.5,0.5,7")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Expected x to hold numbers in [0, 1]" in done.stderr


@pytest.mark.parametrize("name", ["domain.tsv", "decision.tsv"])
@pytest.mark.parametrize("content", [b"x\n", b"\x00", b"\xff\t" * 5000])
def test_a_damaged_table_is_an_error_without_digests_too(c_project, folder, name, content):
    (folder / "SHA256SUMS").unlink()
    (folder / name).write_bytes(content)
    done = run(c_project / "bin" / "decode", folder / MODEL)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Error: {name} is damaged\n" in done.stderr


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("domain", "x\t0\t1\t6\t0\t1\t1\t0\t1\t, column 0 (a),\tnumbers\tDivide.\n"),
        ("score", "model.tflite\t1\t0.5\t1.5\t0.5 0.75 1 1.25 1.5\n"),
    ],
)
def test_no_change_of_a_table_makes_a_client_read_beyond_its_memory(tmp_path, kind, line):
    (tmp_path / "mutations.c").write_text(MUTATIONS)
    (tmp_path / "table").write_text(2 * line)
    done = run(compiled(tmp_path / "mutations.c"), tmp_path / "table", kind)
    assert (done.returncode, done.stderr) == (0, "")
    assert 0 < int(done.stdout) < 20000  # some are read, some are refused


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 4096])
def test_digests_are_those_of_hashlib(tmp_path, length):
    text = """
    #include "digest.h"
    int main(int count, char **arguments) {
      char digest[DIGEST_CHARACTERS + 1];
      (void)count;
      FILE *file = fopen(arguments[1], "rb");
      if (!digest_of(file, digest)) return 1;
      fclose(file);
      printf("%s  data\\n", digest);
      return 0;
    }
    """
    (tmp_path / "digest.c").write_text(text)
    content = np.random.default_rng(length).bytes(length)
    (tmp_path / "data").write_bytes(content)
    done = run(compiled(tmp_path / "digest.c"), tmp_path / "data")
    assert done.stdout == runtime.sums_of({"data": content})


def test_two_outputs_that_are_one_tensor_are_read_once(c_project, tmp_path):
    """Mean and loc of a normal likelihood: LiteRT names both "mean" and fills one buffer."""
    golden = runtime.Bundle(GOLDENS / "vae-missing" / "bundle").golden()
    np.savetxt(tmp_path / "z.txt", golden["inputs/decode/z"], fmt="%.9g")
    model = GOLDENS / "vae-missing" / "bundle" / MODEL
    done = run(c_project / "bin" / "decode", model, "decode", f"z=@{tmp_path / 'z.txt'}")
    means = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("mean ")]
    assert relative(np.array(means, "float64"), golden["expected/decode/mean"]) < 1e-5


def test_the_shared_library_exports_its_functions_alone(tmp_path):
    shared = build(tmp_path, "-DBUILD_SHARED_LIBS=ON")
    library = next(path for path in shared.rglob("libkvae.so") if "build" not in path.parts)
    symbols = run("nm", "-D", "--defined-only", library).stdout.split("\n")
    exported = {line.split()[-1].split("@")[0] for line in symbols if line}
    header = (SOURCES / "kvae.h").read_text()
    assert exported == set(re.findall(r"KVAE_API [\w ]+[ *](\w+)\(", header))
    done = run(shared / "bin" / "decode", GOLDENS / "vae" / "bundle" / MODEL)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_library_has_the_version_of_the_package():
    header = (SOURCES / "kvae.h").read_text()
    assert re.findall(r'#define KVAE_VERSION "(.*)"', header) == [kvae.__version__]
