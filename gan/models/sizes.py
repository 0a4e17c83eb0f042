"""How large the convolutional networks are for an image of a given size.

Generator and critic halve or double the image a number of times; what they can make is the small base times a power
of two. An image of another size is padded with black up to that, and cropped back on its way out.

    sizes = network_sizes(28, 28)          # 4x4, doubled 3 times: 32x32
"""

from typing import NamedTuple

BASE_SIDE = 4
"""The side, about, of the smallest feature map."""

LARGEST_WIDTH_FACTOR = 8
"""Channels grow with depth up to this many times the network's width."""


class NetworkSizes(NamedTuple):
    """The smallest feature map, and how often it is doubled to hold the image."""

    base_height: int
    base_width: int
    doublings: int

    @property
    def height(self) -> int:
        return self.base_height << self.doublings

    @property
    def width(self) -> int:
        return self.base_width << self.doublings

    def channels(self, width: int) -> list[int]:
        """Channels of each feature map of a network of this width, from the largest map to the base."""
        return [width * min(1 << level, LARGEST_WIDTH_FACTOR) for level in range(self.doublings)]


def network_sizes(height: int, width: int) -> NetworkSizes:
    """The depth at which the shorter side of the base is closest to `BASE_SIDE` (in ratio), at least one doubling."""
    shorter = min(height, width)
    doublings = 1
    while shorter / (BASE_SIDE << doublings) > 2**0.5:
        doublings += 1
    return NetworkSizes(-(-height // 2**doublings), -(-width // 2**doublings), doublings)
