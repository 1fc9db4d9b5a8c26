"""Conditions become alerts, alerts become notices to people: rules, lifecycle, routing, escalation, on-call."""
