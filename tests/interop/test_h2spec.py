"""h2spec, the conformance program of HTTP/2, against the public port of mechad."""
import re
import subprocess


def test_the_public_port_keeps_the_http2_specification(mechad, go_program):
    out = subprocess.run([go_program("h2spec"), "-h", "127.0.0.1", "-p", str(mechad.port), "-P", "/v1.0/metadata", "-o", "3", "--strict"],
                         capture_output=True, text=True, timeout=280).stdout
    print(out)
    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", out)
    assert summary, out[-500:]
    tests, passed, skipped, failed = map(int, summary.groups())
    assert failed == 0 and tests > 140 and skipped <= 2, out[out.find("Failures:"):][:6000]
    assert mechad.process.poll() is None, "mechad did not survive h2spec"
