# What the reference computes, compiled for each of its elements (core/operation/reference.h): REFERENCE_OBJECTS. Of float it has no optimizers: cpu's
# are its own.
file(GLOB REFERENCE_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
foreach(element DOUBLE FLOAT COMPLEX)
  add_library(reference_${element} OBJECT ${REFERENCE_SOURCES})
  target_compile_definitions(reference_${element} PRIVATE _GNU_SOURCE NL_REFERENCE_${element})
  target_include_directories(reference_${element} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
  list(APPEND REFERENCE_OBJECTS $<TARGET_OBJECTS:reference_${element}>)
endforeach()
set(REFERENCE_OPTIMIZERS ${CMAKE_CURRENT_LIST_DIR}/../backend/ref/update.c)
target_sources(reference_DOUBLE PRIVATE ${REFERENCE_OPTIMIZERS})
target_sources(reference_COMPLEX PRIVATE ${REFERENCE_OPTIMIZERS})
list(APPEND REFERENCE_SOURCES ${REFERENCE_OPTIMIZERS})
