"""The shop: takes orders, has the warehouse reserve the goods and the payments charge for them, remembers the order and announces it."""
import functools
import hashlib
import hmac
import json

from web import Sidecar, serve

sidecar = Sidecar()


@functools.cache
def signing_key():
    return sidecar.secret("vault", "order-signing-key").encode()


def signature(order):
    return hmac.new(signing_key(), json.dumps(order, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def place_order(order):
    """Idempotent by order id: goods are reserved and charged for once, state is overwritten with the same, a second event is recognised."""
    status, answer = sidecar.invoke("warehouse", "reserve", order)
    if status == 409:
        return 409, answer
    if status != 200:
        return 503, {"error": f"the warehouse answered {status}: {answer}"}
    status, answer = sidecar.invoke("payments", "charge", order)
    if status != 200:
        return 503, {"error": f"the payments answered {status}: {answer}"}
    sidecar.save("statestore", f"order-{order['id']}", {**order, "status": "placed"})
    sidecar.publish("orderbus", "orders", {**order, "signature": signature(order)}, key=order["customer"])
    return 201, {"id": order["id"], "status": "placed"}


def pass_event_on(event):
    """Where the YAML delivers the events to the shop, the warehouse gets them by invocation."""
    status, answer = sidecar.invoke("warehouse", "events/orders", event)
    return (200, answer) if status == 200 else (503, {"error": f"the warehouse answered {status}"})


serve({
    ("GET", "/healthz"): lambda _: (200, {}),
    ("POST", "/orders"): place_order,
    ("POST", "/events/orders"): pass_event_on,
})
