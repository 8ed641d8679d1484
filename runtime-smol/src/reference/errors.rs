//! The reference of what is refused, as a page. The codes and their words come from the declarations; when each comes and
//! what to do about it is said here.

use std::fmt::Write as _;

use kanvas_core::{Code, backend};

/// A code that only plain requests are answered with.
struct Plain {
    code: &'static str,
    statuses: &'static str,
    when: &'static str,
    cure: &'static str,
}

/// What `kanvas reference errors` prints, and `docs/reference/errors.md` holds.
pub(super) fn page() -> String {
    let mut text = String::from(
        "# Error codes\n\n\
         <!-- Made by `kanvas reference errors`. -->\n\n\
         Programs look at the code; the message is for a person and never repeats what was sent. [The protocol](../protocol.md#errors-and-closes)\n\
         tells how an error comes over a socket, [the API](../api.md) how over HTTP. What ends a socket is in [close\n\
         codes](close-codes.md).\n\n\
         ## In a room\n\n\
         Over a socket it is the `code` of an `error` event: the socket stays open, and nothing of the message was done. A plain request\n\
         that a room refuses is answered with the status, and with the code as the `error` of the JSON.\n\n\
         | code | status | message | when | what to do |\n\
         |---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let ((when, cure), status) = (of(*code), backend::status_of(*code));
        let _ = writeln!(text, "| `{}` | {status} | {} | {when} | {cure} |", code.as_str(), code.message());
    }
    text.push_str(
        "\n## Of plain requests\n\n\
         These come over HTTP alone, as the `error` of the JSON. The reasons of [close codes](close-codes.md) are such words, too:\n\
         `token_expired`, `token_required` and `token_invalid` with 401, `forbidden` with 403, `unavailable` and `restart` with 503.\n\n\
         | code | status | when | what to do |\n\
         |---|---|---|---|\n",
    );
    for Plain { code, statuses, when, cure } in PLAIN {
        let _ = writeln!(text, "| `{code}` | {statuses} | {when} | {cure} |");
    }
    text
}

/// Whether the page has this word for an answer.
pub(crate) fn is_listed(word: &str) -> bool {
    Code::ALL.iter().any(|code| code.as_str() == word)
        || kanvas_core::Close::ALL.iter().any(|close| close.reason() == word)
        || PLAIN.iter().any(|plain| plain.code == word)
}

/// When a code comes, and what to do about it.
fn of(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::BadMessage => (
            "not one JSON object of the right shape, a key twice, or nesting deeper than 16 levels",
            "mend the client; ten of these in 10 s close the socket with 4509",
        ),
        Code::UnknownType => ("a `type` that this version does not know", "leave it out, or update the server"),
        Code::TooMany => ("over a bound on lists, fields, drags, roles, bans or links", "send fewer at once"),
        Code::OutOfRange => ("a number outside its bounds", "clamp it before it is sent"),
        Code::TooLong => ("a text or an address over its bound", "shorten it"),
        Code::Empty => ("a text with nothing to show, a change that names nothing, or an empty file", "send something"),
        Code::BadUrl => ("an address that an image or avatar may not have", "use https, or upload the file"),
        Code::BadSeq => ("not sent today", "nothing"),
        Code::OpIdReused => ("the `id` names another edit already", "make a new id for each edit"),
        Code::NotJoined => ("a message before `user:join`", "join first"),
        Code::AlreadyJoined => ("a second `user:join` on one socket", "join once; another room is another socket"),
        Code::NotFound => ("no such image, person, link, room or address", "take it out of what you show"),
        Code::Forbidden => ("the role does not allow it, or a page asked where none may", "ask an owner for a role"),
        Code::Locked => ("only owners edit the room now", "wait, or ask an owner to unlock it"),
        Code::Conflict => {
            ("it contradicts what is there, such as a second image of one id", "show the `truth`, then decide anew")
        }
        Code::RateLimited => {
            ("too many edits, messages, or bytes of files in a day", "send again after `retryAfterMs` or `Retry-After`")
        }
        Code::LimitImages => ("the room has its most images or bytes", "remove images, or raise `room-images`"),
        Code::LimitRooms => ("the person has begun the most rooms of this hour", "wait, or raise `new-rooms`"),
        Code::Busy => (
            "storage is behind, a token is being checked, or too many files arrive",
            "send again shortly; if it lasts, look at the disk",
        ),
        Code::ReadOnly => ("not sent today", "nothing"),
        Code::StorageFull => (
            "the disk, or the room for files, is full",
            "free space, or raise `asset-total-bytes`; rooms can be read meanwhile",
        ),
        Code::Internal => ("a fault of the server's", "send again; report what the log says"),
    }
}

const PLAIN: &[Plain] = &[
    Plain {
        code: "api_off",
        statuses: "403",
        when: "`/api` or `/metrics` without the setting `admin-secret`",
        cure: "set it",
    },
    Plain {
        code: "bad_body",
        statuses: "400",
        when: "a body that should not be there, is not whole, or is not what the address takes",
        cure: "do what the message says",
    },
    Plain {
        code: "bad_cursor",
        statuses: "400",
        when: "a page of the list of rooms was asked for that none led to",
        cure: "begin anew without `cursor`",
    },
    Plain {
        code: "bad_host",
        statuses: "400",
        when: "no `Host`, several, or one that is no host",
        cure: "have the proxy pass `Host` on",
    },
    Plain { code: "bad_limit", statuses: "400", when: "a page of more than 100 rooms, or none", cure: "send 1 to 100" },
    Plain {
        code: "bad_method",
        statuses: "405",
        when: "a method that the address has not",
        cure: "take one of `Allow`",
    },
    Plain {
        code: "bad_origin",
        statuses: "400",
        when: "several `Origin` headers",
        cure: "mend the client or the proxy",
    },
    Plain { code: "bad_q", statuses: "400", when: "a search text of more than 128 bytes", cure: "shorten it" },
    Plain { code: "bad_query", statuses: "400", when: "a query that cannot be", cure: "do what the message says" },
    Plain {
        code: "bad_request",
        statuses: "400",
        when: "no HTTP/1.1",
        cure: "speak HTTP/1.1; see that TLS and plain HTTP are not mixed up",
    },
    Plain {
        code: "bad_room",
        statuses: "400",
        when: "a room's name that is not 1 to 64 letters, digits, hyphens and underscores",
        cure: "choose another name",
    },
    Plain {
        code: "bad_sort",
        statuses: "400",
        when: "an order of rooms that there is not",
        cure: "sort by `activity`, `created`, `users` or `name`",
    },
    Plain {
        code: "bad_upgrade",
        statuses: "400, 405, 426",
        when: "a socket's address was asked without a right WebSocket upgrade",
        cure: "have the proxy pass `Upgrade` and `Connection` on, over HTTP/1.1",
    },
    Plain {
        code: "bad_user",
        statuses: "400",
        when: "a user's id that cannot be",
        cure: "use the id that tokens have as `sub`",
    },
    Plain {
        code: "misdirected",
        statuses: "421",
        when: "a development server was asked by another name than `localhost`, or through a proxy",
        cure: "set up sign-in, or ask by `localhost`",
    },
    Plain { code: "no_image", statuses: "409", when: "no such image in the room", cure: "ask for the canvas again" },
    Plain { code: "off", statuses: "403", when: "`/dashboard` without the setting `admin-secret`", cure: "set it" },
    Plain {
        code: "timeout",
        statuses: "408",
        when: "the head or the body came too slowly",
        cure: "send again; a proxy should send a body only once it has it",
    },
    Plain {
        code: "too_large",
        statuses: "413",
        when: "a body over its bound",
        cure: "make it smaller; for files raise `asset-bytes`, in the proxy, too",
    },
    Plain {
        code: "unauthorized",
        statuses: "401",
        when: "the admin secret is missing or wrong",
        cure: "send `Authorization: Bearer` and the secret",
    },
    Plain {
        code: "unsupported",
        statuses: "415",
        when: "a file that is no image of a kind that is taken, or a body that does not say that it is JSON",
        cure: "send PNG, JPEG, WebP, GIF or AVIF, or `Content-Type: application/json`",
    },
];
