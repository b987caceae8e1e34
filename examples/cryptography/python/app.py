"""A document encrypted by the sidecar: the key never enters this program."""
import warnings

from dapr.clients import DaprClient
from dapr.clients.grpc._crypto import DecryptOptions, EncryptOptions

warnings.simplefilter("ignore", UserWarning)  # the SDK says that the calls are alpha

# [encrypt]
with DaprClient() as client:
    document = client.encrypt(b"attack at dawn", EncryptOptions("safe", "rsa.pem", "RSA")).read()
    print(document.split(b"\n")[0].decode())
    print(client.decrypt(document, DecryptOptions("safe")).read().decode())
# [/encrypt]
