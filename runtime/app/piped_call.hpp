// Calls through appHttpPipeline: to the application, and to HTTP endpoints (contract 01, 7.1).

#pragma once

#include <memory>

#include "components/middleware/pipeline.hpp"
#include "runtime/net/client.hpp"

namespace mecha {

// A call under way inside `walk`, which has been entered: bodies and the head of the answer pass through its middleware.
// `declared`: the length of the request body, as the inner call was told it.
std::unique_ptr<net::ClientCall> piped_call(
    std::shared_ptr<middleware::Walk> walk, std::unique_ptr<net::ClientCall> inner, std::optional<std::uint64_t> declared
);

// The reply of a middleware as a call that has been answered already.
std::unique_ptr<net::ClientCall> replied_call(middleware::Walk& walk, middleware::Reply reply);

// net::Client::open() through `pipeline`; both outlive the opening, the pipeline the call too.
Async<std::unique_ptr<net::ClientCall>> open_piped(
    const middleware::Pipeline& pipeline, net::Client& client, net::RequestHead head
);

}  // namespace mecha
