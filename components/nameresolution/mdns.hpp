// mdns: sidecars of a network announce themselves and look for each other by multicast (contract 06, section 6.2).

#pragma once

#include <memory>

#include "components/nameresolution/mdns_socket.hpp"
#include "components/nameresolution/resolver.hpp"

namespace mecha::nameresolution {

std::unique_ptr<Resolver> make_mdns_with(MdnsOptions options, const Self& self, const ComponentContext& context);

}  // namespace mecha::nameresolution
