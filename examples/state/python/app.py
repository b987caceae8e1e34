"""Orders in a state store: written, read, changed by two at once, and changed together."""
import json

from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprGrpcError
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType

# [save]
with DaprClient() as client:
    client.save_state("orders", "o1", json.dumps({"item": "apples", "quantity": 3}))
    order = client.get_state("orders", "o1")
    print("o1 is", order.json()["quantity"], order.json()["item"])
    # [/save]

    client.save_state("orders", "o1", json.dumps({"item": "apples", "quantity": 4}))
    try:
        client.save_state("orders", "o1", json.dumps({"item": "apples", "quantity": 5}), etag=order.etag)
    except DaprGrpcError as error:
        print("too late:", error.code().name)

    client.execute_state_transaction("orders", [
        TransactionalStateOperation(key="o2", data=json.dumps({"item": "pears", "quantity": 1})),
        TransactionalStateOperation(key="o1", operation_type=TransactionOperationType.delete)])
    print("o1 is", "still there" if client.get_state("orders", "o1").data else "gone")
