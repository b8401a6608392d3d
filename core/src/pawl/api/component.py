"""Component: what a model does in the product, and how its answers are scored."""

from typing import Annotated, Literal

from pydantic import Field

from pawl.api.analysis import MinUsers
from pawl.api.meta import (
    ApiModel,
    Conditions,
    Count,
    Direction,
    FreeForm,
    Function,
    Margin,
    Name,
    ObjectMeta,
    Text,
)
from pawl.api.resource import NAME_RULE
from pawl.api.rules import ListMap, Shape

_SCORE = r"^(span-f1|exact|squared-error|judged|python:[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*)$"
Score = Annotated[
    str, Shape(_SCORE, "write span-f1, exact, squared-error, judged or python:module:function", longest=256)
]
Sha256 = Annotated[str, Shape(r"^[0-9a-f]{64}$", "write the 64 hex digits of the file's sha256", longest=64)]
RegistryName = Annotated[
    str,
    Shape(
        r"^[A-Za-z0-9][-A-Za-z0-9_. ]*$",
        "write a name of letters, digits, spaces, '-', '_' and '.'",
        longest=256,
    ),
]


class ComponentMetric(ApiModel):
    """A metric of the component, with what everything that names it inherits."""

    name: Name
    """name of the metric: accuracy (the score), latency or satisfaction."""
    direction: Direction = "Higher"
    """direction says which way is better."""
    margin: Margin
    """margin is the loss that still counts as harmless."""
    min_users: MinUsers | None = None
    """minUsers is how many users each arm needs before the metric is judged; absent: 30."""


DEFAULT_METRICS = (
    ComponentMetric(name="accuracy", margin=Margin(absolute="0.05")),
    ComponentMetric(name="latency", direction="Lower", margin=Margin(relative="30%")),
    ComponentMetric(name="satisfaction", margin=Margin(absolute="0.10")),
)


class LabelRule(ApiModel):
    """How one kind of feedback becomes truth."""

    kind: Literal["correction", "confirmation", "thumbs"]
    """kind of feedback, as the collector names it."""
    truth: Literal["Given", "Shown", "None"]
    """truth is Given (what the feedback says), Shown (the answer that was shown was right), or None (no label)."""


DEFAULT_LABELS = (LabelRule(kind="correction", truth="Given"), LabelRule(kind="confirmation", truth="Shown"))


class GoldenSet(ApiModel):
    """A frozen set of examples that no training sees."""

    uri: Annotated[str, Shape(r"^[!-~]+$", "write a URI without spaces", longest=512)]
    """uri of the file."""
    sha256: Sha256
    """sha256 of the file, 64 hex digits."""


class ComponentSpec(ApiModel):
    """What is learned; everything that names the component inherits from here."""

    input: FreeForm | None = None
    """input is the JSON Schema of a request; absent: anything. Large or binary: {uri, sha256, mediaType}."""
    output: FreeForm | None = None
    """output is the JSON Schema of an answer; absent: anything."""
    truth: FreeForm | None = None
    """truth is the JSON Schema of a label; absent: the same as output."""
    score: Score = "exact"
    """score compares an answer with the truth: span-f1, exact, squared-error, judged, or python:module:function; each
    gives a numerator and a denominator per interaction."""
    confidence: (
        Annotated[
            str, Shape(r"^(/[!-.0-~]*)*$", "write a JSON pointer such as /facts/0/confidence", longest=256, shortest=0)
        ]
        | None
    ) = None
    """confidence is a JSON pointer to the confidence in an answer, such as /facts/0/confidence."""
    labels: Annotated[tuple[LabelRule, ...], Field(max_length=8), ListMap("kind")] = DEFAULT_LABELS
    """labels say which feedback becomes truth, and how."""
    features: Function | None = None
    """features is a function module:function that makes features of an interaction, for trust scores and policies."""
    metrics: Annotated[tuple[ComponentMetric, ...], Field(min_length=1, max_length=8), ListMap("name")] = (
        DEFAULT_METRICS
    )
    """metrics by which revisions are compared."""
    model: RegistryName | None = None
    """model is the name in the model registry; absent: a prompt or a bought model."""
    golden_sets: Annotated[tuple[GoldenSet, ...], Field(max_length=16), ListMap("uri")] = ()
    """goldenSets are frozen examples on which every new version is scored."""


class ComponentStatus(ApiModel):
    """What is so."""

    conditions: Conditions = ()
    """conditions: Accepted."""
    observed_generation: Count | None = None
    """observedGeneration is the generation this status speaks of."""
    phase: Literal["Pending", "Ready", "Invalid"] | None = None
    """phase in one word, for people."""
    message: Text = ""
    """message is the present state in one sentence."""


class Component(ApiModel):
    """Component says what a model does in the product, and how its answers are scored."""

    api_version: Literal["pawl.dev/v1alpha1"] = "pawl.dev/v1alpha1"
    kind: Literal["Component"] = "Component"
    metadata: ObjectMeta
    spec: ComponentSpec
    """spec is what is wanted."""
    status: ComponentStatus = Field(default_factory=ComponentStatus)
    """status is what is so."""

    rules = (NAME_RULE,)
