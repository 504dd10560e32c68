"""
Warnings being gathered while a document is read.
"""

from __future__ import annotations

from attrs import define, field

from siprec_tw.metadata.model import MetadataWarning

MOST_WARNINGS = 100
MOST_TEXT = 300


@define
class WarningList:
    """
    Warnings in the order they arose, each said once, C{MOST_WARNINGS} at most.
    """

    _found: dict[tuple[str, str], MetadataWarning] = field(factory=dict)
    _codes: set[str] = field(factory=set)

    def add(self, code: str, text: str) -> None:
        """
        Keep a warning, unless this very one is there.
        """
        if len(self._found) < MOST_WARNINGS:
            self._codes.add(code)
            text = text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + "..."
            self._found.setdefault((code, text), MetadataWarning(code, text))

    def once(self, code: str, text: str) -> None:
        """
        Keep a warning, unless one of its code is there: a client's habit needs no second example.
        """
        if code not in self._codes:
            self.add(code, text)

    def all(self) -> tuple[MetadataWarning, ...]:
        """
        What was kept.
        """
        return tuple(self._found.values())
