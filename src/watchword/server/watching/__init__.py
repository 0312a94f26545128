"""Tell others what happens here: the audit to syslog and OpenTelemetry, alerts by webhook and mail."""
