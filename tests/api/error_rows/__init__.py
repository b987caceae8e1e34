"""The contract's error tables as data, one file per capability: `ROWS`, and `UNPROVOKED` with reasons."""
from error_rows import access, bindings, configuration, crypto, invocation, lock, pubsub, secrets, state, unconfigured

TABLES = [access, bindings, configuration, crypto, invocation, lock, pubsub, secrets, state, unconfigured]


def counts():
    """One line for the report of a run."""
    rows = [row for table in TABLES for row in table.ROWS]
    return (f"error rows: {len(rows)}, {sum(bool(r.http) for r in rows)} through HTTP, {sum(bool(r.grpc) for r in rows)} through gRPC; "
            f"not provoked: {sum(len(t.UNPROVOKED) for t in TABLES)} (reasons in tests/api/error_rows)")
