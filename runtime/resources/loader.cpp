#include "runtime/resources/loader.hpp"

#include <algorithm>
#include <filesystem>

#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"
#include "runtime/resources/documents.hpp"
#include "runtime/resources/yaml.hpp"

namespace mecha {
namespace loading {
namespace {

using documents::read_component;
using documents::read_endpoint;
using documents::read_resiliency;
using documents::read_subscription;

void warn(Batch& batch, const std::string& file, std::string_view what) {
  batch.notices.push_back(
      {.text = "error when parsing manifests yaml resource in " + file + ": " + std::string(what)}
  );
  batch.unreadable.push_back(file);
}

// Whether the document may be used; says why not.
bool accept(Batch& batch, const Findings& findings, const std::string& kind, const std::string& name, const Location& at) {
  if (!findings.problems.empty()) {
    warn(batch, at.file, text::join(findings.problems, "; "));
    return false;
  }
  if (name.empty()) {
    batch.notices.push_back({.text = at.text() + ": a " + kind + " without metadata.name is ignored"});
    return false;
  }
  if (const auto fault = name_fault(name); !fault.empty()) {
    warn(batch, at.file, "invalid name " + text::quote(name) + " for " + text::quote(kind) + ": " + fault);
    return false;
  }
  note_unknown(findings, at.file, kind + " " + text::quote(name), batch.notices);
  return true;
}

void read_document(const yaml::Node& root, const std::string& file, int first_line, Batch& batch) {
  Findings findings;
  View doc(findings, &root);
  if (!doc.present()) {
    if (!root.is(yaml::Node::Kind::null)) warn(batch, file, text::join(findings.problems, "; "));
    return;
  }
  const auto version = doc.text("apiVersion");
  const auto kind = doc.text("kind");
  const Location at{file, root.line > 0 ? root.line : first_line};
  const bool first = version == "dapr.io/v1alpha1";
  const auto keep = [&](auto spec, auto& list) {
    if (accept(batch, findings, kind, spec.name, at)) list.push_back(std::move(spec));
  };
  if (kind == "Component" && first) {
    keep(read_component(doc, at), batch.components);
  } else if (kind == "Subscription" && first) {
    keep(read_subscription(doc, at, false), batch.subscriptions_v1);
  } else if (kind == "Subscription" && version == "dapr.io/v2alpha1") {
    keep(read_subscription(doc, at, true), batch.subscriptions_v2);
  } else if (kind == "HTTPEndpoint" && first) {
    keep(read_endpoint(doc, at), batch.endpoints);
  }
}

// Only the first document of a file can be one, and only its kind counts.
void read_first(const yaml::Node& root, const std::string& file, int first_line, Batch& batch) {
  const auto* kind = root.find("kind");
  if (kind == nullptr || kind->value != "Resiliency") return;
  Findings findings;
  View doc(findings, &root);
  doc.raw("kind");
  auto spec = read_resiliency(doc, {file, root.line > 0 ? root.line : first_line});
  if (!findings.problems.empty()) return warn(batch, file, text::join(findings.problems, "; "));
  note_unknown(findings, file, "Resiliency " + text::quote(spec.name), batch.notices);
  batch.resiliencies.push_back(std::move(spec));
}

template <class T>
bool in_scope(const T& spec, const LoadOptions& options) {
  return spec.scopes.empty() || std::ranges::find(spec.scopes, options.app_id) != spec.scopes.end();
}

std::string title(const ComponentSpec& spec) { return spec.title(); }
std::string title(const HttpEndpointSpec& spec) { return spec.name + " (" + spec.base_url + ")"; }

// Namespace, then duplicates among what was accepted, then scope.
template <class T>
std::vector<T> filter(std::vector<T> list, std::string_view kind, const LoadOptions& options, std::vector<std::string>& duplicates) {
  std::vector<T> kept;
  for (auto& spec : list) {
    if (!options.name_space.empty() && !spec.name_space.empty() && spec.name_space != options.name_space) continue;
    const auto same = std::ranges::find(kept, spec.name, &T::name);
    if (same != kept.end()) {
      duplicates.push_back(
          "duplicate definition of " + std::string(kind) + " name " + title(spec) + " with existing " + title(*same)
      );
      continue;
    }
    if (in_scope(spec, options)) kept.push_back(std::move(spec));
  }
  return kept;
}

std::vector<SubscriptionSpec> by_name(std::vector<SubscriptionSpec> first, std::vector<SubscriptionSpec> second) {
  std::vector<SubscriptionSpec> list;
  for (auto* source : {&first, &second}) {
    for (auto& spec : *source) {
      const auto same = std::ranges::find(list, spec.name, &SubscriptionSpec::name);
      if (same == list.end()) {
        list.push_back(std::move(spec));
      } else {
        *same = std::move(spec);
      }
    }
  }
  return list;
}

Result<void> read_directory(const std::string& directory, Batch& batch) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (!entry.is_directory()) files.push_back(entry.path());
  }
  if (error) {
    const std::string why = error == std::errc::no_such_file_or_directory ? "no such file or directory" : error.message();
    return fail(Code::not_found, "failed to create watcher: stat " + directory + ": " + why);
  }
  std::ranges::sort(files);
  for (const auto& path : files) {
    if (!loading::is_resource_file(path)) {
      const auto name = path.filename().string();
      batch.notices.push_back({.text = "A non-YAML Component file " + name + " was detected, it will not be loaded"});
      continue;
    }
    const auto text = mecha::read_file(path.string());
    if (text) {
      read_file(*text, path.string(), batch);
    } else {
      warn(batch, path.string(), text.error().message);
    }
  }
  return {};
}

}  // namespace

bool is_resource_file(const std::filesystem::path& path) {
  const auto extension = text::lower(path.extension().string());
  return extension == ".yaml" || extension == ".yml";
}

std::string name_fault(std::string_view name) {
  if (name == "." || name == "..") return "may not be '" + std::string(name) + "'";
  std::vector<std::string> faults;
  for (const auto* part : {"/", "%"}) {
    if (name.find(part) != std::string_view::npos) faults.push_back("may not contain '" + std::string(part) + "'");
  }
  return text::join(faults, ", ");
}

void note_unknown(const Findings& findings, const std::string& file, std::string_view what, std::vector<Notice>& out) {
  for (const auto& [field, line] : findings.unknown) {
    out.push_back({.text = Location{file, line}.text() + ": " + field + " is not a field of " + std::string(what)});
  }
}

void read_file(std::string_view text, const std::string& file, Batch& into) {
  if (text.empty()) into.empty.push_back(file);
  bool first = true;
  for (const auto& document : yaml::split_documents(text)) {
    if (document.blank()) continue;
    const auto root = yaml::parse(document.text, document.first_line);
    if (!root) {
      warn(into, file, root.error().message);
    } else {
      if (first) read_first(*root, file, document.first_line, into);
      read_document(*root, file, document.first_line, into);
    }
    first = false;
  }
}

Result<LoadedResources> settle(Batch batch, const LoadOptions& options) {
  LoadedResources out;
  out.notices = std::move(batch.notices);
  out.unreadable = std::move(batch.unreadable);
  out.empty = std::move(batch.empty);
  std::vector<std::string> duplicates;
  out.components = filter(std::move(batch.components), "Component", options, duplicates);
  if (!duplicates.empty()) {
    return fail(Code::already_exists, "failed to load components: " + text::join(duplicates, "; "));
  }
  out.endpoints = filter(std::move(batch.endpoints), "HTTPEndpoint", options, duplicates);
  if (!duplicates.empty()) {
    out.endpoints.clear();
    out.notices.push_back({.text = "failed to load HTTP endpoints: " + text::join(duplicates, "; ")});
  }
  const auto out_of_scope = [&](const auto& spec) { return !in_scope(spec, options); };
  out.subscriptions = by_name(std::move(batch.subscriptions_v2), std::move(batch.subscriptions_v1));
  std::erase_if(out.subscriptions, out_of_scope);
  out.resiliencies = std::move(batch.resiliencies);
  std::erase_if(out.resiliencies, out_of_scope);
  return out;
}

}  // namespace loading

Result<LoadedResources> load_resources(const LoadOptions& options) {
  loading::Batch batch;
  for (const auto& directory : options.directories) MECHA_TRY_VOID(loading::read_directory(directory, batch));
  return loading::settle(std::move(batch), options);
}

}  // namespace mecha
