"""A state store of our own: a gRPC server on a Unix socket, found by reflection. It keeps values in a dictionary."""
import os, sys
from concurrent import futures

import grpc
from grpc_reflection.v1alpha import reflection

sys.path.insert(0, "generated")  # protoc has written it
from dapr.proto.components.v1 import common_pb2 as common, state_pb2 as state  # noqa: E402


# [store]
class Store:
    values = {}

    def Init(self, request):
        print("told:", dict(request.metadata.properties), flush=True)
        return state.InitResponse()

    def Features(self, request):
        return common.FeaturesResponse()

    def Get(self, request):
        return state.GetResponse(data=self.values.get(request.key, b""))

    def Set(self, request):
        self.values[request.key] = request.value
        return state.SetResponse()

    def Delete(self, request):
        self.values.pop(request.key, None)
        return state.DeleteResponse()
# [/store]


def served(store, service):
    """The methods that the class has; others are answered with UNIMPLEMENTED."""
    def call(name):
        return lambda request, context: getattr(store, name)(request)
    return {method.name: grpc.unary_unary_rpc_method_handler(call(method.name), message_class(method.input_type).FromString, lambda m: m.SerializeToString())
            for method in service.methods if hasattr(store, method.name)}


def message_class(descriptor):
    return getattr(common if descriptor.file.name.endswith("common.proto") else state, descriptor.name)


service, socket = state.DESCRIPTOR.services_by_name["StateStore"], sys.argv[1]
server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, served(Store(), service)),))
reflection.enable_server_reflection([service.full_name, reflection.SERVICE_NAME], server)
os.makedirs(os.path.dirname(socket), exist_ok=True)
server.add_insecure_port(f"unix:{socket}")
server.start()
print("serving", socket, flush=True)
server.wait_for_termination()
