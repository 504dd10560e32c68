"""
What a message carries, by every shape of body that clients send.
"""

from __future__ import annotations

import pytest
from recorder_fakes import METADATA, METADATA_TYPE, TWO_STREAMS, client_request, multipart, siprec_body

from siprec_tw.errors import PeerError
from siprec_tw.recorder.bodies import Bodies, read_bodies


def bodies_of(content_type: str, body: bytes, method: str = "INVITE") -> Bodies:
    return read_bodies(client_request(method, 1, (content_type, body)))


def test_no_body_has_no_parts() -> None:
    """
    A request without body carries nothing, and that is no fault.
    """
    assert read_bodies(client_request("INVITE")) == Bodies(None, (), (), ())


@pytest.mark.parametrize("turned", [False, True])
def test_parts_are_sorted_by_type_not_by_order(turned: bool) -> None:
    """
    BroadWorks sends the metadata first.
    """
    parts = (("application/sdp", TWO_STREAMS), (METADATA_TYPE, METADATA), ("application/gtd", b"IAM,"))
    found = bodies_of(*multipart(*(reversed(parts) if turned else parts)))
    assert found.sdp is not None
    assert found.sdp.body == TWO_STREAMS
    assert [part.body for part in found.metadata] == [METADATA]
    assert [part.body for part in found.others] == [b"IAM,"]
    assert found.warnings == ()


@pytest.mark.parametrize(
    "content_type",
    [
        "application/rs-metadata+xml", "application/rs-metadata", "Application/RS-Metadata-XML", "text/xml",
        "application/xml",
    ],
)
def test_metadata_is_the_whole_body_under_any_of_its_names(content_type: str) -> None:
    """
    Every UPDATE in the field has a metadata document as its whole body (RFC 7866 s.9.1).
    """
    found = bodies_of(content_type, METADATA, "UPDATE")
    assert [part.body for part in found.metadata] == [METADATA]
    assert (found.sdp, found.others) == (None, ())


def test_bare_description() -> None:
    """
    Cisco CUBE with network-based recording sends SDP alone.
    """
    found = bodies_of("application/sdp", TWO_STREAMS)
    assert found.sdp is not None
    assert (found.metadata, found.others) == ((), ())


def test_missing_content_types_are_made_up_for_by_the_look_of_the_body() -> None:
    """
    Without a type, v=0 begins a description, and the namespace shows metadata.
    """
    description = bodies_of("", b"\r\n" + TWO_STREAMS)
    document = bodies_of("", METADATA, "UPDATE")
    assert description.sdp is not None
    assert len(document.metadata) == 1


def test_other_xml_is_not_metadata() -> None:
    """
    XML of another kind is kept as something else.
    """
    found = bodies_of(*multipart(("application/sdp", TWO_STREAMS), ("text/xml", b"<presence/>")))
    assert (found.metadata, len(found.others)) == ((), 1)


def test_second_description_is_complained_of() -> None:
    """
    Of two descriptions the first is used.
    """
    found = bodies_of(*multipart(("application/sdp", TWO_STREAMS), ("application/sdp", b"v=0\r\n")))
    assert found.sdp is not None
    assert found.sdp.body == TWO_STREAMS
    assert found.warnings == (("several-session-descriptions", "found 2, the first is used"),)


def test_second_description_is_kept() -> None:
    """
    A description that is not used is kept like any other part that is not understood.
    """
    found = bodies_of(*multipart(("application/sdp", TWO_STREAMS), ("application/sdp", b"v=0\r\n")))
    assert [part.body for part in found.others] == [b"v=0\r\n"]


def test_oddities_of_the_multipart_are_told() -> None:
    """
    A missing closing delimiter costs a warning and no part (the drachtio client).
    """
    content_type, body = siprec_body()
    found = bodies_of(content_type, body.removesuffix(b"--b--\r\n"))
    assert found.sdp is not None
    assert len(found.metadata) == 1
    assert [code for code, _ in found.warnings] == ["multipart-not-closed"]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_body_that_cannot_be_read_is_refused_where_it_negotiates(method: str) -> None:
    """
    A whole body of an unknown type is 415, the answer saying what is known (RFC 3261 s.21.4.13).
    """
    with pytest.raises(PeerError) as error:
        bodies_of("text/plain", b"hello", method)
    assert error.value.status == 415
    assert error.value.text.startswith("Content-Type is text/plain, wanted application/sdp or ")


@pytest.mark.parametrize("method", ["BYE", "INFO", "ACK"])
def test_other_methods_may_carry_anything(method: str) -> None:
    """
    A BYE ends the call whatever it carries.
    """
    assert len(bodies_of("text/plain", b"hello", method).others) == 1


def test_optional_part_is_no_obstacle() -> None:
    """
    handling=optional: what is not understood is passed over (RFC 3261 s.20.11).
    """
    found = bodies_of(
        "multipart/mixed;boundary=b",
        b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: render;handling=optional\r\n\r\nhello\r\n--b--\r\n",
    )
    assert len(found.others) == 1


def test_optional_body_is_no_obstacle() -> None:
    """
    The same where the part is the whole body.
    """
    fields = "Content-Disposition: render;handling=OPTIONAL"
    request = client_request("INVITE", 1, ("text/plain", b"hello"), fields=fields)
    assert len(read_bodies(request).others) == 1
