"""
C{${VAR}} and C{${VAR:-default}} in the scalars of a file, after it was parsed; C{$${} is a plain C{${}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from attrs import frozen

from siprec_tw.config.kinds import Written
from siprec_tw.config.yaml_lines import Path, Value

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


@frozen
class Substitution:
    """
    Puts environment variables into values; C{report} is told of the path and the words of what is wrong.
    """

    environ: Mapping[str, str]
    report: Callable[[Path, str], None]

    def apply(self, value: Value, path: Path = ()) -> Value:
        """
        The value with all its references replaced; text that had any is L{Written}.
        """
        match value:
            case dict():
                return {key: self.apply(child, (*path, key)) for key, child in value.items()}
            case list():
                return [self.apply(child, (*path, index)) for index, child in enumerate(value)]
            case str() if "${" in value:
                return Written(_REFERENCE.sub(lambda found: self._replace(found, path), value))
            case _:
                return value

    def _replace(self, found: re.Match[str], path: Path) -> str:
        if found[1] is None:
            return "${"
        name = _NAME.fullmatch(found[1])
        if name is None or not found[0].endswith("}"):
            self.report(path, f"found {found[0]!r}, wanted ${{NAME}} or ${{NAME:-default}}")
            return ""
        text = self.environ.get(name[1], "")
        if name[2] is not None:
            return text or name[2]      # as in the shell: empty counts as missing
        if name[1] not in self.environ:
            self.report(path, f"the environment variable {name[1]} is not set")
        return text
