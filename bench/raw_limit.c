/*
 * The raw limit of receiving: sockets swept with recvmmsg(2), everything discarded. No recorder can be cheaper.
 *
 *   raw_limit --streams 2000 [--buffer 262144] [--sweep-ms 500]
 *
 * First line out: {"ports": [...]}, on 127.0.0.1. SIGTERM ends it, after a last sweep; the last line says what came.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, LARGEST = 2048 };

static volatile sig_atomic_t stopping;
static unsigned char octets[BATCH][LARGEST];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static void stop(int number) { (void)number; stopping = 1; }

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int opened(int buffer, unsigned *port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    const int made = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (made < 0 || bind(made, (struct sockaddr *)&here, size) < 0
        || getsockname(made, (struct sockaddr *)&here, &size) < 0) {
        perror("raw_limit: socket");
        exit(2);
    }
    setsockopt(made, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    *port = ntohs(here.sin_port);
    return made;
}

/* Read every socket until it has no more; how many datagrams there were. */
static uint64_t sweep(const int *sockets, int streams)
{
    uint64_t came = 0;
    for (int i = 0; i < streams; i++) {
        int got;
        do {
            got = recvmmsg(sockets[i], messages, BATCH, MSG_DONTWAIT, NULL);
            came += got > 0 ? got : 0;
        } while (got == BATCH);
    }
    return came;
}

int main(int argc, char **argv)
{
    int streams = 200, buffer = 262144;
    int64_t every = 500;
    for (int i = 1; i + 1 < argc; i += 2) {
        const int value = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--streams")) streams = value;
        else if (!strcmp(argv[i], "--buffer")) buffer = value;
        else if (!strcmp(argv[i], "--sweep-ms")) every = value;
        else { fprintf(stderr, "raw_limit: %s is no option\n", argv[i]); return 2; }
    }
    signal(SIGTERM, stop);
    int *sockets = calloc(streams, sizeof *sockets);
    printf("{\"ports\": [");
    for (int i = 0; i < streams; i++) {
        unsigned port;
        sockets[i] = opened(buffer, &port);
        printf("%s%u", i ? ", " : "", port);
    }
    printf("]}\n");
    fflush(stdout);
    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){octets[i], LARGEST};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    uint64_t came = 0;
    int64_t longest = 0, due = now_ns();
    while (!stopping) {
        const struct timespec until = {due / 1000000000LL, due % 1000000000LL};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        const int64_t begun = now_ns();
        came += sweep(sockets, streams);
        const int64_t took = now_ns() - begun;
        if (took > longest) longest = took;
        due += every * 1000000;
    }
    came += sweep(sockets, streams);
    printf("{\"packets\": %llu, \"longest_sweep\": %.6f}\n", (unsigned long long)came, longest / 1e9);
    return 0;
}
