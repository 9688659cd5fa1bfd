"""The address and the key of the simulator inside the process."""

OFFLINE_KEY = "sk-simulator"  # not a secret: the one key an unconfigured simulator accepts
OFFLINE_BASE_URL = "http://simulator.invalid/v1"  # RFC 2606: a name that can never resolve
