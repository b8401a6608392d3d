"""How a service reaches the API server, and which namespaces it looks at."""

from dataclasses import dataclass
from pathlib import Path

from pawl_services.web.settings import Environment

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class ApiServerSettings:
    """How to reach the API server. The files are read again at every use: tokens are renewed."""

    url: str
    token_file: Path
    ca_file: Path | None
    """None: plain http, or the system's certificate authorities."""


def api_server(env: Environment) -> ApiServerSettings:
    """PAWL_API_SERVER, PAWL_API_TOKEN_FILE and PAWL_API_CA_FILE; by default what a pod is given."""
    host, port = (
        env.text("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc"),
        env.text("KUBERNETES_SERVICE_PORT", "443"),
    )
    bracketed = f"[{host}]" if ":" in host else host
    url = env.url("PAWL_API_SERVER", f"https://{bracketed}:{port}")
    ca_file = env.file("PAWL_API_CA_FILE", f"{SERVICE_ACCOUNT}/ca.crt") if url.startswith("https:") else None
    return ApiServerSettings(url, env.file("PAWL_API_TOKEN_FILE", f"{SERVICE_ACCOUNT}/token"), ca_file)


def watched_namespaces(env: Environment) -> tuple[str, ...]:
    """PAWL_NAMESPACES, comma separated; empty: the whole cluster."""
    return tuple(name.strip() for name in env.text("PAWL_NAMESPACES", "").split(",") if name.strip())
