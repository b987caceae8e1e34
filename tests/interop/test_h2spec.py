"""h2spec, the conformance program of HTTP/2, against the public port of mechad."""
import re
import subprocess


# The application behind it reads the body and answers late, so that no stream is over before h2spec has misbehaved on it.
PATH = "/v1.0/invoke/interop/method/x"
# The port speaks HTTP/1.1 too: what is no HTTP/2 preface is a bad HTTP/1.1 request, gets its 400 and is cut off.
ALLOWED = {"Sends invalid connection preface"}


def test_the_public_port_keeps_the_http2_specification(mechad, go_program):
    out = subprocess.run([go_program("h2spec"), "-h", "127.0.0.1", "-p", str(mechad.port), "-P", PATH, "-o", "8", "--strict"],
                         capture_output=True, text=True, timeout=280).stdout
    print(out)
    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", out)
    assert summary, out[-500:]
    tests, passed, skipped, failed = map(int, summary.groups())
    failures = out[out.find("Failures:"):] if failed else ""
    names = re.findall(r"× \d+: (.*)", failures)
    broken = [name for name in names if name not in ALLOWED]
    assert not broken and len(names) == failed, f"{'; '.join(broken)}\n{failures[:6000]}"
    assert tests > 140 and skipped == 0, summary[0]
    assert mechad.process.poll() is None, "mechad did not survive h2spec"
