//! Pipelines that are well, however still they stand.

mod callbacks;
mod clock;
mod dynamic;
mod joins;
mod network;
mod outside;
mod recordings;

use super::row::Row;

pub fn rows() -> Vec<Row> {
    [
        clock::rows(),
        joins::rows(),
        dynamic::rows(),
        network::rows(),
        outside::rows(),
        callbacks::rows(),
        recordings::rows(),
    ]
    .concat()
}
