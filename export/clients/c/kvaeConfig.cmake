include("${CMAKE_CURRENT_LIST_DIR}/LiteRt.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/kvaeTargets.cmake")
