// What Go says of a text that is not what it should be, where such a text reaches users.

#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::text {

// Of a text that is no padded base64.
std::string base64_fault(std::string_view text);

// Of a text that is no hexadecimal text.
std::string hex_fault(std::string_view text);

// Of a text that `function` ("ParseInt", "Atoi", "ParseFloat") takes for no number, or for one that is too large:
// strconv.ParseInt: parsing "x": invalid syntax.
std::string number_fault(std::string_view function, std::string_view text, bool is_too_large = false);

// A whole number as Go writes it: with a sign if T has one, in base 16, 8 or 2 after 0x, 0 or 0o, and 0b, with single
// underscores between digits or behind such a prefix. The error is number_fault(). T is any whole number of fixed width.
template <class T>
Result<T> whole_number(std::string_view function, std::string_view text);

}  // namespace mecha::text
