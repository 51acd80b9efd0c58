//! Pipelines that hang, each with the elements that are rightly named as the cause.

mod callbacks;
mod deadlock;
mod outside;
mod strict;

use super::row::Row;

pub fn rows() -> Vec<Row> {
    [deadlock::rows(), outside::rows(), callbacks::rows(), strict::rows()].concat()
}
