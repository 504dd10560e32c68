"""
Durations, sizes and addresses as people write them.
"""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprec_tw.config.addresses import (
    HostPort,
    Listener,
    PortRange,
    Transport,
    parse_host_port,
    parse_listener,
    parse_network,
    parse_port_range,
)
from siprec_tw.config.durations import duration_text, parse_duration
from siprec_tw.config.sizes import parse_size, size_text


@pytest.mark.parametrize(("text", "seconds"), [
    ("5s", 5.0), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0), ("1h30m", 5400.0), ("30d", 2592000.0),
    ("0s", 0.0), ("1.5s", 1.5), ("1m30s250ms", 90.25),
])
def test_duration(text: str, seconds: float) -> None:
    """
    A duration is the sum of its parts, in seconds.
    """
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["5", "", "s", "5 s", "-5s", "5S", "1m1h", "1s1s", "1ms1s", "5sec", "1e3s"])
def test_wrong_duration(text: str) -> None:
    """
    What has no unit, or units out of order or twice, is refused with what was found.
    """
    with pytest.raises(ValueError, match=r"found .*wanted"):
        parse_duration(text)


@given(st.integers(0, 10**12))
def test_duration_round_trip(milliseconds: int) -> None:
    """
    What duration_text writes, parse_duration reads back, to the millisecond.
    """
    seconds = milliseconds / 1000
    assert parse_duration(duration_text(seconds)) == pytest.approx(seconds, abs=0.0005)


@pytest.mark.parametrize(("text", "octets"), [
    ("256KiB", 262144), ("1GiB", 1 << 30), ("500MB", 500_000_000), ("1kB", 1000), ("7B", 7), ("1.5KiB", 1536),
])
def test_size(text: str, octets: int) -> None:
    """
    Binary and decimal units, in octets.
    """
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["256", "", "KiB", "1 KiB", "1KB", "-1B", "1GiB1MiB"])
def test_wrong_size(text: str) -> None:
    """
    What has no unit, or one that could mean two things, is refused.
    """
    with pytest.raises(ValueError, match=r"found .*wanted a size"):
        parse_size(text)


@given(st.integers(0, 1 << 50))
def test_size_round_trip(octets: int) -> None:
    """
    What size_text writes is read back exactly.
    """
    assert parse_size(size_text(octets)) == octets


@pytest.mark.parametrize(("text", "listener"), [
    ("udp://127.0.0.1:5060", Listener(Transport.UDP, "127.0.0.1", 5060)),
    ("tcp://192.0.2.1", Listener(Transport.TCP, "192.0.2.1", 5060)),
    ("tcp://[2001:DB8::1]:0", Listener(Transport.TCP, "2001:db8::1", 0)),
])
def test_listener(text: str, listener: Listener) -> None:
    """
    A listener has a transport, an address and a port, 5060 where none is written.
    """
    assert parse_listener(text) == listener
    assert parse_listener(str(listener)) == listener


@pytest.mark.parametrize(("text", "complaint"), [
    ("tls://0.0.0.0:5061", "tls is not in this version: udp or tcp"),
    ("127.0.0.1:5060", 'wanted a transport before it: "udp://127.0.0.1:5060"'),
    ("sctp://127.0.0.1:5060", "found transport 'sctp', wanted udp or tcp"),
    ("udp://sbc.example.com:5060", "wanted an IP address"),
    ("udp://::1:5060", "wanted address:port"),
    ("udp://[127.0.0.1]:5060", "wanted brackets around IPv6"),
    ("udp://127.0.0.1:65536", "found port 65536"),
    ("udp://127.0.0.1:", "wanted address:port"),
])
def test_wrong_listener(text: str, complaint: str) -> None:
    """
    A wrong listener is refused with what is wrong about it.
    """
    with pytest.raises(ValueError) as raised:
        parse_listener(text)
    assert complaint in str(raised.value)


@pytest.mark.parametrize(("host", "loopback"), [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
    ("0.0.0.0", False), ("192.0.2.1", False), ("::", False),
])
def test_loopback(host: str, loopback: bool) -> None:
    """
    127.0.0.0/8 and ::1 are loopback, the wildcard addresses are not.
    """
    assert HostPort(host, 1).is_loopback is loopback
    assert Listener(Transport.UDP, host, 1).is_loopback is loopback


def test_host_port_needs_a_port() -> None:
    """
    An HTTP address without a port is refused; the text of one with a port reads back.
    """
    assert str(parse_host_port("[::1]:8080")) == "[::1]:8080"
    with pytest.raises(ValueError, match="wanted address:port"):
        parse_host_port("127.0.0.1")


def test_network() -> None:
    """
    A single address is a network of one; bits behind the prefix are refused with what was probably meant.
    """
    assert parse_network("192.0.2.7") == ip_network("192.0.2.7/32")
    with pytest.raises(ValueError, match=r'wanted "10\.0\.0\.0/8"'):
        parse_network("10.0.0.1/8")
    with pytest.raises(ValueError, match="wanted a network"):
        parse_network("sbc.example.com")


def test_port_range() -> None:
    """
    A range counts its pairs; an odd port at its end is left over.
    """
    assert parse_port_range("16384-32767") == PortRange(16384, 32767)
    assert PortRange(16384, 32767).pairs == 8192
    assert PortRange(20000, 20002).pairs == 1


@pytest.mark.parametrize("text", [
    "16384", "16385-16390", "16384-16384", "20000-10000", "80-90", "60000-70000", "a-b",
])
def test_wrong_port_range(text: str) -> None:
    """
    A range that is odd, empty, privileged or beyond 65535 is refused.
    """
    with pytest.raises(ValueError, match=r"found .*wanted"):
        parse_port_range(text)
