"""Calls the service by its app id; where it runs is the sidecars' business."""
import json

from dapr.clients import DaprClient

with DaprClient() as client:
    answer = client.invoke_method("stock", "reserve", json.dumps({"item": "apples", "quantity": 5}), content_type="application/json", http_verb="POST")
    print("left:", answer.json()["left"])
