// Finished spans as exporters write them. Pure.

#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/telemetry/tracer.hpp"

namespace mecha::trace {

// What all spans of a process share.
struct Resource {
  std::string service_name;
  std::vector<std::pair<std::string, std::string>> attributes;
};

std::string stdout_text(const Finished& span);
std::string zipkin_json(std::span<const Finished> batch, const Resource& resource);  // v2, an array
std::string otlp_bytes(
    std::span<const Finished> batch, const Resource& resource
);  // ExportTraceServiceRequest

}  // namespace mecha::trace
