//! Measuring streams, for the element and for the tracer: what goes in, what is looked at beside the stream, what comes out.

pub(crate) mod figures;
pub(crate) mod meter;
pub(crate) mod pairs;
pub(crate) mod queues;
pub(crate) mod stream;
