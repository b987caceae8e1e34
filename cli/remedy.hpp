// What to do about an error that a newcomer meets: the words of the daemon and of the system, and the advice for each.

#pragma once

#include <string>
#include <string_view>

namespace mecha::cli {

// The advice for `text`; empty if there is none.
std::string_view remedy(std::string_view text);
// What a line of a sidecar's log says, without the envelope of the log and without what it says twice: "component bus
// (pubsub.redis/v1): connection refused".
std::string plain_words(std::string_view line);
// "text. Remedy: advice", or the text alone.
std::string with_remedy(std::string text);

}  // namespace mecha::cli
