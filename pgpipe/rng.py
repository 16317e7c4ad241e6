"""Counter-based random numbers: each is a pure function of (seed, stream, step, position).

No generator state exists, so none has to be saved: a resumed run draws what an uninterrupted one
would have drawn. The hash is SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable
pseudorandom number generators"); a tensor is one pass of it over a range of counters, on any
device, and `step` may be a tensor there. Integers and uniforms are the same bits on every device.
"""

import math
import zlib
from functools import cache

import torch
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB


def signed(x: int) -> int:
    """The int64 with the bits of x modulo 2^64."""
    return (x + (1 << 63)) % (1 << 64) - (1 << 63)


def shifted(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of int64, which torch shifts arithmetically."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Tensor) -> Tensor:
    """SplitMix64's output function, on int64 whose multiplication wraps."""
    x = (x ^ shifted(x, 30)) * signed(MIX_1)
    x = (x ^ shifted(x, 27)) * signed(MIX_2)
    return x ^ shifted(x, 31)


def split_mix(seed: Tensor, count: int, skip: int = 0) -> Tensor:
    """`count` outputs of SplitMix64 from a seed, an int64 tensor [], after `skip` others."""
    counters = torch.arange(skip + 1, skip + count + 1, device=seed.device, dtype=torch.int64)
    return mix(seed + counters * signed(GOLDEN))


def key(seed: int, stream: str, step: int | Tensor, device: torch.device | str = "cpu") -> Tensor:
    """The int64 [] that (seed, stream, step) hash to."""
    return mix(torch.as_tensor(step, device=device) * signed(GOLDEN) + root(seed, stream))


@cache
def root(seed: int, stream: str) -> int:
    """The int64 that (seed, stream) hash to: a number, so that a GPU has none to wait for."""
    return int(mix(mix(torch.tensor(signed(seed))) + zlib.crc32(stream.encode())))


def uniform(shape: tuple[int, ...], key: Tensor) -> Tensor:
    """Float32 in [0, 1): multiples of 2^-24."""
    bits = split_mix(key, math.prod(shape))
    return (shifted(bits, 40).float() * 2.0**-24).view(shape)


def normal(shape: tuple[int, ...], key: Tensor) -> Tensor:
    """Float32 from N(0, 1), by Box and Muller (1958); one hash gives both of a pair's uniforms."""
    count = math.prod(shape)
    bits = split_mix(key, (count + 1) // 2)
    radius = ((shifted(bits, 32).double() + 0.5) * 2.0**-32).log().mul(-2).sqrt()
    angle = (bits & 0xFFFFFFFF).double() * (2.0**-32 * 2 * math.pi)
    pair = torch.stack([radius * angle.cos(), radius * angle.sin()])
    return pair.flatten()[:count].float().view(shape)


def integers(high: int, shape: tuple[int, ...], key: Tensor, skip: int = 0) -> Tensor:
    """Int64 in [0, high), for high up to 2^31 (with a bias below 2^-32 * high).

    `skip` numbers of the same key come before these, as if drawn in an earlier batch.
    """
    bits = split_mix(key, math.prod(shape), skip)
    return shifted(shifted(bits, 32) * high, 32).view(shape)


def permutation(count: int, key: Tensor) -> Tensor:
    """Int64 [count]: 0 .. count - 1 in random order."""
    return split_mix(key, count).argsort(stable=True)
