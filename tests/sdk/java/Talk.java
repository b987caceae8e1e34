import com.google.protobuf.StringValue;
import io.grpc.BindableService;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A service of the user's own with a unary call and a stream both ways, as its generated classes would be. */
final class Talk implements BindableService {
  static final Metadata.Key<String> WHY = Metadata.Key.of("x-why", Metadata.ASCII_STRING_MARSHALLER);
  private static final MethodDescriptor<StringValue, StringValue> SAY = method("Say", MethodDescriptor.MethodType.UNARY);
  private static final MethodDescriptor<StringValue, StringValue> CHAT = method("Chat", MethodDescriptor.MethodType.BIDI_STREAMING);

  private static MethodDescriptor<StringValue, StringValue> method(String name, MethodDescriptor.MethodType type) {
    var words = ProtoUtils.marshaller(StringValue.getDefaultInstance());
    return MethodDescriptor.newBuilder(words, words).setType(type).setFullMethodName("mecha.Talk/" + name).build();
  }

  @Override
  public ServerServiceDefinition bindService() {
    return ServerServiceDefinition.builder("mecha.Talk").addMethod(SAY, ServerCalls.asyncUnaryCall(Talk::say))
        .addMethod(CHAT, ServerCalls.asyncBidiStreamingCall(Talk::chat)).build();
  }

  private static void say(StringValue request, StreamObserver<StringValue> to) {
    if (request.getValue().equals("refuse")) {
      Metadata trailers = new Metadata();
      trailers.put(WHY, "because");
      to.onError(Status.FAILED_PRECONDITION.withDescription("not today").asRuntimeException(trailers));
      return;
    }
    to.onNext(request);
    to.onCompleted();
  }

  private static StreamObserver<StringValue> chat(StreamObserver<StringValue> to) {
    return new StreamObserver<>() {
      @Override
      public void onNext(StringValue request) {
        to.onNext(StringValue.of("you said " + request.getValue()));
      }

      @Override
      public void onError(Throwable error) {}

      @Override
      public void onCompleted() {
        to.onCompleted();
      }
    };
  }

  /** What {@code DaprClient.newGrpcStub} makes. */
  static final class Stub extends AbstractStub<Stub> {
    Stub(Channel channel) {
      this(channel, CallOptions.DEFAULT);
    }

    private Stub(Channel channel, CallOptions options) {
      super(channel, options);
    }

    @Override
    protected Stub build(Channel channel, CallOptions options) {
      return new Stub(channel, options);
    }

    String say(String words) {
      return ClientCalls.blockingUnaryCall(getChannel(), SAY, getCallOptions(), StringValue.of(words)).getValue();
    }

    /** Each word waits for the answer to the one before. */
    List<String> chat(List<String> words) throws Exception {
      BlockingQueue<String> answers = new LinkedBlockingQueue<>();
      var to = ClientCalls.asyncBidiStreamingCall(getChannel().newCall(CHAT, getCallOptions()), new StreamObserver<StringValue>() {
        @Override
        public void onNext(StringValue answer) {
          answers.add(answer.getValue());
        }

        @Override
        public void onError(Throwable error) {
          answers.add(error.toString());
        }

        @Override
        public void onCompleted() {
          answers.add("the end");
        }
      });
      List<String> heard = new java.util.ArrayList<>();
      for (String word : words) {
        to.onNext(StringValue.of(word));
        heard.add(answers.poll(10, TimeUnit.SECONDS));
      }
      to.onCompleted();
      heard.add(answers.poll(10, TimeUnit.SECONDS));
      return heard;
    }
  }
}
