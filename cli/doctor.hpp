// What `mecha doctor` looks at, one function for each area. Each adds what it found, also that all is well, so that a reader
// sees what was looked at; nothing is changed on this host.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/resources/specs.hpp"

namespace mecha::cli {

enum class Grade : std::uint8_t { ok, unchecked, warning, problem };

struct Diagnosis {
  std::string area;
  Grade grade = Grade::ok;
  std::string text, remedy;
};
using Diagnoses = std::vector<Diagnosis>;

// Of this tool, the daemon that it would start, and the sidecars that run.
void look_at_versions(Diagnoses& found);
// The ports that a sidecar takes when none are given.
void look_at_ports(Diagnoses& found);
// The directory in which sidecars of this host find each other: its rights, what dead processes left, who does not answer.
void look_at_registry(Diagnoses& found);
// Folders that are written to: of sockets, of data.
void look_at_folders(Diagnoses& found);
// Files, watches, threads, memory, disk.
void look_at_limits(Diagnoses& found);
void look_at_clock(Diagnoses& found);
// The components of the folders: whether their servers answer, and whether their certificates are valid; with `open` also
// whether they start, those whose servers do not answer apart.
void look_at_components(Diagnoses& found, const std::vector<std::string>& folders, bool open);
// Starts and stops each, one after another, at most a minute for all. Those that only have files are passed over.
void open_components(Diagnoses& found, std::vector<ComponentSpec> components);

// A certificate, PEM text or the file that holds it, and for how long it is valid. Does nothing where it is neither.
void look_at_certificate(Diagnoses& found, const std::string& what, const std::string& value);

}  // namespace mecha::cli
