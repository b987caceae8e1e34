"""Three orders are published and received again on a stream: no port is opened, and each is acknowledged when it has been handled."""
import json

from dapr.clients import DaprClient
from dapr.clients.grpc.subscription import StreamCancelledError

with DaprClient() as client:
    for order in ({"item": "apples", "quantity": 3}, {"item": "pears", "quantity": 1}, {"item": "figs", "quantity": 0}):
        client.publish_event("bus", "orders", json.dumps(order), data_content_type="application/json")

    # [stream]
    subscription = client.subscribe(pubsub_name="bus", topic="orders")
    try:
        for _ in range(3):
            message = subscription.next_message()
            order = message.data()
            if order["quantity"] == 0:
                print("dropped:", json.dumps(order, separators=(",", ":")))
                subscription.respond_drop(message)
            else:
                print("received:", order["quantity"], order["item"])
                subscription.respond_success(message)
    except StreamCancelledError as error:
        print("the sidecar ended the stream:", error)
    finally:
        subscription.close()
    # [/stream]
