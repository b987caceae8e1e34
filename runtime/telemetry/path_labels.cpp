#include "runtime/telemetry/path_labels.hpp"

#include <algorithm>
#include <array>

#include "runtime/base/text.hpp"

namespace mecha::telemetry {

namespace {

constexpr std::string_view kInvoke = "/v1.0/invoke/";

void join(std::string& room, const std::vector<std::string_view>& parts, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) room.append("/").append(parts[i]);
}

std::string_view fold_workflow(
    std::string_view path, std::vector<std::string_view> parts, std::string& room
) {
  if (parts.size() < 4 || parts.size() > 6) return path;
  if (parts.size() == 6 && (parts[4] != "raiseEvent" || parts[5].empty())) return path;
  if (parts.size() == 5 && parts[4] == "start") return path;
  parts[3] = "{instanceId}";
  if (parts.size() == 6) parts[5] = "{eventName}";
  join(room, parts, parts.size());
  return room;
}

// Variable parts of the API's own paths are folded; everything else stays as it is.
std::string_view fold(std::string_view path, std::string& room) {
  room.clear();
  auto parts = text::path_segments(path);
  if (parts.size() < 3) return path;
  if (parts[0] == "actors") {
    parts[2] = "{id}";
    join(room, parts, parts.size());
    return std::string_view(room).substr(1);
  }
  if (parts[1] == "state" || parts[1] == "secrets") {
    const auto end = static_cast<std::size_t>(parts[2].data() + parts[2].size() - path.data());
    if (path.starts_with('/')) return path.substr(0, end);
    join(room, parts, 3);
    return room;
  }
  if (parts[1] == "actors" && parts.size() >= 5) {
    parts[3] = "{id}";
    join(room, parts, 5);
    return room;
  }
  if (parts[1] == "workflows") return fold_workflow(path, std::move(parts), room);
  return path;
}

}  // namespace

PathPattern::PathPattern(std::string text) : text_(std::move(text)) {
  std::string_view path = text_;
  const auto slash = path.find('/');
  path.remove_prefix(
      slash == std::string_view::npos ? path.size() : slash
  );  // method and host are not looked at
  const auto parts = text::path_segments(path);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto part = parts[i];
    const bool last = i + 1 == parts.size();
    if (last && part.empty()) {
      segments_.push_back({Kind::rest, ""});
    } else if (last && part == "{$}") {
      segments_.push_back({Kind::end, ""});
    } else if (last && part.starts_with('{') && part.ends_with("...}")) {
      segments_.push_back({Kind::rest, ""});
    } else if (part.starts_with('{') && part.ends_with('}')) {
      segments_.push_back({Kind::one, ""});
    } else {
      segments_.push_back({Kind::literal, std::string(part)});
    }
  }
}

bool PathPattern::matches(std::string_view path) const {
  const auto parts = text::path_segments(path);
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    // "/tree" alone is sent on to "/tree/", and is labelled so.
    if (i == parts.size()) return segment.kind == Kind::rest && i > 0;
    switch (segment.kind) {
      case Kind::rest:
        return true;
      case Kind::end:
        return parts[i].empty() && i + 1 == parts.size();
      case Kind::one:
        if (parts[i].empty()) return false;
        break;
      case Kind::literal:
        if (parts[i] != segment.text) return false;
    }
  }
  return parts.size() == segments_.size();
}

bool PathPattern::operator<(const PathPattern& other) const {
  return std::ranges::lexicographical_compare(
      segments_,
      other.segments_,
      {},
      [](const Segment& s) { return s.kind; },
      [](const Segment& s) { return s.kind; }
  );
}

PathLabels::PathLabels(
    bool increased_cardinality, const std::vector<std::string>& path_matching, bool exclude_verbs
)
    : increased_(increased_cardinality), exclude_verbs_(exclude_verbs) {
  const auto add = [this](PathPattern pattern) {
    const auto at = std::upper_bound(patterns_.begin(), patterns_.end(), pattern);
    patterns_.insert(at, std::move(pattern));
  };
  for (const std::string& pattern : path_matching) {
    if (pattern.empty()) continue;
    add(PathPattern(pattern));
    if (!pattern.starts_with(kInvoke)) add(PathPattern("/v1.0/invoke/{app_id}/method" + pattern));
  }
}

const PathPattern* PathLabels::best(std::string_view path) const {
  const auto it = std::ranges::find_if(patterns_, [path](const PathPattern& pattern) {
    return pattern.matches(path);
  });
  return it == patterns_.end() ? nullptr : &*it;
}

std::string_view PathLabels::server(std::string_view path, std::string& room) const {
  if (const auto* pattern = best(path)) return pattern->text();
  return increased_ ? fold(path, room) : std::string_view{};
}

std::string_view PathLabels::client(std::string_view path, std::string& room) const {
  if (const auto* pattern = best(path)) return pattern->text();
  if (increased_) return fold(path, room);
  constexpr std::array<std::string_view, 4> kFixed{
      "/dapr/config", "/dapr/metrics", "/dapr/subscribe", "/healthz"
  };
  return std::ranges::find(kFixed, path) != kFixed.end() ? path : std::string_view{};
}

std::string_view PathLabels::verb(std::string_view method) const {
  if (exclude_verbs_) return {};
  constexpr std::array<std::string_view, 9> kVerbs{
      "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"
  };
  return std::ranges::find(kVerbs, method) != kVerbs.end() ? method : "UNKNOWN";
}

}  // namespace mecha::telemetry
