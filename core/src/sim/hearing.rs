//! What a simulated person makes of the frames that reach them.

use alloc::format;
use alloc::string::String;

use serde_json::{Value, json};

use super::client::{Client, Pending, Stage};
use super::disk::Disk;
use super::plan::Report;
use super::replica::{number, text};

impl Client {
    /// Takes a frame, as its socket delivered it.
    pub(super) fn take(&mut self, frame: &str, disk: &Disk, report: &mut Report) -> Result<(), String> {
        report.delivered += 1;
        if !self.speaks_json() {
            return self.hear(frame, disk, report);
        }
        if frame == "pong" {
            return Ok(());
        }
        let frame: Value = serde_json::from_str(frame).map_err(|error| format!("SIM5: {error} in {frame}"))?;
        let kind = text(&frame["type"]);
        match kind.as_str() {
            "room:joined" => {
                let id = text(&frame["data"]["clientId"]);
                report.resumed += u64::from(id == self.id);
                (self.id, self.stage) = (id, Stage::In);
                self.role = text(&frame["data"]["role"]);
                // What it is told without an id could be about a drag where rights change.
                self.edits = self.role != "viewer" && self.govern == 0;
                self.resume = Some(text(&frame["data"]["resume"]));
                self.replica.begin();
            }
            "room:left" => {
                self.stage = Stage::Out;
                self.resume = None;
            }
            "ack" => self.acked(&frame["data"], report)?,
            "error" => self.refused(&frame["data"], disk, report)?,
            _ => {
                if kind == "state:sync" {
                    let delta = frame["data"]["mode"] == "delta";
                    report.deltas += u64::from(delta);
                    report.fulls += u64::from(!delta);
                }
                if let Some(own) = self.pending.iter().find(|own| own.is_sent_once() && own.is(&kind, &frame["data"])) {
                    return Err(format!("SIM5: {} is told to its sender: {frame}", own.id));
                }
                self.replica.take(&kind, &frame, report)?;
                if kind == "user:updated" && frame["clientId"] == Value::String(self.id.clone()) {
                    self.role = text(&frame["data"]["role"]);
                }
            }
        }
        Ok(())
    }

    /// The second dialect hears every line of chat, its own too, one after the other.
    fn hear(&mut self, frame: &str, disk: &Disk, report: &mut Report) -> Result<(), String> {
        let said = frame.strip_prefix("say ").and_then(|line| line.split_once(' '));
        let Some((_, text)) = said else { return Ok(()) };
        report.plain_lines += 1;
        let place = disk.said_at(text).ok_or_else(|| format!("SIM2: {frame} is not stored"))?;
        let expected = self.heard.replace(place).and_then(|last| disk.said_after(last));
        match expected.is_none_or(|expected| expected == place) {
            true => Ok(()),
            false => Err(format!("SIM5: {frame} of {place} is heard where {expected:?} comes next")),
        }
    }

    /// An ack makes the client's own edit part of what it knows.
    fn acked(&mut self, data: &Value, report: &mut Report) -> Result<(), String> {
        let (id, seq) = (text(&data["id"]), number(&data["seq"]));
        if data["id"].is_null() {
            let own = self.unnamed.take().ok_or("SIM3: an ack without an id that nobody waits for")?;
            report.unnamed += 1;
            return self.make_true(own, seq, data);
        }
        if let Some(at) = self.turned_down.iter().position(|pending| pending.id == id) {
            self.pending.push(self.turned_down.remove(at));
        }
        let Some(at) = self.pending.iter().position(|pending| pending.id == id) else {
            report.repeated += 1;
            let known = self.acked.get(&id).map(|(seq, _)| *seq);
            return if known == Some(seq) {
                Ok(())
            } else {
                Err(format!("SIM3: {id} was acknowledged at {known:?}, then at {seq}"))
            };
        };
        let pending = self.pending.remove(at);
        let image = (pending.kind == "image:remove").then(|| text(&pending.data["id"]));
        self.acked.insert(id, (seq, image));
        report.acked += 1;
        self.make_true(pending, seq, data)
    }

    /// The client's own edit is the next event of the log, or one that it knows already.
    fn make_true(&mut self, pending: Pending, seq: u64, data: &Value) -> Result<(), String> {
        if seq <= self.replica.seq {
            return Ok(());
        }
        if seq != self.replica.seq + 1 {
            return Err(format!("SIM5: the ack of event {seq} came after event {}", self.replica.seq));
        }
        self.replica.seq = seq;
        let mut own = pending.data;
        if pending.kind == "image:add" && own.get("rotation").is_none() {
            own["rotation"] = json!(0);
        }
        for (name, value) in data["set"].as_object().into_iter().flatten() {
            own[name] = value.clone();
        }
        self.replica.apply(pending.kind, &own)
    }

    fn refused(&mut self, data: &Value, disk: &Disk, report: &mut Report) -> Result<(), String> {
        let code = text(&data["code"]);
        match &*code {
            "forbidden" => report.forbidden += 1,
            "busy" | "storage_full" => report.busy += 1,
            "op_id_reused" => return Err(format!("SIM3: an id that named one edit only is reused: {data}")),
            _ => {}
        }
        let unreadable = matches!(code.as_str(), "bad_message" | "unknown_type");
        // What else it sends without an id cannot be refused while it may edit.
        if let Some(own) = self.unnamed.take_if(|_| data["ref"].is_null() && !unreadable)
            && let Some(truth) = data.get("truth")
        {
            report.truths += 1;
            self.replica.truth(&text(&own.data["id"]), truth)?;
        }
        let known = self.pending.iter().position(|pending| data["ref"] == Value::String(pending.id.clone()));
        if let Some(at) = known {
            let Pending { id, copies, .. } = &self.pending[at];
            if *copies == 1 && disk.has(&self.user, &self.pk, id) {
                return Err(format!("SIM3: {id} is stored, and is refused: {data}"));
            }
            let image = text(&self.pending[at].data["id"]);
            if let Some(truth) = data.get("truth") {
                report.truths += 1;
                self.replica.truth(&image, truth)?;
            }
            match code.as_str() {
                "rate_limited" | "busy" | "storage_full" | "not_joined" => self.pending[at].sent = false,
                _ => self.turned_down.push(self.pending.remove(at)),
            }
        }
        *report.refused.entry(code).or_default() += 1;
        Ok(())
    }
}
