//! `/metrics`: what the server counts, for programs that watch over it. It owns who may ask, and asks the threads; what
//! is counted is `meters`'.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use smol::Timer;
use smol::channel::bounded;
use smol::future::FutureExt as _;

use crate::api;
use crate::auth::AuthMode;
use crate::door::Door;
use crate::host::Visitor;
use crate::http::{Answer, data, problem};
use crate::meters::{CONTENT_TYPE, Depths, Report};
use crate::server::Server;

/// How long all threads together may take to answer.
const TIME: Duration = Duration::from_secs(2);

pub(crate) async fn answer(server: &Server, door: Door, headers: &HeaderMap) -> Answer {
    // A development server has none but this machine to answer.
    if (server.admin.is_some() || server.edge.mode != AuthMode::Dev)
        && let Err(answer) = api::admit(server, door, headers)
    {
        return *answer;
    }
    let Some(report) = measure(server).await else {
        let message = "A thread of the server does not answer; what it counted cannot be told.";
        return problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
    };
    let waiting = server.hosts.iter().chain([&server.lister]).map(|door| door.len() as u64).sum();
    let depths = Depths {
        connections: server.gate.open().into(),
        most_connections: server.gate.most().into(),
        storage: server.store.waiting() as u64,
        hosts: waiting,
    };
    match server.meters.write(report, depths) {
        Ok(written) => data(StatusCode::OK, CONTENT_TYPE, written.into()),
        Err(error) => {
            tracing::error!("the metrics cannot be written: {error}");
            problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The metrics cannot be written.")
        }
    }
}

/// What all host threads have counted; `None` if one does not answer.
pub(crate) async fn measure(server: &Server) -> Option<Report> {
    let late = async {
        Timer::after(TIME).await;
        None
    };
    gather(server).or(late).await
}

/// The same, however long it takes; `None` if one has gone.
async fn gather(server: &Server) -> Option<Report> {
    let doors = || server.hosts.iter().chain([&server.lister]);
    let (reply, reports) = bounded(doors().count());
    for door in doors() {
        door.send(Visitor::Measure(reply.clone())).await.ok()?;
    }
    let mut all = Report::default();
    for _ in doors() {
        all.add(&reports.recv().await.ok()?);
    }
    Some(all)
}
