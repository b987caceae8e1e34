// The template of several applications (contract 06, 1.8) to plans.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/plan.hpp"
#include "runtime/base/result.hpp"

namespace mecha::cli {

struct RunTemplate {
  std::string name;  // of the template; the folder's if it has none
  std::string path;  // absolute; empty: read from standard input
  std::vector<Plan> plans;
  std::vector<std::string> notes;  // what is odd, for the user
};

// Whether ~/.dapr (or what stands in its place) brings components and a configuration to who has none.
enum class Home : std::uint8_t { seen, unseen };

// `path`: a file, a folder with dapr.yaml, or "-" for standard input.
Result<RunTemplate> read_template(const std::string& path, Home home = Home::seen);
// `folder`: what paths of `common` are relative to. Fails with every problem, each with its line.
Result<RunTemplate> parse_template(std::string_view text, const std::string& file, const std::string& folder, Home home = Home::seen);

}  // namespace mecha::cli
