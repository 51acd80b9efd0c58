//! Values of properties.

use gst::glib;

/// The value that a property is set to: GObject has seen to its type and range.
pub(crate) fn get<'a, T: glib::value::FromValue<'a>>(value: &'a glib::Value) -> T
where
    <T as glib::value::FromValue<'a>>::Checker: glib::value::ValueTypeChecker<Error: std::fmt::Debug>,
{
    value.get().expect("checked by the type system")
}
