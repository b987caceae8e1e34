// mecha doctor: what of this host and of the resources of a folder stands in the way of sidecars, and what to do about it.

#include "cli/doctor.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/dev_resources.hpp"
#include "cli/output.hpp"
#include "cli/plan.hpp"

namespace mecha::cli {
namespace {

struct DoctorOptions {
  std::vector<std::string> resources;
  std::string form = "table";
  bool no_open = false;
};

constexpr std::array<const char*, 4> kGrades = {"ok", "not checked", "warning", "problem"};
constexpr std::array<int, 4> kColours = {32, 36, 33, 31};

std::string line_of(const Diagnosis& d) {
  const auto grade = static_cast<std::size_t>(d.grade);
  std::string line = paint(kColours[grade], kGrades[grade]) + std::string(13 - std::string_view(kGrades[grade]).size(), ' ') + d.area + std::string(d.area.size() < 12 ? 12 - d.area.size() : 1, ' ') + d.text + "\n";
  if (!d.remedy.empty()) line += "             remedy: " + d.remedy + "\n";
  return line;
}

// Those given, else those of this folder, else the ones of the home folder that `mecha run` takes.
std::vector<std::string> folders_of(const DoctorOptions& options) {
  if (!options.resources.empty()) return options.resources;
  std::error_code error;
  auto own = own_resources(std::filesystem::current_path(error).string());
  const auto home = base_folder("") + "/components";
  if (own.empty() && std::filesystem::is_directory(home, error)) own.push_back(home);
  return own;
}

int doctor(const DoctorOptions& options) {
  Diagnoses found;
  look_at_versions(found);
  look_at_ports(found);
  look_at_registry(found);
  look_at_folders(found);
  look_at_limits(found);
  look_at_clock(found);
  look_at_components(found, folders_of(options), !options.no_open);
  json::Array array;
  std::string text;
  for (const auto& d : found) {
    text += line_of(d);
    array.emplace_back(json::Object{{"area", d.area}, {"grade", kGrades[static_cast<std::size_t>(d.grade)]}, {"text", d.text}, {"remedy", d.remedy}});
  }
  const auto count = [&found](Grade grade) { return std::ranges::count(found, grade, &Diagnosis::grade); };
  const auto problems = count(Grade::problem);
  text += std::to_string(problems) + " problems, " + std::to_string(count(Grade::warning)) + " warnings, " + std::to_string(count(Grade::unchecked)) + " not checked\n";
  return std::max(print(options.form, json::Value(std::move(array)), text), problems > 0 ? 1 : 0);
}

}  // namespace

void add_doctor(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("doctor", "Look for what stands in the way of sidecars on this host; exit code 1 when there is a problem");
  auto options = std::make_shared<DoctorOptions>();
  command->add_option("--resources-path", options->resources, "Folder of resources whose servers and certificates are looked at, may be repeated; those of this folder, else ~/.dapr/components, if left out")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command->add_flag("--no-open", options->no_open, "Do not start components: starting one makes what it needs on its server, such as tables or a queue");
  add_output(*command, options->form);
  command->callback([options, &choice] { choice.run = [options] { return doctor(*options); }; });
}

}  // namespace mecha::cli
