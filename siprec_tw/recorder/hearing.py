"""
A track that should be heard and is not, found while the call is up.

  nothing came for silent_after, though the client said that it sends     stream-silent, once a silence
  then something came                                                     stream-heard-again
  nothing ever came, while another track of the call is heard             one-way

These are remarks, and end nothing. A client that suppresses silence may send nothing while nobody speaks, some for
minutes and without comfort noise; what it does send, however sparse, counts as heard.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from siprec_tw.recording.manifest import iso

MOST_TOLD = 20      # silences of one track; who only listens must not crowd out the other warnings of the call


@define
class Hearing:
    """
    What was found of one track. Instants are POSIX seconds.
    """

    silent_since: float | None = None
    one_way: bool = False
    _silences: int = 0

    def rest(self) -> None:
        """
        Nothing is to be heard now.
        """
        self.silent_since, self.one_way = None, False

    def look(
        self, name: str, heard: float | None, since: float, now: float, limit: float, warn: Callable[[str, str], None]
    ) -> None:
        """
        Something came last at C{heard}, if ever; it was to be heard from C{since} on, and C{limit} seconds are long.
        """
        if self.silent_since is not None and since > self.silent_since:
            self.rest()
        if self.silent_since is not None and heard is not None and heard > self.silent_since:
            if self._silences <= MOST_TOLD:
                warn("stream-heard-again", f"{name} is heard again; it was silent since {iso(self.silent_since)}")
            self.rest()
        last = max(since, heard or 0.0)
        if self.silent_since is None and now - last >= limit:
            self.silent_since = last
            self._silences += 1
            if self._silences <= MOST_TOLD:
                more = "; what follows of its silences is not told" if self._silences == MOST_TOLD else ""
                warn("stream-silent", f"{name} is silent since {iso(last)}: not one packet came for {limit:g} s{more}")

    def miss(self, name: str, warn: Callable[[str, str], None]) -> None:
        """
        It was never heard, while another track is.
        """
        if self.silent_since is not None and not self.one_way:
            self.one_way = True
            warn("one-way", f"{name} was never heard since {iso(self.silent_since)}, while another track is")
