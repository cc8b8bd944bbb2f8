/* Opening a model file with the tables beside it, and its signatures.
 *
 * Buffers of a signature are made when it is first used, and kept until the model is closed. */

#if defined(__unix__) || defined(__APPLE__)
#define _XOPEN_SOURCE 700 /* fdopen, lstat, realpath, strerror_r */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#define POSIX 1
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* -- opening ------------------------------------------------------------------------------------- */

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* Opens a regular file for reading, and does not wait for others as `fopen` does for a pipe. Where the
 * result is NULL, `*otherwise` says what stands there, or is NULL and errno says why nothing opens. */
static FILE *open_regular(const char *path, const char **otherwise) {
  *otherwise = NULL;
#ifdef POSIX
  struct stat entry;
  int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0 && errno == ENXIO) *otherwise = "no regular file"; /* a socket */
  if (descriptor < 0) return NULL;
  FILE *file = NULL;
  if (fstat(descriptor, &entry) == 0) {
    if (S_ISREG(entry.st_mode))
      file = fdopen(descriptor, "rb");
    else
      *otherwise = S_ISDIR(entry.st_mode) ? "a folder" : "no regular file";
  }
  if (file == NULL) {
    int number = errno;
    close(descriptor);
    errno = number;
  }
  return file;
#else
  errno = 0;
  return fopen(path, "rb");
#endif
}

/* Says why a file cannot be opened, by the number of the system's error. */
static kvae_status not_opened(const char *path, int number, kvae_error *error) {
#ifdef POSIX
  char reason[256] = "";
  (void)strerror_r(number, reason, sizeof reason); /* strerror may share its text between threads */
#else
  const char *reason = strerror(number);
#endif
  return fail(error, KVAE_BAD_FILE, "%s cannot be opened: %s", path, reason);
}

kvae_status kvae_regular_(const char *path, FILE **file, kvae_error *error) {
  const char *otherwise;
  *file = open_regular(path, &otherwise);
  if (*file != NULL) return KVAE_OK;
  if (otherwise == NULL) return not_opened(path, errno, error);
  return fail(error, KVAE_BAD_FILE, "%s is %s", path, otherwise);
}

/* Reads a text file whole. */
static kvae_status read_text(FILE *file, const char *name, char **text, kvae_error *error) {
  size_t length = 0, space = 0;
  do {
    char *larger = realloc(*text, space = 2 * space + 4096);
    if (larger == NULL) return no_memory(error);
    *text = larger;
    length += fread(*text + length, 1, space - length - 1, file);
  } while (length == space - 1);
  (*text)[length] = '\0';
  if (ferror(file)) return fail(error, KVAE_BAD_FILE, "%s cannot be read", name);
  if (strlen(*text) != length) return fail(error, KVAE_BAD_FILE, "%s is damaged", name);
  return KVAE_OK;
}

/* Compares a file with its line in the text of SHA256SUMS, if there is such a text. */
static kvae_status check_digest(FILE *file, const char *name, const char *sums, kvae_error *error) {
  char digest[DIGEST_CHARACTERS + 1];
  if (sums == NULL) return KVAE_OK;
  if (!digest_of(file, digest)) return fail(error, KVAE_BAD_FILE, "%s cannot be read", name);
  rewind(file);
  if (has_line(sums, digest, name)) return KVAE_OK;
  return fail(error, KVAE_BAD_FILE,
              "%s is not the file that SHA256SUMS lists, or SHA256SUMS is damaged", name);
}

/* Returns whether nothing stands at a path, where opening has just failed; a link that leads nowhere is
 * something. */
static int is_absent(const char *path) {
  if (errno != ENOENT) return 0;
#ifdef POSIX
  struct stat entry;
  return lstat(path, &entry) != 0 && errno == ENOENT;
#else
  (void)path;
  return 1;
#endif
}

/* Returns the path of a file in the folder of another, NULL without memory. */
static char *path_beside(const char *model, const char *name) {
  size_t folder = (size_t)(name_of(model) - model);
  char *path = malloc(folder + strlen(name) + 1);
  if (path == NULL) return NULL;
  memcpy(path, model, folder);
  strcpy(path + folder, name);
  return path;
}

/* Opens a file in the folder of the model; `*file` is NULL where there is none. One that is there and
 * does not open is refused: without SHA256SUMS nothing would be checked. */
static kvae_status open_beside(const char *model, const char *name, const char *sums, FILE **file,
                               kvae_error *error) {
  char *path = path_beside(model, name);
  if (path == NULL) return no_memory(error);
  const char *otherwise;
  *file = open_regular(path, &otherwise);
  int absent = *file == NULL && otherwise == NULL && is_absent(path);
  free(path);
  if (otherwise != NULL) return fail(error, KVAE_BAD_FILE, "%s is %s", name, otherwise);
  if (*file == NULL && !absent) return fail(error, KVAE_BAD_FILE, "%s cannot be read", name);
  if (*file != NULL) return check_digest(*file, name, sums, error);
  if (sums == NULL || !has_line(sums, NULL, name)) return KVAE_OK;
  return fail(error, KVAE_BAD_FILE, "%s is missing", name);
}

/* Reads a text in the folder of the model; `*text` stays NULL where there is none. */
static kvae_status read_beside(const char *model, const char *name, const char *sums, char **text,
                               kvae_error *error) {
  FILE *file = NULL;
  kvae_status status = open_beside(model, name, sums, &file, error);
  if (status == KVAE_OK && file != NULL) status = read_text(file, name, text, error);
  if (file != NULL) fclose(file);
  return status;
}

static kvae_status read_domains(kvae_model *model, const char *path, const char *sums,
                                kvae_error *error) {
  TRY(read_beside(path, "domain.tsv", sums, &model->domain_text, error));
  if (model->domain_text == NULL) return KVAE_OK;
  int read = read_domain(model->domain_text, &model->domain);
  if (read < 0) return no_memory(error);
  return read > 0 ? KVAE_OK : fail(error, KVAE_BAD_FILE, "domain.tsv is damaged");
}

static kvae_status read_thresholds(kvae_model *model, const char *path, const char *sums,
                                   kvae_error *error) {
  char *text = NULL;
  int read = NO_DECISION;
  kvae_status status = read_beside(path, "decision.tsv", sums, &text, error);
  if (status == KVAE_OK && text != NULL)
    read = read_decision(text, name_of(path), &model->decision);
  free(text);
  model->decides = read == DECISION;
  if (read == NO_SPACE) return no_memory(error);
  return read == DAMAGED ? fail(error, KVAE_BAD_FILE, "decision.tsv is damaged") : status;
}

/* Checks the digest of the model, and reads the tables beside it. */
static kvae_status read_folder(kvae_model *model, kvae_error *error) {
  const char *path = model->path;
  FILE *file = NULL;
  TRY(read_beside(path, "SHA256SUMS", NULL, &model->sums, error));
  kvae_status status = kvae_beside_(model, name_of(path), &file, error);
  if (file != NULL) fclose(file);
  if (status == KVAE_OK) status = read_domains(model, path, model->sums, error);
  if (status == KVAE_OK) status = read_thresholds(model, path, model->sums, error);
  return status;
}

kvae_status kvae_beside_(const kvae_model *model, const char *name, FILE **file,
                         kvae_error *error) {
  return open_beside(model->path, name, model->sums, file, error);
}

static kvae_status read_functions(kvae_model *model, kvae_error *error) {
  size_t count;
  TRY(check(LiteRtGetNumModelSignatures(model->file, &count), "the file has no signatures", error));
  model->functions = calloc(count + 1, sizeof(Function));
  if (model->functions == NULL) return no_memory(error);
  model->function_count = count;
  for (size_t i = 0; i < count; i++) {
    Function *function = &model->functions[i];
    function->index = i;
    TRY(check(LiteRtGetModelSignature(model->file, i, &function->litert),
              "a signature cannot be read", error));
    TRY(check(LiteRtGetSignatureKey(function->litert, &function->name), "a signature has no name",
              error));
    TRY(check(LiteRtGetNumSignatureInputs(function->litert, &function->inputs),
              "a signature has no inputs", error));
    TRY(check(LiteRtGetNumSignatureOutputs(function->litert, &function->outputs),
              "a signature has no outputs", error));
  }
  return KVAE_OK;
}

/* Takes the digest of a file that trains: what it learns belongs to it, whatever lies there later. */
static kvae_status take_digest(kvae_model *model, kvae_error *error) {
  if (!kvae_has_(model, "train")) return KVAE_OK;
  FILE *file;
  TRY(kvae_regular_(model->path, &file, error));
  int read = digest_of(file, model->digest);
  fclose(file);
  return read ? KVAE_OK : fail(error, KVAE_BAD_FILE, "the file cannot be read");
}

/* Says how many threads XNNPACK, which runs a file on the CPU, may use. LiteRT takes it as TOML. */
static kvae_status set_threads(Options *options, int threads, kvae_error *error) {
  enum { ROOM = 32 };
  OpaqueOptions *opaque;
  char *text = malloc(ROOM);
  if (text == NULL) return no_memory(error);
  snprintf(text, ROOM, "num_threads = %d\n", threads);
  if (LiteRtCreateOpaqueOptions("xnnpack", text, free, &opaque) != 0) {
    free(text);
    return no_memory(error);
  }
  int added = LiteRtAddOpaqueOptions(options, opaque);
  if (added != 0) LiteRtDestroyOpaqueOptions(opaque);
  return check(added, "LiteRT takes no number of threads", error);
}

/* Refuses a path at which no file can be read. Others would say so of the tables beside it. */
static kvae_status check_path(const char *path, kvae_error *error) {
  if (*path == '\0') return fail(error, KVAE_BAD_ARGUMENT, "the path of the file is empty");
  FILE *file;
  TRY(kvae_regular_(path, &file, error));
  fclose(file);
  return KVAE_OK;
}

/* Refuses a file without the identifier of TFLite, its bytes 4 to 7. */
static kvae_status check_identifier(const char *path, kvae_error *error) {
  char start[8];
  FILE *file;
  TRY(kvae_regular_(path, &file, error));
  size_t got = fread(start, 1, sizeof start, file);
  fclose(file);
  if (got == sizeof start && memcmp(start + 4, "TFL3", 4) == 0) return KVAE_OK;
  return fail(error, KVAE_BAD_FILE, "%s is no TFLite model", path);
}

#ifdef POSIX

/* Sets `*there` to whether one of the files that are read stands beside a path. */
static kvae_status has_tables(const char *path, int *there, kvae_error *error) {
  static const char *const names[] = {"SHA256SUMS", "domain.tsv", "decision.tsv"};
  struct stat entry;
  *there = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names && !*there; i++) {
    char *beside = path_beside(path, names[i]);
    if (beside == NULL) return no_memory(error);
    *there = lstat(beside, &entry) == 0 || errno != ENOENT;
    free(beside);
  }
  return KVAE_OK;
}

#endif

/* Sets `*file` to the path in whose folder the tables are: of a link without tables beside it, that of
 * the file it leads to. Stores that keep the files of a bundle as links have the tables beside it. */
static kvae_status locate(const char *path, char **file, kvae_error *error) {
#ifdef POSIX
  struct stat entry;
  int there = 1;
  if (lstat(path, &entry) == 0 && S_ISLNK(entry.st_mode)) TRY(has_tables(path, &there, error));
  if (!there) {
    *file = realpath(path, NULL);
    if (*file != NULL) return KVAE_OK;
    return errno == ENOMEM ? no_memory(error) : not_opened(path, errno, error);
  }
#endif
  *file = malloc(strlen(path) + 1);
  if (*file == NULL) return no_memory(error);
  strcpy(*file, path);
  return KVAE_OK;
}

static kvae_status open_file(kvae_model *model, const char *path, int threads, kvae_error *error) {
  TRY(check_path(path, error));
  TRY(locate(path, &model->path, error));
  TRY(read_folder(model, error));
  TRY(check_identifier(path, error));
  TRY(check(LiteRtCreateEnvironment(0, NULL, &model->environment), "LiteRT does not start", error));
  int loaded = LiteRtCreateModelFromFile(model->environment, path, &model->file);
  if (loaded != 0)
    return fail(error, KVAE_BAD_FILE, "%s does not load: status %d", path, loaded);
  TRY(read_functions(model, error));
  TRY(take_digest(model, error));
  TRY(check(LiteRtCreateOptions(&model->options), "LiteRT does not start", error));
  TRY(check(LiteRtSetOptionsHardwareAccelerators(model->options, CPU),
            "LiteRT does not run on the CPU", error));
  TRY(set_threads(model->options, threads, error));
  return check(LiteRtCreateCompiledModel(model->environment, model->file, model->options,
                                         &model->compiled),
               "the file does not compile", error);
}

kvae_status kvae_open(const char *path, kvae_model **model, kvae_error *error) {
  return kvae_open_threads(path, 1, model, error);
}

kvae_status kvae_open_threads(const char *path, int threads, kvae_model **model,
                              kvae_error *error) {
  TRY(expect(model, "a place for the model", error));
  *model = NULL;
  TRY(expect(path, "the path of a model", error));
  if (threads < 1)
    return fail(error, KVAE_BAD_ARGUMENT, "expected at least one thread: %d", threads);
  if (threads > KVAE_MOST_THREADS) /* LiteRT ends the process where the system has no more */
    return fail(error, KVAE_BAD_ARGUMENT, "expected at most %d threads: %d", KVAE_MOST_THREADS,
                threads);
  *model = calloc(1, sizeof(kvae_model));
  if (*model == NULL) return no_memory(error);
  kvae_status status = open_file(*model, path, threads, error);
  if (status != KVAE_OK) {
    kvae_close(*model);
    *model = NULL;
  }
  return status;
}

static void release(Function *function) {
  for (size_t i = 0; function->buffers != NULL && i < function->inputs + function->outputs; i++)
    if (function->buffers[i] != NULL) LiteRtDestroyTensorBuffer(function->buffers[i]);
  free(function->buffers);
  free(function->of_port);
  free(function->ports);
  function->buffers = function->of_port = NULL;
  function->ports = NULL;
}

void kvae_close(kvae_model *model) {
  if (model == NULL) return;
  for (size_t i = 0; i < model->function_count; i++) release(&model->functions[i]);
  free(model->functions);
  if (model->compiled != NULL) LiteRtDestroyCompiledModel(model->compiled);
  if (model->options != NULL) LiteRtDestroyOptions(model->options);
  if (model->file != NULL) LiteRtDestroyModel(model->file);
  if (model->environment != NULL) LiteRtDestroyEnvironment(model->environment);
  free(model->domain.parts);
  free(model->domain_text);
  free(model->path);
  free(model->sums);
  free(model->decision.scores);
  free(model);
}

/* -- signatures ---------------------------------------------------------------------------------- */

/* Makes the buffer of LiteRT's input or output `at`, and fills in its port. */
static kvae_status open_port(kvae_model *model, Function *function, int output, size_t at,
                             kvae_error *error) {
  size_t first = output ? function->inputs : at, place = first, bytes;
  Buffer **buffer = &function->buffers[output ? function->inputs + at : at];
  const char *name;
  Tensor *tensor;
  TensorType type;
  Requirements *requirements;
  memset(&type, 0, sizeof type);
  TRY(check((output ? LiteRtGetSignatureOutputName : LiteRtGetSignatureInputName)(
                function->litert, at, &name),
            "an input or output has no name", error));
  TRY(check((output ? LiteRtGetSignatureOutputTensorByIndex : LiteRtGetSignatureInputTensorByIndex)(
                function->litert, at, &tensor),
            "an input or output has no tensor", error));
  TRY(check(LiteRtGetRankedTensorType(tensor, &type), "a tensor has no shape", error));
  if (type.element_type != FLOAT32 && type.element_type != INT32 && type.element_type != UINT8)
    return fail(error, KVAE_BAD_FILE, "expected a tensor of type float32, int32 or uint8: %s", name);
  TRY(check((output ? LiteRtGetCompiledModelOutputBufferRequirements
                    : LiteRtGetCompiledModelInputBufferRequirements)(
                model->compiled, function->index, at, &requirements),
            "an input or output has no buffer", error));
  TRY(check(LiteRtCreateManagedTensorBufferFromRequirements(model->environment, &type, requirements,
                                                            buffer),
            "no buffer could be made for a tensor", error));
  TRY(check(LiteRtGetTensorBufferPackedSize(*buffer, &bytes), "a buffer has no size", error));
  if (bytes < 4 && type.element_type != UINT8)
    return fail(error, KVAE_BAD_FILE, "a tensor is empty: %s", name);
  if (output) {
    while (place < first + function->ports_out && strcmp(function->ports[place].name, name) != 0)
      place++;
    function->ports_out += place == first + function->ports_out;
  }
  kvae_type of = type.element_type == UINT8   ? KVAE_UINT8
                 : type.element_type == INT32 ? KVAE_INT32
                                              : KVAE_FLOAT32;
  function->ports[place] = (kvae_port){name, of, of == KVAE_UINT8 ? bytes : bytes / 4};
  function->of_port[place] = *buffer;
  if (!output && strcmp(name, "x") == 0 && (type.layout[0] & 127) > 0)
    function->batch = (size_t)type.layout[1];
  return KVAE_OK;
}

static kvae_status open_ports(kvae_model *model, Function *function, kvae_error *error) {
  size_t count = function->inputs + function->outputs + 1;
  function->ports = calloc(count, sizeof(kvae_port));
  function->buffers = calloc(count, sizeof(Buffer *));
  function->of_port = calloc(count, sizeof(Buffer *));
  function->ports_out = 0;
  if (function->ports == NULL || function->buffers == NULL || function->of_port == NULL)
    return no_memory(error);
  for (size_t i = 0; i < function->inputs; i++) TRY(open_port(model, function, 0, i, error));
  for (size_t i = 0; i < function->outputs; i++) TRY(open_port(model, function, 1, i, error));
  return KVAE_OK;
}

int kvae_has_(const kvae_model *model, const char *name) {
  for (size_t i = 0; i < model->function_count; i++)
    if (strcmp(model->functions[i].name, name) == 0) return 1;
  return 0;
}

/* Refuses the name of a signature, and names those that the file has. */
static kvae_status no_signature(const kvae_model *model, const char *name, kvae_error *error) {
  if (error == NULL) return KVAE_BAD_ARGUMENT;
  size_t room = sizeof error->message, length = 0;
  fail(error, KVAE_BAD_ARGUMENT, "the file has no such signature: %s. It has:", name);
  for (size_t i = 0; i < model->function_count; i++) {
    length += strlen(error->message + length);
    snprintf(error->message + length, room - length, "%s %s", i > 0 ? "," : "",
             model->functions[i].name);
  }
  return KVAE_BAD_ARGUMENT;
}

kvae_status kvae_find_(kvae_model *model, const char *name, Function **found, kvae_error *error) {
  TRY(expect(model, "a model", error));
  TRY(expect(name, "the name of a signature", error));
  for (size_t i = 0; i < model->function_count; i++) {
    Function *function = *found = &model->functions[i];
    if (strcmp(function->name, name) != 0) continue;
    if (function->ports != NULL) return KVAE_OK;
    kvae_status status = open_ports(model, function, error);
    if (status != KVAE_OK) release(function);
    return status;
  }
  return no_signature(model, name, error);
}

const char *kvae_signature_name(const kvae_model *model, size_t index) {
  return model != NULL && index < model->function_count ? model->functions[index].name : NULL;
}

kvae_status kvae_describe(kvae_model *model, const char *signature, kvae_signature *found,
                          kvae_error *error) {
  Function *function;
  TRY(kvae_find_(model, signature, &function, error));
  TRY(expect(found, "a place for the description", error));
  found->inputs = function->ports;
  found->outputs = function->ports + function->inputs;
  found->input_count = function->inputs;
  found->output_count = function->ports_out;
  return KVAE_OK;
}
