// The `path` and `method` labels of the HTTP metrics (contract 06, 7.3). Immutable; from any
// thread.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mecha::telemetry {

// One Go 1.22 ServeMux pattern: "/orders/{id}", "/files/{rest...}", "/tree/", "/exact/{$}".
class PathPattern {
 public:
  explicit PathPattern(std::string text);
  bool matches(std::string_view path) const;
  // Of two that match one path, the more specific is less.
  bool operator<(const PathPattern& other) const;
  const std::string& text() const { return text_; }

 private:
  enum class Kind : std::uint8_t { literal, end, one, rest };
  struct Segment {
    Kind kind;
    std::string text;
  };
  std::string text_;
  std::vector<Segment> segments_;
};

class PathLabels {
 public:
  // Configuration spec.metric.http.
  PathLabels(
      bool increased_cardinality, const std::vector<std::string>& path_matching, bool exclude_verbs
  );

  // The label of a path, decoded and without query, of a request to the API or of a call into the
  // application. The view lives as long as `path`, `room` and this.
  std::string_view server(std::string_view path, std::string& room) const;
  std::string_view client(std::string_view path, std::string& room) const;
  std::string_view verb(std::string_view method) const;
  // Whether http_server_response_count is recorded.
  bool counts_responses() const { return increased_; }

 private:
  const PathPattern* best(std::string_view path) const;

  bool increased_, exclude_verbs_;
  std::vector<PathPattern> patterns_;  // the most specific first
};

}  // namespace mecha::telemetry
