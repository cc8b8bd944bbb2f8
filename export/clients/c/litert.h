/* LiteRT's C interface, as far as kvae.c uses it.
 *
 * The Python package ai-edge-litert carries no headers. These are the functions as they are in its
 * releases 2.1.6, 2.2.0 and 2.3.0. Look at them again for a later one: early releases had a
 * LiteRtCreateModelFromFile without an environment, and a linker does not see such a change. */

#ifndef LITERT_H
#define LITERT_H

#include <stddef.h>
#include <stdint.h>

typedef struct Environment Environment;
typedef struct Model Model;
typedef struct Signature Signature;
typedef struct Tensor Tensor;
typedef struct Options Options;
typedef struct OpaqueOptions OpaqueOptions;
typedef struct CompiledModel CompiledModel;
typedef struct Requirements Requirements;
typedef struct Buffer Buffer;

/* Of a tensor's type the element type is read, the number of axes, which are the lower 7 bits of
 * layout[0], and the length of the first one, layout[1]. The rest, 68 bytes in all, only passes through,
 * with room to spare should it grow. */
typedef struct {
  int32_t element_type;
  int32_t layout[63];
} TensorType;

enum { FLOAT32 = 1, INT32 = 2, UINT8 = 3 }; /* element types */
enum { READ = 0, WRITE = 1 };               /* what a buffer is locked for */
enum { CPU = 1 };                           /* hardware */

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
int LiteRtCreateOpaqueOptions(const char *name, void *text, void (*destroy)(void *),
                              OpaqueOptions **opaque);
int LiteRtAddOpaqueOptions(Options *options, OpaqueOptions *opaque); /* which then owns it */
void LiteRtDestroyOpaqueOptions(OpaqueOptions *opaque);
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

#endif
