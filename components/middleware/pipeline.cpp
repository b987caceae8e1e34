#include "components/middleware/pipeline.hpp"

#include <algorithm>
#include <ranges>

#include "runtime/base/http_status.hpp"

namespace mecha::middleware {
namespace {

std::string_view version_of(const std::string& version) { return version.empty() ? "v1" : std::string_view(version); }

// Stands where a middleware will be once it is loaded.
class Closed final : public Middleware {
 public:
  explicit Closed(std::string name) : name_(std::move(name)) {}
  asio::awaitable<std::optional<Reply>> enter(net::RequestHead&, std::string, Step&) override {
    co_return plain_reply(503, "middleware " + name_ + " is not ready");
  }

 private:
  std::string name_;
};

}  // namespace

bool means(const HandlerSpec& handler, const ComponentSpec& spec) {
  return handler.name == spec.name && handler.type == spec.type && version_of(handler.version) == version_of(spec.version);
}

Reply plain_reply(unsigned status, std::string_view body) {
  return {
      .status = status,
      .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
      .body = std::string(body.empty() ? status_text(status) : body),
  };
}

std::shared_ptr<const Pipeline> make_pipeline(
    const std::vector<HandlerSpec>& handlers, const std::vector<Candidate>& candidates
) {
  auto pipeline = std::make_shared<Pipeline>();
  for (const auto& handler : handlers) {
    for (const auto& candidate : candidates) {
      if (!means(handler, *candidate.spec)) continue;
      pipeline->members.push_back(candidate.instance ? candidate.instance : std::make_shared<Closed>(handler.name));
      break;
    }
  }
  if (pipeline->members.empty()) return nullptr;
  return pipeline;
}

asio::awaitable<std::optional<Reply>> Walk::enter(
    const Pipeline& pipeline, net::RequestHead& request, std::string remote
) {
  for (const auto& member : pipeline.members) {
    auto& step = steps_.emplace_back();
    auto reply = co_await member->enter(request, remote, step);
    if (!reply) continue;
    step.answer_body.reset();
    co_return reply;
  }
  co_return std::nullopt;
}

bool Walk::changes_request() const {
  return std::ranges::any_of(steps_, [](const Step& step) { return step.request_body != nullptr; });
}

bool Walk::changes_answer() const {
  return std::ranges::any_of(steps_, [](const Step& step) { return step.answer_body != nullptr; });
}

std::string Walk::request_piece(std::string_view piece) {
  std::string bytes(piece);
  for (auto& step : steps_) {
    if (step.request_body) bytes = step.request_body->piece(bytes);
  }
  return bytes;
}

std::string Walk::request_end() {
  std::string bytes;
  for (auto& step : steps_) {
    if (!step.request_body) continue;
    if (!bytes.empty()) bytes = step.request_body->piece(bytes);
    bytes += step.request_body->end();
  }
  return bytes;
}

std::string Walk::answer_piece(std::string_view piece) {
  std::string bytes(piece);
  for (auto& step : std::views::reverse(steps_)) {
    if (step.answer_body) bytes = step.answer_body->piece(bytes);
  }
  return bytes;
}

std::string Walk::answer_end() {
  std::string bytes;
  for (auto& step : std::views::reverse(steps_)) {
    if (!step.answer_body) continue;
    if (!bytes.empty()) bytes = step.answer_body->piece(bytes);
    bytes += step.answer_body->end();
  }
  return bytes;
}

void Walk::finish_head(net::ResponseHead& head) const {
  net::Headers headers;
  for (const auto& step : steps_) {
    for (const auto& field : step.answer_headers) headers.add(field.name, field.value);
  }
  if (!headers.empty()) {
    for (const auto& field : head.headers) headers.add(field.name, field.value);
    head.headers = std::move(headers);
  }
  if (changes_answer()) head.content_length.reset();
}

Error LengthCheck::wrong() const {
  return {
      .code = Code::internal,
      .message = "http: ContentLength=" + std::to_string(declared_.value_or(0)) + " with Body length " +
                 std::to_string(passed_)};
}

Result<void> LengthCheck::add(std::size_t bytes) {
  passed_ += bytes;
  if (declared_ && passed_ > *declared_) return fail(wrong());
  return {};
}

Result<void> LengthCheck::end() const {
  if (declared_ && passed_ != *declared_) return fail(wrong());
  return {};
}

}  // namespace mecha::middleware
