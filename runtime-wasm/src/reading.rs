//! What a host reads of a room between two inputs: how it is, what is in it, what it has counted. Whether somebody may
//! know of it is `asking`'s.

use kanvas_core::{Close, Code, Fault, FaultIn};
use serde_json::{Map, Value, json};
use wasm_bindgen::prelude::*;

use crate::machine::text;
use crate::room::Room;

#[wasm_bindgen]
impl Room {
    /// Whether it still waits for what storage has of it.
    #[wasm_bindgen(getter, js_name = isLoading)]
    pub fn is_loading(&self) -> bool {
        self.room.is_loading()
    }

    /// Whether it only waits for its last store, and closes everyone then, or has done so. What is asked of it now is
    /// better asked of the one that comes after it.
    #[wasm_bindgen(getter, js_name = isClosing)]
    pub fn is_closing(&self) -> bool {
        self.room.is_closing()
    }

    /// Whether there is such a room: it was made, and not deleted. Not known while it is loading.
    #[wasm_bindgen(getter, js_name = isBorn)]
    pub fn is_born(&self) -> bool {
        self.room.summary().is_some()
    }

    /// Why it gave up: `storage`, `fenced` (another owner took it over), `corrupt record`, `corrupt chunk` or
    /// `corrupt log`; `undefined` if it did not.
    #[wasm_bindgen(getter)]
    pub fn fault(&self) -> Option<String> {
        self.room.fault().map(|fault| name_of(fault).to_owned())
    }

    /// What those outside may know of it, as JSON; `undefined` if it is not born.
    pub fn summary(&self) -> Option<String> {
        self.room.summary().as_ref().map(text)
    }

    /// The room as the list of rooms has it, as JSON for `Directory.announced`; `undefined` if it is not born.
    pub fn listing(&self) -> Option<String> {
        self.room.listing().as_ref().map(text)
    }

    /// What a thumbnail is drawn from, as JSON: its largest images, at most so many.
    pub fn preview(&self, most: u32) -> Vec<u8> {
        written(|json| self.room.preview(most, json))
    }

    /// All that is on it and its place in the log, as JSON; nothing if it is not born.
    pub fn canvas(&self) -> Vec<u8> {
        written(|json| self.room.canvas(json))
    }

    /// Who is here, who has a role of their own and who is banned, as JSON; nothing if it is not born.
    pub fn roster(&self) -> Vec<u8> {
        written(|json| self.room.roster(json))
    }

    /// The room as a document, to keep elsewhere, as JSON; nothing if it is not born.
    pub fn export(&self) -> Vec<u8> {
        written(|json| self.room.export(json))
    }

    /// What it has counted since it was made or restored, as JSON, and who and what is in it now: `people` (different
    /// users), `sockets` and `images`. `refused` is by code and `closed` by reason, each without those that are 0.
    pub fn stats(&self) -> String {
        let stats = self.room.stats();
        let summary = self.room.summary();
        let (people, images) = summary.map_or((0, 0), |summary| (summary.user_count, summary.image_count));
        json!({
            "messages": stats.heard.iter().map(|heard| heard.messages).sum::<u64>(),
            "edits": stats.edits,
            "repeated": stats.repeated,
            "refused": counts(Code::ALL.iter().map(|code| code.as_str()), &stats.refused),
            "closed": counts(Close::ALL.iter().map(|close| close.reason()), &stats.closed),
            "coalesced": stats.coalesced,
            "shed": stats.shed,
            "resumed": stats.resumed,
            "deltas": stats.deltas,
            "failedStores": stats.failed_stores,
            "returns": stats.returns,
            "misuse": stats.misuse,
            "people": people,
            "sockets": self.room.sockets(),
            "images": images,
        })
        .to_string()
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut json = Vec::new();
    write(&mut json);
    json
}

/// The counts that are not 0, by their names.
fn counts<'a>(names: impl Iterator<Item = &'a str>, counts: &[u64]) -> Map<String, Value> {
    let counted = names.zip(counts).filter(|(_, count)| **count > 0);
    counted.map(|(name, count)| (name.to_owned(), json!(count))).collect()
}

fn name_of(fault: Fault) -> &'static str {
    match fault {
        Fault::Storage => "storage",
        Fault::Fenced => "fenced",
        Fault::Corrupt(FaultIn::Record) => "corrupt record",
        Fault::Corrupt(FaultIn::Chunk) => "corrupt chunk",
        Fault::Corrupt(FaultIn::Log) => "corrupt log",
    }
}
