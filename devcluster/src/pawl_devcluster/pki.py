"""Certificates of a cluster built here: two authorities, one certificate per component; keys stay on the machine."""

import base64
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from pawl_devcluster import shell
from pawl_devcluster.addresses import AddressPlan, NodeAddress

_DAYS = "3650"
_CURVE = "ec_paramgen_curve:P-256"
_REQUEST = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", _CURVE, "-nodes", "-days", _DAYS]
_API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
)

USERS = {  # kubeconfig name -> who the API server sees
    "admin": "/O=system:masters/CN=admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "proxy": "/CN=system:kube-proxy",
}


def make_pki(folder: Path, plan: AddressPlan, nodes: Iterable[NodeAddress]) -> None:
    """Make all keys and certificates in `folder`; it appears only when it is complete."""
    if folder.exists():
        return
    work = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, mode=0o700)
    _authority(work, "ca")
    _authority(work, "front-ca")
    addresses = ["127.0.0.1", plan.api_service_ip, plan.node(0).ip]
    _certificate(work, "api", "/CN=kube-apiserver", names=_API_NAMES, addresses=addresses)
    _certificate(work, "front", "/CN=front-proxy-client", authority="front-ca")
    for user, subject in USERS.items():
        _certificate(work, user, subject)
    for node in nodes:
        subject = f"/O=system:nodes/CN=system:node:{node.name}"
        _certificate(work, node.name, subject, names=[node.name], addresses=[node.ip, "127.0.0.1"])
    shell.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", _CURVE, "-out", work / "sa.key"])
    shell.run(["openssl", "pkey", "-in", work / "sa.key", "-pubout", "-out", work / "sa.pub"])
    work.rename(folder)


def write_kubeconfig(target: Path, pki: Path, user: str, server: str, cluster: str) -> None:
    """Write a kubeconfig that holds its certificates, readable by its owner only."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [
            {"name": cluster, "cluster": {"server": server, "certificate-authority-data": _encoded(pki / "ca.crt")}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(pki / f"{user}.crt"),
                    "client-key-data": _encoded(pki / f"{user}.key"),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
    }
    target.touch(mode=0o600)
    target.write_text(json.dumps(config, indent=1))


def _authority(folder: Path, name: str) -> None:
    usage = "keyUsage=critical,keyCertSign,digitalSignature,cRLSign"
    shell.run([*_REQUEST, "-subj", f"/CN=pawl-devcluster-{name}", "-addext", usage, *_outputs(folder, name)])


def _certificate(
    folder: Path,
    name: str,
    subject: str,
    *,
    names: Iterable[str] = (),
    addresses: Iterable[str] = (),
    authority: str = "ca",
) -> None:
    alternatives = ",".join([*(f"DNS:{n}" for n in names), *(f"IP:{a}" for a in addresses)])
    extensions = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature,keyEncipherment"]
    extensions += ["extendedKeyUsage=serverAuth,clientAuth"] + (
        [f"subjectAltName={alternatives}"] if alternatives else []
    )
    signer: list[shell.Argument] = ["-CA", folder / f"{authority}.crt", "-CAkey", folder / f"{authority}.key"]
    added = [word for extension in extensions for word in ("-addext", extension)]
    shell.run([*_REQUEST, *signer, "-subj", subject, *_outputs(folder, name), *added])


def _outputs(folder: Path, name: str) -> list[str]:
    return ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
