"""One row of the contract's error tables, and how it is provoked through either face."""
from dataclasses import dataclass, field

DOMAIN, RPC = "dapr.io", "type.googleapis.com/google.rpc."


def info(reason, metadata=...):
    """ErrorInfo as HTTP writes it. `None` is a JSON null."""
    return {"@type": RPC + "ErrorInfo", "domain": DOMAIN, "metadata": {} if metadata is ... else metadata, "reason": reason}


def resource(kind, name, description=""):
    return {"@type": RPC + "ResourceInfo", "description": description, "owner": "", "resource_name": name, "resource_type": kind}


def bad_request(text, **field_):
    return {"@type": RPC + "BadRequest", "field_violations": [{"description": text, **field_}]}


def help_link(text, url):
    return {"@type": RPC + "Help", "links": [{"description": text, "url": url}]}


@dataclass
class Row:
    """
    `code` and `message` are what both faces show; a message that ends in `...` states its beginning (the rest is a library's or
    a server's). `http` is (method, path[, body[, headers]]), `grpc` (method, message as JSON, or a list of them for a stream); a face
    that is None cannot show the row. `details` are those of HTTP, `rpc_details` those of gRPC when they differ from them.
    """
    name: str
    code: str
    status: int
    rpc: str  # name of the gRPC status
    message: str
    http: tuple = None
    grpc: tuple = None
    details: list = field(default_factory=list)
    rpc_details: list = None
    rpc_message: str = None
    stage: str = "plain"
    first: tuple = ()  # requests made before it, in the form of `http`
    body: object = None  # the whole HTTP body where it has another form

    def details_of_grpc(self):
        rows = self.details if self.rpc_details is None else self.rpc_details
        return [{**one, "metadata": one["metadata"] or {}} if "metadata" in one else one for one in rows]


@dataclass
class Unprovoked:
    """A row that no request can bring about here, and why."""
    code: str
    message: str
    reason: str
