# What every target of the project shares: language level, warnings, folders, and three short commands.
#
#   stint_library(NAME [DEPS target...] [FOLDERS f...])   all *.cpp of the folder (and of the sub-folders named) but the tests;
#                                                         includes start at src/
#   stint_tests(NAME [DEPS target...] [FOLDERS f...])     all *_test.cpp, one program, registered with ctest under the label `unit`
#   stint_binary(NAME [STATIC] [NOT_INSTALLED] SOURCES f... [DEPS target...])   a program in build/<preset>/bin; STATIC: without shared
#                                                         libraries; NOT_INSTALLED: for this repository only

include(GNUInstallDirs)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(STINT_CCACHE ccache)
if(STINT_CCACHE) # paths below the source are made relative, so that every clone on a machine shares what was compiled
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true ${STINT_CCACHE})
endif()
find_program(STINT_MOLD mold)
if(STINT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET GLOBAL liblz4)

# Libraries of others that also go into programs without shared libraries (target property STINT_STATIC): the archive there, else the library.
function(stint_external name library archive)
  find_library(STINT_ARCHIVE_${name} ${archive} REQUIRED)
  add_library(external_${name} INTERFACE)
  target_link_libraries(external_${name} INTERFACE "$<IF:$<BOOL:$<TARGET_PROPERTY:STINT_STATIC>>,${STINT_ARCHIVE_${name}},${library}>")
endfunction()
stint_external(ssl OpenSSL::SSL libssl.a)
stint_external(crypto OpenSSL::Crypto libcrypto.a)
stint_external(json Boost::json libboost_json.a)
stint_external(lz4 PkgConfig::LZ4 liblz4.a)

if(STINT_TESTS OR NOT DEFINED STINT_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

add_library(stint_options INTERFACE)
target_include_directories(stint_options INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
target_compile_options(stint_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # Clang counts changes of sign to -Wconversion, GCC (for C++) does not. Both shall say the same, or only one is ever clean.
  target_compile_options(stint_options INTERFACE -Wno-sign-conversion)
endif()
target_compile_definitions(stint_options INTERFACE STINT_VERSION="${PROJECT_VERSION}")

# Every file of the current folder and of the sub-folders named whose name ends in `ending`.
function(stint_glob out ending)
  set(patterns *${ending})
  foreach(folder ${ARGN})
    list(APPEND patterns ${folder}/*${ending})
  endforeach()
  file(GLOB files CONFIGURE_DEPENDS ${patterns})
  set(${out} ${files} PARENT_SCOPE)
endfunction()

function(stint_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;FOLDERS" ${ARGN})
  stint_glob(sources .cpp ${ARG_FOLDERS})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC stint_options ${ARG_DEPS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE stint_options ${ARG_DEPS})
  endif()
endfunction()

function(stint_tests name)
  if(NOT STINT_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "DEPS;FOLDERS" ${ARGN})
  stint_glob(sources _test.cpp ${ARG_FOLDERS})
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE stint_options ${ARG_DEPS} GTest::gtest_main)
  foreach(source ${sources}) # only where it is read: the path of a clone keeps the compiler cache from serving the others
    file(STRINGS ${source} uses_source_dir REGEX STINT_SOURCE_DIR LIMIT_COUNT 1)
    if(uses_source_dir)
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_DEFINITIONS STINT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    endif()
  endforeach()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

function(stint_binary name)
  cmake_parse_arguments(ARG "STATIC;NOT_INSTALLED" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE stint_options ${ARG_DEPS})
  if(ARG_STATIC AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize") # a sanitizer's runtime is a shared library's
    set_target_properties(${name} PROPERTIES STINT_STATIC ON)
    target_link_options(${name} PRIVATE -static -Wl,--gc-sections) # of each library only what is called
  endif()
  if(ARG_NOT_INSTALLED)
    return()
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
