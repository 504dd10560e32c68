"""
The page of the results, docs/performance.md: how they were measured, and between two marks what C{make bench} printed.
"""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN = "<!-- made by make bench: begin -->"
END = "<!-- made by make bench: end -->"

FRAME = f"""\
# Performance

`make bench` prints this table for the machine it runs on; `python -m bench.table --repeat 3 --write` puts it here.

{BEGIN}
{END}

## How to read it

- **media**: `rtp` in clear; `aes-cm` is SRTP by AES_CM_128_HMAC_SHA1_80, `aes-gcm` by AEAD_AES_128_GCM, sealed by
  libsrtp.
- **us/packet**: user and system time of all processes of the recorder, for each RTP packet sent to it. Streams are
  G.711, 50 packets a second of 172 octets over loopback; two streams make a call.
- **raw us**: the same for a program in C that sweeps as many sockets with `recvmmsg` and throws everything away. No
  recorder can be cheaper.
- **score**: raw by ours; 1 would be the limit. The raw limit opens no SRTP: it is the same for all media.
- **epoll us**, **x epoll**: the same for the plain way in Twisted, `listenUDP` and a `DatagramProtocol` that writes
  each payload to a file and checks nothing; and how many times cheaper the recorder is.
- **lost**: packets that are not in the files. Every octet of every file is compared with what was sent.
- **longest sweep**: since the start of the recorder, the first one included, in which all files are made.
- **SIP p50, p99**: from an INVITE to its 200 as the kernel saw them, `sip.answer_delay` (8 ms) included; one call
  every 100 ms, while all the media goes on.
- **memory/call**: what all processes hold under load beyond what they held before, for each call; receive buffers in
  the kernel are not in it.

## How it is measured

Calls are set up by SIPREC INVITEs. A generator in C sends the media with `sendmmsg`, paced by the clock, the streams
evenly spread over the 20 ms; what a payload holds follows from the stream and the packet's number. Recorder and
generator are pinned to different cores. Warm-up comes first, then CPU is measured, then SIP under the same load. Raw
limit and plain way get the same load from the same generator before and after. The kernel's own work for each packet
(about as much again) is charged to the sender on loopback, for all alike.

The generator tells when it was late: a tick that began 20 ms, a packet, after it was due. A run with more than one in a
thousand, or with a packet that the kernel refused, is discarded and repeated once. Machines are noisy: compare
figures of one table, not of two.
"""


def write_page(path: Path, text: str) -> None:
    """
    Put this text between the marks; a page that does not exist is made. Raises ValueError for one without marks.
    """
    page = path.read_text() if path.exists() else FRAME
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no marks, wanted {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}")
