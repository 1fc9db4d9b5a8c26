"""Who people are and how they are reached: kept beside the log, in one small file of VIGILITS_HOME."""
