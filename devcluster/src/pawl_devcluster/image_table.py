"""The images that have a Dockerfile, Pawl's own and those of add-ons, and what the content of each depends on."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pawl_devcluster import shell, versions
from pawl_devcluster.base_image import DEBIAN, PYTHON, Base
from pawl_devcluster.errors import DevclusterError

PREFIX = "localhost/pawl"
INPUTS_LABEL = "pawl.dev/inputs"
CPU, GPU = "cpu", "gpu"
_GIB = 1024**3
_SHARED = ("pyproject.toml", "uv.lock", ".dockerignore", "*/pyproject.toml")


@dataclass(frozen=True)
class ImageRecipe:
    """One image, made from `room`'s Dockerfile.

    rooms: the folders whose `src` goes in; labels: tell tags of one content apart; context: the folder that the
    builder gets to see; files: patterns of what else decides the content. All are relative to the workspace.
    need: bytes that must be free for a build; on_request: it is built only when it is named; pools: the nodes that
    it is for, CPU and GPU, for a pod without a toleration never gets onto a GPU node; commit: the Dockerfile takes
    the checkout's commit as COMMIT, which decides nothing; bases: the official images that its stages begin from.
    """

    room: str
    rooms: tuple[str, ...]
    target: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    context: str = "."
    files: tuple[str, ...] = _SHARED
    need: int = 3 * _GIB
    on_request: bool = False
    pools: tuple[str, ...] = (CPU,)
    commit: bool = False
    bases: tuple[Base, ...] = (PYTHON,)

    @property
    def dockerfile(self) -> str:
        """The Dockerfile's path in the workspace."""
        return f"{self.room}/Dockerfile"


_SERVICE = ("core", "services")
_EXTRACTOR = ("core", "services", "trainers", "examples")
_TRAINER = ("core", "trainers")
# 7.1 GB, and 2.2 without CUDA: once built, once as the stage that it is copied from, and the packages in uv's cache.
_TORCH_NEED = 24 * _GIB
_TORCH_CPU_NEED = 8 * _GIB

RECIPES: Mapping[str, ImageRecipe] = {
    f"{PREFIX}/operator:dev": ImageRecipe("operator", ("core", "operator")),
    f"{PREFIX}/collector:dev": ImageRecipe("services", _SERVICE, "collector"),
    f"{PREFIX}/monitor:dev": ImageRecipe("services", _SERVICE, "monitor"),
    f"{PREFIX}/assigner:dev": ImageRecipe("services", _SERVICE, "assigner"),
    f"{PREFIX}/modelserver:dev": ImageRecipe("services", _SERVICE, "modelserver"),
    f"{PREFIX}/trainer:dev": ImageRecipe("trainers", _TRAINER, "trainer", pools=(CPU, GPU), commit=True),
    f"{PREFIX}/trainer-torch:dev": ImageRecipe(
        "trainers", _TRAINER, "trainer-torch", need=_TORCH_NEED, on_request=True, pools=(GPU,), commit=True
    ),
    f"{PREFIX}/trainer-torch-cpu:dev": ImageRecipe(
        "trainers",
        _TRAINER,
        "trainer-torch-cpu",
        need=_TORCH_CPU_NEED,
        on_request=True,
        pools=(CPU, GPU),
        commit=True,
        bases=(PYTHON, DEBIAN),
    ),
    f"{PREFIX}/fact-extractor:dev": ImageRecipe("examples", _EXTRACTOR),
    # The demo's harmless candidate: the same model in an image of another digest.
    f"{PREFIX}/fact-extractor:twin": ImageRecipe("examples", _EXTRACTOR, labels={"pawl.dev/variant": "twin"}),
}

MLFLOW = f"localhost/pawl-devcluster/mlflow:{versions.MLFLOW}"
_MLFLOW_ROOM = "devcluster/mlflow"

ADDON_RECIPES: Mapping[str, ImageRecipe] = {
    MLFLOW: ImageRecipe(_MLFLOW_ROOM, (), context=_MLFLOW_ROOM, files=(f"{_MLFLOW_ROOM}/requirements.txt",)),
}


def find_recipe(name: str) -> ImageRecipe | None:
    """Return how the image of this full name is made, or None for one without a Dockerfile here."""
    return {**RECIPES, **ADDON_RECIPES}.get(name)


def recipe_of(name: str) -> ImageRecipe:
    """Return how the image of this full name is made; raises KeyError for one without a Dockerfile."""
    return {**RECIPES, **ADDON_RECIPES}[name]


def full_name(name: str) -> str:
    """Return the full name of an image given as `collector`, `collector:dev` or in full; raises DevclusterError."""
    found = name if name.startswith(f"{PREFIX}/") else f"{PREFIX}/{name}"
    found = found if ":" in found.rsplit("/", 1)[-1] else f"{found}:dev"
    if found not in RECIPES:
        known = ", ".join(known.removeprefix(f"{PREFIX}/") for known in RECIPES)
        raise DevclusterError(f"Image {name!r} is none of Pawl's: use one of {known}.")
    return found


def workspace() -> Path:
    """Return the root of the workspace that this package runs from; raises DevclusterError outside a checkout."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "uv.lock").is_file():
        raise DevclusterError(
            "Images are built from a checkout of Pawl: run this with its .venv/bin/python (`make setup`)."
        )
    return root


def commit_of(root: Path) -> str:
    """Return the checkout's commit, with `-dirty` behind it where files differ from it; "" where git knows none."""
    described = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    if shutil.which("git") is None:
        return ""
    found = shell.attempt(described, timeout=60)
    return found.stdout.strip() if found.returncode == 0 else ""


def inputs_digest(recipe: ImageRecipe, root: Path, base: str) -> str:
    """Return a digest of everything that decides an image's content: its files, its recipe and its bases' ids."""
    digest = hashlib.sha256(repr((recipe.target, sorted(recipe.labels.items()), base)).encode())
    for path in sorted(_inputs(recipe, root)):
        digest.update(f"{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _inputs(recipe: ImageRecipe, root: Path) -> Iterator[Path]:
    yield root / recipe.dockerfile
    for pattern in recipe.files:
        yield from root.glob(pattern)
    for room in recipe.rooms:
        yield from (
            path for path in (root / room / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts
        )
