"""Takes away everything that this room has made on a machine: clusters of any name, images, the cache."""

import dataclasses
import shutil

from pawl_devcluster import cluster, host, images
from pawl_devcluster.report import Report, to_stderr
from pawl_devcluster.settings import Settings, from_environment
from pawl_devcluster.state import StateStore


def down_all(settings: Settings | None = None, report: Report = to_stderr) -> None:
    """Remove every cluster of this checkout, and those whose checkout is gone.

    A cluster of another checkout stays, and so does an existing cluster that is the user's own.
    """
    settings = settings or from_environment()
    for one in _clusters(settings):
        owner = StateStore(one).other_owner()
        if owner is None:
            cluster.down(one, report)
        else:
            report(f"cluster {one.name} stays: it belongs to the checkout {owner}")
    host.sweep(settings.state_root)


def remove_cache(settings: Settings | None = None, report: Report = to_stderr) -> None:
    """Remove the images that were built and the cache of programs and downloads; the next start builds them again.

    All checkouts of a user share it, so it stays while a cluster of another one runs.
    """
    settings = settings or from_environment()
    others = [one.name for one in _clusters(settings) if StateStore(one).other_owner() is not None]
    if others:
        report(f"images and cache stay: cluster {', '.join(others)} of another checkout uses them")
    elif settings.cache.is_dir():
        images.remove(report)
        shutil.rmtree(settings.cache)
        report("cache removed")


def _clusters(settings: Settings) -> list[Settings]:
    folders = sorted(settings.state_root.glob("[!.]*/")) if settings.state_root.is_dir() else []
    return [dataclasses.replace(settings, name=folder.name, kubeconfig=None) for folder in folders]
