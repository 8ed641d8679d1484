//! What is asked for when somebody looks, as metrics.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use kanvas_core::{Code, Heard, MessageKind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::process::Process;
use super::tally::{Report, Said};

/// What waits elsewhere, and what there is in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Depths {
    /// Connections of any kind.
    pub(crate) connections: u64,
    /// As many as there may be.
    pub(crate) most_connections: u64,
    /// Requests that wait for the thread that writes.
    pub(crate) storage: u64,
    /// What waits at the doors of all host threads.
    pub(crate) hosts: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pulled(Mutex<(Report, Depths)>);

impl Pulled {
    pub(super) fn take(&self, report: Report, depths: Depths) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (report, depths);
    }
}

impl Collector for Pulled {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (report, depths) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut page = Page(encoder);
        page.info()?;
        page.numbers(&report, &depths)?;
        page.messages(&report)?;
        page.by(
            "errors",
            "Refusals that rooms told clients, by code.",
            None,
            "code",
            Code::ALL.iter().map(|code| code.as_str()).zip(report.stats.refused),
        )
    }
}

/// The process, under the names that every program has for it.
#[derive(Debug)]
pub(super) struct OfProcess;

impl Collector for OfProcess {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        Page(encoder).process(&Process::now())
    }
}

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn info(&mut self) -> fmt::Result {
        let mut build =
            self.0.encode_descriptor("build", "Which version of Kanvas this is.", None, MetricType::Info)?;
        build.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }

    fn numbers(&mut self, report: &Report, depths: &Depths) -> fmt::Result {
        let stats = &report.stats;
        self.gauge("connections", "Connections of any kind that are open.", None, depths.connections)?;
        let help = "Connections that there may be.";
        self.gauge("connections_max", help, None, depths.most_connections)?;
        self.gauge("sockets", "WebSockets that are open.", None, report.sockets)?;
        self.gauge("sockets_slow", "WebSockets that cursors are kept from, as they do not read.", None, report.slow)?;
        self.gauge("people", "People who are in a room, of all rooms.", None, report.people)?;
        self.gauge("rooms", "Rooms that are loaded.", None, report.rooms)?;
        self.gauge("timers", "Moments that rooms wait for.", None, report.timers)?;
        let help = "What waits to be written to WebSockets.";
        self.gauge("send_queue", help, Some(&Unit::Bytes), report.waiting_bytes)?;
        self.gauge("storage_queue_requests", "Requests that wait to be written to disk.", None, depths.storage)?;
        self.gauge("host_queue_visitors", "What waits at the doors of the host threads.", None, depths.hosts)?;
        self.counter("edits", "Events that were stored.", None, stats.edits)?;
        self.counter("edits_repeated", "Edits that came again and were answered alone.", None, stats.repeated)?;
        let help = "Cursors, views and drags that a newer one replaced before they were told.";
        self.counter("coalesced", help, None, stats.coalesced)?;
        let help = "Cursors, views and drags that were kept from WebSockets which do not read, by all of these.";
        self.counter("shed", help, None, stats.shed)?;
        self.counter("sessions_resumed", "Sessions that a client took back.", None, stats.resumed)?;
        let help = "Times that a room went back to what storage has.";
        self.counter("rooms_returned", help, None, stats.returns)
    }

    fn messages(&mut self, report: &Report) -> fmt::Result {
        let heard = || MessageKind::ALL.iter().map(|kind| kind.as_str()).zip(report.stats.heard);
        let told = || report.tally.said().map(|(kind, said)| (kind.as_str(), said));
        let help = "Messages that rooms heard (in), and said once each, whoever hears them (out).";
        let counts = heard().map(|(kind, Heard { messages, .. })| ("in", kind, messages));
        self.by_direction(
            "messages",
            help,
            None,
            counts.chain(told().map(|(kind, Said { frames, .. })| ("out", kind, frames))),
        )?;
        let help = "What these messages were, out by all who got them, without the heads of frames.";
        let bytes = heard().map(|(kind, Heard { bytes, .. })| ("in", kind, bytes));
        let all = bytes.chain(told().map(|(kind, Said { bytes, .. })| ("out", kind, bytes)));
        self.by_direction("message", help, Some(&Unit::Bytes), all)?;
        let help = "Messages by all who got them.";
        self.by("deliveries", help, None, "kind", told().map(|(kind, Said { deliveries, .. })| (kind, deliveries)))
    }

    fn by_direction<'l>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        counts: impl Iterator<Item = (&'l str, &'l str, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for (direction, kind, count) in counts {
            let labels = [("direction", direction), ("kind", kind)];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn by<'l>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        label: &str,
        counts: impl Iterator<Item = (&'l str, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for (value, count) in counts {
            metric.encode_family(&[(label, value)])?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: impl EncodeCounterValue) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn gauge(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: impl EncodeGaugeValue) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn process(&mut self, process: &Process) -> fmt::Result {
        let Process { resident_bytes, cpu_seconds, open_files, most_files, started } = process;
        let bytes = Some(&Unit::Bytes);
        self.gauge("process_resident_memory", "Memory of the process that is in RAM.", bytes, *resident_bytes)?;
        let help = "Time of the processor that the process has taken.";
        self.counter("process_cpu", help, Some(&Unit::Seconds), *cpu_seconds)?;
        self.gauge("process_open_fds", "Files and sockets that are open.", None, *open_files)?;
        self.gauge("process_max_fds", "Files and sockets that may be open.", None, *most_files)?;
        self.gauge(
            "process_start_time",
            "When the process began, by the clock of the machine.",
            Some(&Unit::Seconds),
            *started,
        )
    }
}
