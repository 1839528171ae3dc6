"""What a test expects of a message: some of its keys, at any depth."""

from __future__ import annotations


def is_like(value: object, like: object) -> bool:
    """Whether all of `like` is in `value`: of an object, those keys; anything else must be the same."""
    if isinstance(value, dict) and isinstance(like, dict):
        return all(key in value and is_like(value[key], wanted) for key, wanted in like.items())
    return value == like
