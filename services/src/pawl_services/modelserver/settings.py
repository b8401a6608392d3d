"""What a model server is told by its environment."""

import re
from dataclasses import dataclass
from pathlib import Path

from pawl_services.web.settings import Environment, ServerSettings, server_settings

NO_ARTIFACT = "none"
MODELS = "models:/"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ENTRYPOINT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class CollectorSettings:
    """Where answers to mirrored requests are reported; the token is read from its file at every send."""

    url: str
    token_file: Path | None


@dataclass(frozen=True)
class RegistrySettings:
    """MLflow's address, and the bounds of one download in bytes and seconds.

    `cache` is a writable folder of this server's own that outlives it; None: a temporary one.
    """

    tracking_uri: str
    cache: Path | None
    max_bytes: int
    seconds: float


@dataclass(frozen=True)
class Limits:
    """Bounds of a server: threads that predict, requests that may wait for one, bytes of a request, seconds.

    `stuck_seconds` is the age of a running prediction from which the process calls itself not alive. `active_requests`
    and `active_bytes` bound the requests at work, read or waiting or predicted, and the bytes of all their bodies.
    """

    concurrency: int
    queue: int
    body_bytes: int
    answer_seconds: float
    stuck_seconds: float
    active_requests: int
    active_bytes: int


@dataclass(frozen=True)
class ModelServerSettings:
    """One model: its names, where its artifact lies, and what runs it. `source` "none" means no artifact.

    `registry` is there for a source `models:/...` only.
    """

    server: ServerSettings
    component: str
    revision: str
    model_name: str
    source: str
    digest: str
    runtime: str
    entrypoint: str
    threads: int
    limits: Limits
    collector: CollectorSettings | None
    registry: RegistrySettings | None


def model_server_settings(env: Environment) -> ModelServerSettings:
    """Read the settings of a model server from PAWL_* variables."""
    component = env.text("PAWL_COMPONENT")
    runtime = env.choice("PAWL_RUNTIME", "onnx", ("onnx", "python"))
    source = env.text("PAWL_MODEL_SOURCE", NO_ARTIFACT)
    return ModelServerSettings(
        server=server_settings(env),
        component=component,
        revision=env.text("PAWL_REVISION"),
        model_name=env.text("PAWL_MODEL_NAME", component or "model"),
        source=source,
        digest=_digest(env, source, runtime),
        runtime=runtime,
        entrypoint=_entrypoint(env) if runtime == "python" else "",
        threads=env.integer("PAWL_THREADS", 1, 1, 256),
        limits=_limits(env),
        collector=_collector(env),
        registry=_registry(env) if source.startswith(MODELS) else None,
    )


def _digest(env: Environment, source: str, runtime: str) -> str:
    if source == NO_ARTIFACT:
        if runtime == "onnx":
            env.problem("PAWL_MODEL_SOURCE", source, "is no artifact", "name one for the onnx runtime: file:///path")
        return ""
    digest = env.text("PAWL_MODEL_DIGEST")
    if digest and not _DIGEST.fullmatch(digest):
        env.problem("PAWL_MODEL_DIGEST", digest, "is not a digest", "use sha256: and 64 hex digits")
    return digest


def _entrypoint(env: Environment) -> str:
    entrypoint = env.text("PAWL_ENTRYPOINT")
    if entrypoint and not _ENTRYPOINT.fullmatch(entrypoint):
        env.problem("PAWL_ENTRYPOINT", entrypoint, "is not an entry point", "use module:attribute")
    return entrypoint


def _limits(env: Environment) -> Limits:
    concurrency = env.integer("PAWL_CONCURRENCY", 8, 1, 256)
    queue = env.integer("PAWL_QUEUE", 64, 0, 100_000)
    body_bytes = env.integer("PAWL_MAX_BODY_BYTES", 16 * _MIB, 1024, 1024 * _MIB)
    return Limits(
        concurrency=concurrency,
        queue=queue,
        body_bytes=body_bytes,
        answer_seconds=env.seconds("PAWL_ANSWER_SECONDS", 30.0, 0.05, 3600.0),
        stuck_seconds=env.seconds("PAWL_STUCK_SECONDS", 120.0, 0.1, 86_400.0),
        # By default the queue is never cut short, and each thread may have a body of the largest size.
        active_requests=env.integer("PAWL_MAX_ACTIVE_REQUESTS", max(256, concurrency + queue), 1, 200_000),
        active_bytes=env.integer("PAWL_MAX_ACTIVE_BYTES", concurrency * body_bytes, body_bytes, 2**40),
    )


def _collector(env: Environment) -> CollectorSettings | None:
    url = env.url("PAWL_COLLECTOR_URL", "")
    return CollectorSettings(url, env.optional_file("PAWL_COLLECTOR_TOKEN_FILE")) if url else None


def _registry(env: Environment) -> RegistrySettings:
    uri, cache = env.url("MLFLOW_TRACKING_URI", ""), env.text("PAWL_MODEL_CACHE", "")
    if not uri:
        remedy = "set mlflow.trackingUri of Pawl's chart, or this variable in the Rollout's serve.env"
        env.problem("MLFLOW_TRACKING_URI", "", f"is needed for a source {MODELS}...", remedy)
    if cache and not Path(cache).is_dir():
        env.problem("PAWL_MODEL_CACHE", cache, "is not a folder", "mount a writable volume there")
    return RegistrySettings(
        tracking_uri=uri,
        cache=Path(cache) if cache else None,
        max_bytes=env.integer("PAWL_MAX_MODEL_BYTES", 4 * 1024 * _MIB, 1024, 2**44),
        seconds=env.seconds("PAWL_DOWNLOAD_SECONDS", 600.0, 1.0, 86_400.0),
    )
