//! What a report says of the run as a whole.

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It has not.
    #[default]
    Running,
    /// As it should.
    Complete,
    /// Somebody ended it; what they were told.
    Interrupted(String),
    /// With an error; what users were told.
    Failed(String),
}

/// The circumstances of a run.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// What ran, in a few words: the heading.
    pub title: String,
    /// When the report was made, as people write it.
    pub made: String,
    /// How the run ended.
    pub outcome: Outcome,
    /// The command line, as it can be pasted into a shell.
    pub command: String,
    /// Names and values: versions, machine, files.
    pub facts: Vec<(String, String)>,
    /// Absolute paths of graphs that GStreamer has drawn of the pipeline.
    pub graphs: Vec<String>,
}
