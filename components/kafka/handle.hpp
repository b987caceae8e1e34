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

// Whether any server answers; waits up to five seconds.
Result<void> reach(rd_kafka_s* handle);

// The failure of a call, with a code that says whether trying again may help.
Error error_of(int code, std::string_view what = {});

}  // namespace mecha::kafka
