"""The languages of the SDK run: how each one's packages come to the user's cache, and the command that runs its program."""
import hashlib, os, shutil, subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mecha/sdk"


class Missing(Exception):
    """The tool chain or the packages of a language are not there; the text says what."""


@dataclass
class Language:
    name: str
    folder: str
    faces: tuple  # of the application: what the sidecar calls it with
    packages: str
    tools: tuple
    lock: tuple  # files that decide about the packages
    prepare: object  # (source folder, cache folder) -> command without the face

    def command(self):
        """The program with its packages in place; the packages are fetched when what is in the cache is not what the files ask for."""
        for tool in self.tools:
            if not shutil.which(tool):
                raise Missing(f"{tool} is not installed")
        return self.prepare(HERE / self.folder, CACHE / self.folder, self.stale())

    def stale(self):
        """Whether the cache must be filled anew; the caller of `filled` says when it is."""
        return self._stamp().read_text() != self._sum() if self._stamp().exists() else True

    def filled(self):
        self._stamp().write_text(self._sum())

    def _stamp(self):
        return CACHE / f"{self.folder}.sum"

    def _sum(self):
        return hashlib.sha256(b"".join((HERE / self.folder / name).read_bytes() for name in self.lock)).hexdigest()


def run(words, folder, limit_s=400, **environment):
    got = subprocess.run([str(w) for w in words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit_s,
                         env={**os.environ, **environment})
    if got.returncode:
        raise Missing(f"{' '.join(str(w) for w in words[:3])} failed: {got.stdout[-600:]}")


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def python(source, cache, stale):
    if stale:
        fresh(cache)
        run(["python3", "-m", "venv", cache], source)
        run([cache / "bin/pip", "install", "-q", "--disable-pip-version-check", "-r", source / "requirements.txt"], source)
    return [cache / "bin/python", source / "main.py"]


def javascript(source, cache, stale):
    if stale:
        fresh(cache)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, cache / name)
        run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cache)
    for file in source.glob("*.js"):  # node looks for packages beside the program
        shutil.copy(file, cache / file.name)
    return ["node", cache / "main.js"]


def go(source, cache, stale):
    cache.mkdir(parents=True, exist_ok=True)
    run(["go", "build", "-o", cache / "program", "."], source, GOFLAGS="-mod=readonly -buildvcs=false", GOTOOLCHAIN="local")
    return [cache / "program"]


def java(source, cache, stale):
    if stale:
        fresh(cache)
        run(["mvn", "-B", "-q", "-f", source / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={cache}/libs"], cache)
    run(["javac", "-nowarn", "-d", cache / "classes", "-cp", f"{cache}/libs/*", *sorted(source.glob("*.java"))], cache)
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{cache}/classes:{cache}/libs/*", "Main"]


def rust(source, cache, stale):
    cache.mkdir(parents=True, exist_ok=True)
    run(["cargo", "build", "--locked", "--quiet"], source, CARGO_TARGET_DIR=str(cache))
    return [cache / "debug/mecha-sdk-rust"]


LANGUAGES = (
    Language("Python", "python", ("http", "grpc"), "`dapr`, `dapr-ext-grpc`, `dapr-ext-fastapi`; `grpcio-reflection`", ("python3",), ("requirements.txt",), python),
    Language("JavaScript", "javascript", ("http", "grpc"), "`@dapr/dapr`", ("node", "npm"), ("package.json", "package-lock.json"), javascript),
    Language("Go", "go", ("http", "grpc"), "`github.com/dapr/go-sdk`; `github.com/jhump/protoreflect`", ("go",), ("go.mod", "go.sum"), go),
    Language("Java", "java", ("grpc",), "`io.dapr:dapr-sdk`", ("java", "javac", "mvn"), ("pom.xml",), java),
    Language("Rust", "rust", ("grpc",), "`dapr`", ("cargo",), ("Cargo.toml", "Cargo.lock"), rust),
)
