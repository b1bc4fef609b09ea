"""For the whole suite."""

from hypothesis import HealthCheck, settings

# How fast inputs are made says how busy the machine is, not whether a rule holds.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
