/* Training on the device: the steps, and the guard against forgetting. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "model.h"

/* What a training holds, freed at its end. */
typedef struct {
  kvae_model *model;
  Function *train, *score;
  kvae_port *ports;        /* those of train that the caller fills, with the numbers of one row */
  kvae_input *batch;       /* those of a step, and then seed and learning_rate */
  size_t data, rows;       /* inputs that the caller fills, and their rows */
  double seed[2], rate;
  uint8_t *golden;
  size_t golden_size;
  Numbers *guard;          /* golden rows for each input of score */
  double guard_score;      /* the mean of their scores with the shipped weights */
  double *state;           /* the weights of the last check */
  size_t state_size;
} Training;

/* -- the guard ----------------------------------------------------------------------------------- */

static kvae_status read_golden_file(Training *training, kvae_error *error) {
  FILE *file = NULL;
  size_t space = 0, got;
  kvae_status status = kvae_beside_(training->model, "golden.npz", &file, error);
  if (status == KVAE_OK && file == NULL)
    status = fail(error, KVAE_BAD_FILE, "golden.npz is missing, which the guard scores");
  while (status == KVAE_OK) {
    if (training->golden_size == space) {
      uint8_t *larger = realloc(training->golden, space = 2 * space + 65536);
      if (larger == NULL) {
        status = no_memory(error);
        break;
      }
      training->golden = larger;
    }
    got = fread(training->golden + training->golden_size, 1, space - training->golden_size, file);
    if (got == 0) break;
    training->golden_size += got;
  }
  if (file != NULL) fclose(file);
  return status;
}

static kvae_status golden_numbers(const Training *training, const char *name, Numbers *numbers,
                                  kvae_error *error) {
  switch (read_golden(training->golden, training->golden_size, name, numbers)) {
    case FOUND:
      return KVAE_OK;
    case NO_ROOM:
      return no_memory(error);
    case ABSENT:
      return fail(error, KVAE_BAD_FILE, "golden.npz lacks %s, which the guard needs", name);
    default:
      return fail(error, KVAE_BAD_FILE, "golden.npz is damaged");
  }
}

static kvae_status read_guard(Training *training, kvae_error *error) {
  char name[512];
  TRY(kvae_find_(training->model, "score", &training->score, error));
  TRY(read_golden_file(training, error));
  training->guard = calloc(training->score->inputs + 1, sizeof(Numbers));
  if (training->guard == NULL) return no_memory(error);
  for (size_t i = 0; i < training->score->inputs; i++) {
    snprintf(name, sizeof name, "inputs/score/%s", training->score->ports[i].name);
    TRY(golden_numbers(training, name, &training->guard[i], error));
  }
  free(training->golden);
  training->golden = NULL;
  return KVAE_OK;
}

/* Takes the mean of the scores of the golden rows. */
static kvae_status golden_score(const Training *training, double *mean, kvae_error *error) {
  const Function *score = training->score;
  size_t count = score->inputs, rows = training->guard[0].count / score->ports[0].size;
  kvae_input *inputs = calloc(count, sizeof(kvae_input));
  double *scores = malloc((rows + 1) * sizeof(double));
  kvae_status status = no_memory(error);
  if (inputs != NULL && scores != NULL) {
    for (size_t i = 0; i < count; i++)
      inputs[i] = (kvae_input){score->ports[i].name, training->guard[i].values,
                               training->guard[i].count};
    status = kvae_score(training->model, inputs, count, scores, rows, error);
    *mean = 0;
    for (size_t i = 0; status == KVAE_OK && i < rows; i++) *mean += scores[i] / (double)rows;
  }
  free(inputs);
  free(scores);
  return status;
}

/* Says by how much the golden rows score worse than with the shipped weights; infinity where a score
 * is not finite. */
static kvae_status forgotten(const Training *training, double *worse, kvae_error *error) {
  kvae_status status = golden_score(training, worse, error);
  if (status == KVAE_NOT_FINITE) {
    *worse = HUGE_VAL;
    return KVAE_OK;
  }
  *worse -= training->guard_score;
  return status;
}

/* -- the weights --------------------------------------------------------------------------------- */

static kvae_status keep(Training *training, kvae_error *error) {
  kvae_output state = {"state", training->state, training->state_size};
  return kvae_run(training->model, "save", NULL, 0, &state, 1, error);
}

static kvae_status put_back(const Training *training, kvae_error *error) {
  kvae_input state = {"state", training->state, training->state_size};
  return kvae_run(training->model, "restore", &state, 1, NULL, 0, error);
}

/* Scores the golden rows with the shipped weights: by what this file computes itself, forgetting is
 * told from rounding. What was learned is put back. */
static kvae_status score_shipped(Training *training, kvae_error *error) {
  TRY(kvae_reset(training->model, error));
  kvae_status status = golden_score(training, &training->guard_score, error);
  kvae_status back = put_back(training, status == KVAE_OK ? error : NULL);
  return status == KVAE_OK ? back : status;
}

/* -- steps --------------------------------------------------------------------------------------- */

/* The function lowbias32 of Wellons' hash-prospector. */
static uint32_t mixed(uint32_t word) {
  word = (word ^ word >> 16) * 0x7feb352du;
  word = (word ^ word >> 15) * 0x846ca68bu;
  return word ^ word >> 16;
}

/* Returns which of `count` rows stands at a place of a step's batch: rows_of_step of runtime.py. */
static size_t row_of(int32_t seed, size_t step, size_t place, size_t count) {
  const uint32_t golden_ratio = 0x9e3779b9u;
  uint32_t word = mixed(mixed((uint32_t)seed + golden_ratio) + (uint32_t)step);
  word = mixed(word + (uint32_t)place * golden_ratio);
  return (size_t)((uint64_t)word * count >> 32);
}

static kvae_status take_step(Training *training, const kvae_input *inputs, size_t step,
                             int32_t seed, double *loss, double *applied, kvae_error *error) {
  size_t batch = training->train->batch;
  kvae_output outputs[2] = {{"loss", loss, 1}, {"applied", applied, 1}};
  for (size_t i = 0; i < training->data; i++) {
    const kvae_port *port = &training->ports[i];
    const kvae_input *from = inputs;
    while (strcmp(from->name, port->name) != 0) from++;
    double *to = (double *)training->batch[i].values;
    for (size_t place = 0; place < batch; place++)
      memcpy(to + place * port->size,
             from->values + row_of(seed, step, place, training->rows) * port->size,
             port->size * sizeof(double));
  }
  training->seed[0] = (double)step;
  training->seed[1] = seed;
  return kvae_run_row_(training->model, training->train, 0, training->batch, training->data + 2,
                       outputs, 2, 0, error);
}

static kvae_status train(Training *training, const kvae_input *inputs, const kvae_training *how,
                         double guard_nats, kvae_adaptation *done, kvae_error *error) {
  double loss, applied;
  int guarded = guard_nats < HUGE_VAL;
  if (guarded) TRY(forgotten(training, &done->guard, error));
  while (done->steps < how->steps && !(done->guard > guard_nats)) {
    for (size_t i = 0; i < how->check_every && done->steps < how->steps; i++) {
      TRY(take_step(training, inputs, done->steps, how->seed, &loss, &applied, error));
      if (done->steps == 0) done->first_loss = loss;
      done->last_loss = loss;
      done->skipped += applied == 0.0;
      done->steps++;
      if (how->progress != NULL) how->progress(done->steps, loss, how->context);
    }
    if (guarded) TRY(forgotten(training, &done->guard, error));
    if (!(done->guard > guard_nats)) TRY(keep(training, error));
  }
  done->stopped = done->guard > guard_nats;
  return KVAE_OK;
}

/* -- the whole ----------------------------------------------------------------------------------- */

static kvae_status check_training(const kvae_training *training, kvae_error *error) {
  double guard = training->guard_nats;
  float rate = (float)training->learning_rate; /* what the file takes */
  if (training->steps == 0 || training->check_every == 0)
    return fail(error, KVAE_BAD_ARGUMENT, "expected steps and check_every of at least 1");
  if (!(rate > 0.0f && rate < HUGE_VALF))
    return fail(error, KVAE_BAD_ARGUMENT, "expected a positive learning_rate: %g",
                training->learning_rate);
  if (!(guard >= 0.0 || guard == KVAE_DEFAULT_GUARD))
    return fail(error, KVAE_BAD_ARGUMENT, "expected guard_nats of at least 0: %g", guard);
  return KVAE_OK;
}

/* Makes room for a batch, and a port with the numbers of one row for each input of it. */
static kvae_status open_batch(Training *training, kvae_error *error) {
  const Function *train = training->train;
  training->ports = calloc(train->inputs, sizeof(kvae_port));
  training->batch = calloc(train->inputs, sizeof(kvae_input));
  if (training->ports == NULL || training->batch == NULL) return no_memory(error);
  for (size_t i = 0; i < train->inputs; i++) {
    kvae_port port = train->ports[i];
    if (strcmp(port.name, "seed") == 0 || strcmp(port.name, "learning_rate") == 0) continue;
    double *values = malloc(port.size * sizeof(double));
    if (values == NULL) return no_memory(error);
    training->batch[training->data] = (kvae_input){port.name, values, port.size};
    if (train->batch == 0 || port.size % train->batch != 0)
      return fail(error, KVAE_BAD_FILE, "the batch of train has no rows");
    port.size /= train->batch;
    training->ports[training->data++] = port;
  }
  training->batch[training->data] = (kvae_input){"seed", training->seed, 2};
  training->batch[training->data + 1] = (kvae_input){"learning_rate", &training->rate, 1};
  return KVAE_OK;
}

static kvae_status open_training(Training *training, const kvae_input *inputs, size_t input_count,
                                 int guarded, kvae_error *error) {
  kvae_signature save;
  TRY(kvae_find_(training->model, "train", &training->train, error));
  TRY(open_batch(training, error));
  TRY(kvae_check_inputs_(training->model, "train", training->ports, training->data, inputs,
                         input_count, &training->rows, error));
  if (training->rows >= INT32_MAX)
    return fail(error, KVAE_BAD_ARGUMENT, "expected fewer than 2^31 rows");
  if (guarded) TRY(read_guard(training, error));
  TRY(kvae_describe(training->model, "save", &save, error));
  training->state_size = save.outputs[0].size;
  training->state = malloc(training->state_size * sizeof(double));
  if (training->state == NULL) return no_memory(error);
  TRY(keep(training, error));
  return guarded ? score_shipped(training, error) : KVAE_OK;
}

static void close_training(Training *training) {
  for (size_t i = 0; training->batch != NULL && i <= training->data; i++) {
    double *values = (double *)training->batch[i].values;
    if (values != training->seed) free(values);
  }
  for (size_t i = 0; training->guard != NULL && i < training->score->inputs; i++)
    free(training->guard[i].values);
  free(training->ports);
  free(training->batch);
  free(training->golden);
  free(training->guard);
  free(training->state);
}

kvae_status kvae_adapt(kvae_model *model, const kvae_input *inputs, size_t input_count,
                       const kvae_training *how, kvae_adaptation *done, kvae_error *error) {
  kvae_adaptation result = {0, 0, NAN, NAN, NAN, 0};
  if (done != NULL) *done = result;
  TRY(expect(how, "a kvae_training", error));
  TRY(kvae_trains_(model, error));
  Training training = {.model = model, .rate = how->learning_rate};
  double guard = how->guard_nats;
  TRY(check_training(how, error));
  kvae_status status = open_training(&training, inputs, input_count, guard < HUGE_VAL, error);
  if (status == KVAE_OK) {
    for (size_t i = 0; i < training.data; i++)
      if (guard == KVAE_DEFAULT_GUARD && strcmp(training.ports[i].name, "x") == 0)
        guard = 0.1 * (double)training.ports[i].size;
    status = train(&training, inputs, how, guard, &result, error);
    /* The weights of the last check stay, come what may. */
    kvae_status back = put_back(&training, status == KVAE_OK ? error : NULL);
    if (status == KVAE_OK) status = back;
  }
  close_training(&training);
  if (done != NULL) *done = result;
  return status;
}
