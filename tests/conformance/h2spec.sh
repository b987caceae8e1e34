#!/usr/bin/env bash
# h2spec against our HTTP/2 server. Usage: tests/conformance/h2spec.sh <build directory>
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/conformance/tools.sh
build=${1:?usage: h2spec.sh <build directory>}
go_tool h2spec github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible

PORT=$(free_port)
start_server "$PORT" "$build/bin/mecha_http2_test_server" "$PORT"
out=$(timeout 250 "$TOOLS/h2spec" -h 127.0.0.1 -p "$PORT" -o 3 --strict 2>&1) || true
summary=$(grep -E '^[0-9]+ tests, ' <<<"$out" || true)
if [ -z "$summary" ]; then
  tail -n 20 <<<"$out" >&2
  echo "0 passed, 1 failed"
  exit 1
fi
read -r _ _ passed _ skipped _ failed _ <<<"$summary"
[ "$failed" = 0 ] || sed -n '/^Failures:/,$p' <<<"$out" >&2
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$skipped" = 0 ] && kill -0 "$SERVER"
