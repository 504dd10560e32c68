"""
The Content-Disposition header (RFC 6266 s.4).
"""

from __future__ import annotations

import re
from urllib.parse import quote

_UNSAFE = re.compile(r"[^A-Za-z0-9 ._()@+-]")


def content_disposition(file_name: str, download: bool) -> str:
    """
    C{inline} or C{attachment} with the name, and its UTF-8 form where it needs one (RFC 8187 s.3.2).
    """
    kind = "attachment" if download else "inline"
    plain = _UNSAFE.sub("_", file_name)
    extended = "" if plain == file_name else f"; filename*=UTF-8''{quote(file_name, safe='')}"
    return f'{kind}; filename="{plain}"{extended}'
