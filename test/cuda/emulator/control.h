#pragma once

#include <cstdint>

/// What a test can ask of the emulated device and set of it. The same can be set by environment variables, so that
/// programs in other languages can: DND_EMULATOR_SEED, …_FAIL_AT, …_MEMORY_LIMIT, …_DRIVER_VERSION,
/// …_COMPUTE_CAPABILITY, …_DEVICE_COUNT, …_DEVICE_NAME are read when the library is opened and again, where they have
/// changed, whenever the devices are counted. DND_EMULATOR_REPORT names a file that gets a line of JSON when the
/// process ends.

#define DND_EMULATOR_EXPORT extern "C" __attribute__((visibility("default")))

/// Fresh device, settings included; what is live is forgotten, and a failure with it. Whatever was found wrong in
/// memory since the last launch is discarded too.
DND_EMULATOR_EXPORT void dnd_emulator_reset();

/// In which order blocks, warps and threads run; the results must not depend on it.
DND_EMULATOR_EXPORT void dnd_emulator_set_seed(uint64_t seed);
/// The n-th call from now on fails, once; 0: none does.
DND_EMULATOR_EXPORT void dnd_emulator_fail_at(int64_t call);
/// Bytes of device memory; 0: 8 GiB.
DND_EMULATOR_EXPORT void dnd_emulator_set_memory_limit(int64_t bytes);
/// As 13000 for 13.0; 0: no driver at all.
DND_EMULATOR_EXPORT void dnd_emulator_set_driver_version(int32_t version);
/// As 90 for 9.0.
DND_EMULATOR_EXPORT void dnd_emulator_set_compute_capability(int32_t capability);
DND_EMULATOR_EXPORT void dnd_emulator_set_device_count(int32_t count);
DND_EMULATOR_EXPORT void dnd_emulator_set_device_name(const char* name);

/// Runtime calls that can fail, since the last reset.
DND_EMULATOR_EXPORT int64_t dnd_emulator_calls();
/// Kernels that ran, those of graphs included.
DND_EMULATOR_EXPORT int64_t dnd_emulator_launches();
DND_EMULATOR_EXPORT int64_t dnd_emulator_live_bytes();
/// The most that was live at the same time since the last reset.
DND_EMULATOR_EXPORT int64_t dnd_emulator_peak_bytes();
DND_EMULATOR_EXPORT int64_t dnd_emulator_live_host_bytes();
DND_EMULATOR_EXPORT int64_t dnd_emulator_live_objects();  ///< streams, events, graphs
/// What went wrong on the device, "" where nothing did. Everything that waits for the device fails until a reset.
DND_EMULATOR_EXPORT const char* dnd_emulator_failure();
