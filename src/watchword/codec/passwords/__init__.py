"""Hash, judge and take over passwords."""

from watchword.codec.passwords.hashing import (
    ALONE,
    WITH_SECOND_FACTOR,
    Cost,
    Overloaded,
    Work,
    adopted,
    dummy,
    encode,
    fits,
    idle,
    outdated,
    prepared,
    together,
    work,
)

__all__ = [
    "ALONE",
    "WITH_SECOND_FACTOR",
    "Cost",
    "Overloaded",
    "Work",
    "adopted",
    "dummy",
    "encode",
    "fits",
    "idle",
    "outdated",
    "prepared",
    "together",
    "work",
]
