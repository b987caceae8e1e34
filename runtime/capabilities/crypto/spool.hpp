// Spool: bytes that are kept until all of them are known to be good. Short ones stay in memory, longer ones go to a temporary
// file without a name, encrypted with a key that only this object has: neither memory grows nor is a plaintext at rest.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/capabilities/crypto/crypto.hpp"

namespace mecha::crypto {

// Of one shard.
class Spool final : public ByteSink {
 public:
  // `files`: where the file is met. Up to `memory_max` bytes stay in memory, or all if no file can be made.
  explicit Spool(Bridge& files, std::size_t memory_max = 4 << 20);
  ~Spool() override;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  Async<void> write(std::string piece) override;
  std::uint64_t size() const { return size_; }
  // The bytes in order, piece by piece; empty: the end. After the last write.
  Async<std::string> read();

 private:
  class File;
  Async<void> spill();

  Bridge& files_;
  const std::size_t memory_max_;
  std::uint64_t size_ = 0;
  std::string memory_;  // what is not in the file: its end
  std::shared_ptr<File> file_;
  bool has_no_file_ = false;
  std::uint64_t written_ = 0, read_ = 0;  // blocks of the file
};

}  // namespace mecha::crypto
