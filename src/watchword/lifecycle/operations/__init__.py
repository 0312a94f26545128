"""What operators do from day to day: watch, rotate, answer leaks. One file a part."""

from watchword.lifecycle.operations.desk import Operations, Ways

__all__ = ["Operations", "Ways"]
