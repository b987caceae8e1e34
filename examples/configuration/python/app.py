"""A value that can change while the program runs: read once, then watched."""
import threading

from dapr.clients import DaprClient

changed = threading.Event()


def on_change(subscription, answer):
    if "discount" in answer.items:
        print("discount is now", answer.items["discount"].value, flush=True)
        changed.set()


# [watch]
with DaprClient() as client:
    print("discount is", client.get_configuration(store_name="settings", keys=["discount"]).items["discount"].value)
    subscription = client.subscribe_configuration(store_name="settings", keys=["discount"], handler=on_change)
    print("watching", flush=True)
    changed.wait()
    client.unsubscribe_configuration(store_name="settings", id=subscription)
# [/watch]
