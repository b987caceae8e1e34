"""A secret by name. Where it is kept is the business of the YAML."""
import grpc
from dapr.clients import DaprClient

# [get]
with DaprClient() as client:
    password = client.get_secret("vault", "database:password").secret["database:password"]
    print("the password has", len(password), "characters")
    try:
        client.get_secret("vault", "nobody")
    except grpc.RpcError as error:
        print("no such secret:", error.code().name)
# [/get]
