// What differs between two readings of the resources. Pure.

#pragma once

#include <string>
#include <vector>

#include "runtime/resources/loader.hpp"

namespace mecha {

// Kinds that differ, by name and content; where a resource stands does not count, nor does the order, but for resiliencies,
// where a later one overrides.
struct Changes {
  bool components = false, subscriptions = false, endpoints = false, resiliencies = false;
  bool any() const { return components || subscriptions || endpoints || resiliencies; }
};
Changes changes(const LoadedResources& before, const LoadedResources& after);

// A file that cannot be read, or of which a document cannot, keeps what it held before: what is missing in `after` and stood
// in such a file is put back. Returns the files that hold something back.
std::vector<std::string> keep_unreadable(const LoadedResources& before, LoadedResources& after);

// Whether a file that held something has become empty. One that is written anew is so for a moment, and the system gives
// notice of it only after it can be seen.
bool emptied(const LoadedResources& before, const LoadedResources& after);

// Parts of a Configuration that differ and that are built once, when the process starts: names of its fields.
std::vector<std::string> fixed_differences(const ConfigurationSpec& before, const ConfigurationSpec& after);

}  // namespace mecha
