"""Reads manifests: YAML with several documents, in which a key may not stand twice."""

from collections.abc import Hashable
from pathlib import Path

import yaml

from pawl.errors import InvalidSpec


class _StrictLoader(yaml.SafeLoader):
    """YAML as the API server reads it: a repeated key is an error, not the last one wins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen and key != "<<":
                raise yaml.MarkedYAMLError(problem=f"key {key!r} stands twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_manifests(path: Path) -> list[object]:
    """The documents of a file, without empty ones.

    Raises:
        InvalidSpec: the file cannot be read or is not YAML.
    """
    try:
        with path.open("rb") as stream:
            return [document for document in yaml.load_all(stream, _StrictLoader) if document is not None]
    except OSError as error:
        raise InvalidSpec("cannot be read", field=str(path), remedy=str(error.strerror)) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidSpec(f"line {line} is not YAML", field=str(path), remedy=f"correct it: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSpec("is not YAML", field=str(path), remedy="write UTF-8 text") from error
