"""Rolling trust and churn-risk scores, and alerts, from customer interactions."""

import os

__version__ = "0.1.0"

# Read by numpy when it is imported, which is after this. Its products here are too small to be shared out: a
# second thread only spins between them, on a core that the consumer and the broker need.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251 - a setting of numpy, not of ours
