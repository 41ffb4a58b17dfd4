# native/cpu/isa/table.cc, spectral_table.cc, training_table.cc, language_table.cc and normals.cc, compiled once per instruction set that
# the target processor family can have. Which one runs is decided at run time (native/cpu/isa/select.cc).

# Random numbers are the same by every instruction set. (A source's own options follow those of its target.)
set_source_files_properties(native/cpu/isa/normals.cc PROPERTIES COMPILE_OPTIONS -ffp-contract=off)

# Whether this machine can run a set, as far as Linux tells; elsewhere it is assumed.
function(dnd_find_instruction_set name feature)
  set(found TRUE)
  if(EXISTS /proc/cpuinfo)
    execute_process(COMMAND grep -qw ${feature} /proc/cpuinfo RESULT_VARIABLE missing)
    if(missing)
      set(found FALSE)
    endif()
  endif()
  set(dnd_machine_has_${name} ${found} PARENT_SCOPE)
endfunction()
set(dnd_machine_has_baseline TRUE)
dnd_find_instruction_set(avx2 avx2)
dnd_find_instruction_set(avx512 avx512vl)

function(dnd_add_instruction_set core name)
  add_library(dnd_isa_${name} OBJECT native/cpu/isa/table.cc native/cpu/isa/spectral_table.cc
    native/cpu/isa/training_table.cc native/cpu/isa/language_table.cc native/cpu/isa/normals.cc)
  target_compile_features(dnd_isa_${name} PRIVATE cxx_std_20)
  target_include_directories(dnd_isa_${name} PRIVATE native)
  target_compile_definitions(dnd_isa_${name} PRIVATE DND_ISA=${name})
  # -O3 also in debug and sanitizer builds, where these loops would take most of the time; but a sanitized build runs where
  # it is made, and kernels that nothing can run there would take minutes to optimise.
  set(optimisation -O3)
  if(DND_SANITIZE AND NOT dnd_machine_has_${name})
    set(optimisation -O0)
  endif()
  target_compile_options(dnd_isa_${name} PRIVATE ${optimisation} -ffp-contract=fast ${ARGN})
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
