#include "components/mongodb/session.hpp"

#include <memory>
#include <utility>

#include <mongoc/mongoc.h>

// The alignment of bson_t is in its typedef, not in the struct that can be named ahead; the driver itself makes all of them.
#pragma clang diagnostic ignored "-Walign-mismatch"

namespace mecha::mongodb {
namespace {

constexpr int kDuplicateKey = 11000;
constexpr std::int64_t kWriteTimeoutMs = 5000;

std::unexpected<Error> failure(const bson_error_t& error) {
  const bool unreachable = error.domain == MONGOC_ERROR_SERVER_SELECTION || error.domain == MONGOC_ERROR_STREAM;
  return fail(unreachable ? Code::unavailable : Code::unknown, error.message);
}

int server_code(const bson_error_t& error) {
  return error.domain == MONGOC_ERROR_SERVER || error.domain == MONGOC_ERROR_WRITE_CONCERN ? static_cast<int>(error.code) : 0;
}

// What the driver fills in.
struct Reply {
  bson_t value;
  ~Reply() { bson_destroy(&value); }
};

}  // namespace

Session::Session(_mongoc_client_t* client, const Options& options, std::function<bool()> wanted)
    : client_(client), options_(options), wanted_(std::move(wanted)),
      collection_(mongoc_client_get_collection(client, options.database.c_str(), options.collection.c_str())) {
  const std::unique_ptr<mongoc_write_concern_t, decltype(&mongoc_write_concern_destroy)> writes(mongoc_write_concern_new(), &mongoc_write_concern_destroy);
  mongoc_write_concern_set_w(writes.get(), options.writes_confirmed);
  mongoc_write_concern_set_wtimeout_int64(writes.get(), kWriteTimeoutMs);
  mongoc_write_concern_set_journal(writes.get(), true);
  mongoc_collection_set_write_concern(collection_, writes.get());
  const std::unique_ptr<mongoc_read_concern_t, decltype(&mongoc_read_concern_destroy)> reads(mongoc_read_concern_new(), &mongoc_read_concern_destroy);
  mongoc_read_concern_set_level(reads.get(), options.read_concern.c_str());
  mongoc_collection_set_read_concern(collection_, reads.get());
}

Session::~Session() { mongoc_collection_destroy(collection_); }

void Session::note_refusal(const Document& reply, int code) {
  refusal_ = reply;
  last_code_ = code;
}

Result<void> Session::check_wanted() const {
  if (!wanted_()) return fail(Code::cancelled, "context canceled");
  return {};
}

// Waits for all that the driver would wait for before it sends.
Result<void> Session::prepare_write() {
  note_refusal({}, 0);
  bson_error_t error{};
  const auto free = &mongoc_server_description_destroy;
  using Description = std::unique_ptr<mongoc_server_description_t, decltype(free)>;
  const auto unprepared = [this](const bson_error_t& why) {
    if (transaction_ != nullptr) refusal_ = Document().texts("errorLabels", {"TransientTransactionError"});  // as the driver has it
    return failure(why);
  };
  const Description primary(mongoc_client_select_server(client_, true, nullptr, &error), free);
  if (primary == nullptr) return unprepared(error);
  const Description connected(mongoc_client_get_handshake_description(client_, mongoc_server_description_id(primary.get()), nullptr, &error), free);
  if (connected == nullptr) return unprepared(error);
  return check_wanted();
}

// Adds the transaction that is open, if any.
Document Session::in_transaction(Document options) {
  if (transaction_ == nullptr) return options;
  Reply with;
  bson_init(&with.value);
  bson_concat(&with.value, options.handle());
  (void)mongoc_client_session_append(transaction_, &with.value, nullptr);
  return Document(&with.value);
}

Result<std::vector<Document>> Session::find(const Document& filter, const Document& options) {
  MECHA_TRY_VOID(filter.check());
  MECHA_TRY_VOID(options.check());
  const std::unique_ptr<mongoc_cursor_t, decltype(&mongoc_cursor_destroy)> cursor(
      mongoc_collection_find_with_opts(collection_, filter.handle(), options.handle(), nullptr), &mongoc_cursor_destroy
  );
  std::vector<Document> found;
  const bson_t* one = nullptr;
  while (mongoc_cursor_next(cursor.get(), &one)) found.emplace_back(one);
  bson_error_t error{};
  if (mongoc_cursor_error(cursor.get(), &error)) return failure(error);
  return found;
}

Result<bool> Session::upsert(const Document& filter, const Document& update) {
  MECHA_TRY_VOID(filter.check());
  MECHA_TRY_VOID(update.check());
  MECHA_TRY_VOID(prepare_write());
  bson_error_t error{};
  Document options;
  options.boolean("upsert", true).boolean("validate", false);  // bytes go out as they are
  Reply reply;
  if (mongoc_collection_update_one(collection_, filter.handle(), update.handle(), in_transaction(std::move(options)).handle(), &reply.value, &error)) return true;
  note_refusal(Document(&reply.value), server_code(error));
  if (last_code_ == kDuplicateKey) return false;
  return failure(error);
}

Result<std::int64_t> Session::remove(const Document& filter, bool many) {
  MECHA_TRY_VOID(filter.check());
  MECHA_TRY_VOID(prepare_write());
  bson_error_t error{};
  Reply reply;
  const auto command = many ? &mongoc_collection_delete_many : &mongoc_collection_delete_one;
  if (!command(collection_, filter.handle(), in_transaction({}).handle(), &reply.value, &error)) {
    note_refusal(Document(&reply.value), server_code(error));
    return failure(error);
  }
  return Document(&reply.value).as_number("deletedCount").value_or(0);
}

Result<Document> Session::command(const Document& words) {
  MECHA_TRY_VOID(words.check());
  bson_error_t error{};
  Reply reply;
  if (!mongoc_client_write_command_with_opts(client_, options_.database.c_str(), words.handle(), nullptr, &reply.value, &error)) {
    note_refusal(Document(&reply.value), server_code(error));
    return failure(error);
  }
  return Document(&reply.value);
}

Result<void> Session::transaction(const std::function<Result<void>()>& work) {
  bson_error_t error{};
  const std::unique_ptr<mongoc_client_session_t, decltype(&mongoc_client_session_destroy)> session(
      mongoc_client_start_session(client_, nullptr, &error), &mongoc_client_session_destroy
  );
  if (session == nullptr) return failure(error);
  const std::unique_ptr<mongoc_transaction_opt_t, decltype(&mongoc_transaction_opts_destroy)> options(mongoc_transaction_opts_new(), &mongoc_transaction_opts_destroy);
  const std::unique_ptr<mongoc_write_concern_t, decltype(&mongoc_write_concern_destroy)> writes(mongoc_write_concern_new(), &mongoc_write_concern_destroy);
  mongoc_write_concern_set_w(writes.get(), MONGOC_WRITE_CONCERN_W_MAJORITY);
  mongoc_transaction_opts_set_write_concern(options.get(), writes.get());
  const std::unique_ptr<mongoc_read_concern_t, decltype(&mongoc_read_concern_destroy)> reads(mongoc_read_concern_new(), &mongoc_read_concern_destroy);
  mongoc_read_concern_set_level(reads.get(), MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
  mongoc_transaction_opts_set_read_concern(options.get(), reads.get());

  struct Run {
    const Session& session;
    const std::function<Result<void>()>& work;
    Document& refusal;
    const std::chrono::steady_clock::time_point until;  // the driver itself would try for two minutes
    Result<void> result;
  } run{*this, work, refusal_, std::chrono::steady_clock::now() + options_.timeout, {}};
  transaction_ = session.get();
  const bool done = mongoc_client_session_with_transaction(
      session.get(),
      [](mongoc_client_session_t*, void* context, bson_t** reply, bson_error_t* why) {
        auto& mine = *static_cast<Run*>(context);
        mine.refusal = Document();  // what was refused before was tried again already
        mine.result = mine.work();
        if (mine.result) mine.result = mine.session.check_wanted();
        if (!mine.result) {
          bson_set_error(why, 0, 0, "%s", mine.result.error().message.c_str());
          if (std::chrono::steady_clock::now() > mine.until) mine.refusal = Document();
          *reply = bson_copy(mine.refusal.handle());  // its labels tell the driver whether to try again
        }
        return mine.result.has_value();
      },
      options.get(), &run, nullptr, &error
  );
  transaction_ = nullptr;
  if (!run.result) return fail(std::move(run.result).error());
  if (!done) return failure(error);
  return {};
}

}  // namespace mecha::mongodb
