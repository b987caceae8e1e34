// Configuration files (contract 06, section 3.3): expansion, several files on top of each other, defaults.

#include <set>
#include <utility>

#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"
#include "runtime/resources/documents.hpp"
#include "runtime/resources/loader.hpp"
#include "runtime/resources/yaml.hpp"

namespace mecha {
namespace loading {

Result<ConfigurationSpec> read_configurations(
    const std::vector<std::pair<std::string, std::string>>& files, const Environment& environment,
    std::vector<Notice>& notices
) {
  ConfigurationSpec out;
  std::vector<std::pair<std::string, yaml::Node>> roots;
  for (const auto& [file, raw] : files) {
    for (const auto& document : yaml::split_documents(expand_variables(raw, environment))) {
      if (document.blank()) continue;
      auto root = yaml::parse(document.text, document.first_line);
      if (!root) return fail(std::move(root).error().context(file));
      roots.emplace_back(file, *std::move(root));
      break;
    }
  }
  std::vector<std::string> problems;
  const auto each = [&](auto read) {
    for (const auto& [file, root] : roots) {
      Findings findings;
      View doc(findings, &root);
      View spec = doc.object("spec");
      read(spec);
      for (const auto& problem : findings.problems) problems.push_back(file + ": " + problem);
      note_unknown(findings, file, "Configuration", notices);
    }
  };
  each([&](View& spec) { documents::read_configuration(spec, out); });
  each([&](View& spec) {
    View metrics = spec.object("metrics");
    documents::read_metrics(metrics, out);
  });
  if (!problems.empty()) return fail(Code::invalid_argument, text::join(problems, "; "));
  return out;
}

namespace {

Result<void> check_scopes(const ConfigurationSpec& configuration) {
  std::set<std::string> stores;
  for (const auto& scope : configuration.secret_scopes) {
    if (!stores.insert(scope.store).second) {
      return fail(Code::invalid_argument, scope.store + " storeName is repeated in secrets configuration");
    }
    const auto& access = scope.default_access;
    if (!access.empty() && !text::equals_nocase(access, "allow") && !text::equals_nocase(access, "deny")) {
      return fail(Code::invalid_argument, "defaultAccess " + access + " can be either allow or deny");
    }
  }
  return {};
}

Result<ConfigurationSpec> load_files(
    const std::vector<std::string>& files, const Environment& environment, std::vector<Notice>& notices
) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const auto& file : files) {
    MECHA_TRY(auto text, mecha::read_file(file));
    texts.emplace_back(file, std::move(text));
  }
  MECHA_TRY(auto out, read_configurations(texts, environment, notices));
  MECHA_TRY_VOID(check_scopes(out));
  return out;
}

}  // namespace
}  // namespace loading

Result<ConfigurationSpec> load_configuration(
    const std::vector<std::string>& files, const Environment& environment, std::vector<Notice>& notices
) {
  auto out = loading::load_files(files, environment, notices);
  if (!out) return fail(std::move(out).error().context("error loading configuration"));
  for (const auto* feature : {"HotReload", "WorkflowsRemoteActivityReminder"}) out->features.try_emplace(feature, true);
  return out;
}

bool feature_enabled(const ConfigurationSpec& configuration, std::string_view name) {
  const auto found = configuration.features.find(name);
  return found != configuration.features.end() && found->second;
}

}  // namespace mecha
