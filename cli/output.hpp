// What commands print: a table for people, JSON or YAML for programs; errors on standard error in the same form.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"

namespace mecha::cli {

struct Table {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> rows;
};

// Columns two blanks apart, no blanks at the ends of lines.
std::string format(const Table& table);
// A document as YAML in block style; texts that YAML would read as something else are quoted.
std::string to_yaml(const json::Value& value);
// JSON with two blanks of indentation.
std::string to_pretty_json(const json::Value& value);

// Prints `value` in the form json or yaml, or else `text`; returns 0, or 1 when it cannot be written.
int print(std::string_view form, const json::Value& value, const std::string& text);
// Prints why a command failed, with what to do about it, on standard error; returns 1. In the forms json and yaml it is an
// object with `error`, `code` and `remedy`, the text behind "\n  remedy: ".
int print_failure(std::string_view form, const Error& error);
// The same for what is odd but does not fail: an object with `warning` and `remedy`. The form json has it on one line.
void print_warning(std::string_view form, const std::string& text);
// "what\n  remedy: advice" in two; the second is empty without one.
std::pair<std::string, std::string> cut_remedy(const std::string& text);
// What `-o` or `--output` says among arguments that could not be read as a whole; "table" if nothing.
std::string form_of(const std::vector<std::string>& arguments);

// Standard output is a terminal that shows colours: NO_COLOR is not set or empty, TERM is not dumb.
bool colours();
// The text between the codes of a colour (31 red, 32 green, 33 yellow, 1 bold), or as it is without colours.
std::string paint(int colour, std::string_view text);

// The one of `names` that differs least from `word`, if it differs little; else empty.
std::string nearest(std::string_view word, const std::vector<std::string>& names);

}  // namespace mecha::cli
