"""Two faces, one truth: random operations through HTTP and gRPC on the same components and on a model of them."""
