#include "tests/conformance/state_store_suite.hpp"

#include <algorithm>
#include <thread>

#include "components/catalog.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::conformance {

using namespace std::chrono_literals;
using state::DeleteRequest;
using state::Operation;
using state::Options;
using state::SetRequest;

struct StoreBench::Parts {
  Shards shards{1};
  ComponentSpec spec;
  Result<std::shared_ptr<Component>> made = fail(Code::unknown, "");
};

StoreBench::StoreBench(Register add, std::string type, Settings settings, std::string version)
    : parts_(std::make_unique<Parts>()) {
  Catalog catalog;
  add(catalog);
  parts_->spec = {.name = "store", .type = type, .version = std::move(version)};
  for (auto& [name, value] : settings) parts_->spec.metadata.push_back({.name = name, .value = value});
  const ComponentContext context{
      .shards = parts_->shards, .name = "store", .type = type, .app_id = "app", .name_space = {}, .log = {}};
  parts_->made = catalog.make(parts_->spec, context);
}

StoreBench::~StoreBench() {
  if (started_) (void)run(store_->stop());
}

template <class T>
Result<T> StoreBench::run(Async<T> work) {
  return testing::run(parts_->shards.context(0), std::move(work));
}
template Result<std::optional<state::Item>> StoreBench::run(Async<std::optional<state::Item>>);
template Result<std::vector<state::BulkItem>> StoreBench::run(Async<std::vector<state::BulkItem>>);
template Result<std::vector<state::KeyError>> StoreBench::run(Async<std::vector<state::KeyError>>);
template Result<state::KeyPage> StoreBench::run(Async<state::KeyPage>);
template Result<std::int64_t> StoreBench::run(Async<std::int64_t>);
template Result<state::QueryResult> StoreBench::run(Async<state::QueryResult>);
template Result<void> StoreBench::run(Async<void>);

std::string StoreBench::start_error() {
  if (!parts_->made) return parts_->made.error().message;
  store_ = std::dynamic_pointer_cast<state::StateStore>(*parts_->made);
  started_ = true;
  const auto done = run(store_->start());
  return done ? std::string() : done.error().message;
}

void StoreBench::start() { REQUIRE(start_error() == ""); }

std::string StoreBench::get(const std::string& key) {
  const auto item = run(store_->get({.key = key}));
  if (!item) return "error: " + item.error().message;
  return *item ? (*item)->data : std::string();
}

std::string StoreBench::etag(const std::string& key) {
  const auto item = run(store_->get({.key = key}));
  return item && *item ? (*item)->etag.value_or("") : std::string();
}

namespace {

std::string text_of(const Result<void>& result) {
  if (result) return {};
  switch (result.error().failure) {
    case Failure::etag_mismatch: return "mismatch";
    case Failure::etag_invalid: return "invalid";
    default: return result.error().message;
  }
}

json::Value parsed(std::string_view text) { return json::parse(text).value(); }

SetRequest first(const std::string& key, const std::string& json) {
  return {.key = key, .value = parsed(json), .options = {.concurrency = "first-write"}};
}

}  // namespace

std::string StoreBench::set(SetRequest request) { return text_of(run(store_->set(std::move(request)))); }
std::string StoreBench::set(const std::string& key, const std::string& json, const std::string& etag) {
  return set(SetRequest{.key = key, .value = parsed(json), .etag = etag});
}
std::string StoreBench::remove(DeleteRequest request) { return text_of(run(store_->remove(std::move(request)))); }
std::string StoreBench::transact(std::vector<Operation> operations) {
  return text_of(run(store_->transact({.operations = std::move(operations)})));
}

namespace {

void values(StoreBench& b, const StoreTraits& t, const std::string& p) {
  CHECK(b.get(p + "none") == "");
  CHECK(b.set(p + "v", R"({"b":[1.5,true],"a":"<é>"})") == "");
  CHECK(b.get(p + "v") == t.document);
  CHECK(b.set(p + "v", R"("text")") == "");
  CHECK(b.get(p + "v") == R"("text")");
  CHECK(b.set(p + "v", "null") == "");
  CHECK(b.get(p + "v") == "null");
  const std::string bytes = t.keeps_any_bytes ? std::string("\x00\xff raw {", 8) : "\x01é raw {";
  CHECK(b.set(SetRequest{.key = p + "v", .value = bytes}) == "");
  CHECK(b.get(p + "v") == bytes);
  CHECK(b.set(SetRequest{.key = p + "v", .value = std::string()}) == "");
  const auto empty = b.run(b.store().get({.key = p + "v"}));
  REQUIRE((empty && *empty));
  CHECK((*empty)->data == "");
  CHECK((*empty)->no_data == t.empty_has_no_data);
  CHECK(((*empty)->etag.value_or("") != "") == t.etags);
}

void etags(StoreBench& b, const StoreTraits& t, const std::string& p) {
  const auto key = p + "e";
  CHECK(b.set(key, "1") == "");
  const auto first_etag = b.etag(key);
  CHECK(first_etag != "");
  CHECK(b.set(key, "2") == "");
  const auto second = b.etag(key);
  CHECK(second != first_etag);
  CHECK(b.set(key, "3", first_etag) == "mismatch");
  CHECK(b.get(key) == "2");
  CHECK(b.set(key, "3", second) == "");
  CHECK(b.set(key, "4", "abc") == (t.malformed_etag_is_invalid ? "invalid" : "mismatch"));
  SetRequest last{.key = key, .value = parsed("5"), .etag = first_etag, .options = {.concurrency = "last-write"}};
  CHECK(b.set(last) == (t.last_write_ignores_etag ? "" : "mismatch"));
  CHECK(b.set(p + "missing", "1", "77") == (t.set_with_etag_creates ? "" : "mismatch"));
}

// A store without etags: whatever is asked for, the last one wins.
void no_etags(StoreBench& b, const std::string& p) {
  const auto key = p + "e";
  CHECK(b.set(key, "1", "wrong") == "");
  CHECK(b.set(key, "2", "wrong") == "");
  CHECK(b.set(first(key, "3")) == "");
  CHECK(b.set(SetRequest{.key = key, .value = parsed("4"), .options = {.concurrency = "x", .consistency = "y"}}) == "");
  CHECK(b.get(key) == "4");
  CHECK(b.etag(key) == "");
  CHECK(b.remove({.key = key, .etag = "wrong", .options = {.concurrency = "x"}}) == "");
  CHECK(b.get(key) == "");
  CHECK(b.remove({.key = key}) == "");
}

void first_writes(StoreBench& b, const StoreTraits& t, const std::string& p) {
  const auto key = p + "f";
  CHECK(b.set(first(key, "1")) == "");
  if (t.first_write_is_sticky) {
    CHECK(b.set(key, "2").starts_with("failed to set key " + key));
    CHECK(b.set(key, "2", b.etag(key)) == "");
    CHECK(b.set(key, "3").starts_with("failed to set key " + key));
  } else {
    CHECK(b.set(first(key, "2")) == t.first_write_refusal);
    CHECK(b.set(key, "2") == "");
  }
  CHECK(b.get(key) == "2");
  const DeleteRequest guarded{.key = key, .options = {.concurrency = "first-write"}};
  CHECK(b.remove(guarded) == (t.first_write_guards_delete ? "mismatch" : ""));
  CHECK(b.remove({.key = key}) == "");
  CHECK(b.set(first(key, "1")) == "");
}

void deletes(StoreBench& b, const StoreTraits& t, const std::string& p) {
  const auto key = p + "d";
  CHECK(b.remove({.key = key}) == "");
  CHECK(b.remove({.key = key, .etag = "9"}) == (t.delete_with_etag_of_missing ? "" : "mismatch"));
  CHECK(b.set(key, "1") == "");
  CHECK(b.remove({.key = key, .etag = "abc"}) == (t.malformed_etag_is_invalid_on_delete ? "invalid" : "mismatch"));
  CHECK(b.get(key) == "1");
  CHECK(b.remove({.key = key, .etag = b.etag(key)}) == "");
  CHECK(b.get(key) == "");
}

void options(StoreBench& b, const StoreTraits& t, const std::string& p) {
  const auto with = [&](Options o) { return SetRequest{.key = p + "o", .value = parsed("1"), .options = o}; };
  if (!t.checks_options) {
    CHECK(b.set(with({.concurrency = "x", .consistency = "y"})) == "");
    return;
  }
  CHECK(b.set(with({.concurrency = "x"})) == "unrecognized concurrency model 'x'");
  CHECK(b.set(with({.consistency = "x"})) == "unrecognized consistency model 'x'");
  CHECK(b.remove({.key = p + "o", .options = {.concurrency = "y"}}) == "unrecognized concurrency model 'y'");
  CHECK(b.get(p + "o") == "");
  CHECK(b.set(with({.concurrency = "last-write", .consistency = "strong"})) == "");
}

void bulk(StoreBench& b, const StoreTraits& t, const std::string& p) {
  std::vector<SetRequest> writes;
  for (const auto* name : {"c", "a", "b"}) writes.push_back({.key = p + name, .value = parsed("1")});
  SetRequest bad{.key = p + "o1", .value = parsed("1"), .options = {.concurrency = "x"}};
  const bool by_option = t.etags && t.checks_options;
  if (!by_option) bad = {.key = p + "o1", .value = parsed("1"), .metadata = {{"ttlInSeconds", "x"}}};
  writes.push_back(std::move(bad));
  writes.push_back({.key = p + "a", .value = parsed("2")});
  const auto failed = b.run(b.store().bulk_set(std::move(writes))).value();
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].index == 3);
  CHECK_THAT(failed[0].error.message, Catch::Contains(by_option ? "unrecognized concurrency model 'x'" : "invalid syntax"));

  std::vector<state::GetRequest> reads;
  for (const auto* name : {"m2", "c", "m1", "a"}) reads.push_back({.key = p + name});
  const auto items = b.run(b.store().bulk_get(reads, 2)).value();
  std::string seen;
  for (const auto& item : items) {
    seen += item.key.substr(p.size()) + (item.item ? "=" + item.item->data : "") + " ";
    if (item.item) CHECK((item.item->etag.value_or("") != "") == t.etags);
  }
  CHECK(seen == (t.bulk_get_sorts ? "a=2 c=1 m2 m1 " : "m2 c=1 m1 a=2 "));
  CHECK(b.run(b.store().bulk_get({}, 0)).value().empty());

  std::vector<DeleteRequest> removals;
  for (const auto* name : {"a", "b", "c"}) removals.push_back({.key = p + name});
  removals.push_back({.key = p + "v", .etag = "abc"});
  const auto left = b.run(b.store().bulk_delete(std::move(removals))).value();
  CHECK(b.get(p + "a") == "");
  REQUIRE(left.size() == (t.etags ? 1u : 0u));
  if (!t.etags) return;
  CHECK(left[0].index == 3);
  CHECK(left[0].error.failure == (t.malformed_etag_is_invalid_on_delete ? Failure::etag_invalid : Failure::etag_mismatch));
}

void transactions(StoreBench& b, const StoreTraits& t, const std::string& p) {
  REQUIRE(b.store().transactional());
  const auto put = [&](const std::string& key, const std::string& json, const std::string& etag = {}) -> Operation {
    return SetRequest{.key = p + key, .value = parsed(json), .etag = etag};
  };
  if (!t.transactions_refused.empty()) {
    CHECK(b.transact({put("t1", "1"), put("t2", "2")}) == t.transactions_refused);
    CHECK(b.get(p + "t1") == "");
    return;
  }
  const auto del = [&](const std::string& key) -> Operation { return DeleteRequest{.key = p + key}; };
  CHECK(b.transact({put("t1", "1"), put("t2", "2"), del("none"), put("t1", "3"), put("t3", "1"), del("t3")}) == "");
  CHECK(b.get(p + "t1") == "3");
  CHECK(b.get(p + "t2") == "2");
  CHECK(b.get(p + "t3") == "");
  CHECK(b.transact({put("t4", "1"), put("t1", "9", "77"), put("t5", "1")}) != "");
  CHECK(b.get(p + "t1") == "3");
  CHECK(b.get(p + "t4") == (t.atomic_transactions ? "" : "1"));
  CHECK(b.get(p + "t5") == (t.atomic_transactions ? "" : "1"));
  CHECK(b.transact({put("t1", "4", b.etag(p + "t1"))}) == "");
  const SetRequest odd{.key = p + "t6", .value = parsed("1"), .options = {.concurrency = "x"}};
  CHECK(b.transact({odd}) == (t.checks_options_in_transactions ? "unrecognized concurrency model 'x'" : ""));
  CHECK(b.transact({SetRequest{.key = p + "t7", .value = parsed("1"), .metadata = {{"ttlInSeconds", "x"}}}}) != "");
}

void listing(StoreBench& b, const std::string& p) {
  for (const auto* name : {"l1", "l2", "l3", "lx_", "lxy"}) CHECK(b.set(p + name, "1") == "");
  const auto keys = [&](const std::string& pattern) {
    std::vector<std::string> found;
    std::string token;
    do {
      auto page = b.run(b.store().keys_like(pattern, 2, token)).value();
      for (const auto& key : page.keys) found.push_back(key.substr(p.size()));
      token = page.token;
    } while (!token.empty());
    std::ranges::sort(found);
    return found;
  };
  CHECK(keys(p + "l_") == std::vector<std::string>{"l1", "l2", "l3"});
  CHECK(keys(p + "lx\\_") == std::vector<std::string>{"lx_"});
  CHECK(keys(p + "l%").size() == 5);
  CHECK(b.run(b.store().keys_like("", 0, "")).error().message == "keys like pattern cannot be empty");
}

void times_to_live(StoreBench& b, const StoreTraits& t, const std::string& p) {
  const auto with = [&](const std::string& ttl) {
    return SetRequest{.key = p + "ttl", .value = parsed("1"), .metadata = {{"ttlInSeconds", ttl}}};
  };
  const auto expiry = [&] {
    const auto item = b.run(b.store().get({.key = p + "ttl"})).value();
    REQUIRE(item);
    const auto it = item->metadata.find("ttlExpireTime");
    return it == item->metadata.end() ? std::string() : it->second;
  };
  CHECK(b.set(with("1000")) == "");
  if (t.shows_expiry) {
    CHECK(expiry().size() == 20);
    CHECK(expiry().back() == 'Z');
  }
  if (!t.keeps_ttl_on_overwrite) {
    CHECK(b.set(p + "ttl", "2") == "");
    CHECK(expiry() == "");
  }
  for (const auto* none : {"-1", "0", ""}) {
    CHECK(b.set(with("1000")) == "");
    CHECK(b.set(with(none)) == "");
    if (t.zero_ttl_expires && *none != '\0') {
      CHECK(!b.run(b.store().get({.key = p + "ttl"})).value());
      continue;
    }
    if (*none != '\0' || !t.keeps_ttl_on_overwrite) CHECK(expiry() == "");
  }
  CHECK(b.set(with("+1000")) == "");
  for (const auto* bad : {"1.5", "abc", " 5"}) CHECK_THAT(b.set(with(bad)), Catch::Contains("invalid syntax"));
}

}  // namespace

void state_store(StoreBench& bench, const StoreTraits& traits, const std::string& prefix) {
  values(bench, traits, prefix);
  if (traits.etags) {
    etags(bench, traits, prefix);
    first_writes(bench, traits, prefix);
    deletes(bench, traits, prefix);
    options(bench, traits, prefix);
    listing(bench, prefix);
  } else {
    no_etags(bench, prefix);
  }
  bulk(bench, traits, prefix);
  if (traits.transactional) transactions(bench, traits, prefix);
  else CHECK(!bench.store().transactional());
  times_to_live(bench, traits, prefix);
}

void state_store_expiry(StoreBench& b, const StoreTraits& t, const std::string& p) {
  const auto with = [&](const std::string& key, const std::string& ttl) {
    return SetRequest{.key = p + key, .value = parsed("1"), .metadata = {{"ttlInSeconds", ttl}}};
  };
  for (const auto* key : {"x2", "x3"}) CHECK(b.set(with(key, "1")) == "");
  CHECK(b.set(p + "x2", "2") == "");
  CHECK(b.set(with("x3", "0")) == "");
  std::string etag;
  // Where the clock of expiry knows whole seconds, the record is gone with the next of them, which may come at once.
  for (int attempt = 0; attempt < 100 && etag.empty(); ++attempt) {
    CHECK(b.set(with("x1", "1")) == "");
    if (!t.etags) break;
    etag = b.etag(p + "x1");
  }
  std::this_thread::sleep_for(2200ms);
  CHECK(b.get(p + "x1") == "");
  CHECK(b.get(p + "x2") == (t.keeps_ttl_on_overwrite ? "" : "2"));
  CHECK(b.get(p + "x3") == (t.zero_ttl_expires ? "" : "1"));
  CHECK(b.set(p + "x1", "3", etag) == (t.set_with_etag_creates || !t.etags ? "" : "mismatch"));
  CHECK(b.remove({.key = p + "x1"}) == "");
  CHECK(b.set(first(p + "x1", "4")) == "");
}

}  // namespace mecha::conformance
