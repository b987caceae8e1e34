import com.google.protobuf.Any;
import com.google.protobuf.Empty;
import io.dapr.v1.AppCallbackGrpc;
import io.dapr.v1.CommonProtos;
import io.dapr.v1.DaprAppCallbackProtos;
import io.grpc.ServerBuilder;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The application: the callback service of the SDK's generated classes. What comes in is kept by kind until it is asked for. */
final class App extends AppCallbackGrpc.AppCallbackImplBase {
  private final Map<String, BlockingQueue<String>> seen = new ConcurrentHashMap<>();
  private final AtomicInteger calls = new AtomicInteger();

  static App serve(int port) throws Exception {
    App app = new App();
    ServerBuilder.forPort(port).addService(app).addService(new Talk()).build().start();
    return app;
  }

  private BlockingQueue<String> of(String kind) {
    return seen.computeIfAbsent(kind, k -> new LinkedBlockingQueue<>());
  }

  /** The first event of a kind that has the text; others are dropped. */
  void await(String kind, String text) throws Exception {
    for (String event; (event = of(kind).poll(15, TimeUnit.SECONDS)) != null; ) {
      if (event.contains(text)) return;
    }
    throw new AssertionError("no event of " + kind);
  }

  private static <T> void answer(StreamObserver<T> to, T message) {
    to.onNext(message);
    to.onCompleted();
  }

  @Override
  public void onInvoke(CommonProtos.InvokeRequest request, StreamObserver<CommonProtos.InvokeResponse> to) {
    if (!request.getMethod().equals("echo")) {
      to.onError(Status.FAILED_PRECONDITION.withDescription("not today").asRuntimeException());
      return;
    }
    Any data = Any.newBuilder().setValue(request.getData().getValue()).build();
    answer(to, CommonProtos.InvokeResponse.newBuilder().setData(data).setContentType(request.getContentType()).build());
  }

  private static DaprAppCallbackProtos.TopicSubscription topic(String name, String dead) {
    return DaprAppCallbackProtos.TopicSubscription.newBuilder().setPubsubName("pubsub").setTopic(name).setDeadLetterTopic(dead).build();
  }

  @Override
  public void listTopicSubscriptions(Empty request, StreamObserver<DaprAppCallbackProtos.ListTopicSubscriptionsResponse> to) {
    answer(to, DaprAppCallbackProtos.ListTopicSubscriptionsResponse.newBuilder().addSubscriptions(topic("java", ""))
        .addSubscriptions(topic("java-bulk", "")).addSubscriptions(topic("java-again", ""))
        .addSubscriptions(topic("java-refused", "java-dead")).addSubscriptions(topic("java-dead", "")).build());
  }

  @Override
  public void onTopicEvent(DaprAppCallbackProtos.TopicEventRequest request,
      StreamObserver<DaprAppCallbackProtos.TopicEventResponse> to) {
    of(request.getTopic()).add(request.getData().toStringUtf8());
    var status = DaprAppCallbackProtos.TopicEventResponse.TopicEventResponseStatus.SUCCESS;
    if (request.getTopic().equals("java-again") && calls.incrementAndGet() == 1) {
      status = DaprAppCallbackProtos.TopicEventResponse.TopicEventResponseStatus.RETRY;
    }
    if (request.getTopic().equals("java-refused")) status = DaprAppCallbackProtos.TopicEventResponse.TopicEventResponseStatus.DROP;
    answer(to, DaprAppCallbackProtos.TopicEventResponse.newBuilder().setStatus(status).build());
  }

  @Override
  public void listInputBindings(Empty request, StreamObserver<DaprAppCallbackProtos.ListInputBindingsResponse> to) {
    answer(to, DaprAppCallbackProtos.ListInputBindingsResponse.newBuilder().addBindings("tick").build());
  }

  @Override
  public void onBindingEvent(DaprAppCallbackProtos.BindingEventRequest request,
      StreamObserver<DaprAppCallbackProtos.BindingEventResponse> to) {
    of("binding").add(request.getName());
    answer(to, DaprAppCallbackProtos.BindingEventResponse.getDefaultInstance());
  }
}
