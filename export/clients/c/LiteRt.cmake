# The target LiteRt::LiteRt: LiteRT's shared library. LITERT_ROOT is the folder in which it lies, such
# as that of the Python package ai-edge-litert.

set(LITERT_ROOT "" CACHE PATH "Folder with libLiteRt.so")
# A cross compiler's toolchain would look in its own folders alone.
find_library(LITERT_LIBRARY NAMES LiteRt HINTS "${LITERT_ROOT}" NO_CMAKE_FIND_ROOT_PATH)
if(NOT LITERT_LIBRARY)
  message(FATAL_ERROR
    "libLiteRt.so was not found. Set LITERT_ROOT to the folder in which it lies, for example to what "
    "this prints: python -c 'import ai_edge_litert, os; print(os.path.dirname(ai_edge_litert.__file__))'")
endif()
if(NOT TARGET LiteRt::LiteRt)
  add_library(LiteRt::LiteRt UNKNOWN IMPORTED)
  set_target_properties(LiteRt::LiteRt PROPERTIES IMPORTED_LOCATION "${LITERT_LIBRARY}")
endif()
