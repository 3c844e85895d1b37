/*
 * A TCG plugin for QEMU's user mode (https://www.qemu.org/docs/master/devel/tcg-plugins.html): counts the guest's
 * instructions and writes their number to the file named by the environment variable INSTRUCTIONS when the program ends.
 * Declares what it uses of qemu-plugin.h itself.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int flags, void *);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* One for each thread, each in a cache line of its own. */
static struct { uint64_t count, rest[7]; } threads[1024];

static void executed(unsigned thread, void *instructions)
{
    threads[thread % 1024].count += (uintptr_t)instructions;
}

static void translated(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, executed, 0, (void *)qemu_plugin_tb_n_insns(block));
}

static void ended(plugin_id id, void *unused)
{
    const char *path = getenv("INSTRUCTIONS");
    FILE *file = path ? fopen(path, "w") : NULL;
    uint64_t sum = 0;
    (void)id, (void)unused;
    for (int i = 0; i < 1024; i++)
        sum += threads[i].count;
    if (file) {
        fprintf(file, "%llu\n", (unsigned long long)sum);
        fclose(file);
    }
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
