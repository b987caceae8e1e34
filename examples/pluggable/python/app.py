"""Uses the store as any other: nothing here says that it is a program of its own."""
# [use]
from dapr.clients import DaprClient

with DaprClient() as client:
    client.save_state("drawer", "o1", "3 apples")
    print("kept:", client.get_state("drawer", "o1").text())
# [/use]
