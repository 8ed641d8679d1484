//! The reference of close codes, as a page. The codes and their words come from the declarations; what to do is said here.

use std::fmt::Write as _;

use kanvas_core::Close;

use crate::parting::Parting;

/// What `kanvas reference close-codes` prints, and `docs/reference/close-codes.md` holds.
pub(super) fn page() -> String {
    let mut text = String::from(
        "# Close codes\n\n\
         <!-- Made by `kanvas reference close-codes`. -->\n\n\
         Before a close comes an `error` event with the reason as its code and the message, since browsers do not show why a socket was\n\
         closed. The hundreds of the code tell a client whether to come back. When each of them comes is in [the\n\
         protocol](../protocol.md#closes), how often it came in `kanvas_closes_total` of [the metrics](metrics.md).\n\n\
         ## Of Kanvas\n\n\
         | close | reason | message | come back | what to do |\n\
         |---|---|---|---|---|\n",
    );
    for close in Close::ALL {
        let (code, reason, message) = (close.code(), close.reason(), close.message());
        let _ = writeln!(text, "| {code} | `{reason}` | {message} | {} | {} |", again(code), cure(*close));
    }
    text.push_str(
        "\n## Of WebSocket\n\n\
         Wrong use of WebSocket itself is closed without an event before it.\n\n\
         | close | reason | what to do |\n\
         |---|---|---|\n",
    );
    for misuse in Parting::MISUSES {
        let (code, reason) = misuse.label();
        let _ = writeln!(text, "| {code} | `{reason}` | {} |", mend(code));
    }
    text.push_str(
        "\n## In the metrics alone\n\n\
         | close | reason | what it means |\n\
         |---|---|---|\n\
         | 1000, 1001 | `client` | the client closed, as one does that leaves |\n\
         | 1005 | `client` | the client closed without a code |\n\
         | 1006 | `lost` | the connection ended without a close: a network that went, a killed page |\n\
         | 0 | `client` | the client closed with a code of its own |\n",
    );
    text
}

/// Whether a client comes back by itself.
fn again(code: u16) -> &'static str {
    match code {
        1000..=1013 => "after `retryAfterMs`",
        4100..=4199 => "with new credentials",
        4200..=4299 => "after a growing pause",
        _ => "no",
    }
}

fn cure(close: Close) -> &'static str {
    match close {
        Close::Shutdown => "nothing; this server says `restart`",
        Close::Restart => "nothing; if it comes without a restart of yours, read the log",
        Close::Overloaded => "raise `max-rooms`, or move rooms to another server",
        Close::TokenExpired => "get a fresh token, past every cache; compare the clocks",
        Close::TokenRequired => "sign in, and send the token in the query or the header",
        Close::SlowConsumer => "look at the client's network and its work for each message; ask for batches",
        Close::RateLimited => "close sockets that are left open; mend what sends what is refused; `user-connections`",
        Close::Resync => "nothing; the client starts with a fresh state",
        Close::Timeout => "join within 10 s; give proxies more silence than `ping-every`",
        Close::Unavailable => "look at `/readyz`, the log and the disk",
        Close::Forbidden => "ask an owner for a role or a link",
        Close::NotFound => "check the name; sign in to begin the room",
        Close::Kicked => "come again when it is wanted",
        Close::Banned => "an owner lifts it by giving the role `none`",
        Close::RoomFull => "wait for a place, or raise `room-connections`",
        Close::RoomClosed => "leave the page; the room is deleted",
        Close::BadProtocol => "update the client; the `error` events before it say what could not be read",
        Close::TokenInvalid => "compare the keys, the issuer, the audience and the authorized parties with the app's",
    }
}

/// What to do about wrong use of WebSocket itself.
fn mend(code: u16) -> &'static str {
    match code {
        1002 => "mend the client or the proxy: a frame is broken",
        1003 => "send text, never binary",
        1007 => "send UTF-8",
        1008 => "send a message in one frame, or at most 64",
        1009 => "send at most 64 KiB in a message; upload files over HTTP",
        _ => "",
    }
}
