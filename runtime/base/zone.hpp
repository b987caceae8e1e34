// Time zones, read from the system's database (TZif files, RFC 8536). Reading happens in `load` and `local` only.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mecha {

class Zone {
 public:
  Zone() = default;  // UTC
  // "", "UTC", "Local" or a name such as "Europe/Berlin"; empty if there is no such zone.
  static std::optional<Zone> load(std::string_view name);
  // That of TZ, else of /etc/localtime, else UTC.
  static Zone local();
  // From the bytes of a TZif file.
  static std::optional<Zone> parse(std::string_view bytes);

  // Seconds east of UTC at a time given in seconds since 1970.
  std::int64_t offset_at(std::int64_t seconds) const;

 private:
  friend class ZoneReader;
  // "Mm.w.d/time", "Jn/time" or "n/time": when the clocks change each year.
  struct Rule {
    enum class Kind : std::uint8_t { month, julian, day } kind = Kind::day;
    int month = 1, week = 1, day = 0;
    std::int64_t time = 7200;
    // Seconds from the start of the year, local time.
    std::int64_t in_year(int year) const;
  };
  struct Transition {
    std::int64_t at = 0;
    std::int64_t offset = 0;
  };
  bool read_footer(std::string_view text);
  std::int64_t offset_by_rules(std::int64_t seconds) const;

  std::int64_t first_offset_ = 0;         // before the first transition
  std::vector<Transition> transitions_;   // sorted
  bool has_rules_ = false, has_summer_ = false;  // for what comes after the last transition
  std::int64_t winter_ = 0, summer_ = 0;
  Rule start_, end_;
};

}  // namespace mecha
