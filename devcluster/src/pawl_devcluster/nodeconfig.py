"""The configuration files of a node's services; pure text and data."""

from typing import Any

from pawl_devcluster.addresses import NodeAddress
from pawl_devcluster.layout import Layout
from pawl_devcluster.own_images import PAUSE

Json = dict[str, Any]


def containerd(layout: Layout, node: NodeAddress, snapshotter: str) -> str:
    """Return containerd's configuration: own folders, own pause image, no rise of the out-of-memory score."""
    folder = layout.node(node)
    return f"""version = 2
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/net.d"
"""


def cni(layout: Layout, node: NodeAddress) -> Json:
    """Return the pod network: a bridge in the node, addresses of the node's own range, nothing masqueraded."""
    addresses = {
        "type": "host-local",
        "dataDir": f"{layout.node(node)}/cni/networks",
        "ranges": [[{"subnet": node.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses,
    }
    return {
        "cniVersion": "1.0.0",
        "name": "pawl",
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def kubelet(layout: Layout, node: NodeAddress) -> Json:
    """Return the kubelet's configuration."""
    pki = layout.pki
    config: Json = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/{node.name}.crt",
        "tlsPrivateKeyFile": f"{pki}/{node.name}.key",
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": ["pods"],
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "podCIDR": node.pods,
        "clusterDNS": [layout.plan.dns_ip],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{layout.node(node)}/resolv.conf",
        "volumePluginDir": f"{layout.node(node)}/flexvolume",
        # Images can't be pulled again, so none may be thrown away; nor may pods go because builds fill the disk.
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "24h",
        "evictionHard": {"memory.available": "100Mi"},
        "localStorageCapacityIsolation": False,
        "maxPods": 200,
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
        "registryPullQPS": 0,
        "eventRecordQPS": 0,
    }
    if node.gpu:
        config["registerWithTaints"] = [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
    return config


def kube_proxy(layout: Layout, node: NodeAddress) -> Json:
    """Return kube-proxy's configuration; connection tracking can only be set in the machine's own namespace."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(layout.kubeconfig("proxy"))},
        "clusterCIDR": layout.plan.pods,
        "hostnameOverride": node.name,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
