"""What has to be true of our manifests."""

from rules import api_server, belonging, identities, life, pods, settings_fit, ways  # noqa: F401
from rules.registry import RULES, broken  # noqa: F401
