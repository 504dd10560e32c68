"""
The configuration: every key, its kind, its default, its bounds, its meaning.

The defaults are one node wholly on loopback. Rules that involve several keys are in C{checks.py}.
"""

from __future__ import annotations

import os
import re
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, SecretStr

from siprec_tw.config.addresses import HostPort, Listener, PortRange, Transport
from siprec_tw.config.kinds import (
    AS_TOKENS,
    OR_NULL,
    Address,
    Count,
    Duration,
    Flag,
    HeaderText,
    Host,
    Kind,
    Listeners,
    Networks,
    Ports,
    Secret,
    Size,
    Text,
    Workers,
    from_text,
    octets_within,
    seconds_within,
    within,
)
from siprec_tw.errors import Problem

LEAST_TOKEN_LENGTH = 16
MOST_WORKERS = 256
LEAST_MIN_SE = 90.0         # RFC 4028 s.5


class Section(BaseModel):
    """
    A section: values of exactly the right type, no unknown keys, no change afterwards.
    """

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )


class Sip(Section):
    """
    Who may send calls, where to, and the timing of SIP.
    """

    listen: Annotated[Listeners, Field(description=(
        "Where SIP is listened for: `udp://` or `tcp://`, an IP address (IPv6 in brackets), a port. "
        "Port 0 is any free one."
    ))] = (Listener(Transport.UDP, "127.0.0.1", 5060), Listener(Transport.TCP, "127.0.0.1", 5060))
    allow: Annotated[Networks, Field(description=(
        "Networks of the recording clients. Empty: this machine only. Required as soon as a listener is "
        "not on loopback; to let everybody in, write `0.0.0.0/0` (and `::/0`)."
    ))] = ()
    advertise: Annotated[Host | None, OR_NULL, Kind("IP address or null"), Field(description=(
        "What Contact and Via say instead of the listening address, where clients reach this server under "
        "another (NAT)."
    ))] = None
    strict_siprec: Annotated[Flag, Field(description=(
        "Refuse INVITEs that show no sign of SIPREC (RFC 7866) instead of recording them."
    ))] = False
    answer_delay: Annotated[Duration, seconds_within(0.0, 1.0), Field(description=(
        "Time between an INVITE and its 200. Some clients lose a 200 that comes within a millisecond."
    ))] = 0.008
    max_calls: Annotated[Count, within(1, 1_000_000), Field(description=(
        "Calls at a time; the next is answered 503 with Retry-After."
    ))] = 2000
    retry_after: Annotated[Duration, seconds_within(1.0, 3600.0), Field(description=(
        "What Retry-After says in a 503."
    ))] = 5.0
    t1: Annotated[Duration, seconds_within(0.05, 5.0), Field(description=(
        "Estimate of the round-trip time, from which all timers of RFC 3261 follow."
    ))] = 0.5
    session_expires: Annotated[Duration, seconds_within(LEAST_MIN_SE, 86400.0), Field(description=(
        "Session interval that this server asks for (RFC 4028)."
    ))] = 1800.0
    min_se: Annotated[Duration, seconds_within(LEAST_MIN_SE, 86400.0), Field(description=(
        "Shortest session interval that is accepted (RFC 4028)."
    ))] = 90.0
    user_agent: Annotated[HeaderText, Field(description=(
        "What the Server and User-Agent header fields say."
    ))] = "siprec_tw"

    def allows(self, host: str) -> bool:
        """
        Whether an IP address may send calls: one of the networks, or loopback where none is given.
        """
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if not self.allow:
            return address.is_loopback
        return any(address in network for network in self.allow)


def _enough(workers: int | Literal["auto"]) -> int | Literal["auto"]:
    if isinstance(workers, int) and not 0 <= workers <= MOST_WORKERS:
        raise ValueError(f"found {workers}, wanted auto or 0 to {MOST_WORKERS}")
    return workers


class Media(Section):
    """
    Where RTP is received.
    """

    address: Annotated[Host, Field(description="Where RTP is received.")] = "127.0.0.1"
    advertise: Annotated[Host | None, OR_NULL, Kind("IP address or null"), Field(description=(
        "What the SDP says instead, where clients reach this server under another address (NAT)."
    ))] = None
    ports: Annotated[Ports, Field(description=(
        "UDP ports for RTP and RTCP, a pair for each stream; the first is even."
    ))] = PortRange(16384, 32767)
    quarantine: Annotated[Duration, seconds_within(0.0, 3600.0), Field(description=(
        "How long a freed pair stays unused: some clients send on for a while."
    ))] = 60.0
    sweep_interval: Annotated[Duration, seconds_within(0.05, 0.5), Field(description=(
        "How often the sockets are read. What arrived since the last time is lost if the process is killed."
    ))] = 0.5
    receive_buffer: Annotated[Size, octets_within(16 << 10, 64 << 20), Field(description=(
        "Receive buffer asked of the system for each RTP socket."
    ))] = 256 << 10
    receiver: Annotated[Literal["auto", "batch", "swept"], Kind("auto, batch or swept"), Field(description=(
        "How the sockets are read: `batch` many packets together (Linux), `swept` one by one;"
        " `auto` takes batches where they work here."
    ))] = "auto"
    rtcp: Annotated[Flag, Field(description=(
        "Receiver reports (RTCP) are sent to clients, about every five seconds a stream."
    ))] = True
    opportunistic_srtp: Annotated[Flag, Field(description=(
        "Whether keys on lines that say RTP in clear are taken (RFC 8643): such a client sends SRTP then. Should it"
        " send RTP in clear all the same, that is recorded."
    ))] = True
    workers: Annotated[Workers, AfterValidator(_enough), Field(description=(
        "Processes that receive RTP, each with a part of the ports: SIP and HTTP never wait for them. "
        "`auto` is one for each core that the server may use; 0 receives in the server's own process."
    ))] = 0

    @property
    def worker_count(self) -> int:
        """
        How many processes that is on this machine.
        """
        if isinstance(self.workers, int):
            return self.workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(cores, self.ports.pairs)

    @property
    def advertised(self) -> str:
        """
        The address for the SDP.
        """
        return self.advertise or self.address


class Recording(Section):
    """
    Where recordings are kept, and when they end by themselves.
    """

    directory: Annotated[Text, Field(min_length=1, description=(
        "Where recordings are kept; made where it does not exist. Relative to the working directory."
    ))] = "recordings"
    silence_timeout: Annotated[Duration, seconds_within(1.0, 86400.0), Field(description=(
        "A call from which neither RTP nor SIP came for so long is ended."
    ))] = 300.0
    silent_after: Annotated[Duration, seconds_within(1.0, 3600.0), Field(description=(
        "A stream that should be heard, and from which nothing came for so long, is told of as silent; "
        "the call goes on."
    ))] = 10.0
    retention: Annotated[
        Duration | None, OR_NULL, seconds_within(3600.0, 100 * 365 * 86400.0), Kind("duration or null"),
        Field(description="Recordings older than this are deleted (`30d`); null keeps them for ever."),
    ] = None
    tones: Annotated[Literal["keep", "mask", "drop"], Kind("keep, mask or drop"), Field(description=(
        "Keys pressed in the call (telephone-event): kept with their tones, kept without sound, or not at all."
    ))] = "keep"
    min_free: Annotated[Size, octets_within(0, 1 << 50), Field(description=(
        "With less space than this on the disk, new calls are answered 503."
    ))] = 1 << 30


class Role(Enum):
    """
    What the bearer of a token may do.
    """

    READER = "reader"
    OPERATOR = "operator"


def _role(value: object) -> object:
    try:
        return value if isinstance(value, Role) else Role(value)
    except ValueError:
        raise ValueError(f"found {value!r}, wanted reader or operator") from None


def _long_enough(token: SecretStr) -> SecretStr:
    length = len(token.get_secret_value())
    if length < LEAST_TOKEN_LENGTH:
        raise ValueError(f"found {length} characters (hidden), wanted at least {LEAST_TOKEN_LENGTH}")
    return token


class Token(Section):
    """
    A token for the HTTP interface.
    """

    name: Annotated[Text, Field(min_length=1, description="Who it was given to; stands in the log.")]
    token: Annotated[Secret, AfterValidator(_long_enough), Field(description=(
        "What stands after `Authorization: Bearer`; at least 16 characters."
    ))]
    role: Annotated[Role, BeforeValidator(_role), Kind("reader or operator"), Field(description=(
        "`reader` sees and downloads, `operator` may also end calls."
    ))]


class Admin(Section):
    """
    The HTTP interface.
    """

    listen: Annotated[Address, Field(description=(
        "Where HTTP is served. Port 0 is any free one."
    ))] = HostPort("127.0.0.1", 8080)
    tokens: Annotated[tuple[Token, ...], AS_TOKENS, Kind("list of tokens"), Field(description=(
        "Who may use it. Required as soon as it is not on loopback. In the environment: "
        "`name:role:token`, between commas."
    ))] = ()


class Logging(Section):
    """
    What the log looks like.
    """

    format: Annotated[Literal["text", "json"], Kind("text or json"), Field(description=(
        "One line for people, or one JSON object, an event."
    ))] = "text"
    level: Annotated[Literal["debug", "info", "warn", "error"], Kind("debug, info, warn or error"), Field(
        description="The least important events that are shown."
    )] = "info"


def _node_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", text):
        raise ValueError(f"found {text!r}, wanted 1 to 64 letters, digits, dots, dashes or underscores")
    return text


NodeId = Annotated[str, from_text(_node_id)]


class Node(Section):
    """
    Who this server is among others.
    """

    id: Annotated[NodeId | None, OR_NULL, Kind("text or null"), Field(description=(
        "Name of this server in recordings, logs and cluster; null derives it from the host name."
    ))] = None


def _alone(enabled: bool) -> bool:
    if enabled:
        raise ValueError("found true, the cluster is not in this version: false")
    return enabled


class Cluster(Section):
    """
    The cluster; not in this version.
    """

    enabled: Annotated[Flag, AfterValidator(_alone), Field(description=(
        "Whether this server is one of several. Only false in this version."
    ))] = False


class Configuration(Section):
    """
    Everything that can be set. C{warnings} are what looks wrong and still works.
    """

    sip: Sip = Sip()
    media: Media = Media()
    recording: Recording = Recording()
    admin: Admin = Admin()
    logging: Logging = Logging()
    node: Node = Node()
    cluster: Cluster = Cluster()

    _warnings: tuple[Problem, ...] = PrivateAttr(())

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """
        Unknown environment variables of ours, settings that will hardly do what was meant.
        """
        return self._warnings

    def with_warnings(self, warnings: tuple[Problem, ...]) -> Configuration:
        """
        The same configuration, bearing these warnings.
        """
        copy = self.model_copy()
        copy._warnings = warnings
        return copy
