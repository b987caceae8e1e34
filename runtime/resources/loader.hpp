// From directories and files to typed resources: the loader rules of contract 06, sections 3.1, 3.3 and 3.7. Reads files,
// so it runs at start or on a bridge, never on a shard that serves. Secrets are not resolved here.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/resources/environment.hpp"
#include "runtime/resources/resiliency_spec.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha {

struct Findings;

// Something to log; texts that the contract gives are exact.
struct Notice {
  enum class Level : std::uint8_t { info, warning, error };
  Level level = Level::warning;
  std::string text;
};

struct LoadOptions {
  std::vector<std::string> directories;  // --resources-path, in order
  std::string app_id;
  std::string name_space;                // NAMESPACE; empty: no filter
};

// What this application shall have: in its namespace and scope, in the order of files and documents.
struct LoadedResources {
  std::vector<ComponentSpec> components;
  std::vector<SubscriptionSpec> subscriptions;  // by name, later ones have replaced earlier; then the scope
  std::vector<HttpEndpointSpec> endpoints;
  std::vector<ResiliencySpec> resiliencies;     // names may repeat; see ResiliencySpec::problem
  std::vector<Notice> notices;                  // in the order in which they are to be logged
  std::vector<std::string> unreadable;          // files of which something could not be read
  std::vector<std::string> empty;               // files without a byte
};

// Fails with what ends the process: a directory that is missing, two components of one name.
Result<LoadedResources> load_resources(const LoadOptions& options);

// All --config files, one on top of the other, with the defaults. Fails with "error loading configuration: ..."; unknown
// fields go to `notices`. Without files it is the default configuration.
Result<ConfigurationSpec> load_configuration(
    const std::vector<std::string>& files, const Environment& environment, std::vector<Notice>& notices
);

// The feature is on: as configured, else by default (contract 06, 3.3).
bool feature_enabled(const ConfigurationSpec& configuration, std::string_view name);

namespace loading {
// The documents of one file, added to `into`; for load_resources and for tests that have no files. Component duplicates
// and the like are found by the caller.
struct Batch {
  std::vector<ComponentSpec> components;
  std::vector<SubscriptionSpec> subscriptions_v1, subscriptions_v2;
  std::vector<HttpEndpointSpec> endpoints;
  std::vector<ResiliencySpec> resiliencies;
  std::vector<Notice> notices;
  std::vector<std::string> unreadable, empty;
};
void read_file(std::string_view text, const std::string& file, Batch& into);
// By its name: .yaml or .yml, in whatever case.
bool is_resource_file(const std::filesystem::path& path);
// Why the text cannot be the name of a resource, a segment of a path; empty if it can.
std::string name_fault(std::string_view name);
// A warning for each field that nobody asked for. `what` names the resource.
void note_unknown(const Findings& findings, const std::string& file, std::string_view what, std::vector<Notice>& out);
// Filters, duplicates and scopes over what was read.
Result<LoadedResources> settle(Batch batch, const LoadOptions& options);
Result<ConfigurationSpec> read_configurations(
    const std::vector<std::pair<std::string, std::string>>& files, const Environment& environment,
    std::vector<Notice>& notices
);
}  // namespace loading

}  // namespace mecha
