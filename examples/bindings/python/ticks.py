"""A job that a schedule starts: the sidecar calls the handler that has the name of the binding."""
import os

from dapr.ext.grpc import App, BindingRequest

app = App()
left = 3


# [handler]
@app.binding("tick")
def tick(request: BindingRequest):
    global left
    if left:
        print(f"tick {left}", flush=True)
        left -= 1
# [/handler]


app.run(int(os.environ["APP_PORT"]))
