# Makes topics_generated.hpp of docs/topics/*.md, so that `stint help TOPIC` and the manual pages need no file beside the program.
file(GLOB topic_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/topics/*.md)
list(SORT topic_files)
set(topic_texts "")
foreach(topic_file ${topic_files})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${topic_file})
  file(READ ${topic_file} topic_text)
  string(APPEND topic_texts "    std::string_view(R\"topic(${topic_text})topic\"),\n")
endforeach()
set(topics_header ${CMAKE_CURRENT_BINARY_DIR}/generated/apps/stint/topics_generated.hpp)
file(CONFIGURE OUTPUT ${topics_header} @ONLY CONTENT
"// Generated from docs/topics by src/apps/stint/topics.cmake.
#pragma once
#include <string_view>
namespace stint::cli {
inline constexpr std::string_view kTopicTexts[] = {
@topic_texts@};
}  // namespace stint::cli
")
target_include_directories(stint PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
