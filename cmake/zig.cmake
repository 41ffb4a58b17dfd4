# Toolchain file: zig builds for another system, with headers and libraries of its own.
#   DND_TOOLS       folder that scripts/prebuilds/tools.sh prints
#   DND_TRIPLE      the target as zig names it: x86_64-linux-gnu.2.28
#   DND_SYSTEM      its system as CMake names it: Linux, Darwin or Windows
#   DND_PROCESSOR   its processor: x86_64, aarch64 or arm64
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES DND_TOOLS DND_TRIPLE DND_SYSTEM DND_PROCESSOR)

# For a program zig builds its C++ library, a minute of processor time for each system and optimisation: CMake's own trials
# make do with what the addon is linked with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(CMAKE_SYSTEM_NAME ${DND_SYSTEM})
set(CMAKE_SYSTEM_PROCESSOR ${DND_PROCESSOR})
set(CMAKE_CXX_COMPILER ${DND_TOOLS}/zig-clang++)
set(CMAKE_AR ${DND_TOOLS}/zig-ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${DND_TOOLS}/zig-ranlib CACHE FILEPATH "")
set(CMAKE_RC_COMPILER ${DND_TOOLS}/zig-rc)
set(CMAKE_INSTALL_NAME_TOOL ${CMAKE_COMMAND} CACHE FILEPATH "")  # CMake insists on one for Darwin; nothing is installed
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)

# The folders of a build must not be in what it makes: two builds give the same bytes.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH repository)
cmake_path(GET DND_TOOLS PARENT_PATH tools)
set(CMAKE_CXX_FLAGS_INIT "-target ${DND_TRIPLE} -O3 -ffile-prefix-map=${repository}=. -ffile-prefix-map=${tools}=tools")
set(CMAKE_MODULE_LINKER_FLAGS_INIT "-s")  # symbols are for no one: a report names the addon's version
if(DND_SYSTEM STREQUAL Darwin)
  # CMake would pass Apple's compiler flags for its SDK; zig has one version of it, and the triple names the oldest system.
  set(CMAKE_OSX_SYSROOT "" CACHE STRING "")
  set(CMAKE_OSX_DEPLOYMENT_TARGET "" CACHE STRING "")
  set(CMAKE_USER_MAKE_RULES_OVERRIDE_CXX ${CMAKE_CURRENT_LIST_DIR}/zig-darwin.cmake)
  string(APPEND CMAKE_MODULE_LINKER_FLAGS_INIT " -undefined dynamic_lookup")
endif()
