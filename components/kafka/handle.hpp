// Handle: an instance of the client library, made from a Config. Its calls are thread safe; who may block in them is said
// where they are made. For the .cpp files of this folder.

#pragma once

#include <map>
#include <memory>
#include <string>

#include "components/component.hpp"
#include "runtime/base/result.hpp"

struct rd_kafka_s;
struct rd_kafka_queue_s;
struct rd_kafka_conf_s;

namespace mecha::kafka {

class Consumer;

// What callbacks of the library find behind a handle; outlives it.
struct Owner {
  Log log;
  Consumer* consumer = nullptr;
  std::string refusal;  // why a server was left, of the last that no further try mends: login, certificate
};

struct HandleDeleter {
  void operator()(rd_kafka_s* handle) const;
};
using Handle = std::unique_ptr<rd_kafka_s, HandleDeleter>;

struct ConfDeleter {
  void operator()(rd_kafka_conf_s* conf) const;
};
using Conf = std::unique_ptr<rd_kafka_conf_s, ConfDeleter>;

// Fails with the library's words about a value. What the library reports goes to the owner's log.
Result<Conf> make_conf(
    const std::map<std::string, std::string>& common, const std::map<std::string, std::string>& own, Owner* owner
);

// Whether any server answers; waits up to 4.5 seconds, less than the usual time limit of a start, so that its reason is heard. A
// refused login or certificate ends it at once. For handles of producers, before anyone else polls them.
Result<void> reach(rd_kafka_s* handle, Owner& owner);
// Hears of such refusals; what else it hears of goes to the owner's log.
void hear_refusals(rd_kafka_conf_s* conf);

// The failure of a call, with a code that says whether trying again may help.
Error error_of(int code, std::string_view what = {});

}  // namespace mecha::kafka
