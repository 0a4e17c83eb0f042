"""What clients send and get, with every limit in the schema: the limits are those of the model that is served.

    schemas = make_schemas(sampler.spec, noise_dims=sampler.noise_dims)
    request = schemas.one.model_validate({"labels": [0, 1, 0], "seed": 7})
    labels, styles = request.label_vector(), request.style_vector(sampler.noise_dims)

Shapes: `K` classes, `Z` style.
"""

import re
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticKnownError

from gan.images import GRID_GAP, ImageSpec
from gan.labels import Floats, shares
from gan.sampling import styles

LARGEST_SEED = 2**31 - 1
LARGEST_STYLE = 10.0
MOST_IMAGES = 100

LONGEST_SIDE = 65_000
"""Pixels of a grid; JPEG's limit is 65,500."""

MOST_PIXELS = 2**21
"""Of a grid: what bounds the time of one request."""

NUMBER_BYTES, IMAGE_BYTES = 64, 1024
"""Of a request: a number has up to 24 (-2.2250738585072014e-308), and room for indentation; an image also has keys."""

Format = Literal["png", "jpeg"]
Status = Literal["alive", "ready", "loading", "broken"]


def _whole(value: Any) -> Any:
    """7.0 is an integer in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_WHOLE = BeforeValidator(_whole)


def _digits(value: Any) -> Any:
    """Of a query, where 1_0 and " 10" would be integers, too."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]+(\.0+)?", value):
        raise PydanticKnownError("int_parsing")
    return value


DIGITS = BeforeValidator(_digits)

# Both given, neither of them null, is the one thing that the types do not exclude; of several images, columns of a zip.
_NOT_BOTH: JsonDict = {
    "not": {"required": ["style", "seed"], "properties": {"style": {"type": "array"}, "seed": {"type": "integer"}}}
}
_NOT_OF_ZIP: JsonDict = {
    "not": {"required": ["as", "columns"], "properties": {"as": {"const": "zip"}, "columns": {"type": "integer"}}}
}


class _Strict(BaseModel):
    """An object of these keys alone, whose values are of these types and of no others that could stand for them."""

    model_config = ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: Any) -> Any:
        """Here, since `extra` has an error for each of them, and there may be a million."""
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in values if isinstance(values, dict) else ():
            if key not in known:
                raise ValueError(f"{ascii(key)[:40]} is not known; expected {', '.join(known)}")
        return values


class Choice(_Strict):
    """An image: weights of classes, and a style or the seed of one."""

    model_config = ConfigDict(json_schema_extra=_NOT_BOTH)

    labels: list[float]
    style: list[float] | None = None
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED), _WHOLE] | None = Field(
        None, description="decides the style, where none is given; neither: seed 0"
    )

    @field_validator("labels")
    @classmethod
    def _not_all_zero(cls, labels: list[float]) -> list[float]:
        if not any(labels):
            raise ValueError("labels are all 0; expected at least one weight above 0")
        return labels

    @model_validator(mode="after")
    def _style_or_seed(self) -> "Choice":
        if self.style is not None and self.seed is not None:
            raise ValueError("style and seed are both given; expected one of them")
        return self

    @property
    def drawn_by_seed(self) -> int | None:
        """The seed of the style, or None where the style itself is given."""
        return None if self.style is not None else self.seed or 0

    def label_vector(self) -> Floats:
        """(K,), of sum 1."""
        return shares(np.asarray(self.labels, np.float64))

    def style_vector(self, noise_dims: int) -> Floats:
        """(Z,)."""
        if self.style is not None:
            return np.asarray(self.style, np.float32)
        return styles(noise_dims, seed=self.seed or 0, numbers=[1])[0]


class OneImage(Choice):
    """An image and its file format."""

    format: Format = Field("png", description="file format")


class ManyImages(_Strict):
    """Images as one picture or one archive."""

    model_config = ConfigDict(json_schema_extra=_NOT_OF_ZIP)

    images: list[Choice]
    form: Literal["grid", "zip"] = Field(
        "grid", alias="as", description="one picture, row by row, or an archive of 1.png, 2.png, ..."
    )
    columns: int | None = None
    format: Format = Field("png", description="file format of the grid, or of each image in the archive")

    @model_validator(mode="after")
    def _columns_of_a_grid(self) -> "ManyImages":
        if self.form == "zip" and self.columns is not None:
            raise ValueError("columns are given, and as is zip, which has none; leave one of them out")
        return self


class Size(BaseModel):
    """Pixels, and 1 channel (grey) or 3 (RGB)."""

    height: int
    width: int
    channels: int


class Limits(BaseModel):
    """Of one request; `queue` is the number of images that may wait in all, `body` is in bytes."""

    images: int
    seed: int
    style: float
    body: int
    queue: int


class Model(BaseModel):
    """The model that is served now. The scores are those of the checkpoint, null if it was not scored."""

    image: Size
    classes: list[str]
    style_size: int
    checkpoint: str
    step: int
    scores: dict[str, JsonValue] | None
    limits: Limits


class Style(BaseModel):
    """The style of a seed."""

    seed: int
    style: list[float]


class State(BaseModel):
    """What a probe wants to know."""

    status: Status


class Error(BaseModel):
    """One line on what was found, what was expected and what to do."""

    detail: str


class Schemas(NamedTuple):
    """The requests that fit a model."""

    one: type[OneImage]
    many: type[ManyImages]


def most_images(spec: ImageSpec) -> int:
    """Images that one request may ask for: in a grid of any shape they stay within its limits."""
    height, width = spec.height + GRID_GAP, spec.width + GRID_GAP
    return max(1, min(MOST_IMAGES, LONGEST_SIDE // max(height, width), MOST_PIXELS // (height * width)))


def largest_body(spec: ImageSpec, *, noise_dims: int) -> int:
    """Bytes of the longest request for a model, with room for long numbers on indented lines."""
    return most_images(spec) * (NUMBER_BYTES * (spec.num_classes + noise_dims) + IMAGE_BYTES) + IMAGE_BYTES


def make_schemas(spec: ImageSpec, *, noise_dims: int) -> Schemas:
    """Requests whose lists have the lengths of this model."""
    names = ", ".join(spec.class_names[:100]) + (", ... (all: api/model)" if spec.num_classes > 100 else "")
    weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
    labels = Annotated[
        list[weight],
        Field(
            fail_fast=True,
            min_length=spec.num_classes,
            max_length=spec.num_classes,
            description=f"weights of the classes, not all 0, in this order: {names}; divided by their sum",
            json_schema_extra={"contains": {"type": "number", "exclusiveMinimum": 0}},
        ),
    ]
    number = Annotated[float, Field(ge=-LARGEST_STYLE, le=LARGEST_STYLE, allow_inf_nan=False)]
    style = Annotated[list[number], Field(fail_fast=True, min_length=noise_dims, max_length=noise_dims)] | None
    style_default = Field(None, description="the style itself, such as GET /api/styles/sample gives")
    fields: dict[str, Any] = {"labels": (labels, ...), "style": (style, style_default)}
    choice = create_model("Choice", __base__=Choice, **fields)
    most = most_images(spec)
    many_fields: dict[str, Any] = {
        "images": (Annotated[list[choice], Field(fail_fast=True, min_length=1, max_length=most)], ...),
        "columns": (
            Annotated[int, Field(ge=1, le=most), _WHOLE] | None,
            Field(None, description="of the grid; by default it is a square. An archive has none"),
        ),
    }
    return Schemas(
        one=create_model("OneImage", __base__=OneImage, **fields),
        many=create_model("ManyImages", __base__=ManyImages, **many_fields),
    )


def examples(spec: ImageSpec, *, noise_dims: int) -> dict[str, Any]:
    """Requests to try out, by name, of `OneImage`."""
    first = [1.0] + [0.0] * (spec.num_classes - 1)
    style = [round(number / noise_dims, 2) for number in range(noise_dims)]
    mixed = [0.5, 0.5, *[0.0] * (spec.num_classes - 2)] if spec.num_classes > 1 else first
    return {
        "a class": {"value": {"labels": first, "seed": 7}},
        "between two classes": {"value": {"labels": mixed, "seed": 7, "format": "jpeg"}},
        "a style of your own": {"value": {"labels": first, "style": style}},
    }


def many_examples(spec: ImageSpec) -> dict[str, Any]:
    """Requests to try out, by name, of `ManyImages`."""
    count = min(most_images(spec), spec.num_classes, 10)
    each = [{"labels": [float(k == n) for k in range(spec.num_classes)], "seed": 7} for n in range(count)]
    return {
        "a row of classes": {"value": {"images": each, "columns": count}},
        "an archive": {"value": {"images": each, "as": "zip"}},
    }
