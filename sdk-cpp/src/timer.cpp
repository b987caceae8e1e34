// A pause as a task, on an alarm of gRPC.

#include "src/timer.h"

#include <memory>
#include <mutex>
#include <optional>

#include <grpcpp/alarm.h>

#include "src/unary.h"

namespace mecha::wire {
namespace {

class Sleep final : public detail::Work<Result<void>> {
 public:
  explicit Sleep(std::chrono::milliseconds pause) : pause_(pause) {}

  std::coroutine_handle<> start() noexcept override { return later(); }
  void drop() noexcept override {
    if (state_) {
      const std::lock_guard lock(state_->mutex);
      state_->owner = nullptr;
    }
    if (state_) state_->alarm.Cancel();
    delete this;
  }

 private:
  // The alarm may fire when the task is gone already; it then finds no owner.
  struct State {
    std::mutex mutex;
    Sleep* owner = nullptr;
    grpc::Alarm alarm;

    static void fire(State& state) noexcept {
      Sleep* owner = nullptr;
      {
        const std::lock_guard lock(state.mutex);
        owner = std::exchange(state.owner, nullptr);
      }
      if (owner != nullptr) owner->end();
    }
  };
  struct Cancel {
    State* state;
    void operator()() const noexcept { state->alarm.Cancel(); }
  };

  void go() noexcept override {
    const auto state = state_ = std::make_shared<State>();
    state->owner = this;
    const auto stop = context != nullptr ? context->stop : std::stop_token();
    if (stop.stop_possible()) stop_.emplace(stop, Cancel{state.get()});
    state->alarm.Set(
        std::chrono::system_clock::now() + pause_,
        [weak = std::weak_ptr<State>(state)](bool) {
          if (const auto held = weak.lock()) State::fire(*held);
        }
    );
    // From here on this may be gone.
    if (stop.stop_requested()) state->alarm.Cancel();
  }

  void end() noexcept {
    stop_.reset();
    const bool stops = context != nullptr && context->stop.stop_requested();
    put(stops ? Result<void>(stopped()) : Result<void>());
    tell();
  }

  std::chrono::milliseconds pause_;
  std::shared_ptr<State> state_;
  std::optional<std::stop_callback<Cancel>> stop_;
};

}  // namespace

Task<Result<void>> sleep_for(std::chrono::milliseconds pause) {
  return detail::TaskAccess::make(new Sleep(pause));
}

}  // namespace mecha::wire
