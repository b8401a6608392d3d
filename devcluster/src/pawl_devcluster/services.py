"""The argument lists of a node's services; pure, so that a test can read them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pawl_devcluster.addresses import NodeAddress
from pawl_devcluster.layout import Layout

ETCD = "http://127.0.0.1:2379"
_ETCD_PEER = "http://127.0.0.1:2380"
_FAST_CLIENT = ("--kube-api-qps=300", "--kube-api-burst=600")  # the defaults make a thousand pods take minutes

Services = dict[str, list[str]]


@dataclass(frozen=True)
class ServicePlan:
    """What is needed to write a node's services: paths, and how to find a program by name."""

    layout: Layout
    program: Callable[[str], Path]

    def control_plane(self) -> Services:
        """Return etcd, the API server, the controller manager and the scheduler."""
        return {
            "etcd": self._etcd(),
            "kube-apiserver": self._api_server(),
            "kube-controller-manager": self._controller_manager(),
            "kube-scheduler": self._scheduler(),
        }

    def worker(self, node: NodeAddress, cgroup: str) -> Services:
        """Return what makes a node able to run pods."""
        return {
            "containerd": ["containerd", "-c", str(self.layout.node(node) / "containerd.toml")],
            "kubelet": self._kubelet(node, cgroup),
            "kube-proxy": [str(self.program("kube-proxy")), f"--config={self.layout.node(node)}/proxy.json"],
        }

    def _etcd(self) -> list[str]:
        flags = {
            "data-dir": f"{self.layout.state}/n1/etcd",
            "listen-client-urls": ETCD,
            "advertise-client-urls": ETCD,
            "listen-peer-urls": _ETCD_PEER,
            "initial-advertise-peer-urls": _ETCD_PEER,
            "initial-cluster": f"default={_ETCD_PEER}",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }
        return [str(self.program("etcd")), *_flags(flags)]

    def _api_server(self) -> list[str]:
        pki, plan = self.layout.pki, self.layout.plan
        flags = {
            "etcd-servers": ETCD,
            "advertise-address": plan.node(0).ip,
            "service-cluster-ip-range": plan.services,
            "tls-cert-file": f"{pki}/api.crt",
            "tls-private-key-file": f"{pki}/api.key",
            "client-ca-file": f"{pki}/ca.crt",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": f"{pki}/sa.pub",
            "service-account-signing-key-file": f"{pki}/sa.key",
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true",
            "kubelet-client-certificate": f"{pki}/admin.crt",
            "kubelet-client-key": f"{pki}/admin.key",
            "kubelet-certificate-authority": f"{pki}/ca.crt",
            "kubelet-preferred-address-types": "InternalIP",
            "requestheader-client-ca-file": f"{pki}/front-ca.crt",
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "proxy-client-cert-file": f"{pki}/front.crt",
            "proxy-client-key-file": f"{pki}/front.key",
            "profiling": "false",
        }
        return [str(self.program("kube-apiserver")), *_flags(flags)]

    def _controller_manager(self) -> list[str]:
        pki = self.layout.pki
        flags = {
            "kubeconfig": str(self.layout.kubeconfig("controller-manager")),
            "service-account-private-key-file": f"{pki}/sa.key",
            "root-ca-file": f"{pki}/ca.crt",
            "use-service-account-credentials": "true",
            "leader-elect": "false",
            "allocate-node-cidrs": "false",
            "cluster-signing-cert-file": f"{pki}/ca.crt",
            "cluster-signing-key-file": f"{pki}/ca.key",
            "flex-volume-plugin-dir": f"{self.layout.state}/n1/flexvolume",
            "pv-recycler-pod-template-filepath-hostpath": f"{self.layout.state}/recycler.yaml",
        }
        return [str(self.program("kube-controller-manager")), *_flags(flags), *_FAST_CLIENT]

    def _scheduler(self) -> list[str]:
        flags = {"kubeconfig": str(self.layout.kubeconfig("scheduler")), "leader-elect": "false"}
        return [str(self.program("kube-scheduler")), *_flags(flags), *_FAST_CLIENT]

    def _kubelet(self, node: NodeAddress, cgroup: str) -> list[str]:
        pool = "nvidia.com/gpu.present=true,pawl.dev/pool=gpu" if node.gpu else "pawl.dev/pool=cpu"
        flags = {
            "kubeconfig": str(self.layout.kubeconfig(node.name)),
            "config": f"{self.layout.node(node)}/kubelet.json",
            "hostname-override": node.name,
            "node-ip": node.ip,
            "node-labels": pool,
            "cgroup-root": cgroup,
        }
        return [str(self.program("kubelet")), *_flags(flags)]


def _flags(flags: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
