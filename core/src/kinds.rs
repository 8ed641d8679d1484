//! What messages and frames are about, for those who count them: few enough to be labels, and known without reading.

use crate::outbox::Lane;
use crate::wire::{Decoded, Edit, Event, Request};

/// What a client's message asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// To be let in, or to go.
    Join,
    /// Whether anybody is there.
    Ping,
    /// A fresh token.
    Token,
    /// What a person says of themself.
    Profile,
    /// Where a pointer is.
    Cursor,
    /// What part of the canvas is seen.
    Viewport,
    /// An image on its way: not stored.
    Drag,
    /// An image that is added, changed or removed.
    Edit,
    /// Something said.
    Chat,
    /// The room itself, or who may do what in it.
    Room,
    /// Nothing that can be understood.
    Unread,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: &'static [MessageKind] = &[
        MessageKind::Join,
        MessageKind::Ping,
        MessageKind::Token,
        MessageKind::Profile,
        MessageKind::Cursor,
        MessageKind::Viewport,
        MessageKind::Drag,
        MessageKind::Edit,
        MessageKind::Chat,
        MessageKind::Room,
        MessageKind::Unread,
    ];

    /// As a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            MessageKind::Join => "join",
            MessageKind::Ping => "ping",
            MessageKind::Token => "token",
            MessageKind::Profile => "profile",
            MessageKind::Cursor => "cursor",
            MessageKind::Viewport => "viewport",
            MessageKind::Drag => "drag",
            MessageKind::Edit => "edit",
            MessageKind::Chat => "chat",
            MessageKind::Room => "room",
            MessageKind::Unread => "unread",
        }
    }

    pub(crate) fn of(decoded: &Decoded) -> MessageKind {
        match &decoded.request {
            Ok(Request::Join(_) | Request::Leave) => MessageKind::Join,
            Ok(Request::Ping) => MessageKind::Ping,
            Ok(Request::Refresh { .. }) => MessageKind::Token,
            Ok(Request::Update(_)) => MessageKind::Profile,
            Ok(Request::Cursor(_)) => MessageKind::Cursor,
            Ok(Request::Viewport(_)) => MessageKind::Viewport,
            Ok(Request::Drag { .. }) => MessageKind::Drag,
            Ok(Request::Edit(edit)) => match **edit {
                Edit::Add(_) | Edit::Change { .. } | Edit::Remove { .. } => MessageKind::Edit,
                Edit::Chat { .. } => MessageKind::Chat,
                Edit::Room(_) | Edit::SetRole { .. } | Edit::Kick { .. } | Edit::Ban { .. } => MessageKind::Room,
            },
            Err(_) => MessageKind::Unread,
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// What a frame tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Where pointers are.
    Cursor,
    /// What part of the canvas somebody sees.
    Viewport,
    /// An image on its way.
    Drag,
    /// Who came, went, or is called otherwise.
    People,
    /// What was stored, and what is told in its order.
    Stored,
    /// The room as it is, for one who comes.
    Snapshot,
    /// What one person asked for: acks, refusals, pongs, last words.
    Answer,
    /// The list of rooms.
    List,
}

impl FrameKind {
    /// Every kind.
    pub const ALL: &'static [FrameKind] = &[
        FrameKind::Cursor,
        FrameKind::Viewport,
        FrameKind::Drag,
        FrameKind::People,
        FrameKind::Stored,
        FrameKind::Snapshot,
        FrameKind::Answer,
        FrameKind::List,
    ];

    pub(crate) const fn of(event: &Event<'_>) -> FrameKind {
        match event {
            Event::Cursor { .. } => FrameKind::Cursor,
            Event::Viewport { .. } => FrameKind::Viewport,
            Event::Dragged { .. } => FrameKind::Drag,
            Event::UserJoined(_) | Event::UserUpdated(_) | Event::UserLeft { .. } | Event::UserList(_) => {
                FrameKind::People
            }
            Event::Stored { .. } | Event::Settled { .. } | Event::Published { .. } => FrameKind::Stored,
            Event::Joined { .. } => FrameKind::Snapshot,
            Event::Left { .. } | Event::Ack { .. } | Event::Expiring { .. } | Event::Error(_) | Event::Pong => {
                FrameKind::Answer
            }
        }
    }

    /// As a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            FrameKind::Cursor => "cursor",
            FrameKind::Viewport => "viewport",
            FrameKind::Drag => "drag",
            FrameKind::People => "people",
            FrameKind::Stored => "stored",
            FrameKind::Snapshot => "snapshot",
            FrameKind::Answer => "answer",
            FrameKind::List => "list",
        }
    }

    /// Whether a later frame makes up for one of these.
    pub const fn lane(self) -> Lane {
        match self {
            FrameKind::Cursor | FrameKind::Viewport | FrameKind::Drag => Lane::Latest,
            FrameKind::People | FrameKind::Stored | FrameKind::Snapshot | FrameKind::Answer | FrameKind::List => {
                Lane::Ordered
            }
        }
    }

    /// Its place in [`ALL`](FrameKind::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }
}
