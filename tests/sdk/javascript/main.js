// Every operation of the JavaScript SDK, one JSON line each. Usage: main.js http|grpc; see tests/sdk/run.py for the environment.
const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const net = require("node:net");
const grpc = require("@grpc/grpc-js");
const { DaprClient, CommunicationProtocolEnum, HttpMethod, StateConcurrencyEnum, StateConsistencyEnum } = require("@dapr/dapr");
const { serve, awaitEvent } = require("./app.js");

const face = process.argv[2];
const version = require("@dapr/dapr/package.json").version;
const run = crypto.randomBytes(4).toString("hex");
const quiet = { level: "error", service: { error() {}, warn() {}, info() {}, verbose() {}, debug() {} } };
const firstWrite = { concurrency: StateConcurrencyEnum.CONCURRENCY_FIRST_WRITE, consistency: StateConsistencyEnum.CONSISTENCY_STRONG };
const topic = `javascript-${face}`;
const operations = [];

function operation(name, call, faces = ["http", "grpc"]) {
  if (faces.includes(face)) operations.push([name, call]);
}

// The call fails, and its error says all of the texts; over HTTP also the code of the contract.
async function fails(call, texts, httpCode) {
  let error;
  try {
    const answer = await call();
    error = answer?.error;  // some calls give their error back instead of throwing it
  } catch (thrown) {
    error = thrown.error ?? thrown;
  }
  assert.ok(error, "no error");
  for (const text of face === "http" && httpCode ? [...texts, httpCode] : texts) {
    assert.ok(String(error.message ?? error).includes(text), `${error.message ?? error} has no ${text}`);
  }
}

function setItem(key, value) {
  return new Promise((done, failed) => {
    const socket = net.connect(Number(process.env.SDK_REDIS_PORT), "127.0.0.1", () => socket.write(`SET ${key} ${value}\r\n`));
    socket.on("error", failed);
    socket.on("data", () => socket.end(done));
  });
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

operation("invoke: a method of another application", async (client) => {
  const answer = await client.invoker.invoke("back", "echo", HttpMethod.POST, { n: 1 });
  assert.deepEqual(answer.heard, { n: 1 });
  assert.match(answer.type, /^application\/json/);
});
operation("invoke: an error of the application", async (client) => {
  await fails(() => client.invoker.invoke("back", "refuse", HttpMethod.POST, {}), ["internal error"]);  // what the server of the SDK says of any
}, ["grpc"]);
operation("invoke: no such application", async (client) => {
  await fails(() => client.invoker.invoke("nobody", "echo", HttpMethod.POST, {}), ["failed to invoke, id: nobody", "no host found with the given ID"], "ERR_DIRECT_INVOKE");
});

operation("invoke: with headers, without a body", async (client) => {
  const answer = await client.invoker.invoke("back", "heard", HttpMethod.GET, undefined, { headers: { "x-said": "aloud" } });
  assert.deepEqual(answer, { said: "aloud" });
}, ["http"]);  // its gRPC client has no GET

operation("state: save and get", async (client) => {
  await client.state.save("store", [{ key: "js-one", value: { a: 1 } }, { key: "js-two", value: "text" }]);
  assert.deepEqual(await client.state.get("store", "js-one"), { a: 1 });
  assert.equal(await client.state.get("store", "js-two"), "text");
});
operation("state: get what is not there", async (client) => {
  assert.equal(await client.state.get("store", `missing-${run}`), "");
});
operation("state: save under an entity tag", async (client) => {
  const key = `js-tag-${run}`;
  await client.state.save("store", [{ key, value: "1" }]);
  const [{ etag }] = await client.state.getBulk("store", [key]);
  const saved = await client.state.save("store", [{ key, value: "2", etag, options: firstWrite }]);
  assert.equal(saved.error, undefined);
  assert.equal(String(await client.state.get("store", key)), "2");
});
operation("state: a stale entity tag is refused", async (client) => {
  await client.state.save("store", [{ key: "js-stale", value: "1" }]);
  const save = () => client.state.save("store", [{ key: "js-stale", value: "2", etag: "4711", options: firstWrite }]);
  await fails(save, ["possible etag mismatch"], "ERR_STATE_SAVE");
  await fails(() => client.state.delete("store", "js-stale", { etag: "4711", ...firstWrite }), ["possible etag mismatch"], "ERR_STATE_DELETE");
  assert.equal(String(await client.state.get("store", "js-stale")), "1");
});
operation("state: save and get in bulk", async (client) => {
  await client.state.save("store", [{ key: "js-b1", value: "one" }, { key: "js-b2", value: { n: 2 } }]);
  const items = await client.state.getBulk("store", ["js-b1", "js-b2"], { parallelism: 2 });
  assert.deepEqual(items.map((i) => [i.key, i.data]).sort(), [["js-b1", "one"], ["js-b2", { n: 2 }]]);
});
operation("state: time to live", async (client) => {
  await client.state.save("store", [{ key: "js-brief", value: "x", metadata: { ttlInSeconds: "2" } }]);
  assert.equal(await client.state.get("store", "js-brief"), "x");
  for (const end = Date.now() + 30000; Date.now() < end && (await client.state.get("store", "js-brief")) !== ""; ) await pause(100);
  assert.equal(await client.state.get("store", "js-brief"), "");
});
operation("state: transaction", async (client) => {
  await client.state.save("store", [{ key: "js-t1", value: "0" }]);
  await client.state.transaction("store", [
    { operation: "delete", request: { key: "js-t1" } },
    { operation: "upsert", request: { key: "js-t2", value: "new" } },
  ]);
  assert.equal(await client.state.get("store", "js-t1"), "");
  assert.equal(await client.state.get("store", "js-t2"), "new");
});
operation("state: options for all items, strong reads", async (client) => {
  await client.state.save("store", [{ key: "js-options", value: "1" }], { metadata: { ttlInSeconds: "100" } });
  assert.equal(String(await client.state.get("store", "js-options", { consistency: StateConsistencyEnum.CONSISTENCY_STRONG })), "1");
  await client.state.delete("store", "js-options", { ...firstWrite });
  assert.equal(await client.state.get("store", "js-options"), "");
});
operation("state: delete", async (client) => {
  await client.state.save("store", [{ key: "js-gone", value: "x" }]);
  await client.state.delete("store", "js-gone");
  assert.equal(await client.state.get("store", "js-gone"), "");
});
operation("state: no such store", async (client) => {
  await fails(() => client.state.get("nostore", "k"), ["state store nostore is not found"], "ERR_STATE_STORE_NOT_FOUND");
});
operation("state: a query that the store cannot answer", async (client) => {
  await fails(() => client.state.query("lite", { filter: {}, sort: [], page: { limit: 1 } }), ["does not support querying"], "ERR_STATE_STORE_NOT_SUPPORTED");
});

operation("publish: an event comes to the application", async (client) => {
  await client.pubsub.publish("pubsub", topic, { run });
  await awaitEvent("topic", (e) => e.run === run);
});
operation("publish: a text with its content type", async (client) => {
  await client.pubsub.publish("pubsub", topic, run, { contentType: "text/plain" });
  await awaitEvent("topic", (e) => e === run);
});
operation("publish: in bulk", async (client) => {
  const answer = await client.pubsub.publishBulk("pubsub", `${topic}-bulk`, [{ run, n: 0 }, { entryID: "b", event: { run, n: 1 }, contentType: "application/json" }, { run, n: 2 }]);
  assert.deepEqual(answer.failedMessages, []);
  const got = [];
  for (let i = 0; i < 3; i++) got.push((await awaitEvent("bulk", (e) => e.run === run)).n);
  assert.deepEqual(got.sort(), [0, 1, 2]);
});
operation("publish: a cloud event of our own", async (client) => {
  const event = { specversion: "1.0", id: run, source: "here", type: "mine", datacontenttype: "application/json", data: { run: `${run}-event` } };
  await client.pubsub.publish("pubsub", topic, event, { contentType: "application/cloudevents+json" });
  await awaitEvent("topic", (e) => e.run === `${run}-event`);
});
operation("publish: in bulk to no such broker", async (client) => {
  const answer = await client.pubsub.publishBulk("nobroker", "t", [{ n: 1 }, { n: 2 }]);
  assert.equal(answer.failedMessages.length, 2);
  assert.match(String(answer.failedMessages[0].error), /nobroker is not found/);
});
operation("publish: no such broker", async (client) => {
  await fails(() => client.pubsub.publish("nobroker", "t", { n: 1 }), ["pubsub nobroker is not found"], "ERR_PUBSUB_NOT_FOUND");
});
operation("subscribe: routing by rules", async (client) => {
  await client.pubsub.publish("pubsub", `${topic}-route`, { run }, { metadata: { "cloudevent.type": "special" } });
  await client.pubsub.publish("pubsub", `${topic}-route`, { run });
  await awaitEvent("special", (e) => e.run === run);
  await awaitEvent("other", (e) => e.run === run);
});
operation("subscribe: what the application wants again comes again", async (client) => {
  await client.pubsub.publish("pubsub", `${topic}-again`, { run });
  await awaitEvent("again", (e) => e.run === run);
  await awaitEvent("again", (e) => e.run === run);
});
operation("subscribe: a dropped event goes to the dead letter topic", async (client) => {
  await client.pubsub.publish("pubsub", `${topic}-refused`, { run });
  await awaitEvent("dead", (e) => e.run === run);
});

operation("binding: output", async (client) => {
  const fileName = `javascript-${face}`;
  await client.binding.send("files", "create", "some text", { fileName });
  const answer = await client.binding.send("files", "get", undefined, { fileName });
  assert.equal(face === "http" ? answer : Buffer.from(answer.data).toString(), "some text");
});
operation("binding: an operation that it does not have", async (client) => {
  await fails(() => client.binding.send("files", "dance", "x"), ["binding files does not support operation dance"], "ERR_INVOKE_OUTPUT_BINDING");
});
operation("binding: no such binding", async (client) => {
  await fails(() => client.binding.send("nobinding", "create", "x"), ["couldn't find output binding nobinding"], "ERR_INVOKE_OUTPUT_BINDING");
});
operation("binding: input", async () => {
  await awaitEvent("binding", () => true);
});
operation("secret: get", async (client) => {
  assert.deepEqual(await client.secret.get("vault", "plain"), { plain: "open" });
});
operation("secret: get in bulk", async (client) => {
  assert.deepEqual((await client.secret.getBulk("vault")).plain, { plain: "open" });
});
operation("secret: no such store, no such secret", async (client) => {
  await fails(() => client.secret.get("novault", "k"), ["failed finding secret store with key novault"], "ERR_SECRET_STORE_NOT_FOUND");
  await fails(() => client.secret.get("vault", "nokey"), ["failed getting secret with key nokey from secret store vault"], "ERR_SECRET_GET");
});

operation("configuration: get", async (client) => {
  await setItem("color", "red||7");
  const { items } = await client.configuration.get("config", ["color"]);
  assert.deepEqual([items.color.value, items.color.version], ["red", "7"]);
}, ["grpc"]);
operation("configuration: subscribe and unsubscribe", async (client) => {
  const heard = [];
  const stream = await client.configuration.subscribeWithKeys("config", ["js-watched"], async (data) => heard.push(data.items["js-watched"]?.value));
  for (const end = Date.now() + 10000; Date.now() < end && !heard.includes("new"); await pause(200)) await setItem("js-watched", "new||2");
  assert.ok(heard.includes("new"), `heard ${heard}`);
  await stream.stop();
}, ["grpc"]);
operation("configuration: subscribe to every key", async (client) => {
  const heard = [];
  const keep = async (data) => heard.push(data.items["js-any"]?.value);
  const streams = [await client.configuration.subscribe("config", keep), await client.configuration.subscribeWithMetadata("config", ["js-any"], { a: "b" }, keep)];
  for (const end = Date.now() + 10000; Date.now() < end && heard.filter((one) => one === "new").length < 2; await pause(200)) await setItem("js-any", "new||2");
  assert.ok(heard.filter((one) => one === "new").length >= 2, `heard ${heard}`);
  for (const stream of streams) await stream.stop();
}, ["grpc"]);
operation("configuration: no such store", async (client) => {
  await fails(() => client.configuration.get("noconfig", ["k"]), ["configuration store noconfig not found"]);
}, ["grpc"]);
operation("lock: take, wait, give back", async (client) => {
  const name = `js-lock-${face}-${run}`;
  assert.equal((await client.lock.lock("lock", name, "me", 30)).success, true);
  assert.equal((await client.lock.lock("lock", name, "you", 30)).success, false);
  assert.equal((await client.lock.unlock("lock", name, "you")).status, 2);
  assert.equal((await client.lock.unlock("lock", name, "me")).status, 0);
  assert.equal((await client.lock.unlock("lock", name, "me")).status, 1);
});
operation("lock: no such store", async (client) => {
  await fails(() => client.lock.lock("nolock", "r", "me", 5), ["lock store nolock not found"]);
});
operation("crypto: encrypt and decrypt", async (client) => {
  for (const [keyName, keyWrapAlgorithm] of [["rsa", "RSA"], ["aes", "AES"]]) {
    const data = crypto.randomBytes(300000);
    const sealed = await client.crypto.encrypt(data, { componentName: "keys", keyName, keyWrapAlgorithm });
    assert.equal(sealed.subarray(0, 15).toString(), "dapr.io/enc/v1\n");
    assert.ok((await client.crypto.decrypt(sealed, { componentName: "keys", keyName })).equals(data));
  }
}, ["grpc"]);

operation("crypto: encrypt and decrypt as streams", async (client) => {
  const data = crypto.randomBytes(1000000);
  const through = async (stream, bytes) => {
    stream.end(bytes);
    const out = [];
    for await (const part of stream) out.push(part);
    return Buffer.concat(out);
  };
  const sealed = await through(await client.crypto.encrypt({ componentName: "keys", keyName: "rsa", keyWrapAlgorithm: "RSA" }), data);
  assert.ok((await through(await client.crypto.decrypt({ componentName: "keys", keyName: "rsa" }), sealed)).equals(data));
}, ["grpc"]);
operation("crypto: a broken document, no such key", async (client) => {
  await fails(() => client.crypto.decrypt(Buffer.from("no document"), { componentName: "keys", keyName: "rsa" }), [""]);
  await fails(() => client.crypto.encrypt(Buffer.from("x"), { componentName: "keys", keyName: "none", keyWrapAlgorithm: "RSA" }), [""]);
}, ["grpc"]);

// `proxy.create` of this version refuses; a client of gRPC itself, which the SDK depends on, goes through the sidecar to the SDK's server.
operation("proxy: a unary call of @grpc/grpc-js", async () => {
  const bytes = (value) => value;
  const client = new grpc.Client(`127.0.0.1:${process.env.DAPR_GRPC_PORT}`, grpc.credentials.createInsecure());
  const call = (app) => new Promise((done) => {
    const metadata = new grpc.Metadata();
    if (app) metadata.set("dapr-app-id", app);
    const path = "/dapr.proto.runtime.v1.AppCallback/ListInputBindings";
    client.makeUnaryRequest(path, bytes, bytes, Buffer.alloc(0), metadata, {}, (error, answer) => done(error ?? answer));
  });
  assert.deepEqual([...await call("back")], [10, 4, ...Buffer.from("tick")]);
  assert.equal((await call("nobody")).details, "no host found with the given ID");
  assert.equal((await call("")).details, "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found");
  client.close();
}, ["grpc"]);

operation("metadata: get and set", async (client) => {
  assert.equal(await client.metadata.set("color", run), true);
  const answer = await client.metadata.get();
  assert.equal(answer.id, "front");
  assert.equal(answer.extended.color, run);
  assert.ok(answer.components.some((one) => one.name === "store" && one.type === "state.redis"));
});
operation("health: the sidecar is healthy", async (client) => {
  assert.equal(await client.health.isHealthy(), true);
});
operation("shutdown", async (client) => {
  await client.sidecar.shutdown();
});

async function main() {
  await serve(face, quiet);
  const http = face === "http";
  const client = new DaprClient({
    daprHost: "127.0.0.1",
    daprPort: http ? process.env.DAPR_HTTP_PORT : process.env.DAPR_GRPC_PORT,
    communicationProtocol: http ? CommunicationProtocolEnum.HTTP : CommunicationProtocolEnum.GRPC,
    logger: quiet,
  });
  for (let end = Date.now() + 30000; Date.now() < end; await pause(50)) {  // `back` has reached our server
    const answer = await fetch(`http://127.0.0.1:${process.env.SDK_BACK_HTTP_PORT}/v1.0/healthz`).catch(() => null);
    if (answer?.status === 204) break;
  }
  for (const [name, call] of operations) {
    let result = "ok";
    let clock;
    try {
      const late = new Promise((_, failed) => (clock = setTimeout(() => failed(new Error("no end within 30 s")), 30000)));
      await Promise.race([call(client), late]);
    } catch (error) {
      result = `${error.name}: ${String(error.message).slice(0, 300)}`;
    }
    clearTimeout(clock);
    console.log(JSON.stringify({ language: "JavaScript", version, face, operation: name, result }));
  }
  process.exit(0);
}

process.on("unhandledRejection", (error) => console.error("unhandled", error));
main();
