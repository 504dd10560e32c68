"""
Rules that involve several keys, or the machine: each a row that names what it reads.
"""

from __future__ import annotations

import os.path
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path as FilePath

from attrs import frozen

from siprec_tw.config.addresses import Transport
from siprec_tw.config.model import Configuration
from siprec_tw.config.yaml_lines import Path

STREAMS_OF_A_CALL = 2

Found = Iterator[tuple[Path, str]]


@frozen
class Check:
    """
    A rule; it is passed over while one of the keys it reads is itself wrong.
    """

    reads: tuple[tuple[str, str], ...]
    find: Callable[[Configuration], Found]


def _same_address(one: str, other: str) -> bool:
    first, second = ip_address(one), ip_address(other)
    if first.version != second.version:
        return False
    return first == second or first.is_unspecified or second.is_unspecified


def _allow_missing(config: Configuration) -> Found:
    open_to = [str(listener) for listener in config.sip.listen if not listener.is_loopback]
    if open_to and not config.sip.allow:
        yield ("sip", "allow"), (
            f"found none, wanted the networks of the recording clients, because {open_to[0]} is not on "
            'loopback; write ["0.0.0.0/0"] to let everybody in'
        )


def _tokens_missing(config: Configuration) -> Found:
    listen = config.admin.listen
    if not config.admin.tokens and not listen.is_loopback:
        yield ("admin", "tokens"), f"found none, wanted at least one, because {listen} is not on loopback"


def _tokens_repeated(config: Configuration) -> Found:
    names: Counter[str] = Counter()
    secrets: Counter[str] = Counter()
    for index, token in enumerate(config.admin.tokens):
        names[token.name] += 1
        secrets[token.token.get_secret_value()] += 1
        if names[token.name] > 1:
            yield ("admin", "tokens", index, "name"), f"found {token.name!r} twice, wanted a name of its own"
        if secrets[token.token.get_secret_value()] > 1:
            yield ("admin", "tokens", index, "token"), "the same as another's (hidden), wanted one of its own"


def _listeners_none(config: Configuration) -> Found:
    if not config.sip.listen:
        yield ("sip", "listen"), "found an empty list, wanted at least one listener"


def _listeners_collide(config: Configuration) -> Found:
    taken = [("admin.listen", Transport.TCP, config.admin.listen.host, config.admin.listen.port)]
    for index, listener in enumerate(config.sip.listen):
        for what, transport, host, port in taken:
            same = transport is listener.transport and port == listener.port != 0
            if same and _same_address(host, listener.host):
                yield ("sip", "listen", index), f"found {listener}, which {what} takes already"
        taken.append((f"sip.listen[{index}]", listener.transport, listener.host, listener.port))


def _media_ports_collide(config: Configuration) -> Found:
    media = config.media
    for index, listener in enumerate(config.sip.listen):
        inside = media.ports.first <= listener.port <= media.ports.last
        if inside and listener.transport is Transport.UDP and _same_address(media.address, listener.host):
            yield ("sip", "listen", index), f"found {listener}, wanted it outside media.ports {media.ports}"


def _workers_without_ports(config: Configuration) -> Found:
    workers, pairs = config.media.worker_count, config.media.ports.pairs
    if workers > pairs:
        yield ("media", "workers"), (
            f"found {workers}, wanted at most {pairs}: one for each pair of media.ports {config.media.ports}"
        )


def _nothing_to_advertise(config: Configuration) -> Found:
    if ip_address(config.media.advertised).is_unspecified:
        key = "advertise" if config.media.advertise else "address"
        yield ("media", key), (
            f"found {config.media.advertised}, which no client can send to: "
            "wanted media.advertise with the address for the SDP"
        )


def _session_interval(config: Configuration) -> Found:
    if config.sip.min_se > config.sip.session_expires:
        yield ("sip", "min_se"), "longer than sip.session_expires, wanted at most that"


def _directory(config: Configuration) -> Found:
    wanted = FilePath(config.recording.directory).absolute()
    nearest = next(path for path in (wanted, *wanted.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        yield ("recording", "directory"), f"found {str(wanted)!r}, but {str(nearest)!r} is not a directory"


CHECKS = (
    Check((("sip", "listen"),), _listeners_none),
    Check((("sip", "listen"), ("sip", "allow")), _allow_missing),
    Check((("sip", "listen"), ("admin", "listen")), _listeners_collide),
    Check((("sip", "listen"), ("media", "address"), ("media", "ports")), _media_ports_collide),
    Check((("media", "workers"), ("media", "ports")), _workers_without_ports),
    Check((("sip", "min_se"), ("sip", "session_expires")), _session_interval),
    Check((("media", "address"), ("media", "advertise")), _nothing_to_advertise),
    Check((("recording", "directory"),), _directory),
    Check((("admin", "listen"), ("admin", "tokens")), _tokens_missing),
    Check((("admin", "tokens"),), _tokens_repeated),
)


def doubts(config: Configuration) -> Found:
    """
    What works and will hardly do what was meant.
    """
    remote = any(not listener.is_loopback for listener in config.sip.listen)
    if remote and ip_address(config.media.advertised).is_loopback:
        yield ("media", "address"), (
            f"the SDP will say {config.media.advertised}: "
            "clients on other machines will send their RTP to themselves"
        )
    calls = config.media.ports.pairs // STREAMS_OF_A_CALL
    if calls < config.sip.max_calls:
        yield ("media", "ports"), (
            f"{config.media.ports} has room for {calls} calls of two streams, "
            f"sip.max_calls is {config.sip.max_calls}"
        )
