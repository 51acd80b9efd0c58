//! Which elements are measured.

use glob::Pattern;

/// Elements by their names: those that any of `include` matches, all if there is none, without those that any of `exclude` matches.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

/// The patterns of a list, and those that cannot be read, with the reason. A comma would end the parameter in `GST_TRACERS`, so `|`
/// separates them.
fn patterns(list: &str) -> (Vec<Pattern>, Vec<String>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for text in list.split('|').map(str::trim).filter(|text| !text.is_empty()) {
        match Pattern::new(text) {
            Ok(pattern) => good.push(pattern),
            Err(error) => {
                bad.push(format!("\"{text}\" is no pattern for names of elements ({}). It is left out.", error.msg));
            }
        }
    }
    (good, bad)
}

impl Selection {
    /// From two lists of patterns (`*`, `?`, `[abc]`); and what is wrong with them.
    pub fn new(include: &str, exclude: &str) -> (Self, Vec<String>) {
        let ((include, bad), (exclude, worse)) = (patterns(include), patterns(exclude));
        (Self { include, exclude }, [bad, worse].concat())
    }

    /// Whether an element of that name is measured.
    pub fn has(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_included_unless_they_are_excluded() {
        let has = |include, exclude, name| Selection::new(include, exclude).0.has(name);
        assert!(has("", "", "queue0"));
        assert!(has("queue*|mux", "", "queue0") && has("queue* | mux", "", "mux") && !has("queue*|mux", "", "muxer"));
        assert!(!has("", "queue?", "queue0") && has("", "queue?", "queue10"));
        assert!(!has("queue*", "*0", "queue0") && has("queue*", "*0", "queue1"));
        assert!(has("que[u]e0", "", "queue0"));
    }

    #[test]
    fn what_is_no_pattern_is_told_of_and_left_out() {
        let (selection, complaints) = Selection::new("queue*|a**b", "[");
        assert!(selection.has("queue0") && !selection.has("mux"));
        insta::assert_snapshot!(complaints.join("\n"), @r#"
        "a**b" is no pattern for names of elements (recursive wildcards must form a single path component). It is left out.
        "[" is no pattern for names of elements (invalid range pattern). It is left out.
        "#);
    }
}
