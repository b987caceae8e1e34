// doctor: each component is started as a sidecar would start it, with its secrets and its credentials, asked for a key that
// nobody has where it holds keys, and stopped again.

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include <boost/asio/co_spawn.hpp>

#include "cli/doctor.hpp"
#include "cli/remedy.hpp"
#include "components/builtin.hpp"
#include "components/catalog.hpp"
#include "components/loader.hpp"
#include "components/secretstores/secret_store.hpp"
#include "components/state/state_store.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kNobody = "mecha-doctor";
constexpr std::size_t kRemarksMax = 3;
constexpr auto kReadMost = 5s;
constexpr auto kEachLeast = 6s, kEachMost = 15s;  // some libraries look for five seconds themselves
constexpr auto kAllMost = 60s;
constexpr std::string_view kPassing = "kafka client";  // its library tries again by itself, and says so
constexpr std::string_view kAway = "cannot be reached yet";
// To start one of these would make a file; that they can be is seen elsewhere.
constexpr std::array<std::string_view, 3> kOnFiles{".sqlite", "bindings.localstorage", ".in-memory"};

std::vector<NameValue>::iterator item_of(ComponentSpec& spec, std::string_view name) {
  return std::ranges::find_if(spec.metadata, [name](const NameValue& item) { return text::equals_nocase(item.name, name); });
}

// A broker of MQTT ends the session of whoever has that id already.
void take_own_session(ComponentSpec& spec) {
  if (text::lower(spec.type).find(".mqtt") == std::string::npos) return;
  const NameValue own{.name = "consumerID", .value = "mecha-doctor-" + text::uuid()};
  const auto item = item_of(spec, own.name);
  if (item == spec.metadata.end()) spec.metadata.push_back(own);
  else *item = own;
}

// The warnings that a component logged: "text: error", each once.
std::vector<std::string> remarks(const std::vector<std::string>& lines) {
  std::vector<std::string> list;
  for (const auto& line : lines) {
    const auto entry = json::parse(line);
    if (!entry) continue;
    std::string said(entry->text("msg"));
    for (const auto* field : {"error", "text"}) {
      if (const auto more = entry->text(field); !more.empty()) said += ": " + std::string(more);
    }
    if (std::ranges::find(list, said) == list.end()) list.push_back(std::move(said));
  }
  return list;
}

struct Outcome {
  ComponentState state = ComponentState::pending;
  bool read = false, unread = false;  // it answered a read, or did not
  std::string why;                    // it does not start, or does not answer
  std::vector<std::string> lines;     // its log
};

// Some only read their settings at the start, and make connections later.
Async<bool> read_from(std::shared_ptr<Component> component) {
  if (const auto store = std::dynamic_pointer_cast<state::StateStore>(component)) {
    MECHA_CO_TRY([[maybe_unused]] auto item, co_await store->get({.key = kNobody, .consistency = {}, .metadata = {}}));
    co_return true;
  }
  if (const auto store = std::dynamic_pointer_cast<secrets::SecretStore>(component)) {
    auto secret = co_await store->get(kNobody, {});
    if (!secret && secret.error().code != Code::not_found) co_return fail(std::move(secret).error());
    co_return true;
  }
  co_return false;
}

class Opener {
 public:
  explicit Opener(std::vector<ComponentSpec> specs) : specs_(std::move(specs)) { register_builtin(catalog_); }

  void run() {
    LoaderSettings settings;
    settings.app_id = "mecha-doctor";
    if (const char* space = std::getenv("NAMESPACE"); space != nullptr) settings.name_space = space;
    settings.environment = process_environment();
    settings.context = [this, space = settings.name_space](const ComponentSpec& spec) {
      const LogOptions options{.level = Level::warning, .json = true, .file = {}, .app_id = {}, .instance = {}, .version = {}};
      const Log log(make_memory_sink(outcomes_[spec.name].lines, options), "dapr.contrib");
      return ComponentContext{.shards = shards_, .name = spec.name, .type = spec.type, .app_id = "mecha-doctor", .name_space = space, .log = log};
    };
    settings.retry_first = settings.retry_longest = 1h;  // one try
    ComponentLoader loader(shards_, catalog_, std::move(settings), [](const LoadedComponent&) {});
    asio::co_spawn(shards_.executor(0), work(loader), [this](const std::exception_ptr&) { shards_.stop(); });
    shards_.run();
  }

  void tell(Diagnoses& found) {
    for (const auto& spec : specs_) {
      const auto what = spec.name + " (" + spec.type + ")";
      const auto place = " (" + spec.location.text() + ")";
      const auto& outcome = outcomes_[spec.name];
      if (!outcome.why.empty()) {
        found.push_back(failure(outcome, spec));
        continue;
      }
      if (outcome.state == ComponentState::pending) {
        found.push_back({"backends", Grade::unchecked, what + ": not started, for all together took more than " + std::to_string(kAllMost.count()) + " s", ""});
        continue;
      }
      bool away = false;
      std::size_t told = 0;
      for (const auto& remark : remarks(outcome.lines)) {
        if (remark.starts_with(kPassing) || ++told > kRemarksMax) continue;
        away = remark.find(kAway) != std::string::npos;
        const auto advice = remedy(remark);
        found.push_back({"backends", away ? Grade::problem : Grade::warning, what + ": " + remark, advice.empty() ? "see " + spec.location.text() : std::string(advice) + place});
      }
      if (!away) found.push_back({"backends", Grade::ok, what + (outcome.read ? ": starts, and answers a read" : ": starts, as it would in a sidecar"), ""});
    }
  }

 private:
  asio::awaitable<void> work(ComponentLoader& loader) {
    (void)co_await within(kAllMost, loader.load(specs_));
    for (const auto* component : loader.components()) {
      auto& outcome = outcomes_[component->spec->name];
      outcome.state = component->state;
      if (component->state == ComponentState::failed) outcome.why = component->error.message;
      if (component->state == ComponentState::pending && !component->spec->secret_store.empty()) {
        outcome.why = "its secret store " + component->spec->secret_store + " is not there, or does not start";
      }
      if (component->state != ComponentState::ready) continue;
      auto read = co_await within(kReadMost, read_from(component->instance));
      if (read) outcome.read = *read;
      else outcome.why = read.error().message;
      outcome.unread = !read.has_value();
    }
    if (!co_await loader.stop(5s)) co_await loader.stop(5s);  // what is left behind has to end all the same
  }

  static Diagnosis failure(const Outcome& outcome, const ComponentSpec& spec) {
    auto words = plain_words(outcome.why);
    if (const auto prefix = "component " + spec.title() + ": "; words.starts_with(prefix)) words.erase(0, prefix.size());
    if (const auto said = remarks(outcome.lines); !said.empty()) words += " (" + said.front() + ")";
    auto advice = std::string(remedy(outcome.why + words));
    const bool circular = advice.find("mecha doctor") != std::string::npos;
    if (circular && outcome.why.find("init timeout") != std::string::npos) advice = "something listens there that does not answer as it should: is the port right?";
    else if (circular || advice.empty()) advice = "`mecha describe " + spec.type + "` shows its settings";
    return {"backends", Grade::problem, spec.name + " (" + spec.type + (outcome.unread ? ") starts, but does not answer a read: " : ") does not start: ") + words, advice + " (" + spec.location.text() + ")"};
  }

  std::vector<ComponentSpec> specs_;
  Catalog catalog_;
  Shards shards_{1};
  std::map<std::string, Outcome> outcomes_;
};

}  // namespace

void open_components(Diagnoses& found, std::vector<ComponentSpec> components) {
  Catalog catalog;
  register_builtin(catalog);
  std::vector<ComponentSpec> chosen;
  for (auto& spec : components) {
    const auto type = text::lower(spec.type);
    if (std::ranges::any_of(kOnFiles, [&type](std::string_view part) { return type.find(part) != std::string::npos; })) continue;
    if (std::ranges::find(chosen, spec.name, &ComponentSpec::name) != chosen.end()) continue;  // `mecha check` tells of it
    if (!catalog.find(spec) && catalog.may_be_offered(spec.type)) {
      found.push_back({"backends", Grade::unchecked, spec.name + " (" + spec.type + "): that type is not in this build; a process of its own may offer it", ""});
      continue;
    }
    spec.ignore_errors = true;
    spec.init_timeout = std::clamp<std::chrono::nanoseconds>(spec.init_timeout, kEachLeast, kEachMost);
    take_own_session(spec);
    chosen.push_back(std::move(spec));
  }
  if (chosen.empty()) return;
  Opener opener(std::move(chosen));
  opener.run();
  opener.tell(found);
}

}  // namespace mecha::cli
