//! The words in the parentheses of `GST_TRACERS="pipelinehealth(…)"`.

use gst::glib;
use gst::prelude::*;

use super::properties::PROPERTIES;

/// Properties to set, and what is wrong with the rest.
///
/// GStreamer can do the same, but insists on the exact type of a number, which its own syntax cannot spell there (the text ends at
/// the first closing parenthesis), and ends with a warning that is fatal to some programs.
pub(super) fn parse(parameters: &str) -> (Vec<(&'static str, glib::Value)>, Vec<String>) {
    let Ok(structure) = format!("pipelinehealth,{}", typed(parameters)).parse::<gst::Structure>() else {
        return (
            Vec::new(),
            vec![format!(
                "GST_TRACERS: \"{parameters}\" cannot be read. Write name=value, separated by commas, and put quotes around values \
                 with * or |: pipelinehealth(include=\"enc*|mux\")."
            )],
        );
    };
    let (mut values, mut complaints) = (Vec::new(), Vec::new());
    for (name, value) in structure.iter() {
        let writable = |spec: &&glib::ParamSpec| spec.flags().contains(glib::ParamFlags::WRITABLE);
        let Some(spec) = PROPERTIES.iter().filter(writable).find(|spec| spec.name() == name.as_str()) else {
            let names: Vec<_> = PROPERTIES.iter().filter(writable).map(|spec| spec.name()).collect();
            complaints.push(format!("pipelinehealth has no parameter {name}. It has {}.", names.join(", ")));
            continue;
        };
        // A number is of any type, a text may be without quotes.
        let text = value.get::<String>().or_else(|_| value.serialize().map(String::from));
        // GLib would take a negative number for a very large one.
        let text = text.ok().filter(|text| !text.starts_with('-'));
        match text.and_then(|text| glib::Value::deserialize_with_pspec(&text, spec).ok()) {
            Some(value) => values.push((spec.name(), value)),
            None => complaints.push(format!(
                "pipelinehealth: {name} cannot be {:?}: {}.",
                value.serialize().map(String::from).unwrap_or_default(),
                spec.blurb().unwrap_or_default()
            )),
        }
    }
    (values, complaints)
}

/// The same with a type before each bare number: without one GStreamer takes it for one of 32 bits, and wraps it around.
fn typed(parameters: &str) -> String {
    let mut quoted = false;
    let parts = parameters.split_inclusive(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let with_type = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let digits = value.trim_end_matches(',').trim();
        let bare = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        bare.then(|| format!("{name}=(guint64){value}"))
    };
    parts.map(|part| with_type(part).unwrap_or_else(|| part.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_read_whatever_their_type() {
        gst::init().expect("GStreamer");
        let (values, complaints) = parse("stall-timeout=1000000000,interval=0,include=\"enc*|mux\",exclude=queue0");
        assert_eq!(complaints, Vec::<String>::new());
        let value = |name| &values.iter().find(|(other, _)| *other == name).expect("it is there").1;
        assert_eq!(value("stall-timeout").get(), Ok(1_000_000_000u64));
        assert_eq!(value("interval").get(), Ok(0u64));
        let number = |text: &str| parse(&format!("exclude=\"a=5,b\",stall-timeout={text}")).0[1].1.get::<u64>();
        for text in ["2147483648", "3000000000", "4294967295", "4294967296", " 7 "] {
            assert_eq!(number(text), Ok(text.trim().parse().unwrap()), "{text}");
        }
        assert_eq!(value("include").get::<String>().as_deref(), Ok("enc*|mux"));
        assert_eq!(value("exclude").get::<String>().as_deref(), Ok("queue0"));
    }

    #[test]
    fn what_cannot_be_used_is_told_of_and_the_rest_is_used() {
        gst::init().expect("GStreamer");
        let texts = ["interval=5,intervall=5", "interval=soon", "interval=-5", "include=enc*", "stats=5"];
        let complaints: Vec<String> = texts.iter().flat_map(|text| parse(text).1).collect();
        assert_eq!(parse(texts[0]).0.len(), 1);
        insta::assert_snapshot!(complaints.join("\n"));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,60}") {
            gst::init().expect("GStreamer");
            let _ = parse(&text);
        }
    }
}
