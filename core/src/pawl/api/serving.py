"""How a revision is served: the pod template of a Rollout, and what one revision may change in it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from pawl.api.meta import (
    ApiModel,
    Argument,
    Count,
    Digest,
    Duration,
    FreeForm,
    Image,
    Name,
    ObjectName,
    Quantity,
    SecretKeyRef,
    Source,
)
from pawl.api.rules import Cel, ListMap, Shape, Whole, at_most_one_of, exactly_one_of

Replicas = Annotated[int, Whole(1, 1000)]
RuledReplicas = Annotated[int, Whole(1, 1000, ruled=True)]
Port = Annotated[int, Whole(1, 65535)]


class EnvSource(ApiModel):
    """Where the value of an environment variable is read from."""

    secret_key_ref: SecretKeyRef | None = None
    """secretKeyRef names one key of a Secret."""
    config_map_key_ref: SecretKeyRef | None = None
    """configMapKeyRef names one key of a ConfigMap."""

    rules = (exactly_one_of("secretKeyRef", "configMapKeyRef", "name one key of one object"),)


class EnvVar(ApiModel):
    """One environment variable of the model server."""

    name: Annotated[
        str,
        Shape(
            r"^[A-Za-z_][A-Za-z0-9_]*$",
            "write letters, digits and '_', not starting with a digit",
            longest=128,
        ),
    ]
    """name of the variable."""
    value: Annotated[str, StringConstraints(max_length=8192)] | None = None
    """value is the literal value; empty when neither value nor valueFrom is set."""
    value_from: EnvSource | None = None
    """valueFrom reads the value from a Secret or a ConfigMap."""

    rules = (at_most_one_of("value", "valueFrom", "remove one"),)


class Resources(ApiModel):
    """Requests and limits of the model container, as in a pod."""

    requests: Annotated[dict[str, Quantity], Field(max_length=16)] = Field(default_factory=dict)
    """requests are what the scheduler reserves, for example cpu: 500m."""
    limits: Annotated[dict[str, Quantity], Field(max_length=16)] = Field(default_factory=dict)
    """limits are what the container may use at most."""


class Autoscaling(ApiModel):
    """A HorizontalPodAutoscaler for every revision."""

    min_replicas: RuledReplicas = 1
    """minReplicas is the smallest number of pods."""
    max_replicas: RuledReplicas
    """maxReplicas is the largest number of pods."""
    target_cpu_utilization_percentage: Annotated[int, Whole(1, 1000)] = Field(
        default=70, alias="targetCPUUtilizationPercentage"
    )
    """targetCPUUtilizationPercentage is the mean load to aim for, in percent of the requested CPU."""

    rules = (
        Cel(
            "self.minReplicas <= self.maxReplicas",
            "maxReplicas must not be smaller than minReplicas: raise maxReplicas or lower minReplicas",
            lambda value: value.min_replicas <= value.max_replicas,
            field="maxReplicas",
        ),
    )


class Toleration(ApiModel):
    """A taint that the pods may live with."""

    key: Annotated[str, StringConstraints(max_length=317)] | None = None
    """key of the taint; absent with operator Exists means every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """operator is Equal (the default) or Exists."""
    value: Annotated[str, StringConstraints(max_length=63)] | None = None
    """value of the taint, for Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """effect of the taint; absent means all."""
    toleration_seconds: Count | None = None
    """tolerationSeconds is how long to stay after NoExecute."""


class LocalObject(ApiModel):
    """An object in the same namespace."""

    name: ObjectName
    """name of the object."""


Env = Annotated[tuple[EnvVar, ...], Field(max_length=128), ListMap("name")]
Command = Annotated[tuple[Argument, ...], Field(max_length=64)]
NodeSelector = Annotated[dict[str, Annotated[str, StringConstraints(max_length=63)]], Field(max_length=32)]


class ServeOverride(ApiModel):
    """What one revision changes in the Rollout's serve; absent fields keep the Rollout's value."""

    image: Image | None = None
    """image replaces the container image."""
    command: Command | None = None
    """command replaces the entry point."""
    args: Command | None = None
    """args replaces the arguments."""
    env: Env | None = None
    """env is merged by name: new names are added, known names replaced."""
    resources: Resources | None = None
    """resources replaces requests and limits."""
    overlay: FreeForm | None = None
    """overlay is merged into the Rollout's overlay, key by key; lists are replaced."""


class ServeSpec(ApiModel):
    """The pods that serve one revision; Pawl makes a Deployment and a Service from it."""

    image: Image
    """image of the model server."""
    command: Command = ()
    """command replaces the image's entry point."""
    args: Command = ()
    """args are given to the command."""
    env: Env = ()
    """env is added to what Pawl sets (PAWL_COMPONENT, PAWL_REVISION, PAWL_MODEL_SOURCE, …)."""
    port: Port = 8080
    """port on which the server answers HTTP."""
    replicas: Replicas | None = None
    """replicas is the number of pods of a revision; 1 when neither replicas nor autoscaling is set."""
    autoscaling: Autoscaling | None = None
    """autoscaling lets the number of pods follow the load, in place of replicas."""
    probe: Literal["oip", "http", "grpc", "none"] = "oip"
    """probe is how readiness is asked: oip (GET /v2/health/ready), http (GET probePath), grpc, or none."""
    probe_path: Annotated[str, Shape(r"^/[!-~]*$", "write a path that starts with /", longest=256)] | None = None
    """probePath is the path of probe http."""
    drain: Duration = "5s"
    """drain is how long a pod that was told to stop goes on answering, so that no request is lost."""
    resources: Resources = Resources()
    """resources of the model container."""
    image_pull_secrets: Annotated[tuple[LocalObject, ...], Field(max_length=8), ListMap("name")] = ()
    """imagePullSecrets name Secrets for the image's registry."""
    service_account_name: ObjectName | None = None
    """serviceAccountName is the identity of the pods."""
    node_selector: NodeSelector = Field(default_factory=dict)
    """nodeSelector chooses nodes by label."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] = ()
    """tolerations let pods onto tainted nodes, for example GPU nodes."""
    overlay: FreeForm = Field(default_factory=dict)
    """overlay is a strategic merge patch on the pod template, for whatever the fields above do not offer."""

    rules = (
        at_most_one_of("replicas", "autoscaling", "remove one, or they would fight over the size"),
        Cel(
            "(self.probe == 'http') == has(self.probePath)",
            "probePath belongs to probe http, and to no other: set both or neither",
            lambda value: (value.probe == "http") == (value.probe_path is not None),
            field="probePath",
        ),
    )

    @property
    def wanted_replicas(self) -> int:
        """Pods to start with: `replicas`, else the autoscaler's minimum, else 1."""
        if self.autoscaling is not None:
            return self.autoscaling.min_replicas
        return self.replicas or 1


class ModelVersion(ApiModel):
    """An artifact, and how its serving differs from the Rollout's."""

    source: Source
    """source is where the artifact lies: models:/name/7, s3://…, oci://…, pvc://claim/path; none for a prompt or a
    configuration that is all in serve."""
    digest: Digest = ""
    """digest of the artifact, sha256:<64 hex>; empty exactly when source is none."""
    serve: ServeOverride | None = None
    """serve changes fields of the Rollout's serve for this revision."""

    rules = (
        Cel(
            "(self.source == 'none') == (!has(self.digest) || self.digest == '')",
            "every source but none needs the digest of its artifact: write sha256:<64 hex>",
            lambda value: (value.source == "none") == (value.digest == ""),
            field="digest",
        ),
    )


class ServicePair(ApiModel):
    """Services that somebody else runs."""

    stable: Name
    """stable is the Service of the stable arm."""
    candidate: Name
    """candidate is the Service of the candidate arm."""

    rules = (
        Cel(
            "self.stable != self.candidate",
            "stable and candidate must be two Services: make a second one, else the arms could not be told apart",
            lambda value: value.stable != value.candidate,
            field="candidate",
        ),
    )
