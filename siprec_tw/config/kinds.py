"""
The kinds of value that a key can have: how each is read, and what it is called in the reference.

A value comes in one of three ways. From the file it is what YAML makes of it. From the environment, or
out of C{${VAR}}, it is L{Written}: text that stands for any kind, so "8" is a number and "a,b" a list.
From Python (embedding, tests) it is of its own type already: there a float is a duration, whereas a file
must write the unit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from attrs import frozen
from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo

from siprec_tw.config.addresses import (
    HostPort,
    Listener,
    Network,
    PortRange,
    parse_address,
    parse_host_port,
    parse_listener,
    parse_network,
    parse_port_range,
)
from siprec_tw.config.durations import duration_text, parse_duration
from siprec_tw.config.sizes import parse_size, size_text

AUTO = "auto"
FROM_FILE = "from-file"     # the validation context under which a plain number is no duration or size


class Written(str):
    """
    A value that had to pass through text: it is read as whatever its key wants.
    """


@frozen
class Kind:
    """
    What the reference calls a kind of value.
    """

    words: str


def from_text(parse: Callable[[str], object], unit: str = "") -> BeforeValidator:
    """
    Reads text; what is of its own type already passes. A kind with a unit refuses a file's plain numbers.
    """
    def read(value: object, context: ValidationInfo) -> object:
        if isinstance(value, str):
            return parse(str(value).strip())
        if context.context != FROM_FILE:
            return value
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if unit and plain:
            raise ValueError(f'found {value} without a unit, wanted for instance "{value}{unit}"')
        if plain:
            parse(str(value))       # says better what is wanted
        raise ValueError(f"found {found_text(value)}, wanted text: put it in quotes")
    return BeforeValidator(read)


def found_text(value: object) -> str:
    """
    A wrong value as a message shows it.
    """
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a section"
        case list() | tuple():
            return "a list"
        case str():
            return repr(str(value))
        case _:
            return str(value)


def _number(value: object) -> object:
    if isinstance(value, Written):
        try:
            return int(value)
        except ValueError:
            pass
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"found {found_text(value)}, wanted a whole number")


def _flag(value: object) -> object:
    if isinstance(value, Written) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, bool):
        return value
    raise ValueError(f"found {found_text(value)}, wanted true or false")


def _listed(value: object) -> object:
    if isinstance(value, Written):
        return tuple(Written(part.strip()) for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError(f"found {found_text(value)}, wanted a list: [a, b]")


def _or_null(value: object) -> object:
    return None if isinstance(value, Written) and value.strip() in ("", "null", "~") else value


def _worker_count(value: object) -> object:
    return AUTO if value == AUTO else _number(value)


def _host(text: str) -> str:
    return str(parse_address(text))


def header_text(text: str) -> str:
    """
    Text that may stand in a SIP header field. Raises ValueError.
    """
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError(f"found {text!r}, wanted printable ASCII text")
    return text


def _tokens(value: object) -> object:
    """
    Tokens in the one-line form of the environment: C{name:role:token}, between commas.
    """
    if isinstance(value, list | tuple):
        return tuple(value)
    if not isinstance(value, Written):
        raise ValueError("found no list (hidden), wanted a list of {name, role, token}")
    tokens = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, _, rest = part.partition(":")
        role, separator, token = rest.partition(":")
        if not separator:
            raise ValueError("found a token of another form, wanted name:role:token")
        tokens.append({"name": name, "role": role, "token": token})
    return tuple(tokens)


def _secret(value: object) -> object:
    if isinstance(value, str):
        return SecretStr(str(value))
    if isinstance(value, SecretStr):
        return value
    raise ValueError("found something that is not text (hidden), wanted text: put it in quotes")


def within(least: float, most: float, text: Callable[[float], str] = str) -> AfterValidator:
    """
    Refuses numbers outside a range, both ends included; C{text} writes them in their unit.
    """
    def check(value: float | None) -> float | None:
        if value is not None and not least <= value <= most:
            raise ValueError(f"found {text(value)}, wanted {text(least)} to {text(most)}")
        return value
    return AfterValidator(check)


def seconds_within(least: float, most: float) -> AfterValidator:
    """
    Refuses durations outside a range, both ends included.
    """
    return within(least, most, duration_text)


def octets_within(least: int, most: int) -> AfterValidator:
    """
    Refuses sizes outside a range, both ends included.
    """
    return within(least, most, lambda octets: size_text(round(octets)))


Text = Annotated[str, Kind("text")]
HeaderText = Annotated[str, Kind("text"), from_text(header_text)]
Flag = Annotated[bool, Kind("true or false"), BeforeValidator(_flag)]
Count = Annotated[int, Kind("whole number"), BeforeValidator(_number)]
Workers = Annotated[int | Literal["auto"], Kind("auto or whole number"), BeforeValidator(_worker_count)]
Duration = Annotated[float, Kind("duration"), from_text(parse_duration, "s")]
Size = Annotated[int, Kind("size"), from_text(parse_size, "KiB")]
Host = Annotated[str, Kind("IP address"), from_text(_host)]
Address = Annotated[HostPort, Kind("address:port"), from_text(parse_host_port)]
Ports = Annotated[PortRange, Kind("first-last"), from_text(parse_port_range)]
Secret = Annotated[SecretStr, Kind("secret"), BeforeValidator(_secret)]
Listeners = Annotated[
    tuple[Annotated[Listener, from_text(parse_listener)], ...],
    Kind("list of listeners"), BeforeValidator(_listed),
]
Networks = Annotated[
    tuple[Annotated[Network, from_text(parse_network)], ...],
    Kind("list of networks"), BeforeValidator(_listed),
]
AS_TOKENS = BeforeValidator(_tokens)
OR_NULL = BeforeValidator(_or_null)
