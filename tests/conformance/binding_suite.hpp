// What every binding promises (contract 03, section 5; components/bindings/binding.hpp), as checks
// that each backend runs.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "components/bindings/binding.hpp"

namespace mecha {
class Catalog;
}

namespace mecha::conformance {

// One binding on a shard of its own, started and stopped with the bench.
class BindingBench {
 public:
  using Register = std::function<void(Catalog&)>;
  using Settings = std::map<std::string, std::string>;

  BindingBench(Register add, std::string type, Settings settings);
  ~BindingBench();

  // Fails the test unless the binding starts; start_error() is for those that must not ("" if it
  // does).
  void start();
  std::string start_error();

  bindings::Binding& binding() { return *binding_; }
  bindings::OutputBinding& output() { return *binding_->output(); }
  bindings::InputBinding& input() { return *binding_->input(); }
  Shards& shards();

  void run(asio::awaitable<void> work);
  bindings::InvokeOutcome invoke(
      std::string operation, std::string data = {}, Metadata metadata = {}
  );
  // The message of the failure; fails the test if there is none.
  std::string refusal(std::string operation, std::string data = {}, Metadata metadata = {});

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::shared_ptr<bindings::Binding> binding_;
  std::string error_;
};

struct OutputSubject {
  std::vector<std::string> operations;  // in the order of the contract
  // An operation that works each time, also several at once.
  bindings::InvokeRequest works;
  // Where what `create` stores is found again by `get`: the metadata that names it. Empty: it is no
  // store.
  Metadata place;
};

void output_binding(BindingBench& bench, const OutputSubject& subject);

struct InputSubject {
  // Makes an event come, if that does not happen by itself.
  std::function<void()> provoke;
  std::chrono::seconds patience{10};
};

void input_binding(BindingBench& bench, const InputSubject& subject);

}  // namespace mecha::conformance
