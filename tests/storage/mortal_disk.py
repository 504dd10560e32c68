"""
A disk under a process that dies.
"""

from __future__ import annotations

from pathlib import Path

from siprec_tw.storage.disk import Disk


class Killed(BaseException):
    """
    The process died here.
    """


class Mortal(Disk):
    """
    A disk under a process that dies before, in the middle of, or after its n-th change.
    """

    def __init__(self, lives: int, part: str) -> None:
        super().__init__(sync=False)
        object.__setattr__(self, "lives", lives)
        object.__setattr__(self, "part", part)

    def write(self, path, blocks):  # type: ignore[no-untyped-def]
        """
        Write, or die trying.
        """
        if self.part == "within" and self._dies():
            def torn():  # type: ignore[no-untyped-def]
                yield from list(blocks)[:1]
                raise Killed
            return super().write(path, torn())
        return self._change(super().write, path, blocks)

    def move(self, path, target):  # type: ignore[no-untyped-def]
        """
        Rename, or die trying.
        """
        self._change(super().move, path, target)

    def link(self, path, target):  # type: ignore[no-untyped-def]
        """
        Link, or die trying.
        """
        self._change(super().link, path, target)

    def exchange(self, path, other):  # type: ignore[no-untyped-def]
        """
        Exchange, or die trying.
        """
        self._change(super().exchange, path, other)

    def remove(self, path):  # type: ignore[no-untyped-def]
        """
        Remove, or die trying.
        """
        self._change(super().remove, path)

    def _change(self, change, *args):  # type: ignore[no-untyped-def]
        dies = self.part != "within" and self._dies()
        if dies and self.part == "before":
            raise Killed
        result = change(*args)
        if dies:
            raise Killed
        return result

    def _dies(self) -> bool:
        object.__setattr__(self, "lives", self.lives - 1)
        return self.lives == 0


def contents(path: Path) -> dict[str, bytes]:
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}
