"""
The crypto attribute of SDP (RFC 4568 s.9.1 and s.9.2), read and written.

  a=crypto:<tag> <suite> inline:<key and salt>|<lifetime>|<MKI>:<MKI's length> [<session parameter> ...]

Several keys are parted by semicolons. Read tolerantly: keys without their base64 padding, any case of the suite's
name, and bars with nothing behind them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from attrs import evolve, field, frozen

from siprec_tw.errors import PeerError
from siprec_tw.srtp.master_key import MOST_LIFETIME, MasterKey, split_material
from siprec_tw.srtp.profiles import ProtectionProfile

MOST_OCTETS = 4096          # of an attribute's value
MOST_KEYS = 16
MOST_TAG = 999_999_999      # RFC 4568 s.9.1: nine digits
MOST_MKI_SIZE = 128         # RFC 4568 s.6.1

_METHOD = "inline:"
_BASE64 = re.compile(r"[A-Za-z0-9+/]+\Z")
_LIFETIME = re.compile(r"(?:2\^([0-9]{1,2})|([0-9]{1,15}))\Z")
_MKI = re.compile(r"([0-9]{1,310}):([0-9]{1,3})\Z")
_SAYABLE = re.compile(r"[A-Z0-9_^:-]{1,60}\Z")      # what is no key, though it stands in the wrong place


@frozen
class InlineKey:
    """
    One key of an attribute; a printed one does not show it.
    """

    material: bytes = field(repr=False)     # master key and master salt
    lifetime: int | None = None             # packets
    mki: bytes = b""                        # empty: packets carry none


@frozen
class CryptoAttribute:
    """
    A suite that is offered or answered, with its keys.
    """

    tag: int
    suite: str                              # as it was written
    keys: tuple[InlineKey, ...]
    parameters: tuple[str, ...] = ()        # session parameters (RFC 4568 s.6.3), as written

    def master_keys(self, profile: ProtectionProfile) -> tuple[MasterKey, ...]:
        """
        The keys as that profile uses them. Raises PeerError where one has not the profile's length.
        """
        return tuple(
            evolve(split_material(profile, key.material, key.mki), lifetime=key.lifetime or MOST_LIFETIME)
            for key in self.keys
        )


def parse_crypto(value: str) -> CryptoAttribute:
    """
    The attribute's value, what stands behind C{crypto:}. Raises PeerError, whose text shows no key.
    """
    if len(value) > MOST_OCTETS:
        raise PeerError(f"crypto attribute has {len(value)} octets, wanted at most {MOST_OCTETS}")
    words = value.split()
    if len(words) < 3:
        raise PeerError(f"crypto attribute has {len(words)} words, wanted tag, suite and keys")
    tag, suite, keys, *parameters = words
    while keys.endswith(";") and parameters and parameters[0].startswith(_METHOD):
        keys += parameters.pop(0)
    if not (tag.isascii() and tag.isdigit()) or int(tag[:10]) > MOST_TAG:
        raise PeerError(f"crypto tag is {sayable(tag)}, wanted 0 to {MOST_TAG}")
    return CryptoAttribute(int(tag), suite, _parse_keys(keys), tuple(parameters))


def write_crypto(attribute: CryptoAttribute) -> str:
    """
    The attribute's value; parse_crypto of it gives the attribute again.
    """
    keys = ";".join(map(_write_key, attribute.keys))
    return " ".join((str(attribute.tag), attribute.suite, keys, *attribute.parameters))


def sayable(word: str) -> str:
    """
    A word of an attribute for an error's text: as it is, unless it might be a key.
    """
    return repr(word) if _SAYABLE.match(word) else f"{len(word)} characters"


def _parse_keys(text: str) -> tuple[InlineKey, ...]:
    parts = [part for part in text.split(";") if part]
    if not 1 <= len(parts) <= MOST_KEYS:
        raise PeerError(f"crypto attribute has {len(parts)} keys, wanted 1 to {MOST_KEYS}")
    keys = tuple(map(_parse_key, parts))
    sizes = {len(key.mki) for key in keys}
    if len(keys) > 1 and (len(sizes) > 1 or sizes == {0} or len({key.mki for key in keys}) < len(keys)):
        raise PeerError("crypto keys have the same MKI, or none, or of different lengths; wanted one each, all as long")
    return keys


def _parse_key(text: str) -> InlineKey:
    method, colon, rest = text.partition(":")
    if not colon or method.lower() + colon != _METHOD:
        raise PeerError(f"crypto key method is {sayable(method)}, wanted 'inline'")
    material, *details = rest.split("|")
    lifetime, mki = None, b""
    for detail in filter(None, details):
        if ":" in detail:
            mki = _parse_mki(detail)
        else:
            lifetime = _parse_lifetime(detail)
    return InlineKey(_decode(material), lifetime, mki)


def _decode(text: str) -> bytes:
    bare = text.rstrip("=")
    if not _BASE64.match(bare):
        raise PeerError(f"crypto key of {len(text)} characters is not base64")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error as error:
        raise PeerError(f"crypto key has {len(bare)} characters of base64, which no number of octets gives") from error


def _parse_lifetime(text: str) -> int:
    found = _LIFETIME.match(text)
    power, number = found.groups() if found else (None, None)
    lifetime = 1 << int(power) if power else int(number or 0)
    if lifetime < 1:
        raise PeerError(f"crypto lifetime is {sayable(text)}, wanted a number of packets, or a power of two as 2^20")
    return min(lifetime, MOST_LIFETIME)     # what is more means the same


def _parse_mki(text: str) -> bytes:
    found = _MKI.match(text)
    size = int(found[2]) if found else 0
    if not found or not 1 <= size <= MOST_MKI_SIZE:
        raise PeerError(f"crypto MKI is {sayable(text)}, wanted a number and a length of 1 to {MOST_MKI_SIZE} octets")
    number = int(found[1])
    if number.bit_length() > 8 * size:
        raise PeerError(f"crypto MKI is {sayable(text)}, wanted a number below 2**{8 * size} in {size} octets")
    return number.to_bytes(size)


def _write_key(key: InlineKey) -> str:
    details: Sequence[str] = ()
    if key.lifetime is not None:
        details = (*details, _written_lifetime(key.lifetime))
    if key.mki:
        details = (*details, f"{int.from_bytes(key.mki)}:{len(key.mki)}")
    return "|".join((_METHOD + base64.b64encode(key.material).decode("ascii"), *details))


def _written_lifetime(lifetime: int) -> str:
    power = lifetime.bit_length() - 1
    return f"2^{power}" if lifetime == 1 << power else str(lifetime)
