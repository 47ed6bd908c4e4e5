/* Records "NUMBER MONOTONIC-NS CRC32\n" of a fixed length, appended and fsynced one by one.
 *
 * Record n is in segment n / SEGMENT. Only the newest KEPT segments stay, so the disk does not
 * fill, and what stays is complete: a number that is missing or there twice was lost or written
 * twice by somebody. A record half written when the machine died was never confirmed: it is cut
 * off at the next start, counted, and its number used again. */
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

static void sync_folder(void) {
    int fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fsync(fd);
    close(fd);
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

/* Finds the last good record, cuts off what is torn behind it. */
static void resume(void) {
    char path[128], line[RECORD];
    for (long long index = newest_segment(); index >= 0; index--) {
        int fd = open(path_of(index, path), O_RDWR | O_CLOEXEC);
        off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), whole = size / RECORD * RECORD;
        state.torn_at_boot += whole != size;
        while (whole && (pread(fd, line, RECORD, whole - RECORD) != RECORD
                         || !read_record(line, &state.last))) {
            whole -= RECORD;
            state.torn_at_boot++;
        }
        if (fd >= 0 && whole != size && ftruncate(fd, whole) == 0) fsync(fd);
        if (fd >= 0) close(fd);
        if (whole) break;
    }
    state.first_of_boot = state.last + 1;
}

static void open_segment(uint64_t index) {
    char path[128];
    if (segment >= 0) close(segment);
    segment = open(path_of(index, path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (index >= KEPT) unlink(path_of(index - KEPT, path));
    sync_folder();
}

static void *write_for_ever(void *unused) {
    char line[RECORD];
    for (uint64_t number = state.last + 1;;) {
        int64_t began = now_ns(CLOCK_MONOTONIC), took;
        if (segment < 0 || number % SEGMENT == 0) open_segment(number / SEGMENT);
        write_record(line, number, began);
        int good = write(segment, line, RECORD) == RECORD && fdatasync(segment) == 0;
        took = now_ns(CLOCK_MONOTONIC) - began;
        pthread_mutex_lock(&guard);
        if (good) state.last = number++;
        state.errors += !good;
        if (took > state.slowest_write_ns) state.slowest_write_ns = took;
        pthread_mutex_unlock(&guard);
        if (!good) { /* what was half written must not stay in the middle of the file */
            struct stat now;
            if (fstat(segment, &now) == 0 && ftruncate(segment, now.st_size / RECORD * RECORD))
                perror("service: sequence");
        }
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
    uint64_t last = sequence_now().last, oldest = last / SEGMENT < KEPT ? 0 : last / SEGMENT - KEPT + 1;
    if (from < oldest * SEGMENT) from = oldest * SEGMENT;
    if (from == 0) from = 1;
    if (from > last) return 0;
    /* Segment 0 starts with record 1, the others with record SEGMENT * index. */
    uint64_t index = from / SEGMENT, place = index ? from % SEGMENT : from - 1;
    uint64_t left = (index + 1) * SEGMENT - from, confirmed = last - from + 1;
    size_t records = size / RECORD;
    if (records > left) records = left;
    if (records > confirmed) records = confirmed;
    int fd = open(path_of(index, path), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : pread(fd, out, records * RECORD, place * RECORD);
    if (fd >= 0) close(fd);
    return n > 0 ? n / RECORD * RECORD : 0;
}
