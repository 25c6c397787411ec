/* Calls every function of mudra.h, with good arguments and with bad ones. Arguments: a model, and a file to write the
   levels of its label 1, seed 7, index 2 to. */

#include "mudra.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert(sizeof(struct mudra_size) == 12, "three numbers of 32 bits");
_Static_assert(offsetof(struct mudra_size, height) == 4, "height comes second");
_Static_assert(offsetof(struct mudra_size, channels) == 8, "channels come last");

#define CHECK(condition)                                                                                              \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "line %d: %s; last error: %s\n", __LINE__, #condition, mudra_last_error());               \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)
#define CHECK_ERROR(part) CHECK(strstr(mudra_last_error(), part) != NULL)

static void check_bad(mudra_generator *none, const char *error) {
    uint8_t levels[16];
    CHECK(mudra_label_count(none) == 0);
    CHECK_ERROR(error);
    CHECK(mudra_label_name(none, 0) == NULL);
    CHECK(mudra_size(none).width == 0 && mudra_size(none).channels == 0);
    CHECK(mudra_generate(none, 0, 1, 0, levels, sizeof levels) == -1);
    CHECK_ERROR(error);
}

/* What main's thread had for itself is gone by then. */
static void at_exit(void) {
    if (mudra_open("no such file", 1) != NULL || mudra_last_error() == NULL) {
        fputs("mudra_last_error() in atexit\n", stderr);
        _Exit(1);
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    CHECK(atexit(at_exit) == 0);
    CHECK(strcmp(mudra_version(), MUDRA_VERSION) == 0);
    CHECK(strcmp(mudra_last_error(), "") == 0);

    CHECK(mudra_open("no such file", 1) == NULL);
    CHECK_ERROR("read no such file: ");
    CHECK(mudra_open("\xFF\xFE", 1) == NULL);
    CHECK_ERROR("path: expected UTF-8");
    CHECK(mudra_open(NULL, 1) == NULL);
    CHECK_ERROR("no model found at ");
    CHECK(mudra_open(argv[1], UINT32_MAX) == NULL);
    CHECK_ERROR("threads: expected 0 to 1024, found 4294967295");
    CHECK(mudra_open(argv[0], 1) == NULL);
    CHECK_ERROR("not an ONNX file");

    mudra_generator *generator = mudra_open(argv[1], 1);
    CHECK(generator != NULL);
    size_t count = mudra_label_count(generator);
    CHECK(count > 1);
    CHECK(mudra_label_name(generator, count) == NULL);
    CHECK_ERROR("label: expected 0 to ");
    CHECK(mudra_label_name(generator, (size_t)-1) == NULL);
    printf("%s\n", mudra_label_name(generator, 1));

    struct mudra_size size = mudra_size(generator);
    size_t bytes = (size_t)size.width * size.height * size.channels;
    uint8_t *levels = malloc(bytes + 1);
    CHECK(levels != NULL && bytes > 0);
    levels[0] = 99;
    levels[bytes] = 99;
    CHECK(mudra_generate(generator, 1, 7, 2, NULL, bytes) == -1);
    CHECK_ERROR("levels: expected an address, found null");
    CHECK(mudra_generate(generator, 1, 7, 2, levels, bytes - 1) == -1);
    CHECK_ERROR("capacity: expected at least ");
    CHECK(mudra_generate(generator, count, 7, 2, levels, bytes) == -1);
    CHECK_ERROR("label: expected 0 to ");
    CHECK(mudra_generate(generator, (size_t)-1, 7, 2, levels, bytes) == -1);
    CHECK(levels[0] == 99);
    CHECK(mudra_generate(generator, 1, 7, 2, levels, bytes + 1) == 0);
    CHECK(levels[bytes] == 99);

    mudra_generator *of_two_threads = mudra_open(argv[1], 2);
    CHECK(of_two_threads != NULL);
    CHECK(mudra_generate(of_two_threads, 1, 7, 2, levels, bytes) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int is_told = mudra_generate(of_two_threads, 1, 7, 2, levels, bytes) == -1
                      && strstr(mudra_last_error(), "found its parent's") != NULL
                      && mudra_generate(generator, 1, 7, 2, levels, bytes) == 0;
        /* Killed, since valgrind would look for leaks at an exit. */
        if (is_told) {
            raise(SIGKILL);
        }
        _exit(1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    mudra_free(of_two_threads);

    FILE *file = fopen(argv[2], "wb");
    CHECK(file != NULL && fwrite(levels, 1, bytes, file) == bytes && fclose(file) == 0);
    free(levels);

    check_bad(NULL, "generator: expected an address, found null");
    check_bad((mudra_generator *)argv, "generator: expected one that mudra_open gave");
    mudra_free((mudra_generator *)argv);
    mudra_free(NULL);
    mudra_free(generator);
    check_bad(generator, "generator: expected one that mudra_open gave");
    mudra_free(generator);
    CHECK_ERROR("mudra_free did not take");
    return 0;
}
