/* Kills this process at the n-th place: before each call that changes a file, after each sync.
 *
 * (After a change is before the next one, and before a sync is after a change: the same files.)
 * Preloaded, so that the dying is done below SQLite, in the very calls by which a transaction
 * becomes durable. The harness counts with die_at = -1, and sets die_at in a forked child. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

long die_at = -1, die_count = 0;
int die_armed = 0;

static void step(void) {
    if (die_armed && die_count++ == die_at) {
        kill(getpid(), SIGKILL);
        pause();
    }
}

#define WRAP(type, name, parameters, arguments, before, after)                    \
    type name parameters {                                                        \
        static type(*real) parameters;                                            \
        if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);            \
        if (before) step();                                                       \
        type result = real arguments;                                             \
        if (after) step();                                                        \
        return result;                                                            \
    }

WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), 1, 0)
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), 1, 0)
WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), 1, 0)
WRAP(int, fsync, (int fd), (fd), 0, 1)
WRAP(int, fdatasync, (int fd), (fd), 0, 1)
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), 1, 0)
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size), 1, 0)
WRAP(int, unlink, (const char *path), (path), 1, 0)
