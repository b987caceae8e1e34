"""The warehouse: reserves goods, ships what was ordered, and orders new stock when a timer says so.

All its facts are in the state store. An order is shipped once, however often its event arrives: the shipment and the
customer's account are written in one transaction.
"""
import functools
import hashlib
import hmac
import json
import threading

from web import Locks, Sidecar, serve

STORE, FIRST_STOCK, LOW, RESTOCK = "statestore", 1000, 400, 1000
ITEMS = [f"item-{n}" for n in range(8)]

sidecar, locks, guard = Sidecar(), Locks(), threading.Lock()
seen = {"shipped": 0, "duplicates": 0, "out of order": 0, "bad signatures": 0, "timer ticks": 0, "restocked": 0}
settled = set()  # ids of orders that are known to be shipped


def count(what):
    with guard:
        seen[what] += 1


@functools.cache
def signing_key():
    return sidecar.secret("vault", "order-signing-key").encode()


def is_genuine(order, signature):
    return hmac.compare_digest(hmac.new(signing_key(), json.dumps(order, sort_keys=True).encode(), hashlib.sha256).hexdigest(), signature)


def reserve(order):
    """Takes the goods from stock; the entity tag makes sure that nobody else did meanwhile."""
    with locks(order["item"]):
        names = f"reservation-{order['id']}", f"stock-{order['item']}"
        found = sidecar.get(STORE, *names)
        if found[names[0]][0]:
            return 200, {"reserved": True}
        stock, etag = found[names[1]]
        stock = stock or {"left": FIRST_STOCK, "reserved": 0, "restocked": 0}
        if stock["left"] < order["quantity"]:
            return 409, {"error": f"{order['item']} is out of stock"}
        stock = {**stock, "left": stock["left"] - order["quantity"], "reserved": stock["reserved"] + order["quantity"]}
        sidecar.transact(STORE, (names[0], {"quantity": order["quantity"]}, None), (names[1], stock, etag))
        return 200, {"reserved": True}


def ship(event):
    order = dict(event["data"])
    if not is_genuine(order, order.pop("signature")):
        count("bad signatures")
        return 200, {"status": "DROP"}
    with locks(order["customer"]):
        names = f"shipment-{order['id']}", f"customer-{order['customer']}"
        found = sidecar.get(STORE, *names)
        if found[names[0]][0]:
            count("duplicates")
            settled.add(order["id"])
            return 200, {"status": "SUCCESS"}
        account, etag = found[names[1]]
        account = account or {"orders": 0, "total": 0}
        in_order = order["number"] == account["orders"] + 1
        account = {"orders": account["orders"] + 1, "total": account["total"] + order["quantity"] * order["price"]}
        sidecar.transact(STORE, (names[0], {**order, "in_order": in_order}, None), (names[1], account, etag))
        settled.add(order["id"])
        count("shipped")
        if not in_order:
            count("out of order")
    return 200, {"status": "SUCCESS"}


def restock(_):
    """Called by the timer, an input binding named in YAML."""
    count("timer ticks")
    for item in ITEMS:
        with locks(item):
            name = f"stock-{item}"
            stock, etag = sidecar.get(STORE, name)[name]
            if stock and stock["left"] < LOW:
                stock = {**stock, "left": stock["left"] + RESTOCK, "restocked": stock["restocked"] + RESTOCK}
                sidecar.transact(STORE, (name, stock, etag))
                count("restocked")
    return 200, {}


serve({
    ("GET", "/healthz"): lambda _: (200, {}),
    ("POST", "/reserve"): reserve,
    ("POST", "/events/orders"): ship,
    ("POST", "/restock"): restock,
    ("GET", "/report"): lambda _: (200, {**seen, "settled": len(settled)}),
})
