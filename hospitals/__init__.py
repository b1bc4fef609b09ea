"""The hospitals file (TOML): centres, hospitals and their keys, checked with the line of every error."""

from hospitals.loading import load_hospitals, unguarded
from hospitals.model import ApiKey, Hospital, HospitalId, Role, parties
from hospitals.problems import ConfigError

__all__ = ["ApiKey", "ConfigError", "Hospital", "HospitalId", "Role", "load_hospitals", "parties", "unguarded"]
