"""The command line: `python -m pawl_devcluster up|down|status|load-image|kubectl|helm|env|images|build`."""

import argparse
import os
import shlex
import subprocess
from collections.abc import Callable, Sequence

from pawl_devcluster import cluster, gobuild, own_images
from pawl_devcluster.addons.registry import ADDONS
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.report import to_stderr
from pawl_devcluster.settings import Size, from_environment
from pawl_devcluster.tools import make_tools

# In the order in which a whole test run needs them.
_BUILD_ORDER = (
    "kubectl",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "pause",
    "coredns",
    "helm",
)


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status, and prints one sentence when it can't be done."""
    try:
        if arguments[:1] == ["kubectl"]:  # everything behind it is kubectl's, options included
            return cluster.connect().kubectl.interactive(arguments[1:])
        if arguments[:1] == ["helm"]:
            found = cluster.connect()
            environment = {**os.environ, "KUBECONFIG": str(found.kubeconfig)}
            return subprocess.run([found.helm, *arguments[1:]], env=environment, check=False).returncode
        parsed = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], None] = parsed.command
        command(parsed)
    except DevclusterError as error:
        to_stderr(str(error))
        return 1
    except KeyboardInterrupt:
        to_stderr("interrupted; the same command goes on from here")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pawl_devcluster", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    up = verbs.add_parser("up", help="bring up or complete the cluster")
    up.add_argument("--size", type=Size, choices=list(Size), default=Size.NODE)
    up.add_argument("--addons", default="", help=f"comma-separated: {', '.join(ADDONS)}")
    up.set_defaults(command=_up)
    down = verbs.add_parser("down", help="remove it, with everything that it made")
    down.add_argument("--all", action="store_true", help="remove the clusters of every name")
    down.add_argument("--cache", action="store_true", help="remove images and cached builds too")
    down.set_defaults(command=_down)
    verbs.add_parser("status", help="what runs").set_defaults(command=_status)
    verbs.add_parser("env", help="variables for a shell").set_defaults(command=_env)
    load = verbs.add_parser("load-image", help="put images on the nodes")
    load.add_argument("names", nargs="+", metavar="NAME")
    load.add_argument("--node", action="append", default=[], help="only on this node; may be given again")
    load.set_defaults(command=lambda a: cluster.connect().load_images(a.names, a.node))
    images = verbs.add_parser("images", help="build Pawl's own images")
    images.add_argument("names", nargs="*", metavar="NAME")
    images.set_defaults(command=_images)
    build = verbs.add_parser("build", help="build or download programs and add-ons before they are needed")
    build.add_argument("names", nargs="*", metavar="NAME")
    build.set_defaults(command=_build)
    verbs.add_parser("kubectl", help="kubectl for this cluster", add_help=False)
    verbs.add_parser("helm", help="Helm for this cluster", add_help=False)
    return parser


def _up(arguments: argparse.Namespace) -> None:
    cluster.up(arguments.size, [name for name in arguments.addons.split(",") if name])


def _down(arguments: argparse.Namespace) -> None:
    from pawl_devcluster import cleanup

    cleanup.down_all() if arguments.all else cluster.down()
    if arguments.cache:
        cleanup.remove_cache()


def _status(_: argparse.Namespace) -> None:
    found = cluster.connect()
    print(found.source.status())
    found.kubectl.interactive(["get", "nodes,pods", "--all-namespaces", "--output=wide"])


def _env(_: argparse.Namespace) -> None:
    for name, value in cluster.connect().environment().items():
        print(f"export {name}={shlex.quote(value)}")


def _images(arguments: argparse.Namespace) -> None:
    from pawl_devcluster.images import build

    build(arguments.names, to_stderr)


def _build(arguments: argparse.Namespace) -> None:
    tools = make_tools(from_environment(), to_stderr)
    for name in arguments.names or [*_BUILD_ORDER, "gateway", "prometheus"]:
        if name in ADDONS:
            ADDONS[name].prepare(tools)
        elif name in gobuild.PROGRAMS or name in ("helm", "envoy"):
            tools.program(name)
        else:
            raise DevclusterError(
                f"There is nothing to build by the name {name!r}: name a program or an add-on ({', '.join(ADDONS)})."
            )
    if not arguments.names:
        for image in (own_images.PAUSE, own_images.COREDNS):
            tools.images.archive(image)
