// Records: how messages of components become records and come back (contract 03, 4.3): metadata are
// headers, and some of them say more. Immutable; from any thread.

#pragma once

#include <memory>
#include <string>

#include "components/component.hpp"
#include "components/kafka/consumer.hpp"
#include "components/kafka/producer.hpp"
#include "components/kafka/settings.hpp"

namespace re2 {
class RE2;
}

namespace mecha::kafka {

class Records {
 public:
  static Result<Records> make(const Settings& settings);

  // Data `null` is a tombstone; `partitionKey` or `__key` is the key, `partitionNumber` the
  // partition.
  Result<Outgoing> outgoing(std::string topic, std::string data, const Metadata& metadata) const;
  // Headers, and `__key`, `__topic`, `__partition`, `__offset`, `__timestamp`.
  Metadata metadata(const Record& record) const;

 private:
  bool is_excluded(const std::string& name) const;

  bool escape_ = false;
  std::shared_ptr<const re2::RE2> excluded_;  // null: nothing is
};

}  // namespace mecha::kafka
