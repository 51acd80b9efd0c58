//! `gst-steady scenes`: what there is to draw, and in which colours.

use gststeady::logic::render::palette::palettes;
use gststeady::logic::render::scenes;
use serde_json::{Value, json};

use super::failure::Failure;
use super::out::Out;

/// The arguments of `scenes`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Prints the lists.
pub fn run(args: &Args) -> Result<(), Failure> {
    let scenes: Vec<_> = scenes::all().iter().map(|scene| (scene.name, scene.description)).collect();
    let palettes: Vec<_> = palettes().iter().map(|palette| (palette.name, palette.description)).collect();
    let mut out = Out::default();
    if args.json {
        let list = |of: &[(&str, &str)]| -> Vec<Value> {
            of.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect()
        };
        return out.line(&json!({ "scenes": list(&scenes), "palettes": list(&palettes) }).to_string());
    }
    let width = scenes.iter().chain(&palettes).map(|(name, _)| name.len()).max().unwrap_or(0);
    for (title, list) in
        [("Scenes (--scene; the first is the default):", scenes), ("\nPalettes (--palette):", palettes)]
    {
        out.line(title)?;
        for (name, description) in list {
            out.line(&format!("  {name:width$}  {description}"))?;
        }
    }
    out.line(&format!("  {:width$}  Those of the cover, or one to five such as '#ff5a00,#0040ff'", "cover"))
}
