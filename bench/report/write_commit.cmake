execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)  # a source archive without git
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#pragma once\n#define STINT_BENCH_COMMIT \"${commit}\"\n")
