/* A busy partition: dirties memory at a given rate, page after page through a region.
 * Every cache line of a page gets a new random word, so that neither zero-page detection nor
 * delta compression make the transfer easier than a real load would. Beside it processes come and
 * go, where that is asked for. */
#define _GNU_SOURCE
#include "guest.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, STEP_MS = 5, CATCH_UP_MS = 50 };

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_cond_t bustles = PTHREAD_COND_INITIALIZER;
static unsigned rate, region_mib, bustling;
static uint64_t touched;

static void touch(char *page) {
    static uint64_t random = 88172645463325252ull;
    for (int at = 0; at < PAGE; at += 64) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        *(uint64_t *)(page + at) = random;
    }
}

static void *work(void *unused) {
    char *region = NULL;
    unsigned have_mib = 0;
    uint64_t at = 0;
    int64_t before = now_ns(CLOCK_MONOTONIC), owed = 0; /* owed: bytes; 1 MB/s is 1 byte a microsecond */
    for (;;) {
        pthread_mutex_lock(&guard);
        while (rate == 0 && have_mib == 0) pthread_cond_wait(&changed, &guard);
        unsigned wanted_rate = rate, wanted_mib = rate ? region_mib : 0;
        pthread_mutex_unlock(&guard);
        if (wanted_mib != have_mib) {
            if (have_mib) munmap(region, (size_t)have_mib << 20);
            region = wanted_mib ? mmap(NULL, (size_t)wanted_mib << 20, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
            have_mib = region == MAP_FAILED ? 0 : wanted_mib;
            at = owed = 0;
            before = now_ns(CLOCK_MONOTONIC);
        }
        int64_t now = now_ns(CLOCK_MONOTONIC), passed = now - before;
        before = now;
        /* After a pause the load goes on; it does not make up for what was missed. */
        if (passed > CATCH_UP_MS * 1000000LL) passed = CATCH_UP_MS * 1000000LL;
        for (owed += passed / 1000 * wanted_rate; have_mib && owed >= PAGE; owed -= PAGE) {
            touch(region + at);
            at = (at + PAGE) % ((uint64_t)have_mib << 20);
            __atomic_add_fetch(&touched, 1, __ATOMIC_RELAXED);
        }
        usleep(STEP_MS * 1000);
    }
    return unused;
}

static void *bustle(void *unused) {
    char *words[] = {"usleep", "20000", NULL}, *none[] = {NULL};
    for (;;) {
        pid_t process;
        pthread_mutex_lock(&guard);
        while (rate == 0 || !bustling) pthread_cond_wait(&bustles, &guard);
        pthread_mutex_unlock(&guard);
        if (posix_spawn(&process, "/bin/usleep", NULL, NULL, words, none)) usleep(20000);
        else waitpid(process, NULL, 0);
    }
    return unused;
}

void dirty_start(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_create(&thread, NULL, bustle, NULL);
}

void dirty_set(unsigned mb_per_s, unsigned mib, unsigned processes) {
    unsigned half = (uint64_t)sysconf(_SC_PHYS_PAGES) * PAGE / 2 >> 20; /* never out of memory */
    pthread_mutex_lock(&guard);
    rate = mb_per_s;
    region_mib = mib < half ? mib : half;
    bustling = processes;
    pthread_cond_signal(&changed);
    pthread_cond_signal(&bustles);
    pthread_mutex_unlock(&guard);
}

void dirty_get(unsigned *mb_per_s, unsigned *mib, uint64_t *pages) {
    pthread_mutex_lock(&guard);
    *mb_per_s = rate;
    *mib = rate ? region_mib : 0;
    pthread_mutex_unlock(&guard);
    *pages = __atomic_load_n(&touched, __ATOMIC_RELAXED);
}
