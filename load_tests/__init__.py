"""What was measured, and how to measure it again; `docs/measurements.md` lists the runs and their figures."""
