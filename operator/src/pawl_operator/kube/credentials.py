"""Where the API server is and how we prove who we are: the pod's service account, else a kubeconfig.

Projected tokens rotate, so they are read again from their file; nothing here is ever logged.
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pawl.errors import InvalidSpec

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """One way in. Files are named where they exist, data is PEM; `token_file` is read at every use."""

    server: str
    ca_file: Path | None = None
    ca_data: str = ""
    certificate: str = ""
    private_key: str = ""
    token: str = ""
    token_file: Path | None = None
    insecure: bool = False

    def read_token(self) -> str:
        """Return the bearer token as of now, or an empty string (blocking: one small local file)."""
        return self.token_file.read_text(encoding="utf-8").strip() if self.token_file else self.token

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the TLS settings; None for a plain http server (blocking: reads and writes local files)."""
        if not self.server.startswith("https:"):
            return None
        context = ssl.create_default_context(
            cafile=str(self.ca_file) if self.ca_file else None, cadata=self.ca_data or None
        )
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            _load_pair(context, self.certificate, self.private_key)
        return context


def find_credentials(env: Mapping[str, str]) -> Credentials:
    """Return the service account's credentials inside a pod, else those of `KUBECONFIG` or ~/.kube/config.

    Raises:
        InvalidSpec: there is neither, or the kubeconfig's current context is incomplete.
    """
    if not env.get("KUBECONFIG") and (SERVICE_ACCOUNT / "token").exists():
        host, port = env.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc"), env.get("KUBERNETES_SERVICE_PORT")
        bracketed = f"[{host}]" if ":" in host else host
        return Credentials(
            server=f"https://{bracketed}:{port or 443}",
            ca_file=SERVICE_ACCOUNT / "ca.crt",
            token_file=SERVICE_ACCOUNT / "token",
        )
    path = Path(env.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if not path.is_file():
        raise InvalidSpec(
            "no way to the API server: not in a pod and no kubeconfig file",
            field="KUBECONFIG",
            value=str(path),
            remedy="set KUBECONFIG to an existing file",
        )
    return from_kubeconfig(path)


def from_kubeconfig(path: Path) -> Credentials:
    """Read the current context of one kubeconfig file."""
    config = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    try:
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"]).get("user") or {}
        server = str(cluster["server"])
    except (KeyError, TypeError) as error:
        raise InvalidSpec(
            f"kubeconfig {path} has no usable current context: {error} is missing", field="KUBECONFIG"
        ) from error
    ca_file = cluster.get("certificate-authority")
    token_file = user.get("tokenFile")
    return Credentials(
        server=server.rstrip("/"),
        ca_file=path.parent / ca_file if ca_file else None,
        ca_data=_decode(cluster.get("certificate-authority-data")),
        certificate=_pem(user, "client-certificate", path.parent),
        private_key=_pem(user, "client-key", path.parent),
        token=str(user.get("token") or ""),
        token_file=path.parent / token_file if token_file else None,
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
    )


def _named(config: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    for item in config.get(section) or []:
        if item.get("name") == name:
            return dict(item)
    raise KeyError(f"{section}[{name}]")


def _pem(user: Mapping[str, Any], field: str, folder: Path) -> str:
    data = _decode(user.get(f"{field}-data"))
    file = user.get(field)
    return data or ((folder / file).read_text(encoding="utf-8") if file else "")


def _decode(data: object) -> str:
    return base64.b64decode(str(data)).decode("utf-8") if data else ""


def _load_pair(context: ssl.SSLContext, certificate: str, private_key: str) -> None:
    # The ssl module takes a client certificate from a file only; this one lives for the length of the call.
    handle, name = tempfile.mkstemp(suffix=".pem")
    try:
        os.write(handle, f"{certificate}\n{private_key}\n".encode())
        os.close(handle)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
