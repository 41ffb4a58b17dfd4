#include "array_buffer.h"

#include <cstring>
#include <memory>
#include <utility>

namespace dnd::bindings {

Napi::ArrayBuffer hand_over(Napi::Env env, Memory memory, size_t bytes) {
  auto owner = std::make_unique<Memory>(std::move(memory));
  const auto free_owner = [](napi_env, void*, void* owned) { delete static_cast<Memory*>(owned); };
  napi_value value = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, owner->data(), bytes, free_owner, owner.get(), &value);
  if (status == napi_ok) {
    owner.release();
    return Napi::ArrayBuffer(env, value);
  }
  if (status != napi_no_external_buffers_allowed) throw Napi::Error::New(env);
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  std::memcpy(copy.Data(), owner->data(), bytes);
  return copy;
}

}  // namespace dnd::bindings
