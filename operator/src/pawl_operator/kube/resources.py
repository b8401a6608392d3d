"""The API resources that the operator touches, and how their addresses are built."""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Resource:
    """One namespaced resource of the API server."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """Return `group/version`, or just the version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """Return the address of the collection or of one object; no namespace means all of them."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if namespace is not None:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        if name is not None:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Ref:
    """One object's address; also its key in the store and in the queue."""

    resource: Resource
    namespace: str
    name: str

    def path(self, subresource: str = "") -> str:
        """Return the address of this object."""
        return self.resource.path(self.namespace, self.name, subresource)

    def __str__(self) -> str:
        return f"{self.resource.plural}/{self.namespace}/{self.name}"


ROLLOUTS = Resource("pawl.dev", "v1alpha1", "rollouts", "Rollout")
COMPONENTS = Resource("pawl.dev", "v1alpha1", "components", "Component")
TRAINING_RUNS = Resource("pawl.dev", "v1alpha1", "trainingruns", "TrainingRun")
EXPERIMENTS = Resource("pawl.dev", "v1alpha1", "experiments", "Experiment")
LEARNING_LOOPS = Resource("pawl.dev", "v1alpha1", "learningloops", "LearningLoop")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
PODS = Resource("", "v1", "pods", "Pod")
SERVICES = Resource("", "v1", "services", "Service")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
EVENTS = Resource("", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
TRAFFIC_POLICIES = Resource("gateway.envoyproxy.io", "v1alpha1", "backendtrafficpolicies", "BackendTrafficPolicy")
SECURITY_POLICIES = Resource("gateway.envoyproxy.io", "v1alpha1", "securitypolicies", "SecurityPolicy")
CLIENT_POLICIES = Resource("gateway.envoyproxy.io", "v1alpha1", "clienttrafficpolicies", "ClientTrafficPolicy")
REFERENCE_GRANTS = Resource("gateway.networking.k8s.io", "v1beta1", "referencegrants", "ReferenceGrant")
RAY_JOBS = Resource("ray.io", "v1", "rayjobs", "RayJob")
JOBS = Resource("batch", "v1", "jobs", "Job")

SERVICE_LABEL = "kubernetes.io/service-name"
"""Says of an EndpointSlice which Service it belongs to."""
OWN_KINDS = (ROLLOUTS, COMPONENTS, TRAINING_RUNS, EXPERIMENTS, LEARNING_LOOPS)
OWNED_LABEL = "pawl.dev/rollout"
"""Every Deployment, Pod, claim and policy that Pawl makes carries it; watches select by it on the server."""
TRAINING_LABEL = "pawl.dev/trainingrun"
"""Every RayJob, Job and Pod of a TrainingRun carries it; they are asked for while it runs, and not watched."""
LABELLED = (DEPLOYMENTS, PODS, LEASES, TRAFFIC_POLICIES, SECURITY_POLICIES)
WATCHED = (*OWN_KINDS, DEPLOYMENTS, PODS, LEASES, HTTP_ROUTES, TRAFFIC_POLICIES, SECURITY_POLICIES)
BY_KIND = {
    (resource.group, resource.kind): resource
    for resource in (*WATCHED, AUTOSCALERS, SERVICES, EVENTS, REFERENCE_GRANTS)
}
