"""Calls a service that fails twice: the sidecar tries again, the program sees the answer only."""
# [call]
from dapr.clients import DaprClient

with DaprClient() as client:
    answer = client.invoke_method("unsteady", "flaky", http_verb="GET")
    print("it worked at try", answer.json()["try"])
# [/call]
