"""A file written and read through a binding. With another component of the same name it would be an object in a bucket."""
from dapr.clients import DaprClient

# [files]
with DaprClient() as client:
    client.invoke_binding("files", "create", "order 2: 1 pear", {"fileName": "order-2.txt"})
    print(client.invoke_binding("files", "get", "", {"fileName": "order-2.txt"}).text())
# [/files]
