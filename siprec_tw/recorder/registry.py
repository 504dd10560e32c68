"""
The running calls of this node, found by their dialog or by their recording id.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from siprec_tw.recorder.call import Call
from siprec_tw.signaling.transaction_user import IncomingRequest
from siprec_tw.sip.dialog import DialogId


@define(eq=False)
class Registry:
    """
    Calls from their first journal line until their media is closed.
    """

    _by_dialog: dict[DialogId, Call] = field(factory=dict)
    _by_id: dict[str, Call] = field(factory=dict)

    def add(self, call: Call) -> None:
        """
        From now on the call is found.
        """
        self._by_dialog[call.leg.dialog.dialog_id] = call
        self._by_id[call.recording_id] = call

    def remove(self, call: Call) -> None:
        """
        From now on it is not; harmless for one that is not there.
        """
        self._by_dialog.pop(call.leg.dialog.dialog_id, None)
        self._by_id.pop(call.recording_id, None)

    def of_dialog(self, dialog_id: DialogId | None) -> Call | None:
        """
        The call of a dialog.
        """
        return None if dialog_id is None else self._by_dialog.get(dialog_id)

    def of_invite(self, incoming: IncomingRequest) -> Call | None:
        """
        The call that this very INVITE began.
        """
        return next((call for call in self if call.leg.invite is incoming), None)

    def get(self, recording_id: str) -> Call | None:
        """
        The call of a recording.
        """
        return self._by_id.get(recording_id)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)
