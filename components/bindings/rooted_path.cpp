#include "components/bindings/rooted_path.hpp"

#include <algorithm>
#include <system_error>

namespace mecha::bindings {
namespace {

namespace fs = std::filesystem;

constexpr int kLinksMax = 255;

bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto [rest, at] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return rest == folder.end();
}

// "/a/b/" and "/a/b/." are "/a/b".
fs::path cleaned(const fs::path& path) {
  auto clean = path.lexically_normal();
  if (!clean.has_filename() && clean.has_relative_path()) clean = clean.parent_path();
  return clean;
}

}  // namespace

Result<RootedPath> below_root(const fs::path& root, std::string_view name) {
  if (name.find('\0') != std::string_view::npos)
    return fail(Code::invalid_argument, "the file name has a zero byte");
  std::string rest(name);
  fs::path at;
  for (int links = 0; !rest.empty();) {
    const auto slash = rest.find('/');
    const auto part = rest.substr(0, slash);
    rest = slash == std::string::npos ? std::string() : rest.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      at = at.parent_path();
      continue;
    }
    const auto next = at / part;
    std::error_code error;
    if (!fs::is_symlink(fs::symlink_status(root / next, error))) {
      at = next;
      continue;
    }
    const auto target = fs::read_symlink(root / next, error);
    if (error || ++links > kLinksMax) {
      return fail(
          Code::invalid_argument, (root / next).string() + ": too many levels of symbolic links"
      );
    }
    if (target.is_absolute()) at.clear();
    rest = target.string() + "/" + rest;
  }
  return RootedPath{at.empty() ? root : root / at, at.string()};
}

Result<fs::path> checked_root(std::string_view text) {
  std::error_code error;
  const auto absolute = fs::absolute(fs::path(text), error);
  if (error)
    return fail(Code::invalid_argument, "rootPath " + std::string(text) + ": " + error.message());
  const auto root = cleaned(absolute);
  const auto real = cleaned(fs::weakly_canonical(root, error));
  for (const fs::path forbidden : {"/proc", "/sys", "/boot", "/var/run/secrets", "/run/secrets"}) {
    if (lies_in(root, forbidden) || lies_in(real, forbidden)) {
      return fail(
          Code::invalid_argument,
          "failed to parse metadata: property rootPath points to a disallowed location"
      );
    }
  }
  return root;
}

}  // namespace mecha::bindings
