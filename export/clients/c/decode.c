/* Runs any function of a bundle's .tflite file from C, on LiteRT alone.
 *
 *   decode MODEL [SIGNATURE [NAME=VALUES ...]]
 *
 * VALUES are numbers with commas between them, or @FILE for numbers in a text file. Several rows
 * may stand one after the other; an input that is not named is all zeros. Every output is printed
 * as its name and its numbers, one line for each row:
 *
 *   decode model-float32.tflite
 *   decode model-float32.tflite decode z=@points.txt
 *   decode model-float32.tflite sample seed=0,7
 *
 * "detect" in the place of a signature runs "score" and decides by the thresholds of a bundle that was
 * written with calibration rows: it prints score, p_value and is_anomaly, 1 or 0.
 *
 *   decode model-float32.tflite detect x=@rows.txt
 *
 * Check the bundle's digests before: sha256sum --check --strict SHA256SUMS
 *
 * Where domain.tsv lies beside MODEL, as in a bundle, the inputs that it describes (x, condition, ...)
 * are checked against it; NAN is a missing number where it says that numbers may be missing.
 *
 * The library is the libLiteRt.so of the Python package ai-edge-litert; DIR is where it lies:
 *
 *   cc -std=c11 -O2 decode.c -o decode -LDIR -lLiteRt -Wl,-rpath,DIR
 */

#define _POSIX_C_SOURCE 200809L /* dup, dup2, fileno, getline */

#include <ctype.h>
#include <float.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decision.h"
#include "domain.h"

/* The package carries no headers. These are the functions that are used here, as they are in its
 * releases 2.1.6, 2.2.0 and 2.3.0. Look at them again for a later one: early releases had a
 * LiteRtCreateModelFromFile without an environment, and a linker does not see such a change. */
typedef struct Environment Environment;
typedef struct Model Model;
typedef struct Signature Signature;
typedef struct Tensor Tensor;
typedef struct Options Options;
typedef struct CompiledModel CompiledModel;
typedef struct Requirements Requirements;
typedef struct Buffer Buffer;

/* The element type is all that is read of a tensor's type; the rest, 68 bytes, only passes through,
 * with room to spare should it grow. */
typedef struct {
  int32_t element_type;
  int32_t layout[63];
} TensorType;

enum { FLOAT32 = 1, INT32 = 2, UINT8 = 3 }; /* element types */
enum { READ = 0, WRITE = 1 };      /* what a buffer is locked for */
enum { CPU = 1 };                  /* hardware */
enum { MOST_TENSORS = 32 };        /* inputs, or outputs, of one signature */

int LiteRtCreateEnvironment(int count, const void *options, Environment **environment);
int LiteRtCreateModelFromFile(Environment *environment, const char *path, Model **model);
int LiteRtGetNumModelSignatures(Model *model, size_t *count);
int LiteRtGetModelSignature(Model *model, size_t index, Signature **signature);
int LiteRtGetSignatureKey(Signature *signature, const char **key);
int LiteRtGetNumSignatureInputs(Signature *signature, size_t *count);
int LiteRtGetNumSignatureOutputs(Signature *signature, size_t *count);
int LiteRtGetSignatureInputName(Signature *signature, size_t index, const char **name);
int LiteRtGetSignatureOutputName(Signature *signature, size_t index, const char **name);
int LiteRtGetSignatureInputTensorByIndex(Signature *signature, size_t index, Tensor **tensor);
int LiteRtGetSignatureOutputTensorByIndex(Signature *signature, size_t index, Tensor **tensor);
int LiteRtGetRankedTensorType(Tensor *tensor, TensorType *type);
int LiteRtCreateOptions(Options **options);
int LiteRtSetOptionsHardwareAccelerators(Options *options, int hardware);
int LiteRtCreateCompiledModel(Environment *environment, Model *model, Options *options,
                              CompiledModel **compiled);
int LiteRtGetCompiledModelInputBufferRequirements(CompiledModel *compiled, size_t signature,
                                                  size_t index, Requirements **requirements);
int LiteRtGetCompiledModelOutputBufferRequirements(CompiledModel *compiled, size_t signature,
                                                   size_t index, Requirements **requirements);
int LiteRtCreateManagedTensorBufferFromRequirements(Environment *environment,
                                                    const TensorType *type,
                                                    Requirements *requirements, Buffer **buffer);
int LiteRtGetTensorBufferPackedSize(Buffer *buffer, size_t *bytes);
int LiteRtLockTensorBuffer(Buffer *buffer, void **address, int mode);
int LiteRtUnlockTensorBuffer(Buffer *buffer);
int LiteRtRunCompiledModel(CompiledModel *compiled, size_t signature, size_t inputs,
                           Buffer **input_buffers, size_t outputs, Buffer **output_buffers);
void LiteRtDestroyTensorBuffer(Buffer *buffer);
void LiteRtDestroyCompiledModel(CompiledModel *compiled);
void LiteRtDestroyOptions(Options *options);
void LiteRtDestroyModel(Model *model);
void LiteRtDestroyEnvironment(Environment *environment);

/* One input or output: its tensor in the file, and for an input the numbers to feed it. */
typedef struct {
  const char *name;
  int element_type;
  size_t size;    /* numbers in a row */
  double *values; /* rows * size numbers */
  size_t count;
} Port;

/* LiteRT writes what it does to the standard error stream. It goes to a file that nobody sees, unless
 * the program fails. */
static int standard_error = -1;
static FILE *told = NULL;

static void keep_quiet(void) {
  told = tmpfile();
  standard_error = dup(STDERR_FILENO);
  if (told != NULL && standard_error >= 0) dup2(fileno(told), STDERR_FILENO);
}

static void speak_again(void) {
  char text[4096];
  size_t got;
  if (told == NULL || standard_error < 0) return;
  fflush(stderr);
  dup2(standard_error, STDERR_FILENO);
  rewind(told);
  while ((got = fread(text, 1, sizeof text, told)) > 0) fwrite(text, 1, got, stderr);
}

static void fail(const char *message, const char *detail) {
  speak_again();
  fprintf(stderr, "Error: %s%s%s\n", message, detail ? ": " : "", detail ? detail : "");
  exit(1);
}

static void check(int status, const char *what) {
  if (status != 0) {
    char number[16];
    snprintf(number, sizeof number, "status %d", status);
    fail(what, number);
  }
}

static void *allocate(void *block, size_t bytes) {
  void *larger = realloc(block, bytes);
  if (larger == NULL) fail("there is not enough memory", NULL);
  return larger;
}

/* Returns the text that VALUES stands for: itself, or the content of the file after an @. */
static char *text_of(const char *values) {
  size_t length = 0, space = strlen(values) + 1;
  char *text = allocate(NULL, space);
  if (values[0] != '@') return strcpy(text, values);
  FILE *file = fopen(values + 1, "rb");
  if (file == NULL) fail("a file cannot be opened", values + 1);
  for (;;) {
    if (length + 4096 > space) text = allocate(text, space = 2 * space + 4096);
    size_t got = fread(text + length, 1, 4095, file);
    if (got == 0) break;
    length += got;
  }
  if (ferror(file)) fail("a file cannot be read", values + 1);
  fclose(file);
  text[length] = '\0';
  return text;
}

static void parse(Port *port, const char *values) {
  char *text = text_of(values), *here = text;
  size_t space = 0;
  port->count = 0;
  for (;;) {
    while (isspace((unsigned char)*here) || *here == ',') here++;
    if (*here == '\0') break;
    char *end;
    double value = strtod(here, &end);
    if (end == here || value < -FLT_MAX || value > FLT_MAX)
      fail("expected finite numbers", port->name);
    if (port->count == space) {
      space = 2 * space + 64;
      port->values = allocate(port->values, space * sizeof(double));
    }
    port->values[port->count++] = value;
    here = end;
  }
  free(text);
  if (port->count == 0 || port->count % port->size != 0)
    fail("expected a whole number of rows of numbers", port->name);
}

/* Returns the name of a file without its folder. */
static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* Opens a file in the folder of the model; returns NULL where there is none. */
static FILE *open_beside(const char *model, const char *name) {
  size_t folder = (size_t)(name_of(model) - model), length = strlen(name) + 1;
  char *path = allocate(NULL, folder + length);
  memcpy(path, model, folder);
  memcpy(path + folder, name, length);
  FILE *file = fopen(path, "r");
  free(path);
  return file;
}

/* Refuses numbers outside the domain in the folder of the model, and those the tensor cannot hold. */
static void check_values(const Port *port, const char *model) {
  char message[MESSAGE] = "";
  FILE *file = open_beside(model, "domain.tsv");
  int told = 1;
  if (file != NULL) {
    told = check_domain(file, port->name, port->values, port->count, message);
    fclose(file);
  }
  if (message[0] != '\0') fail(message, NULL);
  for (size_t i = 0; i < port->count; i++) {
    double value = port->values[i];
    if (isnan(value) && told != 2) fail("expected finite numbers", port->name);
    if (port->element_type == INT32 &&
        !(value >= INT32_MIN && value <= INT32_MAX && value == (double)(int32_t)value))
      fail("expected whole numbers of 32 bits", port->name);
    if (port->element_type == UINT8 &&
        !(value >= 0 && value <= UINT8_MAX && value == (double)(uint8_t)value))
      fail("expected whole numbers in [0, 255]", port->name);
  }
}

/* Returns the buffer of an input or output, and fills in what its numbers are. */
static Buffer *open_port(Environment *environment, Tensor *tensor, Requirements *requirements,
                         Port *port) {
  TensorType type;
  Buffer *buffer;
  size_t bytes;
  memset(&type, 0, sizeof type);
  check(LiteRtGetRankedTensorType(tensor, &type), "a tensor has no shape");
  if (type.element_type != FLOAT32 && type.element_type != INT32 && type.element_type != UINT8)
    fail("expected a tensor of type float32, int32 or uint8", port->name);
  check(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, requirements, &buffer),
        "no buffer could be made for a tensor");
  check(LiteRtGetTensorBufferPackedSize(buffer, &bytes), "a buffer has no size");
  port->element_type = type.element_type;
  port->size = type.element_type == UINT8 ? bytes : bytes / 4;
  return buffer;
}

static void feed(Buffer *buffer, const Port *port, size_t row) {
  void *memory;
  check(LiteRtLockTensorBuffer(buffer, &memory, WRITE), "an input cannot be written");
  for (size_t i = 0; i < port->size; i++) {
    double value = port->values[row * port->size + i];
    if (port->element_type == INT32)
      ((int32_t *)memory)[i] = (int32_t)value;
    else if (port->element_type == UINT8)
      ((uint8_t *)memory)[i] = (uint8_t)value;
    else
      ((float *)memory)[i] = (float)value;
  }
  check(LiteRtUnlockTensorBuffer(buffer), "an input cannot be written");
}

/* Refuses an output that is no number: the inputs are beyond what the preset can compute. */
static void check_finite(const float *values, const Port *port) {
  for (size_t i = 0; i < port->size; i++)
    if (!isfinite(values[i])) fail("an output is NaN or infinite", port->name);
}

static void print(Buffer *buffer, const Port *port) {
  void *memory;
  check(LiteRtLockTensorBuffer(buffer, &memory, READ), "an output cannot be read");
  if (port->element_type == FLOAT32) check_finite(memory, port);
  printf("%s", port->name);
  for (size_t i = 0; i < port->size; i++) {
    if (port->element_type == INT32)
      printf(" %d", (int)((int32_t *)memory)[i]);
    else if (port->element_type == UINT8)
      printf(" %d", (int)((uint8_t *)memory)[i]);
    else
      printf(" %.9g", (double)((float *)memory)[i]); /* nine digits tell any float32 */
  }
  printf("\n");
  check(LiteRtUnlockTensorBuffer(buffer), "an output cannot be read");
}

/* Reads the thresholds of the model from the decision.tsv in its folder. */
static Decision thresholds(const char *model) {
  Decision decision;
  FILE *file = open_beside(model, "decision.tsv");
  int found = file == NULL ? NO_DECISION : read_decision(file, name_of(model), &decision);
  if (found == NO_DECISION)
    fail("expected a bundle with thresholds, written with calibration rows", model);
  if (found == DAMAGED) fail("decision.tsv is damaged", NULL);
  fclose(file);
  return decision;
}

/* Prints what is decided of the score in a buffer. */
static void decide(Buffer *buffer, const Port *port, const Decision *decision) {
  void *memory;
  print(buffer, port);
  check(LiteRtLockTensorBuffer(buffer, &memory, READ), "an output cannot be read");
  float score = ((float *)memory)[0];
  check(LiteRtUnlockTensorBuffer(buffer), "an output cannot be read");
  printf("p_value %.17g\nis_anomaly %d\n", p_value(decision, score), is_anomaly(decision, score));
}

static size_t find_signature(Model *model, const char *wanted, Signature **signature) {
  size_t count;
  const char *key;
  check(LiteRtGetNumModelSignatures(model, &count), "the file has no signatures");
  for (size_t i = 0; i < count; i++) {
    check(LiteRtGetModelSignature(model, i, signature), "a signature cannot be read");
    check(LiteRtGetSignatureKey(*signature, &key), "a signature has no name");
    if (strcmp(key, wanted) == 0) return i;
  }
  fail("the file has no such signature", wanted);
  return 0;
}

/* Parses the NAME=VALUES arguments; returns how many rows they hold, one if there are none. Inputs
 * without one are zeros. */
static size_t read_arguments(int count, char **arguments, Port *sources, size_t inputs,
                             const char *model) {
  size_t rows = 0;
  for (int i = 0; i < count; i++) {
    const char *equals = strchr(arguments[i], '=');
    if (equals == NULL) fail("expected NAME=VALUES", arguments[i]);
    size_t length = (size_t)(equals - arguments[i]), j = 0;
    while (j < inputs && (strlen(sources[j].name) != length ||
                          strncmp(sources[j].name, arguments[i], length) != 0))
      j++;
    if (j == inputs) fail("the signature has no such input", arguments[i]);
    if (sources[j].values != NULL) fail("an input is named twice", sources[j].name);
    parse(&sources[j], equals + 1);
    check_values(&sources[j], model);
    if (rows != 0 && rows != sources[j].count / sources[j].size)
      fail("expected inputs with the same number of rows", sources[j].name);
    rows = sources[j].count / sources[j].size;
  }
  if (rows == 0) rows = 1;
  for (size_t j = 0; j < inputs; j++) {
    if (sources[j].values != NULL) continue;
    sources[j].count = rows * sources[j].size;
    sources[j].values = allocate(NULL, sources[j].count * sizeof(double));
    for (size_t i = 0; i < sources[j].count; i++) sources[j].values[i] = 0.0;
    check_values(&sources[j], model);
  }
  return rows;
}

int main(int count, char **arguments) {
  if (count < 2) fail("usage: decode MODEL [SIGNATURE [NAME=VALUES ...]]", NULL);
  const char *wanted = count > 2 ? arguments[2] : "decode";
  int deciding = strcmp(wanted, "detect") == 0;
  Decision decision = {0};
  keep_quiet();
  Environment *environment;
  Model *model;
  Options *options;
  CompiledModel *compiled;
  Signature *signature;
  check(LiteRtCreateEnvironment(0, NULL, &environment), "LiteRT does not start");
  check(LiteRtCreateModelFromFile(environment, arguments[1], &model), "the file does not load");
  size_t index = find_signature(model, deciding ? "score" : wanted, &signature);
  if (deciding) decision = thresholds(arguments[1]);
  check(LiteRtCreateOptions(&options), "LiteRT does not start");
  check(LiteRtSetOptionsHardwareAccelerators(options, CPU), "LiteRT does not run on the CPU");
  check(LiteRtCreateCompiledModel(environment, model, options, &compiled),
        "the file does not compile");

  size_t inputs, outputs;
  Port sources[MOST_TENSORS] = {0}, targets[MOST_TENSORS] = {0};
  Buffer *source_buffers[MOST_TENSORS], *target_buffers[MOST_TENSORS];
  Tensor *tensor;
  Requirements *requirements;
  check(LiteRtGetNumSignatureInputs(signature, &inputs), "a signature has no inputs");
  check(LiteRtGetNumSignatureOutputs(signature, &outputs), "a signature has no outputs");
  if (inputs > MOST_TENSORS || outputs > MOST_TENSORS) fail("the signature is too large", NULL);
  for (size_t i = 0; i < inputs; i++) {
    check(LiteRtGetSignatureInputName(signature, i, &sources[i].name), "an input has no name");
    check(LiteRtGetSignatureInputTensorByIndex(signature, i, &tensor), "an input has no tensor");
    check(LiteRtGetCompiledModelInputBufferRequirements(compiled, index, i, &requirements),
          "an input has no buffer");
    source_buffers[i] = open_port(environment, tensor, requirements, &sources[i]);
  }
  for (size_t i = 0; i < outputs; i++) {
    check(LiteRtGetSignatureOutputName(signature, i, &targets[i].name), "an output has no name");
    check(LiteRtGetSignatureOutputTensorByIndex(signature, i, &tensor), "an output has no tensor");
    check(LiteRtGetCompiledModelOutputBufferRequirements(compiled, index, i, &requirements),
          "an output has no buffer");
    target_buffers[i] = open_port(environment, tensor, requirements, &targets[i]);
  }

  size_t rows = read_arguments(count - 3, arguments + 3, sources, inputs, arguments[1]);

  for (size_t row = 0; row < rows; row++) {
    for (size_t i = 0; i < inputs; i++) feed(source_buffers[i], &sources[i], row);
    check(LiteRtRunCompiledModel(compiled, index, inputs, source_buffers, outputs, target_buffers),
          "the signature does not run");
    for (size_t i = 0; i < outputs; i++) {
      if (!deciding)
        print(target_buffers[i], &targets[i]);
      else if (strcmp(targets[i].name, "score") == 0)
        decide(target_buffers[i], &targets[i], &decision);
    }
  }

  for (size_t i = 0; i < inputs; i++) {
    LiteRtDestroyTensorBuffer(source_buffers[i]);
    free(sources[i].values);
  }
  for (size_t i = 0; i < outputs; i++) LiteRtDestroyTensorBuffer(target_buffers[i]);
  free(decision.scores);
  LiteRtDestroyCompiledModel(compiled);
  LiteRtDestroyOptions(options);
  LiteRtDestroyModel(model);
  LiteRtDestroyEnvironment(environment);
  return 0;
}
