"""
Where recorder, node, admin and media meet: what each needs of the others, and the values they exchange.

Instants are POSIX seconds (UTC), durations seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import field, frozen

from siprec_tw.codecs.payload_format import PayloadFormat

# --- media -------------------------------------------------------------------------------------


@frozen
class StreamKeys:
    """
    How what arrives on a stream is protected (RFC 3711); printed, it shows no key.
    """

    suite: str                              # as RFC 4568 names it: "AES_CM_128_HMAC_SHA1_80"
    keys: tuple[tuple[bytes, bytes, bytes], ...] = field(repr=False)    # master key, master salt, MKI or b""
    encrypted: bool = True                  # False where UNENCRYPTED_SRTP was agreed
    own: tuple[bytes, bytes, bytes] | None = field(default=None, repr=False)    # the same of ours: seals our SRTCP
    lifetimes: tuple[int, ...] = ()         # packets that each key is good for (RFC 4568 s.6.1); empty: 2**48


@frozen
class DtlsPeer:
    """
    A client whose keys come by DTLS-SRTP (RFC 5763): how its certificate is known, and who begins.
    """

    fingerprints: tuple[tuple[str, str], ...]   # RFC 8122: ("sha-256", "AB:CD:..."); one of them must fit
    active: bool                            # we begin the handshake; else we wait for the client's


@frozen
class RtcpPeer:
    """
    Where our RTCP goes, and what it says of us (RFC 3550 s.6).
    """

    host: str
    port: int
    muxed: bool                             # on the RTP port (RFC 5761)
    cname: str


@frozen
class StreamSpec:
    """
    A stream to be received: where its segments go and what its payload types mean.
    """

    stream_id: str                          # unique in the server; also the file-name stem of its segments
    directory: str                          # where the segments are written; exists
    formats: tuple[PayloadFormat, ...]
    expected_source: str = ""               # what the offer's c= and m= say; a hint only, never a filter
    keys: StreamKeys | None = None          # None: RTP in clear, or keys by DTLS
    dtls: DtlsPeer | None = None            # None: no DTLS
    rtcp: RtcpPeer | None = None            # None: no RTCP is sent
    plain_too: bool = False                 # RFC 8643: with keys or DTLS, RTP in clear until a packet is authentic
    packets_before: int = 0                 # of the source, on lost streams of the same m-line; about so many


@frozen
class StreamAddress:
    """
    Where an opened stream listens: RTP on an even port, RTCP on the next (RFC 3550 s.11).
    """

    host: str                               # to be written into the SDP
    rtp_port: int
    rtcp_port: int
    fingerprint: str = ""                   # of our certificate, where DTLS was wanted: "sha-256 AB:CD:..."


@frozen
class StreamQuality:
    """
    How well a stream came: its losses and their bursts (RFC 3611 s.4.7.2, Gmin 16), its jitter, and what that
    sounds like (ITU-T G.107).
    """

    loss_rate: float                        # 0..1, of the packets expected
    longest_loss: int                       # packets missing in a row
    bursts: int
    burst_density: float                    # loss rate within bursts
    burst_duration: float                   # seconds, mean; 0 without any
    gap_density: float                      # loss rate between them
    gap_duration: float                     # seconds, mean
    jitter: float                           # seconds
    r_factor: float | None = None           # 0..100; None: a codec that cannot be rated, or too few packets
    mos: float | None = None                # 1..4.5


@frozen
class StreamReport:
    """
    What is known of a stream's reception; not older than two seconds while it is open.
    """

    stream_id: str
    packets: int = 0
    octets: int = 0
    lost: int = 0
    duplicates: int = 0
    reordered: int = 0
    rejected: int = 0
    jitter: float = 0.0                     # seconds
    first_arrival: float | None = None
    last_arrival: float | None = None
    encoding: str = ""                      # of the last packet: "PCMU"
    ssrc: int | None = None
    source: str = ""
    warnings: tuple[tuple[str, str], ...] = ()  # (code, text), each once: "two-sources-at-once", ...
    quality: StreamQuality | None = None    # None: nothing came


class MediaPlane(Protocol):
    """
    Receives streams and writes their segments; in this process or in workers.
    """

    async def open_stream(self, spec: StreamSpec) -> StreamAddress:
        """
        Begin to receive. Raises L{siprec_tw.errors.PortsExhausted}, or another LocalError where the worker that
        should receive was lost meanwhile.
        """

    async def update_stream(self, spec: StreamSpec) -> None:
        """
        The stream of this id is as C{spec} says from now on; its ports and its directory stay.
        """

    async def close_stream(self, stream_id: str) -> StreamReport:
        """
        Drain, finish the segments and free the ports (into quarantine). Unknown ids get an empty report.
        """

    def report(self, stream_id: str) -> StreamReport | None:
        """
        The latest report of an open stream.
        """

    def last_arrival(self, stream_id: str) -> float | None:
        """
        That of the report, at a small part of its price: every stream is asked for it every few seconds. 0.0 where
        nothing came yet, None for a stream that is not open.
        """

    def when_lost(self, tell: Callable[[tuple[str, ...]], None]) -> None:
        """
        C{tell(stream_ids)} when streams are not received any more, whose worker ended; what was written stays.
        """

    def open_streams(self) -> int:
        """
        How many streams are open.
        """

    def free_pairs(self) -> int:
        """
        How many port pairs could be given out now.
        """


# --- what the HTTP face sees of running calls ------------------------------------------------------


@frozen
class PartyView:
    """
    A participant as far as the metadata tells.
    """

    participant_id: str
    aor: str
    name: str


@frozen
class TrackView:
    """
    One m-line of a running call.
    """

    index: int
    label: str
    media: str
    direction: str
    encodings: tuple[str, ...]
    address: str
    parties: tuple[PartyView, ...]          # who sends it, by the metadata
    report: StreamReport | None
    silent_since: float | None = None       # nothing came since, though it should; told after silent_after
    one_way: bool = False                   # it never was heard, while another track of the call is


@frozen
class CallView:
    """
    A running call.
    """

    recording_id: str
    call_id: str
    node_id: str
    state: str                              # "early", "confirmed", "ending"
    started: float
    answered: float | None
    from_uri: str
    to_uri: str
    source: str
    user_agent: str
    parties: tuple[PartyView, ...]
    tracks: tuple[TrackView, ...]
    warnings: tuple[tuple[str, str], ...]


class RunningCalls(Protocol):
    """
    The calls of this node.
    """

    def calls(self) -> tuple[CallView, ...]:
        """
        Every running call, oldest first.
        """

    def call(self, recording_id: str) -> CallView | None:
        """
        One call by its recording id.
        """

    async def end_call(self, recording_id: str) -> bool:
        """
        End a call as an operator; False where there is no such call.
        """


# --- stored recordings -----------------------------------------------------------------------------


@frozen
class RecordingQuery:
    """
    A search; conditions that are None do not restrict.
    """

    participant: str | None = None          # part of an AOR or of a name, case-insensitive
    text: str | None = None                 # words anywhere in metadata, headers and ids
    since: float | None = None              # started at or after
    until: float | None = None              # started before
    state: str | None = None                # "recording", "stored", "truncated", ...
    limit: int = 50                         # 1..500
    cursor: str | None = None               # from the previous page


@frozen
class RecordingRow:
    """
    A recording as the index knows it.
    """

    recording_id: str
    state: str                              # "recording", "stored"
    verdict: str                            # "" while it is being recorded
    call_id: str
    started: float
    ended: float | None
    duration: float                         # seconds of sound
    parties: tuple[PartyView, ...]
    tracks: int
    path: str                               # relative to the recordings directory; "" until stored
    size: int                               # octets of recording.wav


@frozen
class RecordingPage:
    """
    A page of a search, newest first.
    """

    rows: tuple[RecordingRow, ...]
    next_cursor: str | None
    total: int


class StoredRecordings(Protocol):
    """
    The recordings of this node's index.
    """

    async def search(self, query: RecordingQuery) -> RecordingPage:
        """
        Rows that match, newest first. Raises PeerError(400) for a cursor that is not ours.
        """

    async def get(self, recording_id: str) -> RecordingRow | None:
        """
        One row.
        """

    def file(self, row: RecordingRow, name: str) -> str | None:
        """
        The absolute path of a file of a stored recording, or None: never one outside its directory.
        """


@frozen
class LateDecoding:
    """
    How far it is with a stored recording that is decoded later.
    """

    state: str                              # "decoding", "decoded", "undecoded"
    reasons: tuple[str, ...] = ()           # why something of it is still undecoded


class LateDecoder(Protocol):
    """
    Decodes stored recordings whose packets were kept, because there was no decoder when they were made.
    """

    async def decode(self, recording_id: str) -> LateDecoding:
        """
        Begin, or tell how far it is; what came of it is told once. Raises PeerError: 404 where there is no such
        recording or it is not stored yet, 409 where nothing is left to decode, 503 where it could not be done
        and the recording is as it was.
        """


# --- readiness -------------------------------------------------------------------------------------


@frozen
class Condition:
    """
    One thing that readiness depends on.
    """

    name: str                               # "sip", "media", "storage", "draining"
    ready: bool
    text: str


class Readiness(Protocol):
    """
    Whether this node takes new calls.
    """

    def conditions(self) -> tuple[Condition, ...]:
        """
        Every condition, met or not.
        """
