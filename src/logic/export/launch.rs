//! A pipeline as a list of elements, and its spelling in the language of `gst-launch-1.0`.

/// One element with its properties, or a caps filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// An element: factory and (property, value) pairs in the order they are set.
    Element(&'static str, Vec<(&'static str, String)>),
    /// Caps that the link must have.
    Caps(String),
    /// A pad of an element named elsewhere, such as `mux.`.
    PadOf(&'static str),
}

/// Elements linked from first to last.
pub type Chain = Vec<Node>;

impl Node {
    /// An element without properties.
    pub fn element(factory: &'static str) -> Self {
        Node::Element(factory, Vec::new())
    }

    /// Adds a property to an element; other nodes stay as they are.
    pub fn with(mut self, property: &'static str, value: impl ToString) -> Self {
        if let Node::Element(_, properties) = &mut self {
            properties.push((property, value.to_string()));
        }
        self
    }
}

/// The words of the `gst-launch-1.0` line for `chains`, to be handed over one argument each.
pub fn tokens(chains: &[Chain]) -> Vec<String> {
    let mut words = Vec::new();
    for chain in chains {
        for (i, node) in chain.iter().enumerate() {
            if i > 0 {
                words.push("!".into());
            }
            match node {
                Node::Caps(caps) => words.push(caps.clone()),
                Node::PadOf(name) => words.push(format!("{name}.")),
                Node::Element(factory, properties) => {
                    words.push((*factory).into());
                    words.extend(properties.iter().map(|(name, value)| format!("{name}={}", quote(value))));
                }
            }
        }
    }
    words
}

/// Quotes a property value for the pipeline parser where it needs that.
fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._:+-@%,=".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.into();
    }
    // A value in double quotes is unwrapped once more, by GStreamer's string deserialiser; and the parser takes a backslash
    // before the closing quote for one that escapes it.
    let value = if value.starts_with('"') || value.ends_with('\\') { &wrapped(value) } else { value };
    let mut quoted = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// A string as `gst_value_serialize()` would write it: in double quotes, bytes beyond plain ASCII in octal.
fn wrapped(value: &str) -> String {
    let mut wrapped = String::from("\"");
    for &byte in value.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => wrapped.push(byte.into()),
            b' '..=b'~' => wrapped.extend(['\\', byte.into()]),
            _ => wrapped.push_str(&format!("\\{byte:03o}")),
        }
    }
    wrapped + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_stay_as_they_are_and_others_are_quoted() {
        assert_eq!(quote("a/b-1.2_c.mp4"), "a/b-1.2_c.mp4");
        assert_eq!(quote("two words"), "\"two words\"");
        assert_eq!(quote(r#"say "hi" \ ."#), r#""say \"hi\" \\ .""#);
        assert_eq!(quote("\\"), r#""\"\\\\\"""#);
        assert_eq!(quote(""), "\"\"");
        assert_eq!(quote("\"é\""), r#""\"\\\"\\303\\251\\\"\"""#);
    }

    #[test]
    fn chains_are_joined_by_bangs_and_follow_each_other() {
        let chains = [
            vec![
                Node::element("a").with("x", 1),
                Node::Caps("video/x-raw".into()),
                Node::element("m").with("name", "mux"),
            ],
            vec![Node::element("b"), Node::PadOf("mux")],
        ];
        assert_eq!(tokens(&chains).join(" "), "a x=1 ! video/x-raw ! m name=mux b ! mux.");
    }
}
