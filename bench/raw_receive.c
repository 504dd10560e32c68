/*
 * The raw receive limit: what it costs this machine to take RTP datagrams from many sockets and drop them.
 *
 *     raw_receive STREAMS PACKETS SWEEPS FIRST_PORT STAMPED
 *
 * Opens STREAMS sockets on 127.0.0.1 from FIRST_PORT on, every fourth port, as a plane of that many streams
 * does. Before each sweep PACKETS datagrams of 172 octets are sent to each, one round after the other; a sweep
 * is one recvmmsg a socket until it returns short. Only the sweeps are timed (CPU of this process, user and
 * system), the first not at all. With STAMPED, source and kernel timestamp of each are asked for as well.
 *
 * Prints microseconds a packet of the cheapest sweep, and the part of the packets that arrived.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define LOOPBACK "127.77.0.1"   // any of 127/8 is this machine; this one nobody else uses

enum { BATCH = 64, LARGEST = 1500, DATAGRAM = 172, BUFFER = 256 * 1024 };

static char octets[BATCH][LARGEST];
static char control[BATCH][32];
static struct sockaddr_in names[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static double cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static struct sockaddr_in at(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = inet_addr(LOOPBACK);
    return address;
}

static void prepare(int from, int until, int stamped)
{
    for (int i = from; i < until; i++) {
        vectors[i] = (struct iovec){octets[i], LARGEST};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
        if (stamped) {
            messages[i].msg_hdr.msg_name = &names[i];
            messages[i].msg_hdr.msg_namelen = sizeof names[i];
            messages[i].msg_hdr.msg_control = control[i];
            messages[i].msg_hdr.msg_controllen = sizeof control[i];
        }
    }
}

static int open_socket(int port, int stamped)
{
    int opened = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = BUFFER, one = 1;
    struct sockaddr_in address = at(port);
    if (opened < 0 || bind(opened, (struct sockaddr *)&address, sizeof address)) {
        perror("socket");
        exit(1);
    }
    setsockopt(opened, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (stamped)
        setsockopt(opened, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    return opened;
}

static void send_round(int client, int streams, int first_port)
{
    static char datagram[DATAGRAM] = {(char)0x80};
    for (int i = 0; i < streams; i++) {
        struct sockaddr_in to = at(first_port + 4 * i);
        sendto(client, datagram, sizeof datagram, 0, (struct sockaddr *)&to, sizeof to);
    }
}

static long sweep(const int *sockets, int streams, int stamped)
{
    long received = 0;
    for (int i = 0; i < streams; i++) {
        int count;
        do {
            count = recvmmsg(sockets[i], messages, BATCH, MSG_DONTWAIT, NULL);
            if (count > 0) {
                received += count;
                prepare(0, stamped ? count : 0, stamped);
            }
        } while (count == BATCH);
    }
    return received;
}

int main(int count, char **given)
{
    if (count != 6) {
        fprintf(stderr, "usage: raw_receive STREAMS PACKETS SWEEPS FIRST_PORT STAMPED\n");
        return 2;
    }
    int streams = atoi(given[1]), packets = atoi(given[2]), sweeps = atoi(given[3]);
    int first_port = atoi(given[4]), stamped = atoi(given[5]);
    int *sockets = malloc(sizeof(int) * streams);
    int client = socket(AF_INET, SOCK_DGRAM, 0);
    for (int i = 0; i < streams; i++)
        sockets[i] = open_socket(first_port + 4 * i, stamped);
    prepare(0, BATCH, stamped);
    double best = 1e9;
    long received = 0;
    for (int s = 0; s < sweeps; s++) {
        for (int p = 0; p < packets; p++)
            send_round(client, streams, first_port);
        double begun = cpu();
        long found = sweep(sockets, streams, stamped);
        if (s) {
            double cost = (cpu() - begun) / (found ? found : 1);
            best = cost < best ? cost : best;
            received += found;
        }
    }
    double sent = (double)streams * packets * (sweeps - 1);
    printf("%.4f %.6f\n", best * 1e6, received / sent);
    return 0;
}
