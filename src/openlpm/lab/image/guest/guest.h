/* The lab partition's service: what a user of the partition would notice.
 *
 *   service.c   one epoll loop: sockets, a timer that measures the pauses of this very machine
 *   http.c      HTTP/1.1 on port 80: what the service knows, and its controls
 *   sequence.c  numbered, checksummed, fsynced records on the disk (own thread)
 *   dirty.c     writes to memory at a given rate, as a busy partition does (own thread)
 */
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* The longest time between two ticks of the loop's timer, by three of the machine's clocks. */
struct gap {
    int64_t monotonic_ns, boottime_ns, realtime_ns;
    uint64_t ticks;
};

int64_t now_ns(clockid_t clock);
struct gap service_gap(int reset);

/* sequence.c: records of RECORD bytes in segments of SEGMENT records, the last KEPT are kept. */
enum { RECORD = 43, SEGMENT = 16384, KEPT = 64 };

struct sequence {
    uint64_t first_of_boot, last, torn_at_boot, errors;
    int64_t slowest_write_ns;
};

void sequence_start(const char *folder, int interval_ms);
struct sequence sequence_now(void);
/* Copies whole records from number `from` on into out; returns the bytes copied. */
size_t sequence_read(uint64_t from, char *out, size_t size);

/* dirty.c */
void dirty_start(void);
void dirty_set(unsigned mb_per_s, unsigned mib, unsigned processes);
void dirty_get(unsigned *mb_per_s, unsigned *mib, uint64_t *pages);

/* http.c: `request` is complete (it ends with an empty line); answers with malloc'ed bytes. */
char *http_answer(const char *request, size_t *length, int *keep_alive);

#endif
