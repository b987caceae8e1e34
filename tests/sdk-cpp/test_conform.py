"""The fake of the C++ SDK does not lie: one list of calls has the same answers on it and on a daemon."""
import difflib, json, os, subprocess

from application import reply
from conftest import PROGRAMS
from sidecar import component

KEYS = json.dumps({"keys": [{"kty": "oct", "kid": kid, "k": material} for kid, material in
                            (("k1", "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8"), ("k2", "YWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8"))]})


def answers(side, **environment):
    done = subprocess.run([PROGRAMS / "mecha_sdk_conform", side], capture_output=True, text=True, errors="backslashreplace", timeout=120,
                          env={"PATH": os.environ["PATH"], **environment})
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return done.stdout.splitlines()


def test_the_fake_and_the_daemon_answer_alike(launch, redis_address):
    other = launch.app()
    other.on("/nothing", reply(404, b"Not Found")).on("/echo", lambda call: reply(200, call.received.body, Content_Type="text/plain"))
    launch.sidecar("other", app=other)
    secrets = launch.folder / "secrets.json"
    secrets.write_text(json.dumps({"password": "secret", "user": "me"}))
    daemon = launch.sidecar(resources=[
        component("store", "state.in-memory"), component("bus", "pubsub.in-memory"),
        component("vault", "secretstores.local.file", secretsFile=str(secrets)), component("locks", "lock.redis", redisHost=redis_address),
        component("conf", "configuration.redis", redisHost=redis_address, redisDB="13"),
        component("setter", "bindings.redis", redisHost=redis_address, redisDB="13"), component("crypto", "crypto.dapr.jwks", jwks=KEYS)])
    fake, real = answers("fake"), answers("sidecar", DAPR_GRPC_PORT=str(daemon.grpc))
    assert len(fake) > 120
    assert fake == real, "\n" + "\n".join(difflib.unified_diff(real, fake, "mechad", "fake", lineterm="", n=0))
