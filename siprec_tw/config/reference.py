"""
The reference of all keys, written from the model: for the documentation and for C{siprec check-config}.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from attrs import frozen
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from siprec_tw.config.durations import duration_text
from siprec_tw.config.environment import GUIDE_NAMES, key_paths, name_of
from siprec_tw.config.kinds import Kind
from siprec_tw.config.model import Configuration, Token
from siprec_tw.config.sizes import size_text

HEADINGS = ("Key", "Type", "Default", "Environment", "Meaning")


@frozen
class Row:
    """
    A key as the reference shows it.
    """

    path: str                       # "sip.listen"
    kind: str                       # "list of listeners"
    default: str                    # as it would be written in YAML; "" where there is none
    environment: tuple[str, ...]    # the variables that set it
    meaning: str


def rows() -> Iterator[Row]:
    """
    Every key in the order of the model, those of a token last of C{admin}.
    """
    defaults = dict(effective(Configuration()))
    for path in key_paths(Configuration):
        field = _field(path)
        dotted = ".".join(path)
        others = tuple(name for name, of in GUIDE_NAMES.items() if of == path)
        yield Row(dotted, _kind(field), defaults[dotted], (name_of(path), *others), field.description or "")
        if dotted == "admin.tokens":
            for name, part in Token.model_fields.items():
                yield Row(f"{dotted}[].{name}", _kind(part), "", (), part.description or "")


def table() -> str:
    """
    The reference as a Markdown table.
    """
    lines = [HEADINGS, tuple("---" for _ in HEADINGS)]
    for row in rows():
        variables = " ".join(map(_code, row.environment))
        lines.append((_code(row.path), row.kind, _code(row.default), variables, row.meaning))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def effective(config: Configuration) -> Iterator[tuple[str, str]]:
    """
    Every key of a configuration with its value as YAML would have it; secrets are masked.
    """
    for path in key_paths(Configuration):
        value: object = config
        for step in path:
            value = getattr(value, step)
        yield ".".join(path), value_text(value, _kind(_field(path)))


def value_text(value: object, kind: str = "") -> str:
    """
    A value as YAML would have it.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case SecretStr():
            return "********"
        case Enum():
            return str(value.value)
        case int() if kind.startswith("size"):
            return size_text(value)
        case float() if kind.startswith("duration"):
            return duration_text(value)
        case BaseModel():
            parts = (f"{name}: {value_text(getattr(value, name))}" for name in type(value).model_fields)
            return "{" + ", ".join(parts) + "}"
        case tuple():
            return "[" + ", ".join(_in_list(entry) for entry in value) + "]"
        case _:
            return str(value)


def _in_list(value: object) -> str:
    text = value_text(value)
    return text if isinstance(value, BaseModel) else f'"{text}"'


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _field(path: tuple[str, ...]) -> FieldInfo:
    model: type[BaseModel] = Configuration
    for step in path[:-1]:
        annotation = model.model_fields[step].annotation
        assert isinstance(annotation, type) and issubclass(annotation, BaseModel)
        model = annotation
    return model.model_fields[path[-1]]


def _kind(field: FieldInfo) -> str:
    """
    The words of the outermost kind: C{Duration | None} has one of its own that says so.
    """
    return [entry.words for entry in field.metadata if isinstance(entry, Kind)][-1]
