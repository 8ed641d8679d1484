//! How a connection ends, in the bytes that its client gets. It decides nothing.

use kanvas_core::{Close, End};

use crate::frames::Broken;

/// How a connection ends, as its host decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// By the room's word, which has said why.
    Room(Close),
    /// An error event, then a close frame.
    Told(Close),
    /// The same to one who does not read: what waits is dropped.
    Slow(Close),
    /// The same to one whose room is on its way to another host, and who may come again after so many ms.
    Away(u64),
    /// A close frame of the frame layer.
    Frame(u16, &'static str),
    /// The client's own close frame, given back.
    Echo(Option<(u16, String)>),
    /// The socket has gone.
    Gone,
}

impl Parting {
    /// Wrong use of WebSocket itself.
    pub(crate) const BROKEN: Parting = Parting::Frame(1002, "protocol error");
    pub(crate) const BINARY: Parting = Parting::Frame(1003, "text only");
    pub(crate) const NO_UTF8: Parting = Parting::Frame(1007, "not UTF-8");
    pub(crate) const FRAGMENTS: Parting = Parting::Frame(1008, "too many fragments");
    pub(crate) const TOO_LONG: Parting = Parting::Frame(1009, "message too long");
    pub(crate) const MISUSES: [Parting; 5] =
        [Parting::BROKEN, Parting::BINARY, Parting::NO_UTF8, Parting::FRAGMENTS, Parting::TOO_LONG];

    /// What a client is told of what cannot be read.
    pub(crate) fn of_broken(broken: Broken) -> Parting {
        match broken {
            Broken::Protocol => Parting::BROKEN,
            Broken::Utf8 => Parting::NO_UTF8,
            Broken::TooLong => Parting::TOO_LONG,
            Broken::Fragments => Parting::FRAGMENTS,
            Broken::Control => Parting::Told(Close::RateLimited),
        }
    }

    /// Every code and reason that there is to count.
    pub(crate) fn labels() -> impl Iterator<Item = (u16, &'static str)> {
        let echoes = [Some(1000), Some(1001), Some(4000), None];
        let echoes = echoes.map(|code: Option<u16>| Parting::Echo(code.map(|code| (code, String::new()))));
        let ours = Parting::MISUSES.into_iter().chain([Parting::Gone]);
        let all = ours.chain(echoes).chain(Close::ALL.iter().copied().map(Parting::Told));
        all.map(|parting| parting.label())
    }

    /// The code and the reason that it is counted under. What a client chose of its own is one code, 0: it may be any.
    pub(crate) fn label(&self) -> (u16, &'static str) {
        match self {
            Parting::Room(close) | Parting::Told(close) | Parting::Slow(close) => (close.code(), close.reason()),
            Parting::Away(_) => (Close::Restart.code(), Close::Restart.reason()),
            Parting::Frame(code, reason) => (*code, reason),
            Parting::Echo(Some((code @ (1000 | 1001), _))) => (*code, "client"),
            Parting::Echo(Some(_)) => (0, "client"),
            Parting::Echo(None) => (1005, "client"),
            Parting::Gone => (1006, "lost"),
        }
    }

    /// What the room is told.
    pub(crate) fn end(&self) -> End {
        match self {
            Parting::Echo(_) => End::Closed,
            Parting::Room(_)
            | Parting::Told(_)
            | Parting::Slow(_)
            | Parting::Away(_)
            | Parting::Frame(..)
            | Parting::Gone => End::Lost,
        }
    }

    /// The `error` event before the close frame. `c0` is nobody: the host does not know the client's id.
    pub(crate) fn event(&self) -> Option<String> {
        let (close, wait) = match self {
            Parting::Told(close) | Parting::Slow(close) => (*close, String::new()),
            Parting::Away(millis) => (Close::Restart, format!(r#""retryAfterMs":{millis},"#)),
            Parting::Room(_) | Parting::Frame(..) | Parting::Echo(_) | Parting::Gone => return None,
        };
        let (code, message) = (close.reason(), close.message());
        Some(format!(
            r#"{{"type":"error","data":{{"code":"{code}","ref":null,{wait}"message":"{message}"}},"clientId":"c0"}}"#
        ))
    }

    /// The payload of the close frame.
    pub(crate) fn close_frame(&self) -> Option<Vec<u8>> {
        match self {
            Parting::Room(close) | Parting::Told(close) | Parting::Slow(close) => {
                Some(payload(close.code(), close.reason()))
            }
            Parting::Away(_) => Some(payload(Close::Restart.code(), Close::Restart.reason())),
            Parting::Frame(code, reason) => Some(payload(*code, reason)),
            Parting::Echo(Some((code, reason))) => Some(payload(*code, reason)),
            Parting::Echo(None) => Some(Vec::new()),
            Parting::Gone => None,
        }
    }
}

/// Our own reasons are short, and a client's fitted in its frame, so this is never over the 125 bytes of a control
/// frame.
fn payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}
