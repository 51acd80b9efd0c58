//! Figures as monitoring systems read them: one table of metrics, and everything that is made of it.
//!
//! [`health::HEALTH`] lists what each measuring point shows, [`process::PROCESS`] what the process shows once. A [`page::Page`] is
//! the values of one moment; it becomes the text that Prometheus reads, the lines that StatsD takes ([`statsd`]) or the JSON of
//! `/health` ([`status`]). Nothing here opens a socket or a file.

pub mod address;
pub mod family;
pub mod health;
pub mod http;
pub mod page;
pub mod process;
pub mod statsd;
pub mod status;

use family::{Entry, entry};

/// All metrics, in the order in which they are shown.
pub fn entries() -> Vec<Entry> {
    health::HEALTH.iter().map(entry).chain(process::PROCESS.iter().map(entry)).collect()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_prometheus_recommends() {
        let mut names = Vec::new();
        for Entry { name, kind, unit, help, .. } in entries() {
            let known = ["gst_health_", "gst_steady_", "process_"].iter().any(|prefix| name.starts_with(prefix));
            assert!(known && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), kind == family::Kind::Counter, "{name}");
            let base = name.strip_suffix("_total").unwrap_or(&name);
            let suffix = unit.name().is_none_or(|unit| base.ends_with(&format!("_{unit}")));
            assert!(suffix, "{name} does not end in its unit");
            // Neither text format need escape it, and neither encoder does.
            assert!(help.ends_with('.') && !help.contains(['\\', '"', '\n', '|']), "{name}: {help}");
            names.push(name);
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "a name is there twice");
    }
    #[test]
    fn the_documentation_lists_all_metrics_and_no_others() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        let document = std::fs::read_to_string(path).unwrap();
        let begin = "| metric | type | unit | meaning | present |\n|---|---|---|---|---|\n";
        let (_, table) = document.split_once(begin).expect("the table");
        let table = &table[..table.find("\n\n").expect("an end") + 1];
        let row = |Entry { name, kind, unit, help, present }: Entry| {
            let (kind, unit, present) = (kind.name(), unit.name().unwrap_or_default(), present.text());
            format!("| `{name}` | {kind} | {unit} | {help} | {present} |\n")
        };
        let wanted: String = entries().into_iter().map(row).collect();
        assert!(table == wanted, "the table in {path} should be\n{begin}{wanted}");
    }
}
