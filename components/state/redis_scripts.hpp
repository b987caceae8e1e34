// What the Redis store runs on the server (contract 02, section 2.2), and the commands that run it. A record is a hash:
// `data` is the value, `version` the etag, `first-write` (0) the flag that makes etags binding until the key is deleted.
// With the JSON module a record may be a document {"data", "version", "first-write"} instead.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "components/redis/reply.hpp"

namespace mecha::state {

struct Script {
  std::string_view text;
  std::string hash;  // by which the server knows it; set when the store starts
};

// What the server says of an error names its line, and users know the lines: 14 here and 6 below.
// KEYS: key. ARGV: expected version (0: none), value, 0 to set the flag, time to live ("": leave it as it is; 0 or less: none).
inline constexpr std::string_view kSetScript = R"lua(
local key = KEYS[1]
local want, data = ARGV[1], ARGV[2]
local mark, ttl = ARGV[3], ARGV[4]
local kind = redis.call('TYPE', key).ok
if kind ~= 'hash' and kind ~= 'none' then
  redis.call('DEL', key)
  kind = 'none'
end
local version = kind == 'hash' and redis.call('HGET', key, 'version')
if version and version ~= '' then
  local free = want == '0' and redis.call('HEXISTS', key, 'first-write') == 0
  if version ~= want and not free then
    error('failed to set key ' .. key)
  end
  redis.call('HSET', key, 'data', data)
  redis.call('HINCRBY', key, 'version', 1)
else
  redis.call('HSET', key, 'data', data, 'version', 1)
end
if mark == '0' then redis.call('HSET', key, 'first-write', 0) end
if ttl ~= '' then
  if tonumber(ttl) > 0 then redis.call('EXPIRE', key, ttl) else redis.call('PERSIST', key) end
end
return 1
)lua";

// KEYS: key. ARGV: etag.
inline constexpr std::string_view kDeleteScript = R"lua(
local key = KEYS[1]
local want = ARGV[1]
local version = redis.call('TYPE', key).ok == 'hash' and redis.call('HGET', key, 'version')
if version and version ~= '' and version ~= want and want ~= '0' then
  error('failed to delete ' .. key)
end
return redis.call('DEL', key)
)lua";

// The same for documents. ARGV as above; the value is JSON text.
inline constexpr std::string_view kSetJsonScript = R"lua(
local key, want, data, mark, ttl = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local kind = redis.call('TYPE', key).ok
local version = tonumber(want) + 1
if kind == 'ReJSON-RL' then
  local old = cjson.decode(redis.call('JSON.GET', key))
  local free = want == '0' and old['first-write'] == nil
  if tostring(old.version) ~= want and not free then error('failed to set key ' .. key) end
  version = old.version + 1
elseif kind ~= 'none' then
  redis.call('DEL', key)
end
local flag = ''
if mark == '0' then flag = ',"first-write":0' end
local record = '{"data":' .. data .. ',"version":' .. string.format('%d', version) .. flag .. '}'
redis.call('JSON.SET', key, '.', record)
if ttl ~= '' then
  if tonumber(ttl) > 0 then redis.call('EXPIRE', key, ttl) else redis.call('PERSIST', key) end
end
return 1
)lua";

inline constexpr std::string_view kDeleteJsonScript = R"lua(
local key, want = KEYS[1], ARGV[1]
if redis.call('TYPE', key).ok == 'ReJSON-RL' and want ~= '0' then
  local old = cjson.decode(redis.call('JSON.GET', key))
  if tostring(old.version) ~= want then error('failed to delete ' .. key) end
end
return redis.call('DEL', key)
)lua";

template <class... A>
redis::Command run_by_hash(const Script& script, std::string_view key, const A&... arguments) {
  return redis::Command("EVALSHA", script.hash, 1, key, arguments...);
}
template <class... A>
redis::Command run_by_text(const Script& script, std::string_view key, const A&... arguments) {
  return redis::Command("EVAL", script.text, 1, key, arguments...);
}

}  // namespace mecha::state
