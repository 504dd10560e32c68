"""
YAML that remembers where everything stood, read by the rules of YAML 1.2.

PyYAML speaks YAML 1.1, in which C{no} is false, C{010} is 8 and C{12:30} is 750. Here only C{true} and
C{false} are booleans and numbers are decimal (or 0x, 0o), as YAML 1.2 s.10.3.2 has it. A key given twice,
silently the last one elsewhere, is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from attrs import Factory, define

from siprec_tw.errors import Problem

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
Path = tuple[str | int, ...]

MOST_DEPTH = 32


class YamlLoader(yaml.SafeLoader):
    """
    PyYAML's safe loader with the scalars of YAML 1.2's core schema.
    """

    yaml_implicit_resolvers = {}


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _regex = re.compile(f"(?:{_pattern})\\Z")
    YamlLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _regex, list(_first))


@define
class Document:
    """
    A YAML file as values, with the line of every key, value and list entry.
    """

    name: str
    values: dict[str, Value] = Factory(dict)
    lines: dict[Path, int] = Factory(dict)
    problems: list[Problem] = Factory(list)

    def where(self, path: Path) -> str:
        """
        C{file:line} of a path, or of the nearest of its parents that stands in the file.
        """
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


def dotted(path: Path) -> str:
    """
    A path as people write it: C{admin.tokens[0].name}.
    """
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read_yaml(text: str, name: str) -> Document:
    """
    Everything in a file of one document whose root is a mapping; what is wrong with it is in C{problems}.
    """
    document = Document(name)
    try:
        loader = YamlLoader(text)
        root = loader.get_single_node()
        if root is not None:
            _Reader(loader, document).read_root(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        document.problems.append(Problem(f"{name}:{line}", "", f"not YAML: {error.problem or error.context}"))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        document.problems.append(Problem(f"{name}:{line}", "", f"not YAML: {error.reason}"))
    return document


@define
class _Reader:
    loader: YamlLoader
    document: Document

    def read_root(self, root: yaml.Node) -> None:
        if isinstance(root, yaml.MappingNode):
            self.document.values = self._mapping(root, ())
        elif root.tag != "tag:yaml.org,2002:null":
            self._problem(root, (), "found no sections, wanted a mapping such as \"sip:\" with keys under it")

    def _read(self, node: yaml.Node, path: Path) -> Value:
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if len(path) > MOST_DEPTH:
            self._problem(node, path, f"nested deeper than {MOST_DEPTH}")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._read(entry, (*path, index)) for index, entry in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key, value in self._own_pairs(node, path):
            values[key] = self._read(value, (*path, key))
        return values

    def _own_pairs(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value
            if key_node.tag == "tag:yaml.org,2002:merge" or not isinstance(key_node, yaml.ScalarNode):
                self._problem(key_node, path, "wanted a plain key here")
            elif key in seen:
                self._problem(key_node, (*path, key), f"given twice, first on line {seen[key]}")
            else:
                seen[key] = line
                self.document.lines[*path, key] = line
                yield key, value_node

    def _scalar(self, node: yaml.Node, path: Path) -> Value:
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "null":
                return None
            case "bool":
                return str(node.value).lower() == "true"
            case "int":
                return int(node.value, 0) if node.value[:2] in ("0x", "0o") else int(node.value)
            case "float":
                return float(node.value.replace(".inf", "inf").replace(".nan", "nan"))
            case "str":
                return str(node.value)
            case _:
                self._problem(node, path, f"found the tag {node.tag}, wanted none")
                return None

    def _problem(self, node: yaml.Node, path: Path, text: str) -> None:
        line = node.start_mark.line + 1
        self.document.problems.append(Problem(f"{self.document.name}:{line}", dotted(path), text))
