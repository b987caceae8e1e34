"""`mecha doctor`: what stands in the way is found, named, and comes with a remedy."""
import contextlib, json, os, shutil, socket, ssl, subprocess, threading, time

import pytest

from conftest import MECHA, alive, free_port, name_of, wait_until


def component(name, kind, **metadata):
    items = ", ".join(f"{{name: {k}, value: {json.dumps(v)}}}" for k, v in metadata.items())
    return f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\nspec: {{type: {kind}, version: v1, metadata: [{items}]}}\n"


def doctor(tool, *words, code=None, **more):
    status, out, err = tool("doctor", *words, "-o", "json", **more)
    found = json.loads(out)
    assert status == (1 if any(f["grade"] == "problem" for f in found) else 0) and not err
    assert code is None or status == code, found
    assert all(f["remedy"] for f in found if f["grade"] in ("problem", "warning")), "each comes with a remedy"
    return found


def one(found, area, text):
    return next((f for f in found if f["area"] == area and text in f["text"]), None) or pytest.fail(f"no {area!r} with {text!r} in {found}")


def serve(listener, talk):
    """Each connection in a thread, until the listener is shut down. A client that only looked and left ends its connection alone."""
    def one(connection):
        with connection, contextlib.suppress(OSError):
            talk(connection)

    def work():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()
    threading.Thread(target=work, daemon=True).start()


@pytest.fixture
def server():
    """A server that answers each connection with what it is told: server(answer) gives its port."""
    sockets = []

    def start(answer):
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def talk(connection):
            connection.settimeout(3)
            try:
                connection.recv(100)
            except OSError:
                pass
            connection.sendall(answer() if callable(answer) else answer)
        serve(listener, talk)
        return listener.getsockname()[1]
    yield start
    for listener in sockets:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def clock(offset=0):
    seconds = str(int(time.time()) + offset)
    return f"*2\r\n${len(seconds)}\r\n{seconds}\r\n$1\r\n0\r\n".encode()


def test_every_area_is_looked_at(tool):
    found = doctor(tool)
    assert {f["area"] for f in found} >= {"versions", "ports", "registry", "folders", "limits", "clock", "backends"}
    assert one(found, "versions", "is of the same build")["grade"] == "ok"
    assert one(found, "backends", "no resources folder")["grade"] == "not checked"
    assert [f for f in found if f["area"] == "limits" and f["text"].startswith("open files")]
    status, table, _ = tool("doctor")
    lines = table.splitlines()  # what it says of the host may have changed since the run above
    assert lines[-1].startswith(f"{sum(line.startswith('problem ') for line in lines)} problems, ")


def test_servers_of_components(tool, server):
    good, odd = server(lambda: clock()), server(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    tool.write("resources/a.yaml", "---\n".join([
        component("good", "state.redis", redisHost=f"127.0.0.1:{good}"), component("odd", "lock.redis", redisHost=f"127.0.0.1:{odd}"),
        component("gone", "pubsub.rabbitmq", connectionString="amqp://u:p@127.0.0.1:1/"), component("nowhere", "pubsub.kafka", brokers="no-such-host.invalid:9092"),
        component("file", "state.sqlite", connectionString="state.db"),
    ]))
    found = doctor(tool, "--no-open", code=1)
    assert one(found, "backends", "good (state.redis)")["text"].endswith("Redis answers")
    assert one(found, "clock", "agrees with that of")["grade"] == "ok"
    assert one(found, "backends", "odd (lock.redis)")["grade"] == "warning"
    gone = one(found, "backends", "gone (pubsub.rabbitmq): 127.0.0.1:1: Connection refused")
    assert gone["grade"] == "problem" and "a.yaml:" in gone["remedy"]
    assert one(found, "backends", "nowhere (pubsub.kafka)")["grade"] == "problem"
    assert not [f for f in found if "file (" in f["text"]]


def test_a_clock_that_differs(tool, server):
    tool.write("resources/a.yaml", component("store", "state.redis", redisHost=f"127.0.0.1:{server(lambda: clock(-3600))}"))
    differs = one(doctor(tool, "--no-open"), "clock", "differs by -3")
    assert differs["grade"] == "warning" and "time service" in differs["remedy"]


def test_a_server_that_says_nothing_costs_no_more_than_the_limit(tool):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tool.write("resources/a.yaml", "---\n".join(component(f"s{i}", "state.redis", redisHost=f"127.0.0.1:{silent.getsockname()[1]}") for i in range(5)))
        began = time.monotonic()
        found = doctor(tool, "--no-open")
        assert time.monotonic() - began < 10
    assert sum("does not answer like Redis" in f["text"] for f in found) == 5


CONNACK, WRONG_PASSWORD = b"\x20\x02\x00\x00", b"\x20\x02\x00\x04"
SECRETS = component("vault", "secretstores.local.file", secretsFile="secrets.json")


def with_secret(name, kind, item, secret, store="vault"):
    """A component of which one value comes from a secret."""
    return component(name, kind).replace("metadata: []}", f"metadata: [{{name: {item}, secretKeyRef: {{name: {secret}, key: {secret}}}}}]}}\nauth: {{secretStore: {store}}}")


def test_components_are_started_with_their_credentials(tool, server):
    good, bad = f"tcp://u:p@127.0.0.1:{server(CONNACK)}", f"tcp://u:wrong@127.0.0.1:{server(WRONG_PASSWORD)}"
    tool.write("secrets.json", json.dumps({"good": good})).chmod(0o600)
    tool.write("resources/a.yaml", "---\n".join([
        component("bad", "pubsub.mqtt3", url=bad), with_secret("good", "pubsub.mqtt3", "url", "good"), SECRETS, component("file", "state.sqlite", connectionString="state.db"),
        with_secret("lost", "pubsub.mqtt3", "url", "good", "nobody"), component("kafka", "pubsub.kafka", brokers=f"127.0.0.1:{server(b'HTTP/1.1 400 Bad Request')}", authType="none"),
        component("other", "state.nothing"), component("dup", "pubsub.mqtt3", url=good),
    ]))
    found = doctor(tool, code=1)
    assert one(found, "backends", "good (pubsub.mqtt3): starts")["grade"] == "ok", "its address comes from a secret"
    assert one(found, "backends", "vault (secretstores.local.file): starts, and answers a read")["grade"] == "ok"
    refused = one(found, "backends", "bad (pubsub.mqtt3) does not start")
    assert refused["grade"] == "problem" and "bad user name or password" in refused["text"] and "correct user and password" in refused["remedy"] and "a.yaml:1" in refused["remedy"]
    assert "its secret store nobody is not there" in one(found, "backends", "lost (pubsub.mqtt3) does not start")["text"]
    assert "no Kafka broker answers there" in one(found, "backends", "kafka (pubsub.kafka) does not start")["remedy"]
    assert one(found, "backends", "other (state.nothing)")["grade"] == "not checked", "a process of its own may offer it"
    assert not (tool.folder / "state.db").exists()
    assert not [f for f in doctor(tool, "--no-open") if "start" in f["text"] and f["area"] == "backends"]


def test_a_session_of_mqtt_that_runs_is_left_alone(tool):
    """A broker ends the session of whoever has the id already, so the doctor takes one of its own."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def talk(connection):
            asked.append(connection.recv(1000))
            connection.sendall(CONNACK)
            connection.recv(100)
        serve(listener, talk)
        tool.write("resources/a.yaml", component("bus", "pubsub.mqtt3", url=f"tcp://127.0.0.1:{listener.getsockname()[1]}", consumerID="the-running-one"))
        assert one(doctor(tool), "backends", "bus (pubsub.mqtt3): starts")["grade"] == "ok"
        listener.shutdown(socket.SHUT_RDWR)
    assert any(b"mecha-doctor-" in packet for packet in asked) and not any(b"the-running-one" in packet for packet in asked)


def test_a_server_that_says_nothing_is_named(tool):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tool.write("resources/a.yaml", component("bus", "pubsub.mqtt3", url=f"tcp://127.0.0.1:{silent.getsockname()[1]}"))
        assert "is the port right?" in one(doctor(tool, code=1), "backends", "bus (pubsub.mqtt3) does not start: init timeout")["remedy"]


def test_a_driver_that_goes_on_waiting_for_a_server_that_says_nothing(tool):
    """The start is given up before the driver gives up; the tool waits for its thread all the same."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"me:word@tcp(127.0.0.1:{silent.getsockname()[1]})/"
        tool.write("resources/a.yaml", component("db", "state.mysql", connectionString=address).replace("spec: {", "spec: {initTimeout: 100ms, "))
        assert "is the port right?" in one(doctor(tool, code=1), "backends", "db (state.mysql) does not start: init timeout")["remedy"]


def test_a_certificate_of_an_unknown_authority(tool):
    """The handshake is made and the certificate checked, with the authority that the component names."""
    if shutil.which("openssl") is None:
        pytest.fail("openssl makes the certificate of this test")
    key, file = tool.folder / "key.pem", tool.folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", file, "-days", "90", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], capture_output=True, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def talk(connection):
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(1000)
                    secure.sendall(CONNACK)
                    secure.recv(100)
            except OSError:
                pass
        serve(listener, talk)
        url = f"ssl://127.0.0.1:{listener.getsockname()[1]}"
        tool.write("resources/a.yaml", "---\n".join([component("stranger", "pubsub.mqtt3", url=url), component("known", "pubsub.mqtt3", url=url, caCert=file.read_text())]))
        found = doctor(tool, code=1)
        listener.shutdown(socket.SHUT_RDWR)
    stranger = one(found, "backends", "stranger (pubsub.mqtt3) does not start")
    assert "signed by unknown authority" in stranger["text"] and "the certificate of its authority" in stranger["remedy"]
    assert one(found, "backends", "known (pubsub.mqtt3): starts")["grade"] == "ok"


def test_entries_of_the_dead_and_those_who_do_not_answer(tool, tmp_path):
    name = name_of(tmp_path)
    process = tool.start("run", "-a", name, "--", "sleep", "1000")
    assert name in one(doctor(tool), "registry", "has ")["text"]
    daemon = next(i for i in tool.json("list") if i["appId"] == name)["daprdPid"]
    os.kill(daemon, 9)
    wait_until(lambda: not alive(daemon) and process.poll() is not None, "the end")
    dead = one(doctor(tool), "registry", "entries of sidecars that died")
    assert dead["grade"] == "warning" and name in dead["text"]


def test_a_default_port_that_is_held(tool):
    try:
        held = socket.create_server(("127.0.0.1", 3500))
    except OSError:
        held = None  # somebody else does already
    try:
        port = one(doctor(tool), "ports", "port 3500")
        assert "is held by" in port["text"]
        if held:
            assert f"(pid {os.getpid()})" in port["text"] and port["grade"] == "warning" and "--dapr-http-port" in port["remedy"]
    finally:
        if held:
            held.close()


def test_a_registry_that_others_can_write(tool):
    (tool.folder / "registry").mkdir()
    (tool.folder / "registry").chmod(0o777)
    assert one(doctor(tool, code=1), "registry", "can be written by other users")["grade"] == "problem"


def test_resources_that_cannot_be_read(tool):
    tool.write("resources/a.yaml", "kind: Component\nmetadata: {name: x\n")
    assert "mecha check" in one(doctor(tool, code=1), "resources", "a.yaml cannot be read")["remedy"]
    assert one(doctor(tool, "--resources-path", "nope", code=1), "resources", "the folder nope does not exist")


def test_secrets_that_others_can_read(tool):
    secrets = tool.write("secrets.json", "{}")
    secrets.chmod(0o644)
    tool.write("resources/a.yaml", component("sec", "secretstores.local.file", secretsFile=str(secrets)))
    assert one(doctor(tool), "folders", "can be read by other users")["remedy"] == f"chmod 600 {secrets}"


def test_certificates(tool):
    if shutil.which("openssl") is None:
        pytest.fail("openssl makes the certificate of this test")
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", os.devnull, "-days", "5", "-subj", "/CN=x"], capture_output=True, text=True, check=True).stdout
    file = tool.write("ca.pem", made)
    tool.write("resources/a.yaml", "---\n".join([component("one", "pubsub.mqtt3", url="tcp://127.0.0.1:1", caCert=made), component("two", "secretstores.hashicorp.vault", vaultAddr="http://127.0.0.1:1", caCert=str(file))]))
    found = doctor(tool)
    for name in ("one (pubsub.mqtt3)", "two (secretstores.hashicorp.vault)"):
        assert one(found, "certificates", name)["grade"] == "warning" and "ends in " in one(found, "certificates", name)["text"]


def test_few_open_files(tool):
    out = subprocess.run(["sh", "-c", f"ulimit -n 512; exec {MECHA} doctor -o json"], cwd=tool.folder, env=tool.env, capture_output=True, text=True).stdout
    files = one(json.loads(out), "limits", "open files: 512")
    assert files["grade"] == "problem" and "ulimit -n" in files["remedy"]


def test_a_daemon_that_is_not_there(tool):
    missing = one(doctor(tool, env={"MECHA_DAEMON": "/nowhere"}, code=1), "versions", "MECHA_DAEMON names /nowhere")
    assert "unset it" in missing["remedy"]


def test_a_daemon_of_another_build(tool):
    other = tool.write("mechad", "#!/bin/sh\nprintf 'Version: 1.18.3\\nGit Commit: 0000000\\nGit Version: mecha-0.0.1\\n'\n")
    other.chmod(0o755)
    assert one(doctor(tool, env={"MECHA_DAEMON": str(other)}), "versions", "of another build")["grade"] == "warning"
