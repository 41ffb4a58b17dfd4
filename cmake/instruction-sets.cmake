# native/cpu/isa/table.cc, spectral_table.cc, training_table.cc, language_table.cc and normals.cc, compiled once per instruction set that
# the target processor family can have, and bfloat16_table.cc and bfloat16_spectral_table.cc for those that multiply bfloat16
# numbers. Which one runs is decided at run time (native/cpu/isa/select.cc, bfloat16_select.cc).

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
set(dnd_machine_has_neon TRUE)
dnd_find_instruction_set(avx2 avx2)
dnd_find_instruction_set(avx512 avx512vl)
dnd_find_instruction_set(avx512bf16 avx512_bf16)
set(dnd_best_set baseline)
foreach(name avx2 avx512)
  if(dnd_machine_has_${name})
    set(dnd_best_set ${name})
  endif()
endforeach()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(dnd_best_set neon)
endif()
set(DND_SANITIZED_SETS every CACHE STRING "instruction sets whose kernels a sanitized build optimises: every, or the best of this machine")
set(dnd_avx512_options -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)

# Adds the kernels of these sources, compiled with these options.
function(dnd_add_kernels core name)
  cmake_parse_arguments(PARSE_ARGV 2 own "" "" "SOURCES;OPTIONS")
  list(TRANSFORM own_SOURCES PREPEND native/cpu/isa/)
  add_library(dnd_isa_${name} OBJECT ${own_SOURCES})
  target_compile_features(dnd_isa_${name} PRIVATE cxx_std_20)
  target_include_directories(dnd_isa_${name} PRIVATE native)
  target_compile_definitions(dnd_isa_${name} PRIVATE DND_ISA=${name})
  # -O3 also in debug and sanitizer builds, where these loops would take most of the time; but a sanitized build runs where
  # it is made, and kernels that nothing can or is to run there would take minutes to optimise.
  set(optimisation -O3)
  if(DND_SANITIZE)
    if(NOT dnd_machine_has_${name} OR (DND_SANITIZED_SETS STREQUAL best AND NOT name MATCHES "^${dnd_best_set}"))
      set(optimisation -O0)
    endif()
  endif()
  # Clang's `fast` fuses what happens to end up in one basic block, so that a sum would depend on the shape of the loop around
  # it; its `on` fuses within an expression, always. GCC has no `on`.
  set(contract $<IF:$<CXX_COMPILER_ID:GNU>,fast,on>)
  target_compile_options(dnd_isa_${name} PRIVATE ${optimisation} -ffp-contract=${contract} ${own_OPTIONS})
  target_sources(${core} PRIVATE $<TARGET_OBJECTS:dnd_isa_${name}>)
endfunction()

function(dnd_add_instruction_set core name)
  dnd_add_kernels(${core} ${name} OPTIONS ${ARGN}
    SOURCES table.cc spectral_table.cc training_table.cc language_table.cc normals.cc)
endfunction()

function(dnd_add_instruction_sets core)
  dnd_add_instruction_set(${core} baseline)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    dnd_add_instruction_set(${core} avx2 -mavx2 -mfma)
    dnd_add_instruction_set(${core} avx512 ${dnd_avx512_options})
    dnd_add_kernels(${core} avx512bf16 SOURCES bfloat16_table.cc bfloat16_spectral_table.cc OPTIONS ${dnd_avx512_options} -mavx512bf16)
    target_compile_definitions(${core} PRIVATE DND_HAS_X86_KERNELS)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
    # Compilers use NEON for the baseline too: what they need no option for, the sources need a name for.
    dnd_add_instruction_set(${core} neon -DDND_NEON)
    target_compile_definitions(${core} PRIVATE DND_HAS_ARM64_KERNELS)
  endif()
endfunction()
