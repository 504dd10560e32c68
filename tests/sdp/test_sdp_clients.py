"""
The offers that real clients send (our own text in their shapes), and the whole answer to each.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from siprec_tw.sdp.answer import LocalMedia, PlannedMedia, Refusal, answer, is_acceptable, plan, plan_warnings
from siprec_tw.sdp.description import Direction, Origin, SessionDescription
from siprec_tw.sdp.parser import parse_sdp
from siprec_tw.sdp.writer import write_sdp

CLIENTS = Path(__file__).parent / "clients"
NAMES = sorted(path.name.removesuffix(".offer.sdp") for path in CLIENTS.glob("*.offer.sdp"))
ORIGIN = Origin("-", "7", "1", "IN", "IP4", "192.0.2.9")
LOCAL = {index: LocalMedia("192.0.2.9", 16384 + 2 * index, 16385 + 2 * index) for index in range(8)}

# What is complained of; a client that is not here gives no cause.
WARNINGS = {
    "opensips_mixed_srtp": ["media-refused"],
    "opensips_old": ["connection-missing", "connection-missing"],
    "cisco_cube": ["media-refused", "media-refused"],
    "cisco_nbr": ["label-missing", "label-missing"],
    "sems_savp": ["media-refused", "media-refused"],
    "freeswitch": ["label-missing"],
}


def octets_of(name: str) -> bytes:
    return (CLIENTS / f"{name}.sdp").read_bytes().replace(b"\n", b"\r\n")


def offer_of(name: str) -> SessionDescription:
    return parse_sdp(octets_of(f"{name}.offer")).description


def plan_of(name: str) -> tuple[PlannedMedia, ...]:
    return plan(offer_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_this(name: str) -> None:
    """
    Each client gets exactly the answer written beside its offer.
    """
    offer = offer_of(name)
    written = write_sdp(answer(offer, plan(offer), LOCAL, ORIGIN))
    assert written.decode() == octets_of(f"{name}.answer").decode()


@pytest.mark.parametrize("name", NAMES)
def test_only_what_is_wrong_is_complained_of(name: str) -> None:
    """
    Reading and planning warn of exactly the faults that the offer has.
    """
    reading = parse_sdp(octets_of(f"{name}.offer"))
    found = reading.warnings + plan_warnings(plan(reading.description))
    assert [code for code, _ in found] == WARNINGS.get(name, [])


@pytest.mark.parametrize("name", NAMES)
def test_an_offer_is_written_as_it_was_read(name: str) -> None:
    """
    Parsing and writing an offer loses nothing, whatever the order of its lines.
    """
    offer = offer_of(name)
    written = write_sdp(offer)
    assert parse_sdp(written).description == offer
    assert sorted(written.split(b"\r\n")) == sorted(octets_of(f"{name}.offer").split(b"\r\n"))


def test_bare_line_feeds_read_the_same() -> None:
    """
    An AudioCodes body with bare LF is the same offer as with CRLF.
    """
    reading = parse_sdp(octets_of("audiocodes.offer").replace(b"\r\n", b"\n"))
    assert reading.description == offer_of("audiocodes")
    assert reading.warnings == ()


def test_savp_alone_cannot_be_answered_and_mixed_can() -> None:
    """
    An offer of which nothing is recorded is for 488; one recorded line is enough for an answer.
    """
    assert not is_acceptable(plan_of("sems_savp"))
    assert is_acceptable(plan_of("opensips_mixed_srtp"))
    assert [media.refused_reason for media in plan_of("opensips_mixed_srtp")] == [None, Refusal.PROTOCOL]


def test_twelve_keys_are_kept_for_who_reads_them() -> None:
    """
    Every crypto line of rtpengine is there, in its order.
    """
    cryptos = offer_of("opensips_mixed_srtp").media[1].cryptos
    assert len(cryptos) == 12
    assert cryptos[0].startswith("1 AEAD_AES_256_GCM inline:")
    assert cryptos[6].startswith("7 AES_CM_128_HMAC_SHA1_80 inline:")


def test_cube_comfort_noise_and_video() -> None:
    """
    CUBE's payload type 19 is comfort noise; its video lines are refused by their kind.
    """
    planned = plan_of("cisco_cube")
    assert [(f.payload_type, f.encoding) for f in planned[0].formats] == [
        (8, "PCMA"), (101, "TELEPHONE-EVENT"), (19, "CN"),
    ]
    assert [media.refused_reason for media in planned] == [None, None, Refusal.MEDIA, Refusal.MEDIA]
    assert planned[0].ptime == 20


def test_broadworks_hold_by_address() -> None:
    """
    A c= of 0.0.0.0 is a hold; the direction stays what the attribute says.
    """
    [before], [after] = plan_of("broadworks"), plan_of("broadworks_held")
    assert (before.held, before.direction) == (False, Direction.RECVONLY)
    assert (after.held, after.direction) == (True, Direction.RECVONLY)


def test_an_address_in_the_origin_is_no_hold() -> None:
    """
    The older OpenSIPS without c= and with 0.0.0.0 in o= is not on hold, and its address is not known.
    """
    assert [(m.held, m.remote_host, m.remote_port) for m in plan_of("opensips_old")] == [
        (False, "", 35000), (False, "", 35002),
    ]


def test_metaswitch_sends_and_receives_one_stream() -> None:
    """
    No direction is sendrecv, which a recorder receives; payload type 2 is the G.726 of old.
    """
    [media] = plan_of("metaswitch")
    assert media.direction is Direction.RECVONLY
    assert [f.encoding for f in media.formats] == ["PCMU", "PCMA", "G726-32", "G726-32", "TELEPHONE-EVENT"]


def test_ipv6_direction_from_the_session() -> None:
    """
    A session-level sendonly holds for the section, and the IPv6 address is told.
    """
    [media] = plan_of("ipv6")
    assert media.direction is Direction.RECVONLY
    assert (media.remote_host, media.remote_port, media.remote_rtcp_port) == ("2001:db8::1", 5004, 5005)
    assert media.rtcp_mux
