"""Files that others wrote (CSV, plain columns) to interactions, by a mapping that is data, not code."""
