#!/usr/bin/env bash
# gRPC's own interop client against our server, and ours against its server.
# Usage: tests/conformance/grpc_interop.sh <build directory>
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/conformance/tools.sh
build=${1:?usage: grpc_interop.sh <build directory>}
go_tool client google.golang.org/grpc/interop/client@v1.85.0
go_tool server google.golang.org/grpc/interop/server@v1.85.0

cases="empty_unary large_unary client_streaming server_streaming ping_pong empty_stream timeout_on_sleeping_server
  cancel_after_begin cancel_after_first_response status_code_and_message special_status_message custom_metadata
  unimplemented_method unimplemented_service"
passed=0 failed=0

judge() {  # name, command...
  local name=$1 out; shift
  if out=$(timeout 60 "$@" 2>&1); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf '%s failed: %s\n' "$name" "$(tail -n 3 <<<"$out")" >&2
  fi
}

PORT=$(free_port)
start_server "$PORT" "$build/tests/interop_server" --port "$PORT"
for case in $cases; do
  judge "their client, $case" "$TOOLS/client" --server_host=127.0.0.1 --server_port="$PORT" --use_tls=false --test_case="$case"
done
stop_server

PORT=$(free_port)
start_server "$PORT" "$TOOLS/server" --port="$PORT" --use_tls=false
for case in $cases; do
  judge "our client, $case" "$build/tests/interop_client" --host 127.0.0.1 --port "$PORT" --case "$case"
done
stop_server

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
