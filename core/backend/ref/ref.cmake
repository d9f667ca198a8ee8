# The reference, compiled for each of its elements: REFERENCE_OBJECTS.
file(GLOB REFERENCE_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
foreach(element DOUBLE FLOAT COMPLEX)
  add_library(reference_${element} OBJECT ${REFERENCE_SOURCES})
  target_compile_definitions(reference_${element} PRIVATE _GNU_SOURCE NL_REFERENCE_${element})
  target_include_directories(reference_${element} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/../..)
  list(APPEND REFERENCE_OBJECTS $<TARGET_OBJECTS:reference_${element}>)
endforeach()
