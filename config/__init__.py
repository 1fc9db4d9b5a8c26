"""What an operator sets, read from files and the environment and checked as a whole at start."""
