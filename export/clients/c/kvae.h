/* Runs the models of a bundle from C, on LiteRT alone. docs/clients.md has an example.
 *
 * Open a bundle's .tflite file, call it, close it.
 *
 * Numbers are double, which holds every float32, int32 and uint8 number exactly. Rows stand one after
 * the other in an array.
 *
 * NULL where a function needs a place, a name or numbers is KVAE_BAD_ARGUMENT; kvae_signature_name, which
 * has no status, returns NULL.
 *
 * Threads: the library has no global state. One model may be used by one thread at a time; different
 * models may be used at the same time. Open one model for each thread, or put a lock around it.
 *
 * The tables of a bundle have decimal points: leave LC_NUMERIC at "C" while a model is opened.
 */

#ifndef KVAE_H
#define KVAE_H

#include <stddef.h>
#include <stdint.h>

#define KVAE_VERSION "0.1.0"

#if defined(__GNUC__)
#define KVAE_API __attribute__((visibility("default")))
#else
#define KVAE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  KVAE_OK = 0,
  KVAE_NO_MEMORY,
  KVAE_BAD_FILE,     /* the model, or domain.tsv or decision.tsv beside it, is absent or damaged */
  KVAE_BAD_ARGUMENT, /* a name, NULL, a number of rows, or a number that the input cannot hold */
  KVAE_OUTSIDE_DOMAIN, /* a value that domain.tsv refuses */
  KVAE_NO_THRESHOLD,   /* the bundle was written without calibration rows */
  KVAE_NOT_FINITE,     /* an output is NaN or infinite: the inputs are beyond what the file computes */
  KVAE_LITERT          /* LiteRT failed */
} kvae_status;

/* What went wrong, as a sentence. Every function that returns a kvae_status takes one, or NULL. */
typedef struct {
  char message[4096];
} kvae_error;

typedef struct kvae_model kvae_model;

typedef enum { KVAE_FLOAT32 = 1, KVAE_INT32 = 2, KVAE_UINT8 = 3 } kvae_type;

/* An input or output of a signature. */
typedef struct {
  const char *name;
  kvae_type type;
  size_t size; /* numbers in a row; of all rows where a signature takes several, such as decode_256 */
} kvae_port;

/* The functions of a file by name: decode, encode, sample, score, ... (docs/bundle.md). Of two outputs
 * that are one tensor of the file, such as mean and loc of a normal likelihood, one is named. */
typedef struct {
  const kvae_port *inputs, *outputs;
  size_t input_count, output_count;
} kvae_signature;

typedef struct {
  const char *name;
  const double *values;
  size_t count; /* numbers in all rows */
} kvae_input;

typedef struct {
  const char *name;
  double *values;
  size_t count; /* numbers in all rows */
} kvae_output;

/* What detect says of a row. */
typedef struct {
  float score; /* nats */
  double p_value;
  int is_anomaly; /* 1 or 0 */
} kvae_decision;

/* How kvae_adapt trains; KVAE_TRAINING has numbers to start from. */
typedef struct {
  size_t steps; /* at least one */
  int32_t seed; /* chooses rows and noise */
  double learning_rate; /* positive, as a float */
  double guard_nats;    /* KVAE_DEFAULT_GUARD: 0.1 for each number of x; HUGE_VAL: no guard */
  size_t check_every;   /* steps from one check of the guard to the next, at least one */
  /* Called after each step with its number, from 1 on, the loss before it, and `context`; or NULL. */
  void (*progress)(size_t step, double loss, void *context);
  void *context;
} kvae_training;

#define KVAE_DEFAULT_GUARD (-1.0)
#define KVAE_TRAINING {200, 0, 1e-3, KVAE_DEFAULT_GUARD, 25, NULL, NULL}

/* What kvae_adapt did. */
typedef struct {
  size_t steps, skipped; /* steps taken, and those of them that changed nothing */
  double first_loss, last_loss;
  double guard; /* by how much the golden rows scored worse at the last check; NaN without a guard */
  int stopped;  /* 1 if the guard stopped the training */
} kvae_adaptation;

/* Opens a .tflite file; domain.tsv and decision.tsv in its folder are read where they are. Of a symbolic
 * link without such files and without SHA256SUMS beside it, the folder of the file that it leads to counts.
 *
 * Where SHA256SUMS lies beside it, as in a bundle, the digests of these files are compared before
 * anything in them is parsed. Open no other .tflite file than one you trust: LiteRT may crash.
 *
 * `*model` is NULL after an error. */
KVAE_API kvae_status kvae_open(const char *path, kvae_model **model, kvae_error *error);

#define KVAE_MOST_THREADS 256

/* Opens a file as kvae_open does, with threads for the work inside of a call: 1 there, here 1 to
 * KVAE_MOST_THREADS. */
KVAE_API kvae_status kvae_open_threads(const char *path, int threads, kvae_model **model,
                                       kvae_error *error);

/* Returns the name of a signature of the file by its place, from 0 on; NULL beyond the last, and where
 * the model is NULL. It is valid until the model is closed. */
KVAE_API const char *kvae_signature_name(const kvae_model *model, size_t index);

/* Says what inputs and outputs a signature has. The answer is valid until the model is closed. */
KVAE_API kvae_status kvae_describe(kvae_model *model, const char *signature, kvae_signature *found,
                                   kvae_error *error);

/* Runs a signature on rows. All its inputs are needed; outputs are written where they are asked for.
 *
 * The inputs tell how many rows there are, and each output needs room for as many. NaN is a missing
 * number where domain.tsv says that numbers may be missing. After an error the outputs may hold
 * anything. */
KVAE_API kvae_status kvae_run(kvae_model *model, const char *signature, const kvae_input *inputs,
                              size_t input_count, const kvae_output *outputs, size_t output_count,
                              kvae_error *error);

/* Decodes draws from the prior: those of rows 0 to rows - 1 of a seed, the same on every device.
 *
 * `others` are the other inputs of a conditional model, one row for each draw, and may be NULL.
 * `values` has room for `count` numbers, those of all rows. */
KVAE_API kvae_status kvae_sample(kvae_model *model, int32_t seed, size_t rows,
                                 const kvae_input *others, size_t other_count, double *values,
                                 size_t count, kvae_error *error);

/* Scores rows: nats, higher for rows that are less like the training data. `scores` has `rows`. */
KVAE_API kvae_status kvae_score(kvae_model *model, const kvae_input *inputs, size_t input_count,
                                double *scores, size_t rows, kvae_error *error);

/* Scores rows and decides by the thresholds of the file, see docs/anomaly.md. */
KVAE_API kvae_status kvae_detect(kvae_model *model, const kvae_input *inputs, size_t input_count,
                                 kvae_decision *decisions, size_t rows, kvae_error *error);

/* Trains the weights that a file trains, exported with trainable=..., on rows of this device that are
 * known to be normal: what is learned is no anomaly afterwards. See docs/on_device_learning.md.
 *
 * A step takes rows at random, by the seed and in every client the same, and changes nothing where its
 * loss or a gradient is not finite. The guard against forgetting scores the golden rows of the bundle:
 * where their mean score is worse than with the shipped weights by more than `guard_nats`, the weights
 * of the last check are put back and training stops. After an error they are put back as well.
 *
 * `inputs` are those of `score`. `done` may be NULL. */
KVAE_API kvae_status kvae_adapt(kvae_model *model, const kvae_input *inputs, size_t input_count,
                                const kvae_training *training, kvae_adaptation *done,
                                kvae_error *error);

/* Writes what was learned to a file, at once or not at all; the file of Python's Model.save. It says
 * something of the rows that were learned: keep it as private as them.
 *
 * PATH.part, beside the file, is written first and then takes its name; what stands there is removed.
 *
 * A file at the path is replaced, of a symbolic link the file that it leads to: the link stays. Folders,
 * devices, pipes and other things that are no regular file are refused (KVAE_BAD_FILE), and so is the
 * file of the model itself, also by a link (KVAE_BAD_ARGUMENT). */
KVAE_API kvae_status kvae_save(kvae_model *model, const char *path, kvae_error *error);

/* Takes what kvae_save, Python or the page wrote. A damaged file, one of another model file, one that
 * holds NaN, and what is no regular file are KVAE_BAD_FILE. */
KVAE_API kvae_status kvae_restore(kvae_model *model, const char *path, kvae_error *error);

/* Puts the shipped weights back. */
KVAE_API kvae_status kvae_reset(kvae_model *model, kvae_error *error);

/* Frees a model. NULL is allowed. */
KVAE_API void kvae_close(kvae_model *model);

/* The conformal threshold of the most recent normal scores, in fixed memory: after kvae_adapt, or on
 * a machine with more noise, that of the bundle is not right. The formulas of export/runtime.py. */
typedef struct kvae_recent kvae_recent;

/* Keeps the last `size` scores, for a rate of false alarms in (0, 1). Two-sided, a score that is too
 * low is an anomaly too. `size` is at least 1 / rate - 1, two-sided 2 / rate - 1.
 *
 * `*recent` is NULL after an error. */
KVAE_API kvae_status kvae_recent_open(double rate, size_t size, int two_sided, kvae_recent **recent,
                                      kvae_error *error);

/* Adds scores of rows that are known to be normal; none where one is not finite. Leave none out
 * because it is high. */
KVAE_API kvae_status kvae_recent_push(kvae_recent *recent, const double *scores, size_t count,
                                      kvae_error *error);

/* Decides on scores as kvae_detect does, once there are enough of them (KVAE_NO_THRESHOLD before). NaN,
 * of which nothing can be said, is KVAE_BAD_ARGUMENT. */
KVAE_API kvae_status kvae_recent_decide(kvae_recent *recent, const double *scores,
                                        kvae_decision *decisions, size_t count, kvae_error *error);

/* Frees it. NULL is allowed. */
KVAE_API void kvae_recent_close(kvae_recent *recent);

#ifdef __cplusplus
}
#endif

#endif
