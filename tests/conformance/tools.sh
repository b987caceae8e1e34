# What the conformance scripts share: programs built with Go, and a server under test. Sourced by bash.

TOOLS=$PWD/build/tools
SERVER=''

# go_tool name module@version: builds it once into build/tools.
go_tool() {
  [ -x "$TOOLS/$1" ] && return 0
  command -v go >/dev/null || { echo "Go is not installed: cannot build $1" >&2; exit 1; }
  mkdir -p "$TOOLS"
  GOBIN=$TOOLS GOFLAGS=-buildvcs=false go install "$2" >"$TOOLS/$1.log" 2>&1 || { tail -n 5 "$TOOLS/$1.log" >&2; exit 1; }
}

# start_server port command...: returns once it listens; SERVER is its process.
start_server() {
  local port=$1; shift
  "$@" >/dev/null 2>&1 &
  SERVER=$!
  for _ in $(seq 1200); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
    sleep 0.05
  done
  echo "$1 does not listen on port $port" >&2
  exit 1
}

stop_server() {
  [ -n "$SERVER" ] || return 0
  kill "$SERVER" 2>/dev/null || true
  wait "$SERVER" 2>/dev/null || true
  SERVER=''
}
trap stop_server EXIT

free_port() { PYTHONPATH=scripts PYTHONDONTWRITEBYTECODE=1 python3 -c 'import server_base; print(server_base.free_port())'; }
