// The threads on which gRPC brings answers.
#pragma once

namespace mecha::wire {

/// Keeps them until the process ends. gRPC gives them up with the last channel, and waits for them
/// in its destructor; but a channel of ours may go on one of them, with the last call of a client
/// that went before, and would wait for itself. For who begins a call that ends there: without any,
/// there are no such threads, which take turns with those of blocking calls at waiting for the network.
void keep_callback_threads();

}  // namespace mecha::wire
