/* Records "NUMBER MONOTONIC-NS CRC32\n" of a fixed length, written and fsynced one by one.
 *
 * Record n is slot n % SEGMENT of the file n / SEGMENT. A file is filled with zeroes when it is
 * made, so that a record costs one write and one flush and not a commit of the file system's
 * journal: under emulation that would take a third of a processor. Only the newest KEPT files
 * stay, so the disk does not fill, and what stays is complete: a number that is missing was lost.
 * A record half written when the machine died was never confirmed: it is wiped at the next start,
 * counted, and its number used again. */
#define _GNU_SOURCE
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *home;
static int interval, segment = -1;
static struct sequence state;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

static uint32_t crc32_of(const char *bytes, size_t size) { /* the one of zlib */
    uint32_t crc = ~0u;
    while (size--) {
        crc ^= (unsigned char)*bytes++;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void write_record(char *out, uint64_t number, int64_t when) {
    char line[RECORD + 1];
    int head = sprintf(line, "%012llu %020lld", (unsigned long long)number, (long long)when);
    sprintf(line + head, " %08x\n", crc32_of(line, head));
    memcpy(out, line, RECORD);
}

static int read_record(const char *line, uint64_t *number) {
    uint32_t crc;
    char copy[RECORD + 1];
    memcpy(copy, line, RECORD);
    copy[RECORD] = 0;
    if (copy[RECORD - 1] != '\n' || sscanf(copy + 34, "%8x", &crc) != 1) return 0;
    if (crc != crc32_of(copy, 33)) return 0;
    *number = strtoull(copy, NULL, 10);
    return 1;
}

static char *path_of(uint64_t index, char path[128]) {
    snprintf(path, 128, "%s/seq-%08llu.log", home, (unsigned long long)index);
    return path;
}

/* The highest segment on the disk, or -1. */
static long long newest_segment(void) {
    long long best = -1, index;
    struct dirent *entry;
    DIR *dir = opendir(home);
    while (dir && (entry = readdir(dir)))
        if (sscanf(entry->d_name, "seq-%8lld.log", &index) == 1 && index > best) best = index;
    if (dir) closedir(dir);
    return best;
}

/* Finds the last good record, wipes what is torn behind it. */
static void resume(void) {
    static const char empty[RECORD];
    char path[128], line[RECORD];
    for (long long index = newest_segment(); index >= 0 && !state.last; index--) {
        int fd = open(path_of(index, path), O_RDWR | O_CLOEXEC);
        for (off_t slot = SEGMENT - 1; fd >= 0 && slot >= 0 && !state.last; slot--) {
            ssize_t n = pread(fd, line, RECORD, slot * RECORD);
            if (n <= 0 || !memcmp(line, empty, n)) continue;
            if (n == RECORD && read_record(line, &state.last)) break;
            state.torn_at_boot++;
            if (pwrite(fd, empty, n, slot * RECORD) != n) perror("service: sequence");
        }
        if (fd >= 0) fsync(fd), close(fd);
    }
    state.first_of_boot = state.last + 1;
}

static void open_segment(uint64_t index) {
    static const char empty[RECORD * 64];
    char path[128];
    if (segment >= 0) close(segment);
    segment = open(path_of(index, path), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    for (off_t size = lseek(segment, 0, SEEK_END); size >= 0 && size < SEGMENT * RECORD;) {
        size_t left = SEGMENT * RECORD - size;
        ssize_t n = write(segment, empty, left < sizeof empty ? left : sizeof empty);
        size = n > 0 ? size + n : -1;
    }
    if (index >= KEPT) unlink(path_of(index - KEPT, path));
    fsync(segment);
    int folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fsync(folder);
    close(folder);
}

static void *write_for_ever(void *unused) {
    char line[RECORD];
    for (uint64_t number = state.last + 1;;) {
        int64_t began = now_ns(CLOCK_MONOTONIC), took;
        if (segment < 0 || number % SEGMENT == 0) open_segment(number / SEGMENT);
        write_record(line, number, began);
        int good = pwrite(segment, line, RECORD, number % SEGMENT * RECORD) == RECORD
                   && fdatasync(segment) == 0;
        took = now_ns(CLOCK_MONOTONIC) - began;
        pthread_mutex_lock(&guard);
        if (good) state.last = number++;
        state.errors += !good;
        if (took > state.slowest_write_ns) state.slowest_write_ns = took;
        pthread_mutex_unlock(&guard);
        if (took < interval * 1000000LL) usleep(interval * 1000 - took / 1000);
    }
    return unused;
}

void sequence_start(const char *folder, int interval_ms) {
    pthread_t thread;
    home = folder;
    interval = interval_ms;
    mkdir(home, 0755);
    resume();
    pthread_create(&thread, NULL, write_for_ever, NULL);
}

struct sequence sequence_now(void) {
    pthread_mutex_lock(&guard);
    struct sequence copy = state;
    pthread_mutex_unlock(&guard);
    return copy;
}

size_t sequence_read(uint64_t from, char *out, size_t size) {
    char path[128];
    uint64_t last = sequence_now().last;
    uint64_t oldest = last / SEGMENT < KEPT ? 0 : last / SEGMENT - KEPT + 1;
    if (from < oldest * SEGMENT) from = oldest * SEGMENT;
    if (from == 0) from = 1;
    if (from > last) return 0;
    uint64_t in_segment = SEGMENT - from % SEGMENT, confirmed = last - from + 1;
    size_t records = size / RECORD;
    if (records > in_segment) records = in_segment;
    if (records > confirmed) records = confirmed;
    int fd = open(path_of(from / SEGMENT, path), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : pread(fd, out, records * RECORD, from % SEGMENT * RECORD);
    if (fd >= 0) close(fd);
    return n > 0 ? n / RECORD * RECORD : 0;
}
