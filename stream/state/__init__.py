"""The rows of one partition: what is remembered of each customer, and nothing else."""
