"""
Vendors' own elements: kept as they came, and as keys and values where they are simple enough to be read so.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from attrs import define

from siprec_tw.metadata.model import Extension
from siprec_tw.metadata.ucid import decode_ucid
from siprec_tw.metadata.warning_list import WarningList
from siprec_tw.metadata.xml_tree import Node, name_key

MOST_EXTENSIONS = 500
MOST_TEXT = 512 * 1024      # octets of XML kept in all extensions of a document
MOST_FIELDS = 200           # of one extension
MOST_KEY = 200              # letters

WRAPPER = "extensiondata"
# An attribute of these names tells copies of one element apart: <apkt:header label="Diversion">
_NAMING = ("label", "name", "key")
_UCID_KEYS = ("ucid", "avayaucid")


@define
class ExtensionReader:
    """
    Reads the extensions of one document, within its bounds.
    """

    warnings: WarningList
    _count: int = 0
    _text: int = 0

    def read(self, node: Node) -> tuple[Extension, ...]:
        """
        The extension that an unknown element is; none if the document's bounds are reached.

        An C{extensiondata} around a single structure (BroadWorks) gives way to what is in it.
        """
        children = list(node.children())
        if node.key == WRAPPER and len(children) == 1 and any(children[0].children()):
            node, children = children[0], list(children[0].children())
        namespace = node.namespace
        if node.key == WRAPPER and children:
            namespace = children[0].namespace or _declared_namespace(children[0]) or namespace
        xml = node.xml() if self._count < MOST_EXTENSIONS else ""
        self._count += 1
        self._text += len(xml)
        if not xml or self._text > MOST_TEXT:
            self.warnings.once("extensions-too-large", f"extensions from <{node.name}> on are not kept")
            return ()
        return (Extension(namespace, node.name, xml, tuple(_fields(node))),)


def _declared_namespace(node: Node) -> str:
    """
    "": an undeclared prefix has none; the prefix itself, C{apkt}, says who wrote it.
    """
    prefix, colon, _ = str(node.element.tag).partition(":")
    return prefix if colon else ""


def _fields(node: Node) -> Iterator[tuple[str, str]]:
    for key, value in islice(_leaves(node, ""), MOST_FIELDS):
        yield key, value
        if name_key(key.rpartition("/")[2]) in _UCID_KEYS and (decoded := decode_ucid(value)):
            yield f"{key}/decoded", decoded


def _leaves(node: Node, path: str) -> Iterator[tuple[str, str]]:
    naming = ""
    for name, value in node.attributes():
        if name_key(name) in _NAMING and path:
            naming = f"/{value}"
        else:
            yield f"{path}@{name}", value
    path = (path + naming)[:MOST_KEY]
    children = list(node.children())
    if not children and (text := " ".join(node.text.split())):
        yield path or node.name, text
    for child in children:
        is_value = bool(naming) and child.key == "value"
        yield from _leaves(child, path if is_value else f"{path}/{child.name}".lstrip("/"))
