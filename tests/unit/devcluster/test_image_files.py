"""The rooms' Dockerfiles: nobody is root, nothing of the build is shipped, and the table of images tells the truth."""

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pawl_devcluster.base_image import BASES, DEBIAN
from pawl_devcluster.image_table import RECIPES, ImageRecipe

ROOT = Path(__file__).resolve().parents[3]
USER = "10001:10001"


@dataclass
class Stage:
    """A stage of a Dockerfile: what it begins from, and its instructions in order."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [value for word, value in self.steps if word == instruction]


def stages_of(path: Path) -> list[Stage]:
    text = re.sub(
        r"\\\n\s*", " ", "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    )
    stages: list[Stage] = []
    for line in filter(None, text.splitlines()):
        word, _, value = line.partition(" ")
        if word == "FROM":
            base, _, name = value.partition(" AS ")
            stages.append(Stage(base, name))
        elif stages:
            stages[-1].steps.append((word, value.strip()))
    return stages


def shipped(recipe: ImageRecipe) -> list[tuple[str, str]]:
    """All instructions that made the image's own layers, those of the stages it begins from first."""
    stages = stages_of(ROOT / recipe.dockerfile)
    stage = next(one for one in stages if one.name == recipe.target) if recipe.target else stages[-1]
    chain = [stage]
    while parent := next((one for one in stages if one.name == chain[0].base and not is_system(one)), None):
        chain.insert(0, parent)
    assert chain[0].base in {"${PYTHON}", *(one.name for one in stages if is_system(one))}
    return [step for one in chain for step in one.steps]


def is_system(stage: Stage) -> bool:
    """Whether it only puts Debian's packages onto a base."""
    return stage.base == f"${{{DEBIAN.argument}}}"


def values(steps: list[tuple[str, str]], instruction: str) -> list[str]:
    return [value for word, value in steps if word == instruction]


every_image = pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
every_file = pytest.mark.parametrize("dockerfile", sorted({recipe.dockerfile for recipe in RECIPES.values()}))


@every_image
def test_the_last_user_is_numeric_and_not_root(recipe):
    assert values(shipped(recipe), "USER")[-1] == USER


@every_image
def test_only_the_environment_is_shipped(recipe):
    steps = shipped(recipe)

    assert [value.split()[1:] for value in values(steps, "COPY")] == [["/opt/pawl", "/opt/pawl"]]
    assert all(value.startswith("--from=") for value in values(steps, "COPY"))
    assert not values(steps, "ADD")
    for command in values(steps, "RUN"):
        assert json.loads(command)[:2] == ["/opt/pawl/bin/python", "-c"], "the last stage only tries its imports"
    assert not [value for _, value in steps if re.search(r"\b(uv|pip|apt-get)\b", value)]


@every_image
def test_it_starts_a_module_without_a_shell_and_unsafe_paths(recipe):
    steps = shipped(recipe)
    python, flag, module = json.loads(values(steps, "ENTRYPOINT")[-1])

    assert (python, flag) == ("/opt/pawl/bin/python", "-m")
    assert (ROOT / recipe.rooms[1] / "src" / module.replace(".", "/") / "__init__.py").exists() or (
        ROOT / "services" / "src" / module.replace(".", "/")
    ).is_dir()
    assert any("PYTHONSAFEPATH=1" in value for value in values(steps, "ENV"))
    assert any("licenses" in value for value in values(steps, "LABEL"))
    assert any("title" in value for value in values(steps, "LABEL"))


@every_image
def test_the_table_names_the_rooms_that_go_in(recipe):
    stages = stages_of(ROOT / recipe.dockerfile)
    build = next(one for one in stages if one.name == (f"{recipe.target}-build" if recipe.target else "build"))

    assert {value.split("/")[0] for value in build.all("COPY") if value.split()[0].endswith("/src")} == set(
        recipe.rooms
    )


@every_file
def test_every_base_is_pinned_and_has_a_stand_in(dockerfile):
    text = (ROOT / dockerfile).read_text()
    bases = {stage.base for stage in stages_of(ROOT / dockerfile)} - {s.name for s in stages_of(ROOT / dockerfile)}

    assert bases == {f"${{{base.argument}}}" for base in BASES if f"ARG {base.argument}={base.official}\n" in text}


@every_image
def test_the_table_names_the_bases_that_it_is_made_from(recipe):
    stages = {stage.name: stage for stage in stages_of(ROOT / recipe.dockerfile)}
    todo, seen = [recipe.target or next(reversed(stages))], set()
    while todo:
        stage = stages[todo.pop()]
        sources = [re.match(r"--from=(\S+)", value) for value in stage.all("COPY")]
        used = {stage.base, *(source[1] for source in sources if source)}
        todo += used & stages.keys() - seen
        seen |= used

    assert seen - stages.keys() == {f"${{{base.argument}}}" for base in recipe.bases}


@every_file
def test_a_stage_with_packages_of_debian_keeps_nothing_of_the_installation(dockerfile):
    for stage in filter(is_system, stages_of(ROOT / dockerfile)):
        ((word, command),) = stage.steps
        assert word == "RUN"
        assert "--no-install-recommends" in command
        assert command.endswith("apt-get clean && rm -rf /var/lib/apt/lists/*")


@every_file
def test_dependencies_are_the_locked_ones_compiled_and_without_those_of_development(dockerfile):
    text = (ROOT / dockerfile).read_text()
    syncs = re.findall(r"uv (?:sync|export) [^\n&\\]*", text)

    assert syncs
    assert all("--locked" in sync and "--no-dev" in sync for sync in syncs)
    exported = re.findall(r"uv pip install (.*)--requirements", text)
    assert all("--require-hashes --no-deps" in options for options in exported)
    assert "UV_COMPILE_BYTECODE=1" in text
    assert re.findall(r"uv==([\d.]+)", text) == re.findall(r"UV_VERSION := ([\d.]+)", (ROOT / "Makefile").read_text())


@every_file
def test_every_member_of_the_workspace_is_known_to_the_build(dockerfile):
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    text = (ROOT / dockerfile).read_text()

    assert [member for member in members if f"COPY {member}/pyproject.toml {member}/" not in text] == []


@every_file
def test_what_is_copied_is_let_through_to_the_builder(dockerfile):
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source
        for stage in stages_of(ROOT / dockerfile)
        for value in stage.all("COPY")
        if not value.startswith("--from")
        for source in value.split()[:-1]
    ]

    assert [source for source in copied if not any(Path(source).match(pattern) for pattern in allowed)] == []
