# native/cpu/isa/table.cc, spectral_table.cc and training_table.cc, compiled once per instruction set that the target
# processor family can have. Which one runs is decided at run time (native/cpu/isa/select.cc).

function(dnd_add_instruction_set core name)
  add_library(dnd_isa_${name} OBJECT native/cpu/isa/table.cc native/cpu/isa/spectral_table.cc
    native/cpu/isa/training_table.cc)
  target_compile_features(dnd_isa_${name} PRIVATE cxx_std_20)
  target_include_directories(dnd_isa_${name} PRIVATE native)
  target_compile_definitions(dnd_isa_${name} PRIVATE DND_ISA=${name})
  # -O3 also in debug and sanitizer builds, where these loops would take most of the time.
  target_compile_options(dnd_isa_${name} PRIVATE -O3 -ffp-contract=fast ${ARGN})
  target_sources(${core} PRIVATE $<TARGET_OBJECTS:dnd_isa_${name}>)
endfunction()

function(dnd_add_instruction_sets core)
  dnd_add_instruction_set(${core} baseline)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    dnd_add_instruction_set(${core} avx2 -mavx2 -mfma)
    dnd_add_instruction_set(${core} avx512
      -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
    target_compile_definitions(${core} PRIVATE DND_HAS_X86_KERNELS)
  endif()
endfunction()
