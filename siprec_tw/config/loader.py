"""
From a file and the environment to a configuration, or to every problem at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path as FilePath

from attrs import Factory, define
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from siprec_tw.config import environment
from siprec_tw.config.checks import CHECKS, doubts
from siprec_tw.config.kinds import FROM_FILE, Written, found_text
from siprec_tw.config.model import Configuration
from siprec_tw.config.substitution import Substitution
from siprec_tw.config.yaml_lines import Document, Path, Value, dotted, read_yaml
from siprec_tw.errors import ConfigurationError, Problem

DEFAULTS = "built-in defaults"
SECRET_NAMES = {"token", "tokens", "password", "secret"}


def load(path: str | None, environ: Mapping[str, str]) -> Configuration:
    """
    The configuration of a YAML file (None: the built-in defaults) under the environment, which wins.

    Raises L{ConfigurationError} with every problem; what only looks wrong is in C{warnings}.
    """
    if path is None:
        return _Load(Document(DEFAULTS), environ).configuration()
    try:
        text = FilePath(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError((Problem(path, "", f"cannot be read: {error.strerror}"),)) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError((Problem(path, "", f"not UTF-8: octet {error.start}"),)) from error
    return load_text(text, environ, path)


def load_text(text: str, environ: Mapping[str, str], name: str = "configuration") -> Configuration:
    """
    L{load} for YAML at hand, which is called C{name} in problems.
    """
    return _Load(read_yaml(text, name), environ).configuration()


@define
class _Load:
    """
    One load: where every value came from, and what has been found wrong so far.
    """

    document: Document
    environ: Mapping[str, str]
    problems: list[tuple[Path, Problem]] = Factory(list)
    variables: dict[Path, str] = Factory(dict)

    def configuration(self) -> Configuration:
        values = self._values()
        config = self._validate(values)
        wrong = {path[:length] for path, _ in self.problems for length in (1, 2)}
        for check in CHECKS:
            if not any(key in wrong for key in check.reads):
                for path, text in check.find(config):
                    self._report(path, text)
        problems = [*self.document.problems, *(problem for _, problem in self.problems)]
        if problems:
            raise ConfigurationError(tuple(sorted(problems, key=_order)))
        found = tuple(Problem(self._where(path), dotted(path), text) for path, text in doubts(config))
        return config.with_warnings(found + environment.unknown_names(self.environ))

    def _values(self) -> dict[str, Value]:
        values: dict[str, Value] = {}
        given = Substitution(self.environ, self._report).apply(self.document.values)
        assert isinstance(given, dict)
        values.update((key, {} if value is None else value) for key, value in given.items())
        set_by, twice = environment.settings(self.environ)
        self.problems.extend((environment.names()[p.where.removeprefix("environment ")], p) for p in twice)
        for name, path in set_by.items():
            self._set(values, path, Written(self.environ[name]))
            self.variables[path] = name
        return values

    def _set(self, values: dict[str, Value], path: tuple[str, ...], value: Value) -> None:
        section = values
        for step in path[:-1]:
            child = section.setdefault(step, {})
            if not isinstance(child, dict):
                return      # the section is itself wrong, which is reported
            section = child
        section[path[-1]] = value

    def _validate(self, values: dict[str, Value]) -> Configuration:
        """
        The configuration; where keys are wrong they are reported, and have their defaults.
        """
        try:
            return Configuration.model_validate(values, context=FROM_FILE)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self._report(detail["loc"], _text(detail))
                _remove(values, detail["loc"][:2])
        return Configuration.model_validate(values, context=FROM_FILE)

    def _report(self, path: Path, text: str) -> None:
        if any(known == path for known, _ in self.problems):
            return      # an unset variable is the cause, the empty value its effect
        self.problems.append((path, Problem(self._where(path), dotted(path), text)))

    def _where(self, path: Path) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in self.variables:
                return f"environment {self.variables[path[:length]]}"
        return self.document.where(path)


def _remove(values: dict[str, Value], path: Path) -> None:
    section: Value = values
    for step in path[:-1]:
        section = section.get(step) if isinstance(section, dict) and isinstance(step, str) else None
    if isinstance(section, dict) and isinstance(path[-1], str):
        section.pop(path[-1], None)


def _order(problem: Problem) -> tuple[bool, str, int]:
    name, _, line = problem.where.rpartition(":")
    return (problem.where.startswith("environment "), name, int(line) if line.isdecimal() else 0)


def _text(detail: ErrorDetails) -> str:
    """
    What pydantic found, in our words: found and wanted.
    """
    path = detail["loc"]
    found = "something else (hidden)" if _is_secret(path) else found_text(detail["input"])
    match detail["type"]:
        case "value_error":
            return str(detail["ctx"]["error"])
        case "extra_forbidden":
            return f"unknown key{_suggestion(path)}"
        case "missing":
            return "not given, wanted a value"
        case "model_type" | "model_attributes_type":
            return f"found {found}, wanted a section with keys"
        case "string_type":
            return f"found {found}, wanted text: put it in quotes"
        case "string_too_short":
            return f"found {found}, wanted text that is not empty"
        case "literal_error":
            return f"found {found}, wanted {detail['ctx']['expected']}"
        case _:
            return f"found {found}: {detail['msg']}"


def _is_secret(path: Path) -> bool:
    return next((step for step in reversed(path) if isinstance(step, str)), "") in SECRET_NAMES


def _suggestion(path: Path) -> str:
    if path[0] == "cluster":
        return ": the cluster is not in this version, only enabled: false"
    elsewhere = [".".join(key) for key in environment.key_paths(Configuration) if key[-1] == path[-1]]
    if elsewhere:
        return f": is {' or '.join(elsewhere)} meant?"
    nearest = get_close_matches(str(path[-1]), _siblings(path), 1)
    return f": is {nearest[0]!r} meant?" if nearest else ""


def _siblings(path: Path) -> list[str]:
    model: type[BaseModel] = Configuration
    for step in path[:-1]:
        field = model.model_fields.get(str(step))
        annotation = field.annotation if field else None
        if isinstance(step, str) and isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    if "tokens" in path:
        return ["name", "token", "role"]
    return list(model.model_fields)
