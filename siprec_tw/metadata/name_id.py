"""
Addresses of record as clients write them: without scheme, with parameters, or as a whole name-addr.
"""

from __future__ import annotations

import re

from siprec_tw.metadata.model import NameId
from siprec_tw.metadata.warning_list import WarningList

MOST_LETTERS = 1000     # of an aor or a name

_NAME_ADDR = re.compile(
    r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^<"]*))\s*<\s*(?P<uri>[^<>]+?)\s*>.*', re.DOTALL,
)
_SCHEME = re.compile(r"(sips?|tel|im|pres|xmpp|h323|mailto|callto|urn|https?):", re.IGNORECASE)
_NUMBER = re.compile(r"\+?(?=[*#() .-]*\d)[\d*#() .-]+", re.ASCII)
_IPV4 = re.compile(r"\d{1,3}(\.\d{1,3}){3}", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def read_name_id(text: str, name: str, language: str, warnings: WarningList) -> NameId:
    """
    The identity that an aor and a display name make; of C{"Alice" <sip:...>} the name counts if there is
    no other.
    """
    if max(len(text), len(name)) > MOST_LETTERS:
        warnings.once("name-too-long", f"an aor or a name is cut to {MOST_LETTERS} letters")
        text, name = text[:MOST_LETTERS], name[:MOST_LETTERS]
    written = " ".join(text.split())
    uri = written
    match = _NAME_ADDR.fullmatch(written)
    if match:
        warnings.once("aor-is-name-addr", f"the aor {written!r} is a name and an address, wanted a URI")
        uri = match["uri"]
        name = name or _ESCAPED.sub(r"\1", match["quoted"] or "") or (match["bare"] or "").strip()
    uri = uri.strip().strip('<>"').strip()
    aor = _with_scheme(uri, warnings) if uri else ""
    aor = _without_parameters(aor)
    return NameId(aor, _unquoted(" ".join(name.split())), language, "" if aor == written else written)


def _unquoted(name: str) -> str:
    return name[1:-1].strip() if len(name) > 1 and name[0] == name[-1] == '"' else name


def _with_scheme(uri: str, warnings: WarningList) -> str:
    match = _SCHEME.match(uri)
    if match:
        return match[0].lower() + uri[match.end():]
    warnings.once("aor-without-scheme", f"the aor {uri!r} has no scheme")
    bare = uri.partition(";")[0]
    if _NUMBER.fullmatch(bare) and not _IPV4.fullmatch(bare):
        return "tel:" + re.sub(r"[() .-]", "", uri)
    return "sip:" + uri


def _without_parameters(uri: str) -> str:
    """
    An AOR has no URI parameters; the user part of a SIP URI may have some of its own (RFC 3261 s.19.1.6).
    """
    user, at, host = uri.rpartition("@")
    return user + at + re.split("[;?]", host, maxsplit=1)[0]
