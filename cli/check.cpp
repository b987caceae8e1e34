// mecha check: everything that is wrong with resource files, with the place, the rule, and a fix where one is known.

#include <algorithm>
#include <filesystem>

#include <CLI/CLI.hpp>

#include "cli/checker.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"

namespace mecha::cli {
namespace {

int check(const std::vector<std::string>& paths, const std::string& form) {
  Checker checker;
  for (const auto& path : paths) {
    std::error_code fault;
    const auto status = std::filesystem::status(path, fault);
    if (status.type() == std::filesystem::file_type::not_found) return print_failure(form, {.code = Code::not_found, .message = path + " does not exist\n  remedy: name a resource file or a folder of them"});
    if (fault) return print_failure(form, {.code = Code::invalid_argument, .message = path + " cannot be read: " + fault.message() + "\n  remedy: name a resource file or a folder of them"});
    checker.path(path);
  }
  checker.whole();
  const auto findings = checker.findings();
  json::Array array;
  std::string text;
  int errors = 0;
  for (const auto& finding : findings) {
    errors += finding.error ? 1 : 0;
    text += finding.place.text() + ": " + (finding.error ? paint(31, "error") : paint(33, "warning")) + ": " + finding.text + "\n" + (finding.fix.empty() ? "" : "  fix: " + finding.fix + "\n");
    array.emplace_back(json::Object{{"file", finding.place.file}, {"line", finding.place.line}, {"level", finding.error ? "error" : "warning"}, {"text", finding.text}, {"fix", finding.fix}});
  }
  text += std::to_string(checker.files()) + " files, " + std::to_string(checker.components()) + " components, " + std::to_string(errors) + " errors, " + std::to_string(findings.size() - static_cast<std::size_t>(errors)) + " warnings\n";
  return std::max(print(form, json::Value(std::move(array)), text), errors > 0 ? 1 : 0);
}

}  // namespace

void add_check(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("check", "Say everything that is wrong with resource files; exit code 1 when there is an error");
  auto options = std::make_shared<std::pair<std::vector<std::string>, std::string>>(std::vector<std::string>{}, "table");
  command->add_option("path", options->first, "Resource files, or folders of them; what they name of each other is looked at, too")->type_name("PATH")->required();
  add_output(*command, options->second);
  command->callback([options, &choice] { choice.run = [options] { return check(options->first, options->second); }; });
}

}  // namespace mecha::cli
