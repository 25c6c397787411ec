"""The latent sampler of Mudra's models, philox4x32-10/box-muller-f64/1, in plain Python.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) with the seed as key and the index in
the counter; Box-Muller makes its numbers normal. The same latents as edge-runtime's, but for the last bit where this
machine's sine or logarithm rounds otherwise."""

from math import cos, log, pi, sin, sqrt

WORD = 0xFFFFFFFF


def latent(seed, index, dim):
    """A list of `dim` standard normal numbers."""
    numbers = []
    for block in range((dim + 1) // 2):
        a, b, c, d = philox(seed, (block, index, 0, 0))
        radius, angle = sqrt(-2 * log(unit_interval(a, b))), 2 * pi * unit_interval(c, d)
        numbers += [radius * cos(angle), radius * sin(angle)]
    return numbers[:dim]


def unit_interval(high, low):
    """A number strictly between 0 and 1 of 52 random bits."""
    return ((high << 32 | low) >> 12) / 2**52 + 0.5 / 2**52


def philox(seed, counter):
    """Four random words of 32 bits for a key and a counter."""
    k0, k1 = seed & WORD, seed >> 32 & WORD
    c0, c1, c2, c3 = counter
    for _ in range(10):
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (second >> 32) ^ c1 ^ k0, second & WORD, (first >> 32) ^ c3 ^ k1, first & WORD
        k0, k1 = (k0 + 0x9E3779B9) & WORD, (k1 + 0xBB67AE85) & WORD
    return c0, c1, c2, c3
