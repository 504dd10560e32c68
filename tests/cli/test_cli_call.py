"""
The arguments of siprec call, and what it tells at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from siprec_tw.cli.api_client import ApiClient, FoundRecording, Page
from siprec_tw.cli.call import (
    MOST_SHOWN,
    read_count,
    read_percent,
    read_rate,
    read_seconds,
    read_target,
    report,
)
from siprec_tw.cli.main import main
from siprec_tw.cli.source.campaign import CampaignPlan, Outcome
from siprec_tw.cli.source.offer import OfferedStream, read_answer
from siprec_tw.cli.source.payload import CODECS
from siprec_tw.cli.whereabouts import find_recording
from siprec_tw.errors import PeerError
from siprec_tw.sdp.description import Direction


@pytest.mark.parametrize(("read", "text", "value"), [
    (read_seconds, "10", 10.0), (read_seconds, "0.5", 0.5), (read_seconds, "1m30s", 90.0),
    (read_rate, "10", 10.0), (read_rate, "10/s", 10.0), (read_rate, "30/m", 0.5), (read_rate, "90/h", 0.025),
    (read_percent, "3", 0.03), (read_percent, "2.5%", 0.025), (read_percent, "0", 0.0),
    (read_count, "100", 100), (read_target, "sip:a@127.0.0.1", "sip:a@127.0.0.1"),
])
def test_argument(read: Callable[[str], object], text: str, value: object) -> None:
    """
    Lengths, rates, shares, numbers and targets as people write them.
    """
    assert read(text) == value


@pytest.mark.parametrize(("read", "text"), [
    (read_seconds, "0"), (read_seconds, "x"), (read_rate, "0"), (read_rate, "1/d"), (read_rate, "-1"),
    (read_percent, "101"), (read_percent, "x"), (read_count, "0"), (read_count, "1.5"),
    (read_target, "127.0.0.1"), (read_target, "sips:127.0.0.1"), (read_target, "tel:+1"),
])
def test_wrong_argument(read: Callable[[str], object], text: str) -> None:
    """
    What cannot be meant is refused in words.
    """
    with pytest.raises(ValueError, match="wanted"):
        read(text)


def test_usage_names_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A wrong option is a wrong usage, with the option's name.
    """
    with pytest.raises(SystemExit) as ended:
        main(["call", "--rate", "0"])
    assert ended.value.code == 2
    assert "argument --rate: found '0', wanted for instance 10/s or 30/m" in capsys.readouterr().err


def test_too_many_files(capsys: pytest.CaptureFixture[str]) -> None:
    """
    There are two streams, and so two files at most.
    """
    assert main(["call", "--wav", "a", "--wav", "b", "--wav", "c"]) == 1
    assert "found 3 WAV files, wanted two at most" in capsys.readouterr().err


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Failures are counted, the first of them shown; with nothing sent at all a hint is given.
    """
    plan = CampaignPlan(8, 1.0, 1.0, ())
    assert report([Outcome("a", 100, "")], plan) == 0
    assert capsys.readouterr().out == "1 of 8 calls went well, 100 RTP packets were sent.\n"
    assert report([Outcome(str(n), 0, "503 x") for n in range(8)], plan) == 8
    err = capsys.readouterr().err
    assert err.count("503 x") == MOST_SHOWN
    assert "  and 3 more\n" in err
    assert "Is a recorder listening there" in err


class Answers(ApiClient):
    """
    A server that stores the recording some time; each search finds one row, of this state and Call-ID.
    """

    rows = iter((("stored", "x"), ("recording", "a"), ("stored", "a")))

    def search(self, query: object) -> Page:
        state, call_id = next(self.rows)
        return Page((FoundRecording("rec", state, "", call_id, "", None, 1.0, (), 2, 0),), None, 1)


def test_recording_is_waited_for() -> None:
    """
    A recording is looked for by its Call-ID until it is stored.
    """
    found = find_recording(Answers("http://127.0.0.1:9"), "a")
    assert found is not None
    assert found.state == "stored"


def test_recording_of_nobody() -> None:
    """
    Where no server of ours answers there is no recording to tell of.
    """
    assert find_recording(ApiClient("http://127.0.0.1:9"), "a") is None


@pytest.mark.parametrize(("media", "complaint"), [
    ("", "0 m= lines, wanted 1"),
    ("m=audio 4000 RTP/AVP 8\r\n", "no c= line"),
    ("c=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 0\r\n", "lacks PCMA"),
])
def test_answer_that_does_not_fit(media: str, complaint: str) -> None:
    """
    An answer with other m= lines, no address or without the codec is refused (RFC 3264 s.6).
    """
    stream = OfferedStream("1", 40000, CODECS["pcma"].format, Direction.SENDONLY)
    with pytest.raises(PeerError, match=complaint):
        read_answer(f"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n{media}".encode(), [stream])


@pytest.mark.parametrize(("attribute", "port"), [
    ("", 4001), ("a=rtcp:4077\r\n", 4077), ("a=rtcp-mux\r\n", 4000),
])
def test_rtcp_port(attribute: str, port: int) -> None:
    """
    RTCP goes to the next port, to the one that is told (RFC 3605), or to the same (RFC 5761).
    """
    answer = f"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 8\r\n{attribute}"
    stream = OfferedStream("1", 40000, CODECS["pcma"].format, Direction.SENDONLY)
    (place,) = read_answer(answer.encode(), [stream])
    assert place is not None
    assert (place.host, place.rtp_port, place.rtcp_port) == ("192.0.2.9", 4000, port)
