"""Every row of the contract's error tables through both faces: status, code, text and details, and the gRPC status of the same failure."""
import json, re

import grpc
import pytest
from dapr.proto.runtime.v1 import dapr_pb2
from google.protobuf import json_format, message_factory
from google.rpc import error_details_pb2, status_pb2  # noqa: F401  registers the details

from error_rows import TABLES
from error_rows.row import Row
from error_rows.stages import Stages
from sidecar import ROOT

ROWS = [pytest.param(row, id=f"{table.__name__.rpartition('.')[2]}: {row.name}") for table in TABLES for row in table.ROWS]
DAPR = dapr_pb2.DESCRIPTOR.services_by_name["Dapr"]


@pytest.fixture(scope="module")
def stages(launch_module):
    all_ = Stages(launch_module)
    yield all_
    all_.close()


def like(got, expected):
    """Equal, where a text that ends in `...` states its beginning only."""
    if isinstance(expected, str) and expected.endswith("..."):
        return isinstance(got, str) and got.startswith(expected[:-3]) and (expected == "..." or len(got) > len(expected) - 3)
    if isinstance(expected, dict) and isinstance(got, dict):
        return got.keys() == expected.keys() and all(like(got[k], v) for k, v in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        return len(got) == len(expected) and all(map(like, got, expected))
    return got == expected


def ask_http(side, method, path, body=None, headers=None):
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return side.request(method, path, headers or {}, body)


def ask_grpc(side, method, asked, timeout=30):
    """The error of one call, or None when there was none."""
    kind = DAPR.methods_by_name[method]
    make, answer = message_factory.GetMessageClass(kind.input_type), message_factory.GetMessageClass(kind.output_type)
    messages = [json_format.ParseDict(one, make()) for one in (asked if isinstance(asked, list) else [asked])]
    with grpc.insecure_channel(f"127.0.0.1:{side.grpc}") as channel:
        form = ("stream" if kind.client_streaming else "unary") + "_" + ("stream" if kind.server_streaming else "unary")
        call = getattr(channel, form)(f"/{DAPR.full_name}/{method}", lambda m: m.SerializeToString(), answer.FromString)
        try:
            got = call(iter(messages) if kind.client_streaming else messages[0], timeout=timeout)
            if kind.server_streaming:
                list(got)
        except grpc.RpcError as error:
            return error
    return None


def details_of(error):
    """What HTTP would show of `grpc-status-details-bin`, after a check that it repeats code and message."""
    packed = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    if packed is None:
        return []
    status, out = status_pb2.Status.FromString(packed), []
    assert (status.code, status.message) == (error.code().value[0], error.details())
    for one in status.details:
        name = one.type_url.rpartition("/")[2]
        detail = getattr(error_details_pb2, name.rpartition(".")[2])()
        assert one.Unpack(detail), one.type_url
        shown = json_format.MessageToDict(detail, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        if "field_violations" in shown:
            shown["field_violations"] = [{k: v for k, v in item.items() if v and k in ("field", "description")} for item in shown["field_violations"]]
        out.append({"@type": "type.googleapis.com/" + name, **shown})
    return out


@pytest.mark.parametrize("row", ROWS)
def test_row(stages, row: Row):
    side = stages.get(row.stage)
    for first in row.first:
        assert ask_http(side, *first).status in (200, 204)
    if row.http:
        got = ask_http(side, *row.http)
        assert got.status == row.status, got.text
        assert got.header("content-type") == "application/json"
        if row.body is not None:
            assert like(got.json, row.body), got.text
        else:
            expected = {"errorCode": row.code, "message": row.message, **({"details": row.details} if row.details else {})}
            assert like(got.json, expected), f"{got.text}\nexpected {expected}"
            assert list(got.json) == list(expected), "order of members"
    if row.grpc:
        error = ask_grpc(side, *row.grpc)
        assert error is not None, "gRPC answered without an error"
        assert error.code().name == row.rpc, error
        assert like(error.details(), row.rpc_message or row.message), error.details()
        assert like(details_of(error), row.details_of_grpc()), f"{details_of(error)}\nexpected {row.details_of_grpc()}"
    assert row.http or row.grpc


def literals(pattern):
    found = set()
    for file in [*ROOT.glob("api/**/*.cpp"), *ROOT.glob("runtime/capabilities/**/*.cpp")]:
        if not file.name.endswith("_test.cpp"):
            found |= set(re.findall(pattern, file.read_text()))
    return found


def test_no_code_of_the_catalogue_lacks_a_row():
    shown = {row.code for table in TABLES for row in table.ROWS}
    shown |= {d["reason"] for table in TABLES for row in table.ROWS for d in row.details + (row.rpc_details or []) if "reason" in d}
    missing = literals(r'"((?:ERR|DAPR)_[A-Z_]+)"') - shown
    assert not missing, f"the code makes these, and no row shows them: {sorted(missing)}"


def test_rows_are_told_apart_and_what_is_not_provoked_has_a_reason():
    for table in TABLES:
        names = [row.name for row in table.ROWS]
        assert len(names) == len(set(names)), f"a name twice in {table.__name__}"
        assert all(one.code and one.reason for one in table.UNPROVOKED)
