// Tables of the WHATWG MIME Sniffing standard (https://mimesniff.spec.whatwg.org, sections 6 and 7).

#include "api/http/sniff.hpp"

#include <algorithm>
#include <array>

#include "runtime/base/text.hpp"

namespace mecha::api {
namespace {

using namespace std::string_view_literals;

struct Exact {
  std::string_view prefix, type;
};

constexpr std::array kExact{
    Exact{"%PDF-"sv, "application/pdf"sv},
    Exact{"%!PS-Adobe-"sv, "application/postscript"sv},
    Exact{"\xFE\xFF"sv, "text/plain; charset=utf-16be"sv},
    Exact{"\xFF\xFE"sv, "text/plain; charset=utf-16le"sv},
    Exact{"\xEF\xBB\xBF"sv, "text/plain; charset=utf-8"sv},
    Exact{"\x00\x00\x01\x00"sv, "image/x-icon"sv},
    Exact{"\x00\x00\x02\x00"sv, "image/x-icon"sv},
    Exact{"BM"sv, "image/bmp"sv},
    Exact{"GIF87a"sv, "image/gif"sv},
    Exact{"GIF89a"sv, "image/gif"sv},
    Exact{"\x89PNG\x0D\x0A\x1A\x0A"sv, "image/png"sv},
    Exact{"\xFF\xD8\xFF"sv, "image/jpeg"sv},
    Exact{"ID3"sv, "audio/mpeg"sv},
    Exact{"OggS\x00"sv, "application/ogg"sv},
    Exact{"MThd\x00\x00\x00\x06"sv, "audio/midi"sv},
    Exact{"\x1A\x45\xDF\xA3"sv, "video/webm"sv},
    Exact{"\x00\x01\x00\x00"sv, "font/ttf"sv},
    Exact{"OTTO"sv, "font/otf"sv},
    Exact{"ttcf"sv, "font/collection"sv},
    Exact{"wOFF"sv, "font/woff"sv},
    Exact{"wOF2"sv, "font/woff2"sv},
    Exact{"\x1F\x8B\x08"sv, "application/x-gzip"sv},
    Exact{"PK\x03\x04"sv, "application/zip"sv},
    Exact{"Rar!\x1A\x07\x00"sv, "application/x-rar-compressed"sv},
    Exact{"Rar!\x1A\x07\x01\x00"sv, "application/x-rar-compressed"sv},
    Exact{"\x00\x61\x73\x6D"sv, "application/wasm"sv},
};

// RIFF-like containers: a four-letter form at offset 8.
struct Form {
  std::string_view prefix, form, type;
};
constexpr std::array kForms{
    Form{"RIFF"sv, "WEBPVP"sv, "image/webp"sv},
    Form{"FORM"sv, "AIFF"sv, "audio/aiff"sv},
    Form{"RIFF"sv, "AVI "sv, "video/avi"sv},
    Form{"RIFF"sv, "WAVE"sv, "audio/wave"sv},
};

constexpr std::array kHtml{
    "<!DOCTYPE HTML"sv, "<HTML"sv, "<HEAD"sv, "<SCRIPT"sv, "<IFRAME"sv, "<H1"sv,
    "<DIV"sv,           "<FONT"sv, "<TABLE"sv, "<A"sv,     "<STYLE"sv,  "<TITLE"sv,
    "<B"sv,             "<BODY"sv, "<BR"sv,    "<P"sv,     "<!--"sv,
};

bool binary(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u <= 0x08 || u == 0x0B || (u >= 0x0E && u <= 0x1A) || (u >= 0x1C && u <= 0x1F);
}

bool is_html(std::string_view body) {
  for (const auto tag : kHtml) {
    if (body.size() <= tag.size() || !text::equals_nocase(body.substr(0, tag.size()), tag)) continue;
    const char end = body[tag.size()];
    if (tag == "<!--"sv || end == ' ' || end == '>') return true;
  }
  return body.starts_with("<!--");
}

}  // namespace

std::string_view sniff_content_type(std::string_view body) {
  body = body.substr(0, 512);
  auto trimmed = body;
  while (!trimmed.empty() && "\t\n\x0C\r "sv.find(trimmed.front()) != std::string_view::npos) {
    trimmed.remove_prefix(1);
  }
  if (is_html(trimmed)) return "text/html; charset=utf-8";
  if (trimmed.starts_with("<?xml")) return "text/xml; charset=utf-8";
  for (const auto& known : kExact) {
    if (body.starts_with(known.prefix)) return known.type;
  }
  for (const auto& known : kForms) {
    const auto form = body.size() > 8 ? body.substr(8) : std::string_view();
    if (body.starts_with(known.prefix) && form.starts_with(known.form)) return known.type;
  }
  if (body.size() >= 12 && body.substr(4, 4) == "ftyp" && body.substr(8, 3) == "mp4") return "video/mp4";
  const bool text = std::none_of(body.begin(), body.end(), binary);
  return text ? "text/plain; charset=utf-8" : "application/octet-stream";
}

}  // namespace mecha::api
