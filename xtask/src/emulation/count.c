/* A plugin of QEMU's emulator that counts the instructions of a program: all, those of the vector and floating-point unit,
 * those that load or store. The declarations are those of QEMU's documented plugin interface, version 1. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { NO_REGISTERS = 0 };

int qemu_plugin_version = 1;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*seen)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*ran)(unsigned, void *), int registers,
                                          void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*done)(plugin_id, void *), void *data);
void qemu_plugin_outs(const char *text);

/* Threads of the program count at once, where QEMU's own inline addition would lose some. */
static _Atomic uint64_t all, vector, memory;

/* The three counts of a block, in one word of callback data: a block has far fewer instructions than each part holds. */
enum { BITS = 20, MASK = (1 << BITS) - 1 };

static void ran(unsigned vcpu, void *data)
{
    uint64_t counts = (uintptr_t)data;
    (void)vcpu;
    all += counts & MASK;
    vector += counts >> BITS & MASK;
    memory += counts >> 2 * BITS;
}

/* Groups of A64 encodings: bits 28 to 25 are x111 for SIMD and floating point, x1x0 for loads and stores. */
static void seen(plugin_id id, struct qemu_plugin_tb *block)
{
    uint64_t count = qemu_plugin_tb_n_insns(block), vectors = 0, memories = 0;
    (void)id;
    for (size_t index = 0; index < count; index++) {
        const unsigned char *bytes = qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, index));
        unsigned group = bytes[3] >> 1;
        vectors += (group & 7) == 7;
        memories += (group & 5) == 4;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(block, ran, NO_REGISTERS,
                                         (void *)(uintptr_t)(count | vectors << BITS | memories << 2 * BITS));
}

static void done(plugin_id id, void *data)
{
    char text[160];
    uint64_t counts[] = {all, vector, memory};
    (void)id;
    (void)data;
    snprintf(text, sizeof text, "{\"instructions\": %" PRIu64 ", \"vector\": %" PRIu64 ", \"memory\": %" PRIu64 "}\n", counts[0],
             counts[1], counts[2]);
    qemu_plugin_outs(text);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, seen);
    qemu_plugin_register_atexit_cb(id, done, NULL);
    return 0;
}
