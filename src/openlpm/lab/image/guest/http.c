/* The pages of the service. All are JSON besides /log, which is the records themselves. */
#define _GNU_SOURCE
#include "guest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BODY = 2048, LOG_BODY = RECORD * 2000 };

static unsigned long long parameter(const char *query, const char *name, unsigned long long otherwise) {
    size_t length = strlen(name);
    for (const char *at = query; at && *at; at = strchr(at, '&') ? strchr(at, '&') + 1 : NULL)
        if (!strncmp(at, name, length) && at[length] == '=') return strtoull(at + length + 1, NULL, 10);
    return otherwise;
}

/* One line of a file, or "" : only characters that JSON takes as they are. */
static char *line_of(const char *path, char out[128]) {
    FILE *file = fopen(path, "re");
    if (!file || !fgets(out, 128, file)) out[0] = 0;
    if (file) fclose(file);
    out[strcspn(out, "\n")] = 0;
    for (char *c = out; *c; c++)
        if (*c == '"' || *c == '\\' || *c < ' ') *c = '_';
    return out;
}

static int page_home(char *body) {
    char host[65];
    gethostname(host, sizeof host);
    return sprintf(body, "{\"hostname\": \"%s\", \"uptime_s\": %.3f, \"sequence\": %llu}\n", host,
                   now_ns(CLOCK_BOOTTIME) / 1e9, (unsigned long long)sequence_now().last);
}

static int page_sequence(char *body) {
    struct sequence s = sequence_now();
    return sprintf(body,
                   "{\"first_of_boot\": %llu, \"last\": %llu, \"torn_at_boot\": %llu, \"errors\": %llu, "
                   "\"slowest_write_ms\": %.3f}\n",
                   (unsigned long long)s.first_of_boot, (unsigned long long)s.last,
                   (unsigned long long)s.torn_at_boot, (unsigned long long)s.errors,
                   s.slowest_write_ns / 1e6);
}

static int page_gap(char *body, const char *query) {
    struct gap g = service_gap(parameter(query, "reset", 0) != 0);
    return sprintf(body,
                   "{\"monotonic_ms\": %.3f, \"boottime_ms\": %.3f, \"realtime_ms\": %.3f, \"ticks\": %llu}\n",
                   g.monotonic_ns / 1e6, g.boottime_ns / 1e6, g.realtime_ns / 1e6,
                   (unsigned long long)g.ticks);
}

static int page_dirty(char *body, const char *query) {
    unsigned rate, mib;
    uint64_t pages;
    if (*query)
        dirty_set(parameter(query, "mb_per_s", 0), parameter(query, "mib", 64),
                  parameter(query, "processes", 0));
    dirty_get(&rate, &mib, &pages);
    return sprintf(body, "{\"mb_per_s\": %u, \"mib\": %u, \"pages\": %llu}\n", rate, mib,
                   (unsigned long long)pages);
}

static int page_identity(char *body) {
    char mac[128], uuid[128], host[65];
    gethostname(host, sizeof host);
    return sprintf(body, "{\"hostname\": \"%s\", \"mac\": \"%s\", \"uuid\": \"%s\"}\n", host,
                   line_of("/sys/class/net/eth0/address", mac),
                   line_of("/sys/class/dmi/id/product_uuid", uuid));
}

static int page(const char *path, const char *query, char *body) {
    if (!strcmp(path, "/")) return page_home(body);
    if (!strcmp(path, "/health")) return sprintf(body, "{\"status\": \"ok\"}\n");
    if (!strcmp(path, "/seq")) return page_sequence(body);
    if (!strcmp(path, "/gap")) return page_gap(body, query);
    if (!strcmp(path, "/dirty")) return page_dirty(body, query);
    if (!strcmp(path, "/identity")) return page_identity(body);
    if (!strcmp(path, "/log")) return sequence_read(parameter(query, "from", 1), body, LOG_BODY);
    return -1;
}

char *http_answer(const char *request, size_t *length, int *keep_alive) {
    char method[8] = "", target[512] = "", version[16] = "", head[256];
    int is_log, size, status = 200;
    sscanf(request, "%7s %511s %15s", method, target, version);
    *keep_alive = !strcmp(version, "HTTP/1.1") && !strcasestr(request, "\nConnection: close");
    char *query = strchr(target, '?');
    if (query) *query++ = 0;
    is_log = !strcmp(target, "/log");
    char *answer = malloc(sizeof head + (is_log ? LOG_BODY : BODY)), *body = answer + sizeof head;
    size = page(target, query ? query : "", body);
    if (strcmp(method, "GET") && strcmp(method, "HEAD")) status = 405;
    else if (size < 0) status = 404;
    if (status != 200) size = sprintf(body, "{\"error\": %d}\n", status);
    int lead = sprintf(head,
                       "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n",
                       status, status == 200 ? "OK" : "No", is_log ? "text/plain" : "application/json",
                       size, *keep_alive ? "keep-alive" : "close");
    if (!strcmp(method, "HEAD")) size = 0;
    memmove(answer + lead, body, size);
    memcpy(answer, head, lead);
    *length = lead + size;
    return answer;
}
