"""The doors of alerts: what people see of them, do with them, and decide on who is told."""
