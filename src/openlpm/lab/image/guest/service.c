/* The loop: UDP echo on port 7, HTTP on port 80, a tick every 10 ms (each one costs an
 * emulated processor time). Nothing here waits for the disk or for a client: a slow
 * one delays only itself. */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { CLIENTS = 256, REQUEST = 4096, TICK_NS = 10000000, UDP_BATCH = 64 };

struct client {
    int fd, closing;
    size_t have, sent, length;
    char request[REQUEST + 1], *answer;
};

static int loop, udp, listener, timer;
static struct client clients[CLIENTS];
static struct gap widest;
static int64_t last_tick[3];

int64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void tick(void) {
    static const clockid_t clocks[3] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME};
    int64_t *longest[3] = {&widest.monotonic_ns, &widest.boottime_ns, &widest.realtime_ns};
    uint64_t missed;
    if (read(timer, &missed, sizeof missed) < 0) return;
    for (int i = 0; i < 3; i++) {
        int64_t now = now_ns(clocks[i]), gap = now - last_tick[i];
        if (last_tick[i] && gap > *longest[i]) *longest[i] = gap;
        last_tick[i] = now;
    }
    widest.ticks++;
}

struct gap service_gap(int reset) {
    struct gap seen = widest;
    if (reset) widest = (struct gap){0};
    return seen;
}

static void watch(int fd, uint32_t events, void *who, int op) {
    struct epoll_event event = {.events = events, .data.ptr = who};
    epoll_ctl(loop, op, fd, &event);
}

static void echo(void) {
    char bytes[2048];
    struct sockaddr_in6 from;
    for (int i = 0; i < UDP_BATCH; i++) {
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(udp, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
        if (n < 0) return;
        sendto(udp, bytes, n, 0, (struct sockaddr *)&from, size);
    }
}

static void hang_up(struct client *c) {
    close(c->fd);
    free(c->answer);
    memset(c, 0, sizeof *c);
    c->fd = -1;
}

static void greet(void) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *c = clients;
        while (c < clients + CLIENTS && c->fd >= 0) c++;
        if (c == clients + CLIENTS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        /* A client that vanished without a word gives its place back after half a minute. */
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){30000}, sizeof(int));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){20}, sizeof(int));
        c->fd = fd;
        watch(fd, EPOLLIN, c, EPOLL_CTL_ADD);
    }
}

/* Sends what it can; 1 when all is sent, 0 when it has to go on later, -1 when the client left. */
static int push(struct client *c) {
    while (c->sent < c->length) {
        ssize_t n = send(c->fd, c->answer + c->sent, c->length - c->sent, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        c->sent += n;
    }
    free(c->answer);
    c->answer = NULL;
    c->sent = c->length = 0;
    return c->closing ? -1 : 1;
}

/* Answers every whole request that is there, in order (clients may pipeline). */
static int answer(struct client *c) {
    char *end;
    while (!c->answer && (end = strstr(c->request, "\r\n\r\n"))) {
        size_t used = end + 4 - c->request;
        int keep_alive;
        *end = 0;
        c->answer = http_answer(c->request, &c->length, &keep_alive);
        c->closing = !keep_alive;
        memmove(c->request, c->request + used, c->have - used + 1);
        c->have -= used;
        int sent = push(c);
        if (sent <= 0) return sent;
    }
    return c->have == REQUEST ? -1 : 1; /* a head that does not fit is not for us */
}

static void serve(struct client *c) {
    int state = c->answer ? push(c) : 1;
    if (state == 1) {
        ssize_t n = recv(c->fd, c->request + c->have, REQUEST - c->have, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            hang_up(c);
            return;
        }
        if (n > 0) c->have += n;
        c->request[c->have] = 0;
        state = answer(c);
    }
    if (state < 0)
        hang_up(c);
    else
        watch(c->fd, state ? EPOLLIN : EPOLLOUT, c, EPOLL_CTL_MOD);
}

static int bound(int type, int port) {
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, (struct sockaddr *)&any, sizeof any) || (type == SOCK_STREAM && listen(fd, 128))) {
        perror("service: bind");
        exit(1);
    }
    return fd;
}

int main(int count, char **words) {
    struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};
    struct epoll_event events[64];
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < CLIENTS; i++) clients[i].fd = -1;
    loop = epoll_create1(EPOLL_CLOEXEC);
    udp = bound(SOCK_DGRAM, 7);
    listener = bound(SOCK_STREAM, 80);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    timerfd_settime(timer, 0, &every, NULL);
    watch(udp, EPOLLIN, &udp, EPOLL_CTL_ADD);
    watch(listener, EPOLLIN, &listener, EPOLL_CTL_ADD);
    watch(timer, EPOLLIN, &timer, EPOLL_CTL_ADD);
    sequence_start(count > 1 ? words[1] : "/data", 40);
    dirty_start();
    for (;;) {
        int n = epoll_wait(loop, events, 64, -1);
        for (int i = 0; i < n; i++) {
            void *who = events[i].data.ptr;
            if (who == &udp) echo();
            else if (who == &listener) greet();
            else if (who == &timer) tick();
            else serve(who);
        }
    }
}
