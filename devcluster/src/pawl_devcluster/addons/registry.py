"""All add-ons by name."""

from collections.abc import Iterable

from pawl_devcluster.addons import gateway, kuberay, kwok, mlflow, monitoring, prometheus
from pawl_devcluster.addons.base import Addon
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.settings import Size

ADDONS: dict[str, Addon] = {
    module.ADDON.name: module.ADDON for module in (gateway, prometheus, monitoring, kwok, kuberay, mlflow)
}


def chosen(names: Iterable[str], size: Size) -> list[Addon]:
    """Return the add-ons of these names; raises DevclusterError for an unknown one or one that the size can't hold."""
    found = []
    for name in dict.fromkeys(names):
        addon = ADDONS.get(name)
        if addon is None:
            raise DevclusterError(f"There is no add-on {name!r}; there are: {', '.join(ADDONS)}.")
        if addon.needs_node and size is Size.API:
            raise DevclusterError(f"Add-on {name} runs pods, and a cluster of size api has no node: use --size node.")
        found.append(addon)
    return found
