"""Count, means and sums of products of deviations of points: what a variance or covariance needs, mergeable, stable.

Welford's and Chan's updates in any number of dimensions; nothing is ever subtracted that could cancel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any, Self

Point = Sequence[float]


@dataclass(frozen=True, slots=True)
class Moments:
    """`count` points: their `means`, and the upper triangle, row by row, of sums of products of deviations."""

    count: int
    means: tuple[float, ...]
    products: tuple[float, ...]

    @classmethod
    def none(cls, dimension: int) -> Self:
        """No point yet."""
        return cls(0, (0.0,) * dimension, (0.0,) * (dimension * (dimension + 1) // 2))

    @classmethod
    def of(cls, points: Sequence[Point], dimension: int) -> Self:
        """The moments of some points, in two passes with exact sums: their order does not change a digit."""
        count = len(points)
        if count == 0:
            return cls.none(dimension)
        means = tuple(fsum(point[axis] for point in points) / count for axis in range(dimension))
        deviations = [[value - mean for value, mean in zip(point, means, strict=True)] for point in points]
        products = tuple(fsum(d[i] * d[j] for d in deviations) for i, j in _pairs(dimension))
        return cls(count, means, products)

    def merge(self, other: Self) -> Self:
        """The moments of both groups of points together."""
        if self.count == 0 or other.count == 0:
            return other if self.count == 0 else self
        total = self.count + other.count
        share, cross = other.count / total, self.count * other.count / total
        steps = [there - here for here, there in zip(self.means, other.means, strict=True)]
        means = tuple(mean + step * share for mean, step in zip(self.means, steps, strict=True))
        shifts = [steps[i] * steps[j] * cross for i, j in _pairs(len(steps))]
        products = tuple(fsum(parts) for parts in zip(self.products, other.products, shifts, strict=True))
        return type(self)(total, means, products)

    def product(self, one: int, other: int) -> float:
        """The sum over points of the product of the deviations on two axes."""
        low, high = min(one, other), max(one, other)
        return self.products[low * len(self.means) - low * (low - 1) // 2 + high - low]

    def quadratic(self, weights: Sequence[float]) -> float:
        """The sum over points of the squared weighted sum of deviations; clipped at 0 against rounding."""
        axes = range(len(weights))
        return max(0.0, fsum(weights[i] * weights[j] * self.product(i, j) for i in axes for j in axes))

    def to_json(self) -> dict[str, Any]:
        """As JSON; floats keep every digit."""
        return {"n": self.count, "mean": list(self.means), "products": list(self.products)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(int(value["n"]), tuple(map(float, value["mean"])), tuple(map(float, value["products"])))


def _pairs(dimension: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(dimension) for j in range(i, dimension)]
