#pragma once

#include <boost/json.hpp>
#include <cstddef>

namespace stint::scheduler::api {

/// The form of a task for people with its item in it: in every text among its values, `$item` stands for the item and `$item.KEY` for a
/// value of an item that is a JSON object. A text that is one such reference becomes the value itself, of whatever kind; within a longer
/// text it becomes text. A key that the item lacks is null, or no text.
///
/// An item that is no object has no keys: `$item.KEY` stays as it is. So does what would add more than `most_bytes` to the form: the claim
/// gives the item beside it.
[[nodiscard]] boost::json::value fill_form(const boost::json::value& form, const boost::json::value& item, std::size_t most_bytes);

}  // namespace stint::scheduler::api
