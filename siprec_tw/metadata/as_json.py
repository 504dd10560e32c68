"""
Recording metadata in the shape in which manifests and the HTTP face carry it.
"""

from __future__ import annotations

from enum import Enum

import attrs

from siprec_tw.metadata.model import Metadata


def to_json(metadata: Metadata) -> dict[str, object]:
    """
    Objects, arrays, strings, numbers and nulls only; field names are those of the model, instants seconds.

    C{fields} of an extension and C{parameters} of an association are arrays of [key, value]: keys may repeat.
    """
    return {field.name: _plain(getattr(metadata, field.name)) for field in attrs.fields(Metadata)}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(member) for member in value]
    kind = type(value)
    if attrs.has(kind):
        return {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(kind)}
    return value
