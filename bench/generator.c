/*
 * A load of RTP: G.711 streams of 50 packets a second, paced by the clock, sent by sendmmsg(2).
 *
 *   generator --seconds 60 [--late-ms 20] [--flood 250000] [--flood-as rtp] [--suite AEAD_AES_128_GCM] < destinations
 *
 * A destination is a line:  HOST PORT SSRC SEQUENCE TIMESTAMP [KEY]      numeric; an even spread over the 20 ms
 * and at most one more:     flood HOST PORT SSRC SEQUENCE TIMESTAMP      gets --flood packets a second
 *
 * The flood is packets of the stream as it says (rtp), the same under random SSRCs (sources), or random octets (garbage).
 *
 * With --suite packets are sealed (SRTP); KEY is master key and salt in hexadecimal. That needs -DSRTP and libsrtp2.
 *
 * The payload of a stream's n-th packet (n from 0) is words 20 n to 20 n + 19 of splitmix64 (Steele, Lea, Flood 2014)
 * begun at SSRC * 2**32, little-endian: bench/load.py computes the same.
 *
 * It runs for whole periods of 20 ms, so that all streams have equally many packets; SIGTERM ends it sooner, at the
 * end of a period. "{"began": seconds}" is the first line out, when the first packet is due (CLOCK_MONOTONIC), and the
 * last says what was sent. Work that is late is done at once and nothing is skipped. Late is a tick that begins more
 * than --late-ms after it was due: the load was not what it was to be then.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#ifdef SRTP
#include <srtp2/srtp.h>
#endif

enum {
    HEADER = 12,
    PAYLOAD = 160,
    WORDS = PAYLOAD / 8,
    PACKET = HEADER + PAYLOAD,
    BATCH = 64,
    TICKS = 20,                 /* of a period */
    MOST_FLOOD = 8192,          /* packets in a tick */
    CEILING = 65536,            /* streams */
    MOST_KEY = 64,              /* octets of master key and salt */
    TRAILER = 160               /* what sealing may add, and the room that libsrtp wants */
};

static const int64_t TICK_NS = 20000000 / TICKS;
static const uint64_t GAMMA = 0x9E3779B97F4A7C15u;

struct stream {
    struct sockaddr_storage to;
    socklen_t to_size;
    uint32_t ssrc;
    uint16_t sequence;
    uint32_t timestamp;
    uint64_t number;            /* of the next packet */
    unsigned char key[MOST_KEY];
    int key_size;               /* 0: sent in clear */
#ifdef SRTP
    srtp_t session;
#endif
};

static unsigned char packets[BATCH][PACKET + TRAILER];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];
static int family = AF_INET, descriptor;
static uint64_t refused, strange;
static enum { AS_RTP, AS_SOURCES, AS_GARBAGE } flood_as = AS_RTP;
static volatile sig_atomic_t stopping;

static void stop(int number) { (void)number; stopping = 1; }

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void wait_until(int64_t due)
{
    struct timespec t = {due / 1000000000LL, due % 1000000000LL};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
}

static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

#ifdef SRTP
static void (*set_suite)(srtp_crypto_policy_t *);

/* The session that seals a stream, made when its first packet is due. */
static srtp_t session_of(struct stream *s)
{
    if (!s->session) {
        srtp_policy_t policy = {.ssrc = {ssrc_specific, s->ssrc}, .key = s->key, .window_size = 128};
        set_suite(&policy.rtp);
        set_suite(&policy.rtcp);
        if (srtp_create(&s->session, &policy) != srtp_err_status_ok) {
            fprintf(stderr, "generator: no session for a key of %d octets\n", s->key_size);
            exit(2);
        }
    }
    return s->session;
}

static void choose_suite(const char *name)
{
    if (srtp_init() != srtp_err_status_ok) {
        fprintf(stderr, "generator: libsrtp does not work here\n");
        exit(2);
    }
    if (!strcmp(name, "AES_CM_128_HMAC_SHA1_80")) set_suite = srtp_crypto_policy_set_rtp_default;
    else if (!strcmp(name, "AEAD_AES_128_GCM")) set_suite = srtp_crypto_policy_set_aes_gcm_128_16_auth;
    else { fprintf(stderr, "generator: suite is %s\n", name); exit(2); }
}
#endif

/* Write the stream's next packet; how long it is. */
static int compose(struct stream *s, unsigned char *out)
{
    const uint16_t sequence = htons(s->sequence++);
    const uint32_t timestamp = htonl(s->timestamp), ssrc = htonl(s->ssrc);
    out[0] = 0x80;
    out[1] = 0;
    memcpy(out + 2, &sequence, 2);
    memcpy(out + 4, &timestamp, 4);
    memcpy(out + 8, &ssrc, 4);
    uint64_t state = ((uint64_t)s->ssrc << 32) + s->number * WORDS * GAMMA;
    for (int i = 0; i < WORDS; i++) {
        const uint64_t word = htole64(mixed(state += GAMMA));
        memcpy(out + HEADER + 8 * i, &word, 8);
    }
    s->timestamp += PAYLOAD;
    s->number++;
    int size = PACKET;
#ifdef SRTP
    if (s->key_size && srtp_protect(session_of(s), out, &size) != srtp_err_status_ok) {
        fprintf(stderr, "generator: a packet could not be sealed\n");
        exit(2);
    }
#endif
    return size;
}

/* Send the first so many messages; how many the kernel took. */
static int send_batch(int count)
{
    int done = 0, taken = 0;
    while (done < count) {
        const int sent = sendmmsg(descriptor, messages + done, count - done, 0);
        if (sent > 0) {
            done += sent;
            taken += sent;
        } else if (errno != EINTR) {
            refused++;
            done++;
        }
    }
    return taken;
}

/* One packet of each of these streams; how many were taken. */
static uint64_t send_one_each(struct stream *streams, int first, int count)
{
    uint64_t taken = 0;
    int filled = 0;
    for (int i = first; i < count; i += TICKS) {
        vectors[filled].iov_len = (size_t)compose(&streams[i], packets[filled]);
        messages[filled].msg_hdr.msg_name = &streams[i].to;
        messages[filled].msg_hdr.msg_namelen = streams[i].to_size;
        if (++filled == BATCH) {
            taken += send_batch(filled);
            filled = 0;
        }
    }
    return taken + send_batch(filled);
}

/* Make of a packet what the flood is to be. */
static void disguise(unsigned char *packet)
{
    const uint64_t word = mixed(strange += GAMMA);
    if (flood_as == AS_SOURCES) memcpy(packet + 8, &word, 4);
    if (flood_as == AS_GARBAGE) memcpy(packet, packet + HEADER, HEADER);
}

/* So many packets of one stream; how many were taken. */
static uint64_t send_many(struct stream *s, int64_t count)
{
    uint64_t taken = 0;
    while (count > 0) {
        const int filled = count < BATCH ? (int)count : BATCH;
        for (int i = 0; i < filled; i++) {
            vectors[i].iov_len = (size_t)compose(s, packets[i]);
            disguise(packets[i]);
            messages[i].msg_hdr.msg_name = &s->to;
            messages[i].msg_hdr.msg_namelen = s->to_size;
        }
        taken += send_batch(filled);
        count -= filled;
    }
    return taken;
}

static int address(const char *host, unsigned port, struct stream *s)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&s->to;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s->to;
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        s->to_size = sizeof *four;
        return 1;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        s->to_size = sizeof *six;
        return 1;
    }
    return 0;
}

/* Fill in the destinations; how many there are, the flood not counted. */
static int read_destinations(struct stream *streams, struct stream *flood)
{
    char line[512], host[64], key[2 * MOST_KEY + 1];
    int count = 0;
    while (fgets(line, sizeof line, stdin)) {
        unsigned port, ssrc, sequence, timestamp;
        const int floods = strncmp(line, "flood ", 6) == 0;
        struct stream *s = floods ? flood : &streams[count];
        const char *from = line + (floods ? 6 : 0);
        key[0] = 0;
        if (sscanf(from, "%63s %u %u %u %u %128s", host, &port, &ssrc, &sequence, &timestamp, key) < 5
            || !address(host, port, s) || count >= CEILING) {
            fprintf(stderr, "generator: found %s", line);
            fprintf(stderr, "wanted HOST PORT SSRC SEQUENCE TIMESTAMP [KEY], %d lines at most\n", CEILING);
            exit(2);
        }
        s->ssrc = ssrc;
        s->sequence = (uint16_t)sequence;
        s->timestamp = timestamp;
        s->number = 0;
        s->key_size = (int)strlen(key) / 2;
        for (int i = 0; i < s->key_size; i++) {
            unsigned octet;
            sscanf(key + 2 * i, "%2x", &octet);
            s->key[i] = (unsigned char)octet;
        }
        family = s->to.ss_family;
        count += !floods;
    }
    return count;
}

static void prepare(void)
{
    const int buffer = 4 << 20;
    descriptor = socket(family, SOCK_DGRAM, 0);
    if (descriptor < 0) {
        perror("generator: socket");
        exit(2);
    }
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){packets[i], PACKET};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
}

int main(int argc, char **argv)
{
    double seconds = 10.0, late_ms = 20.0, flood_rate = 0.0;
    for (int i = 1; i + 1 < argc; i += 2) {
        const double value = atof(argv[i + 1]);
#ifdef SRTP
        if (!strcmp(argv[i], "--suite")) { choose_suite(argv[i + 1]); continue; }
#endif
        if (!strcmp(argv[i], "--seconds")) seconds = value;
        else if (!strcmp(argv[i], "--late-ms")) late_ms = value;
        else if (!strcmp(argv[i], "--flood")) flood_rate = value;
        else if (!strcmp(argv[i], "--flood-as") && !strcmp(argv[i + 1], "rtp")) flood_as = AS_RTP;
        else if (!strcmp(argv[i], "--flood-as") && !strcmp(argv[i + 1], "sources")) flood_as = AS_SOURCES;
        else if (!strcmp(argv[i], "--flood-as") && !strcmp(argv[i + 1], "garbage")) flood_as = AS_GARBAGE;
        else { fprintf(stderr, "generator: %s is no option\n", argv[i]); return 2; }
    }
    static struct stream streams[CEILING + 1], flood;
    const int count = read_destinations(streams, &flood);
    prepare();
    /* Ahead of whoever shares the core; where that is not allowed, the late ticks tell. */
    const struct sched_param first = {.sched_priority = 1};
    const int ahead = sched_setscheduler(0, SCHED_FIFO, &first) == 0;

    const int64_t ticks = (int64_t)(seconds * 1e9 / TICK_NS) / TICKS * TICKS;
    const int64_t began = now_ns() + 50000000;
    printf("{\"began\": %.6f}\n", began / 1e9);
    fflush(stdout);
    uint64_t taken = 0, flooded = 0;
    int64_t tick = 0, late = 0, latest = 0;
    for (; tick < ticks && !(stopping && tick % TICKS == 0); tick++) {
        const int64_t due = began + tick * TICK_NS;
        wait_until(due);
        const int64_t behind = now_ns() - due;
        late += behind > late_ms * 1e6;
        if (behind > latest) latest = behind;
        taken += send_one_each(streams, (int)(tick % TICKS), count);
        if (flood_rate > 0 && flood.to_size) {
            const int64_t owed = (int64_t)((tick + 1) * flood_rate * TICK_NS / 1e9) - (int64_t)flood.number;
            flooded += send_many(&flood, owed < MOST_FLOOD ? owed : MOST_FLOOD);
        }
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    const double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec
        + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"streams\": %d, \"packets_a_stream\": %lld, \"sent\": %llu, \"refused\": %llu, \"flood_sent\": %llu, "
           "\"ticks\": %lld, \"late_ticks\": %lld, \"latest_ms\": %.3f, \"cpu_seconds\": %.3f, \"real_time\": %s}\n",
           count, (long long)(tick / TICKS), (unsigned long long)taken, (unsigned long long)refused,
           (unsigned long long)flooded, (long long)tick, (long long)late, latest / 1e6, cpu, ahead ? "true" : "false");
    return 0;
}
