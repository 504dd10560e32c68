"""
C{siprec call}: a test client that places SIPREC calls to any recorder.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from siprec_tw.cli.arguments import argument
from siprec_tw.cli.call_report import report, tell_where
from siprec_tw.cli.invocation import next_command
from siprec_tw.cli.recordings import add_server_arguments, api_client
from siprec_tw.cli.source.audio_file import read_audio
from siprec_tw.cli.source.call_stream import StreamPlan
from siprec_tw.cli.source.campaign import CampaignPlan
from siprec_tw.cli.source.impairment import Impairment
from siprec_tw.cli.source.parties import parse_party
from siprec_tw.cli.source.payload import CODECS, sound_source
from siprec_tw.cli.source.session import Outset, run_campaign
from siprec_tw.cli.source.voice import RATE, conversation
from siprec_tw.cli.whereabouts import find_recording
from siprec_tw.codecs.g711 import Samples
from siprec_tw.config.durations import parse_duration
from siprec_tw.errors import PeerError, SiprecError
from siprec_tw.sip.uri import parse_uri

if TYPE_CHECKING:
    from siprec_tw.cli.arguments import Commands

DEFAULT_TARGET = "sip:127.0.0.1:5060"
DEFAULT_DURATION = 10.0
CONVERSATION = 60.0         # seconds, after which it begins anew
DEFAULT_PATIENCE = 8.0
BARE = re.compile(r"(?!sips?:|tel:)(?!.*://)", re.IGNORECASE)     # a target without its scheme


@frozen
class _Sounds:
    samples: tuple[Samples, Samples]
    from_files: bool

    @property
    def seconds(self) -> float:
        return max(len(samples) for samples in self.samples) / RATE


def add_parser(commands: Commands) -> None:
    """
    Add the subcommand.
    """
    parser = commands.add_parser(
        "call", help="place test calls to a recorder",
        description="Place SIPREC calls with two voices, to hear a recording or to load a recorder.",
    )
    parser.add_argument(
        "target", nargs="?", default=DEFAULT_TARGET, type=argument(read_target),
        help=f"the recorder: a SIP URI, or host:port (default {DEFAULT_TARGET})",
    )
    parser.add_argument("--transport", choices=("udp", "tcp"), help="default: what the URI says, else udp")
    parser.add_argument(
        "--duration", type=argument(read_seconds),
        help="seconds, or 1m30s (default: the longest WAV file, else 10)",
    )
    parser.add_argument("--calls", type=argument(read_count), default=1, help="how many (default 1)")
    parser.add_argument(
        "--rate", type=argument(read_rate), default=1.0,
        help="calls begun in a time: 10/s, 30/m (default 1/s)",
    )
    parser.add_argument(
        "--wav", action="append", default=[], type=Path, metavar="FILE",
        help="what the caller says, and, given twice, the callee: 16-bit mono",
    )
    parser.add_argument("--codec", choices=tuple(CODECS), default="pcma")
    for who, name in (("caller", "Alice"), ("callee", "Bob")):
        default = f"{name} <sip:{name.lower()}@example.com>"
        parser.add_argument(
            f"--{who}", type=argument(parse_party), default=default, metavar="ADDRESS",
            help=f"who that is (default {default})",
        )
    parser.add_argument(
        "--patience", type=argument(read_seconds), default=DEFAULT_PATIENCE, metavar="SECONDS",
        help=f"how long a recorder may say nothing at all to an INVITE (default {DEFAULT_PATIENCE:g})",
    )
    for name in ("loss", "reorder", "duplicate"):
        parser.add_argument(
            f"--{name}", type=argument(read_percent), default=0.0, metavar="PERCENT",
            help="share of the RTP packets (default 0)",
        )
    parser.add_argument("--seed", type=int, default=1, help="of the voices and of what is lost (default 1)")
    parser.add_argument("--verbose", action="store_true", help="log every SIP message")
    add_server_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """
    0 where every call was answered and ended as it should.
    """
    sounds = _sounds(arguments.wav, arguments.seed)
    default = sounds.seconds if sounds.from_files else DEFAULT_DURATION
    codec = CODECS[arguments.codec]
    plan = CampaignPlan(
        calls=arguments.calls,
        rate=arguments.rate,
        duration=default if arguments.duration is None else arguments.duration,
        streams=tuple(
            StreamPlan(str(number), codec, sound_source(samples, codec, again=not sounds.from_files))
            for number, samples in enumerate(sounds.samples, 1)
        ),
    )
    outset = Outset(
        target=arguments.target,
        transport=arguments.transport,
        parties=(arguments.caller, arguments.callee),
        impairment=Impairment(arguments.loss, arguments.reorder, arguments.duplicate, arguments.seed),
        random=random.SystemRandom(),
        wall=time.time,
        patience=arguments.patience,
    )
    outcomes = run_campaign(plan, outset, verbose=arguments.verbose)
    failures = report(outcomes, plan)
    if len(outcomes) == 1 and not failures:
        client, call_id = api_client(arguments), outcomes[0].call_id
        tell_where(arguments, client, call_id, find_recording(client, call_id))
    elif len(outcomes) > failures:
        print(f"Recordings: {next_command(arguments, 'recordings', 'list')}")
    return 1 if failures or not outcomes else 0


def read_target(text: str) -> str:
    """
    A SIP URI, of which C{sip:} may be missing. Raises ValueError.
    """
    text = f"sip:{text}" if BARE.match(text) else text
    try:
        uri = parse_uri(text)
    except PeerError as error:
        raise ValueError(error.text) from None
    if uri.scheme != "sip":
        raise ValueError(f"found {text!r}, wanted for instance {DEFAULT_TARGET}")
    return text


def read_seconds(text: str) -> float:
    """
    A duration above zero; a plain number is seconds. Raises ValueError.
    """
    seconds = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else parse_duration(text)
    if seconds <= 0:
        raise ValueError(f"found {text}, wanted more than nothing")
    return seconds


def read_count(text: str) -> int:
    """
    A number of calls. Raises ValueError.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f"found {text!r}, wanted 1 to 999999")
    return int(text)


def read_rate(text: str) -> float:
    """
    Calls a second: C{10}, C{10/s}, C{30/m}, C{90/h}. Raises ValueError.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(?:/([smh]))?", text)
    if match is None or not float(match[1]):
        raise ValueError(f"found {text!r}, wanted for instance 10/s or 30/m")
    return float(match[1]) / {"s": 1.0, "m": 60.0, "h": 3600.0}[match[2] or "s"]


def read_percent(text: str) -> float:
    """
    A share (0..1) from percent, with or without the sign. Raises ValueError.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%?", text)
    if match is None or float(match[1]) > 100:
        raise ValueError(f"found {text!r}, wanted 0 to 100")
    return float(match[1]) / 100


def _sounds(files: Sequence[Path], seed: int) -> _Sounds:
    if len(files) > 2:
        raise SiprecError(f"found {len(files)} WAV files, wanted two at most")
    low, high = conversation(CONVERSATION, seed)
    if not files:
        return _Sounds((low, high), False)
    first = read_audio(files[0])
    second = read_audio(files[1]) if len(files) == 2 else high[:len(first)]
    if not len(first) or not len(second):
        raise SiprecError("a WAV file is empty")
    return _Sounds((first, second), True)
