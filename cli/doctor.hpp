// What `mecha doctor` looks at, one function for each area. Each adds what it found, also that all is well, so that a reader
// sees what was looked at; nothing is changed anywhere.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
// The components of the folders: whether their servers answer, and whether their certificates are valid.
void look_at_components(Diagnoses& found, const std::vector<std::string>& folders);

// A certificate, PEM text or the file that holds it, and for how long it is valid. Does nothing where it is neither.
void look_at_certificate(Diagnoses& found, const std::string& what, const std::string& value);

}  // namespace mecha::cli
