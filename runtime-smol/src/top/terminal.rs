//! The terminal: taken, drawn on, and given back whatever happens. It owns the loop, the signals and the thread that reads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use async_signal::{Signal, Signals};
use ratatui::crossterm::event::{self, Event};
use ratatui::{DefaultTerminal, try_init, try_restore};
use smol::stream::StreamExt as _;

use super::Source;
use super::reading::Reading;
use super::screen::{Screen, Then};
use super::view::View;
use crate::start::reason;

/// Between two readings.
const EVERY: Duration = Duration::from_secs(2);
/// How long keys are waited for before news and signals are looked for.
const LOOK: Duration = Duration::from_millis(100);

/// Shows a server until somebody ends it. A panic gives the terminal back, too: ratatui sees to that.
pub(super) fn show(source: Source, first: Reading) -> Result<(), String> {
    let failed = |error: io::Error| format!("the terminal cannot be used ({}); try --once", reason(&error));
    let signalled = listen()?;
    let mut screen = Screen::new(source.server.clone(), View::since_start(&first));
    let (news, views) = sync_channel(1);
    thread::Builder::new()
        .name("kanvas-top".into())
        .spawn(move || read_on(&source, first, &news))
        .map_err(|error| format!("a thread cannot be started ({})", reason(&error)))?;
    let mut terminal = try_init().map_err(failed)?;
    let ended = go_on(&mut terminal, &mut screen, &views, &signalled);
    let restored = try_restore();
    ended.and(restored).map_err(failed)
}

/// Notes that a signal came: whoever it would end leaves the terminal as it was.
fn listen() -> Result<Arc<AtomicBool>, String> {
    let signals = Signals::new([Signal::Term, Signal::Int, Signal::Hup, Signal::Quit]);
    let mut signals = signals.map_err(|error| format!("signals cannot be received ({})", reason(&error)))?;
    let came = Arc::new(AtomicBool::new(false));
    let told = came.clone();
    let waits = thread::Builder::new().name("kanvas-signals".into()).spawn(move || {
        smol::block_on(signals.next());
        told.store(true, Ordering::Relaxed);
    });
    waits.map(|_| came).map_err(|error| format!("a thread cannot be started ({})", reason(&error)))
}

/// Reads until nobody looks any more.
fn read_on(source: &Source, first: Reading, news: &SyncSender<Result<View, String>>) {
    let mut last = first;
    loop {
        thread::sleep(EVERY);
        let said = source.read().map(|reading| {
            let view = View::between(&last, &reading);
            last = reading;
            view
        });
        if news.send(said).is_err() {
            return;
        }
    }
}

fn go_on(
    terminal: &mut DefaultTerminal,
    screen: &mut Screen,
    views: &Receiver<Result<View, String>>,
    signalled: &AtomicBool,
) -> io::Result<()> {
    loop {
        terminal.draw(|frame| screen.draw(frame))?;
        if event::poll(LOOK)?
            && let Event::Key(key) = event::read()?
            && key.is_press()
            && screen.press(key) == Then::End
        {
            return Ok(());
        }
        match views.try_recv() {
            Ok(news) => screen.take(news),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Err(io::Error::other("the thread that reads has ended")),
        }
        if signalled.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
}
