"""Rolling trust and churn-risk scores, and alerts, from customer interactions."""

__version__ = "0.1.0"
