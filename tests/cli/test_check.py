"""`mecha components`, `describe` and `check`."""
import json, subprocess

import pytest

from conftest import MECHA

GOOD = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: bus}\nspec: {type: pubsub.in-memory, version: v1}\n"


def findings(tool, path="resources", code=1):
    status, out, err = tool("check", path, "-o", "json")
    assert status == code, (out, err)
    return json.loads(out)


def test_components_are_those_of_the_daemon(tool):
    told = json.loads(subprocess.run([MECHA.parent / "mechad", "--describe", "json"], capture_output=True, text=True).stdout)
    assert tool.json("components") == told
    assert {c["type"].split(".")[0] for c in tool.json("components", "state")} == {"state"}
    assert "pubsub.kafka" in tool("components", "pubsub")[1], "those of modules are among them"
    status, _, err = tool("components", "stat")
    assert status == 1 and 'there is no category "stat"' in err and "pubsub" in err


def test_describe_shows_every_setting(tool):
    page = tool("describe", "state.redis")[1]
    for field in tool.json("describe", "state.redis")[0]["fields"]:
        assert field["name"] in page
    status, _, err = tool("describe", "state.reddis")
    assert status == 1 and "did you mean state.redis?" in err


def test_good_files_have_no_findings(tool):
    tool.write("resources/a.yaml", GOOD)
    assert findings(tool, code=0) == []
    status, out, _ = tool("check", "resources")
    assert status == 0 and out == "1 files, 1 components, 0 errors, 0 warnings\n"


def test_everything_wrong_is_told_with_place_and_fix(tool):
    tool.write("resources/a.yaml", GOOD + """---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: bus}
spec:
  type: state.redis
  version: v1
  metadata:
  - {name: redisHots, value: "localhost:6379"}
  - {name: poolSize, value: many}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: other}
spec: {type: state.reddis, version: v1}
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: sub}
spec: {pubsubname: buss, topic: t, routes: {rules: [{match: 'event.type ==', path: /x}], default: /y}}
---
kind: Componnent
""")
    tool.write("resources/b.yaml", "a: [\n")
    found = findings(tool)
    assert "did you mean redisHost?" in [f["fix"] for f in found if "redisHots" in f["text"]]
    assert next(f for f in found if "redisHots" in f["text"])["line"] == 13, found
    assert any("two components are called" in f["text"] and f["level"] == "error" for f in found)
    assert any("state.reddis" in f["text"] and f["fix"] == "did you mean state.redis?" for f in found)
    assert any('"buss"' in f["text"] and f["fix"] == "did you mean bus?" for f in found)
    assert any("event.type ==" in f["text"] for f in found)
    assert any("Componnent" in f["text"] and f["fix"] == "did you mean Component?" for f in found)
    assert any(f["file"].endswith("b.yaml") and f["level"] == "error" for f in found)


def test_components_of_modules_are_checked_too(tool):
    tool.write("resources/k.yaml", GOOD.replace("pubsub.in-memory", "pubsub.kafka"))
    assert any("brokers" in f["text"] for f in findings(tool))


@pytest.mark.parametrize("text, what, fix", [
    ("spec: {}\ntype: state.redis\n", "component \"bus\" has no type", "spec: {type: state.redis, version: v1}"),
    ("type: state.redis\n", "type is not a field of a Component", "it belongs into spec"),
    ("spec: {type: state.redis, version: v1, scopes: [a]}\n", "spec.scopes is not a field", "it belongs beside spec"),
    ("spec: {type: state.redis, version: v2}\n", "couldn't find state store state.redis/v2", "of state.redis there is v1"),
])
def test_slips_of_new_users(tool, text, what, fix):
    tool.write("resources/a.yaml", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: bus}\n" + text)
    found = json.loads(tool("check", "resources", "-o", "json")[1])
    assert any(what in f["text"] and fix in f["fix"] for f in found), found


def test_a_folder_without_resource_files(tool):
    tool.write("resources/a.txt", "kind: Component\n")
    found = findings(tool)
    assert [f["level"] for f in found] == ["error", "warning"] and "no resource file (*.yaml, *.yml)" in found[0]["text"] and "a.txt" in found[1]["file"]


def test_a_path_that_is_not_there(tool):
    status, _, err = tool("check", "nope")
    assert status == 1 and "nope does not exist" in err and "remedy:" in err


def test_values_from_the_environment(tool):
    item = "  metadata:\n  - {name: redisHost, envRef: T_HOST}\n  - {name: redisDB, envRef: T_NUMBER}\n"
    tool.write("resources/a.yaml", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: s}\nspec:\n  type: state.redis\n  version: v1\n" + item)
    found = findings(tool, code=0)
    assert [(f["line"], f["level"]) for f in found] == [(8, "warning"), (9, "warning")] and "T_HOST, which is not set here" in found[0]["text"]
    status, out, _ = tool("check", "resources", "-o", "json", env={"T_HOST": "h:1", "T_NUMBER": "many"})
    assert status == 1 and [f["line"] for f in json.loads(out)] == [9] and "redisDB must be a whole number" in out
    assert tool("check", "resources", env={"T_HOST": "h:1", "T_NUMBER": "3"})[0] == 0
    tool.write("resources/a.yaml", (tool.folder / "resources/a.yaml").read_text().replace("T_HOST", "DAPR_HOST"))
    assert any("may not read the variable DAPR_HOST" in f["text"] for f in json.loads(tool("check", "resources", "-o", "json", env={"T_NUMBER": "3"})[1]))


def test_placeholders_are_filled_in(tool):
    tool.write("resources/a.yaml", GOOD.replace("pubsub.in-memory, version: v1", "pubsub.redis, version: v1, metadata: [{name: redisHost, value: '{namespace}:1'}, {name: redisDB, value: '{podName}'}]"))
    found = findings(tool)
    assert any("redisDB" in f["text"] or "podName" in f["text"] for f in found), found
    status, out, _ = tool("check", "resources", "-o", "json", env={"POD_NAME": "7"})
    assert status == 0, out


def test_a_configuration_is_told_with_lines(tool):
    tool.write("resources/c.yaml", "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec:\n  tracing:\n    samplingRat: '1'\n  metric:\n    enabled: maybe\n")
    found = {f["line"]: f for f in findings(tool)}
    assert found[6]["text"] == "spec.tracing.samplingRat is not a field of Configuration" and found[6]["level"] == "warning"
    assert found[8]["text"] == "spec.metric.enabled must be a boolean, got a text" and found[8]["level"] == "error"
