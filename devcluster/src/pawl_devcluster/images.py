"""Builds Pawl's images from the rooms' Dockerfiles, each only when something that goes into it has changed."""

import os
from collections.abc import Sequence
from pathlib import Path

from pawl_devcluster import base_image, cache_mounts
from pawl_devcluster.base_image import Base
from pawl_devcluster.cache import Cache, check_space
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.image_engines import Build, Buildah, ImageEngine, find_engine, host_certificates
from pawl_devcluster.image_table import (
    ADDON_RECIPES,
    INPUTS_LABEL,
    RECIPES,
    commit_of,
    full_name,
    inputs_digest,
    recipe_of,
    workspace,
)
from pawl_devcluster.report import Report, Stopwatch, to_stderr
from pawl_devcluster.settings import from_environment

MEGABYTE = 10**6


def build(names: Sequence[str] = (), report: Report = to_stderr) -> list[str]:
    """Build the named images (when empty all but those made on request) and return their full names.

    Raises DevclusterError. A name is `collector`, `fact-extractor:twin` or the full one. An image whose inputs have not
    changed is left alone.
    """
    usual = [name for name, recipe in RECIPES.items() if not recipe.on_request]
    chosen = [full_name(name) for name in names] or usual
    builder = ImageBuilder(find_engine(), workspace(), Cache(from_environment().cache, report), report)
    for name in chosen:
        builder.ensure(name)
    return chosen


def build_for_addon(name: str, cache: Cache, report: Report) -> None:
    """Build an add-on's image, given by its full name, unless it is up to date; raises DevclusterError."""
    ImageBuilder(find_engine(), workspace(), cache, report).ensure(name)


def export(name: str, report: Report = to_stderr) -> Path:
    """Return an archive of a built image that containerd imports; written once for each build of it."""
    found = full_name(name)
    engine = find_engine()
    identity = engine.identity(found)
    if not identity:
        raise DevclusterError(f"Image {found} is not built: run `python -m pawl_devcluster images {name}` first.")
    cache = Cache(from_environment().cache, report)
    short = found.rsplit("/", 1)[-1].replace(":", "-")
    target = cache.image(f"pawl-{short}-{identity.removeprefix('sha256:')[:12]}")
    made = cache.ensure(target, f"archive of {found}", lambda out: engine.export(found, out))
    for old in target.parent.glob(f"pawl-{short}-{'?' * 12}.tar"):
        if old != target:
            old.unlink()
    return made


def remove(report: Report = to_stderr) -> None:
    """Remove every image and archive made here, with the stand-ins for official images and what builds left."""
    engine = find_engine()
    for name in (*RECIPES, *ADDON_RECIPES, *(base.stand_in for base in base_image.BASES)):
        if engine.identity(name):
            engine.remove(name)
            report(f"{name}: removed")
    engine.sweep()
    cache_mounts.remove(report)
    for archive in (from_environment().cache / "images").glob("pawl-*.tar"):
        archive.unlink()


class ImageBuilder:
    """One engine at work on one workspace."""

    def __init__(self, engine: ImageEngine, root: Path, cache: Cache, report: Report) -> None:
        self._engine = engine
        self._root = root
        self._cache = cache
        self._report = report
        self._bases: dict[Base, str] = {}

    def ensure(self, name: str) -> None:
        """Build the image unless the one in the store was built from the same inputs."""
        if self._is_current(name):
            self._report(f"{name}: up to date ({self._size(name)})")
            return
        check_space(self._cache.root, recipe_of(name).need, f"Building {name}")
        with self._cache.locked("image-build"):
            if self._is_current(name):  # another process built it while this one waited
                return
            watch = Stopwatch()
            self._report(f"{name}: building with {self._engine.name}")
            self._replace(name)
        self._report(f"{name}: built in {watch.seconds():.0f} s ({self._size(name)})")

    def _is_current(self, name: str) -> bool:
        return self._engine.label(name, INPUTS_LABEL) == self._inputs(name)

    def _inputs(self, name: str) -> str:
        recipe = recipe_of(name)
        bases = [self._base_image(base) for base in recipe.bases]
        return inputs_digest(recipe, self._root, " ".join(f"{base} {self._engine.identity(base)}" for base in bases))

    def _replace(self, name: str) -> None:
        before = self._engine.identity(name)
        labels = {**recipe_of(name).labels, INPUTS_LABEL: self._inputs(name)}
        self._engine.build(self._build(name, labels), self._step)
        if before and before != self._engine.identity(name):
            self._engine.remove(before)  # else each build leaves its predecessor behind

    def _build(self, name: str, labels: dict[str, str]) -> Build:
        recipe = recipe_of(name)
        bases = {base: self._base_image(base) for base in recipe.bases}
        arguments = {base.argument: found for base, found in bases.items() if found != base.official}
        arguments |= {"COMMIT": commit_of(self._root)} if recipe.commit else {}
        certificates = host_certificates(os.environ)
        secrets = {"ca": certificates} if certificates else {}
        return Build(self._root, recipe.dockerfile, recipe.target, name, labels, arguments, secrets, recipe.context)

    def _base_image(self, base: Base) -> str:
        if base not in self._bases:
            needs_store = isinstance(self._engine, Buildah)
            found = base_image.ensure_base(base, self._cache, self._report) if needs_store else base.official
            self._bases[base] = found
        return self._bases[base]

    def _step(self, line: str) -> None:
        self._report(f"  {line}")

    def _size(self, name: str) -> str:
        return f"{self._engine.size(name) / MEGABYTE:.0f} MB"
