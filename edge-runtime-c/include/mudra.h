/*
 * Mudra's runtime for C: pictures of a label and a seed from a model file.
 *
 *     mudra_generator *generator = mudra_open("models/gen.onnx", 0);
 *     if (generator == NULL) { fprintf(stderr, "%s\n", mudra_last_error()); return 1; }
 *     struct mudra_size size = mudra_size(generator);
 *     size_t bytes = (size_t)size.width * size.height * size.channels;
 *     uint8_t *levels = malloc(bytes);
 *     if (mudra_generate(generator, 0, 42, 0, levels, bytes) != 0) { ... mudra_last_error() ... }
 *     mudra_free(generator);
 *
 * Every function may be called from any thread at any time; calls with the same generator wait for each other. A
 * generator that is null, made up or freed already is an error, and so is every other argument but an address that is
 * not null: behind one there must be what the function asks for. Text is UTF-8 and ends with a 0. A process that was
 * forked has none of its parent's threads: making a picture with a generator of several of them is an error there.
 *
 * The same model, label, seed and index give the same bytes in every run on one machine, and the same as the command
 * `edge-runtime --label L --seed S` writes there.
 */
#ifndef MUDRA_H
#define MUDRA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version that this header belongs to; compare it with mudra_version(). */
#define MUDRA_VERSION "0.1.0"

/* A model with the engine that runs it. */
typedef struct mudra_generator mudra_generator;

/* The size of a picture. It has width * height * channels bytes: rows from the top, pixels from the left, each with its
   channels, without padding. */
struct mudra_size {
    uint32_t width;    /* pixels in a row */
    uint32_t height;   /* rows */
    uint32_t channels; /* 1: gray, 3: red, green, blue */
};

/* The version of the library that is linked. It stays valid for ever. */
const char *mudra_version(void);

/* What the last call that failed in this thread says, with its causes; empty before the first one, and while the
   thread ends, as in atexit. Valid until the next call in this thread that fails. */
const char *mudra_last_error(void);

/* Opens a model file, which may take tens of milliseconds. With path null it is gen.onnx beside the program, then
   models/gen.onnx in the working folder, then the one built into the library. threads is the number of CPU threads, up to 1024,
   0 for one a core. Returns null on failure: no such file, a file that is no model or is damaged, a model that no engine runs. */
mudra_generator *mudra_open(const char *path, uint32_t threads);

/* Closes a generator and gives its memory back. Null is ignored; a generator that is closed already is left alone, and
   told by mudra_last_error(). */
void mudra_free(mudra_generator *generator);

/* The number of labels, 1 or more; 0 on failure. */
size_t mudra_label_count(const mudra_generator *generator);

/* The name of a label by its index from 0. Valid until mudra_free(generator); null on failure. */
const char *mudra_label_name(const mudra_generator *generator, size_t label);

/* The size of every picture of this generator; all zero on failure. */
struct mudra_size mudra_size(const mudra_generator *generator);

/* Makes a picture of a label, and writes it to levels, where capacity bytes may be written; more than the picture has
   are left alone. Pictures of one seed are told apart by index, the first has 0. Returns 0, or -1 on failure, after which
   nothing was written. */
int mudra_generate(mudra_generator *generator, size_t label, uint64_t seed, uint32_t index, uint8_t *levels,
                   size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
