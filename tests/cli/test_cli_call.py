"""
The arguments of siprec call, and what it tells at the end.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from siprec_tw.cli.api_client import ApiClient, FoundRecording, Page
from siprec_tw.cli.call import (
    read_count,
    read_percent,
    read_rate,
    read_seconds,
    read_target,
)
from siprec_tw.cli.call_report import MOST_SHOWN, report, tell_where
from siprec_tw.cli.invocation import next_command, program
from siprec_tw.cli.main import main
from siprec_tw.cli.source.campaign import CampaignPlan, Outcome
from siprec_tw.cli.source.offer import OfferedStream, read_answer
from siprec_tw.cli.source.payload import CODECS
from siprec_tw.cli.whereabouts import find_recording
from siprec_tw.errors import PeerError, SiprecError
from siprec_tw.recording.manifest import CallEntry, End, Manifest, Times, VerdictEntry, to_json
from siprec_tw.sdp.description import Direction


@pytest.mark.parametrize(("read", "text", "value"), [
    (read_seconds, "10", 10.0), (read_seconds, "0.5", 0.5), (read_seconds, "1m30s", 90.0),
    (read_rate, "10", 10.0), (read_rate, "10/s", 10.0), (read_rate, "30/m", 0.5), (read_rate, "90/h", 0.025),
    (read_percent, "3", 0.03), (read_percent, "2.5%", 0.025), (read_percent, "0", 0.0),
    (read_count, "100", 100), (read_target, "sip:a@127.0.0.1", "sip:a@127.0.0.1"),
    (read_target, "127.0.0.1:5060", "sip:127.0.0.1:5060"), (read_target, "localhost", "sip:localhost"),
    (read_target, "[::1]:5060;transport=tcp", "sip:[::1]:5060;transport=tcp"),
    (read_target, "srs@x.example", "sip:srs@x.example"), (read_target, "SIP:x.example", "SIP:x.example"),
])
def test_argument(read: Callable[[str], object], text: str, value: object) -> None:
    """
    Lengths, rates, shares, numbers and targets as people write them.
    """
    assert read(text) == value


@pytest.mark.parametrize(("read", "text"), [
    (read_seconds, "0"), (read_seconds, "x"), (read_rate, "0"), (read_rate, "1/d"), (read_rate, "-1"),
    (read_percent, "101"), (read_percent, "x"), (read_count, "0"), (read_count, "1.5"),
    (read_target, "tcp://127.0.0.1"), (read_target, "::1"), (read_target, "a b"),
    (read_target, "sips:127.0.0.1"), (read_target, "tel:+1"),
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
    assert report([Outcome(str(n), 0, "503 x\x1b[31m") for n in range(8)], plan) == 8
    err = capsys.readouterr().err
    assert err.count(r"503 x\x1b[31m") == MOST_SHOWN
    assert "  and 3 more\n" in err
    assert "Does it allow us" in err
    assert "no response" not in err


def test_report_of_silence(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A recorder that said nothing is told apart from one that refused.
    """
    plan = CampaignPlan(1, 1.0, 1.0, ())
    assert report([Outcome("a", 0, "connection refused by x", heard=False)], plan) == 1
    assert capsys.readouterr().err == (
        "  a: connection refused by x (no response was received)\n"
        "Is a recorder listening there, over this transport?\n"
    )


ROW = FoundRecording("rec", "stored", "complete", "a", "", None, 1.0, (), 2, 0)


class Answers(ApiClient):
    """
    A server that stores the recording some time; each search finds the next of the rows, None fails.
    """

    rows: list[FoundRecording | None] = []

    def search(self, query: object) -> Page:
        row = self.rows.pop(0)
        if row is None:
            raise SiprecError("gone")
        return Page((row,), None, 1)


def answers(*rows: FoundRecording | None) -> ApiClient:
    client = Answers("http://127.0.0.1:9")
    Answers.rows = list(rows)
    return client


class Time:
    """
    A clock that only sleep moves.
    """

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def find(clock: Time, client: ApiClient) -> FoundRecording | None:
    return find_recording(client, "a", seconds=clock.monotonic, sleep=clock.sleep)


def test_recording_is_waited_for() -> None:
    """
    A recording is looked for by its Call-ID until it is stored.
    """
    clock = Time()
    other, running = evolve(ROW, call_id="x"), evolve(ROW, state="recording", verdict="")
    assert find(clock, answers(*[other] * 11, *[running] * 7, ROW)) == ROW
    assert clock.now == 4.5


def test_recording_that_is_not_listed() -> None:
    """
    One that is not listed is given up after three seconds, one that is listed is told though it is not stored.
    """
    clock = Time()
    assert find(clock, answers(*[evolve(ROW, call_id="x")] * 99)) is None
    assert clock.now == 3.0
    clock.now = 0.0
    running = evolve(ROW, state="recording", verdict="")
    assert find(clock, answers(*[running] * 99)) == running
    assert clock.now == 5.0
    assert find(clock, answers(running, None)) == running


def test_recording_of_nobody() -> None:
    """
    Where no server of ours answers there is no recording to tell of, and nobody waits.
    """
    assert find_recording(ApiClient("http://127.0.0.1:9"), "a") is None


class Manifests(ApiClient):
    """
    A server that has one manifest.
    """

    manifest = b""

    def read(self, path: str) -> bytes:
        return self.manifest


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> Namespace:
    """
    What the command line said, and how it was typed.
    """
    monkeypatch.setattr("sys.argv", [".venv/bin/siprec"])
    monkeypatch.delenv("SIPREC_URL", raising=False)
    return Namespace(url="http://127.0.0.1:8080")


def test_hints(arguments: Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where the recording is, and what to type to see it, in the way that this command was typed.
    """
    tell_where(arguments, Manifests(arguments.url), "a", ROW)
    assert capsys.readouterr().out == (
        "Recording rec (complete)\n"
        "  hear it:  http://127.0.0.1:8080/api/v1/recordings/rec/audio\n"
        "  look:     .venv/bin/siprec recordings show rec\n"
        "  take it:  .venv/bin/siprec recordings export rec\n"
    )


def test_recording_that_is_not_complete(arguments: Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A recording that is not complete is told to be so, with the manifest's reason where there is one.
    """
    client = Manifests(arguments.url)
    Manifests.manifest = manifest_text().replace(b'"reason": "all"', b'"reason": "Nothing arrived for track 2."')
    tell_where(arguments, client, "a", evolve(ROW, verdict="one-sided"))
    assert "Recording rec (one-sided)\n  It is not complete: Nothing arrived for track 2.\n" in capsys.readouterr().out
    Manifests.manifest = b"{"
    tell_where(arguments, client, "a", evolve(ROW, verdict="silent"))
    assert "  It is not complete: silent\n" in capsys.readouterr().out


def test_call_that_is_not_found(arguments: Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Without a recording the Call-ID is told, and how to look for it, with the --url that was given.
    """
    arguments.url = "http://192.0.2.9:8080"
    tell_where(arguments, Manifests(arguments.url), "a@b", None)
    assert capsys.readouterr().out == (
        "Call-ID a@b; if this recorder is siprec_tw: "
        ".venv/bin/siprec recordings list --text a@b --url http://192.0.2.9:8080\n"
    )


def manifest_text() -> bytes:
    return to_json(Manifest(
        1, "rec", "n", CallEntry("a", "", "", "", "", "", ()), Times("", None, "", None, 1.0), End("bye", ""),
        VerdictEntry("one-sided", "all"), (), (), (), (), None, (),
    ))


def test_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A command that the shell finds goes by its name, one that it does not find by the path that was typed.
    """
    command = tmp_path / "siprec"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert program(str(command)) == str(command)
    assert program("-c") == "siprec"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program(str(command)) == "siprec"
    assert program(".venv/bin/siprec") == ".venv/bin/siprec"
    monkeypatch.setattr("sys.argv", [str(command)])
    monkeypatch.setenv("SIPREC_URL", "http://x")
    assert next_command(Namespace(url="http://x"), "recordings", "list") == "siprec recordings list"


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
