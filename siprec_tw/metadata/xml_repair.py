"""
Repairs to text that is not well-formed XML, so that one name in it does not cost all participants.

What clients do: display names copied unescaped (C{Smith & Sons}, C{<sales>}, OpenSIPS), a name-addr with its
own quotes as an attribute (SEMS), attributes without quotes (Oracle's samples). A lenient parser alone would
nest everything after a stray tag inside it; here the text is mended first, then parsed strictly again.

Every pattern is bounded or scans once: a hostile document costs linear time.
"""

from __future__ import annotations

import re

_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_NAME_START = re.compile(r"<((?:[\w.-]{1,64}:)?(?:name|aor))(?:\s[^<>]{0,500})?>")
# Its value may hold its own quotes: it ends at the quote before the next attribute or the end of the tag.
_AOR_ATTRIBUTE = re.compile(
    r"\b(aor\s{0,9}=\s{0,9})([\"'])((?:(?!\baor\s{0,9}=).){0,1000}?)\2"
    r"(?=\s{0,99}/?>\s{0,99}(?:<|$)|\s{1,99}[\w:.-]{1,64}\s{0,9}=\s{0,9}[\"'])",
    re.DOTALL,
)
_ATTRIBUTE = r"\s+[\w:.-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'|[^\s\"'<>]+?(?=\s|/?>))"
_MARKUP = re.compile(rf"<(?:/[\w:.-]+\s*|[^\W\d][\w:.-]*(?:{_ATTRIBUTE})*\s*/?|!--|\?|!\[CDATA\[)", re.DOTALL)
_ATTRIBUTE_OF_TAG = re.compile(r"(\s+[\w:.-]+\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+?(?=\s|/?\Z))")
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}


def repair(text: str) -> str:
    """
    The text with stray ampersands, angle brackets and quotes escaped; names and aors are taken as text whole.
    """
    text = _FORBIDDEN.sub("\ufffd", text)
    text = _AMPERSAND.sub("&amp;", text)
    text = _AOR_ATTRIBUTE.sub(_escaped_attribute, text)
    return _escape_stray_brackets(_escape_inside_names(text))


def _escaped_attribute(match: re.Match[str]) -> str:
    value = "".join(_ESCAPES.get(c, c) for c in match[3])
    return f"{match[1]}{match[2]}{value}{match[2]}"


def _escape_inside_names(text: str) -> str:
    pieces: list[str] = []
    at = 0
    while match := _NAME_START.search(text, at):
        if match[0].endswith("/>"):
            pieces.append(text[at:match.end()])
            at = match.end()
            continue
        end = text.find(f"</{match[1]}", match.end())
        if end < 0:
            break
        pieces += text[at:match.end()], text[match.end():end].replace("<", "&lt;")
        at = end
    return "".join([*pieces, text[at:]])


def _escape_stray_brackets(text: str) -> str:
    pieces: list[str] = []
    at = 0
    while (bracket := text.find("<", at)) >= 0:
        pieces.append(text[at:bracket])
        match = _MARKUP.match(text, bracket)
        if match is None or not _is_closed(match[0], text, match.end()):
            pieces.append("&lt;")
            at = bracket + 1
        else:
            pieces.append(_ATTRIBUTE_OF_TAG.sub(_quoted_attribute, match[0]))
            at = match.end()
    return "".join([*pieces, text[at:]])


def _quoted_attribute(match: re.Match[str]) -> str:
    return match[0] if match[2][0] in "\"'" else f'{match[1]}"{match[2]}"'


def _is_closed(markup: str, text: str, end: int) -> bool:
    return markup[1] in "!?" or text.startswith(">", end)
