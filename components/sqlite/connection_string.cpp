#include "components/sqlite/connection_string.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"

namespace mecha::sqlite {
namespace {

// What stands in the query of the string, as far as the driver acts upon it; the rest goes on to SQLite.
struct Query {
  std::string passed_on;
  std::vector<std::string> pragmas;
  bool memory = false;
  bool fixed = false;  // read only or immutable
  bool immediate = true;
};

// "name(value)" and "name=value" are both statements of SQLite.
Result<void> take_pragma(Query& query, const std::string& value) {
  for (const auto* own : {"busy_timeout", "journal_mode", "foreign_keys"}) {
    if (text::lower(value).starts_with(own)) {
      return fail(
          Code::invalid_argument,
          "found forbidden option '_pragma=" + std::string(own) + "' in the connection string"
      );
    }
  }
  query.pragmas.push_back(value);
  return {};
}

Result<Query> take_query(std::string_view text) {
  Query query;
  for (const auto part : text::split(text, '&')) {
    const auto pairs = text::parse_query(part);
    if (pairs.empty()) continue;
    const auto& [name, value] = pairs.front();
    if (name == "_pragma") {
      MECHA_TRY_VOID(take_pragma(query, value));
      continue;
    }
    if (name == "_txlock") {
      const auto lock = text::lower(value);
      const bool known = lock == "deferred" || lock == "immediate" || lock == "exclusive";
      if (!known) return fail(Code::invalid_argument, "unknown _txlock " + text::quote(lock));
      query.immediate = lock != "deferred";
      continue;
    }
    query.memory |= name == "mode" && value == "memory";
    query.fixed |= (name == "mode" && value == "ro") || (name == "immutable" && value == "1");
    if (!query.passed_on.empty()) query.passed_on += '&';
    query.passed_on += part;
  }
  return query;
}

}  // namespace

Result<DatabaseOptions> parse_connection_string(std::string_view text, bool disable_wal) {
  std::string uri(text);
  if (!text::lower(uri).starts_with("file:")) uri.insert(0, "file:");
  const auto mark = uri.find('?');
  MECHA_TRY(
      auto query, take_query(mark == std::string::npos ? std::string_view() : std::string_view(uri).substr(mark + 1))
  );
  if (mark != std::string::npos) uri.resize(mark);
  query.memory |= text::lower(uri) == "file::memory:";
  DatabaseOptions options;
  auto& connection = options.connection;
  connection.uri = uri;
  if (!query.passed_on.empty()) connection.uri.append("?").append(query.passed_on);
  connection.pragmas = std::move(query.pragmas);
  connection.immediate = query.immediate && !query.fixed;
  const bool wal = !query.memory && !query.fixed && !disable_wal;
  if (wal) connection.journal_mode = "WAL";
  else if (query.memory) connection.journal_mode = "MEMORY";
  else if (!query.fixed) connection.journal_mode = "DELETE";
  // Without a write-ahead log a reader would run into the writer's locks.
  options.single = !wal;
  return options;
}

Result<void> check_place(const DatabaseOptions& options) {
  namespace fs = std::filesystem;
  const auto& uri = options.connection.uri;
  const auto mark = std::min(uri.find('?'), uri.size());
  bool must_be = false;
  for (const auto& [option, value] : text::parse_query(std::string_view(uri).substr(std::min(mark + 1, uri.size())))) {
    if (option == "vfs" || (option == "mode" && value == "memory")) return {};
    must_be |= option == "mode" && (value == "ro" || value == "rw");
  }
  auto name = std::string_view(uri).substr(0, mark).substr(std::string_view("file:").size());
  if (name.empty() || name == ":memory:") return {};
  if (name.starts_with("//")) name.remove_prefix(std::min(name.find('/', 2), name.size()));  // file://host/path
  const auto path = text::unescape_path(name.substr(0, name.find('#')));
  if (!path) return {};
  const auto wrong = [&](const std::string& why) { return fail(Code::not_found, "unable to open database file " + *path + ": " + why); };
  std::error_code unclear;
  const auto folder = fs::path(*path).parent_path();
  if (!folder.empty() && !fs::is_directory(folder, unclear)) return wrong("there is no folder " + folder.string());
  const auto kind = fs::status(*path, unclear).type();
  if (kind == fs::file_type::directory) return wrong("it is a folder");
  if (kind == fs::file_type::none || (must_be && kind == fs::file_type::not_found)) return wrong(system_message(unclear.value()));
  return {};
}

Result<void> check_identifier(std::string_view name) {
  const bool fits = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || c == '_');
  });
  if (fits) return {};
  return fail(Code::invalid_argument, "invalid identifier: " + std::string(name));
}

}  // namespace mecha::sqlite
