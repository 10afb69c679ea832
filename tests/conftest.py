"""What every test of the session lives under; fixtures of one kind live beside that kind."""

import os

from hypothesis import HealthCheck, settings

# Fixed examples on every machine: a red test is red for everyone.
# `HYPOTHESIS_PROFILE=explore` looks for new ones.
settings.register_profile("house", derandomize=True, deadline=None, print_blob=True)
settings.register_profile(
    "explore", max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))
