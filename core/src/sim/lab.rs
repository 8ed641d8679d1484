//! A world to look at: it can be steered while it runs, and be taken back to any moment of it.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::line::{Kind, Line};
use super::plan::{Failed, Plan};
use super::shrink::Shrink;
use super::view::View;
use super::weather::Weather;
use super::world::{Phase, World};
use crate::time::{Span, Time};

/// What a world is like, as one who watches it sets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Knobs {
    /// How many people there are, 1 to [`Knobs::MOST_PEOPLE`].
    pub people: u64,
    /// How many moves each makes in a second, 1 to 60.
    pub rate: u64,
    /// About how many images people keep on the canvas, at most 400.
    pub images: u64,
    /// One way over a link, in ms, at most 5,000.
    pub latency: u64,
    /// How much longer it may be, in ms, at most 5,000.
    pub jitter: u64,
    /// Until a store is answered, at most, in ms; 0 in the same turn; at most 10,000.
    pub storage: u64,
    /// What goes wrong.
    pub weather: Weather,
    /// Whether the first of the people does nothing but what is asked of them ([`Turn::Carry`] and the like).
    pub guided: bool,
    /// A mistake to make in the room on purpose.
    #[cfg(feature = "planted")]
    pub bug: Option<crate::Bug>,
    /// A mistake to make in the room on purpose, which this build cannot make.
    #[cfg(not(feature = "planted"))]
    #[serde(skip_serializing)]
    pub bug: NoBug,
}

/// What is read of a mistake where none can be made.
#[cfg(not(feature = "planted"))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoBug;

#[cfg(not(feature = "planted"))]
impl<'de> Deserialize<'de> for NoBug {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<NoBug, D::Error> {
        match <Option<String>>::deserialize(deserializer)? {
            None => Ok(NoBug),
            Some(bug) => Err(serde::de::Error::custom(alloc::format!(
                "its room makes the mistake {bug} on purpose, and this program cannot; the lab can"
            ))),
        }
    }
}

impl Knobs {
    /// The most people in one world.
    pub const MOST_PEOPLE: u64 = 200;

    /// The nearest that can be.
    fn bounded(mut self) -> Knobs {
        self.people = self.people.clamp(1, Knobs::MOST_PEOPLE);
        self.rate = self.rate.clamp(1, 60);
        self.images = self.images.min(400);
        (self.latency, self.jitter) = (self.latency.min(5000), self.jitter.min(5000));
        self.storage = self.storage.min(10_000);
        self
    }

    /// The plan of a world that goes on until it is told to stop.
    fn plan(&self) -> Plan {
        let mut plan = Plan { name: "lab", swap: 0, ..Plan::calm() };
        plan.config = crate::Config::default();
        plan.work = Span::from_secs(365 * 24 * 3600);
        self.set(&mut plan);
        plan
    }

    /// Changes a plan to what these say.
    fn set(&self, plan: &mut Plan) {
        plan.clients = self.people;
        plan.rate = Some(self.rate);
        plan.images = self.images;
        (plan.latency, plan.jitter) = (Span::from_millis(self.latency), Span::from_millis(self.jitter));
        plan.storage = Span::from_millis(self.storage);
        (plan.weather, plan.guided) = (self.weather, self.guided);
        #[cfg(feature = "planted")]
        {
            plan.config.bug = self.bug;
        }
    }
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs {
            people: 12,
            rate: 20,
            images: 24,
            latency: 40,
            jitter: 20,
            storage: 5,
            weather: Weather::default(),
            guided: false,
            bug: Default::default(),
        }
    }
}

/// What somebody does to a world from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Turn {
    /// The world becomes like this. The mistake that it began with stays.
    Knobs(Knobs),
    /// The server crashes.
    Crash,
    /// A person's connection breaks off.
    Cut(usize),
    /// A person's reader stalls.
    Stall(usize),
    /// The clock jumps ahead by so many ms.
    Jump(u64),
    /// The faults stop, everyone comes back, and all is compared.
    Calm,
    /// The first of the people points there.
    Point(i64, i64),
    /// The first of the people drags an image, with its corner there; at the end of the drag it is dropped.
    Carry {
        /// The image.
        image: String,
        /// The corner.
        x: i64,
        /// The corner.
        y: i64,
        /// Whether this is the end.
        drop: bool,
    },
    /// The first of the people adds an image around this place.
    Put(i64, i64),
    /// The first of the people removes an image.
    Remove(String),
    /// The first of the people says something.
    Say,
}

/// All that makes a world what it is: the same recipe gives the same world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Recipe {
    /// Its seed.
    pub seed: u64,
    /// What it is like at first.
    pub knobs: Knobs,
    /// What was done to it, each before the step of that number.
    pub turns: Vec<(u64, Turn)>,
    /// Who does nothing in which second of it, by their number. [`Recipe::WEATHER`] stands for what goes wrong.
    pub mute: BTreeSet<(u64, u64)>,
}

impl Recipe {
    /// In place of a person's number.
    pub const WEATHER: u64 = 1000;

    /// The world as it begins.
    pub fn begin(&self) -> World {
        let mut world = World::new(self.seed, self.knobs.clone().bounded().plan());
        world.mute = self.mute.clone();
        world
    }

    /// Does to the world what is to be done to it now, and lets one thing happen. `next` counts the turns.
    pub(super) fn step(&self, world: &mut World, next: &mut usize) -> Result<(), Failed> {
        while let Some((_, turn)) = self.turns.get(*next).filter(|(at, _)| *at <= world.steps()) {
            *next += 1;
            world.turn(turn)?;
        }
        world.step().map(drop)
    }

    /// How the world fails within this time, and when.
    pub(super) fn run(&self, within: Span) -> Option<(Failed, Span)> {
        let (mut world, mut next) = (self.begin(), 0);
        let begin = world.now();
        while world.now().since(begin) <= within && world.phase() != Phase::Done {
            if let Err(failed) = self.step(&mut world, &mut next) {
                return Some((failed, world.now().since(begin)));
            }
        }
        None
    }
}

/// Moments of a world that are kept to go back to.
const KEPT: usize = 32;
/// Lines that are kept.
const LINES: usize = 8000;
/// Steps that are taken again before a moment that one goes to, so that there are lines to read.
const LEAD: u64 = 2000;

/// A world, where it has come from, and how far it has come.
pub struct Lab {
    recipe: Recipe,
    world: World,
    /// Which of the turns come next.
    next_turn: usize,
    /// Earlier moments, with the steps until then.
    kept: BTreeMap<u64, World>,
    /// How far apart they are; zero if none are kept.
    apart: Span,
    /// The furthest moment that there was, and its time.
    reached: (u64, Time),
    /// Steps at which something broke, and when.
    faults: BTreeMap<u64, Time>,
    failed: Option<Failed>,
    lines: VecDeque<Line>,
}

impl Lab {
    /// The beginning of a world.
    pub fn new(recipe: Recipe) -> Lab {
        let mut lab = Lab::unwatched(recipe);
        lab.world.watch();
        lab.apart = Span::from_secs(1);
        lab.keep();
        lab
    }

    /// The beginning of a world that runs faster: there are few lines of it, and no moments to go back to.
    pub fn unwatched(recipe: Recipe) -> Lab {
        let world = recipe.begin();
        Lab {
            recipe,
            next_turn: 0,
            kept: BTreeMap::new(),
            apart: Span::ZERO,
            reached: (0, world.now()),
            faults: BTreeMap::new(),
            failed: None,
            lines: VecDeque::new(),
            world,
        }
    }

    /// What made this world what it is by now: what was done to it after this moment is not in it.
    pub fn recipe(&self) -> Recipe {
        let mut recipe = self.recipe.clone();
        recipe.turns.truncate(self.next_turn);
        recipe
    }

    /// The world at this moment.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What there is to see at this moment, with the screens of these people.
    pub fn view(&mut self, screens: &[usize]) -> View<'_> {
        self.world.view(screens)
    }

    /// What someone sees otherwise than storage has it: the image's id, what they see, what is stored.
    pub fn differences(&mut self, who: usize) -> Vec<(String, Option<Value>, Option<Value>)> {
        self.world.differences(who)
    }

    /// Whether nothing happens any more: the world is done, or a rule does not hold.
    pub fn is_over(&self) -> bool {
        self.failed.is_some() || self.world.phase() == Phase::Done
    }

    /// Begins to make this world small.
    ///
    /// # Errors
    /// It has not failed.
    pub fn shrink(&self) -> Result<Shrink, &'static str> {
        let lasts = self.world.now().since(self.recipe.begin().now());
        match self.failed {
            Some(_) => Shrink::new(self.recipe(), lasts + Span::from_secs(1)),
            None => Err("no rule is broken at this moment"),
        }
    }

    /// The furthest that this world has come: steps and time.
    pub fn reached(&self) -> (u64, Time) {
        self.reached
    }

    /// The rule that did not hold, if the world is at the moment at which it was broken.
    pub fn failed(&self) -> Option<&Failed> {
        self.failed.as_ref()
    }

    /// What happened last, up to this moment.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    /// The moments at which something broke, as far as the world has come: steps and time.
    pub fn faults(&self) -> impl Iterator<Item = (u64, Time)> {
        self.faults.iter().map(|(step, at)| (*step, *at))
    }

    /// Does something to the world. What lay ahead of this moment is gone: it goes on from here.
    pub fn turn(&mut self, turn: Turn) {
        if self.failed.is_some() {
            return;
        }
        let step = self.world.steps();
        self.recipe.turns.truncate(self.next_turn);
        self.recipe.turns.push((step, turn));
        self.reached = (step, self.world.now());
        self.faults.retain(|at, _| *at <= step);
        self.kept.retain(|at, _| *at <= step);
    }

    /// Lets the world go on until this time, or until a rule does not hold; at most so many steps. Whether it came there.
    pub fn run_until(&mut self, time: Time, most: u64) -> bool {
        for _ in 0..most {
            if self.world.now() >= time || !self.step() {
                return true;
            }
        }
        self.world.now() >= time
    }

    /// Lets one thing happen. `false` if nothing happens any more.
    pub fn step(&mut self) -> bool {
        if self.is_over() {
            return false;
        }
        let last = self.kept.last_key_value();
        if self.apart > Span::ZERO && last.is_none_or(|(_, kept)| self.world.now().since(kept.now()) >= self.apart) {
            self.keep();
        }
        self.failed = self.recipe.step(&mut self.world, &mut self.next_turn).err();
        for line in self.world.take_lines() {
            if line.kind == Kind::Fault {
                self.faults.insert(line.step, line.at);
            }
            if self.lines.len() >= LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line);
        }
        self.reached = self.reached.max((self.world.steps(), self.world.now()));
        true
    }

    /// Goes to the moment after this many steps, back or ahead.
    pub fn go_to(&mut self, step: u64) {
        let from = self.kept.range(..=step.saturating_sub(LEAD)).next_back().or_else(|| self.kept.first_key_value());
        if let Some((at, kept)) = from.filter(|(at, _)| self.world.steps() > step || **at > self.world.steps()) {
            (self.world, self.failed) = (kept.clone(), None);
            self.next_turn = self.recipe.turns.partition_point(|(turn, _)| turn < at);
            self.lines.clear();
        }
        while self.world.steps() < step && self.step() {}
    }

    /// Goes back to a moment at this time or not long before it, from where one can go on.
    pub fn go_back_to(&mut self, time: Time) {
        let before = self.kept.iter().take_while(|(_, kept)| kept.now() <= time).last();
        let step = before.or_else(|| self.kept.first_key_value()).map_or(0, |(step, _)| *step);
        if time < self.world.now() {
            self.go_to(step);
        }
    }

    /// Goes to the next moment at which something breaks; at most this far ahead. Whether there was one.
    pub fn go_to_fault(&mut self, most: Span) -> bool {
        let (step, end) = (self.world.steps(), self.world.now() + most);
        if let Some((next, _)) = self.faults.range(step + 1..).next() {
            self.go_to(*next);
            return true;
        }
        while self.world.now() < end && self.step() {
            if self.faults.range(step + 1..).next().is_some() {
                return true;
            }
        }
        self.failed.is_some()
    }

    /// Keeps this moment. When there are too many, every other one goes.
    fn keep(&mut self) {
        self.kept.insert(self.world.steps(), self.world.clone());
        if self.kept.len() > KEPT {
            self.apart = self.apart + self.apart;
            let mut odd = false;
            self.kept.retain(|_, _| {
                odd = !odd;
                odd
            });
        }
    }
}

impl World {
    /// Something is done to it from outside.
    fn turn(&mut self, turn: &Turn) -> Result<(), Failed> {
        self.try_turn(turn).map_err(|why| self.failure(why))
    }

    fn try_turn(&mut self, turn: &Turn) -> Result<(), String> {
        match turn {
            Turn::Knobs(knobs) => {
                #[cfg(feature = "planted")]
                let bug = self.plan.config.bug;
                knobs.clone().bounded().set(&mut self.plan);
                #[cfg(feature = "planted")]
                {
                    self.plan.config.bug = bug;
                }
                self.populate();
                Ok(())
            }
            Turn::Crash => self.crash(),
            Turn::Cut(who) => {
                if let Some(conn) = self.clients.get(*who).and_then(|client| client.conn) {
                    self.cut(conn, 0);
                }
                Ok(())
            }
            Turn::Stall(who) => {
                if let Some(conn) = self.clients.get(*who).and_then(|client| client.conn) {
                    self.stall(conn);
                }
                Ok(())
            }
            Turn::Jump(ms) => {
                self.jump(Span::from_millis((*ms).min(600_000)));
                Ok(())
            }
            Turn::Calm => self.calm_down(),
            Turn::Point(..) | Turn::Carry { .. } | Turn::Put(..) | Turn::Remove(_) | Turn::Say => {
                self.guide(turn);
                Ok(())
            }
        }
    }

    /// The first of the people does what they are asked to, if they are in the room.
    fn guide(&mut self, turn: &Turn) {
        let Some(person) = self.clients.first_mut().filter(|person| person.is_in()) else { return };
        let words = match turn {
            Turn::Point(x, y) => Vec::from([super::painter::point_at((*x, *y))]),
            Turn::Carry { image, x, y, drop } => person.carry(image.clone(), (*x, *y), *drop),
            Turn::Put(x, y) => person.put((*x, *y)),
            Turn::Remove(image) => person.put_away(image),
            Turn::Say => person.say_something(),
            Turn::Knobs(_) | Turn::Crash | Turn::Cut(_) | Turn::Stall(_) | Turn::Jump(_) | Turn::Calm => return,
        };
        self.say(0, words);
    }
}
