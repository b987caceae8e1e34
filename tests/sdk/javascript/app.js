// The application that the JavaScript SDK serves, over HTTP or gRPC. What comes in is kept by kind until it is asked for.
const { DaprServer, CommunicationProtocolEnum, DaprPubSubStatusEnum, HttpMethod } = require("@dapr/dapr");

const seen = {};

function keep(kind, event) {
  (seen[kind] ??= []).push(event);
}

// The first event of a kind that is wanted; throws when it does not come.
async function awaitEvent(kind, wanted) {
  for (const end = Date.now() + 15000; Date.now() < end; ) {
    const found = (seen[kind] ?? []).findIndex(wanted);
    if (found >= 0) return seen[kind].splice(found, 1)[0];
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`no event of ${kind}; there were ${JSON.stringify(seen[kind] ?? [])}`);
}

async function serve(face, logger) {
  const http = face === "http";
  const server = new DaprServer({
    serverHost: "127.0.0.1",
    serverPort: process.env.APP_PORT,
    communicationProtocol: http ? CommunicationProtocolEnum.HTTP : CommunicationProtocolEnum.GRPC,
    clientOptions: { daprHost: "127.0.0.1", daprPort: http ? process.env.SDK_BACK_HTTP_PORT : process.env.SDK_BACK_GRPC_PORT, logger },
    logger,
  });
  const topic = `javascript-${face}`;
  await server.invoker.listen("echo", async (request) => ({ heard: JSON.parse(request.body), type: request.metadata.contentType }), {
    method: HttpMethod.POST,
  });
  await server.invoker.listen("heard", async (request) => ({ said: request.headers?.["x-said"] }), { method: HttpMethod.GET });
  await server.invoker.listen("refuse", async () => {
    throw new Error("not today");
  }, { method: HttpMethod.POST });
  await server.pubsub.subscribe("pubsub", topic, async (data) => keep("topic", data));
  await server.pubsub.subscribeBulk("pubsub", `${topic}-bulk`, async (data) => keep("bulk", data), { maxMessagesCount: 10, maxAwaitDurationMs: 200 });
  const routes = { default: "/other", rules: [{ match: 'event.type == "special"', path: "/special" }] };
  await server.pubsub.subscribeWithOptions("pubsub", `${topic}-route`, { route: routes });
  server.pubsub.subscribeToRoute("pubsub", `${topic}-route`, "/other", async (data) => keep("other", data));
  server.pubsub.subscribeToRoute("pubsub", `${topic}-route`, "/special", async (data) => keep("special", data));
  let calls = 0;
  await server.pubsub.subscribe("pubsub", `${topic}-again`, async (data) => {
    keep("again", data);
    return ++calls === 1 ? DaprPubSubStatusEnum.RETRY : DaprPubSubStatusEnum.SUCCESS;
  });
  await server.pubsub.subscribeWithOptions("pubsub", `${topic}-refused`, {
    callback: async () => DaprPubSubStatusEnum.DROP,
    deadLetterTopic: `${topic}-dead`,
  });
  await server.pubsub.subscribe("pubsub", `${topic}-dead`, async (data) => keep("dead", data));
  await server.binding.receive("tick", async (data) => keep("binding", data));
  await server.start();
  return server;
}

module.exports = { serve, awaitEvent };
