// A stream of gRPC as operations of tasks: one read and one write may wait at a time.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <grpcpp/alarm.h>

#include "src/unary.h"

namespace mecha::wire {

inline Error ended() {
  return fail(Code::failed_precondition, "the stream has ended; reading tells why");
}

/// What both kinds of streams share: the start, reading, the end. Owned by its handle and, from the
/// start to the end of the call, by itself. `mutex_` guards every member below it; no operation is
/// told while it is held. gRPC never calls back in place, so that its functions are called under
/// the lock, which is what keeps them before the end of the call.
template <class Reactor, class Response>
class ReadSide : public Reactor, public std::enable_shared_from_this<ReadSide<Reactor, Response>> {
 public:
  ReadSide(std::shared_ptr<const Core> core, CallOptions options)
      : core_(std::move(core)), options_(std::move(options)) {}

  /// The next message; empty at an orderly end. Ends after `OnDone`, so that the status is known.
  Task<Result<std::optional<Response>>> read() {
    return detail::TaskAccess::make(new Read(this->shared_from_this()));
  }

  /// Ends the stream from any thread, before its start too.
  void cancel() noexcept {
    const std::lock_guard lock(mutex_);
    if (stage_ == Stage::idle) stage_ = Stage::refused;
    if (stage_ != Stage::running) return;
    call_.TryCancel();
    release();
  }

  /// The wait for consent is over.
  void consented() noexcept { alarm_.Cancel(); }

 protected:
  using Base = ReadSide;
  enum class Stage { idle, running, done, refused };

  /// Makes the call on the channel and binds this to it; runs under the lock.
  virtual void call() = 0;
  /// The limit of the whole stream, or of the wait for consent.
  virtual bool limits_stream() const { return true; }
  /// What of the request cannot be sent.
  virtual std::optional<Error> problem() const { return std::nullopt; }
  /// Starts the call when it has not started and may start.
  void ensure_started(std::unique_lock<std::mutex>& lock, const TaskContext* task) {
    if (stage_ != Stage::idle) return;
    auto options = options_;
    const auto consent = options.timeout.value_or(core_->timeout);
    if (!limits_stream()) options.timeout = CallOptions::no_timeout;
    refusal_ = core_->prepare(call_, options, task);
    if (!refusal_) refusal_ = problem();
    if (refusal_) {
      stage_ = Stage::refused;
      return;
    }
    keep_callback_threads();
    stage_ = Stage::running;
    self_ = this->shared_from_this();
    holding_ = true;
    call();
    this->AddHold();
    lock.unlock();
    // Outside the lock: who asked to stop already is called back in place.
    if (!stop_.watch(call_, options_.stop, task)) cancel();
    if (!limits_stream() && consent != CallOptions::no_timeout) {
      alarm_.Set(
          detail::after<std::chrono::system_clock>(consent),
          [weak = this->weak_from_this()](bool expired) {
            const auto self = weak.lock();
            if (expired && self) self->expire();
          }
      );
    }
    this->StartCall();
    lock.lock();
  }

  /// Lets the call end once nothing is under way in it. Under the lock.
  void release() noexcept {
    if (std::exchange(holding_, false)) this->RemoveHold();
  }

  std::shared_ptr<const Core> core_;
  CallOptions options_;
  grpc::ClientContext call_;
  StopWatch stop_;
  grpc::Alarm alarm_;
  std::mutex mutex_;
  Stage stage_ = Stage::idle;
  std::optional<Error> refusal_;  // why, when nobody asked to stop
  bool holding_ = false;

 private:
  class Read final : public detail::Work<Result<std::optional<Response>>> {
   public:
    explicit Read(std::shared_ptr<ReadSide> stream) : stream_(std::move(stream)) {}
    std::coroutine_handle<> start() noexcept override {
      return stream_->refuses(this) ? this->waiter.next() : this->later();
    }
    void drop() noexcept override {
      stream_->forget(this);
      delete this;
    }
    void finish() noexcept { this->tell(); }

   private:
    void go() noexcept override {
      // The stream goes on by itself, whatever becomes of this.
      if (const auto stream = stream_; !stream->begin_read(this)) this->waiter.next().resume();
    }

    std::shared_ptr<ReadSide> stream_;
  };

  // True when the read has ended before it began.
  bool refuses(Read* read) {
    const std::lock_guard lock(mutex_);
    return refuses_now(read);
  }
  bool refuses_now(Read* read) {
    if (stage_ == Stage::done || stage_ == Stage::refused) {
      read->put(outcome());
    } else if (reading_ != nullptr) {
      read->put(fail(Code::failed_precondition, "a read of this stream is under way"));
    } else {
      return false;
    }
    return true;
  }

  // True when the operation will be told later.
  bool begin_read(Read* read) {
    std::unique_lock lock(mutex_);
    ensure_started(lock, read->context);
    if (refuses_now(read)) return false;
    reading_ = read;
    if (holding_) this->StartRead(&message_);
    return true;
  }

  // What reading gives after the end. Under the lock.
  Result<std::optional<Response>> outcome() const {
    if (stage_ == Stage::refused) return refusal_ ? *refusal_ : stopped();
    if (broken_) return unreadable();
    if (expired_) return fail(Code::deadline_exceeded, "the sidecar did not answer in time");
    if (!status_.ok()) return to_error(status_);
    return std::optional<Response>();
  }

  void forget(Read* read) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (reading_ != read) return;
      reading_ = nullptr;
    }
    cancel();
  }

  void expire() noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (stage_ != Stage::running) return;
      expired_ = true;
    }
    cancel();
  }

  void OnReadDone(bool ok) override {
    Read* read = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (!ok) return release();  // OnDone follows and tells the reader
      if (!message_.whole) {
        broken_ = true;
        call_.TryCancel();
        return release();
      }
      read = std::exchange(reading_, nullptr);
      if (read != nullptr) read->put(std::optional<Response>(std::move(message_.message)));
    }
    if (read != nullptr) read->finish();
  }

  void OnDone(const grpc::Status& status) override {
    stop_.end();
    alarm_.Cancel();
    Read* read = nullptr;
    std::shared_ptr<ReadSide> self;
    {
      const std::lock_guard lock(mutex_);
      stage_ = Stage::done;
      status_ = status;
      self = std::move(self_);
      read = std::exchange(reading_, nullptr);
      if (read != nullptr) read->put(outcome());
    }
    if (read != nullptr) read->finish();
  }

  std::shared_ptr<ReadSide> self_;
  Checked<Response> message_;
  Read* reading_ = nullptr;
  bool expired_ = false;
  bool broken_ = false;
  grpc::Status status_;
};

/// A stream in both directions.
template <class Request, class Response>
class Duplex : public ReadSide<grpc::ClientBidiReactor<Request, Checked<Response>>, Response> {
  using Side = ReadSide<grpc::ClientBidiReactor<Request, Checked<Response>>, Response>;

 public:
  Duplex(std::shared_ptr<const Core> core, Rpc rpc, CallOptions options)
      : Side(std::move(core), std::move(options)), rpc_(rpc) {}

  /// Sends one message. Fails when the stream has ended; reading tells why.
  Task<Result<void>> write(Request message) {
    return detail::TaskAccess::make(new Write(self(), std::move(message)));
  }
  /// The last message was sent.
  Task<Result<void>> finish() { return detail::TaskAccess::make(new Write(self(), std::nullopt)); }

 private:
  class Write final : public detail::Work<Result<void>> {
   public:
    Write(std::shared_ptr<Duplex> stream, std::optional<Request> what)
        : message(std::move(what)), stream_(std::move(stream)) {}

    std::optional<Request> message;

    std::coroutine_handle<> start() noexcept override {
      return stream_->refuses(this) ? this->waiter.next() : this->later();
    }
    void drop() noexcept override {
      stream_->forget(this);
      delete this;
    }
    void finish() noexcept { this->tell(); }

   private:
    void go() noexcept override {
      if (const auto stream = stream_; !stream->begin_write(this)) this->waiter.next().resume();
    }

    std::shared_ptr<Duplex> stream_;
  };

  std::shared_ptr<Duplex> self() {
    return std::static_pointer_cast<Duplex>(this->shared_from_this());
  }

  // True when the write has ended before it began.
  bool refuses(Write* write) {
    const std::lock_guard lock(this->mutex_);
    if (auto bad = write->message ? text_problem(*write->message) : std::nullopt) {
      if (this->stage_ == Side::Stage::idle) {
        this->stage_ = Side::Stage::refused;
        this->refusal_ = bad;
      }
      write->put(std::move(*bad));
      return true;
    }
    return this->stage_ != Side::Stage::idle && refuses_now(write);
  }
  bool refuses_now(Write* write) {
    if (writing_ != nullptr) {
      write->put(fail(Code::failed_precondition, "a write of this stream is under way"));
    } else if (!this->holding_) {
      write->put(ended());
    } else {
      return false;
    }
    return true;
  }

  // True when the operation will be told later.
  bool begin_write(Write* write) {
    std::unique_lock lock(this->mutex_);
    this->ensure_started(lock, write->context);
    if (refuses_now(write)) return false;
    const bool last = !write->message;
    writing_ = write;
    if (!last) message_ = std::move(*write->message);
    if (last) {
      this->StartWritesDone();
    } else {
      this->StartWrite(&message_);
    }
    return true;
  }

  void forget(Write* write) noexcept {
    {
      const std::lock_guard lock(this->mutex_);
      if (writing_ != write) return;
      writing_ = nullptr;
    }
    this->cancel();
  }

  void written(bool ok) noexcept {
    Write* write = nullptr;
    {
      const std::lock_guard lock(this->mutex_);
      write = std::exchange(writing_, nullptr);
      if (write != nullptr) write->put(ok ? Result<void>() : Result<void>(ended()));
    }
    if (write != nullptr) write->finish();
  }

  void OnWriteDone(bool ok) override { written(ok); }
  void OnWritesDoneDone(bool ok) override { written(ok); }

  void call() override {
    grpc::internal::ClientCallbackReaderWriterFactory<Request, Checked<Response>>::Create(
        this->core_->channel.get(), this->core_->method(rpc_), &this->call_, this
    );
  }

  Rpc rpc_;
  Request message_;
  Write* writing_ = nullptr;
};

}  // namespace mecha::wire
