/* A plugin of QEMU's emulator that counts the instructions of a program: all, those of the vector and floating-point unit,
 * those that load or store. The declarations are those of QEMU's documented plugin interface, version 1. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { INLINE_ADD = 0 };

int qemu_plugin_version = 1;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*seen)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int op, void *sum, uint64_t value);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*done)(plugin_id, void *), void *data);
void qemu_plugin_outs(const char *text);

static uint64_t all, vector, memory;

/* Groups of A64 encodings: bits 28 to 25 are x111 for SIMD and floating point, x1x0 for loads and stores. */
static void seen(plugin_id id, struct qemu_plugin_tb *block)
{
    size_t count = qemu_plugin_tb_n_insns(block), vectors = 0, memories = 0;
    (void)id;
    for (size_t index = 0; index < count; index++) {
        const unsigned char *bytes = qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, index));
        unsigned group = bytes[3] >> 1;
        vectors += (group & 7) == 7;
        memories += (group & 5) == 4;
    }
    qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD, &all, count);
    qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD, &vector, vectors);
    qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD, &memory, memories);
}

static void done(plugin_id id, void *data)
{
    char text[160];
    (void)id;
    (void)data;
    snprintf(text, sizeof text, "{\"instructions\": %" PRIu64 ", \"vector\": %" PRIu64 ", \"memory\": %" PRIu64 "}\n", all,
             vector, memory);
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
