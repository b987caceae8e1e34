"""Flags, their errors, and exit codes (contract 06, 1.1, 1.2 and 1.5)."""
import os, re, signal, socket

import pytest

from sidecar import component, free_port, run_daemon, wait_until


# arguments -> the last line on stderr
SYNTAX = [
    ("unknown", ["--no-such-flag"], "unknown flag: --no-such-flag"), ("unknown, one dash", ["-no-such-flag"], "unknown flag: --no-such-flag"), ("unknown with a value", ["--nothing=1"], "unknown flag: --nothing"),
    ("no value", ["--app-id"], "flag needs an argument: --app-id"), ("no number", ["--app-max-concurrency", "x"], 'invalid argument "x" for "--app-max-concurrency" flag: '),
    ("no bool", ["--enable-mtls=maybe"], 'invalid argument "maybe" for "--enable-mtls" flag: '), ("no duration", ["--app-binding-options-timeout", "5"], 'invalid argument "5" for "--app-binding-options-timeout" flag: '),
    ("one letter", ["-x"], "unknown shorthand flag: 'x' in -x"), ("three dashes", ["---app-id", "x"], "bad flag syntax: ---app-id"), ("too large", ["--app-health-threshold", "9223372036854775808"], 'invalid argument "9223372036854775808" for "--app-health-threshold" flag: strconv.ParseInt: parsing "9223372036854775808": value out of range'),
    ("negative uint", ["--scheduler-job-streams", "-1"], 'invalid argument "-1" for "--scheduler-job-streams" flag: '),
]


@pytest.mark.parametrize("flags,text", [row[1:] for row in SYNTAX], ids=[row[0] for row in SYNTAX])
def test_a_parse_error(flags, text):
    code, _, err = run_daemon(*flags)
    assert code == 2
    assert any(line.startswith(text) for line in err.strip().splitlines()[-2:]), err


def test_a_suggestion():
    code, _, err = run_daemon("--dapr-http-prot", "1")
    assert code == 2 and err.endswith("unknown flag: --dapr-http-prot\n") and "did you mean --dapr-http-port?" in err


@pytest.mark.parametrize("flag", ["--help", "-help", "--version", "-version", "--build-info"])
def test_flags_that_print(flag):
    code, out, err = run_daemon(flag)
    assert code == 0
    if "version" in flag:
        assert re.fullmatch(r"\d+\.\d+\.\d+", out.strip())
    elif "build" in flag:
        assert [line.split(":")[0] for line in out.strip().splitlines()] == ["Version", "Git Commit", "Git Version"]
    else:
        assert "--app-id" in out + err


def fails(launch, *flags, env=None, app_id="app", resources=""):
    """The log of a daemon that ends with 1."""
    one = launch.sidecar(app_id, flags=flags, env=env or {}, ready="", resources=resources)
    assert one.wait(20) == 1, one.log()
    (line,) = [x for x in one.log().splitlines() if "level=fatal" in x]
    return line.replace('\\"', '"')


FATAL = "Fatal error from runtime: "
START = [
    ("app id with a dot", [], "a.b", FATAL + "parameter app-id cannot contain dots"), ("no app id", [], "", FATAL + "parameter app-id cannot be empty"),
    ("http port", ["--dapr-http-port", "x"], "app", FATAL + "error parsing dapr-http-port flag: "), ("grpc port", ["--dapr-grpc-port", "x"], "app", FATAL + "error parsing dapr-grpc-port flag: "),
    ("profile port", ["--profile-port", "x"], "app", FATAL + "error parsing profile-port flag: "), ("internal port", ["--dapr-internal-grpc-port", "x"], "app", FATAL + "error parsing dapr-internal-grpc-port: "),
    ("public port", ["--dapr-public-port", "x"], "app", FATAL + "error parsing dapr-public-port: "), ("app port", ["--app-port", "x"], "app", FATAL + "error parsing app-port: "), ("metrics port", ["--metrics-port", "x"], "app", "failed to parse metrics port: "),
    ("protocol", ["--app-protocol", "ftp"], "app", FATAL + "invalid value for 'app-protocol': ftp"), ("mode", ["--mode", "other"], "app", FATAL + "invalid mode: other"),
    ("init endpoint", ["--disable-init-endpoints", "else"], "app", FATAL + "invalid value for 'disable-init-endpoints': else"),
    ("probe timeout", ["--app-health-probe-timeout", "6000"], "app", FATAL + "value for 'health-probe-timeout' must be smaller than 'health-probe-interval'"),
    ("missing resources", ["--resources-path", "/dev/null/missing"], "app", FATAL + "failed to create watcher: "), ("missing configuration", ["--config", "/dev/null/missing"], "app", FATAL + "error loading configuration: "),
    ("body size", ["--max-body-size", "many"], "app", "Failed to parse flags: invalid value for 'max-body-size' option: "), ("buffer size", ["--read-buffer-size", "1.5"], "app", "Failed to parse flags: invalid value for 'read-buffer-size' option: "),
    ("disseminate timeout", ["--actors-disseminate-timeout", "0s"], "app", "Failed to parse flags: invalid value for 'actors-disseminate-timeout' option: must be positive, got 0s"), ("log level", ["--log-level", "loud"], "app", "invalid value for --log-level: loud"),
]


@pytest.mark.parametrize("flags,app_id,text", [row[1:] for row in START], ids=[row[0] for row in START])
def test_a_start_error(launch, flags, app_id, text):
    assert text in fails(launch, *flags, app_id=app_id)


@pytest.mark.parametrize("api", ["http", "grpc"])
def test_the_app_port_is_an_api_port(launch, api):
    one = launch.sidecar(start=False, ready="")
    port = getattr(one, api)
    one.flags = ("--app-port", port)
    one.start()
    assert one.wait() == 1
    assert f"the 'dapr-{api}-port' argument value {port} conflicts with 'app-port'" in one.log()


def test_a_port_that_is_taken(launch):
    import socket
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = launch.sidecar(flags=("--dapr-http-port", taken.getsockname()[1]), ready="")
        assert one.wait(30) == 1
        assert "could not listen on any endpoint" in one.log()


ACCEPTED = [["-enable-api-logging"], ["--enable-mtls=false"], ["--enable-metrics=F"], ["--app-max-concurrency=-1"], ["--resources-path", "{d}", "--resources-path={d},{d}"], ["stray", "words"], ["--actors-service", "placement:x"], ["--app-health-probe-interval", "0"],
            ["--app-health-threshold=-3"], ["--app-health-threshold=0x10"], ["--max-body-size", "-1"], ["--app-protocol", "HTTP"], ["--app-protocol", ""], ["--placement-host-address", ""], ["--dapr-listen-addresses", "127.0.0.1,[::1]"]]


@pytest.mark.parametrize("flags", ACCEPTED, ids=" ".join)
def test_accepted(launch, flags):
    one = launch.sidecar(flags=tuple(f.format(d=launch.folder) for f in flags))
    assert one.alive


DEPRECATED = [(["--dapr-http-max-request-size", "5"], "dapr-http-max-request-size"), (["--dapr-http-read-buffer-size", "8"], "dapr-http-read-buffer-size"), (["--components-path", "/tmp"], "components-path"), (["--app-ssl"], "app-ssl")]


@pytest.mark.parametrize("flags,name", DEPRECATED, ids=[row[1] for row in DEPRECATED])
def test_deprecated(launch, flags, name):
    one = launch.sidecar(flags=tuple(f if f != "/tmp" else str(launch.folder) for f in flags))
    assert f"Flag --{name} has been deprecated, " in one.log()


@pytest.mark.parametrize("sign,name", [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupt")])
def test_a_signal_ends_it_gracefully(launch, sign, name):
    one = launch.sidecar(resources=[component("s", "state.in-memory")])
    one.signal(sign)
    assert one.wait() == 0
    assert f"Received signal '{name}'; beginning shutdown" in one.log()
    assert "Shutting down component s (state.in-memory/v1)" in one.log()
    assert one.log().strip().splitlines()[-1].count("Daprd shutdown gracefully") == 1


@pytest.mark.parametrize("name", ["{folder}/notify", "@mecha-{port}"], ids=["a path", "an abstract name"])
def test_the_service_manager_is_told(launch, tmp_path, name):
    """By sd_notify(3): ready when the API serves, and when the end begins."""
    name = name.format(folder=tmp_path, port=free_port())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(30)
        one = launch.sidecar(ready="", env={"NOTIFY_SOCKET": name})
        assert manager.recv(100) == b"READY=1"
        assert one.get("/v1.0/healthz").status == 204
        one.signal(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert one.wait() == 0


def test_wait_ends_when_a_sidecar_is_ready_for_calls_out(launch):
    one = launch.sidecar()
    assert run_daemon("--wait", "--dapr-http-port", one.http)[0] == 0


def test_its_own_environment_is_visible_to_component_code(launch):
    one = launch.sidecar(resources=[component("env", "secretstores.local.env")], app=launch.app())
    assert one.get("/v1.0/secrets/env/APP_ID").json == {"APP_ID": "app"}
    assert one.get("/v1.0/secrets/env/APP_PORT").json == {"APP_PORT": str(one.app.port)}
    assert one.get("/v1.0/secrets/env/HOST_ADDRESS").json == {"HOST_ADDRESS": "127.0.0.1"}


def test_the_internal_port_is_stable(launch):
    """By the formula of contract 06, 1.3. The id is one whose port no outgoing connection of this machine can hold."""
    import hashlib, socket
    folder = launch.folder / "same"

    def port_of(app_id):
        digest = hashlib.sha256(f"{app_id}|{folder}|{os.getuid()}|{socket.gethostname()}".encode()).digest()
        return 47300 + (digest[0] | digest[1] << 8) % (65535 - 47300)
    app_id = next(n for n in (f"app-{i}" for i in range(10_000)) if port_of(n) > 61_000)
    folder.mkdir()
    for _ in range(2):
        one = launch.sidecar(app_id, flags=("--dapr-internal-grpc-port", "0"), start=False)
        one.folder = folder
        one.start()
        assert f"Internal gRPC server is running on :{port_of(app_id)}" in one.log()
        assert one.stop() == 0
