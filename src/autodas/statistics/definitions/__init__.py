"""The statistics themselves: functions of a probe, with their types and sources."""
