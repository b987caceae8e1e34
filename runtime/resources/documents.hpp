// From a document's tree to its typed form, one function per kind. What is wrong is left in the view's findings.

#pragma once

#include <string>

#include "runtime/resources/resiliency_spec.hpp"
#include "runtime/resources/specs.hpp"
#include "runtime/resources/view.hpp"

namespace mecha::documents {

// `where` is the place of the document; `doc` its root, of which apiVersion and kind have been read.
ComponentSpec read_component(View& doc, Location where);
// `with_routes`: v2alpha1, else v1alpha1.
SubscriptionSpec read_subscription(View& doc, Location where, bool with_routes);
HttpEndpointSpec read_endpoint(View& doc, Location where);
// Wrong types are findings; values that cannot be decoded are in the result's `problem`.
ResiliencySpec read_resiliency(View& doc, Location where);

// The `spec` of a Configuration, decoded on top of `into`. The key `metrics` is left to read_metrics, which comes last.
void read_configuration(View& spec, ConfigurationSpec& into);
void read_metrics(View& metrics, ConfigurationSpec& into);

}  // namespace mecha::documents
