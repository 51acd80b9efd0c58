//! The `gst-steady` command: exports a song to a video.

mod args;
mod boxes;
mod check;
mod export;
mod failure;
mod frame;
mod interrupt;
mod leftovers;
mod lock;
mod look;
mod looks;
mod out;
mod preflight;
mod progress;
mod reading;
mod recover;
mod registry;
mod remux;
mod report;
mod run;
mod scenes;
mod sound;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return failure::usage(&error),
    };
    let outcome = match &args.command {
        Command::Export(export) => export::run(export),
        Command::Frame(frame) => frame::run(frame),
        Command::Scenes(scenes) => scenes::run(scenes),
        Command::Recover(recover) => recover::run(recover),
    };
    registry::end();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out::tell(format_args!("gst-steady: {failure}"));
            failure.exit_code()
        }
    }
}
