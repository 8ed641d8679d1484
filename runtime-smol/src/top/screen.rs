//! How a view stands on a screen of any size, and what keys do. It knows no terminal: it draws into a frame.

use std::collections::{BTreeMap, VecDeque};

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::view::{Group, Row, View};

/// What a box needs to be read.
const COLUMN: u16 = 42;
/// The most values of a curve.
const TREND: usize = 24;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const FOOTER: &str = " q end   Tab next box   arrows move   ? help";
const HELP: [&str; 12] = [
    "q, Esc, Ctrl-C   end",
    "Tab, right       the next box",
    "left             the box before",
    "up, down         move in a box that is cut",
    "?                this, and away with it",
    "",
    "Counts are a second, between the last two",
    "readings; times are of what was done then.",
    "Messages out are said once, deliveries are",
    "what all who hear them got.",
    "A curve goes from its least to its most.",
    "What was never counted has no line.",
];

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    End,
    Next,
    Previous,
    Up,
    Down,
    Explain,
}

const KEYS: [(KeyCode, Act); 9] = [
    (KeyCode::Char('q'), Act::End),
    (KeyCode::Esc, Act::End),
    (KeyCode::Tab, Act::Next),
    (KeyCode::Right, Act::Next),
    (KeyCode::BackTab, Act::Previous),
    (KeyCode::Left, Act::Previous),
    (KeyCode::Up, Act::Up),
    (KeyCode::Down, Act::Down),
    (KeyCode::Char('?'), Act::Explain),
];

/// Whether it goes on after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Stay,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Help {
    Shown,
    Hidden,
}

/// See the module.
pub(super) struct Screen {
    server: String,
    view: View,
    /// By box and line, what curves are drawn of.
    trends: BTreeMap<(&'static str, String), VecDeque<f64>>,
    /// The box that the arrows move in, of those that are shown, and by how many lines.
    focus: usize,
    offset: usize,
    help: Help,
    /// Why there is no newer reading.
    trouble: Option<String>,
}

impl Screen {
    pub(super) fn new(server: String, view: View) -> Screen {
        let trends = BTreeMap::new();
        Screen { server, view, trends, focus: 0, offset: 0, help: Help::Hidden, trouble: None }
    }

    /// Shows a newer reading, or why there is none.
    pub(super) fn take(&mut self, news: Result<View, String>) {
        let view = match news {
            Ok(view) => view,
            Err(why) => return self.trouble = Some(why),
        };
        for group in &view.boxes {
            for Row { name, trend, value: _ } in &group.rows {
                let curve = self.trends.entry((group.title, name.clone())).or_default();
                curve.extend(trend);
                curve.drain(..curve.len().saturating_sub(TREND));
            }
        }
        (self.view, self.trouble) = (view, None);
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Then {
        let is_interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        let boxes = self.shown().len().max(1);
        let act = KEYS.iter().find(|(code, _)| *code == key.code).map(|(_, act)| *act);
        match act.or(is_interrupt.then_some(Act::End)) {
            Some(Act::End) => return Then::End,
            Some(Act::Next) => (self.focus, self.offset) = ((self.focus + 1) % boxes, 0),
            Some(Act::Previous) => (self.focus, self.offset) = ((self.focus + boxes - 1) % boxes, 0),
            Some(Act::Up) => self.offset = self.offset.saturating_sub(1),
            Some(Act::Down) => {
                let rows = self.shown().get(self.focus).map_or(0, |group| group.rows.len());
                self.offset = (self.offset + 1).min(rows.saturating_sub(1));
            }
            Some(Act::Explain) => {
                self.help = match self.help {
                    Help::Shown => Help::Hidden,
                    Help::Hidden => Help::Shown,
                }
            }
            None => {}
        }
        Then::Stay
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let area = frame.area();
        let line = |y: u16| Rect { y, height: 1, ..area }.intersection(area);
        let head = format!(" Kanvas {} at {}", self.view.version, self.server);
        frame.render_widget(Paragraph::new(head).bold(), line(area.y));
        let body = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
        let shown = self.shown();
        for (no, place) in places(&shown, self.focus, body) {
            if let Some(group) = shown.get(no) {
                self.draw_box(frame, group, no == self.focus, place);
            }
        }
        let foot = match &self.trouble {
            Some(why) => Line::from(format!(" {why}; the last reading is shown")).fg(Color::Red),
            None => Line::from(FOOTER).fg(Color::DarkGray),
        };
        if area.height > 1 {
            frame.render_widget(foot, line(area.bottom() - 1));
        }
        match self.help {
            Help::Shown => explain(frame, body),
            Help::Hidden => {}
        }
    }

    fn shown(&self) -> Vec<&Group> {
        self.view.boxes.iter().filter(|group| !group.rows.is_empty()).collect()
    }

    fn draw_box(&self, frame: &mut Frame<'_>, group: &Group, is_focused: bool, place: Rect) {
        let edge = if is_focused { Style::new().fg(Color::Cyan) } else { Style::new().fg(Color::DarkGray) };
        let room = usize::from(place.height.saturating_sub(2));
        let offset = if is_focused { self.offset.min(group.rows.len().saturating_sub(room)) } else { 0 };
        let hidden = group.rows.len().saturating_sub(offset + room);
        let block = Block::bordered().border_style(edge).title(format!(" {} ", group.title));
        let block = if hidden > 0 { block.title_bottom(format!(" {hidden} more ")) } else { block };
        let width = usize::from(place.width.saturating_sub(2));
        let rows = group.rows.iter().skip(offset).take(room);
        let lines: Vec<_> = rows.map(|row| self.line(group.title, row, width)).collect();
        frame.render_widget(Paragraph::new(lines).block(block), place);
    }

    /// The name, the curve if there is room for one, the value at the right.
    fn line(&self, title: &'static str, row: &Row, width: usize) -> Line<'static> {
        let value = row.value.chars().count();
        let name: String = row.name.chars().take(width.saturating_sub(value + 1)).collect();
        let free = width.saturating_sub(name.chars().count() + value);
        let trend = self.trends.get(&(title, row.name.clone()));
        let curve = trend.map(|trend| curve(trend, free.saturating_sub(2).min(TREND))).unwrap_or_default();
        let gap = " ".repeat(free.saturating_sub(curve.chars().count() + 1));
        let tail = if free > 0 { " " } else { "" };
        Line::from(vec![
            Span::raw(name + &gap),
            Span::raw(curve).fg(Color::Green),
            Span::raw(format!("{tail}{}", row.value)).bold(),
        ])
    }
}

/// The last values as bars from the least to the most.
fn curve(values: &VecDeque<f64>, width: usize) -> String {
    let values: Vec<f64> = values.iter().skip(values.len().saturating_sub(width)).copied().collect();
    let (least, most) =
        values.iter().fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(*value), most.max(*value)));
    let bar = |value: f64| {
        let step = if most > least { (value - least) / (most - least) * 7.0 } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 7")]
        BARS.get(step.round() as usize).copied().unwrap_or(' ')
    };
    values.iter().map(|value| bar(*value)).collect()
}

/// Where each box stands. The one in focus is shown as whole as it can be, wherever that leaves the others.
fn places(shown: &[&Group], focus: usize, body: Rect) -> Vec<(usize, Rect)> {
    let columns = usize::from((body.width / COLUMN).clamp(1, 3));
    let want = |group: &Group| u16::try_from(group.rows.len()).unwrap_or(u16::MAX).saturating_add(2);
    let mut stacks: Vec<(u16, Vec<usize>)> = vec![(0, Vec::new()); columns];
    for (no, group) in shown.iter().enumerate() {
        if let Some(stack) = stacks.iter_mut().min_by_key(|stack| stack.0) {
            stack.0 = stack.0.saturating_add(want(group));
            stack.1.push(no);
        }
    }
    let width = body.width / u16::try_from(columns).unwrap_or(1);
    let mut places = Vec::new();
    for ((_, stack), x) in stacks.iter().zip((body.x..).step_by(usize::from(width.max(1)))) {
        let focused =
            shown.get(focus).filter(|_| stack.contains(&focus)).map_or(0, |group| want(group).min(body.height));
        let mut left = body.height - focused;
        let mut y = body.y;
        for no in stack {
            let height = match shown.get(*no) {
                Some(_) if *no == focus => focused,
                Some(group) => want(group).min(left),
                None => 0,
            };
            if *no != focus {
                left -= height;
            }
            // A box without a line between its edges says nothing.
            if height > 2 {
                places.push((*no, Rect { x, y, width, height }));
            }
            y += height;
        }
    }
    places
}

fn explain(frame: &mut Frame<'_>, body: Rect) {
    let lines = u16::try_from(HELP.len()).unwrap_or(u16::MAX);
    let (width, height) = (46.min(body.width), lines.saturating_add(2).min(body.height));
    let (x, y) = (body.x + (body.width - width) / 2, body.y + (body.height - height) / 2);
    let place = Rect { x, y, width, height };
    frame.render_widget(Clear, place);
    let lines: Vec<_> = HELP.iter().map(|line| Line::from(format!(" {line}"))).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" help ")), place);
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::reading::Reading;
    use super::super::reading::tests::page;
    use super::*;

    fn screen() -> Screen {
        let start = Instant::now();
        let reading = |moves: u32, after: u64| {
            Reading::parse(&page(1000, moves, 10), start + Duration::from_secs(after)).unwrap()
        };
        let mut screen = Screen::new("http://here".into(), View::since_start(&reading(0, 0)));
        for (no, (old, new)) in [(0, 2), (2, 10), (10, 12)].into_iter().enumerate() {
            let at = no as u64 * 2;
            screen.take(Ok(View::between(&reading(old, at), &reading(new, at + 2))));
        }
        screen
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    fn press(screen: &mut Screen, code: KeyCode) -> Then {
        screen.press(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn top5_boxes_lines_and_curves_are_drawn() {
        let text = drawn(&screen(), 130, 40);
        for words in ["Kanvas 9.9.9 at http://here", " now ", "people", " messages in ", "join p99", "closes", "q end"]
        {
            assert!(text.contains(words), "{words}:\n{text}");
        }
        let line = text.lines().find(|line| line.contains("cursor:move")).unwrap();
        assert!(line.contains("▁█▁ 1.0/s"), "{line}");
    }

    #[test]
    fn top5_a_screen_of_any_size_shows_the_box_in_focus() {
        let mut screen = screen();
        for (width, height) in [(1, 1), (2, 2), (1, 40), (20, 5), (41, 3), (84, 12), (300, 4), (130, 40)] {
            drawn(&screen, width, height);
        }
        let boxes = screen.shown().len();
        for no in 0..boxes {
            let title = format!(" {} ", screen.shown()[no].title);
            assert!(drawn(&screen, 40, 8).contains(&title), "{title}\n{}", drawn(&screen, 40, 8));
            assert_eq!(press(&mut screen, KeyCode::Tab), Then::Stay);
        }
        assert_eq!(screen.focus, 0, "it goes round");
        assert!(drawn(&screen, 40, 6).contains(" 6 more "), "{}", drawn(&screen, 40, 6));
        for _ in 0..20 {
            press(&mut screen, KeyCode::Down);
        }
        let end = drawn(&screen, 40, 6);
        assert!(end.contains("waiting for threads") && !end.contains(" more "), "{end}");
    }

    #[test]
    fn top5_keys_explain_move_and_end() {
        let mut screen = screen();
        press(&mut screen, KeyCode::Char('?'));
        assert!(drawn(&screen, 80, 24).contains("the next box"));
        press(&mut screen, KeyCode::Char('?'));
        assert!(!drawn(&screen, 80, 24).contains("the next box"));
        press(&mut screen, KeyCode::Left);
        assert_eq!(screen.focus, screen.shown().len() - 1);
        assert_eq!(press(&mut screen, KeyCode::Char('x')), Then::Stay);
        assert_eq!(press(&mut screen, KeyCode::Char('q')), Then::End);
        assert_eq!(press(&mut screen, KeyCode::Char('c')), Then::Stay);
        assert_eq!(screen.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Then::End);
    }

    #[test]
    fn top5_without_a_newer_reading_the_last_is_shown_with_why() {
        let mut screen = screen();
        screen.take(Err("http://here cannot be reached".into()));
        let text = drawn(&screen, 130, 40);
        assert!(
            text.contains("http://here cannot be reached; the last reading is shown") && text.contains("people"),
            "{text}"
        );
        let again = screen.view.clone();
        screen.take(Ok(again));
        assert!(drawn(&screen, 130, 40).contains("q end"));
    }
}
