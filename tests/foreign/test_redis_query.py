"""Queries over HTTP and documents of state.redis, on a Redis with the modules for JSON and search."""
import json
import os

import pytest

from sidecar import component

pytestmark = pytest.mark.skipif("MECHA_TEST_REDIS_STACK" not in os.environ, reason="needs MECHA_TEST_REDIS_STACK")
INDEXES = [{"name": "people", "indexes": [{"key": "person.org", "type": "TEXT"}, {"key": "person.id", "type": "NUMERIC"}, {"key": "state", "type": "TEXT"}]}]
PEOPLE = {
    "1": {"person": {"org": "Dev Ops", "id": 1036}, "city": "Seattle", "state": "WA"},
    "2": {"person": {"org": "Hardware", "id": 1028}, "city": "Boise", "state": "ID"},
    "3": {"person": {"org": "Finance", "id": 1071}, "city": "Sacramento", "state": "CA"},
    "4": {"person": {"org": "Dev Ops", "id": 1042.5}, "city": "Spokane", "state": "WA"},
}


@pytest.fixture
def store(launch):
    one = launch.sidecar("shop", resources=[component("store", "state.redis", redisHost=os.environ["MECHA_TEST_REDIS_STACK"], queryIndexes=json.dumps(INDEXES))])
    for key in PEOPLE:
        one.request("DELETE", f"/v1.0/state/store/{key}?metadata.contentType=application/json")
    saved = one.post("/v1.0/state/store", [{"key": k, "value": v, "metadata": {"contentType": "application/json"}} for k, v in PEOPLE.items()])
    assert saved.status == 204, saved.text
    return one


def query(store, document, **metadata):
    words = "&".join(f"metadata.{k}={v}" for k, v in metadata.items())
    return store.post(f"/v1.0-alpha1/state/store/query?{words}", document)


def test_a_query_finds_documents_with_keys_and_etags(store):
    got = query(store, {"filter": {"OR": [{"EQ": {"person.org": "Finance"}}, {"AND": [{"EQ": {"person.org": "Dev Ops"}}, {"IN": {"state": ["CA", "WA"]}}]}]},
                        "sort": [{"key": "person.id", "order": "DESC"}], "page": {"limit": 2}}, contentType="application/json", queryIndexName="people")
    assert got.status == 200, got.text
    assert [one["key"] for one in got.json["results"]] == ["3", "4"]
    assert got.json["results"][0] == {"key": "3", "data": PEOPLE["3"], "etag": "1"}
    assert got.json["token"] == "2"
    rest = query(store, {"filter": {"NEQ": {"state": "ID"}}, "sort": [{"key": "person.id", "order": "DESC"}], "page": {"limit": 2, "token": "2"}}, queryIndexName="people")
    assert [one["key"] for one in rest.json["results"]] == ["1"]


def test_a_document_is_read_with_its_content_type(store):
    assert store.get("/v1.0/state/store/2?metadata.contentType=application/json").json == PEOPLE["2"]
    assert store.get("/v1.0/state/store/2").status == 500


def test_the_errors_of_a_query(store):
    for metadata, message in (({}, "query index not found"), ({"queryIndexName": "x"}, 'query index schema "x" not found'),
                              ({"queryIndexName": "people"}, 'JSON path "city" is not indexed')):
        status, code, text = query(store, {"filter": {"EQ": {"city": "Boise"}}}, **metadata).error()
        assert (status, code) == (500, "ERR_STATE_QUERY") and message in text
