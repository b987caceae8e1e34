"""What the C++ SDK costs over a generated stub: a mixin of Bench. The floor is the stub, in turns with the SDK in one process."""
import json
import os
import subprocess
from pathlib import Path

from measure import ROOT

PROGRAM = Path(os.environ.get("MECHA_SDK_BUILD", ROOT / "build/sdk")) / "tests/mecha_sdk_bench"


class SdkFigures:
    def sdk(self):
        if not PROGRAM.exists():
            return self.skip(f"the figures of the C++ SDK need {PROGRAM.name} in build/sdk (./scripts/test sdk-cpp)")
        done = subprocess.run([PROGRAM, "100" if self.quick else "1000"], capture_output=True, text=True, timeout=300, check=True)
        got = json.loads(done.stdout)
        for name, what in (("blocking", "blocking, one at a time"), ("later", "with callbacks, 16 at a time")):
            self.row(f"C++ SDK, state get, {what}", got[f"sdk_{name}_us"], "us", got[f"raw_{name}_us"], "generated stub", 1.05)
        for name, what in (("", "a blocking get"), ("later_", "a get with a callback")):
            self.row(f"C++ SDK, allocations of {what}", got[f"sdk_{name}allocations"], "", got[f"raw_{name}allocations"], "generated stub", 1.05)
