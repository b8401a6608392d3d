"""`pawl lint`: says what the API server would refuse, before it is asked."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pawl.api.problems import Problem, is_ours, problems_of
from pawl.errors import InvalidSpec
from pawl_cli.manifests import read_manifests


def lint_file(path: Path) -> Iterator[tuple[str, tuple[Problem, ...]]]:
    """Each object of Pawl in the file by name, with its problems; objects of others are passed over.

    A file that cannot be read is one problem of the file.
    """
    try:
        documents = read_manifests(path)
    except InvalidSpec as error:
        yield (str(path), (Problem("", "", error.message, error.remedy),))
        return
    for number, document in enumerate(documents, 1):
        if not isinstance(document, Mapping) or is_ours(document):
            yield (_title(path, number, document), problems_of(document))


def render(title: str, problem: Problem) -> str:
    """One problem in four short lines: where, value, problem, remedy."""
    lines = [f"{title}: {problem.field}" if problem.field else title]
    if problem.value:
        lines.append(f"  value    {problem.value}")
    return "\n".join([*lines, f"  problem  {problem.problem}", f"  remedy   {problem.remedy}"])


def _title(path: Path, number: int, document: object) -> str:
    if not isinstance(document, Mapping):
        return f"{path}: document {number}"
    metadata = document.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, Mapping) else ""
    return f"{path}: {document.get('kind', 'object')} {name}".rstrip()
