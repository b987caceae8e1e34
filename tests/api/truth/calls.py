"""The other capabilities through either face, with answers in one form."""
import base64, json
from urllib.parse import quote, urlencode

import grpc
from dapr.proto.runtime.v1 import binding_pb2, configuration_pb2, crypto_pb2, dapr_pb2_grpc, lock_pb2, pubsub_pb2, secret_pb2


class Http:
    def __init__(self, side):
        self.side = side

    def read(self, got, good=lambda got: got.json):
        return good(got) if got.status == 200 else None if got.status == 204 else got.json["message"]

    def lock(self, store, resource, owner, expiry):
        return self.read(self.side.post(f"/v1.0-alpha1/lock/{store}", {"resourceId": resource, "lockOwner": owner, "expiryInSeconds": expiry}), lambda got: got.json["success"])

    def unlock(self, store, resource, owner):
        return self.read(self.side.post(f"/v1.0-alpha1/unlock/{store}", {"resourceId": resource, "lockOwner": owner}), lambda got: got.json["status"])

    def configuration(self, store, keys):
        got = self.side.get(f"/v1.0/configuration/{store}?{urlencode([('key', key) for key in keys])}")
        return {key: (item.get("value", ""), item.get("version", "")) for key, item in (self.read(got) or {}).items()}

    def secret(self, store, key):
        return self.read(self.side.get(f"/v1.0/secrets/{store}/{quote(key, safe='')}"))

    def secrets(self, store):
        return self.read(self.side.get(f"/v1.0/secrets/{store}/bulk"))

    def publish(self, pubsub, topic, data, kind, metadata):
        query = urlencode([("metadata." + k, v) for k, v in metadata.items()])
        return self.read(self.side.request("POST", f"/v1.0/publish/{pubsub}/{topic}?{query}", [("Content-Type", kind)] if kind else [], data))

    def publish_bulk(self, pubsub, topic, entries, metadata):
        query = urlencode([("metadata." + k, v) for k, v in metadata.items()])
        forms = {"application/json": json.loads, "application/octet-stream": lambda data: base64.b64encode(data).decode()}
        body = [{"entryId": id_, "event": forms.get(kind, bytes.decode)(data), "contentType": kind, **({"metadata": own} if own else {})} for id_, data, kind, own in entries]
        return self.read(self.side.post(f"/v1.0/publish/bulk/{pubsub}/{topic}?{query}", body))

    def binding(self, name, operation, data, metadata):
        """`data` is JSON, as HTTP hands over nothing else."""
        return self.read(self.side.post(f"/v1.0/bindings/{name}", {"operation": operation, "data": json.loads(data), "metadata": metadata}), lambda got: got.body)

    def encrypt(self, component, data, key, algorithm, cipher):
        headers = {"dapr-key-name": key, "dapr-key-wrap-algorithm": algorithm, "dapr-data-encryption-cipher": cipher}
        return self.read(self.side.request("PUT", f"/v1.0-alpha1/crypto/{component}/encrypt", headers, data), lambda got: got.body)

    def decrypt(self, component, data):
        return self.read(self.side.request("PUT", f"/v1.0-alpha1/crypto/{component}/decrypt", (), data), lambda got: got.body)


class Grpc:
    def __init__(self, channel):
        self.stub = dapr_pb2_grpc.DaprStub(channel)

    def call(self, method, request, good):
        try:
            return good(getattr(self.stub, method)(request, timeout=30))
        except grpc.RpcError as e:
            return e.details()

    def lock(self, store, resource, owner, expiry):
        return self.call("TryLockAlpha1", lock_pb2.TryLockRequest(store_name=store, resource_id=resource, lock_owner=owner, expiry_in_seconds=expiry), lambda m: m.success)

    def unlock(self, store, resource, owner):
        return self.call("UnlockAlpha1", lock_pb2.UnlockRequest(store_name=store, resource_id=resource, lock_owner=owner), lambda m: m.status)

    def configuration(self, store, keys):
        return self.call("GetConfiguration", configuration_pb2.GetConfigurationRequest(store_name=store, keys=keys), lambda m: {k: (v.value, v.version) for k, v in m.items.items()})

    def secret(self, store, key):
        return self.call("GetSecret", secret_pb2.GetSecretRequest(store_name=store, key=key), lambda m: dict(m.data))

    def secrets(self, store):
        return self.call("GetBulkSecret", secret_pb2.GetBulkSecretRequest(store_name=store), lambda m: {k: dict(v.secrets) for k, v in m.data.items()})

    def publish(self, pubsub, topic, data, kind, metadata):
        return self.call("PublishEvent", pubsub_pb2.PublishEventRequest(pubsub_name=pubsub, topic=topic, data=data, data_content_type=kind, metadata=metadata), lambda m: None)

    def publish_bulk(self, pubsub, topic, entries, metadata):
        rows = [pubsub_pb2.BulkPublishRequestEntry(entry_id=id_, event=data, content_type=kind, metadata=own) for id_, data, kind, own in entries]
        return self.call("BulkPublishEvent", pubsub_pb2.BulkPublishRequest(pubsub_name=pubsub, topic=topic, entries=rows, metadata=metadata), lambda m: None)

    def binding(self, name, operation, data, metadata):
        return self.call("InvokeBinding", binding_pb2.InvokeBindingRequest(name=name, operation=operation, data=data, metadata=metadata), lambda m: m.data or None)

    def stream(self, method, request, options, data):
        pieces = [data[i:i + 5000] for i in range(0, len(data), 5000)] or [b""]
        messages = [request(options=options if i == 0 else None, payload={"data": piece, "seq": i}) for i, piece in enumerate(pieces)]
        return self.call(method, iter(messages), lambda answers: b"".join(answer.payload.data for answer in answers))

    def encrypt(self, component, data, key, algorithm, cipher):
        options = crypto_pb2.EncryptRequestOptions(component_name=component, key_name=key, key_wrap_algorithm=algorithm, data_encryption_cipher=cipher)
        return self.stream("EncryptAlpha1", crypto_pb2.EncryptRequest, options, data)

    def decrypt(self, component, data):
        return self.stream("DecryptAlpha1", crypto_pb2.DecryptRequest, crypto_pb2.DecryptRequestOptions(component_name=component), data)
