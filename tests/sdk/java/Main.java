import io.dapr.client.DaprClient;
import io.dapr.client.DaprClientBuilder;
import io.dapr.client.DaprPreviewClient;
import io.dapr.client.SubscriptionListener;
import io.dapr.client.domain.CloudEvent;
import io.dapr.client.domain.DaprMetadata;
import io.dapr.client.domain.DecryptRequestAlpha1;
import io.dapr.client.domain.DeleteJobRequest;
import io.dapr.client.domain.EncryptRequestAlpha1;
import io.dapr.client.domain.GetJobRequest;
import io.dapr.client.domain.HttpExtension;
import io.dapr.client.domain.JobSchedule;
import io.dapr.client.domain.PublishEventRequest;
import io.dapr.client.domain.SaveStateRequest;
import io.dapr.client.domain.ScheduleJobRequest;
import io.dapr.client.domain.State;
import io.dapr.client.domain.StateOptions;
import io.dapr.client.domain.TransactionalStateOperation;
import io.dapr.client.domain.UnlockResponseStatus;
import io.dapr.exceptions.DaprException;
import io.dapr.utils.TypeRef;
import io.dapr.utils.Version;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayOutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Every operation of the Java SDK, one JSON line each. Usage: Main grpc; see tests/sdk/run.py for the environment. */
public final class Main {
  private interface Operation {
    void run() throws Exception;
  }

  private static final StateOptions FIRST_WRITE =
      new StateOptions(StateOptions.Consistency.STRONG, StateOptions.Concurrency.FIRST_WRITE);
  private static final String RUN = Long.toHexString(System.nanoTime());
  private static final Map<String, Operation> OPERATIONS = new LinkedHashMap<>();
  private static DaprClient dapr;
  private static DaprPreviewClient preview;
  private static App app;

  private static void same(Object got, Object wanted) {
    if (!Objects.deepEquals(got, wanted)) throw new AssertionError(got + " instead of " + wanted);
  }

  /** The call fails with this code and text. */
  private static void fails(Mono<?> call, String code, String text) {
    try {
      call.block();
    } catch (DaprException error) {
      same(error.getErrorCode(), code);
      if (!error.getMessage().contains(text)) throw new AssertionError(error.getMessage() + " has no " + text);
      return;
    }
    throw new AssertionError("no error");
  }

  private static String value(String key) {
    return dapr.getState("store", key, String.class).block().getValue();
  }

  private static State<String> item(String key, String value) {
    return new State<>(key, value, null, (StateOptions) null);
  }

  private static void setItem(String key, String item) throws Exception {
    try (Socket socket = new Socket("127.0.0.1", Integer.parseInt(System.getenv("SDK_REDIS_PORT")))) {
      socket.getOutputStream().write(("SET " + key + " " + item + "\r\n").getBytes());
      socket.getInputStream().read();
    }
  }

  private static void invocation() {
    OPERATIONS.put("invoke: a method of another application", () -> {
      Map<?, ?> answer = dapr.invokeMethod("back", "echo", Map.of("n", 1), HttpExtension.POST, Map.class).block();
      same(answer, Map.of("n", 1));
    });
    OPERATIONS.put("invoke: an error of the application",
        () -> fails(dapr.invokeMethod("back", "refuse", "x", HttpExtension.POST, String.class), "FAILED_PRECONDITION", "not today"));
    OPERATIONS.put("invoke: no such application", () -> fails(dapr.invokeMethod("nobody", "echo", "x", HttpExtension.POST, String.class),
        "ERR_DIRECT_INVOKE", "failed to invoke, id: nobody"));
  }

  private static void proxying() {
    OPERATIONS.put("proxy: a unary call through newGrpcStub", () -> same(dapr.newGrpcStub("back", Talk.Stub::new).say("hello"), "hello"));
    OPERATIONS.put("proxy: a stream both ways", () -> same(dapr.newGrpcStub("back", Talk.Stub::new).chat(List.of("one", "two")),
        List.of("you said one", "you said two", "the end")));
    OPERATIONS.put("proxy: an error of the application with its trailers", () -> {
      try {
        dapr.newGrpcStub("back", Talk.Stub::new).say("refuse");
      } catch (StatusRuntimeException error) {
        same(error.getStatus().getCode() + " " + error.getStatus().getDescription(), "FAILED_PRECONDITION not today");
        same(error.getTrailers().get(Talk.WHY), "because");
        return;
      }
      throw new AssertionError("no error");
    });
    OPERATIONS.put("proxy: no such application", () -> {
      try {
        dapr.newGrpcStub("nobody", Talk.Stub::new).say("hello");
      } catch (StatusRuntimeException error) {
        same(error.getStatus().getDescription(), "no host found with the given ID");
        return;
      }
      throw new AssertionError("no error");
    });
  }

  private static void state() {
    OPERATIONS.put("state: save and get", () -> {
      dapr.saveState("store", "java-one", Map.of("a", 1)).block();
      same(dapr.getState("store", "java-one", Map.class).block().getValue(), Map.of("a", 1));
    });
    OPERATIONS.put("state: get what is not there", () -> same(value("missing-" + RUN), null));
    OPERATIONS.put("state: save under an entity tag", () -> {
      String key = "java-tag-" + RUN;
      dapr.saveState("store", key, "1").block();
      String tag = dapr.getState("store", key, String.class).block().getEtag();
      dapr.saveState("store", key, tag, "2", FIRST_WRITE).block();
      same(value(key), "2");
    });
    OPERATIONS.put("state: a stale entity tag is refused", () -> {
      String key = "java-stale-" + RUN;
      dapr.saveState("store", key, "1").block();
      fails(dapr.saveState("store", key, "4711", "2", FIRST_WRITE), "ABORTED", "possible etag mismatch");
      fails(dapr.deleteState("store", key, "4711", FIRST_WRITE), "ABORTED", "possible etag mismatch");
      fails(dapr.saveState("store", key, "bad", "2", FIRST_WRITE), "INVALID_ARGUMENT", "invalid etag");
      same(value(key), "1");
    });
    OPERATIONS.put("state: save and get in bulk", () -> {
      dapr.saveBulkState("store", List.of(item("java-b1", "1"), item("java-b2", "2"))).block();
      List<State<String>> items = dapr.getBulkState("store", List.of("java-b1", "java-b2"), String.class).block();
      same(items.stream().map(i -> i.getKey() + i.getValue()).sorted().toList(), List.of("java-b11", "java-b22"));
    });
    OPERATIONS.put("state: transaction", () -> {
      dapr.saveState("store", "java-t1", "0").block();
      dapr.executeStateTransaction("store", List.of(
          new TransactionalStateOperation<>(TransactionalStateOperation.OperationType.DELETE, item("java-t1", "")),
          new TransactionalStateOperation<>(TransactionalStateOperation.OperationType.UPSERT, item("java-t2", "2")))).block();
      same(Arrays.asList(value("java-t1"), value("java-t2")), Arrays.asList(null, "2"));
    });
    OPERATIONS.put("state: time to live", () -> {
      var brief = new State<>("java-brief", "x", null, Map.of("ttlInSeconds", "2"), null);
      dapr.saveBulkState(new SaveStateRequest("store").setStates(brief)).block();
      same(value("java-brief"), "x");
      for (int i = 0; i < 300 && value("java-brief") != null; i++) Thread.sleep(100);
      same(value("java-brief"), null);
    });
    OPERATIONS.put("state: delete under an entity tag", () -> {
      dapr.saveState("store", "java-tagged", "x").block();
      String tag = dapr.getState("store", "java-tagged", FIRST_WRITE, String.class).block().getEtag();
      dapr.deleteState("store", "java-tagged", tag, FIRST_WRITE).block();
      same(value("java-tagged"), null);
    });
    OPERATIONS.put("state: delete", () -> {
      dapr.saveState("store", "java-gone", "x").block();
      dapr.deleteState("store", "java-gone").block();
      same(value("java-gone"), null);
    });
    OPERATIONS.put("state: no such store",
        () -> fails(dapr.getState("nostore", "k", String.class), "INVALID_ARGUMENT", "state store nostore is not found"));
    OPERATIONS.put("state: a query that the store cannot answer",
        () -> fails(preview.queryState("lite", "{}", String.class), "INTERNAL", "does not support querying"));
  }

  private static void messages() {
    OPERATIONS.put("publish: an event comes to the application", () -> {
      dapr.publishEvent("pubsub", "java", Map.of("run", RUN)).block();
      app.await("java", RUN);
    });
    OPERATIONS.put("publish: bytes with their content type and metadata", () -> {
      dapr.publishEvent(new PublishEventRequest("pubsub", "java", ("bytes " + RUN).getBytes()).setContentType("text/plain")
          .setMetadata(Map.of("ttlInSeconds", "60"))).block();
      app.await("java", "bytes " + RUN);
    });
    OPERATIONS.put("publish: in bulk", () -> {
      var answer = preview.publishEvents("pubsub", "java-bulk", "text/plain", "a" + RUN, "b" + RUN).block();
      same(answer.getFailedEntries().size(), 0);
      app.await("java-bulk", RUN);
      app.await("java-bulk", RUN);
    });
    OPERATIONS.put("publish: no such broker",
        () -> fails(dapr.publishEvent("nobroker", "t", "x"), "INVALID_ARGUMENT", "pubsub nobroker is not found"));
    OPERATIONS.put("subscribe: what the application wants again comes again", () -> {
      dapr.publishEvent("pubsub", "java-again", RUN).block();
      app.await("java-again", RUN);
      app.await("java-again", RUN);
    });
    OPERATIONS.put("subscribe: a dropped event goes to the dead letter topic", () -> {
      dapr.publishEvent("pubsub", "java-refused", RUN).block();
      app.await("java-dead", RUN);
    });
    OPERATIONS.put("subscribe: as a stream with a handler; what it wants again comes again", () -> {
      BlockingQueue<String> heard = new LinkedBlockingQueue<>();
      SubscriptionListener<String> listener = new SubscriptionListener<>() {
        private int calls;

        @Override
        public Mono<Status> onEvent(CloudEvent<String> event) {
          heard.add(event.getData());
          return Mono.just(++calls == 1 ? Status.RETRY : Status.SUCCESS);
        }

        @Override
        public void onError(RuntimeException error) {
          heard.add(error.toString());
        }
      };
      var subscription = preview.subscribeToEvents("pubsub", "java-stream", listener, TypeRef.STRING);
      Thread.sleep(300);
      dapr.publishEvent("pubsub", "java-stream", RUN).block();
      same(heard.poll(15, TimeUnit.SECONDS), RUN);
      same(heard.poll(15, TimeUnit.SECONDS), RUN);
      subscription.close();
    });
  }

  private static void streamed() {
    OPERATIONS.put("subscribe: as a stream of data", () -> {
      BlockingQueue<String> heard = new LinkedBlockingQueue<>();
      var subscription = preview.subscribeToEvents("pubsub", "java-flux", TypeRef.STRING).subscribe(heard::add);
      Thread.sleep(300);
      dapr.publishEvent("pubsub", "java-flux", RUN).block();
      same(heard.poll(15, TimeUnit.SECONDS), RUN);
      subscription.dispose();
    });
    OPERATIONS.put("publish: in bulk to no such broker",
        () -> fails(preview.publishEvents("nobroker", "t", "text/plain", "a"), "INVALID_ARGUMENT", "pubsub nobroker is not found"));
  }

  private static byte[] joined(Flux<byte[]> pieces) {
    var out = new ByteArrayOutputStream();
    pieces.doOnNext(out::writeBytes).blockLast();
    return out.toByteArray();
  }

  private static byte[] encrypt(String key, byte[]... text) {
    return joined(preview.encrypt(new EncryptRequestAlpha1("keys", Flux.just(text), key, "RSA")));
  }

  private static byte[] decrypt(byte[] document) {
    return joined(preview.decrypt(new DecryptRequestAlpha1("keys", Flux.just(document))));
  }

  private static void resources() {
    OPERATIONS.put("binding: output", () -> {
      Map<String, String> file = Map.of("fileName", "java");
      dapr.invokeBinding("files", "create", "some text".getBytes(), file).block();
      same(new String(dapr.invokeBinding("files", "get", new byte[0], file).block()), "some text");
    });
    OPERATIONS.put("binding: an operation that it does not have",
        () -> fails(dapr.invokeBinding("files", "dance", "x"), "INTERNAL", "binding files does not support operation dance"));
    OPERATIONS.put("binding: no such binding",
        () -> fails(dapr.invokeBinding("nobinding", "create", "x"), "INTERNAL", "couldn't find output binding nobinding"));
    OPERATIONS.put("binding: input", () -> app.await("binding", "tick"));
    OPERATIONS.put("secret: get", () -> same(dapr.getSecret("vault", "plain").block(), Map.of("plain", "open")));
    OPERATIONS.put("secret: get in bulk", () -> same(dapr.getBulkSecret("vault").block().get("plain"), Map.of("plain", "open")));
    OPERATIONS.put("secret: no such store, no such secret", () -> {
      fails(dapr.getSecret("novault", "k"), "INVALID_ARGUMENT", "failed finding secret store with key novault");
      fails(dapr.getSecret("vault", "nokey"), "INTERNAL", "failed getting secret with key nokey from secret store vault");
    });
    OPERATIONS.put("configuration: get", () -> {
      setItem("color", "red||7");
      var item = dapr.getConfiguration("config", "color").block();
      same(item.getValue() + item.getVersion(), "red7");
      same(dapr.getConfiguration("config", "color", "none").block().keySet(), Set.of("color"));
    });
    OPERATIONS.put("configuration: subscribe and unsubscribe", () -> {
      BlockingQueue<String> heard = new LinkedBlockingQueue<>();
      BlockingQueue<String> ids = new LinkedBlockingQueue<>();
      var stream = dapr.subscribeConfiguration("config", "java-watched").subscribe(answer -> {
        ids.add(answer.getSubscriptionId());
        answer.getItems().values().forEach(item -> heard.add(item.getValue()));
      });
      String got = null;
      for (int i = 0; got == null && i < 50; i++) {
        setItem("java-watched", "new||2");
        got = heard.poll(200, TimeUnit.MILLISECONDS);
      }
      same(got, "new");
      same(dapr.unsubscribeConfiguration(ids.take(), "config").block().getIsUnsubscribed(), true);
      stream.dispose();
    });
    OPERATIONS.put("configuration: no such store",
        () -> fails(dapr.getConfiguration("noconfig", "k"), "INVALID_ARGUMENT", "configuration store noconfig not found"));
    OPERATIONS.put("lock: take, wait, give back", () -> {
      String name = "java-lock-" + RUN;
      same(preview.tryLock("lock", name, "me", 30).block(), true);
      same(preview.tryLock("lock", name, "you", 30).block(), false);
      same(preview.unlock("lock", name, "you").block(), UnlockResponseStatus.LOCK_BELONG_TO_OTHERS);
      same(preview.unlock("lock", name, "me").block(), UnlockResponseStatus.SUCCESS);
      same(preview.unlock("lock", name, "me").block(), UnlockResponseStatus.LOCK_UNEXIST);
    });
    OPERATIONS.put("lock: no such store",
        () -> fails(preview.tryLock("nolock", "r", "me", 5), "INVALID_ARGUMENT", "lock store nolock not found"));
    OPERATIONS.put("crypto: encrypt and decrypt", () -> {
      same(new String(decrypt(encrypt("rsa", "some ".getBytes(), "text".getBytes()))), "some text");
      byte[] large = new byte[300_000];
      new Random(1).nextBytes(large);
      same(decrypt(encrypt("rsa", large)), large);
    });
    OPERATIONS.put("crypto: a broken document, no such key", () -> {
      fails(Mono.fromCallable(() -> decrypt("no document".getBytes())), "DECRYPT_ERROR", "INTERNAL: ");
      fails(Mono.fromCallable(() -> encrypt("none", "x".getBytes())), "ENCRYPT_ERROR", "INTERNAL: ");
    });
    OPERATIONS.put("metadata: get", () -> {
      DaprMetadata answer = dapr.getMetadata().block();
      same(answer.getId(), "front");
      same(answer.getComponents().stream().anyMatch(one -> one.getName().equals("store")), true);
    });
    OPERATIONS.put("health: wait for the sidecar", () -> dapr.waitForSidecar(5000).block());
    OPERATIONS.put("jobs: refused as not configured", () -> {
      fails(dapr.scheduleJob(new ScheduleJobRequest("j", JobSchedule.hourly())), "INTERNAL", "schedule job");
      fails(dapr.getJob(new GetJobRequest("j")), "INTERNAL", "get job");
      fails(dapr.deleteJob(new DeleteJobRequest("j")), "INTERNAL", "delete job");
    });
    OPERATIONS.put("shutdown", () -> dapr.shutdown().block());
  }

  /** Waits until `back` is healthy, which it is when it has reached our server. */
  private static void ready() throws Exception {
    var uri = URI.create("http://127.0.0.1:" + System.getenv("SDK_BACK_HTTP_PORT") + "/v1.0/healthz");
    for (int i = 0; i < 600; i++, Thread.sleep(50)) {
      try {
        var answer = HttpClient.newHttpClient().send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.discarding());
        if (answer.statusCode() == 204) return;
      } catch (java.io.IOException error) {
        continue;
      }
    }
    throw new IllegalStateException("the sidecar of the application is not ready");
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\s+", " ") + '"';
  }

  public static void main(String[] arguments) throws Exception {
    app = App.serve(Integer.parseInt(System.getenv("APP_PORT")));
    ready();
    dapr = new DaprClientBuilder().build();
    preview = new DaprClientBuilder().buildPreviewClient();
    invocation();
    proxying();
    state();
    messages();
    streamed();
    resources();
    String version = Version.getSdkVersion().replaceFirst(".*v", "");
    for (var one : OPERATIONS.entrySet()) {
      String result = "ok";
      try {
        one.getValue().run();
      } catch (Throwable error) {
        result = error.toString();
      }
      System.out.printf("{\"language\": \"Java\", \"version\": %s, \"face\": %s, \"operation\": %s, \"result\": %s}%n", quoted(version),
          quoted(arguments[0]), quoted(one.getKey()), quoted(result));
    }
    System.out.flush();
    System.exit(0);
  }
}
