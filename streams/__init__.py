"""Process A: folds the log into the live state."""
