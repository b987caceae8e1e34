// push: a change of configuration as calls of the application (contract 01, 6.5; 02, 4.1), and its JSON form.

#pragma once

#include <string>

#include "components/configuration/configuration_store.hpp"
#include "runtime/app/application.hpp"

namespace mecha::configuration {

// POST /configuration/<store>/<key> with the whole change, once for each of its keys, one after another, under the inbound
// policy of the store. What fails is logged.
asio::awaitable<void> push(Application& application, std::string store, std::string id, Items items);

// {"<key>":{"value":..,"version":..,"metadata":{..}}}; members that are empty are left out.
void write_items(std::string& out, const Items& items);

}  // namespace mecha::configuration
