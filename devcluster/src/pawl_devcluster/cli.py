"""The command line: `python -m pawl_devcluster up|down|status|load-image|kubectl|helm|env|images|build`."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pawl_devcluster import cluster, gobuild, own_images
from pawl_devcluster.addons import gateway
from pawl_devcluster.addons.registry import ADDONS
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.report import to_stderr
from pawl_devcluster.settings import Size, from_environment
from pawl_devcluster.tools import Tools, make_tools

_GATEWAY_CRDS = "gateway-crds"
# In the order in which a whole test run needs them.
_BUILD_ORDER = (
    "kubectl",
    "helm",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    _GATEWAY_CRDS,
    "kubelet",
    "kube-proxy",
    "pause",
    "coredns",
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
    down.add_argument("--all", action="store_true", help="remove all clusters of this checkout")
    down.add_argument("--cache", action="store_true", help="remove images and cached builds too")
    down.set_defaults(command=_down)
    verbs.add_parser("status", help="what runs").set_defaults(command=_status)
    verbs.add_parser("env", help="for a shell: variables, and a PATH with kubectl, helm, pawl").set_defaults(
        command=_env
    )
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
    found = cluster.connect()
    for name, value in found.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    # `pawl`, which kubectl finds as `kubectl pawl`, lies beside this Python.
    folders = f"{found.tools.on_path()}:{Path(sys.executable).parent}"
    print(f'export PATH={shlex.quote(folders)}:"$PATH"')


def _images(arguments: argparse.Namespace) -> None:
    from pawl_devcluster.images import build

    build(arguments.names, to_stderr)


def _build(arguments: argparse.Namespace) -> None:
    tools = make_tools(from_environment(), to_stderr)
    for name in arguments.names or [*_BUILD_ORDER, "gateway", "prometheus"]:
        _build_one(tools, name)
    if not arguments.names:
        for image in (own_images.PAUSE, own_images.COREDNS):
            tools.images.archive(image)


def _build_one(tools: Tools, name: str) -> None:
    if name in ADDONS:
        ADDONS[name].prepare(tools)
    elif name == _GATEWAY_CRDS:
        gateway.define(tools)
    elif name in gobuild.PROGRAMS or name in ("helm", "envoy"):
        tools.program(name)
    else:
        raise DevclusterError(
            f"There is nothing to build by the name {name!r}: "
            f"name a program, {_GATEWAY_CRDS} or an add-on ({', '.join(ADDONS)})."
        )
