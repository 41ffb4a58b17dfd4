#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace dnd {

template <typename Signature>
class FunctionRef;

/// A callable that is only borrowed: two pointers, no allocation. The callable must outlive every call.
template <typename Result, typename... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <typename Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef>)
  FunctionRef(Callable&& callable)
      : callable_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* pointer, Arguments... arguments) -> Result {
          return (*static_cast<std::remove_reference_t<Callable>*>(pointer))(std::forward<Arguments>(arguments)...);
        }) {}

  Result operator()(Arguments... arguments) const { return call_(callable_, std::forward<Arguments>(arguments)...); }

 private:
  void* callable_;
  Result (*call_)(void*, Arguments...);
};

}  // namespace dnd
