"""Takes away everything that this room has made on a machine: clusters of any name, images, the cache."""

import dataclasses
import shutil

from pawl_devcluster import cluster, images
from pawl_devcluster.report import Report, to_stderr
from pawl_devcluster.settings import Settings, from_environment


def down_all(settings: Settings | None = None, report: Report = to_stderr) -> None:
    """Remove every cluster of the state folder; an existing cluster that is the user's own is not touched."""
    settings = settings or from_environment()
    folders = sorted(settings.state_root.iterdir()) if settings.state_root.is_dir() else []
    for folder in folders:
        if folder.is_dir():
            cluster.down(dataclasses.replace(settings, name=folder.name, kubeconfig=None), report)


def remove_cache(settings: Settings | None = None, report: Report = to_stderr) -> None:
    """Remove the images that were built and the cache of programs and downloads; the next start builds them again."""
    settings = settings or from_environment()
    if settings.cache.is_dir():
        images.remove(report)
        shutil.rmtree(settings.cache)
        report("cache removed")
