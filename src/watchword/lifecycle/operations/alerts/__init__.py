"""Say what looks like a leak: rules over what was decided, each alert once, kept until somebody has looked."""

from watchword.lifecycle.operations.alerts.desk import Alerts
from watchword.lifecycle.operations.alerts.rules import RULES, AlertRule, AlertRules

__all__ = ["RULES", "AlertRule", "AlertRules", "Alerts"]
