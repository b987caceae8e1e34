// doctor: the components of resource folders: their servers, their certificates, whether they start.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "cli/doctor.hpp"
#include "cli/endpoints.hpp"
#include "cli/remedy.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"
#include "runtime/resources/loader.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr int kLimit_ms = 2000;
constexpr auto kGrace = 500ms;  // names that are not resolved by then are given up
constexpr std::size_t kEndpointsMax = 64;
constexpr std::int64_t kSkewMost_ms = 2000;
constexpr int kSoon_days = 14;
constexpr std::size_t kCertificateMax = 1 << 20;  // what is longer is some other file
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";

struct Look {
  const ComponentSpec* component;
  Endpoint endpoint;
};

// What the threads of the looks leave here, by number; those that are late find nobody.
struct Board {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::size_t, Reached> results;
};

// On a thread of its own that is left behind when a name service hangs: the process ends soon.
void start_look(const std::shared_ptr<Board>& board, std::size_t number, const Look& look) {
  std::thread([board, number, endpoint = look.endpoint, type = text::lower(look.component->type)]() {
    auto reached = reach(endpoint, type, kLimit_ms);
    const std::lock_guard lock(board->mutex);
    board->results.emplace(number, std::move(reached));
    board->changed.notify_all();
  }).detach();
}

// Whether a connection could be made.
bool tell(Diagnoses& found, const Look& look, const Reached* result) {
  const auto what = look.component->name + " (" + look.component->type + "): " + look.endpoint.text();
  if (result == nullptr) {
    found.push_back({"backends", Grade::problem, what + " does not answer in time", "is the name right, and does DNS work?"});
    return false;
  }
  const auto& reached = *result;
  if (!reached.connected) {
    const auto advice = remedy(reached.trouble);
    found.push_back({"backends", Grade::problem, what + ": " + reached.trouble, advice.empty() ? "start it or correct the address in " + look.component->location.text() : std::string(advice) + " (" + look.component->location.text() + ")"});
    return false;
  }
  if (!reached.trouble.empty()) {
    found.push_back({"backends", Grade::warning, what + ": " + reached.trouble, "is the port right? See " + look.component->location.text()});
    return true;
  }
  found.push_back({"backends", Grade::ok, what + (reached.said.empty() ? " takes connections" : ": " + reached.said + " answers"), ""});
  if (!reached.knows_clock) return true;
  const bool skewed = reached.clock_ms > kSkewMost_ms || reached.clock_ms < -kSkewMost_ms;
  if (skewed) found.push_back({"clock", Grade::warning, "the clock of " + look.endpoint.text() + " differs by " + std::to_string(reached.clock_ms / 1000) + " s", "keep both right with a time service"});
  else found.push_back({"clock", Grade::ok, "agrees with that of " + look.endpoint.text(), ""});
  return true;
}

// The components of which no server could be reached.
std::set<const ComponentSpec*> look_at_servers(Diagnoses& found, const std::vector<ComponentSpec>& components, bool open) {
  std::vector<Look> looks;
  std::size_t skipped = 0;
  for (const auto& component : components) {
    bool hidden = false;
    for (const auto& endpoint : endpoints_of(component, hidden)) {
      if (looks.size() < kEndpointsMax) looks.push_back({&component, endpoint});
      else ++skipped;
    }
    if (hidden && !open) found.push_back({"backends", Grade::unchecked, component.name + " (" + component.type + "): its address comes from a secret store or the environment", ""});
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLimit_ms) + kGrace;
  const auto board = std::make_shared<Board>();
  for (std::size_t i = 0; i < looks.size(); ++i) start_look(board, i, looks[i]);
  std::unique_lock lock(board->mutex);
  board->changed.wait_until(lock, end, [&] { return board->results.size() == looks.size(); });
  std::set<const ComponentSpec*> away, reached;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const auto result = board->results.find(i);
    const bool connected = tell(found, looks[i], result == board->results.end() ? nullptr : &result->second);
    (connected ? reached : away).insert(looks[i].component);
  }
  if (skipped > 0) found.push_back({"backends", Grade::unchecked, std::to_string(skipped) + " more addresses", ""});
  for (const auto* component : reached) away.erase(component);
  return away;
}

void look_at_secret_file(Diagnoses& found, const ComponentSpec& component) {
  const auto file = component.value("secretsFile");
  if (!file || file->empty()) return;
  struct stat state {};
  const std::string path(*file);
  const auto what = component.name + " (" + component.type + "): " + path;
  if (::stat(path.c_str(), &state) != 0 || ::access(path.c_str(), R_OK) != 0) {
    found.push_back({"folders", Grade::problem, what + " cannot be read", "create it; a relative path begins where the sidecar is started"});
  } else if ((state.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    found.push_back({"folders", Grade::warning, what + " can be read by other users", "chmod 600 " + path});
  }
}

}  // namespace

void look_at_certificate(Diagnoses& found, const std::string& what, const std::string& value) {
  std::string pem = value;
  std::error_code error;
  if (value.find(kBegin) == std::string::npos) {
    if (value.empty() || value.size() > 4096 || !fs::is_regular_file(value, error)) return;
    pem = read_file(value, kCertificateMax).value_or("");
    if (pem.find(kBegin) == std::string::npos) return;
  }
  const std::unique_ptr<BIO, decltype(&::BIO_free)> source(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), ::BIO_free);
  for (int number = 0;; ++number) {
    const std::unique_ptr<X509, decltype(&::X509_free)> certificate(::PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr), ::X509_free);
    if (certificate == nullptr) {
      if (number == 0) found.push_back({"certificates", Grade::problem, what + " is no certificate that can be read", "is the PEM text whole, with its line ends?"});
      return;
    }
    int days = 0, seconds = 0;
    ::ASN1_TIME_diff(&days, &seconds, nullptr, ::X509_get0_notAfter(certificate.get()));
    const bool early = ::X509_cmp_current_time(::X509_get0_notBefore(certificate.get())) > 0;
    if (early) found.push_back({"certificates", Grade::problem, what + " is not valid yet", "is the clock right?"});
    else if (days < 0 || seconds < 0) found.push_back({"certificates", Grade::problem, what + " ended " + std::to_string(-days) + " days ago", "renew it"});
    else if (days < kSoon_days) found.push_back({"certificates", Grade::warning, what + " ends in " + std::to_string(days) + " days", "renew it"});
    else found.push_back({"certificates", Grade::ok, what + " is valid for " + std::to_string(days) + " days", ""});
  }
}

void look_at_components(Diagnoses& found, const std::vector<std::string>& folders, bool open) {
  loading::Batch batch;
  for (const auto& folder : folders) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
      found.push_back({"resources", Grade::problem, "the folder " + folder + " does not exist", "create it, or name another with --resources-path"});
      continue;
    }
    const auto before = batch.components.size();
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      const auto end = entry.path().extension();
      if (end != ".yaml" && end != ".yml" && end != ".json") continue;
      if (const auto text = read_file(entry.path().string())) loading::read_file(*text, entry.path().string(), batch);
    }
    found.push_back({"resources", Grade::ok, folder + ": " + std::to_string(batch.components.size() - before) + " components", ""});
  }
  std::ranges::sort(batch.unreadable);
  const auto repeated = std::ranges::unique(batch.unreadable);
  batch.unreadable.erase(repeated.begin(), repeated.end());
  for (const auto& file : batch.unreadable) found.push_back({"resources", Grade::problem, file + " cannot be read as a resource", "`mecha check " + file + "` says what is wrong, with the line"});
  if (folders.empty()) found.push_back({"backends", Grade::unchecked, "no resources folder", "name one with --resources-path to have its servers and certificates looked at"});
  const auto away = look_at_servers(found, batch.components, open);
  for (const auto& component : batch.components) {
    look_at_secret_file(found, component);
    for (const auto& item : component.metadata) look_at_certificate(found, component.name + " (" + component.type + "): " + item.name, item.value);
  }
  if (!open) return;
  std::vector<ComponentSpec> near;
  for (const auto& component : batch.components) {
    if (!away.contains(&component)) near.push_back(component);
  }
  open_components(found, std::move(near));
}

}  // namespace mecha::cli
