"""
From the octets of a document to its text: byte order marks, wrong encoding declarations, what stands before.

The XML declaration is read here and taken off, so that the parser hears one encoding from us and no other.
"""

from __future__ import annotations

import codecs
import re

from siprec_tw.metadata.warning_list import WarningList

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARATION = re.compile(r"\s*<\?xml\b([^>]{0,300}?)\?>", re.IGNORECASE)
_ENCODING = re.compile(r"encoding\s*=\s*[\"']?([\w.-]+)", re.IGNORECASE)
# What is believed where the octets are not UTF-8; anything else is read as the last of them.
_SINGLE_OCTET = ("iso-8859-1", "iso-8859-2", "iso-8859-9", "iso-8859-15", "windows-1250", "windows-1252")


def decode(document: bytes, warnings: WarningList) -> str:
    """
    The text of a document without its XML declaration. Never fails: what cannot be read becomes U+FFFD.
    """
    text = _decoded(document, warnings)
    declaration = _DECLARATION.match(text)
    if declaration:
        if text[:1].isspace():
            warnings.add("metadata-leading-space", "white space stands before the XML declaration")
        text = text[declaration.end():]
    return text.strip("\ufeff \t\r\n\0")


def _decoded(document: bytes, warnings: WarningList) -> str:
    declared = _declared_encoding(document)
    for mark, encoding in _MARKS:
        if document.startswith(mark):
            return _utf(document[len(mark):], encoding, declared, warnings)
    head = document.lstrip()[:2]
    if head in (b"<\0", b"\0<"):
        return _utf(document, "utf-16-le" if head == b"<\0" else "utf-16-be", declared, warnings)
    try:
        text = document.decode("utf-8")
    except UnicodeDecodeError:
        return _single_octet(document, declared, warnings)
    expected = document.isascii() and not declared.startswith(("utf-16", "utf-32", "ucs"))
    if not expected and declared not in ("", "utf-8", "utf8"):
        _warn(declared, "utf-8", warnings)
    return text


def _declared_encoding(document: bytes) -> str:
    head = document[:300].replace(b"\0", b"").decode("latin-1")
    match = _ENCODING.search(head.partition("?>")[0]) if "<?xml" in head.lower() else None
    return match[1].lower() if match else ""


def _utf(document: bytes, encoding: str, declared: str, warnings: WarningList) -> str:
    if declared and not encoding.startswith(declared) and declared != "utf8":
        _warn(declared, encoding, warnings)
    text = document.decode(encoding, errors="replace")
    if "\ufffd" in text:
        warnings.add("metadata-undecodable", f"some octets are not {encoding}")
    return text


def _single_octet(document: bytes, declared: str, warnings: WarningList) -> str:
    encoding = declared if declared in _SINGLE_OCTET else _SINGLE_OCTET[-1]
    if encoding != declared:
        _warn(declared or "none, which means utf-8", encoding, warnings)
    return document.decode(encoding, errors="replace")


def _warn(declared: str, encoding: str, warnings: WarningList) -> None:
    warnings.add("metadata-encoding", f"declared encoding is {declared}, the octets were read as {encoding}")
