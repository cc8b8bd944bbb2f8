/* Running the signatures of an open model. */

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* -- running ------------------------------------------------------------------------------------- */

static const char *plural(size_t count) { return count == 1 ? "" : "s"; }

/* Refuses a number by its place in `values` of the input. */
static kvae_status refuse(const char *wanted, const char *name, size_t place, double value,
                          kvae_error *error) {
  char text[32];
  snprintf(text, sizeof text, "%g", value);
  return fail(error, KVAE_BAD_ARGUMENT, "expected %s: %s[%zu] is %s", wanted, name, place,
              isnan(value) ? "NaN" : text); /* %g may write -nan */
}

/* Refuses numbers outside the domain, and those that the tensor cannot hold. */
static kvae_status check_values(const kvae_model *model, const kvae_port *port,
                                const kvae_input *input, kvae_error *error) {
  char message[sizeof error->message];
  for (size_t i = 0; i < input->count; i++) {
    double value = input->values[i];
    if (isinf(value))
      return refuse("finite numbers", port->name, i, value, error);
    if (value < -FLT_MAX || value > FLT_MAX)
      return fail(error, KVAE_BAD_ARGUMENT,
                  "expected numbers that are finite in float32: %s has %g", port->name, value);
  }
  if (!check_domain(&model->domain, port->name, input->values, input->count, message,
                    sizeof message))
    return fail(error, KVAE_OUTSIDE_DOMAIN, "%s", message);
  int missing = may_miss(&model->domain, port->name);
  for (size_t i = 0; i < input->count; i++) {
    double value = input->values[i];
    if (isnan(value) && !(missing && port->type == KVAE_FLOAT32))
      return refuse("finite numbers", port->name, i, value, error);
    if (port->type == KVAE_INT32 &&
        !(value >= INT32_MIN && value <= INT32_MAX && value == (double)(int32_t)value))
      return refuse("whole numbers of 32 bits", port->name, i, value, error);
    if (port->type == KVAE_UINT8 &&
        !(value >= 0 && value <= UINT8_MAX && value == (double)(uint8_t)value))
      return refuse("whole numbers in [0, 255]", port->name, i, value, error);
  }
  return KVAE_OK;
}

/* Returns the index of a name among `count` ports; `count` where there is none. */
static size_t port_of(const kvae_port *ports, size_t count, const char *name) {
  size_t i = 0;
  while (i < count && strcmp(ports[i].name, name) != 0) i++;
  return i;
}

kvae_status kvae_check_inputs_(const kvae_model *model, const char *signature,
                               const kvae_port *ports, size_t port_count, const kvae_input *inputs,
                               size_t count, size_t *rows, kvae_error *error) {
  *rows = 1;
  if (count > 0) TRY(expect(inputs, "inputs", error));
  for (size_t i = 0; i < count; i++) {
    TRY(expect(inputs[i].name, "the name of an input", error));
    size_t at = port_of(ports, port_count, inputs[i].name);
    if (at == port_count)
      return fail(error, KVAE_BAD_ARGUMENT, "the signature has no such input: %s", inputs[i].name);
    const kvae_port *port = &ports[at];
    for (size_t j = 0; j < i; j++)
      if (strcmp(inputs[j].name, port->name) == 0)
        return fail(error, KVAE_BAD_ARGUMENT, "an input is named twice: %s", port->name);
    if (inputs[i].count == 0 || inputs[i].count % port->size != 0)
      return fail(error, KVAE_BAD_ARGUMENT,
                  "expected a whole number of rows of %zu number%s: %s has %zu", port->size,
                  plural(port->size), port->name, inputs[i].count);
    TRY(expect(inputs[i].values, "the numbers of an input", error));
    size_t found = inputs[i].count / port->size;
    if (i > 0 && found != *rows)
      return fail(error, KVAE_BAD_ARGUMENT, "expected inputs with the same number of rows: %s",
                  port->name);
    *rows = found;
    TRY(check_values(model, port, &inputs[i], error));
  }
  for (size_t i = 0; i < port_count && count < port_count; i++) {
    size_t j = 0;
    while (j < count && strcmp(inputs[j].name, ports[i].name) != 0) j++;
    if (j == count)
      return fail(error, KVAE_BAD_ARGUMENT, "%s needs the input %s", signature, ports[i].name);
  }
  return KVAE_OK;
}

static kvae_status check_outputs(const Function *function, const kvae_output *outputs, size_t count,
                                 size_t rows, kvae_error *error) {
  const kvae_port *ports = function->ports + function->inputs;
  if (count > 0) TRY(expect(outputs, "outputs", error));
  for (size_t i = 0; i < count; i++) {
    TRY(expect(outputs[i].name, "the name of an output", error));
    size_t at = port_of(ports, function->ports_out, outputs[i].name);
    if (at == function->ports_out)
      return fail(error, KVAE_BAD_ARGUMENT, "the signature has no such output: %s",
                  outputs[i].name);
    if (outputs[i].count % ports[at].size != 0 || outputs[i].count / ports[at].size != rows)
      return fail(error, KVAE_BAD_ARGUMENT,
                  "expected room for %zu row%s of %zu number%s: %s has room for %zu", rows,
                  plural(rows), ports[at].size, plural(ports[at].size), outputs[i].name,
                  outputs[i].count);
  }
  return KVAE_OK;
}

static kvae_status feed(Buffer *buffer, const kvae_port *port, const double *row,
                        kvae_error *error) {
  void *memory;
  TRY(check(LiteRtLockTensorBuffer(buffer, &memory, WRITE), "an input cannot be written", error));
  for (size_t i = 0; i < port->size; i++) {
    if (port->type == KVAE_INT32)
      ((int32_t *)memory)[i] = (int32_t)row[i];
    else if (port->type == KVAE_UINT8)
      ((uint8_t *)memory)[i] = (uint8_t)row[i];
    else
      ((float *)memory)[i] = (float)row[i];
  }
  return check(LiteRtUnlockTensorBuffer(buffer), "an input cannot be written", error);
}

/* Reads an output into `row`, which may be NULL. Where `refuse` is set, one that is not finite is
 * refused. */
static kvae_status fetch(Buffer *buffer, const kvae_port *port, double *row, int refuse,
                         kvae_error *error) {
  void *memory;
  int finite = 1;
  TRY(check(LiteRtLockTensorBuffer(buffer, &memory, READ), "an output cannot be read", error));
  for (size_t i = 0; i < port->size; i++) {
    double value = port->type == KVAE_INT32   ? ((int32_t *)memory)[i]
                   : port->type == KVAE_UINT8 ? ((uint8_t *)memory)[i]
                                              : (double)((float *)memory)[i];
    finite = finite && isfinite(value);
    if (row != NULL) row[i] = value;
  }
  TRY(check(LiteRtUnlockTensorBuffer(buffer), "an output cannot be read", error));
  if (finite || !refuse) return KVAE_OK;
  return fail(error, KVAE_NOT_FINITE, "an output is NaN or infinite: %s", port->name);
}

kvae_status kvae_run_row_(const kvae_model *model, const Function *function, size_t row,
                          const kvae_input *inputs, size_t input_count, const kvae_output *outputs,
                          size_t output_count, int finite, kvae_error *error) {
  for (size_t i = 0; i < input_count; i++) {
    size_t at = port_of(function->ports, function->inputs, inputs[i].name);
    const kvae_port *port = &function->ports[at];
    TRY(feed(function->of_port[at], port, inputs[i].values + row * port->size, error));
  }
  TRY(check(LiteRtRunCompiledModel(model->compiled, function->index, function->inputs,
                                   function->buffers, function->outputs,
                                   function->buffers + function->inputs),
            "the signature does not run", error));
  for (size_t i = 0; i < function->ports_out; i++) {
    const kvae_port *port = &function->ports[function->inputs + i];
    size_t j = 0;
    while (j < output_count && strcmp(outputs[j].name, port->name) != 0) j++;
    double *values = j == output_count ? NULL : outputs[j].values + row * port->size;
    TRY(fetch(function->of_port[function->inputs + i], port, values, finite, error));
  }
  return KVAE_OK;
}

/* Finds a signature, and checks the inputs and the room for the outputs of all their rows. */
static kvae_status check_call(kvae_model *model, const char *signature, const kvae_input *inputs,
                              size_t input_count, const kvae_output *outputs, size_t output_count,
                              Function **function, size_t *rows, kvae_error *error) {
  TRY(kvae_find_(model, signature, function, error));
  TRY(kvae_check_inputs_(model, (*function)->name, (*function)->ports, (*function)->inputs, inputs,
                         input_count, rows, error));
  return check_outputs(*function, outputs, output_count, *rows, error);
}

/* Runs a signature on rows that were checked. */
static kvae_status run_rows(const kvae_model *model, const Function *function, size_t rows,
                            const kvae_input *inputs, size_t input_count,
                            const kvae_output *outputs, size_t output_count, kvae_error *error) {
  for (size_t row = 0; row < rows; row++)
    TRY(kvae_run_row_(model, function, row, inputs, input_count, outputs, output_count, 1, error));
  return KVAE_OK;
}

kvae_status kvae_run(kvae_model *model, const char *signature, const kvae_input *inputs,
                     size_t input_count, const kvae_output *outputs, size_t output_count,
                     kvae_error *error) {
  Function *function;
  size_t rows;
  TRY(check_call(model, signature, inputs, input_count, outputs, output_count, &function, &rows,
                 error));
  for (size_t i = 0; i < output_count; i++)
    TRY(expect(outputs[i].values, "room for the numbers of an output", error));
  return run_rows(model, function, rows, inputs, input_count, outputs, output_count, error);
}

/* -- sampling and deciding ----------------------------------------------------------------------- */

kvae_status kvae_sample(kvae_model *model, int32_t seed, size_t rows, const kvae_input *others,
                        size_t other_count, double *values, size_t count, kvae_error *error) {
  static const char *const decoded[] = {"mean", "median", "center"}; /* one of them is there */
  Function *function;
  TRY(kvae_find_(model, "sample", &function, error));
  if (rows == 0) return fail(error, KVAE_BAD_ARGUMENT, "expected at least one row");
  const kvae_port *outputs = function->ports + function->inputs;
  size_t name = 0;
  while (name < 2 && port_of(outputs, function->ports_out, decoded[name]) == function->ports_out)
    name++;
  kvae_output output = {decoded[name], values, count};
  TRY(check_outputs(function, &output, 1, rows, error));
  TRY(expect(values, "room for the draws", error));
  if (other_count > 0) TRY(expect(others, "the other inputs", error));
  if (rows > INT32_MAX || rows > SIZE_MAX / (2 * sizeof(double))) return no_memory(error);
  double *seeds = malloc(2 * rows * sizeof(double));
  kvae_input *inputs = malloc((other_count + 1) * sizeof(kvae_input));
  kvae_status status = no_memory(error);
  if (seeds != NULL && inputs != NULL) {
    for (size_t row = 0; row < rows; row++) {
      seeds[2 * row] = (double)row;
      seeds[2 * row + 1] = seed;
    }
    inputs[0] = (kvae_input){"seed", seeds, 2 * rows};
    for (size_t i = 0; i < other_count; i++) inputs[i + 1] = others[i];
    status = kvae_run(model, "sample", inputs, other_count + 1, &output, 1, error);
  }
  free(inputs);
  free(seeds);
  return status;
}

kvae_status kvae_score(kvae_model *model, const kvae_input *inputs, size_t input_count,
                       double *scores, size_t rows, kvae_error *error) {
  kvae_output output = {"score", scores, rows};
  return kvae_run(model, "score", inputs, input_count, &output, 1, error);
}

kvae_status kvae_detect(kvae_model *model, const kvae_input *inputs, size_t input_count,
                        kvae_decision *decisions, size_t rows, kvae_error *error) {
  TRY(expect(model, "a model", error));
  TRY(expect(decisions, "room for the decisions", error));
  if (!model->decides)
    return fail(error, KVAE_NO_THRESHOLD,
                "expected a bundle with thresholds, written with calibration rows");
  if (rows == 0) return fail(error, KVAE_BAD_ARGUMENT, "expected at least one row");
  Function *function;
  size_t found;
  kvae_output output = {"score", NULL, rows};
  TRY(check_call(model, "score", inputs, input_count, &output, 1, &function, &found, error));
  double *scores = output.values = malloc(rows * sizeof(double));
  if (scores == NULL) return no_memory(error);
  kvae_status status = run_rows(model, function, rows, inputs, input_count, &output, 1, error);
  for (size_t i = 0; status == KVAE_OK && i < rows; i++) {
    float score = (float)scores[i];
    decisions[i] = (kvae_decision){score, p_value(&model->decision, score),
                                   is_anomaly(&model->decision, score)};
  }
  free(scores);
  return status;
}
