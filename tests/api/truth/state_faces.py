"""The state API through either face, with answers in one form: (outcome, text of the error)."""
import json
from urllib.parse import quote

import grpc
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import state_pb2

STATUS = {200: "ok", 204: "ok", 409: "conflict", 400: "invalid", 500: "failed"}
CODES = {grpc.StatusCode.ABORTED: "conflict", grpc.StatusCode.INVALID_ARGUMENT: "invalid", grpc.StatusCode.INTERNAL: "failed"}
CONCURRENCY = {"": 0, "first-write": 1, "last-write": 2}


class HttpState:
    def __init__(self, side):
        self.side = side

    def outcome(self, got):
        return STATUS.get(got.status, got.status), "" if got.status < 300 else got.json["message"]

    def item(self, it):
        out = {"key": it["key"], "value": it.get("value")}
        if it.get("etag"):
            out["etag"] = it["etag"]
        if it.get("ttl"):
            out["metadata"] = {"ttlInSeconds": str(it["ttl"])}
        if it.get("concurrency"):
            out["options"] = {"concurrency": it["concurrency"]}
        return out

    def save(self, store, items):
        return self.outcome(self.side.post(f"/v1.0/state/{store}", [self.item(it) for it in items]))

    def delete(self, store, it):
        query = f"?concurrency={it['concurrency']}" if it.get("concurrency") else ""
        return self.outcome(self.side.request("DELETE", f"/v1.0/state/{store}/{quote(it['key'], safe='')}{query}", [("If-Match", it["etag"])] if it.get("etag") else []))

    def transact(self, store, items):
        return self.outcome(self.side.post(f"/v1.0/state/{store}/transaction", {"operations": [{"operation": it["kind"], "request": self.item(it)} for it in items]}))

    def get(self, store, key):
        got = self.side.get(f"/v1.0/state/{store}/{quote(key, safe='')}")
        return (got.body if got.status == 200 else b"", got.header("etag") or "", got.header("metadata.ttlExpireTime") or "")

    def bulk(self, store, keys):
        rows = self.side.post(f"/v1.0/state/{store}/bulk", {"keys": keys}).json
        return {row["key"]: (row.get("data"), row.get("etag", "")) for row in rows}


class GrpcState:
    def __init__(self, stub):
        self.stub = stub

    def outcome(self, method, request):
        try:
            getattr(self.stub, method)(request, timeout=30)
            return "ok", ""
        except grpc.RpcError as e:
            return CODES.get(e.code(), e.code().name), e.details()

    def item(self, it):
        metadata = {"ttlInSeconds": str(it["ttl"])} if it.get("ttl") else {}
        if it.get("parsed"):
            metadata["contentType"] = "application/json"
        return common_pb2.StateItem(key=it["key"], value=json.dumps(it.get("value"), separators=(",", ":")).encode(), metadata=metadata,
                                    etag=common_pb2.Etag(value=it["etag"]) if it.get("etag") else None,
                                    options=common_pb2.StateOptions(concurrency=CONCURRENCY[it["concurrency"]]) if it.get("concurrency") else None)

    def save(self, store, items):
        return self.outcome("SaveState", state_pb2.SaveStateRequest(store_name=store, states=map(self.item, items)))

    def delete(self, store, it):
        one = self.item(it)
        return self.outcome("DeleteState", state_pb2.DeleteStateRequest(store_name=store, key=one.key, etag=one.etag if it.get("etag") else None, options=one.options))

    def delete_bulk(self, store, items):
        return self.outcome("DeleteBulkState", state_pb2.DeleteBulkStateRequest(store_name=store, states=map(self.item, items)))

    def transact(self, store, items):
        parts = [state_pb2.TransactionalStateOperation(operationType=it["kind"], request=self.item(it)) for it in items]
        return self.outcome("ExecuteStateTransaction", state_pb2.ExecuteStateTransactionRequest(storeName=store, operations=parts))

    def get(self, store, key):
        got = self.stub.GetState(state_pb2.GetStateRequest(store_name=store, key=key), timeout=30)
        return got.data, got.etag, got.metadata.get("ttlExpireTime", "")

    def bulk(self, store, keys):
        rows = self.stub.GetBulkState(state_pb2.GetBulkStateRequest(store_name=store, keys=keys), timeout=30).items
        return {row.key: (json.loads(row.data) if row.data else None, row.etag) for row in rows}
