# Included after CMake's own settings of Darwin, which make bundles of modules. zig's linker makes dynamic libraries alone, and
# Node opens either.
set(CMAKE_SHARED_MODULE_CREATE_CXX_FLAGS "-shared")
