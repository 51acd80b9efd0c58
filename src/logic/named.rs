//! Enums whose variants have names for statistics.

/// Declares an enum with a table of all its variants and their names: a variant, its name, and what it is.
macro_rules! named {
    ($(#[$about:meta])* $Enum:ident: $($variant:ident $name:literal $doc:literal,)*) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $Enum { $(#[doc = $doc] $variant),* }

        impl $Enum {
            /// All of them, in the order of declaration.
            pub const ALL: &'static [$Enum] = &[$($Enum::$variant),*];

            /// The name in statistics.
            pub fn name(self) -> &'static str {
                match self { $($Enum::$variant => $name),* }
            }
        }
    };
}
pub(crate) use named;
