/* What the parts of the library share: a model, errors, and how a signature is found. */

#ifndef MODEL_H
#define MODEL_H

#include <stdarg.h>
#include <stdio.h>

#include "decision.h"
#include "digest.h"
#include "domain.h"
#include "kvae.h"
#include "litert.h"

/* A signature of the file. Its ports, the inputs and then the outputs, are NULL before its first use.
 *
 * Two outputs that are one tensor of the file have one name in LiteRT, which fills the last of their
 * buffers alone (LiteRT 2.1.6 to 2.3.0): they are one port here, with that buffer. */
typedef struct {
  const char *name;
  Signature *litert;
  size_t index, inputs, outputs; /* as many as LiteRT counts */
  size_t ports_out;              /* outputs with names of their own */
  size_t batch;                  /* the first axis of the input x */
  kvae_port *ports;
  Buffer **buffers; /* of LiteRT's inputs and outputs */
  Buffer **of_port; /* those that the ports are read from and written to */
} Function;

struct kvae_model {
  char *path, *sums; /* the file, and the text of SHA256SUMS; that is NULL where there is none */
  char digest[DIGEST_CHARACTERS + 1]; /* of the file as it was opened, if it trains */
  Environment *environment;
  Model *file;
  Options *options;
  CompiledModel *compiled;
  Function *functions;
  size_t function_count;
  char *domain_text;
  Domain domain;
  int decides;
  Decision decision;
};

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline kvae_status fail(kvae_error *error, kvae_status status, const char *format, ...) {
  if (error != NULL) {
    va_list values;
    va_start(values, format);
    vsnprintf(error->message, sizeof error->message, format, values);
    va_end(values);
  }
  return status;
}

static inline kvae_status no_memory(kvae_error *error) {
  return fail(error, KVAE_NO_MEMORY, "there is not enough memory");
}

/* Returns KVAE_OK where LiteRT's status is 0. */
static inline kvae_status check(int found, const char *what, kvae_error *error) {
  return found == 0 ? KVAE_OK : fail(error, KVAE_LITERT, "%s: status %d", what, found);
}

/* Refuses NULL: `what` says what was expected. */
static inline kvae_status expect(const void *pointer, const char *what, kvae_error *error) {
  return pointer != NULL ? KVAE_OK
                         : fail(error, KVAE_BAD_ARGUMENT, "expected %s, not NULL", what);
}

#define TRY(call)                                \
  do {                                           \
    kvae_status status_ = (call);                \
    if (status_ != KVAE_OK) return status_;      \
  } while (0)

/* Whether the file has a signature. */
int kvae_has_(const kvae_model *model, const char *name);

/* Refuses a file that does not train its weights. */
kvae_status kvae_trains_(const kvae_model *model, kvae_error *error);

/* Finds a signature and makes it ready to run. */
kvae_status kvae_find_(kvae_model *model, const char *name, Function **found, kvae_error *error);

/* Opens a regular file for reading; folders, pipes and devices are refused. */
kvae_status kvae_regular_(const char *path, FILE **file, kvae_error *error);

/* Opens a file in the folder of the model after its digest was compared; `*file` is NULL where there
 * is none. */
kvae_status kvae_beside_(const kvae_model *model, const char *name, FILE **file, kvae_error *error);

/* Finds the input of each port in `inputs`, checks them and counts their rows. */
kvae_status kvae_check_inputs_(const kvae_model *model, const char *signature,
                               const kvae_port *ports, size_t port_count, const kvae_input *inputs,
                               size_t count, size_t *rows, kvae_error *error);

/* Runs a signature on row `row` of inputs that were checked. Where `finite` is set, an output that is
 * not finite is an error. */
kvae_status kvae_run_row_(const kvae_model *model, const Function *function, size_t row,
                          const kvae_input *inputs, size_t input_count, const kvae_output *outputs,
                          size_t output_count, int finite, kvae_error *error);

#endif
