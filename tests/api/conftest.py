"""The fixtures of the wire tests; tests/faults uses the same ones."""
from fixtures import *  # noqa: F401,F403
