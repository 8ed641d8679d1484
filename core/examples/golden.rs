//! Writes what rooms are told and what they say, byte for byte, for other hosts of the same core to be held against:
//! `cargo run -p kanvas-core --example golden --features testing -- FOLDER`.

use std::fs;
use std::path::PathBuf;

use kanvas_core::sim::{Phase, Plan, World};
use serde_json::json;

/// Inputs at least, over all rooms.
const INPUTS: u64 = 10_000;
/// After how many inputs each room is saved.
const SAVED: u64 = 300;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("tell the folder to write into")?);
    fs::create_dir_all(&folder)?;
    let (mut told, mut count) = (Vec::new(), 0);
    // Everyone meets every fault: the rooms of storms, of bad disks, of owners and of back ends.
    for (seed, plan) in (1..).flat_map(|seed| Plan::all().into_iter().map(move |plan| (seed, plan))) {
        if count >= INPUTS {
            break;
        }
        let config = serde_json::to_value(&plan.config)?;
        let mut world = World::new(seed, plan);
        world.record(SAVED);
        while world.step().map_err(|failed| failed.why)? != Phase::Done {}
        for life in world.lives() {
            let no = told.len();
            fs::write(folder.join(format!("{no}.inputs")), &life.inputs)?;
            fs::write(folder.join(format!("{no}.said")), &life.said)?;
            let saved = life.saved.as_ref().map(|(heard, said, bytes)| {
                fs::write(folder.join(format!("{no}.saved")), bytes).map(|()| json!({ "heard": heard, "said": said }))
            });
            let born = life.born.as_millis();
            told.push(
                json!({ "seed": life.seed.to_string(), "born": born, "config": config, "saved": saved.transpose()? }),
            );
            count += life.count;
        }
    }
    fs::write(folder.join("lives.json"), json!({ "inputs": count, "lives": told }).to_string())?;
    Ok(())
}
