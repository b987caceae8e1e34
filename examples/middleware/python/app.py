"""Calls a service more often than the sidecar lets through: the limit stands in YAML, and neither program knows of it."""
# [calls]
from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprHttpError

with DaprClient() as client:
    for _ in range(3):
        try:
            print(client.invoke_method("greeter", "hello", http_verb="GET").text())
        except DaprHttpError as refused:
            print("refused:", refused)
# [/calls]
