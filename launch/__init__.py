"""The `vigilits` command: starts, feeds and looks after everything else."""
