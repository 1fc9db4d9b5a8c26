"""Home follow-up: what patients are asked and when, what their answers mean, and why."""
