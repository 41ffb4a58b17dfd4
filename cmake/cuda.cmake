# libdnd_cuda.so beside the addon: the kernels and the host code of the CUDA backend, the CUDA runtime inside it. The
# addon never links it; it is opened when a CUDA device is asked for.
#
# DND_CUDA=AUTO builds it where nvcc 13 or newer is found (CUDACXX, the PATH), ON insists, OFF leaves it out. Builds
# that test the core without a GPU leave it out unless they are told otherwise.

if(CMAKE_JS_VERSION)
  set(DND_CUDA AUTO CACHE STRING "build libdnd_cuda.so: AUTO (where nvcc is found), ON or OFF")
else()
  set(DND_CUDA OFF CACHE STRING "build libdnd_cuda.so: AUTO (where nvcc is found), ON or OFF")
endif()
set_property(CACHE DND_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT DND_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "DND_CUDA=${DND_CUDA}: it is AUTO, ON or OFF")
endif()

set(DND_CUDA_OLDEST_COMPILER 13)

# Machine code for each generation since sm_80, and PTX of the newest for those to come.
set(DND_CUDA_ARCHITECTURES "80-real;86-real;89-real;90-real;100-real;120-real;120-virtual" CACHE STRING
  "architectures of libdnd_cuda.so, as CMAKE_CUDA_ARCHITECTURES takes them")
set(DND_CUDA_THREADS 2 CACHE STRING "architectures that one nvcc compiles at the same time")

# Sets DND_CUDA_COMPILER to nvcc, or DND_CUDA_MISSING to why there is none that will do.
macro(dnd_find_cuda)
  include(CheckLanguage)
  if(NOT CMAKE_CUDA_COMPILER)
    unset(CMAKE_CUDA_COMPILER CACHE)  # what was missing the last time may be there now
  endif()
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    set(DND_CUDA_MISSING "no nvcc that works was found: set CUDACXX to one, or see scripts/cuda-toolkit.sh")
  else()
    set(CMAKE_CUDA_ARCHITECTURES ${DND_CUDA_ARCHITECTURES})
    enable_language(CUDA)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS DND_CUDA_OLDEST_COMPILER)
      set(DND_CUDA_MISSING
        "${CMAKE_CUDA_COMPILER} is ${CMAKE_CUDA_COMPILER_VERSION}, and ${DND_CUDA_OLDEST_COMPILER} or newer is needed")
    else()
      set(DND_CUDA_COMPILER ${CMAKE_CUDA_COMPILER})
    endif()
  endif()
endmacro()

# The backend's objects, for the library and for the tests that run on a GPU.
function(dnd_add_cuda_objects)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cuda/*.cu ${CMAKE_SOURCE_DIR}/cuda/*.cc)
  add_library(dnd_cuda_objects OBJECT ${sources})
  target_link_libraries(dnd_cuda_objects PUBLIC dnd_core)
  target_include_directories(dnd_cuda_objects PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/cuda)
  target_include_directories(dnd_cuda_objects SYSTEM PUBLIC ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  # -std by hand: CMake 3.25 knows no C++20 of nvcc's.
  target_compile_options(dnd_cuda_objects PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:
    -std=c++20 --expt-relaxed-constexpr -lineinfo -Xfatbin=-compress-all --threads=${DND_CUDA_THREADS}
    -Xcompiler=-Wall,-Wextra,-ffp-contract=off>)
  set_target_properties(dnd_cuda_objects PROPERTIES CUDA_VISIBILITY_PRESET hidden)
endfunction()

function(dnd_add_cuda_library)
  add_library(dnd_cuda MODULE)
  target_link_libraries(dnd_cuda PRIVATE dnd_cuda_objects)
  set_target_properties(dnd_cuda PROPERTIES
    PREFIX lib SUFFIX .so LINKER_LANGUAGE CUDA CUDA_RUNTIME_LIBRARY Static
    LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/cuda-exports.map)
  target_link_options(dnd_cuda PRIVATE
    LINKER:--version-script=${CMAKE_SOURCE_DIR}/cmake/cuda-exports.map LINKER:--no-undefined)
endfunction()

if(NOT DND_CUDA STREQUAL OFF)
  dnd_find_cuda()
  if(DND_CUDA_COMPILER)
    dnd_add_cuda_objects()
    dnd_add_cuda_library()
    option(DND_CUDA_DEVICE_TESTS "the tests of test/cuda for a real device" OFF)
    if(DND_CUDA_DEVICE_TESTS)
      add_subdirectory(test/cuda/hardware)
    endif()
  elseif(DND_CUDA STREQUAL ON)
    message(FATAL_ERROR "DND_CUDA=ON, but ${DND_CUDA_MISSING}")
  else()
    message(STATUS "libdnd_cuda.so is left out: ${DND_CUDA_MISSING}")
  endif()
endif()
