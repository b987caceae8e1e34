"""A lock that several processes share: one has it, another is refused, and it ends by itself if its owner dies."""
import warnings

from dapr.clients import DaprClient
from dapr.clients.grpc._response import UnlockResponseStatus

warnings.simplefilter("ignore", UserWarning)  # the SDK says that the call is alpha

# [lock]
with DaprClient() as client:
    for worker in ("first", "second"):
        mine = client.try_lock("locks", "nightly-report", worker, expiry_in_seconds=60)
        print("the", worker, "worker", "has the lock" if mine.success else "is refused")
    back = client.unlock("locks", "nightly-report", "first")
    print("given back" if back.status == UnlockResponseStatus.success else "it was not ours")
# [/lock]
