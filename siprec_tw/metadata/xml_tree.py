"""
The element tree of a metadata document, read without trusting it: no DTD, no entities, no network, and
everything bounded.

A document is first parsed strictly, then repaired and parsed strictly, then repaired and parsed for what can
be had of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy

from attrs import frozen
from lxml import etree

from siprec_tw.metadata.warning_list import WarningList
from siprec_tw.metadata.xml_repair import repair
from siprec_tw.metadata.xml_text import decode

MOST_OCTETS = 1024 * 1024
MOST_ELEMENTS = 20_000
MOST_DEPTH = 32
MOST_ATTRIBUTES = 100       # of one element: libxml2 takes quadratic time to look at them

_SEPARATORS = re.compile("[_-]")


def name_key(name: str) -> str:
    """
    What names are compared by: dataMode, datamode and data-mode are one.
    """
    return _SEPARATORS.sub("", name).lower()


@frozen
class Node:
    """
    An element; names compare by C{name_key} and without their namespaces.
    """

    element: etree._Element

    @property
    def name(self) -> str:
        """
        The local name; of C{apkt:ucid}, where the prefix was never declared, it is C{ucid}.
        """
        return self._tag.rpartition("}")[2].rpartition(":")[2]

    @property
    def key(self) -> str:
        """
        The name to compare by.
        """
        return name_key(self.name)

    @property
    def namespace(self) -> str:
        """
        The namespace, or "".
        """
        return self._tag[1:].partition("}")[0] if self._tag.startswith("{") else ""

    @property
    def text(self) -> str:
        """
        All character content, its outer white space taken off.
        """
        return "".join(str(piece) for piece in self.element.itertext()).strip()

    def children(self, *keys: str) -> Iterator[Node]:
        """
        The child elements with one of these keys, or all of them.
        """
        for child in self.element:
            if isinstance(child.tag, str):
                node = Node(child)
                if not keys or node.key in keys:
                    yield node

    def child_text(self, *keys: str) -> str:
        """
        The text of the first such child that has any, or "".
        """
        return next((text for child in self.children(*keys) if (text := child.text)), "")

    def attributes(self) -> Iterator[tuple[str, str]]:
        """
        Local name and value of every attribute.
        """
        for name, value in self.element.attrib.items():
            yield re.split("[}:]", str(name))[-1], str(value)

    def attribute(self, *keys: str) -> str:
        """
        The value of the first attribute, in the order of C{keys}, that is not empty.
        """
        found = {name_key(name): value.strip() for name, value in self.attributes()}
        return next((found[key] for key in keys if found.get(key)), "")

    def xml(self) -> str:
        """
        The element as text that stands alone.
        """
        # A copy brings only the namespaces it uses; the element itself would repeat all that are in scope.
        return str(etree.tostring(deepcopy(self.element), encoding="unicode", with_tail=False))

    @property
    def _tag(self) -> str:
        return str(self.element.tag)


def parse(document: bytes, warnings: WarningList) -> Node | None:
    """
    The root of a document, or None with a warning that says why there is none.
    """
    if len(document) > MOST_OCTETS:
        warnings.add("metadata-too-large", f"found {len(document)} octets, wanted {MOST_OCTETS} at most")
        return None
    text = decode(document, warnings)
    if not text:
        warnings.add("metadata-empty", "the document is empty")
        return None
    # In no place of a metadata document has it a meaning, and every attack by entities begins with it.
    if "<!doctype" in text.lower():
        warnings.add("metadata-doctype", "the document has a DOCTYPE: it is not read")
        return None
    root = _parsed(text, warnings)
    return root if root is not None and _is_bounded(root, warnings) else None


def _parsed(text: str, warnings: WarningList) -> Node | None:
    try:
        return Node(_strictly(text))
    except (etree.XMLSyntaxError, ValueError) as error:
        reason = str(error).partition(" (<string>")[0]
    warnings.add("metadata-not-well-formed", f"the document is not well-formed XML: {reason}")
    repaired = repair(text)
    try:
        return Node(_strictly(repaired))
    except (etree.XMLSyntaxError, ValueError):
        element = _leniently(repaired)
    if element is None:
        warnings.add("metadata-not-xml", "no element could be found in the document")
        return None
    return Node(element)


def _strictly(text: str) -> etree._Element:
    return etree.fromstring(_octets(text), _parser(recover=False))


def _leniently(text: str) -> etree._Element | None:
    try:
        return etree.fromstring(_octets(text), _parser(recover=True))
    except (etree.XMLSyntaxError, ValueError):
        return None


def _octets(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")


def _parser(recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8", recover=recover, resolve_entities=False, no_network=True, load_dtd=False,
        dtd_validation=False, huge_tree=False, remove_comments=True, remove_pis=True,
    )


def _is_bounded(root: Node, warnings: WarningList) -> bool:
    count = 0
    level = [root.element]
    for _ in range(MOST_DEPTH):
        count += len(level)
        if count > MOST_ELEMENTS:
            warnings.add("metadata-too-many-elements", f"the document has more than {MOST_ELEMENTS} elements")
            return False
        if any(len(element.attrib) > MOST_ATTRIBUTES for element in level):
            text = f"an element has more than {MOST_ATTRIBUTES} attributes"
            warnings.add("metadata-too-many-attributes", text)
            return False
        level = [child for element in level for child in element]
        if not level:
            return True
    warnings.add("metadata-too-deep", f"elements are nested more than {MOST_DEPTH} deep")
    return False
