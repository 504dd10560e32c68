"""
The written calls of this folder: one folder a client, read and made into octets.

  <client>/case.yaml       client: who it is; messages: in the order of sending, each with
                             file     NN-<method>.sip
                             body     none, or how its lines end: crlf, lf, mixed (crlf, but lf within XML)
                             dialog   which of the client's calls it belongs to (default: main)
                             rtp      what sounds afterwards, where that is not G.711 on every line: see Sound
  <client>/NN-<method>.sip the message, with LF on disk and C{{{placeholders}}}; header lines end with CRLF
  <client>/expected.yaml   messages: what each is answered and warned of; recordings: what a call comes to
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import field, frozen

FOLDER = Path(__file__).parent
CLIENTS = sorted(path.parent.name for path in FOLDER.glob("*/case.yaml"))

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


@frozen
class Sound:
    """
    What is sent after a message.
    """

    silent: bool = False
    packets: int = 12                                   # on each line
    payloads: Mapping[int, int] = field(factory=dict)   # payload type by line; else the first of G.711
    moved: bool = False                                 # from other ports than before
    restarted: bool = False                             # from other ports, as other sources
    second_source: tuple[int, ...] = ()                 # lines on which two sources send at once


@frozen
class ScriptedMessage:
    """
    One message of a written call.
    """

    name: str               # "01-invite"
    text: str
    line_ends: str          # of the body: "none", "crlf", "lf", "mixed"
    dialog: str
    sound: Sound
    expected: Mapping[str, Any]

    @property
    def method(self) -> str:
        """
        INVITE, ACK, ...
        """
        return self.text.partition(" ")[0]

    def octets(self, values: Mapping[str, str]) -> bytes:
        """
        The message as it is sent. C{values} has every placeholder but C{length}, which is counted here.
        """
        head, _, body = self.text.partition("\n\n")
        sent = self._body(_filled(body, values))
        filled = _filled(head, {**values, "length": str(len(sent))})
        return filled.replace("\n", "\r\n").encode() + b"\r\n\r\n" + sent

    def _body(self, text: str) -> bytes:
        assert bool(text) == (self.line_ends != "none"), self.name
        lines = text.splitlines(keepends=True)
        if self.line_ends == "lf":
            return text.encode()
        kept = self.line_ends == "mixed"
        return "".join(
            line if kept and line.lstrip().startswith("<") else line.replace("\n", "\r\n") for line in lines
        ).encode()


@frozen
class Case:
    """
    A client and its calls.
    """

    name: str
    client: str
    messages: tuple[ScriptedMessage, ...]
    recordings: Mapping[str, Mapping[str, Any]]         # by dialog

    def of_dialog(self, dialog: str) -> tuple[ScriptedMessage, ...]:
        """
        The messages of one call.
        """
        return tuple(message for message in self.messages if message.dialog == dialog)


def load(name: str) -> Case:
    """
    The case in the folder of this name.
    """
    folder = FOLDER / name
    case = yaml.safe_load((folder / "case.yaml").read_text())
    expected = yaml.safe_load((folder / "expected.yaml").read_text())
    messages = tuple(_message(folder, entry, expected["messages"]) for entry in case["messages"])
    names = {message.name for message in messages}
    assert names == set(expected["messages"]) == {path.stem for path in folder.glob("*.sip")}, name
    return Case(name, case["client"], messages, expected["recordings"])


def _message(folder: Path, entry: Mapping[str, Any], expected: Mapping[str, Any]) -> ScriptedMessage:
    name = str(entry["file"]).removesuffix(".sip")
    sound = entry.get("rtp", {})
    return ScriptedMessage(
        name=name,
        text=(folder / entry["file"]).read_text(),
        line_ends=entry["body"],
        dialog=entry.get("dialog", "main"),
        sound=Sound(silent=True) if sound == "none" else Sound(**sound),
        expected=expected[name],
    )


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)
