"""The applications that the Python SDK serves: dapr-ext-fastapi over HTTP, dapr-ext-grpc over gRPC. What comes in is kept in `SEEN`."""
import json, queue, threading

from dapr.clients.grpc._response import TopicEventResponse

SEEN = {name: queue.Queue() for name in ("topic", "bulk", "route", "dead", "binding")}
FACE_STATUS = {"http": 418, "grpc": "FAILED_PRECONDITION"}


def await_event(kind, wanted, limit_s=15):
    """The first event of `kind` for which `wanted` is true; others are dropped."""
    while True:
        event = SEEN[kind].get(timeout=limit_s)
        if wanted(event):
            return event


def serve(face, port):
    threading.Thread(target=serve_http if face == "http" else serve_grpc, args=(port,), daemon=True).start()


def serve_http(port):
    import uvicorn
    from dapr.ext.fastapi import DaprApp
    from fastapi import Body, FastAPI, Request
    from fastapi.responses import JSONResponse, Response

    app = FastAPI()
    dapr = DaprApp(app)

    @dapr.subscribe(pubsub="pubsub", topic="python-http")
    def topic(event=Body()):
        SEEN["topic"].put(event["data"])

    @dapr.subscribe(pubsub="pubsub", topic="python-http-bulk")
    def bulk(event=Body()):
        SEEN["bulk"].put(event["data"])

    @dapr.subscribe(pubsub="pubsub", topic="python-http-refused", dead_letter_topic="python-http-dead")
    def refused(event=Body()):
        return {"status": "DROP"}

    @dapr.subscribe(pubsub="pubsub", topic="python-http-dead")
    def dead(event=Body()):
        SEEN["dead"].put(event["data"])

    @app.post("/echo")
    async def echo(request: Request):
        body = await request.body()
        return Response(body, media_type=request.headers.get("content-type"), headers={"x-heard": request.headers.get("x-said", "")})

    @app.post("/refuse")
    async def refuse():
        return JSONResponse({"message": "not today"}, status_code=FACE_STATUS["http"])

    @app.api_route("/tick", methods=["OPTIONS", "POST"])
    async def tick(request: Request):
        if request.method == "POST":
            SEEN["binding"].put(request.headers.get("readtimeutc", ""))
        return Response()

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


def serve_grpc(port):
    import service
    from dapr.ext.grpc import App, InvokeMethodRequest, InvokeMethodResponse, Rule

    app = App()
    app.add_external_service(service.add_to_server, service.Talk())

    @app.method("echo")
    def echo(request: InvokeMethodRequest):
        answer = InvokeMethodResponse(request.data, request.content_type)
        answer.headers = (("x-heard", dict(request.metadata).get("x-said", [""])[0]),)
        return answer

    @app.method("refuse")
    def refuse(request: InvokeMethodRequest):
        raise ValueError("not today")

    @app.subscribe("pubsub", "python-grpc")
    def topic(event):
        SEEN["topic"].put(json.loads(event.Data()))

    @app.subscribe("pubsub", "python-grpc-bulk")
    def bulk(event):
        SEEN["bulk"].put(json.loads(event.Data()))

    @app.subscribe("pubsub", "python-grpc-route", rule=Rule('event.type == "special"', 1))
    def special(event):
        SEEN["route"].put(json.loads(event.Data()))

    @app.subscribe("pubsub", "python-grpc-refused", dead_letter_topic="python-grpc-dead")
    def refused(event):
        return TopicEventResponse("drop")

    @app.subscribe("pubsub", "python-grpc-dead")
    def dead(event):
        SEEN["dead"].put(json.loads(event.Data()))

    @app.binding("tick")
    def tick(request):
        SEEN["binding"].put(dict(request.metadata).get("readtimeutc", [""])[0])

    @app.register_health_check
    def healthy():
        return None

    app.run(port, listen_address="127.0.0.1")
