/* Counts what a program for another processor executes under qemu-user: instructions and system calls, thread by thread.
 *
 *   gcc -shared -fPIC -O2 -DAPI=1 -o count.so count.c          (API=2 for QEMU 9 and newer)
 *   COUNT_OUT=file qemu-aarch64 -cpu cortex-a53 -plugin ./count.so PROGRAM ...
 *
 * One line of COUNT_OUT for each thread, once a second and at the end, and whenever the program calls
 * prctl(0x4c494654, N), which the kernel refuses and nothing else uses:
 *   WHEN MILLISECONDS THREAD TID INSTRUCTIONS CALLS            WHEN: "tick", "end" or "mark-N"
 * Each thread counts in a cell of its own, so nothing is lost between them. A block that a fault ends early is counted
 * whole. The kernel's own work is not seen; that is why system calls are counted beside. Only the few entry points
 * that are needed are declared here, as Debian ships no header. Source: QEMU's plugin API as documented. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define THREADS_MAX 512
#define PRCTL_OF_ARM64 167
#define MARK 0x4c494654

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int flags, void *);
extern void qemu_plugin_register_vcpu_syscall_cb(plugin_id, void (*)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                                     uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
EXPORT int qemu_plugin_version = API;

static struct cell {
    uint64_t instructions, calls, tid, pad[5];
} cells[THREADS_MAX] __attribute__((aligned(64)));
static FILE *out;
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

static void tell(const char *when, int number) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ms = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
    pthread_mutex_lock(&writing);
    for (int i = 0; i < THREADS_MAX; i++)
        if (cells[i].tid) {
            fprintf(out, number < 0 ? "%s" : "%s-%d", when, number);
            fprintf(out, " %lld %d %llu %llu %llu\n", ms, i, (unsigned long long)cells[i].tid,
                    (unsigned long long)cells[i].instructions, (unsigned long long)cells[i].calls);
        }
    fflush(out);
    pthread_mutex_unlock(&writing);
}

static void executed(unsigned thread, void *count) {
    struct cell *cell = &cells[thread % THREADS_MAX];
    if (!cell->tid) cell->tid = (uint64_t)syscall(SYS_gettid);
    cell->instructions += (uint64_t)(uintptr_t)count;
}

static void translated(plugin_id id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, executed, 0, (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void called(plugin_id id, unsigned thread, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                   uint64_t f, uint64_t g, uint64_t h) {
    (void)id, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    cells[thread % THREADS_MAX].calls++;
    if (number == PRCTL_OF_ARM64 && a == MARK) tell("mark", (int)b);
}

static void *each_second(void *nothing) {
    for (;;) {
        sleep(1);
        tell("tick", -1);
    }
    return nothing;
}

static void ended(plugin_id id, void *nothing) {
    (void)id, (void)nothing;
    tell("end", -1);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
    (void)info, (void)argc, (void)argv;
    const char *path = getenv("COUNT_OUT");
    out = path ? fopen(path, "a") : stderr;
    if (!out) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    pthread_t ticker;
    return path ? pthread_create(&ticker, NULL, each_second, NULL) : 0;
}
