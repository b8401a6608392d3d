"""What the five kinds share: the base model, scalar types with their bounds, metadata, conditions, references."""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from pawl.api.rules import MAX_COUNT, Cel, ListMap, SchemaNote, Shape, Whole, broken, exactly_one_of, whole
from pawl.rates import parse_percent, parse_rate

GROUP = "pawl.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
MAX_QUANTITY = 32

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"

Text = Annotated[str, StringConstraints(max_length=1024)]
ShortText = Annotated[str, StringConstraints(max_length=256)]
Name = Annotated[
    str,
    Shape(rf"^{_LABEL}$", "write lower case letters, digits and '-', such as fact-extraction", longest=63),
]
"""A DNS label: names of Pawl's objects, components, metrics, Services."""
ObjectName = Annotated[
    str,
    Shape(
        rf"^{_LABEL}(\.{_LABEL})*$",
        "write lower case letters, digits, '-' and '.', such as model-route",
        longest=253,
    ),
]
"""A DNS subdomain: names of objects that others make (Secrets, ConfigMaps, HTTPRoutes)."""
Duration = Annotated[
    str,
    Shape(
        r"^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?([0-9]{1,9}ms)?$",
        "write a duration of h, m, s and ms in this order, such as 24h, 1m30s or 500ms",
        longest=32,
    ),
]
"""Whole numbers with h, m, s, ms in this order: `24h`, `1m30s`, `500ms`, `0s`."""
LongDuration = Annotated[
    str,
    Shape(
        r"^([0-9]{1,5}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$",
        "write a duration of d, h, m and s in this order, such as 28d or 36h",
        longest=32,
    ),
]
"""A duration that may also count days: `28d`."""
Rate = Annotated[
    str,
    Shape(r"^[0-9]{1,9}(\.[0-9]{1,6})?$", "write a decimal number in quotes, such as '0.05'", longest=16),
]
"""A decimal number that is not negative: `0.05`."""
Difference = Annotated[
    str,
    Shape(r"^-?[0-9]{1,9}(\.[0-9]{1,6})?$", "write a decimal number in quotes, such as '0.05' or '-0.05'", longest=17),
]
"""A decimal number: `-0.05`."""
Probability = Annotated[
    str,
    Shape(
        r"^0\.([1-4][0-9]{0,5}|0{1,5}[1-9][0-9]{0,5})$",
        "write a number above 0 and below 0.5 in quotes, such as '0.05'",
        longest=16,
    ),
]
"""A probability of error, strictly between 0 and 0.5 (no one-sided bound has more): `0.05`."""
Percent = Annotated[str, Shape(r"^[0-9]{1,4}(\.[0-9]{1,4})?%$", "write a percentage such as 5% or 2.5%", longest=16)]
"""A percentage: `5%`, `2.5%`, `30%`."""
Number = Annotated[
    str, Shape(r"^-?([0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?|inf)$", "write a decimal number", longest=32, shortest=0)
]
"""A measured number in a status, four significant digits: `-0.01204`."""
Digest = Annotated[str, Shape(r"^(sha256:[0-9a-f]{64})?$", "write sha256: and 64 hex digits", longest=71, shortest=0)]
"""`sha256:` and 64 hex digits, or empty where there is no artifact."""
Source = Annotated[
    str,
    Shape(
        r"^(none|models:/[!-.0-~][!-~]*|(s3|oci|pvc)://[!-.0-~][!-~]*)$",
        "write models:/name/7, s3://..., oci://..., pvc://claim/path, or none",
        longest=512,
    ),
]
"""Where an artifact lies: `models:/name/7`, `s3://…`, `oci://…`, `pvc://claim/path`, or `none`."""
Image = Annotated[
    str,
    Shape(
        r"^[!-~]+$",
        "write an image reference without spaces, such as registry.example/model:1",
        longest=512,
    ),
]
Argument = Annotated[str, StringConstraints(max_length=4096)]
Revision = Annotated[str, Shape(r"^([0-9a-f]{10})?$", "write 10 hex digits", longest=10, shortest=0)]
Function = Annotated[
    str,
    Shape(
        r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$", "write package.module:function", longest=256, shortest=0
    ),
]
"""A Python function: `package.module:function`."""
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


def _timestamp(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.fullmatch(value)):
        return value
    raise broken("write a time with its zone, such as 2026-01-31T12:00:00Z")


Timestamp = Annotated[AwareDatetime, BeforeValidator(_timestamp)]
"""A moment, as in RFC 3339."""
Count = Annotated[int, Whole(0, MAX_COUNT)]
Bool = Annotated[bool, Field(strict=True)]
Percentage = Annotated[int, Whole(0, 100)]
_QUANTITY = r"^[0-9]{1,15}(\.[0-9]{1,6})?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$"


def _quantity(given: object) -> int | str:
    value = whole(given)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
        return value
    if isinstance(value, str) and len(value) <= MAX_QUANTITY and re.fullmatch(_QUANTITY, value, re.ASCII):
        return value
    raise broken("write an amount such as 500m, 2Gi or 1")


Quantity = Annotated[
    int | str,
    PlainValidator(_quantity),
    SchemaNote(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": MAX_QUANTITY,
            "pattern": _QUANTITY,
            "minimum": 0,
            "maximum": MAX_COUNT,
        },
        replace=True,
    ),
]
"""An amount of a resource, as in a pod: `500m`, `2Gi`, `1`."""
FreeForm = Annotated[
    dict[str, Any], SchemaNote({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, replace=True)
]
"""An object that is stored as it is written."""

Verdict = Literal["Pass", "Fail", "Inconclusive", "NoData", "Unavailable"]
Direction = Literal["Higher", "Lower"]
PairingMode = Literal["None", "Mirror", "Replay", "Client"]


class ApiModel(BaseModel):
    """Base of everything on the wire: camelCase there, snake_case here, immutable, unknown fields refused.

    A null counts as an absent field, as it does for the API server. `rules` hold for the object as a whole.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )
    rules: ClassVar[tuple[Cel, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: object) -> object:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data

    @model_validator(mode="after")
    def _verify_rules(self) -> Self:
        for rule in self.rules:
            rule.verify(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the rules to the schema."""
        found = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            found["x-kubernetes-validations"] = [rule.json_schema() for rule in cls.rules]
        return found

    @classmethod
    def from_cluster(cls, data: object) -> Self:
        """Read what a cluster holds: fields that a newer CRD added are ignored.

        Raises:
            pydantic.ValidationError: a known field has a value that these types refuse.
        """
        return cls.model_validate(data, extra="ignore")

    def to_wire(self) -> dict[str, Any]:
        """The object as JSON types in camelCase, without absent fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class OwnerReference(ApiModel):
    """The object that owns this one."""

    model_config = ConfigDict(extra="ignore")

    api_version: ShortText
    kind: ShortText
    name: ObjectName
    uid: ShortText
    controller: Bool | None = None
    block_owner_deletion: Bool | None = None


class ObjectMeta(ApiModel):
    """The part of Kubernetes' metadata that Pawl reads; the rest is the API server's and is ignored."""

    model_config = ConfigDict(extra="ignore")

    name: str
    namespace: str | None = None
    uid: str | None = None
    generation: int | None = None
    resource_version: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    creation_timestamp: Timestamp | None = None
    deletion_timestamp: Timestamp | None = None


class Condition(ApiModel):
    """One observation of the object (KEP-1623)."""

    type: Annotated[str, Shape(r"^[A-Z][A-Za-z0-9]*$", "write a CamelCase word", longest=64)]
    """type names what is observed."""
    status: Literal["True", "False", "Unknown"]
    """status says whether it holds."""
    reason: Annotated[str, Shape(r"^[A-Z][A-Za-z0-9]*$", "write a CamelCase word", longest=64)]
    """reason is a CamelCase word for machines."""
    message: Annotated[str, StringConstraints(max_length=1024)] = ""
    """message is a sentence for people."""
    last_transition_time: Timestamp
    """lastTransitionTime is when status last changed."""
    observed_generation: Count | None = None
    """observedGeneration is the generation this was said about."""


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16), ListMap("type")]


class SecretKeyRef(ApiModel):
    """One key of a Secret or ConfigMap in the same namespace."""

    name: ObjectName
    """name is the object's name."""
    key: Annotated[
        str,
        Shape(
            r"^[-._a-zA-Z0-9]+$",
            "write letters, digits, '-', '_' and '.', as in the keys of a Secret",
            longest=253,
        ),
    ]
    """key is the entry in its data."""


class Margin(ApiModel):
    """How much worse than stable still counts as harmless."""

    relative: (
        Annotated[
            Percent,
            Cel(
                "!self.matches('^[0.]+%$')",
                "relative must be above 0%: write the loss that you could live with, such as 5%",
                lambda value: parse_percent(value) > 0,
            ),
        ]
        | None
    ) = None
    """relative is a percentage of the stable revision's value, for example 30%."""
    absolute: (
        Annotated[
            Rate,
            Cel(
                "!self.matches('^[0.]+$')",
                "absolute must be above 0: write the loss that you could live with, such as '0.05'",
                lambda value: parse_rate(value) > 0,
            ),
        ]
        | None
    ) = None
    """absolute is in the metric's own unit, for example 0.05."""

    rules = (exactly_one_of("relative", "absolute", "write relative: 30% or absolute: '0.05'"),)

    def at(self, reference: float) -> float:
        """The margin in the metric's unit, given stable's value."""
        if self.absolute is not None:
            return parse_rate(self.absolute)
        return parse_percent(self.relative or "0%") * abs(reference)
