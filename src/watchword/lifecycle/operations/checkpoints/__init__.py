"""Sign, now and then, what the audit holds; prove by that that it was not altered; cut off what is old."""

from watchword.lifecycle.operations.checkpoints.desk import CheckpointRules, Checkpoints
from watchword.lifecycle.operations.checkpoints.proving import Proof

__all__ = ["CheckpointRules", "Checkpoints", "Proof"]
