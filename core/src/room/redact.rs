//! The room with names, texts and secrets rewritten, for recordings.

use super::Room;
use crate::recording::Redaction;

impl Room {
    pub(crate) fn redact(&mut self, with: &Redaction) {
        if let Some(record) = &mut self.record {
            record.name = with.text(&record.name);
            with.maybe(&mut record.creator_name);
        }
        self.people.redact(with);
        self.images.redact(with);
        self.chat.redact(with);
        self.drags.redact(with);
        self.log.redact(with);
        self.dedupe.redact(with);
        self.journal.redact(with);
        self.announcing.redact(with);
        self.snapshots.clear();
    }
}
