/* Writes a picture of a label as PPM (PGM where it is gray): gesture MODEL LABEL SEED OUT.ppm */

#include <mudra.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what) {
    fprintf(stderr, "gesture: %s\n", what);
    return 1;
}

static int write_file(const char *path, struct mudra_size size, const uint8_t *levels, size_t bytes) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return -1;
    }
    int good = fprintf(file, "P%d\n%u %u\n255\n", size.channels == 1 ? 5 : 6, (unsigned)size.width,
                       (unsigned)size.height) > 0
               && fwrite(levels, 1, bytes, file) == bytes;
    return fclose(file) == 0 && good ? 0 : -1;
}

/* strtoull alone takes a sign, and stops where digits end. */
static int read_seed(const char *text, uint64_t *seed) {
    char *end = NULL;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 ? 0 : -1;
}

int main(int argc, char **argv) {
    uint64_t seed = 0;
    if (argc != 5 || read_seed(argv[3], &seed) != 0) {
        fprintf(stderr, "usage: gesture MODEL LABEL SEED OUT.ppm; SEED is a whole number from 0 to 2^64 - 1\n");
        return 2;
    }
    mudra_generator *generator = mudra_open(argv[1], 0);
    if (generator == NULL) {
        return failed(mudra_last_error());
    }
    size_t label = 0, count = mudra_label_count(generator);
    while (label < count && strcmp(mudra_label_name(generator, label), argv[2]) != 0) {
        label++;
    }
    struct mudra_size size = mudra_size(generator);
    size_t bytes = (size_t)size.width * size.height * size.channels;
    uint8_t *levels = malloc(bytes);
    int code = 0;
    if (label == count) {
        code = failed("the model has no such label");
    } else if (levels == NULL) {
        code = failed("no memory");
    } else if (mudra_generate(generator, label, seed, 0, levels, bytes) != 0) {
        code = failed(mudra_last_error());
    } else if (write_file(argv[4], size, levels, bytes) != 0) {
        code = failed("the picture can't be written");
    }
    free(levels);
    mudra_free(generator);
    return code;
}
