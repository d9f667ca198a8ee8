# What the reference computes, operations and the steps of optimizers, compiled for each of its elements (core/operation/reference.h): REFERENCE_OBJECTS. Of float it has no
# update: cpu's is its own.
file(GLOB REFERENCE_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c ${CMAKE_CURRENT_LIST_DIR}/../optimizer/*.c)
foreach(element DOUBLE FLOAT COMPLEX)
  add_library(reference_${element} OBJECT ${REFERENCE_SOURCES})
  target_compile_definitions(reference_${element} PRIVATE _GNU_SOURCE NL_REFERENCE_${element})
  target_include_directories(reference_${element} PRIVATE ${CMAKE_CURRENT_LIST_DIR}/..)
  list(APPEND REFERENCE_OBJECTS $<TARGET_OBJECTS:reference_${element}>)
endforeach()
set(REFERENCE_UPDATE ${CMAKE_CURRENT_LIST_DIR}/../backend/ref/update.c)
target_sources(reference_DOUBLE PRIVATE ${REFERENCE_UPDATE})
target_sources(reference_COMPLEX PRIVATE ${REFERENCE_UPDATE})
list(APPEND REFERENCE_SOURCES ${REFERENCE_UPDATE})
