"""
Which packets of a source have been seen (RFC 3711 s.3.3.2), and where the newest of them stands.
"""

from __future__ import annotations

from attrs import define, frozen

# RFC 3711 s.3.3.2 wants 64 at least. A recorder takes packets that are seconds late: 20 s at 50 a second.
WINDOW_SIZE = 1024
_FULL = (1 << WINDOW_SIZE) - 1


@frozen
class StoredWindow:
    """
    A window as another node needs it.
    """

    ssrc: int
    highest: int        # packet index
    seen: str           # hexadecimal; bit n: highest - n


@define
class ReplayWindow:
    """
    The indices of one source that were accepted; what is older than the window counts as seen.
    """

    highest: int = -1       # -1: none yet
    seen: int = 0           # bit n: highest - n

    def refuses(self, index: int) -> bool:
        """
        Whether that index was seen, or is too old to tell.
        """
        age = self.highest - index
        return age >= 0 and (age >= WINDOW_SIZE or bool(self.seen >> age & 1))

    def accept(self, index: int) -> None:
        """
        That index was seen, and was authentic. It is not one that is refused.
        """
        ahead = index - self.highest
        if ahead <= 0:
            self.seen |= 1 << -ahead
            return
        self.seen = 1 if ahead >= WINDOW_SIZE else (self.seen << ahead | 1) & _FULL
        self.highest = index

    def accept_next(self, count: int) -> None:
        """
        The C{count} indices that follow the highest were seen.
        """
        self.seen = (self.seen << count | (1 << count) - 1) & _FULL if count < WINDOW_SIZE else _FULL
        self.highest += count

    def as_stored(self, ssrc: int) -> StoredWindow:
        """
        For another node.
        """
        return StoredWindow(ssrc, self.highest, f"{self.seen:x}")


def window_from_stored(stored: StoredWindow) -> ReplayWindow:
    """
    The window again.
    """
    return ReplayWindow(stored.highest, int(stored.seen, 16) & _FULL)
