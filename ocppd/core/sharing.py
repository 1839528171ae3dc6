"""How several share what is not enough for all: fairly, exactly, and never more than there is (K04)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple


class Claim(NamedTuple):
    """What one could use, and below which `minimum` nothing is of use to it; the greater `priority` first."""

    demand: float
    minimum: float = 0.0
    priority: int = 0


def shares(total: float, claims: Sequence[Claim]) -> list[float]:
    """What each of `claims` gets of `total`, in their order; the sum is at most `total`.

    A greater priority is served in full before a smaller one gets anything (K03.FR.04). Among equals the
    smallest share is as great as it can be (max-min). Where there is not the minimum for each of them, the
    last ones get nothing, so that the first can use what there is.
    """
    found = [0.0] * len(claims)
    order = sorted(range(len(claims)), key=lambda place: -claims[place].priority)
    for _, places in groupby(order, key=lambda place: claims[place].priority):
        equals = _served(total, [place for place in places if claims[place].demand > 0], claims)
        for place, share in zip(equals, _fill(total, [claims[it] for it in equals]), strict=True):
            found[place] = share
            total = max(0.0, total - share)
    return found


def _served(total: float, places: list[int], claims: Sequence[Claim]) -> list[int]:
    """Those whose minimum there is, first come, first served."""
    found = []
    for place in places:
        least = min(claims[place].minimum, claims[place].demand)
        if least <= total:
            found.append(place)
            total -= least
    return found


def _fill(total: float, claims: Sequence[Claim]) -> list[float]:
    """The level up to which `total` lifts all, but none below its minimum or above what it could use."""
    marks = sorted({0.0} | {mark for claim in claims for mark in _bounds(claim)})
    for low, high in pairwise(marks):
        there = sum(_within(low, claim) for claim in claims)
        rising = sum(_bounds(claim)[0] <= low < _bounds(claim)[1] for claim in claims)
        if there + rising * (high - low) > total:
            level = low + (total - there) / rising
            return [_within(level, claim) for claim in claims]
    return [claim.demand for claim in claims]


def _bounds(claim: Claim) -> tuple[float, float]:
    return min(claim.minimum, claim.demand), claim.demand


def _within(level: float, claim: Claim) -> float:
    least, most = _bounds(claim)
    return max(least, min(level, most))
