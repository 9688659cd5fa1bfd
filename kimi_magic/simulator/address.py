"""Where the simulator is found, and the key it accepts unless it is given others."""

OFFLINE_KEY = "sk-simulator"  # not a secret
OFFLINE_BASE_URL = "http://simulator.invalid/v1"  # RFC 2606: a name that can never resolve
