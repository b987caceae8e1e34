# What ./scripts/demo and ./scripts/test share: talking, installing, building, and stopping what was started.
# Sourced by bash; callers have set -euo pipefail.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/build
VENV=$BUILD/venv
STARTED_AT=$SECONDS

# The one list of Debian packages; docs/dependencies.md says what each is for.
BUILD_PACKAGES="clang-19 lld-19 llvm-19 libclang-rt-19-dev cmake ninja-build ccache pkg-config git
  libboost1.81-dev libnghttp2-dev libssl-dev libprotobuf-dev protobuf-compiler librdkafka-dev
  libhiredis-dev libsqlite3-dev libmariadb-dev libpq-dev libmongoc-dev libyaml-cpp-dev libexpat1-dev libre2-dev zlib1g-dev libcli11-dev catch2"
# For the C++ SDK and its tests only.
SDK_PACKAGES="clang-16 libclang-rt-16-dev g++ libgrpc++-dev protobuf-compiler-grpc nlohmann-json3-dev libasio-dev doxygen"
RUN_PACKAGES="redis-server python3 python3-venv openssl curl sqlite3 procps"
TEST_PACKAGES="clang-format-19 nginx-light wrk nghttp2-client libgrpc++-dev rabbitmq-server mosquitto nats-server etcd-server memcached mariadb-server-core postgresql-15
  mmdebstrap dpkg-dev systemd zsh fish iproute2"

if [ -t 1 ]; then BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else BOLD='' DIM='' RED='' GREEN='' YELLOW='' PLAIN=''; fi

minutes() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }
say() { printf '%s[%s]%s %s\n' "$DIM" "$(minutes $((SECONDS - STARTED_AT)))" "$PLAIN" "$*"; }
warn() { printf '%s[%s] %s%s\n' "$YELLOW" "$(minutes $((SECONDS - STARTED_AT)))" "$*" "$PLAIN"; }
die() { printf '%serror: %s%s\n' "$RED" "$*" "$PLAIN" >&2; exit 1; }

# Commands to run when the script ends, however it ends; the last one registered runs first.
EXIT_COMMANDS=()
at_exit() { EXIT_COMMANDS=("$*" ${EXIT_COMMANDS[@]+"${EXIT_COMMANDS[@]}"}); }
run_exit_commands() {
  local status=$? command
  trap - EXIT INT TERM HUP
  for command in ${EXIT_COMMANDS[@]+"${EXIT_COMMANDS[@]}"}; do eval "$command" || true; done
  exit "$status"
}
trap run_exit_commands EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Runs a command with its output in a log; on failure shows the end of the log.
quietly() {
  local log=$1; shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 && return 0
  local status=$?
  tail -n 40 "$log" >&2
  warn "failed: $* (log: $log)"
  return $status
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

missing_packages() {
  local name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || echo "$name"
  done
}

# Installs what is missing, and keeps Debian from starting the installed servers as services.
ensure_packages() {
  local missing blocked=''
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || die "this needs Debian 12 or these packages by other means: $(echo $missing)"
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || die "run as root or install sudo; missing packages: $(echo $missing)"
  say "installing Debian packages: $(echo $missing)"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    blocked=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod +x /usr/sbin/policy-rc.d
  fi
  local install="env DEBIAN_FRONTEND=noninteractive apt-get install -y -q -o Acquire::Retries=3 --no-install-recommends $(echo $missing)"
  local status=0
  quietly "$BUILD/logs/apt.log" as_root $install >/dev/null 2>&1 || {
    say "updating the package lists first"
    quietly "$BUILD/logs/apt-update.log" as_root apt-get update -q -o Acquire::Retries=3 || true
    quietly "$BUILD/logs/apt.log" as_root $install || status=$?
  }
  [ -z "$blocked" ] || as_root rm -f /usr/sbin/policy-rc.d
  [ $status = 0 ] || die "apt-get could not install: $(echo $missing)"
}

# Java is the user's own choice; with it, Kafka comes through Maven.
ensure_kafka() {
  if ! command -v java >/dev/null; then
    warn "Java is not installed: Kafka is left out. (apt-get install default-jre-headless maven)"
    return 1
  fi
  command -v mvn >/dev/null || ensure_packages maven
  python3 "$ROOT/scripts/servers.py" fetch-kafka
}

# A Python environment with the pinned requirements, rebuilt when they change.
ensure_venv() {
  local stamp=$VENV/requirements.sum sum
  sum=$(sha256sum "$ROOT/tests/requirements.txt" | cut -d' ' -f1)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && return 0
  say "making the Python environment in build/venv"
  rm -rf "$VENV"
  quietly "$BUILD/logs/venv.log" python3 -m venv "$VENV" || die "python3 -m venv failed"
  quietly "$BUILD/logs/pip.log" "$VENV/bin/pip" install -q --disable-pip-version-check -r "$ROOT/tests/requirements.txt" ||
    die "pip could not install tests/requirements.txt"
  echo "$sum" >"$stamp"
}

# build PRESET [target...]: configures when needed, builds, shows a line of progress every half minute.
build() {
  local preset=$1 log=$BUILD/logs/build-$1.log began=$SECONDS pid waited=0 status=0
  shift
  mkdir -p "$BUILD/logs"
  say "building $preset${*:+ ($*)}"
  quietly "$BUILD/logs/configure-$preset.log" cmake -S "$ROOT" --preset "$preset" || return 1
  nice cmake --build "$BUILD/$preset" ${*:+--target "$@"} >"$log" 2>&1 &
  pid=$!
  while kill -0 $pid 2>/dev/null; do
    sleep 1
    waited=$((waited + 1))
    [ $((waited % 30)) != 0 ] || say "  $preset $(grep -aoE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 1)"
  done
  wait $pid || status=$?
  if [ $status != 0 ]; then
    grep -aE -A6 'error:|FAILED:' "$log" | head -n 60 >&2
    warn "build of $preset failed (log: $log)"
    return 1
  fi
  say "built $preset in $(minutes $((SECONDS - began)))"
}

# build_sdk [target...]: the C++ SDK, by the oldest compiler that it is for; installed for those who use it. Without targets, its tests too.
SDK_PREFIX=$BUILD/sdk-prefix
build_sdk() {
  local began=$SECONDS
  say "building the C++ SDK"
  quietly "$BUILD/logs/configure-sdk.log" cmake -S "$ROOT/sdk-cpp" -B "$BUILD/sdk" -G Ninja -DMECHA_SDK_TESTS=ON -DMECHA_SDK_ALL_TESTS=ON -DCMAKE_CXX_COMPILER=clang++-16 &&
    quietly "$BUILD/logs/build-sdk.log" nice cmake --build "$BUILD/sdk" ${*:+--target "$@"} &&
    quietly "$BUILD/logs/install-sdk.log" cmake --install "$BUILD/sdk" --component sdk --prefix "$SDK_PREFIX" || return 1
  say "built the C++ SDK in $(minutes $((SECONDS - began)))"
}

# The Debian packages, in build/packages.
PACKAGES_PACKAGES="dpkg-dev clang-16 libgrpc++-dev protobuf-compiler-grpc nlohmann-json3-dev"
build_packages() {
  build release package &&
    quietly "$BUILD/logs/configure-sdk.log" cmake -S "$ROOT/sdk-cpp" -B "$BUILD/sdk" -G Ninja -DCMAKE_CXX_COMPILER=clang++-16 &&
    quietly "$BUILD/logs/package-sdk.log" nice cmake --build "$BUILD/sdk" --target package || return 1
  rm -rf "$BUILD/packages"
  mkdir -p "$BUILD/packages"
  cp "$BUILD"/release/packages/*.deb "$BUILD"/sdk/packages/*.deb "$BUILD/packages"
}

# The application in C++ of the demo, on the installed SDK.
build_payments() {
  quietly "$BUILD/logs/configure-payments.log" cmake -S "$ROOT/examples/orders/payments" -B "$BUILD/payments" -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$SDK_PREFIX" -DCMAKE_CXX_COMPILER=clang++-16 -DCMAKE_CXX_COMPILER_LAUNCHER=ccache &&
    quietly "$BUILD/logs/build-payments.log" nice cmake --build "$BUILD/payments"
}
