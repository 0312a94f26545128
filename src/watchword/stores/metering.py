"""Choose what fits a store and the number of processes that share it: the meter, and how single use is kept."""

from __future__ import annotations

from watchword.model.ports import Clock, Meter
from watchword.stores.meter import LeasedMeter, MemoryMeter
from watchword.stores.opening import Store
from watchword.stores.shared_meter import SharedMeter

__all__ = ["alone", "meter_of"]


def alone(store: Store, workers: int | None) -> None:
    """Tell a store in a file that this process is the only one that claims there, where that is so."""
    if workers == 1 and hasattr(store, "alone"):
        store.alone = True


def meter_of(store: Store, workers: int | None, clock: Clock) -> Meter:
    """Return a meter in memory for one process, else one that the machine's processes share through a file.

    ``workers`` None means that nobody knows how many there are, so they share.
    """
    if workers == 1 or store.state is None:
        return MemoryMeter()
    return LeasedMeter(SharedMeter(f"{store.state}-meter.db", clock), MemoryMeter(clock))
